"""Which certificates cannot be used any more, or soon: for the digest, and for `check`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailbot.core.certificates import Certificate, Fingerprint, Flaw
from mailbot.core.decision import Network
from mailbot.core.parties import Directory

EXPIRY_WARNING = timedelta(days=60)
ROBOT = "robot"


@dataclass(frozen=True, slots=True)
class Ending:
    """A pinned certificate that is no good, or will be soon."""

    whose: str  # a party's code, OPERATORS, or ROBOT
    fingerprint: Fingerprint
    flaw: Flaw | None  # why it cannot be used now
    ends: datetime | None  # when it cannot be used any more


def endings(network: Network, at: datetime, within: timedelta = EXPIRY_WARNING) -> tuple[Ending, ...]:
    """Those that cannot be used now, then the others, the first to end before all; the robot's own among them."""
    found = [
        ending
        for whose, fingerprint in _pinned(network)
        if (ending := _ending(whose, fingerprint, network, at)) and _counts(ending, at, within)
    ]
    return tuple(sorted(found, key=lambda ending: (ending.flaw is None, ending.ends or at, ending.whose)))


def flaw_in_use(certificate: Certificate, directory: Directory, at: datetime) -> Flaw | None:
    """Why it is no good for what it is pinned for: to be sealed to, or only to sign."""
    return certificate.flaw(at, for_encryption=certificate.fingerprint not in directory.signing_only)


def end_of(certificate: Certificate) -> datetime | None:
    """When it cannot be encrypted to any more; None: never."""
    return min((end for end in (certificate.expires, certificate.encrypts_until) if end), default=None)


def _pinned(network: Network) -> Iterator[tuple[str, Fingerprint]]:
    if network.robot in network.certificates:
        yield ROBOT, network.robot
    for whose, fingerprints in sorted(network.directory.pins().items()):
        for fingerprint in sorted(fingerprints):
            yield whose, fingerprint


def _ending(whose: str, fingerprint: Fingerprint, network: Network, at: datetime) -> Ending | None:
    known: Mapping[Fingerprint, Certificate] = network.certificates
    if fingerprint in network.directory.struck_out:
        return Ending(whose, fingerprint, Flaw.STRUCK_OUT, None)
    if fingerprint in network.directory.revoked:
        return Ending(whose, fingerprint, Flaw.REVOKED, None)
    certificate = known.get(fingerprint)
    if certificate is None:
        return Ending(whose, fingerprint, Flaw.MISSING, None)
    return Ending(whose, fingerprint, flaw_in_use(certificate, network.directory, at), end_of(certificate))


def _counts(ending: Ending, at: datetime, within: timedelta) -> bool:
    return ending.flaw is not None or (ending.ends is not None and ending.ends - at <= within)
