"""The two kinds of word that people quote back to the robot: reply codes and one-time words.

A reply code `R-7K3Q9-F2MXR` (50 bits) names an exchange; it stands in every cover note, and a signed body that
quotes it names that exchange (trust.md 2). A one-time word `7K3Q-9F2M-XR4T` (60 bits) has the form of a token
(trust.md 1). Both are Crockford's base32, read leniently: O is 0, I and L are 1, any case.
"""

import re

from mailbot.core.tags import read_token

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENIENT = str.maketrans("OIL", "011")
_CODE = re.compile(r"(?<![0-9A-Za-z-])R-([0-9A-Z]{5})-([0-9A-Z]{5})(?![0-9A-Za-z-])", re.IGNORECASE)
_WORD = re.compile(r"(?<![0-9A-Za-z-])[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}(?![0-9A-Za-z-])", re.IGNORECASE)
MOST = 32  # more than this many in one mail are not looked up


def new_reply_code(chance: bytes) -> str:
    """A reply code from the first 50 bits of these bytes."""
    number = int.from_bytes(chance[:7], "big")
    letters = "".join(_LETTERS[(number >> shift) & 31] for shift in range(0, 50, 5))
    return f"R-{letters[:5]}-{letters[5:]}"


def reply_codes(text: str) -> tuple[str, ...]:
    """Every reply code in the text, canonical, each once, in order of appearance."""
    found = (f"R-{_canonical(m[1])}-{_canonical(m[2])}" for m in _CODE.finditer(text))
    return tuple(dict.fromkeys(found))[:MOST]


def one_time_words(text: str) -> tuple[str, ...]:
    """Every word in the text that has the form of a one-time word, canonical, each once."""
    found = (read_token(m[0]) for m in _WORD.finditer(text))
    return tuple(dict.fromkeys(word for word in found if word))[:MOST]


def _canonical(letters: str) -> str:
    return letters.upper().translate(_LENIENT)
