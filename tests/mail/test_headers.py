"""Header fields as the robot sees them: decoded, bounded, and without anything that could pass for something else."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.core.mail import Headers
from mailbot.mail.addresses import canonical, read_addresses
from mailbot.mail.fields import read_fields
from mailbot.mail.headers import DELIVERY_FIELDS, message_ids, protected_headers, read_headers
from mailbot.mail.limits import Limits
from mailbot.mail.mime import read_tree
from tests.mail.mails import part

LIMITS = Limits()


def headers(section: str | bytes, limits: Limits = LIMITS) -> Headers:
    octets = section.encode() if isinstance(section, str) else section
    return read_headers(read_fields(octets.replace(b"\n", b"\r\n"), limits), limits, DELIVERY_FIELDS)


# ---------------------------------------------------------------- From

SENDERS = [
    ("Alice <alice@example.org>", "alice@example.org"),
    ("alice@example.org", "alice@example.org"),
    ("<alice@EXAMPLE.org>", "alice@example.org"),
    ('"Doe, Alice (desk)" <alice@example.org>', "alice@example.org"),
    ("Doe, Alice <alice@example.org>", "alice@example.org"),
    ("alice(night (shift))@example.org (Alice)", "alice@example.org"),
    ("=?utf-8?q?Ren=C3=A9?= <rene@example.org>", "rene@example.org"),
    ("=?utf-8?Q?Alice_<alice=40example.org>?=", "alice@example.org"),
    ("Desk [EXTERNAL] <desk@example.org>", "desk@example.org"),
    ("alice @ example . org", "alice@example.org"),
    ('"alice"@example.org', "alice@example.org"),
    ('"alice b"@example.org', '"alice b"@example.org'),
    ("Büro <büro@bücher.example>", "büro@xn--bcher-kva.example"),
    ("Desk: alice@example.org;", "alice@example.org"),
    ("alice@example.org <alice@example.org>", "alice@example.org"),
    ("alice@[192.0.2.1]", "alice@[192.0.2.1]"),
    # more than one, or none, or not the same for everybody who reads it
    ("alice@example.org, bob@example.org", ""),
    ("Desk: alice@example.org, bob@example.org;", ""),
    ("alice@example.org <mallory@example.net>", ""),
    ("<alice@example.org> <mallory@example.net>", ""),
    ("alice@example.org mallory@example.net", ""),
    ("alice@example.org@example.net", ""),
    ('"alice@example.org <mallory@example.net>', ""),
    ("Alice <alice@example.org", ""),
    ("<@relay.example,@other.example:alice@example.org>", ""),
    ("undisclosed-recipients:;", ""),
    ("alice@exam\x00ple.org", ""),
    ("alice@example.org\u202e", ""),
    ("alice\u2028@example.org", ""),
    ("Alice\xa0Doe <alice@example.org>", "alice@example.org"),
    ("@example.org", ""),
    ("alice@", ""),
    (".alice@example.org", ""),
    ("", ""),
    ("a" * 400 + "@example.org", ""),
]


@pytest.mark.parametrize(("written", "sender"), SENDERS)
def test_the_sender(written: str, sender: str) -> None:
    assert headers(f"From: {written}\n").sender == sender


def test_two_from_fields_are_no_sender() -> None:
    assert headers("From: a@b.example\nFrom: a@b.example\n").sender == ""
    assert headers("Subject: x\n").sender == ""


@given(st.text(max_size=200))
def test_an_address_never_brings_control_characters(text: str) -> None:
    for address in read_addresses(text, 100):
        assert address.isprintable()
        assert address.count("@") >= 1
        assert canonical(address) == address


# ---------------------------------------------------------------- To, and where it was delivered


def test_recipients() -> None:
    found = headers("To: Hub <hub@network.example>, a@b.example\nCc: G: c@d.example, a@b.example;\nTo: broken@\n")
    assert found.to == ("hub@network.example", "a@b.example", "c@d.example")


def test_recipients_are_bounded() -> None:
    many = ", ".join(f"a{n}@b.example" for n in range(3_000))
    assert len(headers(f"To: {many}\n").to) == LIMITS.addresses


def test_where_it_was_delivered() -> None:
    found = headers(
        "Delivered-To: hub+b.x.y@network.example\nX-Original-To: <control@network.example>\nEnvelope-To: e@f.example\n"
    )
    assert found.delivered_to == ("hub+b.x.y@network.example", "control@network.example", "e@f.example")
    assert read_headers(read_fields(b"Delivered-To: a@b\r\n", LIMITS), LIMITS, ["X-Other"]).delivered_to == ()


# ---------------------------------------------------------------- identifiers

IDS = [
    ("<a@b>", ("<a@b>",)),
    ("<a@b> <c@d>", ("<a@b>", "<c@d>")),
    ("a@b", ("<a@b>",)),
    ('Your message of "Mon, 1 Jan" <a@b>', ("<a@b>",)),
    ("<a@b> (Alice's message), c@d", ("<a@b>", "<c@d>")),
    ("<a\t@b>", ("<a@b>",)),
    ("<no-at-sign>", ("<no-at-sign>",)),
    ("<a@b><a@b>", ("<a@b>",)),
    ("<>", ()),
    ("<a@b", ("<a@b>",)),
    ("word", ()),
    ("<" + "a" * 2_000 + "@b>", ()),
    ("<a\x00@b>", ()),
]


@pytest.mark.parametrize(("written", "ids"), IDS)
def test_identifiers(written: str, ids: tuple[str, ...]) -> None:
    assert message_ids(written.encode()) == ids


def test_the_newest_reference_comes_first() -> None:
    found = headers("References: <1@x> <2@x>\n <3@x>\nIn-Reply-To: <3@x> (see <0@x>)\nMessage-ID: <4@x>\n")
    assert found.references == ("<3@x>", "<0@x>", "<2@x>", "<1@x>")
    assert found.message_id == "<4@x>"


def test_references_are_bounded() -> None:
    found = headers("References: " + " ".join(f"<{n}@x>" for n in range(1_000)) + "\n")
    assert len(found.references) == LIMITS.ids
    assert found.references[0] == "<999@x>"


# ---------------------------------------------------------------- subject and date


def test_a_subject_split_inside_a_character() -> None:
    assert headers("Subject: =?utf-8?B?w4PDqcOp?= =?utf-8?Q?=C3?=\n =?utf-8?Q?=A9?= x\n").subject == "Ãééé x"


def test_a_subject_in_raw_octets() -> None:
    assert headers("Subject: réponse\n").subject == "réponse"
    assert headers("Subject: réponse".encode("iso-8859-1")).subject == "réponse"


def test_control_characters_are_taken_out() -> None:
    subject = headers("Subject: =?utf-8?Q?a=0D=0ABcc:_x=00=E2=80=AEy?=\n").subject
    assert subject.isprintable()
    assert subject.replace(" ", "") == "aBcc:xy"


def test_the_first_subject_counts_and_is_bounded() -> None:
    assert headers("Subject: one\nSubject: two\n").subject == "one"
    assert len(headers("Subject: " + "x" * 10_000 + "\n").subject) == 2_000


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("Mon, 20 Jul 2026 10:00:00 +0200", datetime(2026, 7, 20, 8, tzinfo=UTC)),
        ("20 Jul 2026 10:00:00 GMT", datetime(2026, 7, 20, 10, tzinfo=UTC)),
        ("20 Jul 2026 10:00:00 -0000", datetime(2026, 7, 20, 10, tzinfo=UTC)),
        ("Mon, 20 Jul 2026 10:00:00 +9999", None),
        ("Mon, 99 Jul 2026 10:00:00 +0000", None),
        ("0000", None),
        ("", None),
        ("1 Jan 99999999999 00:00:00 +0000", None),
        ("1 Jan 1 00:00:00 " + "+" * 100, datetime(2001, 1, 1, tzinfo=UTC)),
    ],
)
def test_dates(written: str, date: datetime | None) -> None:
    assert headers(f"Date: {written}\n").date == date


@given(st.binary(max_size=200))
def test_any_date_can_be_read(octets: bytes) -> None:
    date = headers(b"Date: " + octets.replace(b"\n", b"")).date
    assert date is None or date.utcoffset() == timedelta(0)


# ---------------------------------------------------------------- protected headers


@pytest.mark.parametrize("parameter", ['hp="cipher"', "hp=clear", 'protected-headers="v1"'])
def test_a_payload_says_that_its_headers_are_protected(parameter: str) -> None:
    payload = read_tree(part(f"text/plain; {parameter}", "x", "Subject: s", "To: a@b.example"), LIMITS)
    found = protected_headers(payload, LIMITS)
    assert found is not None
    assert (found.subject, found.to, found.delivered_to) == ("s", ("a@b.example",), ())


@pytest.mark.parametrize("parameter", ["charset=utf-8", "hp=other", "hp"])
def test_a_payload_that_does_not_say_so(parameter: str) -> None:
    payload = read_tree(part(f"text/plain; {parameter}", "x", "Subject: s"), LIMITS)
    assert protected_headers(payload, LIMITS) is None


def test_hp_outer_is_no_field_of_the_mail() -> None:
    payload = read_tree(part('text/plain; hp="cipher"', "x", "HP-Outer: Subject: [...]", "Subject: s"), LIMITS)
    found = protected_headers(payload, LIMITS)
    assert found is not None
    assert found.subject == "s"


# ---------------------------------------------------------------- bounds


def test_hostile_fields_are_read_in_linear_time() -> None:
    hostile = [
        '"\\' * 32_000,
        "(" * 64_000,
        "<" * 64_000,
        "[ " * 30_000,
        "a:" * 30_000,
        "@:" * 30_000,
        "=?q?q?" * 10_000,
    ]
    began = time.process_time()
    for value in hostile:
        for name in ("From", "To", "Delivered-To", "Subject", "References", "Message-ID", "Date"):
            headers(f"{name}: {value}\n")
    assert time.process_time() - began < 5
