"""Clearsigned text: taken apart as gpg and rnp put it together; framing tricks are refused."""

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbot.mail.clearsigned import read_clearsigned
from mailbot.mail.packets import Malformed
from tests.keys import Person, export


@pytest.fixture(scope="module")
def alice() -> Person:
    return Person.named("Alice <alice@fr.example>")


TEXTS = st.lists(st.sampled_from([b"\n", b"\r\n", b" ", b"\t", b"- ", b"--", b"From ", b"\xc3\xa9", b"a"]), max_size=9)


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_what_is_read_is_what_was_signed(pieces: list[bytes]) -> None:
    alice, text = Person.named("Alice <alice@fr.example>"), b"".join(pieces)
    signed, signature = read_clearsigned(alice.clearsign(text))
    assert alice.verify(signed, signature) == (alice.fingerprint,)
    lines = [line.rstrip() for line in text.removesuffix(b"\n").split(b"\n")]
    assert signed == b"\r\n".join(lines)


def test_stands_between_other_text(alice: Person) -> None:
    block = alice.clearsign(b"[ACK#2026-0042]\n").replace(b"\n", b"\r\n")
    signed, signature = read_clearsigned(b"List header\r\n\r\n" + block + b"-- \r\nList footer\r\n")
    assert signed == b"[ACK#2026-0042]"
    assert alice.verify(signed, signature) == (alice.fingerprint,)


def test_reads_what_rnp_made(alice: Person, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(export(alice.key.home, alice.fingerprint, secret=True))
    (tmp_path / "text").write_bytes(b"- dash  \nHello\n")
    home = ["--homedir", str(tmp_path)]
    subprocess.run(["rnpkeys", *home, "--import-keys", str(tmp_path / "key")], capture_output=True, check=True)
    command = ["rnp", *home, "--password=", "-u", alice.fingerprint, "--output", "-", "--clearsign"]
    done = subprocess.run([*command, str(tmp_path / "text")], capture_output=True, check=True)
    signed, signature = read_clearsigned(done.stdout)
    assert signed.startswith(b"- dash\r\nHello")
    assert alice.verify(signed, signature) == (alice.fingerprint,)


BLOCK = b"""\
-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA512

hello
-----BEGIN PGP SIGNATURE-----

AAAA
-----END PGP SIGNATURE-----
"""


def test_the_block_below_is_well_formed() -> None:
    assert read_clearsigned(BLOCK) == (b"hello", b"\x00\x00\x00")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"hello",
        BLOCK + BLOCK,
        BLOCK.replace(b"\n\nhello", b"\nhello"),
        BLOCK.replace(b"Hash: SHA512", b"Comment: this looks signed"),
        BLOCK.replace(b"Hash: SHA512\n\n", b"Hash: SHA512\nthis looks signed\n\n"),
        BLOCK.replace(b"hello", b"-hello"),
        BLOCK.replace(b"hello", b"-----BEGIN PGP MESSAGE-----"),
        BLOCK.replace(b"-----END PGP SIGNATURE-----\n", b""),
        BLOCK.replace(b"AAAA", b"A"),
        BLOCK.replace(b"SIGNATURE", b"MESSAGE"),
    ],
)
def test_refuses_damaged_blocks(text: bytes) -> None:
    with pytest.raises(Malformed):
        read_clearsigned(text)


@given(st.binary(max_size=60), st.integers(0, len(BLOCK)))
def test_any_octets_are_clearsigned_or_malformed(octets: bytes, at: int) -> None:
    with suppress(Malformed):
        read_clearsigned(BLOCK[:at] + octets + BLOCK[at:])
