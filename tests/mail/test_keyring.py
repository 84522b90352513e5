"""The working keyring: nothing gets in but what is pinned, it is remade when something changed, and quick otherwise."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailbot.core.certificates import Flaw
from mailbot.core.findings import Severity
from mailbot.mail.gpg import Gpg, Unsealed
from mailbot.mail.homes import end_agent
from mailbot.mail.keyring import Keyring, RobotKey, make_home
from mailbot.mail.robotkey import KeyExists, export_certificate, init_robot_key, next_robot_key
from mailbot.mail.tamed import GpgFailure, TamedGPG
from tests.keys import Key, Person, export, fresh_home, make_key, run

ADDRESSES = ("network@hub.example", "control@hub.example")


@pytest.fixture(scope="module")
def robot() -> Iterator[RobotKey]:
    home = fresh_home() / "robot"
    yield RobotKey(home, init_robot_key(home, "Hüb Robot", ADDRESSES))
    end_agent(home)


@pytest.fixture(scope="module")
def alice() -> Person:
    return Person.named("Alice <alice@fr.example>")


@pytest.fixture(scope="module")
def bob() -> Person:
    return Person.named("Bob <bob@de.example>")


@dataclass
class Place:
    """A run directory and key files, and the keyrings made there."""

    root: Path
    robot: RobotKey
    pins: dict[str, set[str]]
    made: list[Keyring]

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    def pin(self, code: str, key: Key, octets: bytes | None = None) -> Path:
        self.pins.setdefault(code, set()).add(key.fingerprint)
        path = self.keys / code / f"{key.fingerprint}.asc"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(key.public if octets is None else octets)
        return path

    def make(self, robot: RobotKey | None = None) -> Keyring:
        self.made.append(make_home(self.run, self.keys, self.pins, robot or self.robot))
        return self.made[-1]

    def gpg(self, keyring: Keyring) -> Gpg:
        return Gpg(keyring.home, self.robot.fingerprint)


@pytest.fixture
def place(robot: RobotKey, alice: Person, bob: Person) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="mb", dir="/tmp") as root:
        place = Place(Path(root), robot, {}, [])
        place.pin("FR", alice.key)
        place.pin("DE", bob.key)
        yield place
        for keyring in place.made:
            keyring.close()


def ids(keyring: Keyring) -> list[str]:
    return sorted(finding.id for finding in keyring.findings)


# ---------------------------------------------------------------- the working home


def test_holds_what_is_pinned_and_the_robot(place: Place, alice: Person, bob: Person) -> None:
    keyring = place.make()
    assert (keyring.findings, keyring.has_robot_key) == ((), True)
    gpg = place.gpg(keyring)
    assert set(gpg.certificates()) == {alice.fingerprint, bob.fingerprint, place.robot.fingerprint}
    (copy,) = gpg.seal(b"for Bob", [(bob.fingerprint,)])
    bob.meet(robot_certificate(place.robot))
    assert bob.decrypt(copy.octets).signers == (place.robot.fingerprint,)
    assert gpg.unseal(alice.encrypt(b"for the robot", [robot_certificate(place.robot)])) == Unsealed(b"for the robot")


def robot_certificate(robot: RobotKey) -> Key:
    return Key(robot.fingerprint, export_certificate(robot.home, robot.fingerprint), robot.home)


def test_is_private(place: Place) -> None:
    keyring = place.make()
    assert place.run.stat().st_mode & 0o777 == keyring.home.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in keyring.home.glob("private-keys-v1.d/*"))


def test_is_made_once(place: Place, alice: Person) -> None:
    first = place.make()
    first.close()
    began = time.monotonic()
    second = place.make()
    assert time.monotonic() - began < 2
    assert second.home == first.home
    assert alice.fingerprint in place.gpg(second).certificates()


def test_findings_are_remembered(place: Place) -> None:
    next(place.keys.glob("DE/*.asc")).write_bytes(b"junk")
    assert place.make().findings == place.make().findings != ()


def change_nothing(place: Place) -> None:
    """So that the test below can fail."""


def change_file(place: Place) -> None:
    path = next(place.keys.glob("FR/*.asc"))
    path.write_bytes(path.read_bytes() + b"\n")


def remove_file(place: Place) -> None:
    next(place.keys.glob("FR/*.asc")).unlink()


def add_file(place: Place) -> None:
    (place.keys / "FR" / "note.asc").write_bytes(b"x")


def add_pin(place: Place) -> None:
    place.pin("IT", make_key("Carol <carol@it.example>"))


def remove_pin(place: Place) -> None:
    place.pins["DE"].clear()


def move_pin(place: Place) -> None:
    place.pins["EU"] = place.pins.pop("DE")


@pytest.mark.parametrize("change", [change_file, remove_file, add_file, add_pin, remove_pin, move_pin])
def test_is_remade_when_something_changed(place: Place, change: Callable[[Place], None]) -> None:
    first = place.make()
    change_nothing(place)
    assert place.make().home == first.home
    change(place)
    second = place.make()
    assert second.home != first.home
    assert first.home.exists(), "somebody still uses it"
    pinned = {fingerprint for fingerprints in place.pins.values() for fingerprint in fingerprints}
    held = set(place.gpg(second).certificates()) - {place.robot.fingerprint}
    assert held == {path.stem for path in place.keys.glob("*/*.asc") if path.parent.name in place.pins} & pinned


def test_is_remade_when_the_robots_key_changed(place: Place) -> None:
    other = fresh_home() / "other"
    fingerprint = init_robot_key(other, "Another", ADDRESSES[:1])
    first, second = place.make(), place.make(RobotKey(other, fingerprint))
    assert first.home != second.home
    assert fingerprint in place.gpg(second).certificates()
    assert place.robot.fingerprint not in place.gpg(second).certificates()


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_the_robots_key_is_written_once(place: Place, passphrase: str | None) -> None:
    """Who reads the file of a key while the agent writes it anew, at its first use, reads half of it."""
    home = fresh_home() / "robot"
    robot = RobotKey(home, init_robot_key(home, "Robot", ADDRESSES, passphrase=passphrase), passphrase)
    working = place.make(robot).home
    files = sorted((working / "private-keys-v1.d").glob("*.key"))
    made = [path.stat().st_mtime_ns for path in files]
    gpg = Gpg(working, robot.fingerprint, passphrase)
    [sealed] = gpg.seal(b"words", [[robot.fingerprint]])
    assert isinstance(gpg.unseal(sealed.head + sealed.tail + sealed.foot), Unsealed)
    assert len(files) == 2
    assert [path.stat().st_mtime_ns for path in files] == made


def test_unused_homes_are_removed(place: Place) -> None:
    first = place.make()
    first.close()
    add_pin(place)
    second = place.make()
    assert not first.home.exists()
    assert second.home.exists()


def test_a_home_that_was_not_finished_is_made_again(place: Place, alice: Person) -> None:
    """As after a crash half-way."""
    first = place.make()
    first.close()
    (first.home / "mailbot.json").unlink()
    (first.home / "pubring.kbx").unlink()
    second = place.make()
    assert second.home == first.home
    assert alice.fingerprint in place.gpg(second).certificates()


def test_a_long_run_directory(robot: RobotKey, alice: Person, bob: Person) -> None:
    """gpg-agent's socket would not fit: "General error"."""
    with tempfile.TemporaryDirectory(prefix="mb", dir="/tmp") as root:
        place = Place(Path(root) / ("long" * 20) / ("longer" * 20), robot, {}, [])
        place.pin("FR", alice.key)
        keyring = place.make()
        assert len(str(keyring.home)) < 80
        assert keyring.home.parent.stat().st_mode & 0o777 == 0o700
        sealed = place.gpg(keyring).seal_to_self(b"text")
        assert place.gpg(keyring).open_own(sealed) == b"text"
        keyring.close()
        keyring.close()
        assert not keyring.home.parent.exists()
        again = place.make()
        assert place.gpg(again).open_own(sealed) == b"text"
        again.close()


def agent_answers(home: Path) -> bool:
    command = ["gpg-connect-agent", "--homedir", str(home), "--no-autostart", "getinfo pid", "/bye"]
    return b"OK" in subprocess.run(command, capture_output=True, check=False).stdout


def test_closing_ends_the_agent(place: Place) -> None:
    first, second = place.make(), place.make()
    place.gpg(first).open_own(place.gpg(first).seal_to_self(b"x"))
    assert agent_answers(first.home)
    first.close()
    assert agent_answers(second.home), "the other one still uses it"
    second.close()
    assert not agent_answers(second.home)


def test_a_killed_process_leaves_nothing_locked(place: Place) -> None:
    script = (
        "import sys, time; from pathlib import Path; from mailbot.mail.keyring import RobotKey, make_home\n"
        "root, home, robot = sys.argv[1:]\n"
        "keyring = make_home(Path(root, 'run'), Path(root, 'keys'), {}, RobotKey(Path(home), robot))\n"
        "print(keyring.home, flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(place.root), str(place.robot.home), place.robot.fingerprint]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."})
    assert child.stdout is not None
    other = Path(child.stdout.readline().strip())
    place.make()
    assert other.exists(), "in use by another process"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    place.make()
    assert not other.exists()


# ---------------------------------------------------------------- findings


@pytest.mark.parametrize(
    ("octets", "finding"),
    [
        (lambda alice, bob: b"", "keys.unreadable"),
        (lambda alice, bob: b"junk", "keys.unreadable"),
        (lambda alice, bob: alice.key.public[:200], "keys.unreadable"),
        (lambda alice, bob: b"x" * (1024 * 1024 + 1), "keys.too-large"),
        (lambda alice, bob: bob.key.public, "keys.wrong-fingerprint"),
        (lambda alice, bob: alice.key.public + bob.key.public, "keys.extra"),
        (lambda alice, bob: alice.key.public * 2, "keys.twice"),
        (lambda alice, bob: export(alice.key.home, alice.fingerprint, secret=True), "keys.secret"),
        (lambda alice, bob: alice.key.public + export(bob.key.home, bob.fingerprint, secret=True), "keys.secret"),
    ],
)
def test_files_that_are_not_taken(
    place: Place, alice: Person, bob: Person, octets: Callable[[Person, Person], bytes], finding: str
) -> None:
    path = place.pin("FR", alice.key, octets(alice, bob))
    keyring = place.make()
    assert ids(keyring) == [finding]
    (only,) = keyring.findings
    assert (only.place, only.severity) == (str(path), Severity.ERROR)
    assert only.hint
    held = place.gpg(keyring).certificates()
    assert set(held) == {bob.fingerprint, place.robot.fingerprint}
    secret = run(keyring.home, "--with-colons", "--list-secret-keys").stdout
    assert re.findall(rb"^fpr:+([0-9A-F]+):", secret, re.MULTILINE)[0].decode() == place.robot.fingerprint
    assert len(re.findall(rb"^sec:", secret, re.MULTILINE)) == 1


def test_a_missing_file(place: Place, bob: Person) -> None:
    remove_file(place)
    keyring = place.make()
    assert ids(keyring) == ["keys.missing"]
    assert bob.fingerprint in place.gpg(keyring).certificates()


def test_a_name_with_a_false_status_line(place: Place, alice: Person) -> None:
    """The signer forgery of libraries.md does not even get into the keyring."""
    mallory = make_key(f"Mallory\u0085[GNUPG:] VALIDSIG {alice.fingerprint}\u0085")
    place.pin("XX", mallory)
    keyring = place.make()
    assert ids(keyring) == ["keys.control-characters"]
    assert mallory.fingerprint not in place.gpg(keyring).certificates()


def test_a_file_that_nothing_refers_to(place: Place) -> None:
    place.pins["DE"].clear()
    keyring = place.make()
    assert ids(keyring) == ["keys.not-pinned"]
    assert keyring.findings[0].severity is Severity.WARNING


def test_one_certificate_pinned_by_two_parties(place: Place, alice: Person) -> None:
    """An update in either file is merged; so is a revocation (trust.md 12)."""
    signature = alice.sign(b"x")
    revocation = (alice.key.home / "openpgp-revocs.d" / f"{alice.fingerprint}.rev").read_bytes()
    revoked = run(fresh_home_with(alice.key, revocation.replace(b":-----", b"-----")), "--armor", "--export").stdout
    place.pin("EU", alice.key, revoked)
    keyring = place.make()
    assert keyring.findings == ()
    assert place.gpg(keyring).certificates()[alice.fingerprint].revoked
    assert place.gpg(keyring).verify(b"x", signature)[0].state == "revoked"


def fresh_home_with(key: Key, *more: bytes) -> Path:
    home = fresh_home()
    for octets in (key.public, *more):
        run(home, "--import", octets=octets)
    return home


@pytest.mark.parametrize(
    ("key", "flaw"),
    [
        (lambda: make_key("Gone <gone@fr.example>", expire="1y", made="20240101T000000"), Flaw.EXPIRED),
        (lambda: make_key("Tomorrow <tomorrow@fr.example>", made="20400101T000000"), Flaw.NOT_YET_VALID),
        (lambda: make_key("Small <small@fr.example>", "rsa1024/rsa1024"), Flaw.WEAK),
    ],
)
def test_unusable_certificates_are_held_and_named(place: Place, key: Callable[[], Key], flaw: Flaw) -> None:
    """So that `check` can say what is wrong with them, and not that they are missing."""
    place.pin("IT", key())
    keyring = place.make()
    assert keyring.findings == ()
    certificate = place.gpg(keyring).certificates()[key().fingerprint]
    assert certificate.flaw(datetime.now(UTC), for_encryption=True) is flaw


def test_no_robot_key(place: Place, alice: Person) -> None:
    for robot in (RobotKey(place.root / "nowhere", "A" * 40), replace(place.robot, fingerprint="A" * 40)):
        keyring = place.make(robot)
        assert ids(keyring) == ["robot-key.missing"]
        assert not keyring.has_robot_key
        assert alice.fingerprint in place.gpg(keyring).certificates()


# ---------------------------------------------------------------- the robot's own key


def test_the_robots_key(robot: RobotKey) -> None:
    gpg = Gpg(robot.home, robot.fingerprint)
    certificate = gpg.certificates()[robot.fingerprint]
    assert certificate.user_ids[0] == "Hüb Robot <network@hub.example>", "the first is what programs show"
    assert set(certificate.user_ids) == {f"Hüb Robot <{address}>" for address in ADDRESSES}
    assert (certificate.algorithm, certificate.can_encrypt, certificate.can_sign) == ("ed25519", True, True)
    assert certificate.expires is not None
    assert timedelta(days=725) < certificate.expires - datetime.now(UTC) < timedelta(days=735)
    assert robot.home.stat().st_mode & 0o777 == 0o700


def test_its_certificate(robot: RobotKey) -> None:
    exported = export_certificate(robot.home, robot.fingerprint)
    assert exported.startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    with pytest.raises(GpgFailure):
        export_certificate(robot.home, "A" * 40)


def test_a_second_key_is_refused(robot: RobotKey) -> None:
    with pytest.raises(KeyExists):
        init_robot_key(robot.home, "Again", ADDRESSES)


@pytest.mark.parametrize(
    ("name", "address"), [("Robot\n", "a@b"), ("Robot <x>", "a@b"), ("Robot", "ab"), ("R", "a@b>")]
)
def test_what_cannot_stand_in_a_user_id(tmp_path: Path, name: str, address: str) -> None:
    with pytest.raises(ValueError, match="user ID"):
        init_robot_key(tmp_path, name, [address])


TAKING_OVER = """
import sys
from pathlib import Path
from mailbot.mail.keyring import RobotKey, make_home
home, robot, root = sys.argv[1:]
for number in range(8):
    keyring = make_home(Path(root, str(number)), Path(root, "keys"), {}, RobotKey(Path(home), robot))
    print(keyring.has_robot_key)
    keyring.close()
"""


def test_robots_that_start_together_do_not_end_each_others_agent(robot: RobotKey, tmp_path: Path) -> None:
    """Both take the key over from one home. One in eight once found its key locked, and ended for good."""
    both = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        words = [sys.executable, "-c", TAKING_OVER, str(robot.home), robot.fingerprint, str(tmp_path / name)]
        both.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
    assert [process.communicate()[0].split() for process in both] == [["True"] * 8] * 2


def test_an_agent_that_somebody_ends_amid_the_work_is_begun_anew(robot: RobotKey, tmp_path: Path) -> None:
    """As what a robot that was killed has left behind may do."""
    words = [sys.executable, "-c", TAKING_OVER, str(robot.home), robot.fingerprint, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            end_agent(robot.home)
            time.sleep(0.3)
        assert process.stdout
        assert process.stdout.read().split() == ["True"] * 8


def test_a_key_with_a_passphrase_is_quick(place: Place, alice: Person) -> None:
    """At the agent's default each use costs 0.5 s (speed.md); the count must be low before the passphrase is set."""
    home = fresh_home() / "locked"
    fingerprint = init_robot_key(home, "Robot", ADDRESSES[:1], "a long random passphrase", "0")
    assert b"SIG_CREATED" not in run(home, "--pinentry-mode=error", "--status-fd=2", "--sign", rc=None).stderr
    keyring = place.make(RobotKey(home, fingerprint, "a long random passphrase"))
    assert keyring.findings == ()
    gpg = Gpg(keyring.home, fingerprint, "a long random passphrase")
    assert gpg.open_own(gpg.seal_to_self(b"x")) == b"x"
    end_agent(keyring.home)
    began = time.monotonic()
    assert len(gpg.seal(b"text", [(alice.fingerprint,)])) == 1
    assert time.monotonic() - began < 2
    locked = place.make(RobotKey(home, fingerprint, "wrong"))
    assert locked.home == keyring.home, "made from the same, and still locked by the right passphrase"
    end_agent(locked.home)  # which remembers the passphrase for some minutes
    with pytest.raises(GpgFailure):
        Gpg(locked.home, fingerprint, "wrong").open_own(gpg.seal_to_self(b"x"))


def test_the_next_key_has_the_same_passphrase_and_both_open(place: Place) -> None:
    home, passphrase = fresh_home() / "locked", "a long random passphrase"
    old = init_robot_key(home, "Robot", ADDRESSES, passphrase)
    new = next_robot_key(home, old, passphrase)
    assert (
        b"SIG_CREATED" not in run(home, "--pinentry-mode=error", "--status-fd=2", "-u", new, "--sign", rc=None).stderr
    )
    for signing, opening in ((old, new), (new, old)):
        keyring = place.make(RobotKey(home, signing, passphrase, (opening,)))
        assert keyring.findings == ()
        gpg = Gpg(keyring.home, signing, passphrase)
        assert gpg.open_own(Gpg(keyring.home, opening, passphrase).seal_to_self(b"x")) == b"x"
        keyring.close()


def test_a_wrong_passphrase_is_found_when_the_home_is_made(place: Place) -> None:
    home = fresh_home() / "locked"
    fingerprint = init_robot_key(home, "Robot", ADDRESSES[:1], "right")
    for passphrase in (None, "wrong"):
        keyring = place.make(RobotKey(home, fingerprint, passphrase))
        assert ids(keyring) == ["robot-key.locked"]
        keyring.close()
    assert place.make(RobotKey(home, fingerprint, "right")).findings == ()


def test_the_passphrase_is_not_shown() -> None:
    assert "secret" not in repr(RobotKey(Path("/x"), "A" * 40, "secret"))


def test_settings_for_gpg_called_by_hand(place: Place) -> None:
    keyring = place.make()
    done = subprocess.run(["gpg", "--homedir", keyring.home, "--list-keys"], capture_output=True, check=True)
    assert b"option" not in done.stderr
    assert TamedGPG(keyring.home).ask(["--list-keys"]).well
