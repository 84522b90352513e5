"""Certificates as gpg lists them (`--with-colons`, GnuPG's doc/DETAILS), made into Certificate."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mailbot.core.certificates import Certificate, Fingerprint, Policy
from mailbot.mail.packets import HASH_NAMES, KeyId
from mailbot.mail.tamed import EVEN_FROM_THE_FUTURE, GpgFailure, TamedGPG

_RSA_OR_DSA = {1: "rsa", 2: "rsa", 3: "rsa", 16: "elg", 17: "dsa", 20: "elg"}

Row = list[str]


@dataclass(frozen=True, slots=True)
class Subkey:
    """One key of a certificate; the first of them is the primary."""

    fingerprint: Fingerprint
    algorithm: str
    created: datetime
    expires: datetime | None
    revoked: bool
    weak: bool
    encrypts: bool
    signs: bool

    @property
    def key_id(self) -> KeyId:
        return self.fingerprint[:16] if len(self.fingerprint) == 64 else self.fingerprint[-16:]

    def usable(self, at: datetime) -> bool:
        return not (self.revoked or self.weak) and self.created <= at and (self.expires is None or at < self.expires)


@dataclass(frozen=True, slots=True)
class Listed:
    """One certificate as gpg lists it."""

    secret: bool
    user_ids: tuple[str, ...]
    keys: tuple[Subkey, ...]

    @property
    def fingerprint(self) -> Fingerprint:
        return self.keys[0].fingerprint

    def encryption_key(self, at: datetime) -> Subkey | None:
        """What a message is sealed to: the newest usable key that encrypts."""
        if not self.keys[0].usable(at):
            return None
        candidates = [key for key in self.keys if key.encrypts and key.usable(at)]
        return max(candidates, key=lambda key: key.created, default=None)

    def certificate(self) -> Certificate:
        primary = self.keys[0]
        sound = [key for key in self.keys if not (key.revoked or key.weak)]
        ends = [key.expires for key in sound if key.encrypts]
        return Certificate(
            fingerprint=primary.fingerprint,
            user_ids=self.user_ids,
            algorithm=primary.algorithm,
            created=primary.created,
            expires=primary.expires,
            revoked=primary.revoked,
            weak=primary.weak,
            encrypts_until=None if None in ends else max(filter(None, ends), default=None),
            can_encrypt=bool(ends),
            can_sign=any(key.signs for key in sound),
            subkeys=tuple(key.fingerprint for key in self.keys[1:]),
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything in a keyring, by primary fingerprint: as gpg lists it, and as the rest of the robot knows it."""

    listed: Mapping[Fingerprint, Listed]
    certificates: Mapping[Fingerprint, Certificate]

    def weak(self, key: Fingerprint, primary: Fingerprint) -> bool:
        """Whether this key, or the primary that vouches for it, is too weak to be believed."""
        listed = self.listed.get(primary)
        return listed is not None and any(k.weak for k in listed.keys if k.fingerprint in {key, primary})


def list_keyring(gpg: TamedGPG, policy: Policy | None = None) -> Listing:
    """All certificates in gpg's home, their own signatures checked. Raises GpgFailure."""
    answer = gpg.ask([*EVEN_FROM_THE_FUTURE, "--check-signatures"]).require("list certificates")
    try:
        return read_listing(answer.output, policy)
    except (ValueError, LookupError):
        raise GpgFailure("list certificates: not understood") from None


def read_listing(octets: bytes, policy: Policy | None = None) -> Listing:
    """What gpg listed, weak or not as the policy says.

    Without checked signatures (`--check-signatures`, `--with-sig-check`) all of it counts as weak. Raises ValueError or
    LookupError on anything that gpg does not print.
    """
    rows = [_fields(row) for row in octets.split(b"\n") if row]
    listed = [_read_certificate(part, policy or Policy()) for part in _parts(rows, {"pub", "sec"})]
    by_fingerprint = {one.fingerprint: one for one in listed}
    return Listing(by_fingerprint, {f: one.certificate() for f, one in by_fingerprint.items()})


def count_certificates(octets: bytes) -> int:
    """How many certificates and secret keys are listed, the same one twice included."""
    return sum(row[:4] in {b"pub:", b"sec:"} for row in octets.split(b"\n"))


def odd_characters(text: str) -> bool:
    """Whether a text holds what could make a line of a log, a mail or a terminal look like something else."""
    return any(unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Cs", "Co"} for c in text)


def _fields(row: bytes) -> Row:
    return [_text(field) for field in row.split(b":")]


def _text(field: bytes) -> str:
    plain = re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), field)
    try:
        return plain.decode()
    except UnicodeDecodeError:  # user IDs of old programs
        return plain.decode("latin-1")


def _parts(rows: Iterable[Row], beginnings: set[str]) -> Iterator[list[Row]]:
    """The rows in runs, each from a row of these types to the next."""
    part: list[Row] = []
    for row in rows:
        if row[0] in beginnings and part:
            yield part
            part = []
        if part or row[0] in beginnings:
            part.append(row)
    if part:
        yield part


def _read_certificate(rows: list[Row], policy: Policy) -> Listed:
    runs = list(_parts(rows, {"pub", "sec", "sub", "ssb"}))
    first, primary_id = runs[0], runs[0][0][4]
    user_ids = list(_parts(first, {"uid", "uat"}))
    valid = [run for run in user_ids if run[0][1] != "r"]
    primary = _read_key(first, policy, weakly_bound=not _firmly_bound(valid, primary_id, policy))
    subkeys = [_read_key(run, policy, weakly_bound=not _firmly_bound([run], primary_id, policy)) for run in runs[1:]]
    names = tuple(run[0][9] for run in user_ids if run[0][0] == "uid" and run[0][1] != "r")
    return Listed(secret=first[0][0] == "sec", user_ids=names, keys=(primary, *subkeys))


def _firmly_bound(runs: Iterable[list[Row]], primary_id: KeyId, policy: Policy) -> bool:
    """Whether the primary key tied one of these to itself with a hash that still holds."""
    return any(
        row[0] == "sig" and row[4] == primary_id and row[1] == "!" and HASH_NAMES.get(int(row[15])) in policy.hashes
        for run in runs
        for row in run
    )


def _read_key(rows: list[Row], policy: Policy, *, weakly_bound: bool) -> Subkey:
    key = rows[0]
    fingerprint = next(row[9] for row in rows if row[0] == "fpr")
    kind, bits = _RSA_OR_DSA.get(int(key[3])), int(key[2])
    return Subkey(
        fingerprint=fingerprint,
        algorithm=f"{kind}{bits}" if kind else key[16],
        created=_instant(key[5]),
        expires=_instant(key[6]) if key[6] else None,
        revoked=key[1] == "r",
        weak=weakly_bound or (kind is not None and bits < policy.min_rsa_bits),
        encrypts="e" in key[11],
        signs="s" in key[11],
    )


def _instant(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
