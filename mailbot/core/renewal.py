"""How a certificate is followed by another: challenge, proof, confirmation, revocation (trust.md 11 and 12).

What commands lead to stands in commands/keys.py; here is what any mail, and the clock, lead to.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from mailbot.core.certificates import Fingerprint
from mailbot.core.decision import Case, Decision, Entry, Event, Moment, Network, Occasion
from mailbot.core.letters import party_words, sealable
from mailbot.core.mail import Envelope, Letter, Words
from mailbot.core.parties import SECRETARIAT, Address, Party
from mailbot.core.pins import OPEN, Brought, Pin, Proposal, ProposalState, Revocation, hashed
from mailbot.core.tags import Tag, Word, write

IN_USE = "new certificate"  # the occasion of telling an owner that his is used now

# ---------------------------------------------------------------- the challenge and its proof


def challenge(proposal: Proposal, network: Network, moment: Moment) -> Decision:
    """A word that only the new certificate opens, to the desks of its party; it must come back signed by it."""
    party = network.directory.party(proposal.party)
    boxes = _boxes_of(proposal.current, party) if party else ()
    if party is None or not boxes:
        return give_up(proposal, moment.now, "nobody to ask")
    word = moment.token(f"possession {proposal.number}")
    words = {
        "party": party_words(party.code, network, party.language),
        "fingerprint": proposal.fingerprint,
        "word": word,
        "until": proposal.at + network.terms.proposal_age,
    }
    letter = _letter("key-challenge", party.language, boxes, words)
    letter = replace(letter, mailboxes=tuple(replace(box, encrypt_to=(proposal.fingerprint,)) for box in boxes))
    entry = _entry(Event.KEY_CHALLENGED, proposal.party, fingerprint=proposal.fingerprint)
    moved = proposal.moved(ProposalState.CHALLENGED, moment.now, hashed(word))
    return Decision(letters=(letter,), proposals=(moved,), entries=(entry,))


def _boxes_of(current: Fingerprint, party: Party) -> tuple[Address, ...]:
    """Whoever is to use the new certificate: the relay whose own it replaces, else the desks."""
    relays = tuple(relay.mailbox for relay in party.relays if current in relay.signers)
    return party.desks if current in party.signers else relays


def is_proof(case: Case) -> bool:
    """Whether the new certificate of an open proposal signed the word that was sealed to it."""
    proposal = case.known.candidate
    if proposal is None or case.speaker is not None or proposal.state is not ProposalState.CHALLENGED:
        return False
    return any(hashed(word) == proposal.challenge_hash for word in case.intent.tokens)


def prove(case: Case) -> Decision:
    """Its owner has the secret half: now it is for the secretariat to compare the fingerprint, and to confirm."""
    proposal = case.known.candidate
    if proposal is None:
        raise TypeError("a proof without a proposal")
    facts = {"mail": case.opened.digest, "fingerprint": proposal.fingerprint}
    return Decision(
        consumed=case.intent.identities,
        proposals=(proposal.moved(ProposalState.PROVED, case.now),),
        letters=tuple(_to_confirm(proposal, case.network, case.now)),
        entries=(Entry(Event.KEY_PROVED, party=proposal.party, facts=facts),),
    )


def _to_confirm(proposal: Proposal, network: Network, now: datetime) -> Iterator[Letter]:
    office = network.directory.party(SECRETARIAT)
    boxes = sealable(office.desks, network, now) if office else ()
    if office and boxes:
        words = {
            "party": party_words(proposal.party, network, office.language),
            "fingerprint": proposal.fingerprint,
            "current": proposal.current,
            "compromised": proposal.compromised,
            "announced_at": proposal.at,
            "line": write(Tag(Word.KEY, targets=(proposal.party,), arguments=(proposal.fingerprint,))),
        }
        yield _letter("key-to-confirm", office.language, boxes, words)


def give_up(proposal: Proposal, now: datetime, why: str) -> Decision:
    """Nothing more comes of it."""
    entry = _entry(Event.KEY_ENDED, proposal.party, fingerprint=proposal.fingerprint, why=why)
    return Decision(proposals=(proposal.moved(ProposalState.ENDED, now),), entries=(entry,))


def is_too_old(proposal: Proposal, network: Network, now: datetime) -> bool:
    return now - proposal.at >= network.terms.proposal_age


def in_use(pin: Pin, network: Network, now: datetime) -> Decision:
    """To those whose mail is sealed to it from now on: the first mail that is."""
    party = network.directory.party(pin.party)
    boxes = [a for a in addresses_of(party) if pin.fingerprint in a.encrypt_to] if party else []
    letters = notice("in use", pin.party, network, now, boxes=boxes, fingerprints=(pin.fingerprint,))
    return Decision(letters=letters, occasions=(Occasion(IN_USE, pin.fingerprint),))


# ---------------------------------------------------------------- revocations


def revocations(case: Case) -> tuple[Decision, ...]:
    """Whoever brought them: they are their owners' words, and count at once (trust.md 12)."""
    found = ((attached.certificate, attached.octets) for attached in case.known.revoked)
    return tuple(_revocation(c.fingerprint, octets, case) for c, octets in found if c)


def _revocation(fingerprint: Fingerprint, octets: bytes, case: Case) -> Decision:
    directory = case.network.directory
    whose = min(folder for folder, pinned in directory.pins().items() if fingerprint in pinned)
    after = replace(case.network, directory=replace(directory, revoked=directory.revoked | {fingerprint}))
    facts = {"mail": case.opened.digest, "fingerprint": fingerprint}
    return Decision(
        revoked=(Revocation(whose, fingerprint, case.now),),
        brought=(Brought(fingerprint, octets),),
        proposals=tuple(_stopped(case.known.unsettled, fingerprint, case.now)),
        letters=notice("revoked", whose, after, case.now, fingerprints=(fingerprint,), office=True),
        entries=(Entry(Event.KEY_REVOKED, party=whose, facts=facts),),
    )


def _stopped(unsettled: Iterable[Proposal], fingerprint: Fingerprint, now: datetime) -> Iterator[Proposal]:
    """Of renewals that this certificate has a part in: whoever signed one with a key in wrong hands may be a thief."""
    for proposal in unsettled:
        if proposal.fingerprint == fingerprint:
            yield proposal.moved(ProposalState.ENDED, now)
        elif proposal.current == fingerprint and proposal.state in OPEN:
            yield proposal.moved(ProposalState.FROZEN, now)


# ---------------------------------------------------------------- telling them


def addresses_of(party: Party) -> tuple[Address, ...]:
    """All of a party's: desks, backups, relays."""
    return (*party.addresses, *(relay.mailbox for relay in party.relays))


def notice(
    what: str,
    code: str,
    network: Network,
    now: datetime,
    *,
    fingerprints: tuple[Fingerprint, ...],
    boxes: Iterable[Address] | None = None,
    until: datetime | None = None,
    compromised: bool = False,
    office: bool = False,
) -> tuple[Letter, ...]:
    """To all of a party's addresses that can be sealed to; with `office` to the secretariat, too, in its language.

    `what` is one of NOTICES in mail/templates.py.
    """
    party, secretariat = network.directory.party(code), network.directory.party(SECRETARIAT)
    readers = [(party, tuple(addresses_of(party) if boxes is None else boxes))] if party else []
    if office and secretariat and secretariat is not party:
        readers.append((secretariat, secretariat.desks))
    letters = []
    for reader, wanted in readers:
        reached = sealable(wanted, network, now)
        words = {
            "what": what,
            "party": party_words(code, network, reader.language),
            "own": reader is party,
            "fingerprints": list(fingerprints),
            "until": until,
            "compromised": compromised,
        }
        if reached:
            letters.append(_letter("key-notice", reader.language, reached, words))
    return tuple(letters)


def _letter(template: str, language: str, boxes: tuple[Address, ...], words: Words) -> Letter:
    return Letter(
        template,
        language,
        boxes,
        Tag(Word.KEY),
        words,
        from_control=True,
        envelope=Envelope.TRACKED,
        purpose="key",
        urgent=True,
    )


def _entry(event: Event, party: str, **facts: str) -> Entry:
    return Entry(event, party=party, facts=facts)
