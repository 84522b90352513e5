"""Letters with pictures and files: found by the page, readable without it, and never in the way of the letter."""

import re
from dataclasses import replace
from email.message import EmailMessage, MIMEPart

from mailbot.core.charts import Chart
from mailbot.core.mail import Attachment, Letter
from mailbot.mail.samples import sample_letter, samples
from mailbot.mail.writing import Writer
from tests.mail.test_writing import MOMENT, mailbox, open_sealed, parse, writer

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9
PDF = b"%PDF-1.7 " + bytes(range(256))


def drawing(chart: Chart) -> bytes:
    return PNG + chart.kind.encode()


def printing(page: str) -> bytes:
    assert "cid:" not in page
    return PDF + str(page.count("data:image/png;base64,")).encode()


def artist(**changed: object) -> Writer:
    return replace(writer(), **{"draw": drawing, "print_page": printing, **changed})  # type: ignore[arg-type]


def letter(name: str = "digest", turn: str = "busy", **changed: object) -> Letter:
    made = replace(sample_letter(name, turn, "en"), mailboxes=(mailbox("desk@de.example"),))
    return replace(made, **changed)  # type: ignore[arg-type]


def opened(by: Writer, of: Letter) -> EmailMessage:
    (mail,) = by.write(of, MOMENT)
    return parse(open_sealed(mail))


def shape(part: MIMEPart) -> object:
    if not part.is_multipart():
        return part.get_content_type()
    return {part.get_content_subtype(): [shape(inner) for inner in part.iter_parts()]}


def test_pictures_travel_beside_their_page_and_the_text_stands_alone() -> None:
    message = opened(artist(), letter())
    assert shape(message) == {"alternative": ["text/plain", {"related": ["text/html", "image/png", "image/png"]}]}
    text, related = message.iter_parts()
    page, *pictures = related.iter_parts()
    assert related.get_param("type") == "text/html"  # RFC 2387 §3.1
    wanted = re.findall(r'src="cid:([^"]+)"', page.get_content())
    assert [f"<{content_id}>" for content_id in wanted] == [part["Content-ID"] for part in pictures]
    assert [part.get_filename() for part in pictures] == ["responses.png", "reachability.png"]
    assert {part.get_content_disposition() for part in pictures} == {"inline"}
    assert [part.get_content() for part in pictures] == [PNG + b"strip", PNG + b"heat map"]
    assert text.get_content().startswith("7 THINGS NEED YOU")


def test_a_picture_that_cannot_be_drawn_leaves_its_words() -> None:
    message = opened(artist(draw=lambda chart: None if chart.kind == "strip" else PNG), letter())
    page, *pictures = list(message.iter_parts())[1].iter_parts()
    assert [part.get_filename() for part in pictures] == ["reachability.png"]
    assert "36 of 39 reached in time." in page.get_content()
    assert page.get_content().count("<img") == 1


def test_without_any_picture_the_page_is_alone() -> None:
    assert shape(opened(writer(), letter())) == {"alternative": ["text/plain", "text/html"]}


def test_files_come_last_and_unchanged() -> None:
    message = opened(artist(), letter("report", "half a year"))
    related = {"related": ["text/html", "image/png", "image/png"]}
    assert shape(message) == {"mixed": [{"alternative": ["text/plain", related]}, "application/pdf", "text/csv"]}
    _, pdf, table = message.iter_parts()
    assert (pdf.get_filename(), pdf.get_content()) == ("report-2026-01-01-2026-06-30-en.pdf", PDF + b"2")
    assert table.get_content_disposition() == "attachment"
    assert table.get_payload(decode=True) == letter("report", "half a year").attachments[0].octets


def test_what_cannot_be_printed_is_left_out() -> None:
    message = opened(artist(print_page=lambda _: None), letter("report", "half a year"))
    assert [part.get_content_type() for part in message.iter_parts()] == ["multipart/alternative", "text/csv"]


def test_a_letter_without_page_can_have_files() -> None:
    words = samples("en")["notice"]["always"]
    key = Attachment("robot.asc", "application/pgp-keys", b"-----BEGIN\n\x00")
    plain = Letter("notice", "en", (mailbox("desk@de.example"),), letter().tag, words, attachments=(key,))
    message = opened(artist(), plain)
    assert shape(message) == {"mixed": ["text/plain", "application/pgp-keys"]}


def test_copies_name_nobody_and_the_same_picture_has_one_name() -> None:
    boxes = (mailbox("desk@de.example"), mailbox("desk@it.example"))
    first, second = artist().write(letter(mailboxes=boxes), MOMENT)
    assert open_sealed(first) == open_sealed(second)
    assert b"desk@it.example" not in open_sealed(first)
    assert b"desk@de.example" not in open_sealed(first).replace(b"police-de.example", b"")
