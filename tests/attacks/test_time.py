"""Attacks that need time to pass, or a clock that lies: each has a network of its own."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from mailbot.core.records import PartStage, Reason
from mailbot.store.journal import Journal
from mailbot.store.schema import rfc3339
from tests.attacks.arena import Arena, begin
from tests.attacks.attack import attack
from tests.attacks.network import new_world, short_folder
from tests.keys import Person
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
from tests.stories.world import Cast

WORDS = "Where is he?"


@pytest.fixture
def arena(cast: Cast, spoilt: Mapping[str, Person], dovecot: Dovecot, postfix: Postfix) -> Iterator[Arena]:
    with short_folder() as folder:
        arena = begin(new_world(folder, cast, spoilt, "", dovecot, postfix))
        yield arena
        arena.close()


@attack("5", "held: a year later the signature is too old as well as used")
def test_a_mail_repeated_a_year_later(arena: Arena) -> None:
    octets = arena.person("fr").write("[REQUEST IT] x", WORDS)
    assert arena.play(octets).readers(WORDS) == {"it"}
    with arena.later(timedelta(days=365)):
        seen = arena.play(octets.replace(b"Message-ID: <", b"Message-ID: <again."))
    assert seen.readers(WORDS) == set()
    assert seen.reasons[0] in {Reason.STALE, Reason.REPLAYED}


@attack("18", "an alarm in the journal, no reminder, no deadline: time-based decisions stop until an operator says so")
@pytest.mark.parametrize("jump", [timedelta(days=-2), timedelta(days=40)], ids=["back", "ahead"])
def test_a_clock_that_jumps(jump: timedelta, arena: Arena) -> None:
    arena.play(arena.person("fr").write("[REQUEST IT urgent] x", WORDS))
    with arena.later(jump):
        seen = arena.play()
    assert "clock doubted" in seen.events
    assert not {"reminder sent", "part expired", "list of exchanges sent"} & set(seen.events)
    assert seen.got["it"] == seen.got["fr"] == []


@attack("20", "three at most: reminder, backup's call, and no more, however long nobody answers")
def test_a_request_that_nobody_answers(arena: Arena) -> None:
    arena.play(arena.person("fr").write("[REQUEST IT urgent] x", WORDS))
    reminders = 0
    for _ in range(12):
        arena.clock.ahead += timedelta(hours=1)
        seen = arena.play()
        reminders += sum("REMINDER" in mail.cover or "OVERDUE" in mail.cover for mail in seen.got["it"])
    assert 1 <= reminders <= 3


@attack("17", "the withheld request and answer stand in both desks' sealed lists of the next day, and only there")
def test_mail_that_a_server_holds_back(arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write("[REQUEST IT,DE] x", WORDS))
    [reference] = [row.reference for row in seen.rows if row.event == "exchange opened"]
    assert reference
    arena.play(arena.person("it").press_reply(seen.only("it"), "He is here.\n"))
    with arena.later(timedelta(days=1)):
        lists = arena.play()
    assert {"fr", "it", "de"} <= lists.reached
    assert not lists.got["es"]
    italy, germany, france = (lists.only(login) for login in ("it", "de", "fr"))
    assert "ASKED OF YOU" in italy.cover
    assert "you answered on" in italy.cover
    assert "ANSWER MISSING" in germany.cover
    assert "VOUS DEMANDEZ" in france.cover
    assert all(reference in mail.cover for mail in (italy, germany, france))
    assert "IT" not in germany.cover.replace("WITH", ""), "a target is told of itself alone"
    again = arena.play()
    assert again.reached == set(), "once a day"


@attack("16", "the bounce is believed and adds an alarm, but the answer that came all the same is what counts")
def test_a_true_bounce_of_a_mail_that_was_answered(arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write("[REQUEST IT] x", WORDS))
    request = seen.only("it")
    path = str(request.headers["Return-Path"]).strip("<>")
    arena.post(bounce(path, "desk@it.example"), sender="", to=path)
    arena.play()
    after = arena.play(arena.person("it").press_reply(request, "He is here.\n"))
    assert "fr" in after.readers("He is here")
    [exchange] = arena.robot.memory.latest_exchanges()
    assert exchange.parts[0].stage is PartStage.ANSWERED


@attack("16", "noted, nothing more: without the HMAC of that very mail a bounce is anybody's")
@pytest.mark.parametrize("path", ["none", "of another mail", "with a guessed proof"])
def test_a_forged_bounce(path: str, arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write("[REQUEST IT,DE] x", WORDS))
    genuine = str(seen.only("it").headers["Return-Path"]).strip("<>")
    others = str(seen.got["de"][0].headers["Return-Path"]).strip("<>")
    to = {"none": "network@hub.example", "of another mail": others}.get(path) or _guessed(genuine)
    quoted = seen.only("it").message_id
    arena.post(bounce(to, "desk@it.example", quoted), sender="", to=to)
    after = arena.play()
    assert not [mail for mail in after.got["fr"] if "(IT)" in mail.cover.replace("\xa0", " ")]
    [exchange] = arena.robot.memory.latest_exchanges()
    assert [part.stage for part in exchange.parts if part.party == "IT"] == [PartStage.PASSED_ON]


def _guessed(path: str) -> str:
    local, _, domain = path.rpartition("@")
    return f"{local[:-16]}{'a' * 16}@{domain}"


def bounce(to: str, recipient: str, message_id: str = "<unknown@hub.example>") -> bytes:
    """RFC 3464, as any server, or anybody, writes it."""
    return (
        f"From: MAILER-DAEMON@mx.it.example\r\nTo: {to}\r\nSubject: Undelivered\r\nAuto-Submitted: auto-replied\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nNo such user\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.it.example\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {message_id}\r\n\r\n--b--\r\n"
    ).encode()


@attack("19", "found: the row and hash in France's receipt are the witness, whoever rewrites the database")
@pytest.mark.parametrize("change", ["a row rewritten with its whole chain", "the end cut off"])
def test_a_journal_that_root_rewrites(change: str, arena: Arena) -> None:
    arena.play(arena.person("fr").write("[REQUEST IT] x", WORDS))
    seen = arena.play(arena.person("fr").write("[REQUEST IT] x", WORDS))
    lines = seen.only("fr").cover.split("\n")
    number, _, head = lines[lines.index("Journal\xa0:") + 1].partition(":")
    journal = Journal(arena.robot.engine)
    assert journal.verify((int(number), head)).findings == ()
    _rewrite(arena, int(number), cut=change == "the end cut off")
    assert journal.verify().findings == (), "the chain in itself is whole"
    assert journal.verify((int(number), head)).findings != ()


def _rewrite(arena: Arena, number: int, *, cut: bool) -> None:
    """What somebody with root and all of our source code can do."""
    with sqlite3.connect(arena.world.folder / "state" / "mailbot.sqlite") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        if cut:
            database.execute("DELETE FROM journal WHERE number >= ?", (number,))
            return
        rows = list(Journal(arena.robot.engine).rows())
        database.execute("DELETE FROM journal")
        previous = ""
        for row in rows:
            facts = json.dumps({"mail": "another"}) if row.number == 1 else row.facts
            changed = replace(row, facts=facts, previous=previous)
            previous = changed.chained()
            values = {**_fields(changed), "hash": previous, "at": _text(changed.at)}
            marks = ", ".join(f":{name}" for name in values)
            database.execute(f"INSERT INTO journal ({', '.join(values)}) VALUES ({marks})", values)


def _fields(row: object) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}  # type: ignore[attr-defined]


def _text(at: object) -> str:
    return rfc3339(at)  # type: ignore[arg-type]
