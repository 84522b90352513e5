"""KEY: the robot's certificate, a new one of a party's own, and what the secretariat says of it (trust.md 11)."""

from datetime import datetime

from mailbot.core.certificates import Certificate, Fingerprint
from mailbot.core.commands.command import Order, Outcome, Section, not_done
from mailbot.core.decision import Decision, Event
from mailbot.core.letters import party_words
from mailbot.core.parties import OPERATORS, Party
from mailbot.core.pins import (
    Attached,
    Brought,
    Pin,
    Proposal,
    ProposalState,
    Retirement,
    desk_certificates,
    keys_of,
    owners,
)
from mailbot.core.renewal import notice
from mailbot.core.robotkey import ROBOT, certificate_file, confirmed
from mailbot.core.tags import Tag

COMPROMISED = "compromised"


def key_of(tag: Tag) -> frozenset[str]:
    """What a confirmation acts on."""
    return frozenset(f"key {code}" for code in tag.targets)


def key(order: Order) -> Outcome:
    """`[KEY]` asks or announces; `[KEY FR fingerprint]` confirms."""
    if not order.tag.arguments:
        return _ask_or_announce(order)
    if not order.by_right:
        return not_done(order, "not allowed")
    code, fingerprint = order.tag.targets[0], order.tag.arguments[0]
    party = order.network.directory.party(code)
    if party is None:
        return _robots(fingerprint, order) if code.upper() == ROBOT else not_done(order, "unknown party", code)
    return _confirm(party, fingerprint, order)


# ---------------------------------------------------------------- KEY alone


def _ask_or_announce(order: Order) -> Outcome:
    brought = _news(order)
    if not brought:
        return _robots_certificate(order)
    party = order.asker.party
    if party is None:
        return not_done(order, "operator's key")
    if len(brought) > 1:
        return not_done(order, "one key")
    attached = brought[0]
    if attached.certificate is None:
        return not_done(order, "bad key", attached.refusal)
    if attached.certificate.fingerprint in order.network.directory.pins().get(party.code, ()):
        return _update(attached.certificate, attached.octets, party, order)
    return _announce(attached.certificate, attached.octets, party, order)


def _news(order: Order) -> list[Attached]:
    """What is attached, without their own certificate as it is known: mail programs add that to every mail."""
    own = order.network.directory.pins().get(order.asker.party.code if order.asker.party else OPERATORS, frozenset())
    known = {f: c for f, c in order.network.certificates.items() if f in own}
    return [
        a
        for a in order.sight.attached
        if a.certificate is None or known.get(a.certificate.fingerprint) != a.certificate
    ]


def _robots_certificate(order: Order) -> Outcome:
    network = order.network
    words = _words("robot", order, fingerprint=network.robot)
    attachments = (certificate_file(network.robot, network),) if network.robot in network.own else ()
    return Outcome(Section("answer-key", words), event=Event.KEY_SENT, attachments=attachments)


def _update(certificate: Certificate, octets: bytes, party: Party, order: Order) -> Outcome:
    """The same certificate with a later end, another subkey, another name: brought by its party, merged."""
    if why := _objection(certificate, party, order):
        return why
    words = _words("updated", order, party, certificate.fingerprint, until=certificate.expires)
    decision = Decision(
        brought=(Brought(certificate.fingerprint, octets),),
        letters=notice("updated", party.code, order.network, order.now, fingerprints=(certificate.fingerprint,)),
    )
    return _done(words, decision, Event.KEY_UPDATED, party, certificate.fingerprint)


def _announce(certificate: Certificate, octets: bytes, party: Party, order: Order) -> Outcome:
    """Signed by a certificate in use, to follow that one."""
    current, now = order.asker.facts.get("signer", ""), order.now
    unsettled = [p for p in order.sight.renewals.of(party.code) if p.current == current]
    if any(p.fingerprint == certificate.fingerprint for p in unsettled):
        return not_done(order, "announced already")
    if why := _objection(certificate, party, order, current):
        return why
    compromised = order.tag.options.reason == COMPROMISED
    fingerprint = certificate.fingerprint
    state = ProposalState.FROZEN if unsettled else ProposalState.ANNOUNCED
    proposal = Proposal(party.code, current, fingerprint, state, now, now, octets, compromised=compromised)
    if unsettled:
        return _freeze(proposal, unsettled, party, order)
    told = notice("announced", party.code, order.network, now, fingerprints=(fingerprint,), compromised=compromised)
    decision = Decision(proposals=(proposal,), letters=told)
    return _done(_words("announced", order, party, fingerprint), decision, Event.KEY_ANNOUNCED, party, fingerprint)


def _freeze(proposal: Proposal, others: list[Proposal], party: Party, order: Order) -> Outcome:
    """One of them may be a thief's: nothing goes on but what the secretariat introduces itself."""
    frozen = tuple(p.moved(ProposalState.FROZEN, order.now) for p in others if p.state is not ProposalState.FROZEN)
    fingerprints = (*(p.fingerprint for p in others), proposal.fingerprint)
    told = notice("frozen", party.code, order.network, order.now, fingerprints=fingerprints, office=True)
    decision = Decision(proposals=(*frozen, proposal), letters=told)
    words = _words("frozen", order, party, proposal.fingerprint)
    return _done(words, decision, Event.KEY_FROZEN, party, proposal.fingerprint)


# ---------------------------------------------------------------- KEY with a party and a fingerprint


def _confirm(party: Party, fingerprint: Fingerprint, order: Order) -> Outcome:
    attached = [a for a in _news(order) if a.certificate is None or a.certificate.fingerprint == fingerprint]
    if attached:
        return _introduce(attached[0], party, order)
    if _news(order):
        return not_done(order, "another key")
    proposals = [p for p in order.sight.renewals.of(party.code) if p.fingerprint == fingerprint]
    if not proposals:
        pinned = fingerprint in order.network.directory.pins().get(party.code, ())
        return not_done(order, "in use already" if pinned else "not announced", party.code)
    proposal = proposals[-1]
    if proposal.state is not ProposalState.PROVED:
        return not_done(order, "frozen" if proposal.state is ProposalState.FROZEN else "not proved", party.code)
    compromised = proposal.compromised or order.tag.options.reason == COMPROMISED
    settled = (proposal.moved(ProposalState.CONFIRMED, order.now),)
    return _pin(party, fingerprint, proposal.octets, (proposal.current,), settled, order, compromised=compromised)


def _introduce(attached: Attached, party: Party, order: Order) -> Outcome:
    """A first certificate, or one in place of those that are lost: the secretariat vouches for it."""
    certificate = attached.certificate
    if certificate is None:
        return not_done(order, "bad key", attached.refusal)
    if certificate.fingerprint in order.network.directory.pins().get(party.code, ()):
        return _update(certificate, attached.octets, party, order)
    replaces = desk_certificates(party)
    if why := _objection(certificate, party, order, *replaces):
        return why
    settled = tuple(
        p.moved(ProposalState.ENDED, order.now)
        for p in order.sight.renewals.of(party.code)
        if p.current in replaces or p.fingerprint == certificate.fingerprint
    )
    compromised = order.tag.options.reason == COMPROMISED
    return _pin(party, certificate.fingerprint, attached.octets, replaces, settled, order, compromised=compromised)


def _pin(
    party: Party,
    fingerprint: Fingerprint,
    octets: bytes,
    replaces: tuple[Fingerprint, ...],
    settled: tuple[Proposal, ...],
    order: Order,
    *,
    compromised: bool,
) -> Outcome:
    now, network = order.now, order.network
    until = now if compromised else now + network.terms.key_overlap
    told = notice(
        "confirmed",
        party.code,
        network,
        now,
        fingerprints=(fingerprint,),
        until=None if compromised or not replaces else until,
        compromised=compromised,
    )
    decision = Decision(
        pinned=(Pin(party.code, fingerprint, replaces, now, order.asker.name),),
        retired=tuple(_retired(each, party, until, order) for each in replaces),
        brought=(Brought(fingerprint, octets),),
        proposals=settled,
        letters=told,
    )
    words = _words("confirmed", order, party, fingerprint, until=None if compromised or not replaces else until)
    return _done(words, decision, Event.KEY_CONFIRMED, party, fingerprint)


def _retired(fingerprint: Fingerprint, party: Party, until: datetime, order: Order) -> Retirement:
    known = order.network.certificates.get(fingerprint)
    return Retirement(party.code, fingerprint, order.now, until, known.subkeys if known else ())


def _robots(fingerprint: Fingerprint, order: Order) -> Outcome:
    """The robot's next key: everybody is told of it."""
    network = order.network
    if fingerprint not in network.also_opens or fingerprint not in network.own:
        return not_done(order, "not announced", ROBOT)
    decision = confirmed(fingerprint, network, order.now)
    words = _words("robot confirmed", order, fingerprint=fingerprint)
    facts = {"fingerprint": fingerprint, "of": ROBOT}
    return Outcome(Section("answer-key", words), decision, Event.KEY_CONFIRMED, facts=facts, stands=True)


# ---------------------------------------------------------------- what all have in common


def _objection(certificate: Certificate, party: Party, order: Order, *places: Fingerprint) -> Outcome | None:
    """Why a certificate cannot take these places."""
    network, sight = order.network, order.sight
    sealed = not places or bool(network.directory.sealed_to().intersection(places))
    flaw = certificate.flaw(order.now, for_encryption=sealed)
    if flaw:
        return not_done(order, "unusable key", flaw.value)
    keys = keys_of(certificate)
    taken = owners(keys, network.certificates.values(), certificate.fingerprint)
    if (
        taken
        or keys & (sight.renewals.amendments.gone | network.directory.refused)
        or _pinned_elsewhere(keys, party, order)
    ):
        return not_done(order, "key taken")
    return None


def _pinned_elsewhere(keys: frozenset[Fingerprint], party: Party, order: Order) -> bool:
    """With another party, even if no file holds it; or it is the robot's own."""
    network = order.network
    others = (pinned for folder, pinned in network.directory.pins().items() if folder != party.code)
    return bool(keys & {network.robot, *network.also_opens}) or any(keys & pinned for pinned in others)


def _words(
    what: str, order: Order, party: Party | None = None, fingerprint: Fingerprint = "", until: datetime | None = None
) -> dict[str, object]:
    named = party_words(party.code, order.network, order.language) if party else None
    return {"what": what, "party": named, "fingerprint": fingerprint, "until": until}


def _done(
    words: dict[str, object], decision: Decision, event: Event, party: Party, fingerprint: Fingerprint
) -> Outcome:
    return Outcome(
        Section("answer-key", words), decision, event, party=party.code, facts={"fingerprint": fingerprint}, stands=True
    )
