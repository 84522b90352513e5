"""Parts keep exactly their own octets; what is damaged is read as far as it can be, and never twice."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.mail.fields import read_fields, section_end
from mailbot.mail.limits import Limits, TooMuch
from mailbot.mail.mime import Part, decode_base64, decode_transfer, read_tree, read_value, with_crlf
from tests.mail.mails import multipart, part

LIMITS = Limits()


def tree(octets: bytes) -> Part:
    return read_tree(octets, LIMITS)


def test_parts_keep_exactly_their_octets() -> None:
    first = part("text/plain", b"trailing space \r\n\r\n\xff\x00 8-bit\r\n")
    second = b"\r\nno header\r\n"
    root = tree(multipart("mixed", first, second))
    assert [child.octets for child in root.children] == [first, second]
    assert [child.type for child in root.children] == ["text/plain", "text/plain"]


def test_preamble_and_epilogue_are_nobodys() -> None:
    body = b"preamble\r\n--b\r\n\r\none\r\n--b--\r\nepilogue\r\n--b\r\n\r\nno"
    root = tree(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body)
    assert [child.decoded() for child in root.children] == [b"one"]


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"--b\r\n\r\none\r\n--b--", [b"one"]),
        (b"--b\r\n\r\none", [b"one"]),  # cut off
        (b"--b  \t\r\n\r\none\r\n--b-- \r\n", [b"one"]),  # spaces that gateways leave
        (b"--b\r\n\r\none\r\n--bb\r\n--b--", [b"one\r\n--bb"]),  # another's delimiter
        (b"--b\r\n--b\r\n\r\ntwo\r\n--b--", [b"", b"two"]),  # an empty part
        (b"--b--\r\n", []),
        (b"", []),
        (b"text --b\r\n", []),
    ],
)
def test_delimiters(body: bytes, parts: list[bytes]) -> None:
    root = tree(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body)
    assert [child.source[child.body : child.end] for child in root.children] == parts


def test_an_outer_delimiter_ends_an_inner_multipart() -> None:
    inner = b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\none"  # never closed
    root = tree(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + inner + b"\r\n--b\r\n\r\ntwo\r\n--b--\r\n"
    )
    assert [leaf.decoded() for leaf in root.leaves()] == [b"one", b"two"]


def test_an_attached_message_is_a_leaf() -> None:
    attached = part("message/rfc822", multipart("mixed", part("text/plain", "inside")))
    root = tree(multipart("mixed", attached, boundary="=_outer"))
    assert [leaf.type for leaf in root.leaves()] == ["message/rfc822"]


def test_parts_of_a_digest_are_messages() -> None:
    assert [child.type for child in tree(multipart("digest", b"\r\nSubject: x\r\n")).children] == ["message/rfc822"]


@pytest.mark.parametrize("written", ["", "text", "text/", "garbage; charset=utf-8", "/plain", "a/b/c"])
def test_a_type_that_cannot_be_read_is_text(written: str) -> None:
    assert tree(part(written, "x")).type == "text/plain"


# ---------------------------------------------------------------- bounds


def test_a_thousand_parts_are_enough() -> None:
    assert len(tree(multipart("mixed", *[b"\r\nx"] * 999)).children) == 999
    with pytest.raises(TooMuch):
        tree(multipart("mixed", *[b"\r\nx"] * 1000))


def test_hostile_trees_are_read_in_linear_time() -> None:
    nested = part("text/plain", b"--=_\r\n" * 1_000_000)
    for level in range(100):
        nested = multipart("mixed", nested, boundary=f"=_{level}_" + "x" * 60)
    delimiters = b'Content-Type: multipart/mixed; boundary="' + b"-" * 60 + b'"\r\n\r\n' + b"-" * 5_000_000
    spaces = b"Content-Type: text/plain;" + b" " * 1_000_000 + b"\r\n\r\n"
    parameters = b"Content-Type: text/plain" + b'; a="\\"' * 100_000 + b"\r\n\r\n"
    began = time.process_time()
    for octets in (nested, delimiters, spaces, parameters):
        assert tree(octets).end == len(octets)
    assert time.process_time() - began < 4


# ---------------------------------------------------------------- header sections


@pytest.mark.parametrize(
    ("octets", "section", "body"),
    [
        (b"A: b\r\n\r\nbody", b"A: b\r\n", b"body"),
        (b"A: b\r\n", b"A: b\r\n", b""),
        (b"\r\nbody", b"", b"body"),
        (b"body without header\r\n", b"", b"body without header\r\n"),
        (
            b"A: b\r\n \r\nC: d\r\n\r\nbody",
            b"A: b\r\n \r\nC: d\r\n",
            b"body",
        ),  # a line of spaces goes on (RFC 5322 §4.2)
        (b"", b"", b""),
    ],
)
def test_where_a_header_section_ends(octets: bytes, section: bytes, body: bytes) -> None:
    end, begin = section_end(octets, 0, len(octets))
    assert (octets[:end], octets[begin:]) == (section, body)


def test_fields() -> None:
    section = b"Subject: one\r\n  two\r\nbroken line\r\n\tof it\r\nFROM : a@b\r\nX:\r\nSubject: again\r\n"
    fields = read_fields(section, LIMITS)
    assert fields.pairs == (("subject", b"one  two"), ("from", b"a@b"), ("x", b""), ("subject", b"again"))
    assert fields.first("subject") == b"one  two"
    assert fields.all("subject", "x") == (b"one  two", b"", b"again")
    assert fields.complete


def test_fields_are_bounded() -> None:
    fields = read_fields(b"A: b\r\nLong: " + b"x" * 1_000_000, LIMITS)
    assert not fields.complete
    assert len(fields.first("long")) == LIMITS.field


# ---------------------------------------------------------------- parameters

VALUES = [
    ('text/plain; charset="utf-8"', "charset", "utf-8"),
    ("text/plain; charset=utf-8 (comment)", "charset", "utf-8"),
    ("text/plain;charset = utf-8 ; format=flowed", "format", "flowed"),
    (r'x/y; boundary="a\"b;c"', "boundary", 'a"b;c'),
    ("x/y; boundary=a;boundary=b", "boundary", "a"),
    ("x/y; filename*=utf-8''%C3%A9t%C3%A9.pdf", "filename", "été.pdf"),
    ('x/y; filename*0="long "; filename*1=name', "filename", "long name"),
    ("x/y; filename*0*=iso-8859-1''%E9; filename*1=t", "filename", "ét"),
    ("x/y; charset", "charset", ""),
    ('x/y; charset="utf-8', "charset", '"utf-8'),
    ("", "charset", ""),
]


@pytest.mark.parametrize(("written", "name", "value"), VALUES)
def test_parameters(written: str, name: str, value: str) -> None:
    assert read_value(written.encode()).get(name) == value


@given(st.binary(max_size=300))
def test_any_field_value_can_be_read(octets: bytes) -> None:
    assert isinstance(read_value(b"x/y;" + octets).parameters, dict)


# ---------------------------------------------------------------- transfer encodings and line ends


def test_transfer_encodings() -> None:
    assert decode_transfer(b"caf=C3=A9=\r\n!", "quoted-printable") == "café!".encode()
    assert decode_transfer(b"Y2Fm\r\nw6k=\r\n", "base64") == "café".encode()
    assert decode_transfer(b"caf=C3", "8bit") == decode_transfer(b"caf=C3", "x-unknown") == b"caf=C3"


@given(st.binary(max_size=300))
def test_damaged_base64_never_raises(octets: bytes) -> None:
    assert isinstance(decode_base64(octets), bytes)
    assert isinstance(decode_transfer(octets, "quoted-printable"), bytes)


def test_base64_that_lost_its_end() -> None:
    assert decode_base64(b"Y2Fmw6") == b"caf\xc3"
    assert decode_base64(b"Y2Fmw") == b"caf"


@pytest.mark.parametrize("newline", [b"\r\n", b"\n", b"\r"])
def test_line_ends(newline: bytes) -> None:
    assert with_crlf(b"a\r\n\r\nb\r\n".replace(b"\r\n", newline)) == b"a\r\n\r\nb\r\n"


def test_mail_with_crlf_is_not_copied() -> None:
    octets = b"a\r\nbinary \r octet\r\n"
    assert with_crlf(octets) is octets
    assert with_crlf(b"a\r\nb\n") == b"a\r\nb\r\n"


def test_a_text_is_cut_between_characters() -> None:
    long = part("text/plain; charset=utf-8", "é" * 100)
    assert set(tree(long).text(51)) == {"é"}
    lines = part("text/plain; charset=utf-8", "éé\r\n" * 100)
    assert set(tree(lines).text(53)) == set("é\r\n")


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_what_was_put_in_comes_out(bodies: list[bytes]) -> None:
    entities = [b"\r\n" + body for body in bodies]
    root = tree(multipart("mixed", *entities, boundary="=_never_in_so_few_octets_"))
    assert [child.octets for child in root.children] == entities


def test_lines_that_only_look_like_delimiters_do_not_cost_time() -> None:
    body = b"\r\n--b x" * 1_000_000
    start = time.monotonic()
    with pytest.raises(TooMuch):
        tree(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body)
    assert time.monotonic() - start < 2


def test_fields_and_parameters_beyond_any_use_are_passed_over() -> None:
    fields = read_fields(b"a:\r\n" * 60_000, LIMITS)
    assert len(fields.pairs) == LIMITS.fields
    assert not fields.complete
    assert len(read_value(b"text/plain" + b"".join(b"; p%d=x" % n for n in range(500))).parameters) == 50
    assert read_fields(b"a:\r\n" * LIMITS.fields, LIMITS).complete
