"""Reply codes: `R-7K3Q9-F2MXR`, 50 bits of Crockford's base32, read leniently: O is 0, I and L are 1, any case.

A reply code names an exchange; it stands in every cover note, and a signed body that quotes it names that exchange
(trust.md 2).
"""

import re

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENIENT = str.maketrans("OIL", "011")
_CODE = re.compile(r"(?<![0-9A-Za-z-])R-([0-9A-Z]{5})-([0-9A-Z]{5})(?![0-9A-Za-z-])", re.IGNORECASE)
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


def _canonical(letters: str) -> str:
    return letters.upper().translate(_LENIENT)
