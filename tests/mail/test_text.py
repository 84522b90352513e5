"""What the person wrote: which part, in which charset, with or without markup."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.mail.charsets import charset_of, codec, decode
from mailbot.mail.limits import Limits
from mailbot.mail.markup import html_to_text
from mailbot.mail.mime import read_tree
from mailbot.mail.text import unflow, written_text
from tests.mail.mails import multipart, part

LIMITS = Limits()
PLAIN = part("text/plain", "plain\r\n")
HTML = part("text/html", "<p>html</p>")
EMPTY = part("text/plain", "\r\n  \r\n")


def text(entity: bytes, limits: Limits = LIMITS) -> str:
    return written_text(read_tree(entity, limits), limits)


# ---------------------------------------------------------------- which part

SHAPES = [
    (PLAIN, "plain\n"),
    (HTML, "html"),
    (multipart("alternative", PLAIN, HTML), "plain\n"),
    (multipart("alternative", HTML, PLAIN), "plain\n"),
    (multipart("alternative", EMPTY, HTML), "html"),
    (multipart("alternative", EMPTY, multipart("related", HTML, part("image/png", "x"), boundary="=_r")), "html"),
    (multipart("alternative", EMPTY), ""),
    (multipart("related", HTML, PLAIN), "html"),
    (multipart("mixed", PLAIN, part("application/pdf", "x"), HTML), "plain\n\nhtml"),
    (multipart("mixed", PLAIN, part("text/plain", "attached", "Content-Disposition: attachment")), "plain\n"),
    (multipart("mixed", PLAIN, part("message/rfc822", "Subject: x\r\n\r\ninside")), "plain\n"),
    (part("application/pdf", "x"), ""),
    (part("multipart/mixed", "no parts"), ""),
    (part("text/calendar", "BEGIN:VCALENDAR"), ""),
]


@pytest.mark.parametrize(("entity", "expected"), SHAPES)
def test_which_part_a_person_reads(entity: bytes, expected: str) -> None:
    assert text(entity) == expected


def test_long_texts_are_cut_in_time() -> None:
    assert text(part("text/plain", "é" * 5_000), Limits(text=1_001)) == "é" * 500


# ---------------------------------------------------------------- legacy display (RFC 9788 §5.2, and the draft before)


def test_the_legacy_display_of_rfc_9788() -> None:
    plain = 'text/plain; charset=utf-8; hp-legacy-display="1"'
    body = "Subject: [REQUEST DE] x\r\nFrom: a@b.example\r\n folded\r\n\r\nBonjour\r\n"
    html = part(
        'text/html; hp-legacy-display="1"',
        '<html><body><div class="header-protection-legacy-display"><pre>Subject: x</pre><div>y</div></div>'
        "<p>Bonjour</p></body></html>",
    )
    single = part(plain + '; hp="cipher"', body)
    assert text(single) == "Bonjour\n"
    assert text(multipart("alternative", part(plain, body), html, fields='; hp="cipher"')) == "Bonjour\n"
    assert text(multipart("alternative", EMPTY, html, fields='; hp="cipher"')) == "Bonjour"


def test_a_legacy_display_counts_only_where_headers_are_protected() -> None:
    body = "Subject: [REQUEST DE] x\r\n\r\nBonjour\r\n"
    assert text(part('text/plain; hp-legacy-display="1"', body)) == body.replace("\r\n", "\n")


@pytest.mark.parametrize("body", ["Bonjour\r\n\r\nSubject: x\r\n", "Subject: x\r\nBonjour\r\n\r\ny\r\n"])
def test_a_text_that_is_no_legacy_display_is_kept(body: str) -> None:
    assert text(part('text/plain; hp="cipher"; hp-legacy-display="1"', body)) == body.replace("\r\n", "\n")


@pytest.mark.parametrize("legacy", ["text/plain", "text/rfc822-headers"])
def test_the_legacy_display_of_the_older_draft(legacy: str) -> None:
    first = part(f'{legacy}; protected-headers="v1"', "Subject: x\r\n", "Content-Disposition: inline")
    assert text(multipart("mixed", first, PLAIN, fields='; protected-headers="v1"')) == "plain\n"


# ---------------------------------------------------------------- format=flowed (RFC 3676)


@pytest.mark.parametrize(
    ("flowed", "expected"),
    [
        ("one \ntwo\nthree", "one two\nthree"),
        (" > stuffed\n From x", "> stuffed\nFrom x"),
        ("> one \n> two\nmine", "> one two\nmine"),
        (">> a \n> b", ">> a \n> b"),
        ("end \n-- \nAlice", "end \n-- \nAlice"),
        ("", ""),
    ],
)
def test_flowed(flowed: str, expected: str) -> None:
    assert unflow(flowed, delete_space=False) == expected


def test_flowed_parts() -> None:
    assert text(part("text/plain; format=flowed; delsp=yes", "日本 \r\n語\r\n")) == "日本語\n"
    assert text(part("text/plain; format=flowed", "[REQUEST DE,\r\n IT]\r\n")) == "[REQUEST DE,\nIT]\n"


# ---------------------------------------------------------------- charsets

RUSSIAN = "Привет, встреча завтра утром в Москве"
POLISH = "Zażółć gęślą jaźń i coś jeszcze proszę"

CHARSETS = [
    ("utf-8", "é", "utf-8"),
    ("iso-8859-1", "é “x” €", "windows-1252"),  # what senders mean by Latin-1
    ("iso-8859-1", "été", "utf-8"),  # a lie that can be seen
    ("us-ascii", "château où", "windows-1252"),
    ("", "Grüße", "iso-8859-1"),
    ("utf-8", "Où êtes-vous ? À bientôt", "iso-8859-1"),
    ("us-ascii", RUSSIAN, "koi8-r"),
    ("iso-8859-1", RUSSIAN, "windows-1251"),
    ("windows-1251", RUSSIAN, "windows-1251"),
    ("utf-8", POLISH, "iso-8859-2"),
    ("unknown-8bit", POLISH, "windows-1250"),
    ("x-unknown", "é", "utf-8"),
    ("gb2312", "镕基", "gb18030"),
    ("ks_c_5601-1987", "안녕하세요", "cp949"),
    ("iso-2022-jp", "こんにちは", "iso-2022-jp"),
    ("", "こんにちは", "iso-2022-jp"),
    ("shift_jis", "①日本語", "cp932"),
    ("big5", "繁體中文", "big5"),
    ("iso-8859-8-i", "שלום", "iso-8859-8"),
    ("iso-8859-9", "ışık", "iso-8859-9"),
    ("tis-620", "สวัสดี", "tis-620"),
    ("utf-16", "é", "utf-16"),
    ("utf-16le", "é", "utf-16le"),
    ("utf-7", "é", "utf-7"),
    ("ibm437", "é", "cp437"),
    ("macintosh", "é", "mac-roman"),
    ('"utf-8"', "é", "utf-8"),
]


@pytest.mark.parametrize(("label", "written", "really"), CHARSETS)
def test_charsets(label: str, written: str, really: str) -> None:
    assert decode(written.encode(really), label) == written


@pytest.mark.parametrize(
    "label", ["idna", "punycode", "rot13", "hex", "zlib", "unicode_escape", "undefined", "base64", "a\0b"]
)
def test_codecs_that_are_no_charset(label: str) -> None:
    assert codec(label) == "utf-8"
    assert decode(b"\\u0041 abc", label) == "\\u0041 abc"


@given(st.binary(max_size=400), st.text(max_size=12))
def test_any_octets_are_some_text(octets: bytes, label: str) -> None:
    assert "\ufffd" not in decode(octets, label) or "\ufffd".encode() in octets
    assert decode(octets, label).encode("utf-8") is not None


@pytest.mark.parametrize(
    ("octets", "label", "name"),
    [
        (b"abc", "utf-8", "us-ascii"),
        ("é".encode(), "iso-8859-1", "utf-8"),
        ("é".encode("cp1252"), "iso-8859-1", "windows-1252"),
        ("é à".encode("cp1252"), "utf-8", "windows-1252"),
        ("ąż".encode("iso-8859-2"), "iso-8859-2", "iso-8859-2"),
        ("日本".encode("shift_jis"), "shift_jis", "shift_jis"),
        ("日本".encode("iso-2022-jp"), "iso-2022-jp", "iso-2022-jp"),
        (RUSSIAN.encode("koi8-r"), "", "koi8-r"),
    ],
)
def test_the_name_that_a_text_is_passed_on_under(octets: bytes, label: str, name: str) -> None:
    assert charset_of(octets, label) == name


@given(st.binary(max_size=200), st.text(max_size=12))
def test_that_name_is_never_a_lie(octets: bytes, label: str) -> None:
    name = charset_of(octets, label)
    assert name == "windows-1252" or octets.decode(codec(name)) is not None


# ---------------------------------------------------------------- HTML

PAGES = [
    ("<p>one</p><p>two</p>", "one\n\ntwo"),
    ("one<br>two<BR/>three", "one\ntwo\nthree"),
    ("<div>one</div><div>two</div>", "one\ntwo"),
    ("a<br><br>b", "a\n\nb"),
    ("  a \n\t b  ", "a b"),
    ("<pre>a\n  b</pre>", "a\n  b"),
    ("<ul><li>a<li>b</ul>", "a\nb"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
    ("<blockquote>old<blockquote>older</blockquote></blockquote>new", "> old\n>\n> > older\n>\nnew"),
    ("<head><title>t</title></head><body>b</body>", "b"),
    ("<style>p{}</style><script>x<y</script>b", "b"),
    ("<!-- c --><!DOCTYPE html><?xml?><![endif]>b", "b"),
    ("&eacute;&#233;&#xE9;&nbsp;&lt;b&gt;", "ééé\xa0<b>"),
    ("a < b > c", "a < b > c"),
    ("<a href='x>y'>link</a>", "y'>link"),
    ("[REQUEST DE]<br>Bonjour", "[REQUEST DE]\nBonjour"),
    ("<p>never closed", "never closed"),
    ("<!-- never closed", "<!-- never closed"),
    ("", ""),
]


@pytest.mark.parametrize(("page", "expected"), PAGES)
def test_html(page: str, expected: str) -> None:
    assert html_to_text(page) == expected


@given(st.text(alphabet="<>/!-&#;x0 \n=\"'apbr", max_size=200))
def test_any_markup_can_be_read(page: str) -> None:
    assert isinstance(html_to_text(page), str)


FLOODS = [
    "<a ",
    "<!--",
    "<![",
    "<",
    "</",
    '<a x="',
    "&#",
    "<p>",
    "<br>",
    "<blockquote>",
    "<pre>\n",
    "<script>",
    " ",
    "\n",
    "<a" + " " * 3_990,
]


@pytest.mark.parametrize("flood", FLOODS)
def test_hostile_markup_is_read_in_linear_time(flood: str) -> None:
    began = time.process_time()
    html_to_text(flood * (500_000 // len(flood)))
    html_to_text("&#" + "9" * 500_000 + ";")
    assert time.process_time() - began < 3


@pytest.mark.parametrize("line", ["a ", "> ", ">", " ", "\r", "-- ", ">" * 1_000])
def test_hostile_texts_are_read_in_linear_time(line: str) -> None:
    entity = part("text/plain; format=flowed", (line + "\n") * (1_000_000 // len(line)))
    began = time.process_time()
    text(entity)
    assert time.process_time() - began < 3
