"""Header fields: nothing gets in but one field, and a mail program reads back what was written."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import AddressHeader
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.mail import heading
from mailbot.mail.wording import clean


def read(octets: bytes, name: str) -> str:
    return str(message_from_bytes(octets + b"\r\n", policy=default)[name])


@given(st.text(max_size=600))
def test_a_text_is_read_back_and_is_one_field(text: str) -> None:
    written = heading.field("Subject", heading.text(text))
    lines = written.split(b"\r\n")
    assert lines.pop() == b""
    assert lines[0].startswith(b"Subject:")
    assert all(line.startswith(b" ") and line.strip() for line in lines[1:])
    assert all(len(line) <= heading.LINE_MOST for line in lines)
    assert b"\r" not in b"".join(lines)
    assert b"\n" not in b"".join(lines)
    written.decode("ascii")
    assert read(written, "Subject").split() == clean(text).split()


@given(st.text(alphabet="abc =?_é", max_size=2000))
def test_long_texts_are_folded(text: str) -> None:
    written = heading.field("Subject", heading.text(text))
    longest = max(map(len, text.split()), default=0)
    assert all(len(line) <= max(heading.LINE, longest + 10) for line in written.split(b"\r\n"))


def test_what_looks_encoded_is_not_decoded_by_the_reader() -> None:
    text = "=?utf-8?q?=0D=0ABcc:_x?= [INFO ALL]"
    assert read(heading.field("Subject", heading.text(text)), "Subject") == text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Subject", "a\r\nBcc: b@c.example"),
        ("Subject", "a\nb"),
        ("Subject", "a\x00b"),
        ("Subject", "é"),
        ("Sub ject", "a"),
        ("Subject:", "a"),
        ("", "a"),
        ("Subject\r\nBcc", "a"),
        ("Subject", "a" * 1200),
    ],
)
def test_a_field_that_could_be_more_than_one_is_refused(name: str, value: str) -> None:
    with pytest.raises(heading.UnwritableField) as caught:
        heading.field(name, value)
    assert "Bcc: " not in str(caught.value)


@given(st.text(max_size=80))
def test_a_name_stays_a_name(name: str) -> None:
    written = heading.field("From", heading.mailbox(name, "network@hub.example"))
    header = message_from_bytes(written + b"\r\n", policy=default)["From"]
    assert isinstance(header, AddressHeader)
    (mailbox,) = header.addresses
    assert mailbox.addr_spec == "network@hub.example"
    # Python 3.11 leaves a space between two encoded words of a name.
    assert "".join(mailbox.display_name.split()) == "".join(clean(name).split())


@pytest.mark.parametrize(
    "address",
    [
        "a@b\r\nBcc: c@d",
        "a b@c.example",
        "<a@b.example>",
        "a@b.example,c@d.example",
        "a@",
        "é@b.example",
        '"a"@b.example',
    ],
)
def test_an_address_that_could_be_read_otherwise_is_refused(address: str) -> None:
    with pytest.raises(heading.UnwritableField):
        heading.mailbox("", address)


def test_dates_and_parameters() -> None:
    at = datetime(2026, 11, 23, 3, 10, 5, 123456, tzinfo=UTC)
    assert heading.date(at) == "Mon, 23 Nov 2026 03:10:05 +0000"
    assert heading.parameter("boundary", "=_x") == '; boundary="=_x"'
    with pytest.raises(heading.UnwritableField):
        heading.parameter("name", 'a"; b="c')
