"""From letter to finished mails: opened again with the bare gpg command and read with Python's own parser."""

import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailbot.core.decision import Moment
from mailbot.core.mail import Automatic, Content, Envelope, Letter, OutgoingMail
from mailbot.core.parties import Address, Role
from mailbot.core.tags import Options, Tag, Urgency, Word
from mailbot.mail.gpg import Gpg
from mailbot.mail.limits import Limits
from mailbot.mail.mime import read_tree
from mailbot.mail.return_path import ReturnPath, Style
from mailbot.mail.samples import samples
from mailbot.mail.templates import LANGUAGES, LETTERS, Templates
from mailbot.mail.writing import Robot, Share, UnfitForSmtp, Unsealable, Writer, _check
from tests.keys import Person, run

NOW = datetime(2026, 11, 23, 3, 10, 7, 5, tzinfo=UTC)
MOMENT = Moment(NOW, "2026-0042", b"s" * 32)
TAG = Tag(Word.REQUEST, "2026-0042", None, "FR", ("DE", "IT"), (), Options(Urgency.URGENT))
SUBJECT = "Qui connaît CANARY-SUBJECT ?"
ENTITY = (
    b'Content-Type: text/plain; charset=utf-8; hp="cipher"\r\nSubject: [REQUEST DE,IT urgent] x\r\n\r\n'
    b"CANARY-BODY, trailing space \r\n=_\r\n.\r\n--dashes\r\nFrom me\r\n\tlast line without end"
)


@cache
def author() -> Person:
    return Person.named("Desk FR <desk@fr.example>")


@cache
def readers() -> dict[str, Person]:
    names = ("desk@de.example", "relay@de.example", "desk@it.example")
    return {name: Person.named(f"{name} <{name}>", robot().key, author().key) for name in names}


@cache
def robot() -> Person:
    return Person.named("Hub <network@hub.example>")


@cache
def writer() -> Writer:
    everybody = readers()
    robot().meet(*everybody.values())
    return Writer(
        robot=Robot("Réseau, hub", "network@hub.example", "control@hub.example", robot().fingerprint, "hub.example"),
        gpg=Gpg(robot().key.home, robot().fingerprint),
        templates=Templates(),
        return_path=ReturnPath(Style.PLUS, "network@hub.example", b"s" * 32),
    )


def mailbox(name: str) -> Address:
    return Address(name, Role.DESK, (readers()[name].fingerprint,))


def signed() -> Content:
    return Content(ENTITY, author().sign(ENTITY, "--digest-algo", "SHA512"), "pgp-sha512")


def letter(**changes: object) -> Letter:
    words = samples("en")["request"]["urgent"]
    boxes = tuple(map(mailbox, readers()))
    base = Letter("request", "en", boxes, TAG, words, SUBJECT, signed(), reference="2026-0042", urgent=True)
    return replace(base, **changes)  # type: ignore[arg-type]


def plain_letter(**changes: object) -> Letter:
    words = samples("en")["notice"]["always"]
    base = Letter("notice", "en", (mailbox("desk@de.example"),), Tag(Word.HELP), words, purpose="notice")
    return replace(base, **changes)  # type: ignore[arg-type]


def parse(octets: bytes) -> EmailMessage:
    message = message_from_bytes(octets, policy=SMTP)
    assert isinstance(message, EmailMessage)
    return message


def open_sealed(mail: OutgoingMail) -> bytes:
    """The entity inside, opened by the recipient with bare gpg, signed by the robot."""
    outer = parse(mail.octets)
    assert outer.get_content_type() == "multipart/encrypted"
    assert outer.get_param("protocol") == "application/pgp-encrypted"
    version, armour = outer.iter_parts()
    assert version.get_content_type() == "application/pgp-encrypted"
    assert version.get_content() == b"Version: 1\r\n"
    assert armour.get_content_type() == "application/octet-stream"
    opened = readers()[mail.recipient].decrypt(armour.get_content())
    assert opened.signers == (robot().fingerprint,)
    return opened.octets


def letters_of(mails: list[OutgoingMail]) -> Iterator[tuple[OutgoingMail, EmailMessage]]:
    for mail in mails:
        yield mail, parse(open_sealed(mail))


# ---------------------------------------------------------------- inside


def test_each_reader_opens_his_own_copy_and_no_other() -> None:
    mails = writer().write(letter(), MOMENT)
    assert [mail.recipient for mail in mails] == list(readers())
    assert len({open_sealed(mail) for mail in mails}) == 1
    for mail in mails:
        for name, person in readers().items():
            assert person.can_decrypt(mail.octets) == (name == mail.recipient)


def test_subject_and_sender_are_protected() -> None:
    mail = writer().write(letter(), MOMENT)[0]
    inner, outer = parse(open_sealed(mail)), parse(mail.octets)
    assert inner.get_param("hp") == "cipher"
    assert inner.get_param("protected-headers") == "v1"
    assert inner["Subject"] == f"[REQUEST#2026-0042 FR>DE,IT urgent] {SUBJECT}"
    assert outer["Subject"] == "[REQUEST#2026-0042]"
    for name in ("From", "Reply-To", "Date"):
        assert inner[name] == outer[name]
    assert inner["Reply-To"] == inner["From"]
    assert inner["From"].addresses[0].display_name == "Réseau, hub"
    assert inner["From"].addresses[0].addr_spec == "network@hub.example"
    assert inner["Date"].datetime == NOW.replace(microsecond=0)
    assert {name for name in inner if name != "HP-Outer"} == {
        "From",
        "Reply-To",
        "Date",
        "Subject",
        "Content-Type",
    }


def test_what_stands_outside_is_told_inside() -> None:
    """RFC 9788 §2.2: HP-Outer repeats the outer fields exactly: a reader sees what was changed on the way."""
    mail = writer().write(letter(), MOMENT)[0]
    inner, outer = message_from_bytes(open_sealed(mail)), message_from_bytes(mail.octets)
    told = dict(value.split(": ", 1) for value in inner.get_all("HP-Outer", []))
    assert told == {name: str(outer[name]) for name in ("From", "Reply-To", "Date", "Subject")}


def test_the_authors_signature_verifies_without_the_robot() -> None:
    octets = open_sealed(writer().write(letter(), MOMENT)[0])
    note, enclosed = parse(octets).iter_parts()
    assert note.get_content_type() == "text/plain"
    assert "R-7K3Q9-F2MXR" in note.get_content()
    assert "CANARY" not in note.get_content()
    assert enclosed.get_content_type() == "multipart/signed"
    assert enclosed.get_param("protocol") == "application/pgp-signature"
    assert enclosed.get_param("micalg") == "pgp-sha512"
    assert enclosed["Content-Description"] == "The request, as its author wrote it"
    part, signature = read_tree(octets, Limits()).children[1].children
    assert part.octets == ENTITY
    assert signature.type == "application/pgp-signature"
    assert readers()["desk@it.example"].verify(part.octets, signature.decoded()) == (author().fingerprint,)
    assert readers()["desk@it.example"].verify(part.octets + b"\r\n", signature.decoded()) == ()


def test_a_signed_message_is_attached_where_no_detached_signature_verifies() -> None:
    message = author().sign_message(ENTITY)
    octets = open_sealed(writer().write(letter(content=Content(ENTITY, message=message)), MOMENT)[0])
    note, enclosed = parse(octets).iter_parts()
    assert "gpg --decrypt signed-message.asc" in " ".join(note.get_content().split())
    shown, attached = enclosed.iter_parts()
    assert read_tree(octets, Limits()).children[1].children[0].octets == ENTITY
    assert "CANARY-BODY" in shown.get_content()
    assert (attached.get_content_disposition(), attached.get_filename()) == ("attachment", "signed-message.asc")
    home = readers()["desk@de.example"].key.home
    assert run(home, "--decrypt", octets=attached.get_content()).stdout == ENTITY


def test_a_clearsigned_message_in_eight_bits_survives() -> None:
    message = author().clearsign("Où est-il ?\n".encode())
    octets = open_sealed(writer().write(letter(content=Content(ENTITY, message=message)), MOMENT)[0])
    _, attached = list(parse(octets).iter_parts())[1].iter_parts()
    assert attached.get_content() == message


def test_content_that_nobody_can_check_is_passed_on_as_it_is() -> None:
    octets = open_sealed(writer().write(letter(content=Content(ENTITY)), MOMENT)[0])
    note, enclosed = read_tree(octets, Limits()).children
    assert [part.octets for part in enclosed.children] == [ENTITY]
    assert "the hub vouches for it" in " ".join(note.text().split())


def test_blind_mail_holds_neither_signature_nor_tag_of_the_author() -> None:
    entity = ENTITY.replace(b"CANARY-BODY", b"[REQUEST DE,IT blind]\r\nMessage-ID: <1@fr.example>\r\nCANARY-BODY")
    content = Content(entity, author().sign(entity), "pgp-sha512", author().sign_message(entity))
    hidden = letter(content=content, author_hidden=True, tag=Tag(Word.REQUEST, "2026-0042"), subject="")
    octets = open_sealed(writer().write(hidden, MOMENT)[0])
    assert b"CANARY-BODY" in octets
    assert [mark for mark in (b"PGP", b"signature.asc", b"DE,IT blind", b"[REQUEST DE") if mark in octets] == []
    assert "the hub vouches for it" in " ".join(read_tree(octets, Limits()).children[0].text().split())


@pytest.mark.parametrize("boundary", [0, 1, 2])
def test_content_that_holds_our_boundaries_gets_others(boundary: int) -> None:
    octets = open_sealed(writer().write(letter(), MOMENT)[0])
    found = re.findall(rb'boundary="([^"]+)"', octets)
    guessed = ENTITY + b"\r\n--" + found[boundary % len(found)] + b"--\r\n"
    octets = open_sealed(writer().write(letter(content=Content(guessed)), MOMENT)[0])
    assert read_tree(octets, Limits()).children[1].children[0].octets == guessed


def test_the_same_letter_is_written_the_same_way() -> None:
    same = letter()  # made once: its author's signature tells the second in which it was made
    first, second = (writer().write(same, MOMENT)[0] for _ in range(2))
    assert open_sealed(first) == open_sealed(second)
    assert first.message_id == second.message_id


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LETTERS)
def test_every_letter_is_written_in_both_languages(name: str, language: str) -> None:
    words = next(iter(samples(language)[name].values()))
    written = letter(template=name, language=language, words=words, subject="", mailboxes=(mailbox("desk@de.example"),))
    inner = parse(open_sealed(writer().write(written, MOMENT)[0]))
    rendered = Templates().render(name, language, {**words, "proof": "signature", "robot": ROBOT_WORDS()})
    note, _ = inner.iter_parts()
    plain = note.get_body(("plain",))  # some letters are a page too
    assert plain
    assert plain.get_content().replace("\r\n", "\n") == rendered.text
    assert inner["Subject"] == f"[REQUEST#2026-0042 FR>DE,IT urgent] {rendered.subject}"


def ROBOT_WORDS() -> dict[str, str]:  # noqa: N802
    names = writer().robot
    return {
        "name": names.name,
        "address": names.address,
        "control_address": names.control_address,
        "fingerprint": names.fingerprint,
    }


# ---------------------------------------------------------------- outside

FIELDS = ["From", "Reply-To", "Date", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"]


def test_the_outside_says_little() -> None:
    for mail in writer().write(letter(), MOMENT):
        outer = parse(mail.octets)
        assert list(outer.keys()) == [*FIELDS, "MIME-Version", "Content-Type"]
        assert outer["To"] == mail.recipient
        assert outer["In-Reply-To"] == outer["References"] == "<x.2026-0042@hub.example>"
        assert outer["Message-ID"] == mail.message_id
        assert outer["Auto-Submitted"] == "auto-generated"
        named = [p.fingerprint for p in readers().values()] + [name for name in readers() if name != mail.recipient]
        assert [name for name in (*named, "CANARY", "FR>DE", "Autocrypt") if name.encode() in mail.octets] == []


def test_no_mail_names_another_reader_inside() -> None:
    for mail in writer().write(letter(), MOMENT):
        octets = open_sealed(mail)
        assert [name for name in readers() if name.encode() in octets] == []
        assert [p.fingerprint for p in readers().values() if p.fingerprint.encode() in octets] == []


def test_each_mail_has_its_own_identifier_and_return_path() -> None:
    mails = writer().write(letter(), MOMENT) + writer().write(letter(template="reminder", words=REMINDER), MOMENT)
    assert len({mail.message_id for mail in mails}) == len(mails)
    assert len({mail.tracking for mail in mails}) == len(mails)
    for mail in mails:
        assert writer().returned_to(("x@hub.example", mail.envelope_sender)) == mail.tracking
        assert writer().return_path.vouches(mail.envelope_sender, mail.recipient)
        assert mail.tracking not in mail.octets.decode("ascii")
        assert (mail.reference, mail.urgent, mail.purpose) == ("2026-0042", True, "relay")


def test_only_the_return_path_of_that_very_mail_vouches() -> None:
    first, second = writer().write(letter(), MOMENT)[:2]
    ours = ("desk@elsewhere.example", first.envelope_sender.upper())
    assert writer().vouches(ours, first.tracking, first.recipient)
    assert not writer().vouches(ours, first.tracking, second.recipient)
    assert not writer().vouches(ours, second.tracking, first.recipient)
    forged = first.envelope_sender.replace(first.tracking, second.tracking)
    assert not writer().vouches((forged, first.envelope_sender), second.tracking, first.recipient)
    assert not writer().vouches(("network@hub.example",), first.tracking, first.recipient)


def test_outbox_is_told_whose_words_a_mail_carries() -> None:
    mails = writer().write(letter(author="FR"), MOMENT)
    assert {(mail.letter, mail.author) for mail in mails} == {("request", "FR")}


REMINDER = samples("en")["reminder"]["half"]


def test_notices_have_no_return_path_and_no_thread() -> None:
    (mail,) = writer().write(plain_letter(envelope=Envelope.NULL, automatic=Automatic.REPLIED), MOMENT)
    outer = parse(mail.octets)
    assert mail.envelope_sender == ""
    assert outer["Auto-Submitted"] == "auto-replied"
    assert outer["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert outer["In-Reply-To"] is None
    assert outer["Subject"] == "[HELP]"
    assert parse(open_sealed(mail))["Subject"] == "[HELP] Your mail was NOT passed on"


@pytest.mark.parametrize("purpose", ["receipt", "notice", "question"])
def test_vacation_programs_are_asked_to_be_silent_unless_a_person_wrote(purpose: str) -> None:
    (mail,) = writer().write(plain_letter(purpose=purpose), MOMENT)
    assert parse(mail.octets)["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert "All" not in parse(mail.octets)["X-Auto-Response-Suppress"].split(", ")


def test_from_is_one_of_the_two_addresses() -> None:
    (mail,) = writer().write(plain_letter(from_control=True), MOMENT)
    for message in (parse(mail.octets), parse(open_sealed(mail))):
        assert message["From"].addresses[0].addr_spec == "control@hub.example"
        assert message["Reply-To"] == message["From"]


def test_a_one_time_word_stays_inside_and_a_probes_token_does_not() -> None:
    word = "7K3Q-9F2M-XR4T"
    (question,) = writer().write(plain_letter(tag=Tag(Word.CONFIRM, token=word), purpose="question"), MOMENT)
    assert parse(question.octets)["Subject"] == "[CONFIRM]"
    assert parse(open_sealed(question))["Subject"].startswith(f"[CONFIRM#{word}]")
    (probe,) = writer().write(plain_letter(tag=Tag(Word.PING, token=word), purpose="probe"), MOMENT)
    assert parse(probe.octets)["Subject"] == f"[PING#{word}]"


# ---------------------------------------------------------------- who shares, who gets nothing


def test_copies_share_their_body_and_are_their_own_before_and_after_it() -> None:
    mails = writer().write(letter(), MOMENT)
    assert len({id(mail.tail) for mail in mails}) <= 3  # one for each way that base64 can fall
    assert len({mail.head for mail in mails}) == len(mails)
    assert all(mail.octets.endswith(b"--\r\n") for mail in mails)


def test_copies_that_share_nothing_have_nothing_in_common() -> None:
    mails = replace(writer(), share=Share.NEVER).write(letter(), MOMENT)
    assert len({open_sealed(mail) for mail in mails}) == 1
    assert len({mail.tail for mail in mails}) == len(mails)
    boundaries = [parse(mail.octets).get_boundary() for mail in mails]
    assert len(set(boundaries)) == len(mails)


def test_copies_of_one_party_may_share_where_those_of_two_do_not() -> None:
    boxes = (mailbox("desk@de.example"), mailbox("relay@de.example"), mailbox("desk@it.example"))
    of_de, also_of_de, of_it = (replace(b, party=b.address[-10:-8].upper()) for b in boxes)
    mails = replace(writer(), share=Share.PARTY).write(letter(mailboxes=(of_de, of_it, also_of_de)), MOMENT)
    bodies = {mail.recipient: mail.tail[-1000:] for mail in mails}
    boundaries = {mail.recipient: parse(mail.octets).get_boundary() for mail in mails}
    assert boundaries["desk@de.example"] == boundaries["relay@de.example"] != boundaries["desk@it.example"]
    assert bodies["desk@de.example"] != bodies["desk@it.example"]
    assert {mail.recipient: mail.party for mail in mails} == {b.address: b.party for b in (of_de, also_of_de, of_it)}


def test_two_mailboxes_with_one_certificate_get_a_mail_each() -> None:
    boxes = (mailbox("desk@de.example"), replace(mailbox("desk@de.example"), address="backup@de.example"))
    first, second = writer().write(letter(mailboxes=(*boxes, mailbox("desk@it.example"))), MOMENT)[:2]
    assert (first.recipient, second.recipient) == ("desk@de.example", "backup@de.example")
    assert open_sealed(first) == open_sealed(replace(second, recipient="desk@de.example"))


def test_a_mailbox_with_several_certificates_opens_with_each() -> None:
    people = [readers()["desk@de.example"], readers()["relay@de.example"]]
    box = Address("desk@de.example", Role.DESK, tuple(p.fingerprint for p in people))
    (mail,) = writer().write(letter(mailboxes=(box,)), MOMENT)
    assert all(person.can_decrypt(mail.octets) for person in people)
    assert not readers()["desk@it.example"].can_decrypt(mail.octets)


UNSEALED = Address("desk@pt.example", Role.DESK, ())


def test_something_waits_may_go_unsealed() -> None:
    waiting = letter(
        template="waiting",
        words=samples("fr")["waiting"]["always"],
        language="fr",
        tag=Tag(Word.HELP),
        mailboxes=(UNSEALED,),
        content=None,
        reference=None,
        subject="CANARY-SUBJECT",
        purpose="notice",
        envelope=Envelope.NULL,
    )
    (mail,) = writer().write(waiting, MOMENT)
    message = parse(mail.octets)
    assert message.get_content_type() == "text/plain"
    assert message["Subject"] == "[HELP] Quelque chose vous attend"
    assert "Téléphonez au secrétariat" in message.get_content()
    assert b"CANARY" not in mail.octets
    assert (mail.tail, mail.foot, mail.envelope_sender) == (b"", b"", "")


@pytest.mark.parametrize("name", sorted(LETTERS.keys() - {"waiting"}))
def test_no_other_letter_goes_unsealed(name: str) -> None:
    words = next(iter(samples("en")[name].values()))
    unsealed = letter(template=name, words=words, content=None, mailboxes=(mailbox("desk@de.example"), UNSEALED))
    with pytest.raises(Unsealable):
        writer().write(unsealed, MOMENT)


def test_content_never_goes_unsealed_whatever_the_letter() -> None:
    words = samples("en")["waiting"]["always"]
    with pytest.raises(Unsealable) as caught:
        writer().write(letter(template="waiting", words=words, mailboxes=(UNSEALED,)), MOMENT)
    assert "CANARY" not in str(caught.value)


def test_a_plain_probe_is_written_and_one_with_a_ping_word_never() -> None:
    """trust.md 9: who reads along must not be able to quote it."""
    tag = Tag(Word.PING, token="7K3Q-9F2M-XR4T")
    plain = letter(
        template="probe",
        words=samples("en")["probe"]["plain"],
        tag=tag,
        subject="",
        mailboxes=(UNSEALED,),
        content=None,
        purpose="probe",
    )
    (mail,) = writer().write(plain, MOMENT)
    message = parse(mail.octets)
    assert message["Subject"] == "[PING#7K3Q-9F2M-XR4T] Ping test: please press Reply and Send"
    assert message["X-Auto-Response-Suppress"] is None, "who is away shall say so"
    assert mail.envelope_sender.startswith("network+b.")
    with pytest.raises(Unsealable):
        writer().write(replace(plain, words=samples("en")["probe"]["sealed"]), MOMENT)


def test_no_mailbox_no_mail() -> None:
    assert writer().write(letter(mailboxes=()), MOMENT) == []


# ---------------------------------------------------------------- fit for SMTP


def lines_of(mail: OutgoingMail) -> list[bytes]:
    """The lines of a mail that consists of nothing but lines ended by CRLF."""
    lines = mail.octets.split(b"\r\n")
    assert lines.pop() == b""
    return lines


HOSTILE = st.text(max_size=300) | st.sampled_from(
    ["\r\n.\r\n", "\r\n\r\nx", "\nBcc: a@b.example", "\0", "=?utf-8?q?=0A?="]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(subject=HOSTILE, name=HOSTILE, problem=HOSTILE, content=st.binary(max_size=500))
def test_whatever_is_written_is_fit_for_smtp(subject: str, name: str, problem: str, content: bytes) -> None:
    """CRLF alone ends lines, none is too long, no octet above 127, and no field is there that we did not write."""
    hub = replace(writer(), robot=replace(writer().robot, name=name))
    words = {**samples("en")["refused"]["bad tag"], "problem": problem, "line": problem}
    written = letter(template="refused", words=words, subject=subject, content=Content(content))
    for mail in hub.write(written, MOMENT)[:1]:
        lines = lines_of(mail)
        assert all(len(line) <= 998 and not re.search(rb"[\r\n\0\x80-\xff]", line) for line in lines)
        assert not any(line.startswith(b".") for line in lines)
        assert list(message_from_bytes(mail.octets).keys()) == [*FIELDS, "MIME-Version", "Content-Type"]
        octets = open_sealed(mail)
        inner = message_from_bytes(octets)
        assert inner.keys() == ["From", "Reply-To", "Date", "Subject", *["HP-Outer"] * 4, "Content-Type"]
        assert read_tree(octets, Limits()).children[1].children[0].octets == content


def test_a_large_content_is_not_copied_time_and_again() -> None:
    size = 8 * 1024 * 1024
    content = Content(b"Content-Type: text/plain\r\n\r\n" + (b"x" * 74 + b"\r\n") * (size // 76))
    writer().write(letter(), MOMENT)
    tracemalloc.start()
    try:
        mails = writer().write(letter(content=content), MOMENT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(map(len, {id(m.tail): m.tail for m in mails}.values())) > size
    assert peak < 9 * size  # of which gpg's output, its armour and up to three tails are not the writer's


@pytest.mark.parametrize("octets", [b"a\nb\r\n", b"a\rb\r\n", b"\0\r\n", b"x" * 999 + b"\r\n", b"a\r\n" + b"x" * 1001])
def test_unfit_octets_never_leave(octets: bytes) -> None:
    with pytest.raises(UnfitForSmtp):
        _check(octets)


@pytest.mark.parametrize("octets", [b"", b"\r\n", b"x" * 998 + b"\r\n", b"x" * 998 + b"\r\n" + b"y" * 998 + b"\r\n"])
def test_fit_octets_do(octets: bytes) -> None:
    _check(octets)
