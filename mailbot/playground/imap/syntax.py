"""How IMAP commands are written: words, literals, sets of numbers (RFC 3501 §9)."""

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

Word: TypeAlias = "str | bytes | list[Word]"
"""An atom is a str, a quoted string or literal is bytes, a parenthesised list is a list."""

LITERAL_AHEAD: Final = re.compile(rb"\{(\d{1,10})(\+?)\}\r?\n\Z")
"""The end of a line that announces a literal; with a plus it follows at once (LITERAL+, RFC 7888)."""

_WORD: Final = re.compile(
    rb"""
      "(?P<quoted>(?:[^"\\\r\n]|\\["\\])*)"
    | \{(?P<literal>\d+)\+?\}\r?\n
    | (?P<bracket>[()])
    | (?P<atom>(?:[^\s(){"\[]|\[[^\]\r\n]*\])+)  # a section in brackets may hold spaces: BODY[HEADER.FIELDS (DATE)]
    """,
    re.VERBOSE,
)
_SPACE: Final = re.compile(rb"[ \r\n]*")
_RANGE: Final = re.compile(r"(\d{1,10}|\*)(?::(\d{1,10}|\*))?")


class BadSyntax(Exception):
    """The command cannot be read."""


class Refused(Exception):
    """The command was understood and cannot be done; the text begins with a response code where there is one."""


def words(command: bytes) -> list[Word]:
    """The words of a whole command, its literals included. Raises BadSyntax."""
    stack: list[list[Word]] = [[]]
    at = _after_space(command, 0)
    while at < len(command):
        found = _WORD.match(command, at)
        if not found:
            raise BadSyntax("this is no word")
        at = found.end()
        match found.lastgroup:
            case "bracket":
                _bracket(stack, found["bracket"])
            case "literal":
                length = int(found["literal"])
                stack[-1].append(command[at : at + length])
                at += length
            case "quoted":
                stack[-1].append(re.sub(rb"\\(.)", rb"\1", found["quoted"]))
            case _:
                stack[-1].append(found["atom"].decode("latin-1"))
        at = _after_space(command, at)
    if len(stack) != 1:
        raise BadSyntax("a bracket is open")
    return stack[0]


def _after_space(command: bytes, at: int) -> int:
    found = _SPACE.match(command, at)
    return found.end() if found else at


def _bracket(stack: list[list[Word]], bracket: bytes) -> None:
    if bracket == b"(":
        stack.append([])
    elif len(stack) > 1:
        closed = stack.pop()
        stack[-1].append(closed)
    else:
        raise BadSyntax("no bracket is open")


def text(word: Word) -> str:
    """An atom or a string as text. Raises BadSyntax for a list."""
    if isinstance(word, list):
        raise BadSyntax("a list stands where a word is due")
    return word if isinstance(word, str) else word.decode("utf-8", "replace")


def listed(word: Word) -> list[Word]:
    """A parenthesised list; a single word counts as a list of one."""
    return word if isinstance(word, list) else [word]


def quoted(value: bytes | str | None) -> bytes:
    """A value as a quoted string, as a literal where it must be, as NIL if there is none."""
    if value is None:
        return b"NIL"
    octets = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    if re.fullmatch(rb"[\x20-\x7e\t]{0,1000}", octets):
        return b'"' + re.sub(rb'(["\\])', rb"\\\1", octets) + b'"'
    return literal(octets)


def literal(octets: bytes) -> bytes:
    """Octets as a literal."""
    return b"{%d}\r\n%b" % (len(octets), octets)


def ranges(text_: str, largest: int) -> list[range]:
    """The numbers of a set such as `1:3,7,9:*`, with `largest` for the star. Raises BadSyntax."""
    found = []
    for piece in text_.split(","):
        parts = _RANGE.fullmatch(piece)
        if not parts:
            raise BadSyntax("this is no set of numbers")
        ends = [largest if end == "*" else int(end) for end in (parts[1], parts[2] or parts[1])]
        found.append(range(min(ends), max(ends) + 1))
    return found


def number_set(numbers: Iterable[int]) -> str:
    """Numbers as a set, neighbours joined: `1:3,7`. The order is kept, as COPYUID needs (RFC 4315 §3)."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ",".join(":".join(map(str, run)) for run in runs)
