"""`blind`: what names the author's other recipients is left out, everything else is passed on octet for octet."""

import base64
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP

import pytest

from mailbot.mail.blind import without_author
from mailbot.mail.limits import Limits

TAG = "[REQUEST DE,IT blind]"
SECRETS = (b"REQUEST", b"DE,IT", b"fr.example", b"Message-ID", b"protected-headers", b'hp="', b"HP-Outer")
HEADERS = (
    "From: desk@fr.example\r\nTo: network@hub.example\r\nSubject: [REQUEST DE,IT blind] who?\r\n"
    "Message-ID: <1@fr.example>\r\nHP-Outer: Subject: [REQUEST DE,IT blind]\r\nReferences: <0@fr.example>\r\n"
)


def hidden(entity: str | bytes) -> bytes:
    octets = entity.replace("\n", "\r\n").replace("\r\r", "\r").encode() if isinstance(entity, str) else entity
    return b"".join(without_author(octets, Limits()))


def read(octets: bytes) -> Message:
    return message_from_bytes(octets, policy=SMTP)


def leaves(octets: bytes) -> list[tuple[str, bytes]]:
    parts = (part for part in read(octets).walk() if not part.is_multipart())
    return [(part.get_content_type(), part.get_payload(decode=True) or b"") for part in parts]  # type: ignore[misc]


def nothing_is_told(octets: bytes) -> None:
    assert [secret for secret in SECRETS if secret in octets] == []


def test_a_plain_text_loses_header_and_tag() -> None:
    entity = f'{HEADERS}Content-Type: text/plain; charset=utf-8; hp="cipher"\r\n\r\n{TAG}\r\n\r\nWho is he? é\r\n'
    octets = hidden(entity)
    nothing_is_told(octets)
    assert leaves(octets) == [("text/plain", "Who is he? é\r\n".encode())]


def test_attachments_stay_octet_for_octet() -> None:
    attached = base64.encodebytes(bytes(range(256)) * 20).replace(b"\n", b"\r\n")
    kept = b"Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + attached
    entity = (
        HEADERS.encode()
        + b'Content-Type: multipart/mixed; boundary="x"; protected-headers="v1"; hp="cipher"\r\n\r\npreamble\r\n'
        + b"--x\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        + b"[REQUEST DE,IT=\r\n blind]\r\n=E9t=E9\r\n--x\r\n"
        + kept
        + b"\r\n--x--\r\n"
    )
    octets = hidden(entity)
    nothing_is_told(octets)
    assert kept in octets
    assert leaves(octets)[0] == ("text/plain", "été".encode())


def test_of_alternatives_the_plain_text_stays_and_so_do_the_pictures() -> None:
    mail = EmailMessage(policy=SMTP)
    mail.set_content(f"{TAG}\n\nWho is he?\n")
    mail.add_alternative(f"<p>[REQUEST <b>DE</b>,IT blind]</p><p>{TAG}</p><img src='cid:a'>", subtype="html")
    page = mail.get_payload(1)
    assert isinstance(page, EmailMessage)
    page.add_related(b"picture" * 50, "image", "png", cid="<a>")
    octets = hidden(HEADERS.encode() + mail.as_bytes().replace(b"MIME-Version: 1.0\r\n", b""))
    nothing_is_told(octets)
    assert b"<b>" not in octets
    assert ("image/png", b"picture" * 50) in leaves(octets)
    assert leaves(octets)[0] == ("text/plain", b"Who is he?\r\n")
    assert {part.get_content_type() for part in read(octets).walk() if part.is_multipart()} == {"multipart/mixed"}


def test_html_alone_becomes_text() -> None:
    octets = hidden(f"{HEADERS}Content-Type: text/html\r\n\r\n<p>[REQUEST <i>DE,IT</i> blind]</p><p>Who &amp; why?</p>")
    nothing_is_told(octets)
    assert leaves(octets) == [("text/plain", b"Who & why?")]


def test_repeated_headers_are_left_out() -> None:
    entity = (
        f'{HEADERS}Content-Type: multipart/mixed; boundary=x; hp="cipher"\r\n\r\n'
        f'--x\r\nContent-Type: text/plain; charset=us-ascii; hp-legacy-display="1"\r\n\r\n'
        f"Subject: {TAG} who?\r\n\r\n{TAG}\r\nWho is he?\r\n--x--\r\n"
    )
    octets = hidden(entity)
    nothing_is_told(octets)
    assert leaves(octets) == [("text/plain", b"Who is he?")]


@pytest.mark.parametrize("kind", ["text/rfc822-headers", "text/plain"])
def test_repeated_headers_of_the_older_draft_are_left_out(kind: str) -> None:
    entity = (
        f'{HEADERS}Content-Type: multipart/mixed; boundary=x; protected-headers="v1"\r\n\r\n'
        f'--x\r\nContent-Type: {kind}; protected-headers="v1"\r\nContent-Disposition: inline\r\n\r\n'
        f"Subject: {TAG} who?\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n{TAG}\r\nWho is he?\r\n--x--\r\n"
    )
    octets = hidden(entity)
    nothing_is_told(octets)
    assert leaves(octets) == [("text/plain", b""), ("text/plain", b"Who is he?")]


def test_flowed_text_stays_flowed() -> None:
    octets = hidden("Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\n" + TAG + "\r\na \r\nb\r\n")
    assert read(octets).get_params() == [
        ("text/plain", ""),
        ("charset", "utf-8"),
        ("format", "flowed"),
        ("delsp", "yes"),
    ]
    assert leaves(octets) == [("text/plain", b"a \r\nb\r\n")]


def test_what_has_no_text_keeps_its_content() -> None:
    octets = hidden(f"{HEADERS}Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n")
    nothing_is_told(octets)
    assert leaves(octets) == [("application/pdf", b"ABC")]


@pytest.mark.parametrize("entity", [b"", b"\r\n", b"text", b"\r\n\r\n", b"Content-Type: multipart/mixed\r\n\r\nx"])
def test_odd_entities_are_taken(entity: bytes) -> None:
    hidden(entity)


@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_the_tag_goes_where_an_empty_text_stands_in_front(kind: str) -> None:
    lines = f"<p>{TAG}</p><p>Who is he?</p>" if kind == "text/html" else f"{TAG}\r\nWho is he?\r\n"
    entity = (
        f"{HEADERS}Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        f"--x\r\nContent-Type: text/plain\r\n\r\n \r\n--x\r\nContent-Type: {kind}\r\n\r\n{lines}\r\n--x--\r\n"
    )
    octets = hidden(entity)
    nothing_is_told(octets)
    assert b"Who is he?" in octets


def test_the_tag_goes_from_a_page_for_gmail_too() -> None:
    entity = (
        f"{HEADERS}Content-Type: multipart/alternative; boundary=x\r\n\r\n"
        f"--x\r\nContent-Type: text/plain\r\n\r\n{TAG}\r\nWho is he?\r\n"
        f"--x\r\nContent-Type: text/x-amp-html\r\n\r\n<p>{TAG}</p>\r\n--x--\r\n"
    )
    nothing_is_told(hidden(entity))


def test_a_first_paragraph_that_repeats_no_header_stays() -> None:
    octets = hidden("Content-Type: text/plain; hp-legacy-display=1\r\n\r\nDear all,\r\n\r\nwho is he?\r\n")
    assert b"Dear all," in octets
