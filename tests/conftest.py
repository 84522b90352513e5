"""What every test may ask for: the real servers.

A server that is not installed raises MissingServerError in its fixture, so its tests fail; none is ever skipped.
"""

import os

import pytest
from xdist.remote import Producer

from tests import sharing
from tests.servers.fixtures import (
    _bad_smtp,
    authority,
    bad_smtp,
    dovecot,
    playground_imap,
    playground_smtp,
    playground_store,
    postfix,
    postgres,
    postgres_url,
)
from tests.sharing import ByFile

__all__ = [
    "_bad_smtp",
    "authority",
    "bad_smtp",
    "dovecot",
    "playground_imap",
    "playground_smtp",
    "playground_store",
    "postfix",
    "postgres",
    "postgres_url",
]


def pytest_configure() -> None:
    """Processes that share the tests must all find them in the same order, those made from a set too."""
    os.environ.setdefault("PYTHONHASHSEED", "0")  # for the processes that are still to come


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """How processes share the tests out, if there are several."""
    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In the order that several processes take them in."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        sharing.in_order(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tables and figures."""
    sharing.show_all(terminalreporter)
