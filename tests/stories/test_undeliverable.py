"""A desk that cannot be reached: Postfix's own bounce comes back, the asker is told, the backup gets the request.

And what anybody can write: reports that prove nothing, which change nothing.
"""

import smtplib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest

from mailbot.config import load
from mailbot.wiring import Robot
from tests.servers.postfix import UNDELIVERABLE
from tests.stories.world import ADDRESS, World

DESK = f"desk@{UNDELIVERABLE}"
TEXT = "Wer hat ihn gesehen?\n"


@pytest.fixture
def world(world: World) -> World:
    """Italy's desk is an address that bounces; its person reads the backup's mailbox."""
    desk = '[[parties.desks]]\naddress = "desk@it.example"\n'
    written = world.config.read_text("utf-8")
    assert desk in written
    backup = f'[[parties.desks]]\naddress = "{DESK}"\n[[parties.backups]]\naddress = "desk@it.example"\n'
    world.config.write_text(written.replace(desk, backup), "utf-8")
    return world


def ask(world: World, tag: str) -> Mapping[str, Any]:
    """FR asks; the exchange as it stands when its mails are sent."""
    world.post("fr", world.people["fr"].write(tag, TEXT))
    world.once()
    return show(world)


def show(world: World) -> Mapping[str, Any]:
    [exchange] = world.ask("exchanges", "list")
    shown: Mapping[str, Any] = world.ask("exchanges", "show", exchange["reference"])
    return shown


def stages(exchange: Mapping[str, Any]) -> dict[str, str]:
    return {part["party"]: part["stage"] for part in exchange["parts"]}


def standings(exchange: Mapping[str, Any], letter: str = "request") -> dict[str, str]:
    return {mail["recipient"]: mail["standing"] for mail in exchange["mails"] if mail["letter"] == letter}


def reported(world: World, recipient: str, octets: bytes) -> None:
    """A report arrives from nobody, at this address, and the robot has its turn."""
    with smtplib.SMTP(world.postfix.host, world.postfix.port, "mx.example", timeout=30) as server:
        server.sendmail("", [recipient], octets)
    assert len(world.dovecot.wait(ADDRESS, 1)) == 1
    world.once()


def facts_of(world: World, event: str) -> dict[str, str]:
    """Of the one row of this event."""
    [row] = [row for row in world.journal() if row["event"] == event]
    facts: dict[str, str] = row["facts"]
    return facts


def events(world: World) -> list[str]:
    return [row["event"] for row in world.journal()]


def test_the_asker_is_told_and_the_backup_answers(world: World) -> None:
    people = world.people
    ask(world, "[DEMANDE DE,IT urgent]")
    [bounce] = world.dovecot.wait(ADDRESS, 1)
    assert message_from_bytes(bounce).get_content_type() == "multipart/report"
    world.once()

    receipt, told = world.mails("fr", 2)
    assert "Italie (IT)\xa0: transmis" in receipt.cover
    assert "Le robot N'A PAS PU REMETTRE votre demande" in told.cover
    assert "Italie (IT)" in told.cover
    assert "adresse de secours" in told.cover
    assert UNDELIVERABLE not in told.cover and UNDELIVERABLE not in receipt.cover
    [request] = world.mails("it", 1)
    assert request.text == TEXT
    assert request.author_signature.is_by(people["fr"].key.fingerprint)

    shown = show(world)
    assert stages(shown) == {"DE": "passed on", "IT": "undeliverable"}
    assert standings(shown)[DESK] == "undeliverable"
    assert standings(shown)["desk@it.example"] == "sent"
    facts = facts_of(world, "reported undeliverable")
    assert (facts["attributed_by"], facts["believed"], facts["recipient"]) == ("return path", "yes", DESK)

    world.post("it", people["it"].press_reply(request, "A Roma.\n"))
    world.once()
    assert stages(show(world)) == {"DE": "passed on", "IT": "answered"}
    assert world.mails("fr", 3)[2].text.startswith("A Roma.")
    world.filed("Done", 3)
    assert "author told of a failure" not in events(world)
    world.look("journal", "verify")


QMAIL = """From: MAILER-DAEMON@mx.de.example
To: {path}
Subject: failure notice

Hi. This is the qmail-send program at mx.de.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<desk@de.example>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Message-ID: {message_id}
Subject: [REQUEST#2026-0001]
"""


def qmail(path: str, message_id: str) -> bytes:
    return QMAIL.format(path=path, message_id=message_id).replace("\n", "\r\n").encode()


def test_report_in_an_old_form_counts_at_its_return_path(world: World) -> None:
    ask(world, "[REQUEST DE]")
    seen = message_from_bytes(world.raw("de", 1)[0])
    path = seen["Return-Path"].strip("<>")
    reported(world, path, qmail(path, seen["Message-ID"]))
    assert stages(show(world)) == {"DE": "undeliverable"}
    assert "N'A PAS PU REMETTRE" in world.mails("fr", 2)[1].cover
    world.filed("Done", 2)


@pytest.mark.parametrize("guess", ["no return path", "another HMAC", "another mail's"])
def test_report_that_proves_nothing_changes_nothing(world: World, guess: str) -> None:
    """trust.md 16."""
    ask(world, "[REQUEST DE]")
    seen = message_from_bytes(world.raw("de", 1)[0])
    receipt = message_from_bytes(world.raw("fr", 1)[0])["Return-Path"].strip("<>")
    path = seen["Return-Path"].strip("<>")
    head, _, domain = path.rpartition("@")
    paths = {"no return path": ADDRESS, "another HMAC": f"{head[:-4]}aaaa@{domain}", "another mail's": receipt}
    before = show(world)
    reported(world, paths[guess], qmail(paths[guess], seen["Message-ID"]))
    after = show(world)
    assert stages(after) == {"DE": "passed on"}
    assert standings(after) == standings(before)
    assert len(world.raw("fr", 1)) == len(world.raw("de", 1)) == 1
    facts = facts_of(world, "reported undeliverable" if guess == "another mail's" else "noted")
    hint = {"no return path": "message id", "another HMAC": "return path", "another mail's": "return path"}[guess]
    assert facts["attributed_by"] == hint
    assert facts["believed"] == ("yes" if guess == "another mail's" else "no")
    world.filed("Done", 2)


def test_failing_report_about_a_notice_is_not_answered(world: World) -> None:
    """A bounce of the letter that told of a bounce would start a loop: notices go out from nobody."""
    ask(world, "[REQUEST IT]")
    world.dovecot.wait(ADDRESS, 1)
    world.once()
    told = message_from_bytes(world.raw("fr", 2)[1])
    assert told["Return-Path"] == "<>"
    reported(world, ADDRESS, qmail(ADDRESS, told["Message-ID"]))
    assert len(world.raw("fr", 2)) == 2


def later(world: World, hours: float) -> None:
    """The robot's turn, so many hours from now."""
    with Robot(load(world.config), now=lambda: datetime.now(UTC) + timedelta(hours=hours)) as robot:
        robot.once()


@contextmanager
def server_gone(world: World) -> Iterator[None]:
    """Nobody takes the robot's mail for the length of the block."""
    world.postfix.stop()
    try:
        yield
    finally:
        world.postfix.start()


def test_asker_hears_once_of_a_delay(world: World) -> None:
    world.post("fr", world.people["fr"].write("[DEMANDE DE urgent deadline=2d]", TEXT))
    world.dovecot.wait(ADDRESS, 1)
    with server_gone(world):
        later(world, 0)
        later(world, 3.9)
        assert "author told of a delay" not in events(world)
        later(world, 4.1)
        later(world, 4.2)
        assert events(world).count("author told of a delay") == 1
        assert {mail["standing"] for mail in show(world)["mails"]} == {"queued"}
    later(world, 8)
    told = [mail.cover for mail in world.mails("fr", 2) if "PAS ENCORE PU REMETTRE" in mail.cover]
    assert len(told) == 1 and "Allemagne (DE)" in told[0]
    assert world.mails("de", 1)[0].text == TEXT
    assert stages(show(world)) == {"DE": "passed on"}
