"""RESEND: a part of an exchange once more, sealed anew from the author's mail as it is kept; by asker or by right."""

from dataclasses import replace

from mailbot.core.commands.command import Order, Outcome, Section, not_done
from mailbot.core.decision import Decision, Event
from mailbot.core.letters import obstacle, part_words
from mailbot.core.mail import Letter
from mailbot.core.records import Exchange, Stage
from mailbot.core.sight import Closed, Reopened
from mailbot.core.tags import Tag
from mailbot.core.ticks import Tick, pass_on_again

SENT, UNKNOWN, NOT_ASKED, UNVOUCHED = "passed on", "unknown party", "not asked", "not vouched for"
_OBJECTIONS = {Closed.GONE: "original not kept", Closed.BROKEN: "failed again", Closed.TOO_MUCH: "too much"}


def exchange_of(tag: Tag) -> frozenset[str]:
    """What RESEND acts on."""
    return frozenset({f"exchange {tag.reference}"})


def resend(order: Order) -> Outcome:
    """To the desks and relays of each party named; what cannot be done does not stop what can."""
    exchange = order.sight.exchanges.get(order.tag.reference or "")
    if exchange is None or not (order.by_right or order.asker.code == exchange.asker):
        return not_done(order, "not yours")  # the same whether it exists or not (trust.md 10)
    if exchange.stage is Stage.CLOSED:
        return not_done(order, "closed", exchange.reference, exchange.closed_at)
    again = order.sight.reopened.get(exchange.original, Closed.GONE)
    if isinstance(again, Closed):
        return not_done(order, _OBJECTIONS[again], exchange.reference)
    return _resent(exchange, again, order)


def _resent(exchange: Exchange, again: Reopened, order: Order) -> Outcome:
    states: dict[str, str] = {}
    letters: tuple[Letter, ...] = ()
    changed = exchange
    for code in order.tag.targets:
        changed, written, party, state = _one(code, changed, again, order)
        letters, states = (*letters, *written), {**states, party: state}
    sent = [code for code, state in states.items() if state == SENT]
    parts = [part_words(code, state, order.network, order.language) for code, state in states.items()]
    words = {"reference": exchange.reference, "parts": parts, "sent": len(sent)}
    return Outcome(
        Section("answer-resent", words),
        Decision(exchanges=(changed,) if sent else (), letters=letters),
        Event.RESENT if sent else Event.REFUSED,
        reference=exchange.reference,
        facts={"parts": ", ".join(f"{code}: {state}" for code, state in states.items())},
        stands=bool(sent),
    )


def _one(code: str, exchange: Exchange, again: Reopened, order: Order) -> tuple[Exchange, tuple[Letter, ...], str, str]:
    party = order.network.directory.party(code)
    part = exchange.part(party.code) if party else None
    if party is None or part is None:
        return exchange, (), code, NOT_ASKED if party else UNKNOWN
    hindrance = obstacle(party, order.network, order.now)
    if hindrance:
        return exchange, (), party.code, hindrance.value
    passed_on, letters = pass_on_again(Tick(exchange, order.network, order.moment, again.intent), part)
    if not letters:
        return exchange, (), party.code, UNVOUCHED
    return exchange.with_part(replace(passed_on, reminders=part.reminders)), letters, party.code, SENT
