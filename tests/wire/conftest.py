"""Temporary."""

import tempfile
from pathlib import Path

import pytest

from tests.servers.authority import Authority
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix


@pytest.fixture(scope="session")
def authority():
    with tempfile.TemporaryDirectory() as d:
        Path(d).chmod(0o755)
        yield Authority(Path(d))


@pytest.fixture(scope="session")
def dovecot(authority):
    with Dovecot(authority) as d:
        yield d


@pytest.fixture(scope="session")
def postfix(dovecot):
    with Postfix(dovecot) as p:
        yield p
