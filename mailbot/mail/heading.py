"""Writes header fields: the one place where a value gets into the header of a mail, and no line end with it."""

import re
from datetime import datetime
from email.header import Header
from email.utils import format_datetime

from mailbot.mail.wording import clean

LINE = 78  # columns, where a space allows a fold (RFC 5322 §2.1.1)
LINE_MOST = 998  # octets, never more
WORD_ENCODED = 66  # columns of an encoded word, so that "Subject: " still goes before it
WORD_MOST = 200  # a longer word is encoded, because an encoded word can be cut
TEXT_MOST = 1_000  # characters of a free text, such as a subject

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_VALUE = re.compile(r"[ -~]*")
_ADDRESS = re.compile(r"[!#-'*+\-./0-9=?A-Z^-~]{1,64}@[A-Za-z0-9.\-\[\]:]{1,255}")  # unquoted, ASCII


class UnwritableField(ValueError):
    """Something that cannot stand in a header was about to: a bug or a wrong configuration, never bad mail."""


def field(name: str, value: str) -> bytes:
    """`Name: value` and CRLF, folded at spaces. Raises UnwritableField for anything but printable ASCII."""
    if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
        raise UnwritableField(f"field {name[:60]!r}")
    lines, line = list[str](), f"{name}:"
    for word in value.split():
        if len(line) + len(word) >= LINE and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    lines.append(line)
    if max(map(len, lines)) > LINE_MOST:
        raise UnwritableField(f"field {name[:60]!r} is too long")
    return "\r\n".join(lines).encode("ascii") + b"\r\n"


def text(words: str) -> str:
    """Free text as a value, RFC 2047 encoded where it must be; what is no visible character is left out."""
    line = " ".join(clean(words).split())[:TEXT_MOST]
    # Written as it is, "=?" would be read as the beginning of an encoded word.
    if line.isascii() and "=?" not in line and max(map(len, line.split()), default=0) <= WORD_MOST:
        return line
    return " ".join(Header(line, "utf-8", maxlinelen=WORD_ENCODED).encode().split())


def mailbox(name: str, address: str) -> str:
    """`Name <address>` as a value. Raises UnwritableField for an address that could be read as something else."""
    if not _ADDRESS.fullmatch(address):
        raise UnwritableField("an address")
    shown = text(name)
    if shown and shown == " ".join(clean(name).split()):
        shown = '"' + re.sub(r'(["\\])', r"\\\1", shown) + '"'
    return f"{shown} <{address}>" if shown else address


def date(at: datetime) -> str:
    """An aware time as RFC 5322 §3.3 wants it."""
    return format_datetime(at.replace(microsecond=0))


def parameter(name: str, value: str) -> str:
    """`; name="value"` of a structured field; the value is our own and plain."""
    if not re.fullmatch(r"[ !#-\[\]-~]*", value):
        raise UnwritableField(f"parameter {name!r}")
    return f'; {name}="{value}"'
