"""What the robot does with OpenPGP, against the real gpg, sq and rnp, with throw-away keys."""

import itertools
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gnupg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailbot.core.certificates import Certificate, Flaw, Policy
from mailbot.core.mail import SignatureState, Trouble
from mailbot.mail.armour import Label, Sealed, armour, dearmour
from mailbot.mail.gpg import Gpg, GpgFailure, NoUsableKey, Unsealed
from mailbot.mail.keyfiles import Refusal
from mailbot.mail.packets import Bounds, packets_of, split
from mailbot.mail.tamed import Allowance
from tests.keys import Key, Person, end_home, export, fresh_home, make_key, run

ENTITY = b"Content-Type: text/plain; charset=utf-8\r\n\r\n[REQUEST IT] Gr\xc3\xbc\xc3\x9fe  \r\n-- \r\nFR\r\n"
BIG = b"".join(b"line %d of a longer mail\r\n" % number for number in range(5000))
PAST = ("--faked-system-time", "20250101T000000!")


@pytest.fixture(scope="module")
def alice() -> Person:
    return Person.named("Alice <alice@fr.example>")


@pytest.fixture(scope="module")
def bob() -> Person:
    return Person.named("Bob <bob@de.example>")


@pytest.fixture(scope="module")
def carol() -> Person:
    return Person(make_key("Carol <carol@it.example>", "rsa2048/rsa2048"))


@pytest.fixture(scope="module")
def robot(alice: Person, bob: Person, carol: Person) -> Person:
    person = Person.named("Robot of test_gpg <robot@network.example>", alice, bob, carol)
    for other in (alice, bob, carol):
        other.meet(person)
    return person


@pytest.fixture(scope="module")
def gpg(robot: Person) -> Gpg:
    return Gpg(robot.key.home, robot.fingerprint)


def opened(result: Unsealed | Trouble) -> Unsealed:
    assert isinstance(result, Unsealed)
    return result


# ---------------------------------------------------------------- unsealing


@pytest.mark.parametrize("entity", [ENTITY, BIG, b"", b"\x00\xff\r\r\n"], ids=["mail", "big", "empty", "odd"])
@pytest.mark.parametrize("compression", ["none", "zlib", "bzip2"])
def test_signed_and_encrypted(gpg: Gpg, robot: Person, alice: Person, entity: bytes, compression: str) -> None:
    sealed = alice.sign_encrypt(entity, [robot], "--compress-algo", compression, "--digest-algo=SHA512")
    unsealed = opened(gpg.unseal(sealed))
    assert unsealed == opened(gpg.unseal(dearmour(sealed)))
    assert unsealed.data == entity
    (verdict,) = unsealed.verdicts
    assert (verdict.state, verdict.fingerprint) == (SignatureState.GOOD, alice.fingerprint)
    assert (verdict.micalg, verdict.intended) == ("pgp-sha512", ())
    assert verdict.made_at is not None
    assert abs(verdict.made_at - datetime.now(UTC)) < timedelta(minutes=2)
    assert unsealed.signature is not None
    assert alice.verify(entity, unsealed.signature) == (alice.fingerprint,), "without the robot"
    assert unsealed.message is None


def test_encrypted_only(gpg: Gpg, robot: Person, alice: Person) -> None:
    assert gpg.unseal(alice.encrypt(ENTITY, [robot])) == Unsealed(ENTITY)


def test_text_mode(gpg: Gpg, robot: Person, alice: Person) -> None:
    """A literal in form "t" and a signature of type 1: `data` is what travelled, CRLF."""
    unsealed = opened(gpg.unseal(alice.sign_encrypt(b"one  \ntwo\n", [robot], "--textmode")))
    assert unsealed.data == b"one  \r\ntwo\r\n"
    assert unsealed.verdicts[0].state is SignatureState.GOOD
    assert unsealed.signature is not None
    assert alice.verify(b"one  \r\ntwo\r\n", unsealed.signature) == (alice.fingerprint,)


def test_for_several_recipients_and_for_anonymous_ones(
    gpg: Gpg, robot: Person, alice: Person, bob: Person, carol: Person
) -> None:
    """gpg ends with 2 when it tried somebody else's session key, as it must where there are no key IDs."""
    alice.meet(carol)
    for readers in itertools.permutations((bob, robot, alice)):
        for options in ([], ["--throw-keyids"], ["--hidden-recipient", carol.fingerprint]):
            unsealed = opened(gpg.unseal(alice.sign_encrypt(ENTITY, readers, *options)))
            assert (unsealed.data, unsealed.verdicts[0].state) == (ENTITY, SignatureState.GOOD)
    assert gpg.unseal(alice.encrypt(ENTITY, [bob, alice], "--throw-keyids")) is Trouble.CANNOT_DECRYPT


def test_the_replay_key_is_made_of_what_is_hashed(gpg: Gpg, robot: Person, alice: Person) -> None:
    """The same signature has the same hashed subpackets however it travels; signing again makes others (trust.md 5)."""
    first = opened(gpg.unseal(alice.sign_encrypt(ENTITY, [robot])))
    assert first.signature is not None
    assert gpg.verify(ENTITY, first.signature) == first.verdicts
    other = opened(gpg.unseal(alice.sign_encrypt(ENTITY, [robot], "--default-sig-expire", "9d")))
    assert first.verdicts[0].hashed != other.verdicts[0].hashed != b""


@pytest.mark.parametrize("program", ["sq", "rnp", "rnp --aead=OCB"])
def test_what_other_programs_sealed(program: str, gpg: Gpg, robot: Person, alice: Person, tmp_path: Path) -> None:
    signer, recipient, text = tmp_path / "signer", tmp_path / "recipient", tmp_path / "text"
    signer.write_bytes(export(alice.key.home, alice.fingerprint, secret=True))
    recipient.write_bytes(robot.key.public)
    text.write_bytes(ENTITY)
    if program == "sq":
        command = ["sq", "encrypt", "--recipient-cert", str(recipient), "--signer-key", str(signer), str(text)]
    else:
        for path in (signer, recipient):
            import_keys = ["rnpkeys", "--homedir", str(tmp_path), "--import-keys", str(path)]
            subprocess.run(import_keys, capture_output=True, check=True)
        keys = ["--password=", "-r", robot.fingerprint, "-u", alice.fingerprint]
        command = [*program.split(), "--homedir", str(tmp_path), *keys, "--output", "-", "-s", "-e", str(text)]
    sealed = subprocess.run(command, capture_output=True, check=True).stdout
    unsealed = opened(gpg.unseal(sealed))
    assert (unsealed.data, unsealed.verdicts[0].state) == (ENTITY, SignatureState.GOOD)
    assert unsealed.verdicts[0].fingerprint == alice.fingerprint


def test_a_signature_that_holds_only_where_it_stands(gpg: Gpg, robot: Person, alice: Person, tmp_path: Path) -> None:
    """gpg verifies text lines of 20,000 characters inside a message, but not beside a file: the message is kept."""
    text = b"x" * 30_000 + b"\r\nshort\r\n"
    (tmp_path / "key").write_bytes(export(alice.key.home, alice.fingerprint, secret=True))
    (tmp_path / "text").write_bytes(text)
    home = ["--homedir", str(tmp_path)]
    subprocess.run(["rnpkeys", *home, "--import-keys", str(tmp_path / "key")], capture_output=True, check=True)
    command = ["rnp", *home, "--password=", "-u", alice.fingerprint, "--output", "-", "--clearsign"]
    clear = subprocess.run([*command, str(tmp_path / "text")], capture_output=True, check=True).stdout
    signature = dearmour(clear[clear.index(b"-----BEGIN PGP SIGNATURE") :])
    one_pass = b"\xc4\x0d\x03\x01\x08\x16" + bytes.fromhex(alice.fingerprint[-16:]) + b"\x01"
    for altered, state in ((text, SignatureState.GOOD), (text.replace(b"short", b"shirt"), SignatureState.BAD)):
        literal = b"\xcb\xff" + (len(altered) + 6).to_bytes(4, "big") + b"t\x00" + bytes(4) + altered
        sealed = alice.encrypt(one_pass + literal + signature, [robot], "--no-literal", "--compress-algo=none")
        unsealed = opened(gpg.unseal(sealed))
        assert (unsealed.data, unsealed.signature) == (altered, None)
        assert unsealed.verdicts[0].state is state
        assert unsealed.message is not None
        assert dearmour(unsealed.message) == one_pass + literal + signature


def test_two_signatures_vouch_for_nothing(gpg: Gpg, robot: Person, alice: Person, bob: Person) -> None:
    """With two good signatures the attributes of python-gnupg show the last (libraries.md)."""
    both = Person(Key(alice.fingerprint, alice.key.public, fresh_home()))
    for person in (alice, bob):
        run(both.key.home, "--import", octets=export(person.key.home, person.fingerprint, secret=True))
    sealed = both.sign_encrypt(ENTITY, [robot], "--local-user", bob.fingerprint)
    assert gnupg.GPG(gnupghome=str(robot.key.home)).decrypt(sealed).valid
    unsealed = opened(gpg.unseal(sealed))
    assert [verdict.state for verdict in unsealed.verdicts] == [SignatureState.UNVERIFIABLE] * 2
    assert {verdict.fingerprint for verdict in unsealed.verdicts} == {None}
    assert unsealed.signature is None
    assert unsealed.message is not None


# ---------------------------------------------------------------- refusing to unseal


def flip(octets: bytes, at: int) -> bytes:
    damaged = bytearray(octets)
    damaged[at] ^= 1
    return bytes(damaged)


def test_plaintext_without_integrity(gpg: Gpg, robot: Person, alice: Person) -> None:
    """EFAIL. Stock python-gnupg hands the plaintext out, and so does gpg itself, on its standard output."""
    old = ["--rfc2440", "--cipher-algo=3DES", "--compress-algo=none"]
    missing = alice.sign_encrypt(ENTITY, [robot], *old)
    sound = dearmour(alice.sign_encrypt(ENTITY, [robot], "--compress-algo=none"))
    stock = gnupg.GPG(gnupghome=str(robot.key.home))
    for sealed in (missing, flip(sound, -1), flip(sound, -60)):
        fooled = stock.decrypt(sealed)
        assert not fooled.ok
        assert b"[REQUEST IT]" in fooled.data
        assert b"[REQUEST IT]" in run(robot.key.home, "--unwrap", "--decrypt", octets=sealed, rc=2).stdout
        assert gpg.unseal(sealed) is Trouble.CANNOT_DECRYPT


def test_a_packet_type_changed_to_do_without_integrity(gpg: Gpg, robot: Person, alice: Person) -> None:
    """EFAIL's downgrade: packet 18 renamed 9."""
    packets = split(dearmour(alice.encrypt(ENTITY, [robot], "--compress-algo=none")), 2)
    renamed = bytes(packets[0].raw) + bytes([0xC9]) + bytes(packets[1].raw)[1:]
    assert gpg.unseal(renamed) is Trouble.CANNOT_DECRYPT


@pytest.mark.parametrize(
    "made",
    [
        lambda alice, robot: b"",
        lambda alice, robot: b"no message",
        lambda alice, robot: b"-----BEGIN PGP MESSAGE-----\n\n!!!\n-----END PGP MESSAGE-----\n",
        lambda alice, robot: alice.encrypt(ENTITY, [alice]),  # not for us
        lambda alice, robot: alice.sign_message(ENTITY),  # not encrypted
        lambda alice, robot: alice.clearsign(ENTITY),
        lambda alice, robot: alice.encrypt(ENTITY, [robot]) * 2,
        lambda alice, robot: dearmour(alice.encrypt(ENTITY, [robot])) * 2,
        lambda alice, robot: dearmour(alice.encrypt(ENTITY, [robot])) + b"\xcb\x07b\x00\x00\x00\x00\x00x",
        lambda alice, robot: dearmour(alice.encrypt(BIG, [robot]))[:-40],
        lambda alice, robot: flip(dearmour(alice.encrypt(ENTITY, [robot])), 40),  # its session key
        lambda alice, robot: flip(dearmour(alice.encrypt(ENTITY, [robot])), 5),  # its key ID
        lambda alice, robot: dearmour(alice.encrypt(ENTITY, [robot])).replace(b"\x03", b"\x09", 1),  # its version
    ],
)
def test_what_cannot_be_decrypted(gpg: Gpg, robot: Person, alice: Person, made: Callable[..., bytes]) -> None:
    assert gpg.unseal(made(alice, robot)) is Trouble.CANNOT_DECRYPT


def test_a_password_opens_nothing(gpg: Gpg, robot: Person, alice: Person) -> None:
    alice.meet(robot)
    options = ["--trust-model=always", "--pinentry-mode=loopback", "--passphrase=x", "--symmetric"]
    alone = run(alice.key.home, *options, octets=ENTITY).stdout
    beside = run(alice.key.home, *options, "--encrypt", "-r", robot.fingerprint, octets=ENTITY).stdout
    assert gpg.unseal(alone) is gpg.unseal(beside) is Trouble.CANNOT_DECRYPT


@pytest.mark.parametrize(
    "inside",
    [
        lambda alice, robot: b"no packets at all",
        lambda alice, robot: dearmour(alice.sign_message(ENTITY)) * 2,
        lambda alice, robot: dearmour(alice.sign_message(ENTITY)) + dearmour(alice.sign_message(b"more")),
        lambda alice, robot: dearmour(alice.encrypt(ENTITY, [robot])),  # one layer of encryption only (trust.md 3)
        lambda alice, robot: dearmour(alice.sign(ENTITY)) + b"\xcb\x07b\x00\x00\x00\x00\x00x",
    ],
)
def test_what_is_not_exactly_one_message(gpg: Gpg, robot: Person, alice: Person, inside: Callable[..., bytes]) -> None:
    alice.meet(robot)
    sealed = alice.encrypt(inside(alice, robot), [robot], "--no-literal", "--compress-algo=none")
    assert gpg.unseal(sealed) is Trouble.UNREADABLE


def test_a_bomb(robot: Person, alice: Person) -> None:
    """50 MB of nothing, in 60 kB: decrypted, it is never unpacked beyond the limit."""
    sealed = alice.encrypt(bytes(50_000_000), [robot], "--compress-algo=zlib")
    assert len(sealed) < 100_000
    small = Gpg(robot.key.home, robot.fingerprint, bounds=Bounds(octets=10_000_000))
    assert small.unseal(sealed) is Trouble.LIMITS


def test_too_large_when_decrypted(robot: Person, alice: Person) -> None:
    sealed = alice.encrypt(BIG, [robot], "--compress-algo=none")
    small = Gpg(robot.key.home, robot.fingerprint, allowance=Allowance(octets=100_000))
    assert small.unseal(sealed) is Trouble.LIMITS


def test_too_many_recipients(gpg: Gpg, robot: Person, alice: Person) -> None:
    first, sealed = split(dearmour(alice.encrypt(ENTITY, [robot])), 2)
    ours = bytes(first.raw)
    others = [ours.replace(bytes(first.body[1:9]), number.to_bytes(8)) for number in range(1, 501)]
    assert gpg.unseal(ours + b"".join(others) + bytes(sealed.raw)) is Trouble.LIMITS
    assert opened(gpg.unseal(ours + b"".join(others[:499]) + bytes(sealed.raw))).data == ENTITY


def test_too_many_session_keys_for_one_key(gpg: Gpg, robot: Person, alice: Person) -> None:
    """gpg would try each of them."""
    first, sealed = split(dearmour(alice.encrypt(ENTITY, [robot])), 2)
    assert gpg.unseal(bytes(first.raw) * 51 + bytes(sealed.raw)) is Trouble.LIMITS
    assert opened(gpg.unseal(bytes(first.raw) * 50 + bytes(sealed.raw))).data == ENTITY


# ---------------------------------------------------------------- a broken world is no bad mail


def test_without_its_secret_key_the_robot_stops(alice: Person) -> None:
    """As when the agent cannot be started: gpg then says only that there is no secret key."""
    home, key = fresh_home(), make_key("Robot without key <robot@network.example>")
    run(home, "--import", octets=key.public)
    with pytest.raises(GpgFailure, match="NO_SECKEY"):
        Gpg(home, key.fingerprint).unseal(alice.encrypt(ENTITY, [key]))


@pytest.mark.parametrize("passphrase", [None, "wrong"])
def test_with_a_wrong_passphrase_the_robot_stops(alice: Person, passphrase: str | None) -> None:
    home = fresh_home()
    (home / "gpg-agent.conf").write_text("s2k-count 65536\ndefault-cache-ttl 0\n")
    secret = ("--pinentry-mode=loopback", "--passphrase=right")
    run(home, *secret, "--quick-generate-key", "Locked <robot@network.example>", "rsa2048", "cert,sign,encr")
    fingerprint = str(gnupg.GPG(gnupghome=str(home)).list_keys()[0]["fingerprint"])
    locked = Key(fingerprint, export(home, fingerprint), home)
    sealed = alice.encrypt(ENTITY, [locked])
    with pytest.raises(GpgFailure) as failure:
        Gpg(home, fingerprint, passphrase).unseal(sealed)
    assert "REQUEST" not in str(failure.value)
    assert opened(Gpg(home, fingerprint, "right").unseal(sealed)).data == ENTITY


def test_when_time_runs_out_the_robot_stops(robot: Person, alice: Person) -> None:
    sealed = alice.encrypt(ENTITY, [robot])
    hasty = Gpg(robot.key.home, robot.fingerprint)
    hasty.gpg.allowance = Allowance(seconds=0)
    with pytest.raises(GpgFailure):
        hasty.unseal(sealed)
    with pytest.raises(GpgFailure):
        hasty.verify(ENTITY, alice.sign(ENTITY))
    with pytest.raises(GpgFailure):
        hasty.seal(ENTITY, [(alice.fingerprint,)])


# ---------------------------------------------------------------- verdicts


def verdict_on(gpg: Gpg, signature: bytes, signed: bytes = ENTITY) -> tuple[SignatureState, str | None]:
    (verdict,) = gpg.verify(signed, signature)
    return verdict.state, verdict.fingerprint


def test_a_good_signature(gpg: Gpg, alice: Person) -> None:
    assert verdict_on(gpg, alice.sign(ENTITY)) == (SignatureState.GOOD, alice.fingerprint)
    assert verdict_on(gpg, dearmour(alice.sign(ENTITY, "--textmode"))) == (SignatureState.GOOD, alice.fingerprint)


@pytest.mark.parametrize("signed", [ENTITY + b"\r\n", ENTITY.replace(b"IT", b"XX"), ENTITY[:-1], b""])
def test_a_signature_over_something_else(gpg: Gpg, alice: Person, signed: bytes) -> None:
    assert verdict_on(gpg, alice.sign(ENTITY), signed) == (SignatureState.BAD, None)


def test_an_unknown_signer(gpg: Gpg) -> None:
    stranger = Person.named("Stranger <somebody@elsewhere.example>")
    assert verdict_on(gpg, stranger.sign(ENTITY)) == (SignatureState.UNKNOWN, None)


def test_an_expired_signature(gpg: Gpg, robot: Person) -> None:
    signer = Person(make_key("Early <early@fr.example>", made="20240101T000000"))
    robot.meet(signer)
    assert verdict_on(gpg, signer.sign(ENTITY, *PAST, "--default-sig-expire=2d")) == (
        *(SignatureState.EXPIRED, signer.fingerprint),
    )
    assert verdict_on(gpg, signer.sign(ENTITY, *PAST)) == (SignatureState.GOOD, signer.fingerprint)


def test_an_expired_key(gpg: Gpg, robot: Person) -> None:
    """gpg ends with 0 and python-gnupg's status says "signature valid"; the signature was even made in time."""
    signer = Person(make_key("Late <late@fr.example>", expire="2y", made="20240101T000000"))
    robot.meet(signer)
    assert verdict_on(gpg, signer.sign(ENTITY, *PAST)) == (SignatureState.EXPIRED, signer.fingerprint)


def test_a_signature_from_the_future_is_not_bad(gpg: Gpg, alice: Person) -> None:
    """The gate judges `made_at` against a small window (mail-in-the-wild.md 24)."""
    (verdict,) = gpg.verify(ENTITY, alice.sign(ENTITY, "--faked-system-time", "20400101T000000!"))
    assert verdict.state is SignatureState.GOOD
    assert verdict.made_at == datetime(2040, 1, 1, tzinfo=UTC)


def test_a_signature_older_than_its_key(gpg: Gpg, alice: Person) -> None:
    signature = alice.sign(ENTITY, *PAST, "--ignore-time-conflict", "--ignore-valid-from")
    assert verdict_on(gpg, signature) == (SignatureState.UNVERIFIABLE, None)


def test_a_revoked_key(gpg: Gpg, robot: Person) -> None:
    signer = Person.named("Revoked <revoked@fr.example>")
    robot.meet(signer)
    signature = signer.sign(ENTITY)
    assert verdict_on(gpg, signature) == (SignatureState.GOOD, signer.fingerprint)
    run(robot.key.home, "--import", octets=revocation(signer.key))
    assert verdict_on(gpg, signature) == (SignatureState.REVOKED, signer.fingerprint)
    assert gpg.certificates()[signer.fingerprint].revoked


def revocation(key: Key) -> bytes:
    """The revocation certificate that gpg makes beside every key, with its safety catch taken off."""
    path = key.home / "openpgp-revocs.d" / f"{key.fingerprint}.rev"
    return path.read_bytes().replace(b":-----BEGIN", b"-----BEGIN")


@pytest.mark.parametrize("algorithm", ["SHA1", "RIPEMD160", "MD5"])
def test_a_weak_hash(gpg: Gpg, alice: Person, algorithm: str) -> None:
    signature = alice.sign(ENTITY, f"--digest-algo={algorithm}", "--allow-weak-digest-algos")
    assert verdict_on(gpg, signature)[0] is SignatureState.WEAK


@pytest.mark.parametrize("algorithm", ["rsa1024", "dsa1024"])
def test_a_short_key(gpg: Gpg, robot: Person, algorithm: str) -> None:
    usage = f"{algorithm}/elg1024" if algorithm.startswith("dsa") else algorithm
    signer = Person(make_key(f"Short {algorithm} <short@fr.example>", usage))
    robot.meet(signer)
    assert verdict_on(gpg, signer.sign(ENTITY)) == (SignatureState.WEAK, signer.fingerprint)
    assert gpg.certificates()[signer.fingerprint].flaw(datetime.now(UTC), for_encryption=True) is Flaw.WEAK


def test_a_key_held_together_by_sha1(gpg: Gpg, robot: Person) -> None:
    signer = Person(make_key("Sha1 <sha1@fr.example>", options=("--cert-digest-algo", "SHA1")))
    robot.meet(signer)
    assert verdict_on(gpg, signer.sign(ENTITY)) == (SignatureState.WEAK, signer.fingerprint)
    assert gpg.certificates()[signer.fingerprint].weak


def test_a_policy_that_asks_for_more(robot: Person, alice: Person, carol: Person) -> None:
    """Carol's key has 2048 bits."""
    long, narrow = Policy(min_rsa_bits=3072), Policy(hashes=("sha512",))
    strict, usual = (Gpg(robot.key.home, robot.fingerprint, policy=policy) for policy in (long, None))
    assert verdict_on(usual, carol.sign(ENTITY))[0] is SignatureState.GOOD
    assert verdict_on(strict, carol.sign(ENTITY))[0] is SignatureState.WEAK
    assert strict.certificates()[carol.fingerprint].flaw(datetime.now(UTC), for_encryption=True) is Flaw.WEAK
    with pytest.raises(NoUsableKey):
        strict.seal(ENTITY, [(carol.fingerprint,)])
    narrowed = Gpg(robot.key.home, robot.fingerprint, policy=narrow)
    assert verdict_on(narrowed, alice.sign(ENTITY, "--digest-algo=SHA256"))[0] is SignatureState.WEAK


def test_the_primary_fingerprint_counts(gpg: Gpg, robot: Person) -> None:
    key = make_key("With signing subkey <sub@fr.example>")
    run(key.home, "--passphrase=", "--quick-add-key", key.fingerprint, "ed25519", "sign")
    robot.meet(Key(key.fingerprint, export(key.home, key.fingerprint), key.home))
    assert verdict_on(gpg, Person(key).sign(ENTITY)) == (SignatureState.GOOD, key.fingerprint)
    assert len(gpg.certificates()[key.fingerprint].subkeys) == 2


def test_what_is_not_one_detached_signature(gpg: Gpg, alice: Person) -> None:
    signature = dearmour(alice.sign(ENTITY))
    unverifiable = SignatureState.UNVERIFIABLE
    assert [v.state for v in gpg.verify(ENTITY, signature * 2)] == [unverifiable] * 2
    for junk in (b"", b"junk", signature[:-3], b"\xca\x03PGP" + signature, alice.key.public, alice.clearsign(ENTITY)):
        assert [v.state for v in gpg.verify(ENTITY, junk)] == [unverifiable]


def test_a_signed_message_is_no_detached_signature(gpg: Gpg, alice: Person) -> None:
    for message in (alice.sign_message(b"something else"), alice.sign_message(ENTITY)):
        assert verdict_on(gpg, message) == (SignatureState.UNVERIFIABLE, None)


def test_a_signature_over_a_key_is_none_over_a_document(gpg: Gpg, alice: Person) -> None:
    certification = split(dearmour(alice.key.public), 9)[2]
    assert certification.type == 2
    assert verdict_on(gpg, bytes(certification.raw)) == (SignatureState.UNVERIFIABLE, None)


def test_unhashed_parts_change_nothing(gpg: Gpg, alice: Person) -> None:
    """The unhashed issuer may be anything; gpg finds the signer by the hashed fingerprint."""
    signature = dearmour(alice.sign(ENTITY))
    issuer = bytes.fromhex(alice.fingerprint[-16:])
    assert signature.count(issuer) == 2
    at = signature.rindex(issuer)
    altered = signature[:at] + bytes(8) + signature[at + 8 :]
    (before,), (after,) = gpg.verify(ENTITY, signature), gpg.verify(ENTITY, altered)
    assert after.state in {SignatureState.GOOD, SignatureState.UNKNOWN}
    assert before.hashed == after.hashed


# ---------------------------------------------------------------- clearsigned text


def test_clearsigned(gpg: Gpg, alice: Person) -> None:
    cleared = gpg.verify_clear(b"unsigned\r\n" + alice.clearsign(b"[ACK#2026-0042]  \n- ok\n") + b"unsigned too\r\n")
    assert cleared.data == b"[ACK#2026-0042]\r\n- ok"
    assert (cleared.verdicts[0].state, cleared.verdicts[0].fingerprint) == (SignatureState.GOOD, alice.fingerprint)


def test_clearsigned_and_changed(gpg: Gpg, alice: Person) -> None:
    text = alice.clearsign(b"[ACK#2026-0042]\n")
    assert gpg.verify_clear(text.replace(b"0042", b"0043")).verdicts[0].state is SignatureState.BAD
    twice = gpg.verify_clear(text + text)
    assert (twice.data, twice.verdicts[0].state) == (b"", SignatureState.UNVERIFIABLE)


# ---------------------------------------------------------------- sealing

NAMES = ("alice", "bob", "carol")
GROUPS = st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3), min_size=1, max_size=5)


def key_ids(octets: bytes) -> list[str]:
    return [packet.body[1:9].hex().upper() for packet in split(packets_of(octets), 99) if packet.type == 1]


def encryption_key_id(person: Person) -> str:
    listed = run(person.key.home, "--with-colons", "--list-keys", person.fingerprint).stdout.decode()
    return str(re.findall(r"^sub:[^:]*:[^:]*:[^:]*:([0-9A-F]+):", listed, re.MULTILINE)[0])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=GROUPS, share=st.booleans(), entity=st.sampled_from([ENTITY, BIG, b""]))
def test_every_copy_opens_for_its_own_readers_alone(
    gpg: Gpg, robot: Person, groups: list[list[str]], share: bool, entity: bytes, request: pytest.FixtureRequest
) -> None:
    people: dict[str, Person] = {name: request.getfixturevalue(name) for name in NAMES}
    recipients = [tuple(people[name].fingerprint for name in group) for group in groups]
    copies = gpg.seal(entity, recipients, share=share)
    for group, copy in zip(groups, copies, strict=True):
        assert_sealed_to(copy, {people[name].key: people[name] for name in group}, people, robot, entity)
    tails = {len(copy.tail): copy.tail for copy in copies}
    if share:
        assert len({id(copy.tail) for copy in copies}) <= 3
        assert all(any(copy.tail is tail for tail in tails.values()) for copy in copies) or len(tails) < 3


def assert_sealed_to(
    copy: Sealed, readers: dict[Key, Person], people: dict[str, Person], robot: Person, entity: bytes
) -> None:
    assert b"\n" not in copy.octets.replace(b"\r\n", b"")
    assert re.search(rb"\r\n=[A-Za-z0-9+/]{4}\r\n-----END PGP MESSAGE-----\r\n\Z", copy.octets), "a checksum"
    assert sorted(key_ids(copy.octets)) == sorted(encryption_key_id(person) for person in readers.values())
    for person in people.values():
        if person.key in readers:
            got = person.decrypt(copy.octets)
            assert (got.octets, got.signers) == (entity, (robot.fingerprint,))
            unwrapped = run(person.key.home, "--decrypt", "--unwrap", octets=copy.octets).stdout
            assert not any(bytes.fromhex(other.fingerprint) in unwrapped for other in people.values())
        else:
            assert not person.can_decrypt(copy.octets)


def test_copies_share_one_long_tail(gpg: Gpg, alice: Person, bob: Person, carol: Person) -> None:
    copies = gpg.seal(BIG, [(p.fingerprint,) for p in (alice, bob, carol, alice, bob)])
    assert copies[0].tail is copies[1].tail is copies[3].tail is copies[4].tail
    assert all(len(copy.head) + len(copy.foot) < 2500 for copy in copies)
    assert len({key_ids(copy.octets)[0] for copy in copies}) == 3


def test_unshared_copies_have_nothing_in_common(gpg: Gpg, alice: Person, bob: Person) -> None:
    copies = gpg.seal(ENTITY, [(alice.fingerprint,), (bob.fingerprint,)], share=False)
    first, second = (split(dearmour(copy.octets), 2)[1].body for copy in copies)
    assert first[-60:] != second[-60:]


def test_a_gpg_that_names_the_readers_in_its_signatures_shares_nothing(
    robot: Person, alice: Person, bob: Person
) -> None:
    """No gpg that we know does (RFC 9580 §5.2.3.36); one that did would name every reader to every other."""
    assert not Gpg(robot.key.home, robot.fingerprint).names_readers

    class Naming(Gpg):
        names_readers = True

    copies = Naming(robot.key.home, robot.fingerprint).seal(ENTITY, [(alice.fingerprint,), (bob.fingerprint,)])
    first, second = (split(dearmour(copy.octets), 2)[1].body for copy in copies)
    assert first[-60:] != second[-60:]


@pytest.mark.parametrize("program", ["sq", "rnp"])
@pytest.mark.parametrize("who", ["alice", "carol"])
def test_other_programs_open_a_copy(
    gpg: Gpg, robot: Person, program: str, who: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    reader = request.getfixturevalue(who)
    secret, signer, sealed = tmp_path / "secret", tmp_path / "signer", tmp_path / "sealed"
    secret.write_bytes(export(reader.key.home, reader.fingerprint, secret=True))
    signer.write_bytes(robot.key.public)
    everybody = [(request.getfixturevalue(name).fingerprint,) for name in NAMES]
    sealed.write_bytes(gpg.seal(BIG, everybody)[NAMES.index(who)].octets)
    if program == "sq":
        command = ["sq", "decrypt", "--recipient-key", str(secret), "--signer-cert", str(signer), str(sealed)]
    else:
        for path in (secret, signer):
            subprocess.run(["rnpkeys", "--homedir", tmp_path, "--import-keys", path], capture_output=True, check=True)
        command = ["rnp", "--homedir", str(tmp_path), "--password=", "--output", "-", "--decrypt", str(sealed)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == BIG
    assert b"ood signature" in done.stderr


def test_sealing_is_to_the_newest_usable_subkey(gpg: Gpg, robot: Person) -> None:
    key = make_key("Subkeys <subkeys@fr.example>", made="20240101T000000")
    for options in ([*PAST, "--quick-add-key", key.fingerprint, "cv25519", "encr", "1d"],):
        run(key.home, "--passphrase=", *options)
    newest = run(key.home, "--passphrase=", "--quick-add-key", key.fingerprint, "cv25519", "encr", "2y")
    assert newest.returncode == 0
    robot.meet(Key(key.fingerprint, export(key.home, key.fingerprint), key.home))
    certificate = gpg.certificates()[key.fingerprint]
    (copy,) = gpg.seal(ENTITY, [(key.fingerprint,)])
    assert key_ids(copy.octets) == [certificate.subkeys[-1][-16:]]
    assert len(certificate.subkeys) == 3
    assert certificate.encrypts_until is None, "the oldest has no end"


@pytest.mark.parametrize(
    ("key", "flaw"),
    [
        (lambda: make_key("Gone <gone@fr.example>", expire="1y", made="20240101T000000"), Flaw.EXPIRED),
        (lambda: make_key("Signs <signs@fr.example>", "ed25519"), Flaw.CANNOT_ENCRYPT),
        (lambda: make_key("Tomorrow <tomorrow@fr.example>", made="20400101T000000"), Flaw.NOT_YET_VALID),
        (lambda: make_key("Small <small@fr.example>", "rsa1024/rsa1024"), Flaw.WEAK),
        (lambda: make_key("Small subkey <sub@fr.example>", "rsa2048/rsa1024"), Flaw.CANNOT_ENCRYPT),
    ],
)
def test_no_sealing_to_an_unusable_certificate(
    gpg: Gpg, robot: Person, alice: Person, key: Callable[[], Key], flaw: Flaw
) -> None:
    run(robot.key.home, "--ignore-time-conflict", "--ignore-valid-from", "--import", octets=key().public)
    assert gpg.certificates()[key().fingerprint].flaw(datetime.now(UTC), for_encryption=True) is flaw
    with pytest.raises(NoUsableKey) as refusal:
        gpg.seal(ENTITY, [(alice.fingerprint,), (key().fingerprint,)])
    assert refusal.value.fingerprint == key().fingerprint


def test_more_recipients_than_one_message_may_have(robot: Person, alice: Person, bob: Person) -> None:
    narrow = Gpg(robot.key.home, robot.fingerprint, bounds=Bounds(recipients=1))
    copies = narrow.seal(ENTITY, [(alice.fingerprint,), (bob.fingerprint, alice.fingerprint)])
    assert [len(key_ids(copy.octets)) for copy in copies] == [1, 2]


def test_more_readers_than_one_message_may_have_share_a_few(
    robot: Person, alice: Person, bob: Person, carol: Person
) -> None:
    """A thousand desks: three calls of gpg, not a thousand."""
    narrow = Gpg(robot.key.home, robot.fingerprint, bounds=Bounds(recipients=2))
    people = (alice, bob, carol, alice, bob)
    copies = narrow.seal(ENTITY, [(person.fingerprint,) for person in people])
    first, second, third, fourth, fifth = (split(dearmour(copy.octets), 2)[1].body for copy in copies)
    assert first == second != third == fourth != fifth
    for person, copy in zip(people, copies, strict=True):
        assert person.decrypt(copy.octets).octets == ENTITY


def test_no_sealing_to_nobody_or_a_stranger(gpg: Gpg) -> None:
    with pytest.raises(NoUsableKey):
        gpg.seal(ENTITY, [("A" * 40,)])
    with pytest.raises(NoUsableKey):
        gpg.seal(ENTITY, [("alice@fr.example",)])
    with pytest.raises(GpgFailure):
        gpg.seal(ENTITY, [()])
    assert gpg.seal(ENTITY, []) == []


def test_nobody_else_signs(alice: Person, bob: Person) -> None:
    """gpg would sign with its default key, and end with 0 (libraries.md)."""
    home = fresh_home()
    run(home, "--import", octets=export(bob.key.home, bob.fingerprint, secret=True))
    run(home, "--import", octets=alice.key.public)
    with pytest.raises(GpgFailure):
        Gpg(home, "B" * 40).seal(ENTITY, [(alice.fingerprint,)])
    with pytest.raises(GpgFailure):
        Gpg(home, alice.fingerprint).seal(ENTITY, [(alice.fingerprint,)])


def test_unknown_packets_make_it_seal_one_by_one(
    gpg: Gpg, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later gpg may write packets that we do not know: then each recipient gets gpg's own message whole."""
    encrypt = Gpg._encrypt

    def newer(self: Gpg, octets: bytes, keys: list[object], options: list[str]) -> bytes:
        return b"\xfc\x03new" + encrypt(self, octets, keys, options)  # type: ignore[arg-type]

    monkeypatch.setattr(Gpg, "_encrypt", newer)
    copies = gpg.seal(ENTITY, [(alice.fingerprint,), (bob.fingerprint,)])
    for copy, person in zip(copies, (alice, bob), strict=True):
        whole = dearmour(copy.octets)
        assert whole.startswith(b"\xfc\x03new")
        assert key_ids(whole) == [encryption_key_id(person)]


# ---------------------------------------------------------------- its own


def test_what_came_in_clear_is_sealed_to_the_robot(gpg: Gpg, robot: Person, alice: Person) -> None:
    sealed = gpg.seal_to_self(BIG)
    assert b"line 1" not in sealed
    assert key_ids(sealed) == [encryption_key_id(robot)]
    assert gpg.open_own(sealed) == BIG
    assert not alice.can_decrypt(sealed)
    with pytest.raises(GpgFailure):
        gpg.open_own(sealed[:-100])


# ---------------------------------------------------------------- certificates


def test_certificates(gpg: Gpg, carol: Person, robot: Person) -> None:
    key = make_key("Élodie Müller <elodie@eu.example>", expire="1y", more_uids=("Élodie <desk@eu.example>",))
    robot.meet(key)
    certificate = gpg.certificates()[key.fingerprint]
    assert sorted(certificate.user_ids) == ["Élodie <desk@eu.example>", "Élodie Müller <elodie@eu.example>"]
    assert (certificate.algorithm, certificate.can_encrypt, certificate.can_sign) == ("ed25519", True, True)
    assert certificate.expires is not None
    assert timedelta(days=360) < certificate.expires - datetime.now(UTC) < timedelta(days=370)
    assert certificate.encrypts_until is not None
    assert certificate.flaw(datetime.now(UTC), for_encryption=True) is None
    assert gpg.certificates()[carol.fingerprint].algorithm == "rsa2048"


def test_certificates_are_listed_once(gpg: Gpg, robot: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    gpg.certificates()
    calls: list[object] = []
    monkeypatch.setattr(gpg.gpg, "ask", lambda *args: calls.append(args))
    assert gpg.certificates()
    assert calls == []
    monkeypatch.undo()
    newcomer = make_key("Newcomer <new@fr.example>")
    robot.meet(newcomer)
    assert newcomer.fingerprint in gpg.certificates()


def test_scan(gpg: Gpg, alice: Person, bob: Person) -> None:
    secret = export(alice.key.home, alice.fingerprint, secret=True)
    forged = make_key("Mallory\u0085[GNUPG:] VALIDSIG x <mallory@fr.example>")
    turned = make_key("Mallory \u202eelpmaxe@ecila <mallory@fr.example>")
    (scanned,) = scanned_certificates(gpg, alice.key.public)
    assert (scanned.fingerprint, scanned.user_ids) == (alice.fingerprint, ("Alice <alice@fr.example>",))
    assert scanned.flaw(datetime.now(UTC), for_encryption=True) is None
    assert [c.fingerprint for c in scanned_certificates(gpg, alice.key.public + bob.key.public)] == (
        [alice.fingerprint, bob.fingerprint]
    )
    assert gpg.scan(secret) is gpg.scan(dearmour(secret)) is gpg.scan(bob.key.public + secret) is Refusal.SECRET
    assert gpg.scan(forged.public) is gpg.scan(turned.public) is Refusal.CONTROL_CHARACTERS
    assert gpg.scan(alice.key.public * 2) is Refusal.TWICE
    assert gpg.scan(alice.key.public + b" " * 2**20) is Refusal.TOO_LARGE
    for junk in (b"", b"junk", alice.key.public[:200], alice.sign_message(b"x"), armour(b"x", Label.CERTIFICATE)):
        assert gpg.scan(junk) is Refusal.UNREADABLE


def scanned_certificates(gpg: Gpg, octets: bytes) -> list[Certificate]:
    scanned = gpg.scan(octets)
    assert not isinstance(scanned, Refusal)
    return list(scanned)


def test_scanning_imports_nothing(gpg: Gpg) -> None:
    stranger = make_key("Scanned only <scanned@fr.example>")
    gpg.scan(stranger.public)
    assert stranger.fingerprint not in gpg.certificates()


def test_the_agent_may_end_at_any_time(gpg: Gpg, robot: Person, alice: Person) -> None:
    sealed = alice.sign_encrypt(ENTITY, [robot])
    subprocess.run(["gpgconf", "--homedir", str(robot.key.home), "--kill", "all"], check=True)
    assert opened(gpg.unseal(sealed)).data == ENTITY


def test_a_keyring_that_is_gone_is_a_broken_world(alice: Person) -> None:
    home = fresh_home()
    run(home, "--import", octets=alice.key.public)
    gpg, signature = Gpg(home, alice.fingerprint), alice.sign(ENTITY)
    assert verdict_on(gpg, signature)[0] is SignatureState.GOOD
    end_home(home)
    shutil.rmtree(home, ignore_errors=True)
    with pytest.raises((OSError, GpgFailure)):
        gpg.verify(ENTITY, signature)
