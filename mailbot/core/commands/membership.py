"""PARTIES, SUSPEND, RESUME: who is in the network, and who is left out for a time."""

from dataclasses import replace

from mailbot.core.commands.command import Order, Outcome, Section, not_done
from mailbot.core.decision import Decision, Event
from mailbot.core.letters import obstacle, party_words
from mailbot.core.parties import SECRETARIAT, Party
from mailbot.core.records import Cause, Suspension
from mailbot.core.tags import Tag
from mailbot.core.validity import end_of


def suspension_of(tag: Tag) -> frozenset[str]:
    """What SUSPEND and RESUME act on."""
    return frozenset(f"suspension {code}" for code in tag.targets)


def parties(order: Order) -> Outcome:
    """Every party, the secretariat last, with its contact point and what is wrong with it."""
    directory = order.network.directory
    office = directory.party(SECRETARIAT)
    found = (*directory.members(), *((office,) if office else ()))
    words = {"parties": [party_row(party, order) for party in found], "number": len(directory.members())}
    return Outcome(Section("answer-parties", words))


def party_row(party: Party, order: Order) -> dict[str, object]:
    """One party, in words."""
    suspension, why = order.sight.suspensions.get(party.code), obstacle(party, order.network, order.now)
    return {
        "code": party.code,
        "name": party.name(order.language),
        "addresses": [desk.address for desk in party.desks],
        "backups": len(party.backups),
        "relays": len(party.relays),
        "language": party.language,
        "suspended": party.suspended,
        "since": suspension.since if suspension else None,
        "by": suspension.ordered_by if suspension else None,
        "without_key": why is Cause.NO_CERTIFICATE,
        "key_ends": _key_ends(party, order),
    }


def _key_ends(party: Party, order: Order) -> object:
    """When the first of the certificates that its desks are sealed to cannot be used any more; None: never."""
    used = {f for desk in party.desks for f in desk.encrypt_to}
    known = (order.network.certificates.get(fingerprint) for fingerprint in used)
    return min((end for c in known if c and (end := end_of(c))), default=None)


def suspend(order: Order) -> Outcome:
    """Nothing goes to the party and nothing is taken from it, until RESUME."""
    party = _party(order)
    if isinstance(party, Outcome):
        return party
    known = order.sight.suspensions.get(party.code)
    if party.code == SECRETARIAT:
        return not_done(order, "secretariat")
    if known:
        return _found_so(not_done(order, "suspended already", party.code, known.since))
    if party.suspended:
        return _found_so(not_done(order, "suspended in the configuration", party.code))
    decision = Decision(suspended=(Suspension(party.code, order.now, order.asker.name),))
    return _done("suspended", party, decision, Event.SUSPENDED, order)


def resume(order: Order) -> Outcome:
    """What waited for the party goes out in the next round."""
    party = _party(order)
    if isinstance(party, Outcome):
        return party
    if party.code in order.sight.suspensions:
        return _done("resumed", party, Decision(resumed=(party.code,)), Event.RESUMED, order)
    if party.suspended:
        return not_done(order, "suspended in the configuration", party.code)
    return _found_so(not_done(order, "not suspended", party.code))


def _party(order: Order) -> Party | Outcome:
    code = order.tag.targets[0]
    return order.network.directory.party(code) or not_done(order, "unknown party", code)


def _found_so(outcome: Outcome) -> Outcome:
    """What is ordered is so already; an order that was held back on its way must not end it (trust.md 17)."""
    return replace(outcome, stands=True)


def _done(what: str, party: Party, decision: Decision, event: Event, order: Order) -> Outcome:
    words = {"what": what, "party": party_words(party.code, order.network, order.language), "name": "", "count": 0}
    return Outcome(Section("answer-done", words), decision, event, party=party.code, stands=True)
