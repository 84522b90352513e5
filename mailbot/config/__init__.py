"""TOML -> Config: every problem in one message, with its line and a hint."""

from mailbot.config.configuration import Config, Robot
from mailbot.config.loading import load
from mailbot.config.problems import ConfigurationError

__all__ = ["Config", "ConfigurationError", "Robot", "load"]
