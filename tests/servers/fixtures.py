"""The servers as pytest fixtures: each starts when the first test asks for it and ends with the session.

A session has one of each, so a test makes an account of its own (`dovecot.add`, `playground_store.add`) or a database
(`postgres_url`), or begins with a server that has forgotten (`bad_smtp`).
"""

import shutil
from collections.abc import Iterator

import pytest

from mailbot.playground.accounts import Store
from mailbot.playground.imap import ImapServer
from mailbot.playground.smtp import SmtpServer
from tests.servers.authority import Authority
from tests.servers.badsmtp import BadSmtp
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.postfix import Postfix
from tests.servers.postgres import Postgres
from tests.servers.programs import ordinary_user, short_folder


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    """Who certifies every server here."""
    folder = short_folder(ordinary_user())
    yield Authority(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def dovecot(authority: Authority) -> Iterator[Dovecot]:
    """The real IMAP server."""
    with Dovecot(authority) as server:
        yield server


@pytest.fixture(scope="session")
def postfix(dovecot: Dovecot) -> Iterator[Postfix]:
    """The real MTA, which delivers to Dovecot."""
    with Postfix(dovecot) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The real database server."""
    with Postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """An empty database."""
    return postgres.database()


@pytest.fixture(scope="session")
def playground_store() -> Store:
    """The accounts of the playground's servers."""
    return Store()


@pytest.fixture(scope="session")
def playground_imap(playground_store: Store, authority: Authority) -> Iterator[ImapServer]:
    """The playground's IMAP server, TLS from the start."""
    tls = authority.localhost.server_context()
    with ImapServer(playground_store, tls=tls, implicit_tls=True) as server:
        yield server


@pytest.fixture(scope="session")
def playground_smtp(playground_store: Store, authority: Authority) -> Iterator[SmtpServer]:
    """The playground's SMTP server, with STARTTLS."""
    with SmtpServer(playground_store, tls=authority.localhost.server_context()) as server:
        yield server


@pytest.fixture(scope="session")
def _bad_smtp(authority: Authority) -> Iterator[BadSmtp]:
    users = {"robot@mailbot.example": PASSWORD}
    with BadSmtp(tls=authority.localhost.server_context(), users=users) as server:
        yield server


@pytest.fixture
def bad_smtp(_bad_smtp: BadSmtp) -> BadSmtp:
    """The SMTP server that misbehaves, with STARTTLS; at first it behaves and remembers nothing."""
    _bad_smtp.drop_connections()
    _bad_smtp.forget()
    return _bad_smtp
