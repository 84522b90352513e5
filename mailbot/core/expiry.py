"""Warnings to the owner of a certificate that ends soon: at 60, 30 and 7 days, and whenever somebody asks for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from mailbot.core.certificates import Certificate, Fingerprint
from mailbot.core.decision import Decision, Entry, Event, Network, Occasion
from mailbot.core.letters import party_words, sealable
from mailbot.core.mail import Envelope, Letter
from mailbot.core.parties import Address, Party
from mailbot.core.renewal import addresses_of
from mailbot.core.tags import Tag, Word
from mailbot.core.validity import EXPIRY_WARNING, end_of

NAME = "expiry"
DAYS = (60, 30, 7)  # before the end


@dataclass(frozen=True, slots=True)
class Expiring:
    """A certificate that ends, and those that hear of it."""

    certificate: Certificate
    ends: datetime
    language: str
    boxes: tuple[Address, ...]
    party: Party | None = None  # None: an operator's

    def turns(self, now: datetime) -> tuple[Occasion, ...]:
        """The warnings that are due now, the latest last; those before it are settled with it."""
        day = self.ends.date().isoformat()
        due = [days for days in DAYS if now >= self.ends - timedelta(days=days)]
        return tuple(Occasion(NAME, f"{self.certificate.fingerprint} {day} {days}") for days in due)


def expiring(network: Network, now: datetime) -> Iterator[Expiring]:
    """Every certificate in use that ends soon, and has not ended: too late, there is nothing to seal it to."""
    for fingerprint, (language, party, boxes) in _owners(network).items():
        certificate = network.certificates.get(fingerprint)
        ends = end_of(certificate) if certificate else None
        reached = sealable(boxes, network, now)
        if certificate and ends and now < ends <= now + EXPIRY_WARNING and reached:
            yield Expiring(certificate, ends, language, reached, party)


def _owners(network: Network) -> Mapping[Fingerprint, tuple[str, Party | None, tuple[Address, ...]]]:
    """Who hears of each: the mailboxes that are sealed to it; of one that only signs, the desks."""
    found: dict[Fingerprint, tuple[str, Party | None, tuple[Address, ...]]] = {}
    for party in network.directory.parties.values():
        relays = {f: (relay.mailbox,) for relay in party.relays for f in relay.signers}
        for fingerprint in sorted({*party.signers, *relays, *(f for a in addresses_of(party) for f in a.encrypt_to)}):
            sealed = tuple(a for a in addresses_of(party) if fingerprint in a.encrypt_to)
            found[fingerprint] = (party.language, party, sealed or relays.get(fingerprint, party.desks))
    for operator in network.directory.operators:
        for fingerprint in sorted({*operator.signers, *operator.mailbox.encrypt_to}):
            found[fingerprint] = (operator.language, None, (operator.mailbox,))
    return {f: owner for f, owner in found.items() if f not in network.directory.refused}


def warning(one: Expiring, due: tuple[Occasion, ...], network: Network, now: datetime, by: str = "") -> Decision:
    """The letter, and what it settles."""
    fingerprint = one.certificate.fingerprint
    facts = {"fingerprint": fingerprint, "ends": one.ends.date().isoformat(), **({"by": by} if by else {})}
    entry = Entry(Event.KEY_EXPIRING, party=one.party.code if one.party else None, facts=facts)
    return Decision(letters=(_letter(one, network, now),), occasions=due, entries=(entry,))


def notices(network: Network, now: datetime, codes: frozenset[str], by: str) -> Decision:
    """To these parties, or to all whose certificates end soon, whatever they were told before."""
    wanted = {party.code for code in codes if (party := network.directory.party(code))}
    found = [one for one in _whichever(network, now, wanted) if not codes or (one.party and one.party.code in wanted)]
    decisions = [warning(one, (), network, now, by) for one in found]
    letters = tuple(letter for decision in decisions for letter in decision.letters)
    return Decision(letters=letters, entries=tuple(entry for decision in decisions for entry in decision.entries))


def _whichever(network: Network, now: datetime, wanted: set[str]) -> Iterator[Expiring]:
    """Those that end soon; of a party that is named, every one that ends at all."""
    soon = {one.certificate.fingerprint: one for one in expiring(network, now)}
    yield from soon.values()
    for fingerprint, (language, party, boxes) in _owners(network).items():
        certificate = network.certificates.get(fingerprint)
        ends = end_of(certificate) if certificate else None
        reached = sealable(boxes, network, now)
        if party and party.code in wanted and fingerprint not in soon and certificate and ends and reached:
            yield Expiring(certificate, ends, language, reached, party)


def _letter(one: Expiring, network: Network, now: datetime) -> Letter:
    words = {
        "party": party_words(one.party.code, network, one.language) if one.party else None,
        "fingerprint": one.certificate.fingerprint,
        "user_id": next(iter(one.certificate.user_ids), ""),
        "ends": one.ends,
        "days": max(0, ceil((one.ends - now) / timedelta(days=1))),
    }
    return Letter(
        "expiring",
        one.language,
        one.boxes,
        Tag(Word.KEY),
        words,
        from_control=True,
        envelope=Envelope.TRACKED,
        purpose="key",
        party=one.party.code if one.party else None,
        urgent=False,
    )
