"""Answers to a probe in the shapes of real mail programs and servers, through the real robot: who counts, who not."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.header import Header
from pathlib import Path

import pytest

from mailbot.core.decision import Folder
from mailbot.core.postings import Report
from mailbot.core.records import Assurance
from mailbot.core.rounds.records import Copy, Probe, ProbeStage, Round, Standing
from mailbot.playground.composing import Form, Subjects
from mailbot.playground.reading import ReadMail
from tests.stories.ping_desk import KEYLESS, NIGHT_DESK, Desk, ping_desk, to_robot
from tests.stories.world import Cast


@pytest.fixture(scope="module")
def shared(cast: Cast) -> Iterator[Desk]:
    place = tempfile.TemporaryDirectory(prefix="mb", dir="/tmp", ignore_cleanup_errors=True)
    with place as folder, ping_desk(Path(folder), cast) as desk:
        yield desk


@pytest.fixture
def desk(shared: Desk) -> Desk:
    shared.later(days=1)
    return shared


def pressed(desk: Desk, login: str, mail: ReadMail, **how: object) -> Folder:
    """Reply and Send, seven minutes later."""
    desk.later(minutes=7)
    return desk.receive(desk.people[login].press_reply(mail, "", **how))  # type: ignore[arg-type]


def facts(probe: Probe) -> tuple[Standing, Assurance | None, bool, bool]:
    answer = probe.answer
    return (
        probe.standing,
        answer.assurance if answer else None,
        bool(answer and answer.encrypted),
        bool(answer and answer.challenge_quoted),
    )


UNCONFIRMED = (Standing.UNCONFIRMED, Assurance.ADDRESS, False, False)
SILENT = (Standing.SILENT, None, False, False)

# ---------------------------------------------------------------- people with OpenPGP


@pytest.mark.parametrize(
    ("form", "subjects", "prefix"),
    [
        (Form.COMBINED, Subjects.THUNDERBIRD, "Re: "),
        (Form.ENCAPSULATED, Subjects.OUTSIDE, "AW: "),  # Apple Mail, mutt
        (Form.COMBINED, Subjects.RFC9788, "Antw: TR: "),
        (Form.INLINE, Subjects.OUTSIDE, "SV: [EXTERNAL] "),  # webmail plug-ins
    ],
)
def test_signed_encrypted_and_quoting_the_challenge(desk: Desk, form: Form, subjects: Subjects, prefix: str) -> None:
    round_ = desk.ping()
    mail, _, _ = desk.seen("fr")
    assert mail.signature.is_by(desk.robot.config.robot.fingerprint)
    assert pressed(desk, "fr", mail, form=form, subjects=subjects, prefix=prefix) is Folder.DONE
    probe = desk.probe(round_)
    assert facts(probe) == (Standing.REACHED, Assurance.SIGNED, True, True)
    assert probe.took == timedelta(minutes=7)
    assert probe.answer and probe.answer.sender == "desk@fr.example"
    thanks, _, _ = desk.seen("fr")
    assert "Votre réponse au test compte : signée, chiffrée, mot du test cité".replace(" :", "\xa0:") in " ".join(
        thanks.cover.split("\n")
    )


def test_signed_and_not_encrypted(desk: Desk) -> None:
    round_ = desk.ping()
    pressed(desk, "fr", desk.seen("fr")[0], form=Form.SIGNED, quoting=False)
    assert facts(desk.probe(round_)) == (Standing.REACHED, Assurance.SIGNED, False, False)


def test_encrypted_and_not_signed_but_quoting_the_challenge(desk: Desk) -> None:
    round_ = desk.ping()
    pressed(desk, "fr", desk.seen("fr")[0], form=Form.ENCRYPTED)
    assert facts(desk.probe(round_)) == (Standing.REACHED, Assurance.ADDRESS, True, True)


def test_encrypted_and_neither_signed_nor_quoting_anything(desk: Desk) -> None:
    round_ = desk.ping()
    pressed(desk, "fr", desk.seen("fr")[0], form=Form.ENCRYPTED, quoting=False)
    assert facts(desk.probe(round_)) == (Standing.UNCONFIRMED, Assurance.ADDRESS, True, False)


def test_another_mail_that_the_desk_signed_under_the_subject_of_our_probe(desk: Desk) -> None:
    round_ = desk.ping()
    subject = f"[PING#{desk.probe(round_).token}]"
    other = desk.people["fr"].write(subject, "Where is he?\n", form=Form.ENCAPSULATED, subjects=Subjects.OUTSIDE)
    desk.receive(other)
    assert facts(desk.probe(round_)) == (Standing.UNCONFIRMED, Assurance.ADDRESS, True, False)


# ---------------------------------------------------------------- people without

OUTLOOK = """
OK

________________________________
From: Network hub <network@hub.example>
Sent: Tuesday, November 24, 2026 2:00 AM
To: desk
Subject: {subject}
"""


@pytest.mark.parametrize("prefix", ["RE: ", "AW: ", "[EXTERNAL] RE: ", "Réf\u00a0: "])
def test_plain_from_the_registered_address(desk: Desk, prefix: str) -> None:
    round_ = desk.ping()
    subject = prefix + f"[PING#{desk.probe(round_).token}]"
    encoded = Header(subject, "utf-8" if not subject.isascii() else "us-ascii").encode()
    desk.receive(to_robot("Bureau <desk@fr.example>", encoded, OUTLOOK.format(subject=subject)))
    assert facts(desk.probe(round_)) == UNCONFIRMED
    assert [mail for mail in desk.sent() if mail.letter == "probe-receipt"] == []


def test_plain_from_another_address_with_the_token(desk: Desk) -> None:
    round_ = desk.ping()
    desk.receive(to_robot("officer@gmail.example", f"Re: [PING#{desk.probe(round_).token}]", "OK"))
    assert facts(desk.probe(round_)) == (Standing.UNCONFIRMED, Assurance.TOKEN, False, False)


def test_plain_from_a_party_that_has_no_key(desk: Desk) -> None:
    round_ = desk.ping("[PING PT]")
    (mail,) = desk.sent()
    assert b"Ping:       " + desk.probe(round_, "PT").token.encode() in mail.octets
    desk.receive(to_robot(KEYLESS, f"Re: [PING#{desk.probe(round_, 'PT').token}] Ping test", "OK"))
    assert facts(desk.probe(round_, "PT"))[:2] == (Standing.REACHED, Assurance.ADDRESS)


def test_the_wrong_partys_token(desk: Desk) -> None:
    round_ = desk.ping("[PING FR,DE]")
    desk.sent()
    token = desk.probe(round_).token
    desk.receive(desk.people["de"].write(f"Re: [PING#{token}]", "OK"))
    assert "There is no such ping test" in desk.seen("de")[0].cover
    assert desk.receive(to_robot("desk@de.example", f"Re: [PING#{token}]", "OK")) is Folder.HELD
    assert facts(desk.probe(round_)) == facts(desk.probe(round_, "DE")) == SILENT


# ---------------------------------------------------------------- which probe


@pytest.mark.parametrize(
    "subject",
    ["Re: [PING#{token}", "Re: [ping # {token} ] ok", "RE: [PING#{small}]", "Re: x {token}", "[SPAM?] [PING#{token}]"],
)
def test_the_tag_edited_or_cut(desk: Desk, subject: str) -> None:
    round_ = desk.ping()
    token = desk.probe(round_).token
    edited = subject.format(token=token, small=token.lower().replace("0", "o").replace("1", "l").replace("-", " "))
    desk.receive(to_robot("desk@fr.example", edited, "OK"))
    assert facts(desk.probe(round_)) == UNCONFIRMED


@pytest.mark.parametrize("by", ["thread", "references", "quoted text", "reply address"])
def test_the_tag_lost(desk: Desk, by: str) -> None:
    round_ = desk.ping()
    _, raw, path = desk.seen("fr")
    fields = {"thread": f"In-Reply-To: {raw['Message-ID']}", "references": f"References: <a@b> {raw['Message-ID']}"}
    text = f"> Test :         {desk.probe(round_).token}" if by == "quoted text" else "OK"
    more = [fields[by]] if by in fields else []
    to = path if by == "reply address" else "network@hub.example"
    desk.receive(to_robot("desk@fr.example", "Re:", text, *more, to=to))
    assert desk.probe(round_).standing is Standing.UNCONFIRMED


# ---------------------------------------------------------------- automatic replies

ABSENCES = {
    "en": ("Automatic reply: ", "I am out of the office and will return on Tuesday, 1 December 2026."),
    "fr": ("Réponse automatique : ", "Je suis absent et serai de retour le mardi 1er décembre 2026."),
    "de": ("Automatische Antwort: ", "Ich bin ab dem 1. Dezember wieder erreichbar."),
    "es": ("Respuesta automática: ", "Estoy de vacaciones. Volveré el 1 de diciembre de 2026."),
    "it": ("Risposta automatica: ", "Sono in ferie, rientro il 1 dicembre 2026."),
    "pl": ("Odpowiedź automatyczna: ", "Jestem nieobecny. Wracam 1 grudnia 2026."),
}
MACHINES = {
    "RFC 3834": ("Auto-Submitted: auto-replied",),
    "Exchange": ("X-Auto-Response-Suppress: All", "Auto-Submitted: auto-generated"),
    "old ones": ("X-Autoreply: yes", "Precedence: junk"),
    "none": (),
}


def away(desk: Desk, probe: Probe, language: str, *fields: str, path: str = "") -> None:
    """A vacation program answers; the better ones to the return path, as RFC 3834 §4 asks."""
    prefix, text = ABSENCES[language]
    subject = Header(f"{prefix}[PING#{probe.token}] Ping test", "utf-8").encode()
    desk.receive(to_robot("desk@fr.example", subject, text, *fields, to=path or "network@hub.example"))


@pytest.mark.parametrize("language", ABSENCES)
@pytest.mark.parametrize("machine", MACHINES)
def test_an_automatic_reply_is_nobody_and_tells_when_somebody_is_back(desk: Desk, language: str, machine: str) -> None:
    round_ = desk.ping()
    away(desk, desk.probe(round_), language, *MACHINES[machine])
    probe = desk.probe(round_)
    assert (facts(probe), probe.returns_on) == (SILENT, "2026-12-01")
    assert probe.automatic_at == desk.at


def test_an_automatic_reply_to_the_return_path_alone(desk: Desk) -> None:
    round_ = desk.ping()
    path = desk.seen("fr")[2]
    away(desk, replace(desk.probe(round_), token="0000-0000-0000"), "fr", *MACHINES["RFC 3834"], path=path)
    assert desk.probe(round_).automatic_at


def test_after_the_automatic_reply_a_person(desk: Desk) -> None:
    round_ = desk.ping()
    mail = desk.seen("fr")[0]
    away(desk, desk.probe(round_), "fr", *MACHINES["Exchange"])
    pressed(desk, "fr", mail)
    assert facts(desk.probe(round_)) == (Standing.REACHED, Assurance.SIGNED, True, True)


# ---------------------------------------------------------------- receipts and delivery reports

MDN = """From: Bureau <desk@fr.example>
To: {path}
Subject: Lu : {subject}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary="b"

--b
Content-Type: text/plain

Votre message a ete lu.
--b
Content-Type: message/disposition-notification

Reporting-UA: desk.example; Outlook
Final-Recipient: rfc822;desk@fr.example
Original-Message-ID: {message_id}
Disposition: manual-action/MDN-sent-manually; displayed
--b--
"""
DSN = """From: MAILER-DAEMON@mx.fr.example
To: {path}
Return-Path: <>
Auto-Submitted: auto-replied
Subject: Delivery status
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

About your mail.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.fr.example

Final-Recipient: rfc822; desk@fr.example
Action: {action}
Status: {status}
--b
Content-Type: text/rfc822-headers

Message-ID: {message_id}
Subject: {subject}
--b--
"""


def report(desk: Desk, form: str, login: str = "fr", *, path: str | None = None, **more: str) -> None:
    _, raw, real = desk.seen(login)
    given = {"path": path or real, "message_id": raw["Message-ID"], "subject": raw["Subject"], **more}
    desk.receive(form.format(**given).encode())


def test_a_read_receipt_is_noted_and_is_nobody(desk: Desk) -> None:
    round_ = desk.ping()
    report(desk, MDN, path="network@hub.example")
    probe = desk.probe(round_)
    assert (facts(probe), probe.opened_at) == (SILENT, desk.at)


def test_a_delay_is_known_and_calls_nobody(desk: Desk) -> None:
    round_ = desk.ping()
    report(desk, DSN, action="delayed", status="4.4.1")
    assert desk.advance(round_) == 0
    (posting,) = desk.robot.outbox.postings(round_.label)
    assert (posting.reported, posting.reported_status) == (Report.DELAYED, "4.4.1")
    assert facts(desk.probe(round_)) == SILENT


def test_a_failure_calls_the_backups_at_once_and_one_of_them_answers(desk: Desk) -> None:
    round_ = desk.ping("[PING DE]")
    report(desk, DSN, "de", action="failed", status="5.1.1")
    assert desk.advance(round_) == 1
    probe = desk.probe(round_, "DE")
    assert (probe.stage, probe.failure) == (ProbeStage.UNDELIVERABLE, "5.1.1")
    (copy,) = desk.sent()
    assert (copy.recipient, copy.letter) == (NIGHT_DESK, "probe-backup")
    officer = replace(desk.people["de"], address=NIGHT_DESK)
    desk.receive(officer.press_reply(officer.read(copy.octets), ""))
    probe = desk.probe(round_, "DE")
    assert facts(probe) == (Standing.REACHED, Assurance.SIGNED, True, True)
    assert probe.answer and (probe.answer.copy, probe.answer.sender) == (Copy.BACKUP, NIGHT_DESK)


def test_a_failure_that_does_not_come_to_its_return_path_changes_nothing(desk: Desk) -> None:
    """trust.md 16."""
    round_ = desk.ping("[PING DE]")
    report(desk, DSN, "de", path="network@hub.example", action="failed", status="5.1.1")
    assert desk.advance(round_) == 0
    assert facts(desk.probe(round_, "DE")) == SILENT


# ---------------------------------------------------------------- when


def closed(desk: Desk, round_: Round) -> Round:
    """The round, after its deadline and its result."""
    desk.later(hours=4)
    desk.advance(round_)
    return desk.round(round_.number)


def test_a_late_answer(desk: Desk) -> None:
    round_ = desk.ping()
    mail = desk.seen("fr")[0]
    desk.later(hours=4)
    pressed(desk, "fr", mail)
    assert desk.probe(round_).standing is Standing.LATE
    assert "en retard" in desk.seen("fr")[0].cover


def test_a_second_answer_changes_nothing(desk: Desk) -> None:
    round_ = desk.ping()
    mail = desk.seen("fr")[0]
    pressed(desk, "fr", mail)
    first = desk.probe(round_)
    desk.sent()
    pressed(desk, "fr", mail)
    assert desk.probe(round_) == first
    assert desk.sent() == []


def test_a_surer_answer_upgrades(desk: Desk) -> None:
    round_ = desk.ping()
    mail = desk.seen("fr")[0]
    pressed(desk, "fr", mail, form=Form.PLAIN, quoting=False)
    assert facts(desk.probe(round_)) == UNCONFIRMED
    pressed(desk, "fr", mail)
    assert facts(desk.probe(round_)) == (Standing.REACHED, Assurance.SIGNED, True, True)
    assert desk.probe(round_).took == timedelta(minutes=14)


def test_an_answer_after_the_round_was_closed_is_kept_as_late(desk: Desk) -> None:
    round_ = desk.ping()
    mail = desk.seen("fr")[0]
    over = closed(desk, round_)
    assert over.closed_at and over.probes[0].standing is Standing.SILENT
    pressed(desk, "fr", mail)
    assert desk.probe(round_).standing is Standing.LATE
    assert desk.round(round_.number).closed_at == over.closed_at
