"""Whom an OpenPGP message is sealed to, read off its packets: twenty lines that share nothing with the robot's code."""

import base64
import re


def recipients_of(mail: bytes) -> set[str]:
    """The key IDs in front of the encrypted message of a mail (RFC 9580 §5.1.1)."""
    return {body[1:9].hex().upper() for kind, body in packets(dearmoured(mail)) if kind == 1}


def dearmoured(mail: bytes) -> bytes:
    """The OpenPGP message in a mail, or in an armour alone."""
    found = re.search(
        rb"-----BEGIN PGP MESSAGE-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n(.*?)(?:\r?\n=[^\r\n]{4})?\r?\n-----END",
        mail,
        re.DOTALL,
    )
    assert found, "no armour"
    return base64.b64decode(found[1])


def packets(octets: bytes) -> list[tuple[int, bytes]]:
    """Type and body of each packet up to the encrypted data, whose body is left out (RFC 9580 §4.2)."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(octets):
        first = octets[at]
        new = bool(first & 0x40)
        kind = first & 0x3F if new else first >> 2 & 0x0F
        if kind in {9, 18, 20}:
            return [*found, (kind, b"")]
        begin, length = _new(octets, at + 1) if new else _old(octets, at + 1, first & 3)
        found.append((kind, octets[begin : begin + length]))
        at = begin + length
    return found


def _new(octets: bytes, at: int) -> tuple[int, int]:
    if octets[at] < 192:
        return at + 1, octets[at]
    if octets[at] < 224:
        return at + 2, (octets[at] - 192 << 8) + octets[at + 1] + 192
    assert octets[at] == 255, "a partial length"
    return at + 5, int.from_bytes(octets[at + 1 : at + 5])


def _old(octets: bytes, at: int, code: int) -> tuple[int, int]:
    width = 1 << code
    return at + width, int.from_bytes(octets[at : at + width])
