"""The mailbox is made to agree with what was decided about held mail, from whatever point the robot begins again."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from mailbot.core.decision import Decision, Folder
from mailbot.core.retention import Retention
from mailbot.playground.accounts import Store
from mailbot.playground.imap import ImapServer
from mailbot.store.archive import Archive
from mailbot.store.engine import open_store
from mailbot.store.memory import Memory
from mailbot.store.migrations import migrate
from mailbot.store.moves import Moves
from mailbot.wire.access import Credential, ImapAccess, Tls
from mailbot.wire.imap import Mailbox
from mailbot.workers.housekeeping import Housekeeper
from mailbot.workers.refiling import CLEARED_EVERY, Refiler
from tests.store.samples import digest, held_mail

NOW = datetime.now(UTC)  # servers date what arrives by their own clocks
KEPT_FOR = timedelta(days=90)
GIVEN_UP, LET_GO = (f"Subject: {word}\r\n\r\n{word}\r\n".encode() for word in ("given up", "let go"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Two mails were held; one was dropped, one released."""
    engine = open_store(f"sqlite:///{tmp_path}/db")
    migrate(engine)
    memory = Memory(engine)
    for octets in (GIVEN_UP, LET_GO):
        mail = held_mail(digest=sha256(octets), size=len(octets))
        memory.record(mail.digest, Decision(Folder.HELD, held=mail), [], NOW)
    decision = Decision(dropped=(sha256(GIVEN_UP),)).with_rejudged(sha256(LET_GO), Decision())
    memory.record(digest("command"), decision, [], NOW)
    yield engine
    engine.dispose()


@pytest.fixture
def store() -> Store:
    store = Store()
    store.add("robot", "secret", "hub@hub.example")
    return store


@pytest.fixture
def mailbox(store: Store) -> Iterator[Mailbox]:
    """Both mails, and a third, lie in its folder Held."""
    with ImapServer(store) as server:
        access = ImapAccess(
            host="127.0.0.1", port=server.port, tls=Tls.NONE, credential=Credential("robot", lambda: "secret")
        )
        for octets in (GIVEN_UP, b"Subject: other\r\n\r\n", LET_GO):
            store.deliver("robot", octets)
        with Mailbox(access) as mailbox:
            mailbox.file_away([(uid, Folder.HELD) for uid, _ in mailbox.fetch_new()])
            yield mailbox


def refiler(engine: Engine, now: datetime = NOW) -> Refiler:
    """Of a robot that has just begun."""
    return Refiler(Moves(engine), KEPT_FOR, lambda: now)


def sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def folders(store: Store) -> dict[str, list[bytes]]:
    return {name: [mail.octets for mail in store.mails("robot", name)] for name in ("Held", "Done", "Dropped")}


def test_each_goes_where_it_belongs_and_others_stay(engine: Engine, store: Store, mailbox: Mailbox) -> None:
    refiler(engine).move(mailbox)
    assert folders(store) == {"Held": [b"Subject: other\r\n\r\n"], "Done": [LET_GO], "Dropped": [GIVEN_UP]}
    assert Moves(engine).wanted() == ()


def test_what_was_moved_before_a_crash_is_found_done(engine: Engine, store: Store, mailbox: Mailbox) -> None:
    mailbox.refile(Folder.HELD, Folder.DROPPED, {sha256(GIVEN_UP): len(GIVEN_UP)})
    refiler(engine).move(mailbox)
    assert [len(mails) for mails in folders(store).values()] == [1, 1, 1]
    assert Moves(engine).wanted() == ()


def test_dropped_mail_is_deleted_in_time_and_never_by_a_clock_that_is_not_believed(
    engine: Engine, store: Store, mailbox: Mailbox
) -> None:
    def keeper(now: datetime) -> Housekeeper:
        return Housekeeper(Archive(engine), Retention(), refiler(engine, now))

    keeper(NOW).refile(mailbox, clock_believed=True)
    late = NOW + KEPT_FOR + timedelta(days=2)
    keeper(late).refile(mailbox, clock_believed=False)
    assert folders(store)["Dropped"] == [GIVEN_UP]
    keeper(late).refile(mailbox, clock_believed=True)
    assert folders(store) == {"Held": [b"Subject: other\r\n\r\n"], "Done": [LET_GO], "Dropped": []}


def test_the_folder_is_cleared_once_a_day_whichever_way_the_clock_jumps(
    engine: Engine, store: Store, mailbox: Mailbox
) -> None:
    now = NOW + 2 * KEPT_FOR
    one, cleared = Refiler(Moves(engine), KEPT_FOR, lambda: now), []
    for step in (timedelta(), CLEARED_EVERY / 2, CLEARED_EVERY, -3 * CLEARED_EVERY):
        now += step
        store.deliver("robot", b"Subject: dropped\r\n\r\n")
        mailbox.file_away([(uid, Folder.DROPPED) for uid, _ in mailbox.fetch_new()])
        one.clear(mailbox)
        cleared.append(not folders(store)["Dropped"])
    assert cleared == [True, False, True, True]
