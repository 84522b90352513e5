"""HELD, RELEASE, DROP: mail that was not acted on. Nothing here opens it for an operator's eyes (trust.md 13)."""

from dataclasses import replace

from mailbot.core.commands.command import Order, Outcome, Section, not_done
from mailbot.core.decision import Decision, Event, Known, Network
from mailbot.core.mail import Words
from mailbot.core.records import HeldMail, HeldState
from mailbot.core.sight import Closed, Reopened
from mailbot.core.tags import Tag, Word, write_command

LISTED = 20  # held mails in one answer

_OBJECTIONS = {Closed.GONE: "not kept", Closed.BROKEN: "failed again", Closed.TOO_MUCH: "too much"}


def held_of(tag: Tag) -> frozenset[str]:
    """What RELEASE and DROP act on."""
    return frozenset(f"held {label}" for label in tag.arguments)


def number_of(tag: Tag) -> int:
    """12, of H-12."""
    return int(tag.arguments[0].removeprefix("H-"))


def held(order: Order) -> Outcome:
    """What is held now, oldest first, with the reason and the commands that settle it."""
    waiting = order.sight.waiting
    words = {"mails": [_row(mail, order.language) for mail in waiting[:LISTED]], "more": max(len(waiting) - LISTED, 0)}
    return Outcome(Section("answer-held", words))


def _row(mail: HeldMail, language: str) -> Words:
    return {
        "label": mail.label,
        "reason": mail.reason.value,
        "asked": mail.state is HeldState.ASKED,
        "held_at": mail.held_at,
        "sender": mail.sender,
        "party": mail.party or "",
        "size": mail.size,
        "release": write_command(Word.RELEASE, mail.label, language),
    }


def drop(order: Order) -> Outcome:
    """Give a held mail up: it is moved to the folder Dropped, and deleted after the retention time."""
    mail = _named(order)
    if isinstance(mail, Outcome):
        return mail
    words = {"what": "dropped", "party": None, "name": mail.label, "count": 0}
    decision = Decision(dropped=(mail.digest,))
    return Outcome(Section("answer-done", words), decision, Event.DROPPED, facts=_facts(mail), stands=True)


def release(order: Order) -> Outcome:
    """Judge a held mail again, with today's directory, keys, age and replay; if a reason still holds, it stays held."""
    mail = _named(order)
    if isinstance(mail, Outcome):
        return mail
    again = order.sight.reopened.get(mail.digest, Closed.GONE)
    if isinstance(again, Closed):
        return not_done(order, _OBJECTIONS[again], mail.label)
    if again.intent.commands:
        return not_done(order, "a command", mail.label)
    later = _judged(again, order)
    if later.held and not later.question:
        return _still_held(mail, later.held, order)
    words = _result(mail, later, order.language)
    facts = {**_facts(mail), "result": str(words["result"])}
    decision = Decision().with_rejudged(mail.digest, later)
    return Outcome(Section("answer-released", words), decision, Event.RELEASED, facts=facts, stands=True)


def _named(order: Order) -> HeldMail | Outcome:
    """The held mail, if it is there and nobody has settled it."""
    label = order.tag.arguments[0]
    mail = order.sight.held.get(number_of(order.tag))
    if mail is None:
        return not_done(order, "unknown held", label)
    if mail.state in (HeldState.RELEASED, HeldState.DROPPED):
        return not_done(order, mail.state.value, label)
    return mail


def _judged(again: Reopened, order: Order) -> Decision:
    """What judging it leads to. Several in one mail get different references; each sees what those before it did."""
    judge, moment = order.sight.judge, order.moment.another(len(order.before.rejudged))
    if judge is None:
        raise TypeError("a sight with reopened mail, and nobody to judge it")
    return judge(again.intent, _caught_up(again, order.before), moment)


def _caught_up(again: Reopened, before: Decision) -> Known:
    """What is known once that is done, too."""
    known, changed = again.known, {e.reference: e for e in before.exchanges}
    return replace(
        known,
        replayed=known.replayed or bool(set(again.intent.identities) & set(before.consumed)),
        network=network_after(known.network, before),
        exchange=changed.get(known.exchange.reference, known.exchange) if known.exchange else None,
        coded=tuple(changed.get(e.reference, e) for e in known.coded),
        threaded=tuple(changed.get(e.reference, e) for e in known.threaded),
        addressed=changed.get(known.addressed.reference, known.addressed) if known.addressed else None,
    )


def network_after(network: Network, before: Decision) -> Network:
    """The network with the suspensions that were ordered, and without those that were ended."""
    if not (before.suspended or before.resumed):
        return network
    directory = network.directory.resuming(frozenset(before.resumed))
    return replace(network, directory=directory.suspending(frozenset(s.party for s in before.suspended)))


def _still_held(mail: HeldMail, still: HeldMail, order: Order) -> Outcome:
    """The reason may be another than before. Its sender is not told again: he was, when it came."""
    words = {**_result(mail, Decision(), order.language), "result": "still held", "reason": still.reason.value}
    changed = still.reason is not mail.reason or mail.state is HeldState.ASKED
    decision = Decision().with_rejudged(mail.digest, Decision(held=still)) if changed else Decision()
    facts = {**_facts(mail), "why": f"still held: {still.reason.value}"}
    return Outcome(Section("answer-released", words), decision, Event.REFUSED, facts=facts)


def _result(mail: HeldMail, later: Decision, language: str) -> dict[str, object]:
    first = next(iter(later.entries), None)
    refused = first is not None and first.event is Event.REFUSED
    return {
        "label": mail.label,
        "result": "asked" if later.question else "refused" if refused else "done",
        "reason": None,
        "event": first.event.value if first else "",
        "reference": first.reference if first else None,
        "drop": write_command(Word.DROP, mail.label, language),
    }


def _facts(mail: HeldMail) -> dict[str, str]:
    return {"held": mail.label, "about": mail.digest, "reason": mail.reason.value}
