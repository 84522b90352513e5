"""Armour: read by three OpenPGP programs as it was written, and shared pieces that fit together."""

import re
import subprocess
from binascii import b2a_base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.mail import armour as armouring
from mailbot.mail.armour import (
    PERIOD,
    Label,
    NotArmour,
    Sealed,
    armour,
    armour_shared,
    blocks,
    crc24,
    dearmour,
    is_armoured,
)
from tests.keys import fresh_home, run


def plain_crc24(octets: bytes) -> int:
    """RFC 9580 §6.1.1, as it is printed there."""
    crc = 0xB704CE
    for octet in octets:
        crc ^= octet << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return crc & 0xFFFFFF


def test_checksum_of_known_texts() -> None:
    assert crc24(b"") == 0xB704CE
    assert crc24(b"123456789") == 0x21CF02


@given(st.binary(max_size=3000))
def test_checksum_is_the_one_of_the_rfc(octets: bytes) -> None:
    assert crc24(octets) == plain_crc24(octets)


def test_checksum_of_more_than_a_period() -> None:
    octets = bytes(range(251)) * (PERIOD // 8 // 251 + 100)
    assert crc24(octets) == plain_crc24(octets)


@given(st.binary(max_size=300), st.sampled_from(list(Label)))
def test_reads_what_it_wrote(octets: bytes, label: Label) -> None:
    text = armour(octets, label)
    assert dearmour(text) == octets
    assert blocks(b"Hello,\r\n" + text + b"Bye.\n" + text) == [(label, octets)] * 2


@pytest.mark.parametrize("size", [1, 2, 3, 47, 48, 49, 50, 10_000])
def test_gpg_reads_it_with_checksum(size: int) -> None:
    """Of any length: GnuPG 2.2 misreads an armour without checksum whose base64 has no padding."""
    octets = b"\xcb" + b"\xff" + (size + 6).to_bytes(4, "big") + b"b\x00" + bytes(4) + b"x" * size
    assert run(fresh_home(), "--dearmor", octets=armour(octets, Label.MESSAGE)).stdout == octets


def test_gpg_finds_the_checksum_in_order() -> None:
    literal = b"\xcb\x0bb\x00\x00\x00\x00\x00hello"
    right, home = armour(literal, Label.MESSAGE), fresh_home()
    wrong = re.sub(rb"\r\n=....\r\n", rb"\r\n=AAAA\r\n", right)
    assert b"CRC" not in run(home, "--decrypt", octets=right).stderr
    assert b"CRC" in run(home, "--decrypt", octets=wrong, rc=None).stderr


@pytest.mark.parametrize("program", ["gpg", "sq", "rnp"])
@pytest.mark.parametrize("lent", [0, 1, 2])
def test_shared_pieces_are_read_by_other_programs(program: str, lent: int) -> None:
    head, tail = b"\xca\x03PGP" * (5 - lent), b"\xcb\x7bb\x00\x00\x00\x00\x00" + b"y" * 117
    (sealed,) = armour_shared([head], tail)
    commands = {
        "gpg": ["gpg", "--homedir", str(fresh_home()), "--batch", "--dearmor"],
        "sq": ["sq", "dearmor"],
        "rnp": ["rnp", "--dearmor", "--output", "-", "-"],
    }
    done = subprocess.run(commands[program], input=sealed.octets, capture_output=True, check=True)
    assert done.stdout == head + tail


@given(st.lists(st.binary(max_size=200), max_size=8), st.binary(min_size=2, max_size=500))
def test_shared_armour_is_the_same_message(heads: list[bytes], tail: bytes) -> None:
    copies = armour_shared(heads, tail)
    for head, copy in zip(heads, copies, strict=True):
        assert dearmour(copy.octets) == head + tail
        assert copy.foot == armour(head + tail, Label.MESSAGE)[-len(copy.foot) :]
    assert len({id(copy.tail) for copy in copies}) <= 3
    assert_one_object_for_each_alignment(heads, copies)


def assert_one_object_for_each_alignment(heads: list[bytes], copies: list[Sealed]) -> None:
    tails: dict[int, bytes] = {}
    for head, copy in zip(heads, copies, strict=True):
        assert tails.setdefault(len(head) % 3, copy.tail) is copy.tail


def test_tolerates_what_mail_does_to_armour() -> None:
    text = armour(b"some packets, taken for such", Label.MESSAGE)
    begin, rest = text.split(b"\r\n", 1)
    mended = begin + b" \nVersion: 1\r\nComment: what: not\n \t\r\n" + rest.lstrip().replace(b"\r\n", b"  \n")
    assert dearmour(b"Dear robot,\n" + mended) == b"some packets, taken for such"


def test_checksum_may_be_missing_or_wrong() -> None:
    """RFC 9580 §6.1: no reason to reject."""
    text = armour(b"packets", Label.MESSAGE)
    line = text.split(b"\r\n")[3]
    assert line.startswith(b"=")
    assert dearmour(text.replace(line + b"\r\n", b"")) == b"packets"
    assert dearmour(text.replace(line, b"=AAAA")) == b"packets"


MESSAGE = armour(b"some packets, taken for such", Label.MESSAGE)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no armour",
        MESSAGE + MESSAGE,
        MESSAGE.replace(b"END PGP MESSAGE", b"END PGP SIGNATURE"),
        MESSAGE.replace(b"-----\r\n\r\n", b"-----\r\n", 1),  # no empty line: repairs.py mends that
        MESSAGE.replace(b"PGP MESSAGE", b"PGP ANYTHING"),
        MESSAGE.replace(b"-----\r\n\r\n", b"-----\r\n\r\n\xff!", 1),
        MESSAGE[:60],
        MESSAGE.replace(b"\r\n-----END", b"\r\nA\r\n-----END"),
        b"-----BEGIN PGP MESSAGE-----\n-----END PGP MESSAGE-----\n",
    ],
)
def test_refuses_damage(text: bytes) -> None:
    with pytest.raises(NotArmour):
        dearmour(text)


@given(st.binary(max_size=200))
def test_any_octets_are_armour_or_not(octets: bytes) -> None:
    coded = b2a_base64(octets)
    for text in (octets, b"-----BEGIN PGP MESSAGE-----\n\n" + octets, MESSAGE[:40] + octets + coded + MESSAGE[40:]):
        is_armoured(text)
        with suppress(NotArmour):
            blocks(text)


@pytest.mark.parametrize("portion", [1, 2, 3, 5, 7, 66, 67, 68, 1000])
def test_a_portion_may_end_anywhere(monkeypatch: pytest.MonkeyPatch, portion: int) -> None:
    monkeypatch.setattr(armouring, "PORTION", portion)
    for size in range(1, 120):
        octets = bytes(range(size))
        text = armour(octets, Label.MESSAGE)
        assert dearmour(text) == octets
        if size > 2:
            with pytest.raises(NotArmour):
                dearmour(text.replace(b"AAEC", b"AA==AAEC"))
