"""What the robot knows of an OpenPGP certificate, and whether it may still be used."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Fingerprint = str  # upper-case hexadecimal, no spaces: 40 characters (v4) or 64 (v6)


class Flaw(StrEnum):
    """Why a certificate cannot be used, most final first."""

    MISSING = "missing"  # pinned, but no file holds it
    STRUCK_OUT = "struck out"  # the configuration refuses it whatever else says
    REVOKED = "revoked"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    WEAK = "weak"  # too short an RSA or DSA key, or held together by SHA-1 alone: see Policy
    CANNOT_ENCRYPT = "cannot encrypt"  # no usable encryption subkey
    CANNOT_SIGN = "cannot sign"


HASHES = ("sha256", "sha384", "sha512", "sha3-256", "sha3-512", "sha224")  # those that hold, RFC 9580 §9.5


@dataclass(frozen=True, slots=True)
class Policy:
    """What is strong enough to be believed (configuration: [trust]). It may ask for more than this, never for less."""

    min_rsa_bits: int = 2048  # of DSA and ElGamal likewise
    hashes: tuple[str, ...] = HASHES  # under signatures, and under what ties a certificate together

    @property
    def hash_names(self) -> tuple[str, ...]:
        """As people write them: SHA-256, SHA3-256."""
        return tuple(name.upper().replace("SHA", "SHA-") if "-" not in name else name.upper() for name in self.hashes)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One public certificate of the keyring; times are aware UTC."""

    fingerprint: Fingerprint
    user_ids: tuple[str, ...]
    algorithm: str  # "ed25519", "rsa3072", "nistp256", "brainpoolP384r1" …
    created: datetime
    expires: datetime | None
    revoked: bool
    weak: bool
    encrypts_until: datetime | None  # the newest usable encryption subkey's end; None: no end
    can_encrypt: bool  # an unrevoked encryption subkey (or primary) exists at all
    can_sign: bool
    subkeys: tuple[Fingerprint, ...] = ()

    def flaw(self, at: datetime, *, for_encryption: bool) -> Flaw | None:
        """The first reason, at that time, not to use it; None if there is none."""
        if self.revoked:
            return Flaw.REVOKED
        if self.expires is not None and self.expires <= at:
            return Flaw.EXPIRED
        if self.created > at:
            return Flaw.NOT_YET_VALID
        if self.weak:
            return Flaw.WEAK
        if for_encryption:
            return self._encryption_flaw(at)
        return None if self.can_sign else Flaw.CANNOT_SIGN

    def _encryption_flaw(self, at: datetime) -> Flaw | None:
        if not self.can_encrypt:
            return Flaw.CANNOT_ENCRYPT
        if self.encrypts_until is not None and self.encrypts_until <= at:
            return Flaw.EXPIRED
        return None
