"""The robot's working keyring: a GnuPG home made from pinned certificate files and the robot's own secret key.

A certificate gets in only if its full fingerprint is pinned and its file holds that and nothing else (network.md §8);
so whatever gpg finds in this home is pinned. The home is named after all it is made from: when a file, a pin or the
robot's key changes, another home is made, and a home that nobody uses any more is removed.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from mailbot.core.certificates import Fingerprint
from mailbot.core.findings import Finding, Severity
from mailbot.disk import sync
from mailbot.mail.homes import end_agent, forget, passing, prepare, private, settle, short_path, visited
from mailbot.mail.keyfiles import Refusal, key_packets, scan
from mailbot.mail.listing import list_keyring
from mailbot.mail.tamed import EVEN_FROM_THE_FUTURE, GpgFailure, TamedGPG

_RECIPE = b"1"  # counted up when homes are made in another way
_STAMP = "mailbot.json"  # written last: a home without it is not whole
_LOCK = "mailbot.lock"
_TRIES = 3  # a robot that was killed here may leave somebody behind who ends our agent amid its work

Pins = Mapping[str, Iterable[Fingerprint]]  # folder under keys/, a party's code -> what is pinned there
Octets = Mapping[Fingerprint, bytes]
_Pinned = Mapping[str, list[Fingerprint]]


@dataclass(frozen=True, slots=True)
class RobotKey:
    """Where the robot's secret key lies, and which it is."""

    home: Path
    fingerprint: Fingerprint
    passphrase: str | None = field(default=None, repr=False)
    others: tuple[Fingerprint, ...] = ()  # an earlier or the next one: they open mail, and sign nothing

    @property
    def all(self) -> tuple[Fingerprint, ...]:
        return (self.fingerprint, *self.others)


@dataclass(slots=True)
class Keyring:
    """A working home in use; `close` it. `findings` are about the key files, and the robot's key."""

    home: Path  # short enough for gpg-agent
    robot: Fingerprint
    findings: tuple[Finding, ...]
    _lock: IO[bytes] = field(repr=False)

    @property
    def has_robot_key(self) -> bool:
        return not any(finding.id.startswith("robot-key.") for finding in self.findings)

    def close(self) -> None:
        """End the home's agent, unless another process uses the home too."""
        if self._lock.closed:
            return
        if _locked(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
            end_agent(self.home)
        self._lock.close()
        forget(self.home)


# ---------------------------------------------------------------- the working home


def make_home(run: Path, keys: Path, pins: Pins, robot: RobotKey, brought: Octets | None = None) -> Keyring:
    """The working home for these pins, below `run`; made if there is none yet, which takes about 20 ms for each key.

    `brought` are certificates that came by mail: each is put together with what a file holds of it.

    The run directory should be on the machine itself and readable by the robot alone: the home holds its secret key.
    Raises OSError, or GpgFailure if gpg cannot be used; everything that is wrong with keys is a finding.
    """
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    pinned = {folder: sorted(set(pins[folder])) for folder in sorted(pins)}
    with _alone(run):
        home = run / f"gnupg-{_state(keys, pinned, robot, brought or {})[:16]}"
        findings = _findings_of(home)
        if findings is None:
            _remove(home)
            findings = _make(home, keys, pinned, robot, brought or {})
        keyring = Keyring(short_path(home), robot.fingerprint, findings, _lock_of(home))
        _locked(keyring._lock, fcntl.LOCK_SH)  # noqa: SLF001 - of this module
        _remove_unused(run, home)
    return keyring


def _make(home: Path, keys: Path, pins: _Pinned, robot: RobotKey, brought: Octets) -> tuple[Finding, ...]:
    prepare(home)
    with visited(home) as path:
        gpg = TamedGPG(path, robot.passphrase)
        findings = [*_import_pinned(gpg, keys, pins, brought), *_strays(keys, pins)]
        troubles = _import_robot(gpg, robot)
    if not troubles:
        _write_stamp(home, findings)
    return (*troubles, *findings)


def _import_pinned(gpg: TamedGPG, keys: Path, pins: _Pinned, brought: Octets) -> Iterator[Finding]:
    """Import by way of a passing home, from which nothing but the pinned fingerprints is taken."""
    accepted: dict[Fingerprint, bytes] = {}
    with passing() as antechamber:
        gate = TamedGPG(antechamber)
        for folder, fingerprint in _each(pins):
            for packets in _sources(gate, keys / folder / f"{fingerprint}.asc", fingerprint, brought.get(fingerprint)):
                if isinstance(packets, Finding):
                    yield packets
                else:
                    accepted[fingerprint] = accepted.get(fingerprint, b"") + packets
        gate.ask([*EVEN_FROM_THE_FUTURE, "--import"], b"".join(accepted.values()))
        held = sorted(list_keyring(gate).listed.keys() & accepted)
        if held:
            octets = gate.ask(["--export", *held]).require("export certificates").output
            gpg.ask([*EVEN_FROM_THE_FUTURE, "--import"], octets).require("import certificates")
    for fingerprint in sorted(accepted.keys() - held):
        yield _finding("keys.unreadable", keys, f"gpg does not import {fingerprint}", _HOW_TO_EXPORT)
    if list_keyring(gpg).listed.keys() != set(held):
        raise GpgFailure("the keyring holds other certificates than those put into it")


def _sources(gate: TamedGPG, path: Path, fingerprint: Fingerprint, brought: bytes | None) -> Iterator[bytes | Finding]:
    """The pinned certificate as its file has it, and as a mail brought it: one of them is enough."""
    octets = _read(path)
    if octets is None and brought is None:
        yield _finding("keys.missing", path, "no file for this pinned fingerprint", _HOW_TO_EXPORT)
    for held in (octets, brought):
        if held is not None:
            yield _admit(gate, path, fingerprint, held)


def _admit(gate: TamedGPG, path: Path, fingerprint: Fingerprint, octets: bytes) -> bytes | Finding:
    """The packets of the one pinned certificate in these octets, or why it is not let in."""
    packets = key_packets(octets)
    if isinstance(packets, Refusal):
        return _refused(packets, path)
    scanned = scan(gate, packets)
    if isinstance(scanned, Refusal):
        return _refused(scanned, path)
    return _objection([certificate.fingerprint for certificate in scanned], fingerprint, path) or packets


_HOW_TO_EXPORT = "gpg --armor --export FINGERPRINT > keys/CODE/FINGERPRINT.asc"


def _objection(found: list[Fingerprint], expected: Fingerprint, path: Path) -> Finding | None:
    if len(found) != 1:
        name = "keys.extra" if found else "keys.unreadable"
        return _finding(name, path, f"{len(found)} certificates in the file", _HOW_TO_EXPORT)
    if found[0] != expected:
        hint = "compare fingerprints with the party by telephone; do not rename the file before"
        return _finding("keys.wrong-fingerprint", path, f"holds {found[0]}", hint)
    return None


def _refused(refusal: Refusal, path: Path) -> Finding:
    name = refusal.name.lower().replace("_", "-")
    return _finding(f"keys.{name}", path, f"not taken: {refusal}", _HINTS[refusal])


_HINTS = {
    Refusal.UNREADABLE: _HOW_TO_EXPORT,
    Refusal.TOO_LARGE: "export it anew with --export-options export-minimal",
    Refusal.SECRET: "destroy the file, tell its owner that the secret key was disclosed, and pin a new certificate",
    Refusal.CONTROL_CHARACTERS: "ask the owner for a certificate with an ordinary name; this one may be an attack",
    Refusal.TWICE: _HOW_TO_EXPORT,
    Refusal.SEVERAL: _HOW_TO_EXPORT,
}


def _import_robot(gpg: TamedGPG, robot: RobotKey) -> list[Finding]:
    """Take the robot's secret key over, in memory; a key made where it is used costs half as much again (speed.md)."""
    if not robot.home.is_dir():
        return [_finding("robot-key.missing", robot.home, "no such directory", "mailbot keys init")]
    with visited(robot.home) as path:
        origin = TamedGPG(path, robot.passphrase)
        for fingerprint in robot.all:
            if not origin.ask(["--list-secret-keys", fingerprint]).well:
                missing = f"no secret key {fingerprint}"
                return [_finding("robot-key.missing", robot.home, missing, "mailbot keys init")]
        if any(_taken_over(gpg, origin, robot) for _ in range(_TRIES)):
            return []
    return [_finding("robot-key.locked", robot.home, "the secret key cannot be opened", "is the passphrase right?")]


def _taken_over(gpg: TamedGPG, origin: TamedGPG, robot: RobotKey) -> bool:
    exporting = ["--export-secret-keys", *robot.all]
    exported = origin.ask(exporting)
    if not (exported.well and exported.output and gpg.ask(["--import"], exported.output).well):
        return False
    # The agent writes an imported key anew, in place, when it is first used; who used it at the same moment read half
    # of it (GnuPG 2.2.40: "sign-encrypt", error 203). To export is to use every key, and here nobody else does.
    return gpg.ask(exporting).well


def _strays(keys: Path, pins: _Pinned) -> Iterator[Finding]:
    """Key files that no pin asks for: harmless, but perhaps somebody forgot the configuration."""
    expected = {keys / folder / f"{fingerprint}.asc" for folder, fingerprint in _each(pins)}
    for path in sorted(keys.glob("*/*.asc")):
        if path not in expected:
            hint = "pin its fingerprint in the configuration, or remove the file"
            yield _finding("keys.not-pinned", path, "nothing refers to this file", hint, Severity.WARNING)


def _finding(name: str, path: Path, message: str, hint: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(name, message, hint, severity, str(path))


# ---------------------------------------------------------------- what it was made from


def _state(keys: Path, pins: _Pinned, robot: RobotKey, brought: Octets) -> str:
    """A digest of everything that goes into a home."""
    digest = hashlib.sha256(_RECIPE)
    digest.update(json.dumps([str(keys), robot.all, _files(robot.home), list(_names(keys))]).encode())
    for fingerprint in sorted(brought):
        digest.update(fingerprint.encode() + hashlib.sha256(brought[fingerprint]).digest())
    for folder, fingerprint in _each(pins):
        octets = _read(keys / folder / f"{fingerprint}.asc")
        content = hashlib.sha256(octets).hexdigest() if octets is not None else None
        digest.update(json.dumps([folder, fingerprint, content]).encode())
    return digest.hexdigest()


def _files(home: Path) -> list[tuple[str, int, int]]:
    """What changes when a key in a home does; sockets and locks come and go."""
    paths = [home / "pubring.kbx", *sorted(home.glob("private-keys-v1.d/*.key"))]
    facts = [(path, path.stat()) for path in paths if path.exists()]
    return [(path.name, stat.st_size, stat.st_mtime_ns) for path, stat in facts]


def _each(pins: _Pinned) -> Iterator[tuple[str, Fingerprint]]:
    return ((folder, fingerprint) for folder, fingerprints in pins.items() for fingerprint in fingerprints)


def _names(keys: Path) -> Iterator[str]:
    return (str(path.relative_to(keys)) for path in sorted(keys.glob("*/*.asc")))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def _findings_of(home: Path) -> tuple[Finding, ...] | None:
    """What was found when this home was made; None if it is not whole."""
    try:
        stamp = json.loads((home / _STAMP).read_text())
        return tuple(Finding(**{**facts, "severity": Severity(facts["severity"])}) for facts in stamp)
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError):
        return None


def _write_stamp(home: Path, findings: Iterable[Finding]) -> None:
    """It says that the home is whole, so it reaches the disk last."""
    fresh = home / f"{_STAMP}.new"
    private(fresh).write_text(json.dumps([asdict(finding) for finding in findings]))
    settle(home)
    fresh.replace(home / _STAMP)
    sync(home)


# ---------------------------------------------------------------- who uses it


@contextmanager
def _alone(run: Path) -> Iterator[None]:
    """One process at a time makes, takes or removes homes."""
    with private(run / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock_of(home: Path) -> IO[bytes]:
    return private(home / _LOCK).open("wb")


def _locked(lock: IO[bytes], how: int) -> bool:
    try:
        fcntl.flock(lock, how)
    except BlockingIOError:
        return False
    return True


def _remove_unused(run: Path, kept: Path) -> None:
    for home in run.glob("gnupg-*"):
        if home != kept and home.is_dir():
            with _lock_of(home) as lock:
                if _locked(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    _remove(home)


def _remove(home: Path) -> None:
    if home.is_dir():
        with visited(home):
            pass  # for the end of its agent
        with suppress(FileNotFoundError):  # a socket that the agent removes itself
            shutil.rmtree(home)
