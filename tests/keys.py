"""Throw-away OpenPGP keys for tests, and people who use them with the bare gpg command.

Nothing here is the robot's code. Every key lies in a GnuPG home of its own under /tmp and is made once
per test run: same arguments, same key. Agents are ended and homes removed when the run ends.
"""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

SAFE = ("--batch", "--no-tty", "--yes", "--no-auto-key-locate", "--disable-dirmngr", "--no-random-seed-file")
UTF8 = ("--utf8-strings", "--display-charset", "utf-8")
ALWAYS = ("--trust-model", "always")


@dataclass(frozen=True)
class Key:
    """A key pair without passphrase, alone in `home`."""

    fingerprint: str
    public: bytes = field(repr=False)  # armoured certificate
    home: Path


def make_key(
    uid: str,
    algo: str = "ed25519/cv25519",
    expire: str = "0",
    *,
    made: str = "",
    more_uids: tuple[str, ...] = (),
    options: tuple[str, ...] = (),
) -> Key:
    """The key of these arguments.

    `algo` is primary/encryption subkey as gpg names them ("rsa2048/rsa2048"; "rsa2048" alone has no subkey but
    encrypts as well; "ed25519" alone only signs); `expire` as gpg reads it ("0", "2y", "seconds=60"); `made` fakes
    the clock ("20240101T000000"); `options` are gpg's ("--cert-digest-algo", "SHA1").
    """
    clock = ("--faked-system-time", f"{made}!") if made else ()
    return _make_key((uid, *more_uids), algo, expire, (*clock, *options))


@functools.cache
def _make_key(uids: tuple[str, ...], algo: str, expire: str, options: tuple[str, ...]) -> Key:
    home = fresh_home()
    primary, _, subkey = algo.partition("/")
    spoken = (*options, "--passphrase", "")
    usage = "cert,sign" if subkey or primary == "ed25519" else "cert,sign,encr"
    run(home, *spoken, "--quick-generate-key", uids[0], primary, usage, expire)
    fingerprint = _only_fingerprint(home)
    if subkey:
        run(home, *spoken, "--quick-add-key", fingerprint, subkey, "encr", expire)
    for more in uids[1:]:
        run(home, *spoken, "--quick-add-uid", fingerprint, more)
    return Key(fingerprint, export(home, fingerprint), home)


def fresh_home() -> Path:
    """An empty GnuPG home with a short path (the agent's socket must fit), removed when the run ends."""
    home = Path(tempfile.mkdtemp(prefix="mb", dir="/tmp"))
    atexit.register(end_home, home)
    return home


def end_home(home: Path) -> None:
    """End the home's agent and remove it."""
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
    shutil.rmtree(home, ignore_errors=True)


def run(home: Path, *args: str, octets: bytes = b"", rc: int | None = 0) -> subprocess.CompletedProcess[bytes]:
    """Bare gpg; fails unless it ends with `rc` (None: any)."""
    command = ["gpg", "--homedir", str(home), *SAFE, *UTF8, *args]
    done = subprocess.run(command, input=octets, capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"})
    assert rc is None or done.returncode == rc, (args, done.stderr.decode(errors="replace"))
    return done


def export(home: Path, fingerprint: str, *, secret: bool = False) -> bytes:
    """The armoured certificate, or the armoured secret key."""
    which = "--export-secret-keys" if secret else "--export"
    return run(home, "--armor", which, fingerprint).stdout


def _only_fingerprint(home: Path) -> str:
    rows = run(home, "--with-colons", "--list-keys").stdout.decode(errors="replace").split("\n")
    return next(row.split(":")[9] for row in rows if row.startswith("fpr:"))


@dataclass(frozen=True)
class Opened:
    """What somebody got out of a message."""

    octets: bytes
    signers: tuple[str, ...]  # primary fingerprints of good signatures


@dataclass(frozen=True)
class Person:
    """Somebody with a key who writes and reads with the gpg command."""

    key: Key

    @classmethod
    def named(cls, uid: str, *knows: "Key | Person") -> "Person":
        """Somebody with a key for this user ID, who has these certificates."""
        person = cls(make_key(uid))
        person.meet(*knows)
        return person

    @property
    def fingerprint(self) -> str:
        return self.key.fingerprint

    def meet(self, *others: "Key | Person") -> None:
        """Take their certificates; done by itself for those that something is encrypted to."""
        for other in others:
            _import(self.key.home, other.key if isinstance(other, Person) else other)

    def sign(self, octets: bytes, *options: str) -> bytes:
        """A detached armoured signature over exactly these octets; "--textmode" makes a text signature."""
        return self._speak("--armor", *options, "--detach-sign", octets=octets)

    def clearsign(self, octets: bytes, *options: str) -> bytes:
        return self._speak(*options, "--clearsign", octets=octets)

    def sign_message(self, octets: bytes, *options: str) -> bytes:
        """A signed OpenPGP message (one-pass), armoured."""
        return self._speak("--armor", *options, "--sign", octets=octets)

    def encrypt(self, octets: bytes, recipients: Sequence["str | Key | Person"], *options: str) -> bytes:
        """An armoured encrypted message without any signature."""
        return self._speak(*self._armoured_to(recipients), *options, "--encrypt", octets=octets)

    def sign_encrypt(self, octets: bytes, recipients: Sequence["str | Key | Person"], *options: str) -> bytes:
        """An armoured message, signed and then encrypted in one (RFC 3156 §6.2)."""
        return self._speak(*self._armoured_to(recipients), *options, "--sign", "--encrypt", octets=octets)

    def decrypt(self, sealed: bytes) -> Opened:
        """The content of a message that this person's key opens; the test fails if it does not."""
        done = run(self.key.home, *ALWAYS, "--status-fd", "2", "--decrypt", octets=sealed)
        assert b"[GNUPG:] DECRYPTION_OKAY\n" in done.stderr
        return Opened(done.stdout, _good_signers(done.stderr))

    def can_decrypt(self, sealed: bytes) -> bool:
        done = run(self.key.home, "--status-fd", "2", "--decrypt", octets=sealed, rc=None)
        return b"[GNUPG:] DECRYPTION_OKAY\n" in done.stderr

    def verify(self, signed: bytes, signature: bytes) -> tuple[str, ...]:
        """Primary fingerprints whose detached signature over these octets is good; () if it is bad."""
        with tempfile.TemporaryDirectory(prefix="mb", dir="/tmp") as folder:
            paths = Path(folder, "signature"), Path(folder, "signed")
            paths[0].write_bytes(signature)
            paths[1].write_bytes(signed)
            done = run(self.key.home, "--status-fd", "2", "--verify", *map(str, paths), rc=None)
        return _good_signers(done.stderr) if done.returncode == 0 else ()

    def _armoured_to(self, recipients: Sequence["str | Key | Person"]) -> list[str]:
        self.meet(*(r for r in recipients if not isinstance(r, str)))
        named = [r if isinstance(r, str) else r.fingerprint for r in recipients]
        return ["--armor", *(word for fingerprint in named for word in ("--recipient", fingerprint))]

    def _speak(self, *args: str, octets: bytes) -> bytes:
        return run(self.key.home, *ALWAYS, "--local-user", self.fingerprint, *args, octets=octets).stdout


@functools.cache
def _import(home: Path, key: Key) -> None:
    run(home, "--import", octets=key.public)


def _good_signers(status: bytes) -> tuple[str, ...]:
    rows = status.decode(errors="replace").split("\n")
    return tuple(row.split()[-1] for row in rows if row.startswith("[GNUPG:] VALIDSIG "))
