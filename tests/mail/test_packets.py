"""Packets: what real programs make is read, everything that is not exactly one message is refused."""

import bz2
import re
import subprocess
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.mail.armour import Label, armour, dearmour
from mailbot.mail.limits import TooMuch
from mailbot.mail.packets import (
    Bounds,
    Malformed,
    PacketType,
    decompress,
    packets_of,
    read_envelope,
    read_message,
    read_signature,
    read_signatures,
    split,
    split_sealed,
)
from tests.keys import Person, export, run

BOUNDS = Bounds()
TEXT = b"Content-Type: text/plain\r\n\r\nGr\xc3\xbc\xc3\x9fe  \r\n-- \r\nFR\r\n"


def new(kind: int, body: bytes) -> bytes:
    """A packet in the new format with a four-octet length."""
    return bytes([0xC0 | kind, 0xFF]) + len(body).to_bytes(4, "big") + body


def literal(octets: bytes, form: bytes = b"b") -> bytes:
    return new(PacketType.LITERAL, form + b"\x04name" + bytes(4) + octets)


def unwrap(person: Person, sealed: bytes) -> bytes:
    return run(person.key.home, "--decrypt", "--unwrap", octets=sealed).stdout


@pytest.fixture(scope="module")
def alice() -> Person:
    return Person.named("Alice <alice@fr.example>")


# ---------------------------------------------------------------- headers

LENGTHS = st.sampled_from([0, 1, 7, 191, 192, 193, 8383, 8384, 8385, 20000])
FORMATS = st.sampled_from(["old 1", "old 2", "old 4", "new", "new 5"])


def packet(form: str, kind: int, body: bytes) -> bytes:
    size = len(body)
    if form.startswith("old"):
        octets = int(form[-1])
        if size >= 1 << 8 * octets or kind > 15:
            return packet("new", kind, body)
        return bytes([0x80 | kind << 2 | {1: 0, 2: 1, 4: 2}[octets]]) + size.to_bytes(octets, "big") + body
    if form == "new" and size < 192:
        return bytes([0xC0 | kind, size]) + body
    if form == "new" and size < 8384:
        return bytes([0xC0 | kind, (size - 192 >> 8) + 192, (size - 192) & 0xFF]) + body
    return new(kind, body)


@given(st.lists(st.tuples(FORMATS, st.integers(0, 63), LENGTHS), max_size=6))
def test_splits_every_header_format(shapes: list[tuple[str, int, int]]) -> None:
    bodies = [bytes([index]) * size for index, (_, _, size) in enumerate(shapes)]
    made = [packet(form, kind, body) for (form, kind, _), body in zip(shapes, bodies, strict=True)]
    found = split(b"".join(made), 6)
    assert [p.type for p in found] == [kind for _, kind, _ in shapes]
    assert [p.body for p in found] == bodies
    assert [bytes(p.raw) for p in found] == made


@given(st.binary(max_size=80))
def test_any_octets_are_packets_or_malformed(octets: bytes) -> None:
    for read in (
        lambda: split(octets, 5),
        lambda: read_message(octets, BOUNDS),
        lambda: read_envelope(octets, BOUNDS),
        lambda: read_signature(octets),
        lambda: read_signature(b"\x04" + octets),
        lambda: read_signatures(octets, BOUNDS),
        lambda: decompress(split(new(8, octets), 1)[0], 100),
    ):
        with suppress(Malformed, TooMuch):
            read()


def test_joins_partial_lengths() -> None:
    body = b"a" * 512 + b"b" * 1024 + b"c" * 3
    made = bytes([0xC0 | 11, 224 + 9]) + body[:512] + bytes([224 + 10]) + body[512:1536] + b"\x03" + body[1536:]
    (found,) = split(made, 1)
    assert found.body == body
    assert bytes(found.raw) == made


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"\x00\x01x", "no packet header"),
        (b"\xcb\x05abc", "cut short"),
        (b"\xcb", "cut short"),
        (bytes([0xC0 | 2, 224 + 9]) + b"a" * 512 + b"\x00", "a partial length where none may be"),
        (bytes([0xC0 | 11, 224 + 8]) + b"a" * 256 + b"\x00", "a partial length where none may be"),
        (bytes([0x80 | 11 << 2 | 3]) + b"a" * 9, "a packet without length"),
        (bytes([0x80 | 9 << 2 | 3]) + b"a" * 9, "a packet without length"),
    ],
)
def test_refuses_headers(octets: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        split(octets, 5)


def test_stops_counting_packets() -> None:
    with pytest.raises(TooMuch):
        split(b"\xca\x03PGP" * 6, 5)


# ---------------------------------------------------------------- encrypted messages

SESSION_KEY = new(1, b"\x03" + bytes(range(8)) + b"\x12" + b"k" * 60)
SEALED = new(18, b"\x01" + b"s" * 600)
MARKER = b"\xca\x03PGP"


@pytest.mark.parametrize(
    "octets",
    [
        SESSION_KEY + SEALED,
        MARKER + SESSION_KEY * 3 + SEALED,
        SESSION_KEY + new(20, b"a" * 600),
        SESSION_KEY + bytes([0xC0 | 18, 224 + 9]) + b"s" * 512 + b"\x05sssss",
    ],
)
def test_envelopes(octets: bytes) -> None:
    envelope = read_envelope(octets, BOUNDS)
    assert len(envelope.session_keys) == octets.count(SESSION_KEY)
    assert octets.endswith(envelope.sealed.raw)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        SEALED,
        SESSION_KEY,
        SEALED + SESSION_KEY,
        SESSION_KEY + SEALED + SEALED,
        (SESSION_KEY + SEALED) * 2,
        SESSION_KEY + SEALED + b"junk",
        SESSION_KEY + SEALED + literal(b"and this"),
        literal(b"and this") + SESSION_KEY + SEALED,
        SESSION_KEY + new(3, b"\x04\x09\x03\x08saltsalt\x60") + SEALED,  # opens with a password too
        new(3, b"\x04\x09\x03\x08saltsalt\x60") + SEALED,
        SESSION_KEY + new(9, b"x" * 600),  # no integrity protection
        SESSION_KEY + SEALED[:-1],
        SESSION_KEY + new(60, b"private use") + SEALED,
        literal(b"clear"),
    ],
)
def test_refuses_what_is_not_one_encrypted_message(octets: bytes) -> None:
    with pytest.raises(Malformed):
        read_envelope(octets, BOUNDS)


def test_counts_recipients() -> None:
    keys = [session_key(number)[1] for number in range(501)]
    read_envelope(b"".join(keys[:500]) + SEALED, BOUNDS)
    with pytest.raises(TooMuch):
        read_envelope(b"".join(keys) + SEALED, BOUNDS)
    read_envelope(keys[0] * 50 + SEALED, BOUNDS)
    with pytest.raises(TooMuch):
        read_envelope(keys[0] * 51 + SEALED, BOUNDS)
    with pytest.raises(TooMuch):
        read_envelope(MARKER * 2000 + SESSION_KEY + SEALED, BOUNDS)


def test_real_messages_are_envelopes(alice: Person) -> None:
    big = alice.encrypt(b"x" * 100_000, [alice], "--compress-algo", "none")
    assert len(read_envelope(packets_of(big), BOUNDS).sealed.pieces) > 1, "gpg writes partial lengths"
    assert len(read_envelope(dearmour(big), BOUNDS).session_keys) == 1
    password = run(alice.key.home, "--pinentry-mode=loopback", "--passphrase=x", "--symmetric", octets=b"hi").stdout
    both = run(
        alice.key.home,
        *("--pinentry-mode=loopback", "--passphrase=x", "--symmetric", "--encrypt", "-r", alice.fingerprint),
        octets=b"hi",
    ).stdout
    for refused in (password, both):
        with pytest.raises(Malformed):
            read_envelope(refused, BOUNDS)


def test_armour_around_an_envelope_may_not_be_two() -> None:
    one = armour(SESSION_KEY + SEALED, Label.MESSAGE)
    assert packets_of(one) == SESSION_KEY + SEALED == packets_of(SESSION_KEY + SEALED)
    with pytest.raises(Malformed):
        packets_of(one + one)


# ---------------------------------------------------------------- splitting


def session_key(number: int) -> tuple[str, bytes]:
    key_id = number.to_bytes(8, "big")
    return key_id.hex().upper(), new(1, b"\x03" + key_id + b"\x12" + bytes([number % 256]) * (number % 100))


@given(st.permutations(range(1, 7)), st.integers(1, 6))
def test_each_group_gets_its_own_session_keys(order: list[int], cut: int) -> None:
    made = dict(map(session_key, order))
    keys = list(made)
    groups = [keys[:cut], keys[cut:] or keys[:1], [keys[0], keys[0]]]
    heads, tail = split_sealed(b"".join(made.values()) + SEALED, groups, BOUNDS)
    assert tail == SEALED
    for head, group in zip(heads, groups, strict=True):
        assert sorted(bytes(p.raw) for p in split(head, 9)) == sorted(made[key] for key in set(group))


@pytest.mark.parametrize(
    ("octets", "groups"),
    [
        (session_key(1)[1] + session_key(2)[1] + SEALED, [[session_key(1)[0]]]),  # somebody else reads it too
        (session_key(1)[1] + SEALED, [[session_key(1)[0]], [session_key(2)[0]]]),
        (session_key(1)[1] * 2 + SEALED, [[session_key(1)[0]]]),  # two keys with one key ID, perhaps
        (new(1, b"\x06" + bytes(30)) + SEALED, [["0" * 16]]),  # a version that has no key ID
        (new(1, b"\x03\x00") + SEALED, [["0" * 16]]),
        (session_key(1)[1] + new(60, b"?") + SEALED, [[session_key(1)[0]]]),
    ],
)
def test_refuses_to_split_what_is_not_as_expected(octets: bytes, groups: list[list[str]]) -> None:
    with pytest.raises(Malformed):
        split_sealed(octets, groups, BOUNDS)


# ---------------------------------------------------------------- messages


@pytest.mark.parametrize("algorithm", ["none", "zip", "zlib", "bzip2"])
@pytest.mark.parametrize("text", [TEXT, b"", b"x" * 70_000], ids=["mail", "empty", "long"])
def test_reads_what_gpg_signed_and_encrypted(alice: Person, algorithm: str, text: bytes) -> None:
    inner = unwrap(alice, alice.sign_encrypt(text, [alice], "--compress-algo", algorithm))
    message = read_message(inner, BOUNDS)
    assert (message.literal, message.form, len(message.signatures)) == (text, "b", 1)
    signature = armour(bytes(message.signatures[0].raw), Label.SIGNATURE)
    assert alice.verify(text, signature) == (alice.fingerprint,)


def test_reads_text_mode_and_unsigned(alice: Person) -> None:
    signed = read_message(unwrap(alice, alice.sign_encrypt(b"a\nb\n", [alice], "--textmode")), BOUNDS)
    assert (signed.literal, signed.form) == (b"a\r\nb\r\n", "t")
    unsigned = read_message(unwrap(alice, alice.encrypt(TEXT, [alice])), BOUNDS)
    assert (unsigned.literal, unsigned.signatures) == (TEXT, ())


def test_reads_what_sequoia_and_rnp_made(alice: Person, tmp_path: Path) -> None:
    """Sequoia pads with octets behind the compressed stream."""
    secret, text = tmp_path / "key", tmp_path / "text"
    secret.write_bytes(export(alice.key.home, alice.fingerprint, secret=True))
    text.write_bytes(TEXT)
    keys = ["--recipient-cert", str(secret), "--signer-key", str(secret)]
    by_sq = subprocess.run(["sq", "encrypt", *keys, str(text)], capture_output=True, check=True).stdout
    home = ["--homedir", str(tmp_path)]
    subprocess.run(["rnpkeys", *home, "--import-keys", str(secret)], capture_output=True, check=True)
    rnp = ["rnp", *home, "--password=", "-r", alice.fingerprint, "-u", alice.fingerprint, "--output", "-"]
    for options in ([], ["--zlib"], ["--aead=OCB"]):
        by_rnp = subprocess.run([*rnp, *options, "-s", "-e", str(text)], capture_output=True, check=True).stdout
        for sealed in (by_sq, by_rnp):
            read_envelope(packets_of(sealed), BOUNDS)
            message = read_message(unwrap(alice, sealed), BOUNDS)
            assert (message.literal, len(message.signatures)) == (TEXT, 1)
            assert alice.verify(TEXT, bytes(message.signatures[0].raw)) == (alice.fingerprint,)


ONE_PASS = new(4, b"\x03\x00\x08\x16" + bytes(8) + b"\x01")
SIGNATURE = new(2, b"\x04\x00\x16\x08\x00\x00\x00\x00" + bytes(8))


def compressed(octets: bytes, algorithm: int = 2) -> bytes:
    squeezed = {
        1: lambda: zlib.compress(octets, wbits=-15),
        2: lambda: zlib.compress(octets),
        3: lambda: bz2.compress(octets),
    }[algorithm]()
    return new(PacketType.COMPRESSED, bytes([algorithm]) + squeezed)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        literal(b"one") + literal(b"two"),
        ONE_PASS + literal(b"one") + SIGNATURE + ONE_PASS + literal(b"two") + SIGNATURE,
        compressed(literal(b"one")) * 2,
        compressed(literal(b"one")) + literal(b"two"),
        b"\xa3" + compressed(literal(b"one"))[6:] + literal(b"two"),  # a packet without length takes all that follows
        compressed(literal(b"one") + literal(b"two")),
        compressed(compressed(literal(b"one"))),
        ONE_PASS + compressed(literal(b"one")) + SIGNATURE,
        ONE_PASS + literal(b"no signature"),
        ONE_PASS * 2 + literal(b"one signature") + SIGNATURE,
        literal(b"no one-pass") + SIGNATURE,
        SIGNATURE + literal(b"before, as PGP 2 did"),
        SIGNATURE,
        SESSION_KEY + SEALED,  # a second layer
        ONE_PASS + SESSION_KEY + SEALED + SIGNATURE,
        literal(b"junk after it") + b"junk",
        literal(b"a form nobody reads", b"l"),
        new(PacketType.LITERAL, b"b\x09name"),
        new(PacketType.LITERAL, b""),
        new(PacketType.COMPRESSED, b""),
        new(PacketType.COMPRESSED, b"\x00" + literal(b"not compressed")),
        new(PacketType.COMPRESSED, b"\x02not zlib"),
        new(PacketType.COMPRESSED, b"\x03not bzip2"),
        new(PacketType.COMPRESSED, compressed(literal(b"cut short"))[6:-6]),
        new(6, b"a key"),
    ],
)
def test_refuses_what_is_not_exactly_one_message(octets: bytes) -> None:
    with pytest.raises(Malformed):
        read_message(octets, BOUNDS)


@pytest.mark.parametrize("algorithm", [1, 2, 3])
def test_a_bomb_is_not_unpacked(algorithm: int) -> None:
    """20 MB of nothing in some kB."""
    bomb = compressed(literal(bytes(20_000_000)), algorithm)
    assert len(bomb) < 40_000
    with pytest.raises(TooMuch):
        read_message(bomb, Bounds(octets=1_000_000))
    with pytest.raises(TooMuch):
        read_message(bomb, BOUNDS)  # much more than its own size
    assert len(read_message(bomb, Bounds(swelling=21_000_000)).literal) == 20_000_000


def test_counts_signatures() -> None:
    read_message(ONE_PASS * 16 + literal(b"x") + SIGNATURE * 16, BOUNDS)
    for count in (17, 200):
        with pytest.raises(TooMuch):
            read_message(ONE_PASS * count + literal(b"x") + SIGNATURE * count, BOUNDS)


def test_markers_are_ignored() -> None:
    assert read_message(MARKER + literal(b"x"), BOUNDS).literal == b"x"
    assert read_message(compressed(MARKER + literal(b"x")), BOUNDS).literal == b"x"


# ---------------------------------------------------------------- signatures


@pytest.mark.parametrize(
    ("options", "kind", "micalg"),
    [(["--textmode", "--digest-algo=SHA512"], 1, "pgp-sha512"), (["--digest-algo=SHA384"], 0, "pgp-sha384")],
)
def test_facts_are_those_that_gpg_lists(alice: Person, options: list[str], kind: int, micalg: str) -> None:
    (found,) = read_signatures(alice.sign(TEXT, *options), BOUNDS)
    facts = read_signature(found.body)
    listed = run(alice.key.home, "--list-packets", octets=bytes(found.raw)).stdout.decode()
    assert (facts.type, facts.micalg, facts.issuer, facts.intended) == (kind, micalg, alice.fingerprint, ())
    assert facts.hash_algorithm == int(re.findall(r"digest algo (\d+)", listed)[0])
    assert facts.made_at == datetime.fromtimestamp(int(re.findall(r"created (\d+)", listed)[0]), UTC)
    assert len(facts.hashed) == sum(2 + int(n) for n in re.findall(r"\thashed subpkt \d+ len (\d+)", listed))


def test_intended_recipients() -> None:
    """RFC 9580 §5.2.3.36: key version and fingerprint, perhaps marked as critical."""
    first, second = bytes(range(20)), bytes(range(20, 40))
    area = b"\x16\x23\x04" + first + b"\x16\xa3\x04" + second + b"\x05\x02\x00\x00\x00\x2a"
    body = b"\x04\x00\x16\x08" + len(area).to_bytes(2, "big") + area + b"\x00\x00" + bytes(8)
    facts = read_signature(body)
    assert facts.intended == (first.hex().upper(), second.hex().upper())
    assert facts.hashed == area
    assert facts.made_at == datetime.fromtimestamp(42, UTC)


def test_an_old_signature() -> None:
    body = b"\x03\x05\x01\x00\x00\x00\x2a" + bytes(8) + b"\x01\x02" + b"ab" + bytes(9)
    facts = read_signature(body)
    assert (facts.type, facts.hash_algorithm, facts.hashed) == (1, 2, body[2:7])
    assert facts.made_at == datetime.fromtimestamp(42, UTC)


@pytest.mark.parametrize(
    "body", [b"", b"\x02", b"\x05" + bytes(30), b"\x04\x00", b"\x03\x05", b"\x04\x00\x16\x08\x00\x04\x09\x02xx"]
)
def test_refuses_damaged_signatures(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_signature(body)


@pytest.mark.parametrize(
    "octets",
    [b"", b"junk", literal(b"x"), SIGNATURE + literal(b"x"), ONE_PASS + literal(b"x") + SIGNATURE, MARKER],
)
def test_a_detached_signature_is_nothing_else(octets: bytes) -> None:
    """Given a signed message in its place, gpg would verify that, and not look at the document."""
    with pytest.raises(Malformed):
        read_signatures(octets, BOUNDS)


def test_several_signatures_are_counted() -> None:
    assert len(read_signatures(SIGNATURE * 3, BOUNDS)) == 3
    with pytest.raises(TooMuch):
        read_signatures(SIGNATURE * 17, BOUNDS)
