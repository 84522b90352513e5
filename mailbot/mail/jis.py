"""ISO-2022-JP as Microsoft's programs write it, with letters that no standard has: made into Shift JIS, which has them.

Python's codecs refuse such a text whole for one circled number or half-width letter in it.
"""

import re

JIS = "iso-2022-jp-ms"  # Python has no codec of this name
_ESCAPE = re.compile(rb"\x1b(\$[@B]|\$\(D|\([BJI])")


def jis_to_shift_jis(octets: bytes) -> bytes:
    """The same text in Shift JIS (Windows-31J); what cannot be is left as it is."""
    pieces, mode = list[bytes](), b"(B"
    start = 0
    for escape in _ESCAPE.finditer(octets):
        pieces.append(_shifted(octets[start : escape.start()], mode))
        mode, start = escape[1], escape.end()
    return b"".join((*pieces, _shifted(octets[start:], mode)))


def _shifted(octets: bytes, mode: bytes) -> bytes:
    if mode == b"(I":  # half-width katakana: one octet each
        return bytes(octet | 0x80 if 0x20 < octet < 0x60 else octet for octet in octets)
    if not mode.startswith(b"$"):
        return octets
    return b"".join(_pair(pair) for pair in re.findall(rb"[\x21-\x7e]{2}|.", octets, re.DOTALL))


def _pair(pair: bytes) -> bytes:
    """JIS X 0208 to Shift JIS: two rows of 94 in one of 188, with a gap at 7F."""
    if len(pair) < 2:
        return pair
    row, cell = pair[0] - 0x21, pair[1] - 0x21
    first = row // 2 + (0x81 if row < 62 else 0xC1)
    second = cell + (0x9F if row % 2 else 0x40)
    return bytes((first, second + (not row % 2 and second >= 0x7F)))
