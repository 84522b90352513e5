"""The addr-specs of an address field (RFC 5322 §3.4), read strictly: what two programs could read differently is none.

The standard library's getaddresses() finds an address in many fields that hold another one for the person who reads
them; a sender decides here who is answered, so a field that is not plainly an address list gives nothing.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from mailbot.core.tags import decode_subject

LONGEST = 320  # 64 octets of local part, "@", 255 of domain (RFC 5321 §4.5.3.1)

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | "(?P<quoted>(?:[^"\\]|\\.)*)"
      | (?P<literal>\[[^\[\]\\]*\])
      | (?P<special>[()<>@,;:])
      | (?P<atom>[^ \t\r\n"()<>@,;:\[\]\\]+)
      | (?P<broken>".*|.)""",  # a quote that is never closed spoils all that follows, and is looked for once
    re.VERBOSE | re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    text: str


_AT, _OPEN, _CLOSE, _COLON = (_Token("special", mark) for mark in "@<>:")
_SEPARATORS = (_COLON, _Token("special", ","), _Token("special", ";"))


def read_addresses(value: str, most: int) -> tuple[str, ...]:
    """The addresses of a decoded-octets field value, canonical, in order; () unless all of it can be read.

    Display names, comments and group names are left aside. A field that some mail program encoded whole, addresses and
    all, against RFC 2047 §5, is decoded and read again.
    """
    found = _read(value, most)
    if found or "=?" not in value or "@" in value:
        return found
    return _read(decode_subject(value), most)


def canonical(address: str) -> str:
    """The same address in one form: domain in lower-case ASCII (IDNA), local part as it is but without needless quotes.

    Empty if it is no address.
    """
    tokens = list(_tokens(address))
    return _address(tokens) if tokens and len(address) <= LONGEST else ""


def _read(value: str, most: int) -> tuple[str, ...]:
    found: list[str] = []
    for mailbox in _mailboxes(_without_comments(_tokens(value))):
        if _AT not in mailbox and _OPEN not in mailbox:
            continue  # nothing, or half of an unquoted `Doe, John <john@example.org>`
        address = _mailbox(mailbox)
        if not address:
            return ()
        if len(found) < most:
            found.append(address)
    return tuple(found)


def _tokens(value: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(value):
        kind = match.lastgroup or "broken"
        yield _Token(kind, match[kind])


def _without_comments(tokens: Iterator[_Token]) -> Iterator[_Token]:
    level = 0
    for token in tokens:
        if token == ("special", "("):
            level += 1
        elif token == ("special", ")"):
            level = max(0, level - 1)
        elif not level:
            yield token
    if level:
        yield _Token("broken", "(")


def _mailboxes(tokens: Iterator[_Token]) -> Iterator[list[_Token]]:
    """The tokens of each mailbox. A group's name is dropped, its members are mailboxes like others."""
    mailbox: list[_Token] = []
    angle = False
    for token in tokens:
        if token == _OPEN:
            angle = True
        elif token == _CLOSE:
            angle = False
        if angle or token not in _SEPARATORS or (token == _COLON and _AT in mailbox):
            mailbox.append(token)
            continue
        if token != _COLON:
            yield mailbox
        mailbox = []
    yield mailbox


def _mailbox(tokens: list[_Token]) -> str:
    """The address of `Name <a@b>` or `a@b`; empty if it is neither, or could be two."""
    if _OPEN not in tokens:
        return _address(tokens)
    first = tokens.index(_OPEN)
    name, rest = tokens[:first], [t for t in tokens[first + 1 :] if t.kind != "space"]
    if not rest or rest[-1] != _CLOSE or any(t.kind == "broken" or t in (_CLOSE, _COLON) for t in name):
        return ""
    address, shown = _address(rest[:-1]), _address(name)
    return "" if shown and shown != address else address  # `alice@example.org <mallory@example.net>`


def _address(tokens: list[_Token]) -> str:
    """`local@domain` from its tokens; spaces round dots and the at sign are obsolete and left out (RFC 5322 §4.4)."""
    tokens = [t for t in tokens if t.kind != "space"]
    if tokens.count(_AT) != 1 or any(t.kind == "broken" or (t.kind == "special" and t != _AT) for t in tokens):
        return ""
    middle = tokens.index(_AT)
    local, domain = _local(tokens[:middle]), _domain(tokens[middle + 1 :])
    address = f"{local}@{domain}"
    return address if local and domain and len(address) <= LONGEST and _is_clean(address) else ""


def _local(tokens: list[_Token]) -> str:
    if any(t.kind not in {"atom", "quoted"} for t in tokens):
        return ""
    plain = "".join(re.sub(r"\\(.)", r"\1", t.text) if t.kind == "quoted" else t.text for t in tokens)
    if re.fullmatch(r"[^\s\"()<>@,;:\[\]\\.]+(?:\.[^\s\"()<>@,;:\[\]\\.]+)*", plain):
        return plain
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"' if any(t.kind == "quoted" for t in tokens) else ""


def _domain(tokens: list[_Token]) -> str:
    if len(tokens) == 1 and tokens[0].kind == "literal":
        return tokens[0].text
    if any(t.kind != "atom" for t in tokens):
        return ""
    name = "".join(t.text for t in tokens).removesuffix(".")
    if name.isascii():
        return name.lower()
    try:
        encoded = name[:255].encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    return encoded if re.fullmatch(r"[a-z0-9.-]+", encoded) else ""  # some letters are prepared to a space


def _is_clean(address: str) -> bool:
    return not any(unicodedata.category(c)[0] in "CZ" and c != " " for c in address)
