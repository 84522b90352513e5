"""load(): the file is read, its values are checked, then what must hold between them; all problems are told at once."""

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mailbot.config.building import build
from mailbot.config.configuration import Config
from mailbot.config.lines import locate
from mailbot.config.problems import ConfigurationError, Problem, from_pydantic, in_order
from mailbot.config.rules import broken_rules
from mailbot.config.sections import File
from mailbot.core.findings import Finding


def load(path: Path) -> Config:
    """The configuration in this file. Raises ConfigurationError with every problem that it has.

    No server is asked and no secret is read; that the files it names are there is for `check` to say.
    """
    text = _read(path)
    return build(path, _checked(path, _parsed(path, text), text))


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        hint = "copy config.example.toml, or name the file with --config"
        raise _single("missing-file", "there is no such file", hint, str(path)) from None
    except OSError as problem:
        hint = "look at its permissions, and at those of its folder"
        raise _single("unreadable-file", f"it cannot be read: {problem.strerror}", hint, str(path)) from None
    except UnicodeDecodeError as problem:
        line = problem.object.count(b"\n", 0, problem.start) + 1
        hint = "save it as UTF-8"
        raise _single("not-utf-8", "this is not UTF-8", hint, f"{path.name}:{line}") from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        # The message ends with the place.
        said = str(problem)
        found = re.search(r" \(at line (\d+), column \d+\)| \(at end of document\)", said)
        line = int(found[1]) if found and found[1] else text.rstrip().count("\n") + 1
        message = said[: found.start()] if found else said
        hint = "see toml.io for the form of such files; config.example.toml is a good one"
        raise _single("not-toml", f"this is not TOML: {message}", hint, f"{path.name}:{line}") from None


def _checked(path: Path, tree: dict[str, Any], text: str) -> File:
    lines = locate(text)
    problems: list[Problem] = []
    file: File | None = None
    try:
        file = File.model_validate(tree)
    except ValidationError as error:
        problems += from_pydantic(error, File)
    problems += broken_rules(tree, lines)
    if problems or file is None:
        found = in_order(problems, lines)
        raise ConfigurationError(problem.located(path.name, lines) for problem in found) from None
    return file


def _single(name: str, message: str, hint: str, place: str) -> ConfigurationError:
    return ConfigurationError([Finding(f"config.{name}", message, hint, place=place)])
