"""Who is in the network: parties, their desks and relays, and the directory that finds them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from mailbot.core.certificates import Fingerprint
from mailbot.core.tags import Urgency, Word

SECRETARIAT = "SEC"  # the secretariat's code; ALL does not include it


OPERATORS = "OPERATORS"  # the folder of their certificates; nine letters, so never a code


class Role(StrEnum):
    """What an address is to its party."""

    DESK = "desk"
    BACKUP = "backup"
    RELAY = "relay"
    OPERATOR = "operator"


class Right(StrEnum):
    """Who may give which commands; the configuration says to whom each belongs."""

    SECRETARIAT = "secretariat"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox that gets mail, and what a mail to it is sealed to (all of them, full fingerprints)."""

    address: str
    role: Role
    encrypt_to: tuple[Fingerprint, ...]
    name: str = ""
    party: str = ""  # the code of the party it belongs to; empty for an operator


@dataclass(frozen=True, slots=True)
class Relay:
    """A national address that gets copies of what its filter lets through; may sign REPLY and ACK only."""

    mailbox: Address
    signers: frozenset[Fingerprint]
    kinds: frozenset[Word]  # REQUEST, INFO, REPLY, ACK, CLOSE
    urgencies: frozenset[Urgency]

    def wants(self, kind: Word, urgency: Urgency) -> bool:
        """Whether its filter lets such a mail through."""
        return kind in self.kinds and urgency in self.urgencies


@dataclass(frozen=True, slots=True)
class Party:
    """A member of the network, or the secretariat: its contact point, its relays, its words."""

    code: str
    names: Mapping[str, str]  # language -> name, "en" and "fr"
    language: str
    time_zone: str  # IANA name
    addresses: tuple[Address, ...]  # desks first, then backups
    signers: frozenset[Fingerprint]
    relays: tuple[Relay, ...] = ()
    aliases: tuple[str, ...] = ()
    suspended: bool = False
    rights: frozenset[Right] = frozenset()

    @property
    def desks(self) -> tuple[Address, ...]:
        return tuple(a for a in self.addresses if a.role is Role.DESK)

    @property
    def backups(self) -> tuple[Address, ...]:
        return tuple(a for a in self.addresses if a.role is Role.BACKUP)

    def name(self, language: str) -> str:
        return self.names.get(language) or self.names.get("en") or self.code


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who runs the robot: reads digests, gives commands, never sees content."""

    mailbox: Address
    language: str
    signers: frozenset[Fingerprint]
    rights: frozenset[Right] = frozenset({Right.OPERATOR})


@dataclass(frozen=True, slots=True)
class Correspondent:
    """Somebody the directory knows: a party (through its desk or one of its relays) or an operator."""

    party: Party | None = None
    relay: Relay | None = None
    operator: Operator | None = None

    @property
    def code(self) -> str | None:
        return self.party.code if self.party else None

    @property
    def account(self) -> str:
        """Whose quotas he uses up: those of his party, or, of a relay or an operator, his own."""
        own = self.relay.mailbox if self.relay else self.operator.mailbox if self.operator else None
        return own.address.casefold() if own else self.code or ""

    @property
    def language(self) -> str:
        if self.operator:
            return self.operator.language
        return self.party.language if self.party else "en"

    @property
    def rights(self) -> frozenset[Right]:
        if self.operator:
            return self.operator.rights
        return self.party.rights if self.party and not self.relay else frozenset()

    @property
    def mailboxes(self) -> tuple[Address, ...]:
        """Where mail for them goes when the address they wrote from is not theirs."""
        if self.operator:
            return (self.operator.mailbox,)
        if self.relay:
            return (self.relay.mailbox,)
        return self.party.desks if self.party else ()

    def same_side(self, other: "Correspondent") -> bool:
        """Whether both belong to one party, or are the same operator."""
        return (self.code, self.operator) == (other.code, other.operator)


@dataclass(frozen=True)
class Directory:
    """All parties and operators; finds by code, by alias, by signer and by address."""

    parties: Mapping[str, Party]
    operators: tuple[Operator, ...] = ()
    struck_out: frozenset[Fingerprint] = field(default_factory=frozenset)
    revoked: frozenset[Fingerprint] = field(default_factory=frozenset)  # by their owners: refused likewise

    def party(self, code: str) -> Party | None:
        """The party with this code or alias, in any case."""
        code = code.upper()
        return self.parties.get(code) or self._by_alias.get(code)

    def members(self) -> tuple[Party, ...]:
        """Everybody whom ALL means: all parties but the secretariat, by code."""
        return tuple(self.parties[c] for c in sorted(self.parties) if c != SECRETARIAT)

    def signer(self, fingerprint: Fingerprint) -> Correspondent | None:
        """Whose pinned signer this primary fingerprint is."""
        return None if fingerprint in self.refused else self._by_signer.get(fingerprint)

    def resident(self, address: str) -> Correspondent | None:
        """Who is registered with this address (compared without regard to case); proves nothing."""
        return self._by_address.get(address.casefold())

    def mailbox(self, address: str) -> Address | None:
        """The registered mailbox with this address."""
        return self._mailboxes.get(address.casefold())

    def pins(self) -> Mapping[str, frozenset[Fingerprint]]:
        """Every pinned fingerprint, by the folder in `keys/` where its certificate lies."""
        pinned: dict[str, frozenset[Fingerprint]] = {}
        for correspondent, fingerprints in self._pinned():
            folder = correspondent.code or OPERATORS
            pinned[folder] = pinned.get(folder, frozenset()) | fingerprints
        return pinned

    def fingerprints(self) -> frozenset[Fingerprint]:
        """Every fingerprint that is pinned, for sealing or for signing."""
        return frozenset[Fingerprint]().union(*self.pins().values())

    def sealed_to(self) -> frozenset[Fingerprint]:
        """Those that mail is sealed to; the others only sign."""
        return frozenset(f for address in self._mailboxes.values() for f in address.encrypt_to)

    @cached_property
    def signing_only(self) -> frozenset[Fingerprint]:
        """Those that nothing is sealed to."""
        return self.fingerprints() - self.sealed_to()

    @property
    def refused(self) -> frozenset[Fingerprint]:
        """Whatever else says, and whatever file returns."""
        return self.struck_out | self.revoked

    def suspending(self, codes: frozenset[str]) -> "Directory":
        """The same directory with these parties suspended as well."""
        marked = {c: replace(p, suspended=p.suspended or c in codes) for c, p in self.parties.items()}
        return replace(self, parties=marked)

    def resuming(self, codes: frozenset[str]) -> "Directory":
        """The same directory with these parties suspended no more."""
        marked = {c: replace(p, suspended=p.suspended and c not in codes) for c, p in self.parties.items()}
        return replace(self, parties=marked)

    @cached_property
    def _by_alias(self) -> dict[str, Party]:
        return {alias.upper(): p for p in self.parties.values() for alias in p.aliases}

    @cached_property
    def _by_signer(self) -> dict[Fingerprint, Correspondent]:
        found: dict[Fingerprint, Correspondent] = {}
        for correspondent, fingerprints in self._signers():
            for fingerprint in fingerprints:
                found.setdefault(fingerprint, correspondent)
        return found

    @cached_property
    def _by_address(self) -> dict[str, Correspondent]:
        return {a.address.casefold(): c for c, a in self._residents()}

    @cached_property
    def _mailboxes(self) -> dict[str, Address]:
        return {a.address.casefold(): a for _, a in self._residents()}

    def _signers(self) -> Iterator[tuple[Correspondent, frozenset[Fingerprint]]]:
        # Desks before relays: an officer pinned for both speaks for the desk.
        for party in self.parties.values():
            yield Correspondent(party), party.signers
        for party in self.parties.values():
            for relay in party.relays:
                yield Correspondent(party, relay), relay.signers
        for operator in self.operators:
            yield Correspondent(operator=operator), operator.signers

    def _pinned(self) -> Iterator[tuple[Correspondent, frozenset[Fingerprint]]]:
        yield from self._signers()
        for correspondent, address in self._residents():
            yield correspondent, frozenset(address.encrypt_to)

    def _residents(self) -> Iterator[tuple[Correspondent, Address]]:
        for operator in self.operators:
            yield Correspondent(operator=operator), operator.mailbox
        for party in self.parties.values():
            for relay in party.relays:
                yield Correspondent(party, relay), relay.mailbox
            for address in party.addresses:
                yield Correspondent(party), address
