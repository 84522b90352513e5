"""The yardstick, and the keys of the stage: the bare gpg command, with nothing of the robot's code around it."""

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mailbot.core.certificates import Fingerprint

# What the robot gives gpg too, as far as it decides about time: the yardstick shall be as fast as gpg can be.
_FAST = (
    *("--batch", "--no-tty", "--no-greeting", "--no-options", "--yes", "--quiet"),
    *("--trust-model=always", "--no-auto-check-trustdb", "--no-auto-key-locate", "--disable-dirmngr"),
    *("--no-random-seed-file", "--compress-algo=none", "--digest-algo=SHA512", "--cipher-algo=AES256"),
)
_KEY = """\
Key-Type: eddsa
Key-Curve: ed25519
Key-Usage: cert,sign
Subkey-Type: ecdh
Subkey-Curve: cv25519
Subkey-Usage: encrypt
Name-Real: {name}
Name-Email: {address}
Expire-Date: 0
%commit
"""


class GpgFailed(Exception):
    """The bare gpg command did not do what it was told; the text is its own."""


@dataclass(frozen=True, slots=True)
class Home:
    """A GnuPG home; its path must be short, for its agent's socket lies in it."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> "Home":
        """An empty one."""
        path.mkdir(mode=0o700, parents=True)
        return cls(path)

    def generate(self, people: Iterable[tuple[str, str]]) -> list[Fingerprint]:
        """A key for each name and address, without passphrase: ed25519 and cv25519, 20 ms each."""
        asked = "%no-protection\n" + "".join(_KEY.format(name=name, address=address) for name, address in people)
        said = self.run("--status-fd=1", "--generate-key", octets=asked.encode()).decode()
        return [line.split()[3] for line in said.splitlines() if line.startswith("[GNUPG:] KEY_CREATED")]

    def export(self) -> bytes:
        """Every certificate, not armoured."""
        return self.run("--export")

    def export_secret(self, fingerprint: Fingerprint) -> bytes:
        """The secret key with this fingerprint."""
        return self.run("--export-secret-keys", fingerprint)

    def take(self, octets: bytes) -> None:
        """Import keys."""
        self.run("--import", octets=octets)

    # ------------------------------------------------------------ what is timed

    def open(self, octets: bytes) -> bytes:
        """Decrypt and verify."""
        return self.run("--decrypt", octets=octets)

    def seal(
        self, octets: bytes, signer: Fingerprint | None, readers: Sequence[Fingerprint], *, armoured: bool = False
    ) -> bytes:
        """Sign, unless nobody is to, and encrypt, in one call."""
        options = ["--sign", f"--local-user={signer}"] if signer else []
        named = [f"--recipient={reader}" for reader in readers]
        return self.run(*options, *named, *(["--armor"] if armoured else []), "--encrypt", octets=octets)

    def run(self, *arguments: str, octets: bytes = b"") -> bytes:
        """One call; its output. Raises GpgFailed."""
        command = ["gpg", f"--homedir={self.path}", *_FAST, *arguments]
        with _memory(octets) as given, _memory() as taken:  # as the robot does: pipes would be slower
            done = subprocess.run(command, stdin=given, stdout=taken, stderr=subprocess.PIPE, check=False)
            taken.seek(0)
            output = taken.read()
        if done.returncode:
            raise GpgFailed(f"gpg {arguments[0]}: {done.stderr.decode('utf-8', 'replace')[:500]}")
        return output

    def end_agent(self) -> None:
        """End the agent of this home."""
        with suppress(OSError):
            command = ["gpgconf", "--homedir", str(self.path), "--kill", "all"]
            subprocess.run(command, check=False, capture_output=True)


@contextmanager
def _memory(octets: bytes = b"") -> Iterator[IO[bytes]]:
    with open(os.memfd_create("bench"), "w+b", buffering=0) as file:  # noqa: PTH123 - a descriptor, no path
        file.write(octets)
        file.seek(0)
        yield file
