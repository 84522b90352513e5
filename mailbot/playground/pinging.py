"""The second act: a ping test of five desks, by a robot of its own, whose clock the play moves on.

One desk answers signed, one plainly, one is away, one cannot be reached, and one sleeps until its backup answers.
"""

import smtplib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from mailbot.config import load
from mailbot.core.rounds.records import Round, Standing
from mailbot.playground.composing import Form
from mailbot.playground.people import Person
from mailbot.playground.reading import Entity, ReadMail
from mailbot.playground.stage import Stage, beside
from mailbot.wiring import Robot

BACKUP: Final = "eu-night"
BACKUPS: Final = {"EU": "night@eu.example"}
EXPECTED: Final[Mapping[str, tuple[Standing, str]]] = {
    "FR": (Standing.REACHED, "desk"),
    "DE": (Standing.UNCONFIRMED, "desk"),
    "IT": (Standing.SILENT, ""),
    "ES": (Standing.UNDELIVERABLE, ""),
    "EU": (Standing.REACHED, "backup"),
}
"""What must come of it: the state of each party, and who answered."""

_AWAY: Final = "Sono in ferie, rientro il {day:%d.%m.%Y}.\n"
_REPORT: Final = """\
This is the mail system at es.example. Your message could not be delivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.es.example

Final-Recipient: rfc822; desk@es.example
Action: failed
Status: 5.2.1
--b--
"""


@dataclass(slots=True)
class Clock:
    """Runs as fast as the real one, and ahead of it as far as the play has moved it."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        """Now."""
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True, slots=True)
class Pinged:
    """What came of it: the round, and its result as the secretariat got it."""

    round: Round
    result: ReadMail
    entity: bytes = field(repr=False)  # what lay inside the encryption

    def amiss(self) -> list[str]:
        """Everything that is not as it must be."""
        found = {p.party: (p.standing, p.answer.copy.value if p.answer else "") for p in self.round.probes}
        wrong = [f"ping of {party}: {found.get(party)}" for party in EXPECTED if found.get(party) != EXPECTED[party]]
        complete = self.result.tag.tag is not None and self.page
        return wrong if complete else [*wrong, "the ping has no result"]

    @property
    def page(self) -> str:
        """The result as a page that is one file."""
        leaves = list(Entity(self.entity).leaves)
        page = next((leaf.payload.decode() for leaf in leaves if leaf.kind == "text/html"), "")
        for image in (leaf for leaf in leaves if leaf.kind == "image/png"):
            name = str(image.headers["Content-ID"]).strip("<>")
            page = page.replace(f"cid:{name}", f"data:image/png;base64,{b64encode(image.payload).decode()}")
        return page

    def write(self, folder: Path) -> None:
        """The result as a mail, for any mail program, and as a page, for any browser."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ping-result.eml").write_bytes(self.entity)
        (folder / "ping-result.html").write_text(self.page, "utf-8")


def play_ping(stage: Stage) -> Pinged:
    """The whole act, on servers of its own beside those of the stage."""
    night = replace(stage.people["eu"], login=BACKUP, address=BACKUPS["EU"])
    with beside(stage, "ping", BACKUPS, {BACKUP: night}) as own:
        clock = Clock()
        with Robot(load(own.config), now=clock) as robot:
            for _ in _acts(own, clock):
                robot.once()
            return _pinged(own, robot)


def _acts(stage: Stage, clock: Clock) -> Iterator[None]:
    """Whatever people and machines do; after each the robot has its turn."""
    secretary = stage.people["sec"]
    order = secretary.write("[PING ALL deadline=2h lang=en] Merci de répondre.", "")
    _post(stage, secretary, order, secretary.hub.control_address)
    yield
    clock.ahead = timedelta(minutes=4)
    _is_away(stage, "it")
    _cannot_be_reached(stage, "es")
    _answers(stage, "fr")
    yield
    clock.ahead = timedelta(minutes=11)
    _answers(stage, "de", Form.PLAIN)
    yield
    clock.ahead = timedelta(minutes=61)
    yield  # half of the time is over: reminders, and the backups are asked
    clock.ahead = timedelta(minutes=78)
    _answers(stage, BACKUP)
    yield
    clock.ahead = timedelta(minutes=121)
    yield


def _pinged(stage: Stage, robot: Robot) -> Pinged:
    [round_] = robot.memory.rounds.latest(1)
    octets = stage.mailbox("sec")[-1]
    unsealed = stage.people["sec"].key.unseal(Entity(octets).parts[1].payload)
    return Pinged(round_, stage.latest("sec"), unsealed.octets or b"")


# ---------------------------------------------------------------- who does what


def _answers(stage: Stage, login: str, form: Form = Form.COMBINED) -> None:
    """Reply, Send."""
    person = stage.people[login]
    quoting = form is not Form.PLAIN
    octets = person.press_reply(stage.latest(login), "", form=form, quoting=quoting)
    _post(stage, person, octets, person.hub.address)


def _is_away(stage: Stage, login: str) -> None:
    """A vacation program answers to the return path."""
    person, probe, path = stage.people[login], stage.latest(login), _return_path(stage, login)
    day = datetime.now(UTC) + timedelta(days=9)
    octets = _mail(
        person.address,
        path,
        f"=?utf-8?q?Risposta_automatica=3A?= {probe.outer_subject}",
        _AWAY.format(day=day),
        "Auto-Submitted: auto-replied",
        f"In-Reply-To: {probe.message_id}",
    )
    _post(stage, person, octets, path)


def _cannot_be_reached(stage: Stage, login: str) -> None:
    """A server further on took the mail, and reports that it could not deliver it."""
    path = _return_path(stage, login)
    kind = 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"'
    text = f"--b\nContent-Type: text/plain\n\n{_REPORT}"
    _post(stage, None, _mail("mailer-daemon@es.example", path, "Undelivered", text, kind), path)


def _return_path(stage: Stage, login: str) -> str:
    """The envelope sender of the latest mail, as its server noted it."""
    return str(Entity(stage.mailbox(login)[-1]).headers["Return-Path"]).strip("<>")


def _mail(sender: str, to: str, subject: str, text: str, *more: str) -> bytes:
    fields = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", f"Date: {format_datetime(datetime.now(UTC))}"]
    return "\r\n".join([*fields, "MIME-Version: 1.0", *more, "", *text.split("\n")]).encode()


def _post(stage: Stage, person: Person | None, octets: bytes, to: str) -> None:
    """Hand it to the server; from nobody if there is no person."""
    with smtplib.SMTP("127.0.0.1", stage.smtp.port, local_hostname="desk.example", timeout=30) as server:
        server.sendmail(person.address if person else "", [to], octets)
