"""The return path of each outgoing mail: an address of ours that says which mail a report is about, and proves it.

Anybody can write a report; only who saw our envelope can send it to an address that carries our HMAC (trust.md 16).
"""

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

LOCAL_MOST = 64  # octets of a local part, RFC 5321 §4.5.3.1.1
SYMBOLS = 16  # of base32: 80 bits
SECRET_LEAST = 16  # octets


class Style(StrEnum):
    """How the mail server lets many addresses reach one mailbox."""

    VERP = "verp"  # b-TRACKING-HMAC at a domain of its own, all of it delivered to the robot
    PLUS = "plus"  # robot+b.TRACKING.HMAC
    PLAIN = "plain"  # the robot's address alone; reports are then recognised by what they quote


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """Writes and reads return paths. Raises ValueError for an address with no room for it, or a weak secret."""

    style: Style
    address: str  # the robot's
    secret: bytes = field(repr=False)
    domain: str = ""  # VERP's own; empty: the robot's

    def __post_init__(self) -> None:
        if len(self.secret) < SECRET_LEAST:
            raise ValueError(f"the secret of return paths needs {SECRET_LEAST} octets or more")
        if len(self._local("x" * SYMBOLS, "x" * SYMBOLS)) > LOCAL_MOST:
            raise ValueError(f"{self.address} is too long for return paths of style {self.style}")

    def write(self, tracking: str, recipient: str) -> str:
        """The envelope sender of the mail with this tracking to this recipient."""
        local = self._local(tracking, self._proof(tracking, recipient))
        return f"{local}@{self._domain}"

    def tracking_of(self, address: str) -> str | None:
        """The tracking in a return path of this style, whatever its HMAC: a hint. None for any other address."""
        found = self._read(address)
        return found[1].lower() if found else None

    def first_tracking(self, addresses: Iterable[str]) -> str | None:
        """The tracking in the first of these addresses that is a return path."""
        return next((tracking for a in addresses if (tracking := self.tracking_of(a))), None)

    def vouches(self, address: str, recipient: str) -> bool:
        """Whether this return path was made by us, for a mail to this recipient."""
        found = self._read(address)
        return found is not None and hmac.compare_digest(found[2].lower(), self._proof(found[1].lower(), recipient))

    @property
    def _domain(self) -> str:
        return self.domain if self.domain and self.style is Style.VERP else self.address.rpartition("@")[2]

    @property
    def _marks(self) -> tuple[str, str]:
        """What stands before the tracking, and between it and the HMAC."""
        return ("b-", "-") if self.style is Style.VERP else (f"{self.address.rpartition('@')[0]}+b.", ".")

    def _local(self, tracking: str, proof: str) -> str:
        if self.style is Style.PLAIN:
            return self.address.rpartition("@")[0]
        head, middle = self._marks
        return f"{head}{tracking}{middle}{proof}"

    def _read(self, address: str) -> re.Match[str] | None:
        """Tracking and HMAC as groups. Case is not looked at: servers on the way change it."""
        if self.style is Style.PLAIN:
            return None
        head, middle = map(re.escape, self._marks)
        symbols = f"([a-z2-7]{{{SYMBOLS}}})"
        pattern = f"<?{head}{symbols}{middle}{symbols}@{re.escape(self._domain)}>?"
        return re.fullmatch(pattern, address.strip(), re.IGNORECASE | re.ASCII)

    def _proof(self, tracking: str, recipient: str) -> str:
        said = f"return path\0{tracking}\0{recipient.casefold()}".encode()
        return base32(hmac.digest(self.secret, said, hashlib.sha256))


def base32(chance: bytes) -> str:
    """The first 80 bits, in lower case: servers may fold the case of a local part."""
    return b32encode(chance[:10]).decode("ascii").lower()
