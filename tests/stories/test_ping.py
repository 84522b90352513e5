"""A ping on real servers: the secretariat mails one line; who presses Reply is counted; in the end comes the result."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest

from mailbot.config import load
from mailbot.playground.composing import Form
from mailbot.playground.reading import Entity, ReadMail
from mailbot.wiring import Robot
from tests.servers.postfix import UNDELIVERABLE
from tests.stories.world import CONTROL, World

DESK = f"desk@{UNDELIVERABLE}"
AWAY = """From: desk@es.example
To: {path}
Subject: Respuesta =?utf-8?q?autom=C3=A1tica?=: {subject}
Auto-Submitted: auto-replied
In-Reply-To: {message_id}
Date: Tue, 24 Nov 2026 02:05:00 +0000

Estoy de vacaciones. Volver\u00e9 el 1 de diciembre de 2026.
"""


def order(world: World, line: str, text: str = "") -> None:
    """The secretariat mails the control address, and the robot has its turn."""
    person = world.people["sec"]
    draft = person.draft(line, text)
    world.post("sec", person.send_off(draft), to=CONTROL)
    world.once()


def arrives(world: World, *logins: str, plain: tuple[str, ...] = ()) -> None:
    """These press Reply on their latest mail, and the robot has its turn."""
    for login in logins:
        mail = world.people[login].read(world.dovecot.mails(world.people[login].address)[-1])
        form = Form.PLAIN if login in plain else Form.COMBINED
        world.post(login, world.people[login].press_reply(mail, "", form=form, quoting=login not in plain))
    world.once()


def away(world: World, login: str) -> None:
    """A vacation program answers the latest mail of this person."""
    seen = message_from_bytes(world.dovecot.mails(world.people[login].address)[-1])
    path = seen["Return-Path"].strip("<>")
    text = AWAY.format(path=path, subject=seen["Subject"], message_id=seen["Message-ID"])
    world.post(login, text.replace("\n", "\r\n").encode(), to=path)


def later(world: World, hours: float) -> None:
    """The robot's turn, so many hours from now."""
    with Robot(load(world.config), now=lambda: datetime.now(UTC) + timedelta(hours=hours)) as robot:
        robot.once()


def latest(world: World, login: str) -> ReadMail:
    return world.people[login].read(world.dovecot.mails(world.people[login].address)[-1])


def states(world: World) -> dict[str, str]:
    return {party["party"]: party["state"] for party in world.ask("ping", "show")["parties"]}


@dataclass(frozen=True)
class Played:
    """What was seen on the way."""

    half: Mapping[str, str]
    over: Mapping[str, Any]
    answer: ReadMail
    result: Entity
    text: ReadMail


@pytest.fixture(scope="module")
def played(lasting_world: World) -> Played:
    """Germany's desk bounces and its person reads the backup's mailbox; France signs, Italy does not, Spain is away."""
    world = lasting_world
    desk = '[[parties.desks]]\naddress = "desk@de.example"\n'
    written = world.config.read_text("utf-8")
    assert desk in written
    backup = f'[[parties.desks]]\naddress = "{DESK}"\n[[parties.backups]]\naddress = "desk@de.example"\n'
    world.config.write_text(written.replace(desk, backup), "utf-8")
    world.once()
    order(world, "[PING ALL deadline=2h share] Please answer, all of you.")
    answer = latest(world, "sec")
    away(world, "es")
    arrives(world, "fr", "it", plain=("it",))  # and the bounce of Germany's desk comes in
    arrives(world, "de")
    half = states(world)
    later(world, 1.1)
    later(world, 2.1)
    octets = world.dovecot.mails(world.people["sec"].address)[-1]
    unsealed = world.people["sec"].key.unseal(Entity(octets).parts[1].payload)
    assert unsealed.octets
    return Played(half, world.ask("ping", "show"), answer, Entity(unsealed.octets), latest(world, "sec"))


def test_the_secretariat_is_answered_at_once(played: Played) -> None:
    cover = " ".join(played.answer.cover.split())
    assert "Le test P-1 est parti" in cover
    assert "4 membres sont sollicités" in cover


def test_every_desk_got_a_mail_of_its_own(played: Played, lasting_world: World) -> None:
    tags = set()
    for login, title in (("fr", "Test de joignabilité"), ("it", "Ping test"), ("es", "Ping test")):
        first = lasting_world.people[login].read(lasting_world.dovecot.mails(lasting_world.people[login].address)[0])
        assert first.tag.tag and title in first.subject
        assert "Please answer, all of you." in " ".join(first.cover.split())
        assert first.outer_subject == f"[PING#{first.tag.tag.token}]"
        tags.add(first.tag.tag.token)
    assert len(tags) == 3


def test_what_had_come_before_half_of_the_time(played: Played) -> None:
    assert played.half == {"DE": "reached", "ES": "silent", "FR": "reached", "IT": "unconfirmed"}


def test_in_the_end(played: Played) -> None:
    found = {party["party"]: party for party in played.over["parties"]}
    assert {party: each["state"] for party, each in found.items()} == dict(played.half)
    france = found["FR"]
    assert (france["assurance"], france["encrypted"], france["challenge_quoted"]) == ("signed", True, True)
    assert (found["DE"]["by"], found["DE"]["failure"], found["DE"]["why"]) == ("backup", "5.1.1", "address")
    lost = {mail["recipient"]: mail["about"] for mail in played.over["mails"] if mail["about"]}
    assert lost == {DESK: "address"}
    assert found["ES"]["returns_on"] == "2026-12-01"
    assert found["IT"]["reminded_at"] and found["ES"]["reminded_at"] and not found["FR"]["reminded_at"]
    assert (played.over["asked"], played.over["reached"], played.over["stage"]) == (4, 2, "closed")
    assert played.over["asked_by"] == "SEC"


def test_the_result_is_text_page_picture_and_file(played: Played) -> None:
    kinds = [leaf.kind for leaf in played.result.leaves]
    assert kinds == ["text/plain", "text/html", "image/png", "text/csv"]
    page = played.result.parts[0].parts[1].parts[0].payload.decode()
    image = next(leaf for leaf in played.result.leaves if leaf.kind == "image/png")
    assert f"cid:{image.headers['Content-ID'].strip('<>')}" in page
    assert image.payload.startswith(b"\x89PNG")
    assert len(image.payload) < 60_000
    [table] = [file for file in played.result.attachments if file.media_type == "text/csv"]
    assert table.name == "ping-P-1.csv" and len(table.octets.splitlines()) == 5


def test_the_text_says_as_much_as_the_page(played: Played) -> None:
    text = " ".join(played.result.text.split())
    assert "2 JOINTS SUR 4 (50 %)" in text
    for words in ("France (FR)", "Italie (IT)", "Espagne (ES)", "Allemagne (DE)", "par son suppléant", "de retour le"):
        assert words in text, words


def test_the_contact_points_got_it_too(played: Played, lasting_world: World) -> None:
    for login in ("fr", "it", "es"):
        shared = latest(lasting_world, login)
        assert "P-1" in shared.subject
        assert "desk@" not in shared.cover


def test_status_and_share_by_mail(played: Played, lasting_world: World) -> None:
    before = len(lasting_world.dovecot.mails(lasting_world.people["es"].address))
    order(lasting_world, "[STATUS PING]")
    subjects = [
        lasting_world.people["sec"].read(m).subject
        for m in lasting_world.dovecot.mails(lasting_world.people["sec"].address)[-2:]
    ]
    assert any("2 joints sur 4" in subject for subject in subjects)
    order(lasting_world, "[PARTAGER PING]")
    assert "P-1 est partagé" in latest(lasting_world, "sec").cover
    assert len(lasting_world.dovecot.wait(lasting_world.people["es"].address, before + 1)) == before + 1


def test_the_journal_tells_it(played: Played, lasting_world: World) -> None:
    events = [row["event"] for row in lasting_world.journal() if row["reference"] == "P-1"]
    for event in ("ping round started", "probe answered", "reported undeliverable", "part undeliverable"):
        assert event in events, event
    for event in ("reminder sent", "ping round closed", "ping result shared"):
        assert event in events, event
    lasting_world.look("journal", "verify")


def test_from_the_shell(played: Played, lasting_world: World) -> None:
    plan = lasting_world.ask("ping", "start", "FR,IT,XX", "--deadline", "30m", "--text", "Bonjour", "--dry-run")
    assert (plan["asked"], plan["unknown"], plan["round"]) == (["FR", "IT"], ["XX"], "P-2")
    assert [mail["recipient"] for mail in plan["mails"]] == ["desk@fr.example", "desk@it.example"]
    assert {text["language"]: "Bonjour" in text["text"] for text in plan["texts"]} == {"en": True, "fr": True}
    assert [each["round"] for each in lasting_world.ask("ping", "list")] == ["P-1"], "nothing was started"
    begun = lasting_world.ask("ping", "start", "FR", "--lang", "en", "--yes")
    assert begun["round"] == "P-2"
    shown = lasting_world.look("ping", "show", "P-1")
    assert any({"DE", DESK, "undeliverable", "address"} <= set(line.split("\t")) for line in shown.splitlines()), shown
    listed = lasting_world.ask("ping", "list")
    assert [(each["round"], each["stage"]) for each in listed] == [("P-2", "running"), ("P-1", "closed")]
    assert lasting_world.ask("ping", "statistics")["rounds"] == 2
