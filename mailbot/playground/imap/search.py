"""SEARCH: its keys become one question that is asked of every mail (RFC 3501 §6.4.4).

Limit: BODY and TEXT look into the mail's octets as they are and do not decode base64 or quoted-printable.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from typing import Final

from mailbot.playground.accounts import Mail
from mailbot.playground.imap.parts import Part, part_of
from mailbot.playground.imap.syntax import BadSyntax, Refused, Word, ranges, text

Question = Callable[[int, Mail], bool]
"""Sequence number and mail -> does it match?"""

CHARSETS: Final = {"US-ASCII", "UTF-8"}

_FLAGS: Final = ("Answered", "Deleted", "Draft", "Flagged", "Seen")
_FIXED: Final[dict[str, Question]] = {
    "ALL": lambda _number, _mail: True,
    "OLD": lambda _number, _mail: True,
    "NEW": lambda _number, _mail: False,  # this server calls no mail recent
    "RECENT": lambda _number, _mail: False,
}
_HEADERS: Final = ("BCC", "CC", "FROM", "SUBJECT", "TO")
_COMPARE: Final[dict[str, Callable[[date, date], bool]]] = {
    "BEFORE": date.__lt__,
    "ON": date.__eq__,
    "SINCE": date.__ge__,
}


@dataclass
class Search:
    """Reads the words of a SEARCH from left to right; `largest` number and UID stand for the star."""

    words: list[Word]
    largest: int
    largest_uid: int

    def question(self) -> Question:
        """All keys joined. Raises BadSyntax, and Refused for an unknown charset."""
        self.words = list(self.words)
        if self._ahead() == "CHARSET":
            self._next()
            if self._text().upper() not in CHARSETS:
                raise Refused(f"[BADCHARSET ({' '.join(sorted(CHARSETS))})] unknown charset")
        if not self.words:
            raise BadSyntax("SEARCH needs a key")
        return self.all_of()

    def all_of(self) -> Question:
        """The keys that are left, joined by AND. Raises BadSyntax."""
        keys = []
        while self.words:
            keys.append(self._key())
        return lambda number, mail: all(key(number, mail) for key in keys)

    def _key(self) -> Question:
        word = self._next()
        if isinstance(word, list):
            return Search(word, self.largest, self.largest_uid).all_of()
        name = text(word).upper()
        for reader in (self._fixed, self._flag, self._joined, self._worded, self._dated, self._sized):
            if question := reader(name):
                return question
        return self._numbered(name)

    def _fixed(self, name: str) -> Question | None:
        return _FIXED.get(name)

    def _flag(self, name: str) -> Question | None:
        if name in {"KEYWORD", "UNKEYWORD"}:
            return _has_flag(self._text(), wanted=name == "KEYWORD")
        bare = name.removeprefix("UN").capitalize()
        return _has_flag("\\" + bare, wanted=not name.startswith("UN")) if bare in _FLAGS else None

    def _joined(self, name: str) -> Question | None:
        if name == "NOT":
            key = self._key()
            return lambda number, mail: not key(number, mail)
        if name == "OR":
            one, other = self._key(), self._key()
            return lambda number, mail: one(number, mail) or other(number, mail)
        return None

    def _worded(self, name: str) -> Question | None:
        if name in _HEADERS or name == "HEADER":
            field = name if name in _HEADERS else self._text()
            sought = self._text().casefold()
            return lambda _number, mail: any(sought in value for value in _readable(part_of(mail.octets), field))
        if name in {"BODY", "TEXT"}:
            octets = self._text().encode().lower()
            return lambda _number, mail: octets in (_text_of(mail) if name == "BODY" else mail.octets).lower()
        return None

    def _dated(self, name: str) -> Question | None:
        compare = _COMPARE.get(name.removeprefix("SENT"))
        if not compare:
            return None
        limit = _day(f"{self._text()} 00:00:00 +0000")
        if limit is None:
            raise BadSyntax("this is no date")
        dated = _sent if name.startswith("SENT") else _arrived
        return lambda _number, mail: (day := dated(mail)) is not None and compare(day, limit)

    def _sized(self, name: str) -> Question | None:
        if name not in {"LARGER", "SMALLER"}:
            return None
        limit = self._text()
        if not limit.isdecimal():
            raise BadSyntax("this is no size")
        sign = 1 if name == "LARGER" else -1
        return lambda _number, mail: (len(mail.octets) - int(limit)) * sign > 0

    def _numbered(self, name: str) -> Question:
        if name == "UID":
            uids = ranges(self._text(), self.largest_uid)
            return lambda _number, mail: any(mail.uid in run for run in uids)
        numbers = ranges(name, self.largest)
        return lambda number, _mail: any(number in run for run in numbers)

    def _ahead(self) -> str:
        return self.words[0].upper() if self.words and isinstance(self.words[0], str) else ""

    def _next(self) -> Word:
        if not self.words:
            raise BadSyntax("a search key lacks its argument")
        return self.words.pop(0)

    def _text(self) -> str:
        return text(self._next())


def _has_flag(flag: str, *, wanted: bool) -> Question:
    return lambda _number, mail: (flag in mail.flags) == wanted


def _readable(part: Part, field: str) -> list[str]:
    return [_decoded(value.decode("utf-8", "replace")).casefold() for value in part.values(field)]


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, MessageError, ValueError):
        return value


def _text_of(mail: Mail) -> bytes:
    return part_of(mail.octets).body


def _arrived(mail: Mail) -> date:
    return mail.arrived.date()


def _sent(mail: Mail) -> date | None:
    return _day((part_of(mail.octets).value("Date") or b"").decode("ascii", "replace"))


def _day(value: str) -> date | None:
    try:
        return parsedate_to_datetime(value).date()
    except (IndexError, TypeError, ValueError):
        return None
