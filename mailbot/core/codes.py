"""Codes that clients quote: `R-7K3Q9-F2MXR`, 50 bits of Crockford's base32, read as leniently as he asks.

A reply code (R) names an exchange; it stands in every cover note, and a signed body that quotes it names that exchange
(trust.md 2). A challenge (C) stands inside the encryption of one copy of a probe: who quotes it could read that copy
(trust.md 9).
"""

import re
from collections.abc import Iterable

from mailbot.core.tags import read_token

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENIENT = str.maketrans("OIL", "011")
_CODE = re.compile(r"(?<![0-9A-Za-z-])([CR])-([0-9A-Z]{5})-([0-9A-Z]{5})(?![0-9A-Za-z-])", re.IGNORECASE)
_TOKEN = re.compile(r"(?<![0-9A-Za-z-])[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}(?![0-9A-Za-z-])", re.IGNORECASE)
MOST = 32  # more than this many in one mail are not looked up


def new_reply_code(chance: bytes) -> str:
    """A reply code from the first 50 bits of these bytes."""
    return _written("R", chance)


def new_challenge(chance: bytes) -> str:
    """A challenge from the first 50 bits of these bytes."""
    return _written("C", chance)


def reply_codes(text: str) -> tuple[str, ...]:
    """Every reply code in the text, canonical, each once, in order of appearance."""
    return _found("R", text)


def challenges(text: str) -> tuple[str, ...]:
    """Every challenge in the text, likewise."""
    return _found("C", text)


def tokens(text: str) -> tuple[str, ...]:
    """Every word in the text that has the form of a token, likewise."""
    return _first(found for match in _TOKEN.finditer(text) if (found := read_token(match[0])))


def _written(kind: str, chance: bytes) -> str:
    number = int.from_bytes(chance[:7], "big")
    letters = "".join(_LETTERS[(number >> shift) & 31] for shift in range(0, 50, 5))
    return f"{kind}-{letters[:5]}-{letters[5:]}"


def _found(kind: str, text: str) -> tuple[str, ...]:
    matches = (match for match in _CODE.finditer(text) if match[1].upper() == kind)
    return _first(f"{kind}-{_canonical(match[2])}-{_canonical(match[3])}" for match in matches)


def _first(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))[:MOST]


def _canonical(letters: str) -> str:
    return letters.upper().translate(_LENIENT)
