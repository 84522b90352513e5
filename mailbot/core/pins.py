"""Certificates that came by mail: pins, retirements, revocations, proposals; and the directory that they lead to.

The configuration is the start. A pin takes the place of the certificates that it replaces wherever they stand; where
they no longer stand, somebody changed the configuration since, and that holds.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from mailbot.core.certificates import Certificate, Fingerprint
from mailbot.core.parties import Address, Directory, Party, Relay, Role

PROPOSED = "PROPOSED"  # the folder of proposed certificates in the keyring; eight letters, and no party is pinned there


@dataclass(frozen=True, slots=True)
class Pin:
    """A certificate that the secretariat confirmed, in the place of those that it replaces; of none: the first."""

    party: str
    fingerprint: Fingerprint
    replaces: tuple[Fingerprint, ...]
    since: datetime
    ordered_by: str  # as the journal names whoever confirmed it


@dataclass(frozen=True, slots=True)
class Retirement:
    """A certificate whose place was taken: it may sign until then, nothing is sealed to it, and it never comes back."""

    party: str
    fingerprint: Fingerprint
    at: datetime
    until: datetime
    subkeys: tuple[Fingerprint, ...] = ()


@dataclass(frozen=True, slots=True)
class Revocation:
    """A certificate that its owner revoked: refused from then on, whatever file returns (trust.md 12)."""

    party: str  # or OPERATORS
    fingerprint: Fingerprint
    at: datetime


@dataclass(frozen=True, slots=True)
class Brought:
    """A certificate as a mail brought it, put together with what was known of it."""

    fingerprint: Fingerprint
    octets: bytes = field(repr=False)


class ProposalState(StrEnum):
    """How far the renewal of a certificate has come (trust.md 11)."""

    ANNOUNCED = "announced"  # signed by a certificate in use; the challenge is still to be sent
    CHALLENGED = "challenged"  # sealed to the new one, which must answer
    PROVED = "proved"  # it did; the secretariat has the word
    FROZEN = "frozen"  # there was another one: only the secretariat, with a certificate in hand, goes on
    CONFIRMED = "confirmed"
    ENDED = "ended"  # given up: too old, or overtaken


OPEN = frozenset({ProposalState.ANNOUNCED, ProposalState.CHALLENGED, ProposalState.PROVED})
UNSETTLED = OPEN | {ProposalState.FROZEN}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A new certificate that a party announced."""

    party: str
    current: Fingerprint  # the certificate that signed the announcement, and is to be replaced
    fingerprint: Fingerprint
    state: ProposalState
    at: datetime
    changed_at: datetime
    octets: bytes = field(repr=False)
    challenge_hash: str = ""
    compromised: bool = False  # the current one: no overlap
    number: int = 0  # given by the store
    version: int = 0

    def moved(self, state: ProposalState, now: datetime, challenge_hash: str = "") -> "Proposal":
        """The same, in another state."""
        hashed = challenge_hash or self.challenge_hash
        return replace(self, state=state, changed_at=now, challenge_hash=hashed)


@dataclass(frozen=True, slots=True)
class Attached:
    """A certificate attached to a mail, put together with what was known of it; or why it is not taken."""

    certificate: Certificate | None
    octets: bytes = field(default=b"", repr=False)
    refusal: str = ""  # a keyfiles.Refusal


@dataclass(frozen=True, slots=True)
class Amendments:
    """All that changes the directory. Equal amendments make equal keyrings."""

    pins: tuple[Pin, ...] = ()  # the oldest first
    retirements: tuple[Retirement, ...] = ()
    revocations: tuple[Revocation, ...] = ()
    brought: tuple[tuple[Fingerprint, str], ...] = ()  # with a digest of the octets
    candidates: tuple[
        Fingerprint, ...
    ] = ()  # of open proposals: their signatures can be checked, and vouch for nothing

    def of(self, fingerprint: Fingerprint) -> Pin | None:
        return next((pin for pin in self.pins if pin.fingerprint == fingerprint), None)

    @property
    def gone(self) -> frozenset[Fingerprint]:
        """Primary keys and subkeys that never come back."""
        retired = frozenset(f for each in self.retirements for f in (each.fingerprint, *each.subkeys))
        return retired | {each.fingerprint for each in self.revocations}

    def next_change(self, now: datetime) -> datetime | None:
        """When the end of an overlap changes the directory by itself."""
        return min((each.until for each in self.retirements if each.until > now), default=None)


@dataclass(frozen=True, slots=True)
class Renewals:
    """What commands about certificates see."""

    proposals: tuple[Proposal, ...] = ()  # that are not settled, oldest first
    amendments: Amendments = field(default_factory=Amendments)

    def of(self, party: str) -> tuple[Proposal, ...]:
        return tuple(each for each in self.proposals if each.party == party)

    def after(self, changed: Iterable[Proposal]) -> "Renewals":
        """Once these are recorded, too."""
        known = {each.fingerprint: each for each in self.proposals} | {each.fingerprint: each for each in changed}
        return replace(self, proposals=tuple(each for each in known.values() if each.state in UNSETTLED))


def amended(directory: Directory, amendments: Amendments, now: datetime) -> Directory:
    """The directory with the pins in their places; what is struck out stays so."""
    parties = dict(directory.parties)
    for pin in amendments.pins:
        if pin.party in parties:
            parties[pin.party] = _with(pin, parties[pin.party])
    over = frozenset(each.fingerprint for each in amendments.retirements if each.until <= now)
    parties = {code: _without(over, party) for code, party in parties.items()}
    revoked = frozenset(each.fingerprint for each in amendments.revocations)
    return replace(directory, parties=parties, revoked=directory.revoked | revoked)


def _with(pin: Pin, party: Party) -> Party:
    if not pin.replaces:
        return _begun(pin, party)
    relays = tuple(_relayed(pin, relay) for relay in party.relays)
    addresses = tuple(_sealed(pin, address) for address in party.addresses)
    return replace(party, addresses=addresses, relays=relays, signers=_signing(pin, party.signers))


def _begun(pin: Pin, party: Party) -> Party:
    """A party without any certificate has one."""
    if any(address.encrypt_to for address in party.addresses):
        return party
    addresses = tuple(replace(address, encrypt_to=(pin.fingerprint,)) for address in party.addresses)
    return replace(party, addresses=addresses, signers=party.signers | {pin.fingerprint})


def _relayed(pin: Pin, relay: Relay) -> Relay:
    return replace(relay, mailbox=_sealed(pin, relay.mailbox), signers=_signing(pin, relay.signers))


def _sealed(pin: Pin, address: Address) -> Address:
    placed = (pin.fingerprint if each in pin.replaces else each for each in address.encrypt_to)
    return replace(address, encrypt_to=tuple(dict.fromkeys(placed)))


def _signing(pin: Pin, signers: frozenset[Fingerprint]) -> frozenset[Fingerprint]:
    return signers | {pin.fingerprint} if signers.intersection(pin.replaces) else signers


def _without(over: frozenset[Fingerprint], party: Party) -> Party:
    relays = tuple(replace(relay, signers=relay.signers - over) for relay in party.relays)
    return replace(party, signers=party.signers - over, relays=relays)


def desk_certificates(party: Party) -> tuple[Fingerprint, ...]:
    """Those that mail to its desks and backups is sealed to."""
    own = (a for a in party.addresses if a.role in (Role.DESK, Role.BACKUP))
    return tuple(dict.fromkeys(fingerprint for address in own for fingerprint in address.encrypt_to))


def keys_of(certificate: Certificate) -> frozenset[Fingerprint]:
    """Primary and subkeys."""
    return frozenset({certificate.fingerprint, *certificate.subkeys})


def owners(keys: Iterable[Fingerprint], known: Iterable[Certificate], own: Fingerprint) -> frozenset[Fingerprint]:
    """Which other certificates have one of these keys, as primary or subkey."""
    wanted = frozenset(keys)
    return frozenset(c.fingerprint for c in known if c.fingerprint != own and wanted & keys_of(c))


def hashed(word: str) -> str:
    """What is kept of a challenge: 60 random bits cannot be found again from it in the days that it counts."""
    return hashlib.sha256(b"proof of possession " + word.encode()).hexdigest()
