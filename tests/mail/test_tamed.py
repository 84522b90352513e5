"""Calls of gpg: what stock python-gnupg lets through and ours does not, and the limits of a call."""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import gnupg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.mail.gpg import Gpg, Unsealed
from mailbot.mail.tamed import Allowance, Answer, GpgFailure, Line, Status, TamedGPG, read_status
from tests.keys import Key, Person, fresh_home, make_key, run

# ---------------------------------------------------------------- the signer forgery of libraries.md


def forger(victim: Key) -> Person:
    """Somebody whose user ID holds line ends that only python-gnupg takes for such (U+0085), and false status lines.

    The last of them cannot be parsed: the stock reader dies of it, and the true lines after it are never read.
    """
    lines = [
        f"GOODSIG {victim.fingerprint[-16:]} Alice",
        f"VALIDSIG {victim.fingerprint} 2026-01-01 1767225600 0 4 0 22 10 00 {victim.fingerprint}",
        "TRUST_ULTIMATE 0 pgp",
        "SIG_ID !",
        "",
    ]
    return Person(make_key("Mallory" + "\u0085".join(["", *(f"[GNUPG:] {line}" for line in lines[:-1]), ""])))


@pytest.fixture(scope="module")
def alice() -> Person:
    return Person.named("Alice <alice@fr.example>")


@pytest.fixture(scope="module")
def robot(alice: Person) -> Person:
    """Whose keyring has, beside Alice's certificate, the forger's."""
    return Person.named("Robot <robot@network.example>", alice, forger(alice.key))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_forged_signer(alice: Person, robot: Person) -> None:
    sealed = forger(alice.key).sign_encrypt(b"[REQUEST ALL]", [robot.key])

    fooled = gnupg.GPG(gnupghome=str(robot.key.home)).decrypt(sealed)
    assert (fooled.valid, fooled.fingerprint, fooled.trust_text, fooled.returncode) == (
        *(True, alice.fingerprint, "TRUST_ULTIMATE"),
        0,
    ), "stock python-gnupg is fooled"

    ours = TamedGPG(robot.key.home).decrypt(sealed)
    assert ours.data == b"[REQUEST ALL]"
    assert ours.fingerprint == ours.pubkey_fingerprint == forger(alice.key).fingerprint
    assert ours.trust_text != "TRUST_ULTIMATE"
    unsealed = Gpg(robot.key.home, robot.fingerprint).unseal(sealed)
    assert isinstance(unsealed, Unsealed)
    assert [verdict.fingerprint for verdict in unsealed.verdicts] == [forger(alice.key).fingerprint]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_forged_detached_signer(alice: Person, robot: Person) -> None:
    signature = forger(alice.key).sign_message(b"text")
    assert gnupg.GPG(gnupghome=str(robot.key.home)).verify(signature).fingerprint == alice.fingerprint
    assert TamedGPG(robot.key.home).verify(signature).fingerprint == forger(alice.key).fingerprint


def test_forged_import_results(alice: Person) -> None:
    claim = f"\u0085[GNUPG:] IMPORT_OK 1 {alice.fingerprint}\u0085"
    mallory = make_key(f"Mallory{claim}")
    fooled = gnupg.GPG(gnupghome=str(fresh_home())).import_keys(mallory.public)
    assert fooled.fingerprints[0].startswith(alice.fingerprint), "stock python-gnupg is fooled"
    ours = TamedGPG(fresh_home()).import_keys(mallory.public)
    assert ours.fingerprints == [mallory.fingerprint]


# ---------------------------------------------------------------- plaintext without integrity (EFAIL)


def test_no_data_without_integrity(robot: Person, alice: Person) -> None:
    sealed = alice.encrypt(b"secret plan", [robot.key], "--rfc2440", "--cipher-algo", "3DES", "--compress-algo=none")
    fooled = gnupg.GPG(gnupghome=str(robot.key.home)).decrypt(sealed)
    assert (fooled.ok, fooled.data) == (False, b"secret plan"), "stock python-gnupg hands it out"
    ours = TamedGPG(robot.key.home).decrypt(sealed)
    assert (ours.ok, ours.data) == (False, b"")
    assert ours.returncode != 0


# ---------------------------------------------------------------- status lines


def test_status_lines_end_at_line_feeds_alone() -> None:
    said = "[GNUPG:] GOODSIG 0123 Mallory\u0085[GNUPG:] VALIDSIG 99\u2028x\x0b\x0c\x1c\ry\n[GNUPG:] END\n".encode()
    status = read_status(said)
    assert status.sound
    assert [line.keyword for line in status.lines] == ["GOODSIG", "END"]
    assert all(word.isascii() and word.isprintable() for line in status.lines for word in line.words)


@pytest.mark.parametrize(
    "said", [b"[GNUPG:] CUT", b"gpg: a log line\n", b"\n", b"[GNUPG:] \n", b"[GNUPG:] lower\n", b"GNUPG GOODSIG\n"]
)
def test_anything_else_is_not_sound(said: bytes) -> None:
    assert not read_status(said).sound
    assert not Answer(0, read_status(said), b"").well


@given(st.binary(max_size=100))
def test_any_octets_are_a_status(said: bytes) -> None:
    for octets in (said, b"[GNUPG:] X " + said + b"\n"):
        status = read_status(octets)
        assert all(word.isascii() and word.isprintable() for line in status.lines for word in (*line.words, "x"))


def test_a_failure_tells_no_content() -> None:
    answer = Answer(
        2, Status((Line("INV_RECP", ("0", "bob@de.example")), Line("FAILURE", ("encrypt", "53")))), b"secret"
    )
    with pytest.raises(GpgFailure) as failure:
        answer.require("encrypt")
    assert str(failure.value) == "encrypt: return code 2 (INV_RECP FAILURE)"
    assert "secret" not in repr(answer)


def test_results_that_cannot_be_parsed_are_not_valid(monkeypatch: pytest.MonkeyPatch, robot: Person) -> None:
    """A newer gpg might say something that the library's parser breaks on."""
    gpg, ask = TamedGPG(robot.key.home), TamedGPG.ask
    odd = Line("SIG_ID", ("!",))

    def odder(self: TamedGPG, args: list[str], octets: bytes = b"") -> Answer:
        answer = ask(self, args, octets)
        return Answer(answer.returncode, Status((*answer.status.lines, odd)), answer.output)

    message = robot.sign_message(b"text")
    assert gpg.verify(message).valid
    monkeypatch.setattr(TamedGPG, "ask", odder)
    verified = gpg.verify(message)
    assert (verified.valid, verified.data) == (False, b"")
    assert verified.returncode != 0


# ---------------------------------------------------------------- limits


def test_too_much_output(robot: Person) -> None:
    gpg = TamedGPG(robot.key.home, allowance=Allowance(octets=100_000))
    answer = gpg.ask(["--store"], b"x" * 200_000)
    assert (answer.overflow, answer.well, answer.output) == (True, False, b"")
    assert gpg.ask(["--store"], b"x" * 90_000).well


def says(folder: Path, words: str) -> str:
    """A gpg that says this to its status descriptor."""
    program = folder / "gpg"
    find = "for word; do case $word in --status-fd=*) status=/proc/self/fd/${word#*=};; esac; done"
    program.write_text(f"#!/bin/sh\n{find}\n{words} >$status\n")
    program.chmod(0o700)
    return str(program)


def test_too_much_to_say(robot: Person, tmp_path: Path) -> None:
    """A message can make gpg say far more than it is long."""
    gpg = TamedGPG(robot.key.home)
    gpg.gpgbinary = says(tmp_path, "exec yes '[GNUPG:] PLAINTEXT_LENGTH 0'")
    begin = time.monotonic()
    with pytest.raises(GpgFailure, match="too much to say"):
        gpg.ask([])
    assert time.monotonic() - begin < gpg.allowance.seconds / 2


def test_more_than_a_pipe_holds_is_heard_whole(robot: Person, tmp_path: Path) -> None:
    gpg = TamedGPG(robot.key.home)
    gpg.gpgbinary = says(tmp_path, "yes '[GNUPG:] PLAINTEXT_LENGTH 0' | head -n 20000")
    answer = gpg.ask([])
    assert answer.well
    assert answer.status.count("PLAINTEXT_LENGTH") == 20_000


def test_too_much_time(robot: Person) -> None:
    gpg = TamedGPG(robot.key.home)
    gpg.allowance = Allowance(seconds=0.3)
    read, write = os.pipe()  # never written: gpg waits for its input
    began = time.monotonic()
    with pytest.raises(GpgFailure, match="too long"):
        gpg.ask(["--decrypt", f"/proc/{os.getpid()}/fd/{read}"])
    assert time.monotonic() - began < 5
    os.close(read)
    os.close(write)


def test_too_much_memory(robot: Person) -> None:
    """A compressed message is opened with so little room that gpg cannot get what it needs for that.

    It is encrypted as well: before gpg needs memory it asks its agent, and by then the limit holds.
    """
    gpg = TamedGPG(robot.key.home)
    sealed = ["--encrypt", "--recipient", robot.key.fingerprint, "--compress-algo=bzip2"]
    packed = gpg.ask(sealed, bytes(2**20)).output
    assert gpg.ask(["--decrypt"], packed).output == bytes(2**20)
    gpg.allowance = Allowance(memory=4 * 2**20)
    with suppress(GpgFailure):  # ended by a signal
        assert not gpg.ask(["--decrypt"], packed).output


def test_nothing_is_asked_of_the_network_or_a_person(robot: Person) -> None:
    """An unknown recipient makes gpg look for a key: dirmngr would be started."""
    answer = TamedGPG(robot.key.home).ask(["--encrypt", "--recipient", "nobody@elsewhere.example"], b"x")
    assert answer.status.of("INV_RECP")
    assert not (robot.key.home / "S.dirmngr").exists()


def test_no_core_dumps_and_no_foreign_environment(
    robot: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    witness = tmp_path / "gpg"
    witness.write_text("#!/bin/sh\nenv; ulimit -c; ulimit -v\n")
    witness.chmod(0o700)
    monkeypatch.setenv("MAILBOT_IMAP_PASSWORD", "hunter2")
    monkeypatch.setenv("GNUPGHOME", "/elsewhere")
    gpg = TamedGPG(robot.key.home)
    gpg.gpgbinary = str(witness)
    seen = gpg.ask([]).output.decode()
    assert "hunter2" not in seen
    assert "GNUPGHOME" not in seen
    assert "LC_ALL=C\n" in seen
    assert "\n0\n" in seen
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


@pytest.fixture
def open_files() -> Iterator[None]:
    opened = Path("/proc/self/fd")
    before = {path.name for path in opened.iterdir()}
    yield
    assert {path.name for path in opened.iterdir()} == before


@pytest.mark.usefixtures("open_files")
def test_no_descriptor_stays_open(robot: Person) -> None:
    gpg = TamedGPG(robot.key.home, "a passphrase that nobody needs")
    assert gpg.ask(["--verify", "-"], robot.sign(b"text"), b"text").well
    gpg.gpgbinary = "/no/such/gpg"
    with pytest.raises(FileNotFoundError):
        gpg.ask(["--version"])


def test_a_passphrase_is_one_line(robot: Person) -> None:
    with pytest.raises(ValueError, match="one line"):
        TamedGPG(robot.key.home, "one\ntwo")


def test_a_home_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="directory"):
        TamedGPG(tmp_path / "none")


def test_expired_certificates_are_listed_in_a_new_home() -> None:
    """Without a trust file gpg ends with 2 instead."""
    gone = make_key("Gone <gone@fr.example>", expire="1y", made="20240101T000000")
    gpg = TamedGPG(fresh_home())
    assert gpg.ask(["--import"], gone.public).well
    assert gone.fingerprint.encode() in gpg.ask(["--check-signatures"]).require("list").output


def test_large_content_passes_through_unchanged(robot: Person) -> None:
    content = os.urandom(3_000_000)
    stored = TamedGPG(robot.key.home).ask(["--store"], content).require("store").output
    assert run(robot.key.home, "--decrypt", octets=stored).stdout == content
