"""The path of a mail from octets to meaning, with mail that the real gpg made in every form."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mailbot.core.mail import Covers, Headers, MailClass, OpenedMail, SignatureState, SubjectSource, Trouble
from mailbot.mail.armour import Label, armour, dearmour
from mailbot.mail.gpg import Gpg, GpgFailure
from mailbot.mail.limits import Limits
from mailbot.mail.opening import open_mail
from tests.keys import fresh_home, run
from tests.mail.mails import (
    REPLAY_KEY,
    crlf,
    encrypted,
    header,
    incoming,
    multipart,
    opened,
    part,
    protected_text,
    sealed_mail,
    signed,
    world,
)

TEXT = part("text/plain; charset=utf-8", "Bonjour é\r\n")


def vouched(mail: OpenedMail) -> bool:
    return mail.voucher is not None and mail.voucher.fingerprint == world().france.fingerprint


def verifies_without_the_robot(mail: OpenedMail) -> bool:
    """Whether a stranger who has France's certificate can check the signature on the content."""
    content = mail.content
    assert content is not None
    if content.signature is not None:
        return world().stranger.verify(content.entity, content.signature) == (world().france.fingerprint,)
    assert content.message is not None
    status = run(world().stranger.key.home, "--status-fd", "1", "--verify", octets=content.message).stdout
    return b"VALIDSIG " + world().france.fingerprint.encode() in status


# ---------------------------------------------------------------- the forms


def test_signed_and_encrypted_in_one() -> None:
    entity = protected_text()
    mail = opened(sealed_mail(entity))
    assert vouched(mail)
    assert (mail.encrypted, mail.sealed, mail.trouble, mail.repairs) == (True, True, None, ())
    assert (mail.subject, mail.subject_source) == ("[REQUEST DE] Voyageur", SubjectSource.PROTECTED)
    assert mail.outer.subject == "..."
    assert mail.text == "Bonjour\n"
    assert mail.content is not None
    assert (mail.content.entity, mail.content.micalg) == (entity, "pgp-sha512")
    assert verifies_without_the_robot(mail)


def test_signed_within_the_encryption() -> None:
    entity = protected_text()
    inner = signed(world().france, entity)
    mail = opened(header() + encrypted(world().france.encrypt(inner, [world().robot])))
    assert vouched(mail)
    assert mail.encrypted
    assert mail.subject == "[REQUEST DE] Voyageur"
    assert mail.content is not None
    assert mail.content.entity == entity
    assert verifies_without_the_robot(mail)


def test_encrypted_and_unsigned() -> None:
    mail = opened(header() + encrypted(world().stranger.encrypt(protected_text(), [world().robot])))
    assert (mail.encrypted, mail.signatures, mail.voucher, mail.content) == (True, (), None, None)
    assert mail.text == "Bonjour\n"
    assert mail.subject == "[REQUEST DE] Voyageur"  # inside the encryption, though nobody vouches for it


def test_signed_only() -> None:
    mail = opened(header() + signed(world().france, TEXT))
    assert vouched(mail)
    assert (mail.encrypted, mail.sealed) == (False, False)
    assert mail.text == "Bonjour é\n"
    assert verifies_without_the_robot(mail)


def test_neither() -> None:
    mail = opened(header(subject="[ACK#2026-0042]") + TEXT)
    assert (mail.mail_class, mail.signatures, mail.content, mail.trouble) == (MailClass.PERSON, (), None, None)
    assert (mail.text, mail.subject, mail.subject_source) == ("Bonjour é\n", "[ACK#2026-0042]", SubjectSource.OUTER)


def test_inline_signed_and_encrypted() -> None:
    sealed = world().france.sign_encrypt("[REQUEST DE]\nBonjour é\n".encode(), [world().robot])
    mail = opened(header() + part("text/plain", sealed))
    assert vouched(mail)
    assert (mail.encrypted, mail.text, mail.repairs) == (True, "[REQUEST DE]\nBonjour é\n", ())
    assert mail.content is not None
    assert mail.content.entity.startswith(b"Content-Type: text/plain; charset=utf-8\r\n")
    assert mail.content.signature is None
    assert verifies_without_the_robot(mail)


def test_inline_text_in_another_charset() -> None:
    sealed = world().france.sign_encrypt("Prüfung bestätigt für Köln\n".encode("iso-8859-1"), [world().robot])
    mail = opened(header() + part("text/plain; charset=iso-8859-1", sealed))
    assert mail.text == "Prüfung bestätigt für Köln\n"
    assert mail.content is not None
    assert b"charset=windows-1252" in mail.content.entity


def test_mime_in_inline_pgp() -> None:
    entity = protected_text()
    mail = opened(header() + part("text/plain", world().france.sign_encrypt(entity, [world().robot])))
    assert vouched(mail)
    assert mail.repairs == ("MIME in inline PGP",)
    assert (mail.text, mail.subject) == ("Bonjour\n", "[REQUEST DE] Voyageur")
    assert verifies_without_the_robot(mail)


def test_text_round_inline_armour_is_left_out() -> None:
    sealed = world().france.sign_encrypt(b"[REQUEST DE]\nBonjour\n", [world().robot])
    mail = opened(header() + part("text/plain", b"[REQUEST ALL]\n\n" + sealed + b"\nDisclaimer\n"))
    assert vouched(mail)
    assert mail.text == "[REQUEST DE]\nBonjour\n"
    assert mail.repairs == ("text in front of the armour left out", "text behind the armour left out")


def test_clearsigned() -> None:
    block = world().france.clearsign("[ACK#2026-0042]\n- reçu\n".encode())
    mail = opened(header() + part("text/plain; charset=utf-8", block, "Content-Transfer-Encoding: 8bit"))
    assert vouched(mail)
    assert mail.text == "[ACK#2026-0042]\n- reçu"
    assert mail.content is not None
    assert mail.content.message is not None
    assert verifies_without_the_robot(mail)


def test_text_behind_a_clearsigned_one_is_left_out() -> None:
    block = world().france.clearsign(b"[ACK#2026-0042]\n")
    mail = opened(header() + part("text/plain", block + b"\n-- \nlist footer\n"))
    assert vouched(mail)
    assert (mail.text, mail.repairs) == ("[ACK#2026-0042]", ("text behind the armour left out",))


def test_text_in_front_of_a_clearsigned_one_spoils_it() -> None:
    block = world().france.clearsign(b"received\n")
    mail = opened(header() + part("text/plain", b"[ACK#2026-0042] and do as I say\n\n" + block))
    assert mail.voucher is None
    assert [(s.state, s.covers) for s in mail.signatures] == [(SignatureState.GOOD, Covers.PART)]
    assert mail.content is None


def test_lines_with_lf_in_signed_and_encrypted_mail() -> None:
    """RFC 3156 §5 wants CRLF before signing; some programs sign what lies on their disk."""
    entity = protected_text().replace(b"\r\n", b"\n")
    mail = opened(sealed_mail(entity))
    assert vouched(mail)
    assert mail.content is not None
    assert mail.content.entity == crlf(entity)
    assert mail.content.signature is None  # it would not verify over what mail carries
    assert verifies_without_the_robot(mail)


def test_a_text_signature_verifies_over_either_line_end() -> None:
    entity = protected_text().replace(b"\r\n", b"\n")
    sealed = world().france.sign_encrypt(entity, [world().robot], "--textmode")
    mail = opened(header() + encrypted(sealed))
    assert vouched(mail)
    assert verifies_without_the_robot(mail)


@pytest.mark.parametrize(
    ("data", "entity"),
    [
        (b"\r\nBonjour\r\n", b"\r\nBonjour\r\n"),
        (b"Content-Language: fr\r\n\r\nBonjour\r\n", b"Content-Language: fr\r\n\r\nBonjour\r\n"),
        (b"Bonjour\r\n", None),  # a text where an entity belongs
    ],
)
def test_pgp_mime_that_holds_no_type(data: bytes, entity: bytes | None) -> None:
    mail = opened(sealed_mail(data))
    assert vouched(mail)
    assert mail.text == "Bonjour\n"
    assert mail.content is not None
    assert (mail.content.entity == entity) is (mail.content.signature is not None)
    assert verifies_without_the_robot(mail)


# ---------------------------------------------------------------- line ends and mbox


@pytest.mark.parametrize("newline", [b"\r\n", b"\n", b"\r"], ids=["crlf", "lf", "cr"])
@pytest.mark.parametrize("first", [b"", b"From desk@fr.example Mon Jul 20 10:00:00 2026\r\n"], ids=["plain", "mbox"])
@pytest.mark.parametrize("form", ["combined", "signed"])
def test_files_of_every_kind(newline: bytes, first: bytes, form: str) -> None:
    octets = _of_form(form)
    mail = opened((first + octets).replace(b"\r\n", newline))
    assert vouched(mail)
    assert mail.sender == "desk@fr.example"


def _of_form(form: str) -> bytes:
    return sealed_mail(protected_text()) if form == "combined" else header() + signed(world().france, TEXT)


# ---------------------------------------------------------------- what does not vouch


def test_a_changed_text_is_a_bad_signature() -> None:
    octets = (header() + signed(world().france, TEXT)).replace(b"Bonjour", b"Bonsoir")
    mail = opened(octets)
    assert [s.state for s in mail.signatures] == [SignatureState.BAD]
    assert mail.voucher is None


def test_trailing_spaces_belong_to_the_signed_part() -> None:
    octets = (header() + signed(world().france, TEXT)).replace("Bonjour é".encode(), "Bonjour é ".encode())
    assert opened(octets).voucher is None


def test_a_signer_who_is_not_pinned() -> None:
    mail = opened(sealed_mail(protected_text(), author=world().stranger))
    assert [(s.state, s.fingerprint, s.identity) for s in mail.signatures] == [(SignatureState.UNKNOWN, None, None)]
    assert mail.voucher is None


def test_two_signatures() -> None:
    packets = b"".join(dearmour(person.sign(TEXT)) for person in (world().france, world().robot))
    signature = part("application/pgp-signature", armour(packets, Label.SIGNATURE))
    mail = opened(header() + multipart("signed", TEXT, signature, fields='; protocol="application/pgp-signature"'))
    assert len(mail.signatures) == 2
    assert mail.voucher is None


def test_a_signature_that_is_none() -> None:
    junk = part("application/pgp-signature", "nothing")
    mail = opened(header() + multipart("signed", TEXT, junk, fields='; protocol="application/pgp-signature"'))
    assert [s.state for s in mail.signatures] == [SignatureState.UNVERIFIABLE]


def test_a_signature_outside_vouches_for_nothing_decrypted() -> None:
    """trust.md 3: a member signs another's captured ciphertext."""
    captured = encrypted(world().stranger.encrypt(protected_text(), [world().robot]))
    mail = opened(header() + signed(world().france, captured))
    assert mail.encrypted
    assert [(s.state, s.inside) for s in mail.signatures] == [(SignatureState.GOOD, False)]
    assert mail.voucher is None


def test_one_layer_of_encryption_only() -> None:
    inner = encrypted(world().stranger.encrypt(protected_text("secret of another"), [world().robot]), "=_inner")
    mail = opened(sealed_mail(inner))
    assert vouched(mail)
    assert "secret" not in mail.text
    assert mail.content is not None
    assert mail.content.entity == inner


def test_encrypted_attachments_stay_encrypted() -> None:
    sealed = world().stranger.encrypt(b"secret of another", [world().robot])
    forwarded = part("message/rfc822", header() + encrypted(sealed, "=_inner"))
    attached = part("application/octet-stream", sealed, "Content-Disposition: attachment; filename=x.asc")
    mail = opened(sealed_mail(multipart("mixed", TEXT, forwarded, attached, boundary="=_mixed")))
    assert vouched(mail)
    assert mail.text == "Bonjour é\n"
    plain = opened(header() + multipart("mixed", TEXT, forwarded, attached))
    assert (plain.sealed, plain.encrypted, plain.text) == (False, False, "Bonjour é\n")


def test_sealed_to_somebody_else() -> None:
    sealed = world().robot.sign_encrypt(b"x", [world().france])
    mail = opened(header(sender="a@fr.example") + part("text/plain", b"[REQUEST DE] in front\n\n" + sealed))
    assert (mail.sealed, mail.encrypted, mail.trouble) == (True, False, Trouble.CANNOT_DECRYPT)
    assert (mail.text, mail.content, mail.protected) == ("", None, None)
    assert mail.mail_class is MailClass.PERSON


@pytest.mark.parametrize("armour_left", [b"", b"damaged", b"-----BEGIN PGP MESSAGE-----\r\n"])
def test_encrypted_mail_that_is_damaged(armour_left: bytes) -> None:
    mail = opened(header() + encrypted(armour_left))
    assert (mail.sealed, mail.trouble, mail.text) == (True, Trouble.CANNOT_DECRYPT, "")


# ---------------------------------------------------------------- signed, and something else beside it


def test_a_footer_behind_signed_mail_is_left_out() -> None:
    footer = part("text/plain", "[REQUEST ALL]\r\n-- list\r\n")
    mail = opened(header("List-Id: <l.example>") + multipart("mixed", signed(world().france, TEXT), footer))
    assert vouched(mail)
    assert (mail.text, mail.repairs) == ("Bonjour é\n", ("footer round signed mail",))
    assert mail.content is not None
    assert mail.content.entity == TEXT


def test_text_in_front_of_signed_mail_is_an_attack() -> None:
    mail = opened(header() + multipart("mixed", part("text/plain", "[REQUEST ALL]"), signed(world().france, TEXT)))
    assert [(s.state, s.covers) for s in mail.signatures] == [(SignatureState.GOOD, Covers.PART)]
    assert (mail.voucher, mail.content) == (None, None)


def test_an_attachment_beside_signed_mail_is_an_attack() -> None:
    added = part("application/pdf", "x", "Content-Disposition: attachment")
    mail = opened(header() + multipart("mixed", signed(world().france, TEXT), added))
    assert [s.covers for s in mail.signatures] == [Covers.PART]


def test_a_wrapper_inside_the_encryption_is_an_attack() -> None:
    """Johnny, you are fired: whoever seals can put anything beside somebody's signed words."""
    wrapped = multipart("mixed", signed(world().france, TEXT), part("text/plain", "and to IT"), boundary="=_w")
    mail = opened(header("List-Id: <l.example>") + encrypted(world().stranger.encrypt(wrapped, [world().robot])))
    assert [(s.covers, s.inside) for s in mail.signatures] == [(Covers.PART, True)]
    assert mail.voucher is None


def test_what_is_signed_in_an_attached_message_is_not_the_senders() -> None:
    forwarded = part("message/rfc822", header() + signed(world().france, TEXT))
    mail = opened(header() + multipart("mixed", part("text/plain", "see below"), forwarded))
    assert mail.signatures == ()


# ---------------------------------------------------------------- protected headers


def test_forged_protected_headers_count_for_nothing() -> None:
    assert opened(header(subject="hello") + protected_text()).protected is None
    bad = header() + signed(world().france, protected_text()).replace(b"Bonjour", b"Bonsoir")
    assert opened(bad).protected is None
    by_a_stranger = header() + signed(world().stranger, protected_text())
    assert opened(by_a_stranger).protected is None


def test_protected_headers_of_signed_mail() -> None:
    mail = opened(header() + signed(world().france, protected_text().replace(b"cipher", b"clear")))
    assert mail.subject == "[REQUEST DE] Voyageur"


def test_fields_that_do_not_say_that_they_are_protected() -> None:
    mail = opened(sealed_mail(part("text/plain", "x", "Subject: [REQUEST DE] y")))
    assert mail.protected is None


# ---------------------------------------------------------------- classification (trust.md 15)

MARKS = [
    ("Auto-Submitted: auto-replied", MailClass.AUTOMATIC),
    ("List-Id: <x.example>", MailClass.LIST),
    ("X-Failed-Recipients: a@b.example", MailClass.BOUNCE),
    ("Return-Path: <>", MailClass.AUTOMATIC),
]


@pytest.mark.parametrize(("mark", "mail_class"), MARKS)
def test_marks_outside_cannot_bury_a_signed_tag(mark: str, mail_class: MailClass) -> None:
    by_subject = opened(sealed_mail(protected_text(), mark))
    by_body = opened(sealed_mail(part("text/plain", "[REQUEST DE]\r\nBonjour\r\n"), mark))
    assert by_subject.mail_class is by_body.mail_class is MailClass.PERSON
    assert not by_subject.answerable
    assert opened(sealed_mail(protected_text())).answerable
    untagged = opened(sealed_mail(protected_text(subject="Bonjour"), mark))
    unsigned = opened(header(mark) + encrypted(world().stranger.encrypt(protected_text(), [world().robot])))
    assert untagged.mail_class is unsigned.mail_class is mail_class


def test_our_own_message_id_outside_cannot_bury_a_signed_tag() -> None:
    octets = sealed_mail(protected_text()).replace(b"<1@mail.fr.example>", b"<1@ids.network.example>")
    octets = octets.replace(b"From: Bureau <desk@fr.example>", b"From: hub@network.example")
    assert opened(octets).mail_class is MailClass.PERSON
    assert opened(octets.replace(b"-----BEGIN PGP", b"-----BEGIN XXX")).mail_class is MailClass.OWN


def test_a_mark_inside_the_signature_counts() -> None:
    entity = protected_text("Je suis absent", "[REQUEST#2026-0042]", "Auto-Submitted: auto-replied")
    mail = opened(sealed_mail(entity))
    assert (mail.mail_class, mail.rule, mail.answerable) == (MailClass.AUTOMATIC, "auto submitted", False)


def test_signed_by_the_robot_is_our_own() -> None:
    robot = world().robot
    mail = opened(header() + encrypted(robot.sign_encrypt(protected_text(), [robot])))
    assert (mail.mail_class, mail.rule) == (MailClass.OWN, "signed by the robot")


def test_a_bounce_that_quotes_our_armour_is_not_sealed() -> None:
    sealed = world().robot.sign_encrypt(b"x", [world().france])
    notice = b"Hi. This is the qmail-send program at mx.example.\n\n<desk@fr.example>:\n5.1.1 no user\n\n--- Below\n\n"
    mail = opened(header("Return-Path: <>", sender="MAILER-DAEMON@mx.fr.example") + part("text/plain", notice + sealed))
    assert (mail.mail_class, mail.sealed, mail.trouble) == (MailClass.BOUNCE, False, None)
    assert mail.bounce is not None
    assert [r.address for r in mail.bounce.recipients] == ["desk@fr.example"]


def test_the_return_date_of_an_automatic_reply() -> None:
    text = part("text/plain; charset=utf-8", "Je suis absente jusqu'au 15 août.\r\n")
    mail = opened(header("Auto-Submitted: auto-replied") + text)
    assert mail.return_date == "2026-08-15"


# ---------------------------------------------------------------- replay keys (trust.md 5)


def _identity(octets: bytes, key: bytes = REPLAY_KEY) -> str:
    mail = open_mail(incoming(octets), world().gpg, key)
    assert mail.voucher is not None
    assert mail.voucher.identity is not None
    return mail.voucher.identity


def test_the_replay_key_is_the_signatures_and_not_the_envelopes() -> None:
    france, robot = world().france, world().robot
    inner = signed(france, protected_text())
    first, second = (header() + encrypted(france.encrypt(inner, [robot])) for _ in range(2))
    assert first != second
    assert _identity(first) == _identity(second)
    assert _identity(first) == _identity(header("X: other") + inner)
    assert _identity(first) != _identity(first, b"another secret")
    assert len(_identity(first)) == 64


def test_signing_the_same_words_again_is_a_new_mail() -> None:
    def at(when: str) -> bytes:
        return header() + signed(world().france, TEXT, options=("--faked-system-time", when))

    later = at("20991231T000000!")
    assert _identity(at("20991230T000000!")) != _identity(later)


# ---------------------------------------------------------------- bounds


def test_a_mail_that_is_too_large_is_not_read() -> None:
    mail = opened(header() + TEXT, Limits(size=100))
    assert (mail.trouble, mail.mail_class, mail.answerable) == (Trouble.TOO_LARGE, MailClass.UNREADABLE, False)
    assert mail.outer.sender == "desk@fr.example"


def test_a_thousand_parts_and_one_more() -> None:
    def of(parts: int) -> bytes:
        return header() + multipart("mixed", *[TEXT] * (parts - 1))

    assert opened(of(1000)).trouble is None
    mail = opened(of(1001))
    assert (mail.trouble, mail.mail_class) == (Trouble.LIMITS, MailClass.UNREADABLE)
    assert mail.outer.sender == "desk@fr.example"


def test_a_hundred_levels_and_one_more() -> None:
    def of(levels: int) -> bytes:
        entity = TEXT
        for level in range(levels):
            entity = multipart("mixed", entity, boundary=f"=_{level}_")
        return header() + entity

    assert opened(of(100)).text == "Bonjour é\n"
    assert opened(of(101)).trouble is Trouble.LIMITS
    assert opened(of(3000)).trouble is Trouble.LIMITS


def test_limits_hold_inside_the_encryption_too() -> None:
    mail = opened(sealed_mail(multipart("mixed", *[TEXT] * 30)), Limits(parts=20))
    assert mail.trouble is Trouble.LIMITS


def test_headers_of_a_megabyte() -> None:
    long = "X-Long: " + "a" * 1_000_000
    many = "\r\n".join(f"X-{n}: {'b' * 90}" for n in range(10_000))
    folded = "X-Folded: " + "\r\n c" * 250_000
    for field in (long, many, folded):
        mail = opened(header().rstrip() + b"\r\n" + field.encode() + b"\r\n" + TEXT)
        assert mail.trouble is None
        assert mail.sender == "desk@fr.example"
        assert opened(header(field) + TEXT).mail_class is MailClass.PERSON


def test_fifty_megabytes() -> None:
    line = b"Zm9vYmFy" * 9 + b"\r\n"
    large = part("application/octet-stream", b"", "Content-Transfer-Encoding: base64") + line * (
        50 * 2**20 // len(line)
    )
    octets = header() + multipart("mixed", TEXT, large)
    began = time.process_time()
    mail = opened(octets)
    assert mail.text == "Bonjour é\n"
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "octets",
    [b"", b"\r\n\r\n", b"\0" * 100, bytes(range(256)) * 50, b"From ", b"Subject: x", b"\r\nno header at all"],
    ids=["empty", "blank", "nul", "binary", "mbox", "header", "body"],
)
def test_anything_at_all_is_a_value(octets: bytes) -> None:
    mail = opened(octets)
    assert (mail.voucher, mail.answerable, mail.outer.sender) == (None, False, "")


def test_whatever_is_raised_makes_a_mail_unreadable() -> None:
    not_names: Any = [None]  # stands for the mail that nobody has thought of
    mail = open_mail(incoming(header() + TEXT), world().gpg, REPLAY_KEY, delivery_fields=not_names)
    assert (mail.mail_class, mail.trouble, mail.answerable) == (MailClass.UNREADABLE, Trouble.UNREADABLE, False)
    assert mail.outer == Headers()


def test_a_broken_world_is_no_bad_mail() -> None:
    """Without its secret key the robot must wait, and not put every mail aside."""
    octets = sealed_mail(protected_text())
    home = fresh_home()
    gpg = Gpg(home, world().robot.fingerprint)
    home.rename(home.with_name(home.name + "x"))
    try:
        with pytest.raises((GpgFailure, OSError)):
            open_mail(incoming(octets), gpg, REPLAY_KEY)
    finally:
        home.with_name(home.name + "x").rename(home)


# ---------------------------------------------------------------- secrets


def test_nothing_shows_content_in_its_repr() -> None:
    entity = multipart(
        "mixed",
        protected_text("canary-body", "canary-subject"),
        part("application/pdf", "canary-data", 'Content-Disposition: attachment; filename="canary-name"'),
        fields='; hp="cipher"\r\nSubject: canary-subject',
    )
    mails = [
        opened(sealed_mail(entity)),
        opened(header() + signed(world().france, entity)),
        opened(header() + part("text/plain", world().france.sign_encrypt(b"canary", [world().robot]))),
        opened(header() + part("text/plain", world().france.clearsign(b"canary\n"))),
    ]
    for mail in mails:
        assert "canary" not in repr(mail)
        assert "canary" in mail.text
        assert "canary" not in repr(replace(mail, digest=""))


# ---------------------------------------------------------------- what a hostile reading found


@pytest.mark.parametrize(
    "change",
    [
        lambda entity: entity.replace(b"Bonjour\r\n", b"Bonjour\r\r\n"),
        lambda entity: entity.replace(b"\r\n\r\n", b"\r\n\r\r\n", 1),
        lambda entity: entity + b"\r",
    ],
    ids=["line end", "blank line hidden", "end"],
)
def test_a_text_signature_cannot_be_used_again_with_carriage_returns_added(change: Callable[[bytes], bytes]) -> None:
    """gpg calls all of these good; as another mail, it would be no replay (trust.md 5)."""
    entity = protected_text("[REQUEST DE] x\r\n\r\nBonjour\r\n")
    signature = world().france.sign(entity, "--textmode")
    assert world().france.verify(change(entity), signature) == (world().france.fingerprint,)
    assert vouched(sealed_by_a_stranger(entity, signature))
    assert not vouched(sealed_by_a_stranger(change(entity), signature))


def sealed_by_a_stranger(entity: bytes, signature: bytes) -> OpenedMail:
    """Somebody's signed words, encrypted to the robot by another."""
    kind = '; micalg=pgp-sha512; protocol="application/pgp-signature"'
    wrapped = multipart("signed", entity, part("application/pgp-signature", signature), fields=kind, boundary="=_s")
    return opened(header() + encrypted(world().stranger.encrypt(wrapped, [world().robot])))


def test_a_text_that_begins_as_header_fields_do_is_passed_on_whole() -> None:
    text = b"Objet: demande\r\nvoir la suite\r\n\r\nBonjour\r\n"
    armoured = world().france.sign_encrypt(text, [world().robot])
    for mail in (header() + part("application/octet-stream", armoured), header() + encrypted(armoured)):
        found = opened(mail)
        assert vouched(found)
        assert found.text.startswith("Objet: demande\nvoir la suite\n")
        assert verifies_without_the_robot(found)
