"""Digest and report on real servers: sealed to each reader, one a day, in his language, and never any content."""

import re
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from urllib.parse import unquote

import pytest

from mailbot.core.decision import Event
from mailbot.playground.composing import Form
from mailbot.playground.reading import Entity
from tests.stories.world import CONTROL, World

CANARY = "Kanarienvogel-4711"


@pytest.fixture(scope="module")
def watched(lasting_world: World) -> World:
    """FR has asked DE; an unsigned mail of ES is held; an operator is registered; the hour of the digest is past."""
    world, operator = lasting_world, lasting_world.people["ops"]
    keys = world.folder / "keys" / "OPERATORS"
    keys.mkdir()
    (keys / f"{operator.key.fingerprint}.asc").write_bytes(operator.key.certificate)
    text = world.config.read_text("utf-8").replace("daily = false", 'daily = true\nat = "00:00"')
    text += f'\n[[operators]]\nname = "Night watch"\naddress = "{operator.address}"\n'
    world.config.write_text(f'{text}certificates = ["{operator.key.fingerprint}"]\n', "utf-8")
    france, spain = world.people["fr"], world.people["es"]
    world.post("fr", france.write(f"[REQUEST DE urgent] {CANARY}", f"Where is he? {CANARY}\n"))
    world.post("es", spain.write("[INFO FR]", f"{CANARY}\n", form=Form.ENCRYPTED))
    world.once()
    return world


def inside(world: World, login: str, octets: bytes) -> EmailMessage:
    """What the reader's key opens, with all of its parts; the robot's signature is good."""
    unsealed = world.people[login].key.unseal(Entity(octets).parts[1].payload)
    assert unsealed.octets is not None
    assert unsealed.verdict.is_by(world.cast.robot.fingerprint)
    opened = message_from_bytes(unsealed.octets, policy=default)
    assert isinstance(opened, EmailMessage)
    return opened


def part(message: EmailMessage, kind: str) -> str:
    found = next(p for p in message.walk() if p.get_content_type() == kind)
    return str(found.get_content()).replace("\r\n", "\n")


def test_each_reader_gets_it_sealed_in_his_language(watched: World) -> None:
    for login, subject, first in (
        ("ops", "[DIGEST] 1 thing needs you: held mail", "1 THING NEEDS YOU"),
        ("sec", "[DIGEST] 1 chose à faire : courriels retenus", "1 CHOSE À FAIRE"),
    ):
        (octets,) = watched.raw(login, 1)
        assert message_from_bytes(octets)["Subject"] == "[DIGEST]"
        digest = inside(watched, login, octets)
        assert digest["Subject"].replace("\u00a0", " ") == subject
        text, page = part(digest, "text/plain"), part(digest, "text/html")
        assert text.startswith(first)
        assert "H-1" in text
        assert "H-1" in page
        assert CANARY not in digest.as_string() + text + page
        assert digest["From"].addresses[0].addr_spec == CONTROL


def test_there_is_one_a_day(watched: World) -> None:
    watched.once()
    assert len(watched.raw("ops", 1)) == 1
    assert [row["event"] for row in watched.journal()].count(Event.DIGEST_SENT) == 1


def test_it_witnesses_the_journal(watched: World) -> None:
    text = part(inside(watched, "ops", watched.raw("ops", 1)[0]), "text/plain")
    found = re.search(r"^(\d+):([0-9a-f]{64})$", text, re.MULTILINE)
    assert found is not None
    watched.ask("journal", "verify", "--anchor", found[0])  # which finds nothing wrong


def test_its_link_writes_the_command_that_releases(watched: World) -> None:
    page = part(inside(watched, "ops", watched.raw("ops", 1)[0]), "text/html")
    links = re.findall(r'href="mailto:([^?"]+)\?subject=([^&"]+)&amp;body=([^"]+)"', page)
    to, subject, body = next(link for link in links if "RELEASE" in link[2])
    operator = watched.people["ops"]
    draft = replace(operator.draft(unquote(subject), unquote(body)), to=to)
    watched.post("ops", operator.send_off(draft), to)
    watched.once()
    answer = watched.mails("ops", 2)[-1]
    assert "[RELEASE H-1]" in answer.cover
    assert "H-1" in answer.cover


def test_digest_and_report_on_demand_come_in_mails_of_their_own(watched: World) -> None:
    """One mail, two commands: the answer, the digest, and the report with its PDF and its table."""
    office = watched.people["sec"]
    before = len(watched.dovecot.mails(office.address))
    lines = "[BILAN]\n[RAPPORT 2026-01-01..2026-12-31 langue=en]\n"
    watched.post("sec", office.send_off(replace(office.draft("x", lines), to=CONTROL)), CONTROL)
    watched.once()
    octets = watched.raw("sec", before + 3)[before:]
    opened = {message_from_bytes(o)["Subject"]: inside(watched, "sec", o) for o in octets}
    assert set(opened) == {"[HELP]", "[DIGEST]", "[REPORT]"}
    report = opened["[REPORT]"]
    files = {str(p.get_filename())[-4:]: p.get_payload(decode=True) for p in report.walk() if p.get_filename()}
    assert set(files) == {".pdf", ".csv"}
    assert bytes(files[".pdf"])[:5] == b"%PDF-"
    events = [row["event"] for row in watched.journal()]
    assert Event.REPORT_SENT in events
    assert CANARY not in report.as_string()
