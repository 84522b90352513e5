"""The people whose keys lie here: thrown away before they were used, without passphrase, and most without end.

Whoever reads this may have them. `hub` is the robot; `fr` and `de` are pinned; `stranger` is nobody's; `expired` and
`sha1` are pinned certificates of Italy and Spain that time has passed by.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from tests.keys import fresh_home, run

KEYS = Path(__file__).parent / "keys"
SIGNED = "20250310T090000!"  # when all of this was signed; the hub's clock says otherwise, and does not matter here
PINNED = {"fr": "FR", "de": "DE", "expired": "IT", "sha1": "ES"}


@dataclass(frozen=True)
class Author:
    """Somebody who writes with the bare gpg command."""

    name: str
    home: Path
    fingerprint: str

    def speak(self, *args: str, octets: bytes, at: str = SIGNED) -> bytes:
        clock = ("--faked-system-time", at)
        return run(self.home, *clock, "--trust-model", "always", "--local-user", self.fingerprint, *args,
                   octets=octets).stdout  # fmt: skip

    def sign(self, octets: bytes, *options: str) -> bytes:
        """A detached armoured signature."""
        return self.speak("--armor", *options, "--detach-sign", octets=octets)

    def clearsign(self, octets: bytes, *options: str) -> bytes:
        return self.speak(*options, "--clearsign", octets=octets)

    def encrypt(self, octets: bytes, *options: str, to: str = "hub") -> bytes:
        """Without a signature."""
        return self.speak("--armor", "--recipient", author(to).fingerprint, *options, "--encrypt", octets=octets)

    def seal(self, octets: bytes, *options: str, to: str = "hub", at: str = SIGNED) -> bytes:
        """Signed and encrypted in one."""
        args = ("--armor", "--recipient", author(to).fingerprint, *options, "--sign", "--encrypt")
        return self.speak(*args, octets=octets, at=at)


@functools.cache
def author(name: str) -> Author:
    """Everybody knows everybody's certificate."""
    home = fresh_home()
    run(home, "--import", octets=(KEYS / f"{name}.secret.asc").read_bytes())
    listed = run(home, "--with-colons", "--list-secret-keys").stdout.decode()
    found = re.search(r"^fpr:+([0-9A-F]{40}):", listed, re.MULTILINE)
    assert found
    run(home, "--import", octets=b"".join(path.read_bytes() for path in sorted(KEYS.glob("*.secret.asc"))))
    return Author(name, home, found[1])
