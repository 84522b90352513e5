"""An operator closes an exchange at the shell, because its asker cannot: everybody who had it is told by the hub.

By mail only the asker closes (trust.md 10); this is the operator's journalled act.
"""

from mailbot.core.commands.command import Command, Order, Outcome, Section, not_done
from mailbot.core.commands.resending import exchange_of
from mailbot.core.decision import Decision, Event
from mailbot.core.letters import kind_word, obstacle, party_words, sealable
from mailbot.core.mail import Letter
from mailbot.core.parties import Party
from mailbot.core.records import Exchange, PartStage, Stage
from mailbot.core.sight import Slice
from mailbot.core.ticks import Tick, notice

_NEVER_HAD_IT = (PartStage.WAITING, PartStage.EXPIRED)


def _close(order: Order) -> Outcome:
    exchange = order.sight.exchanges.get(order.tag.reference or "")
    if exchange is None:
        return not_done(order, "not yours")
    if exchange.stage is Stage.CLOSED:
        return not_done(order, "closed", exchange.reference, exchange.closed_at)
    closed, told = exchange.close(order.now), _told(exchange, order)
    words = {"what": "closed", "party": None, "name": exchange.reference, "count": len(told)}
    letters = tuple(letter for party in told for letter in _letters(closed, party, order))
    return Outcome(
        Section("answer-done", words),
        Decision(exchanges=(closed,), letters=letters),
        Event.CLOSED,
        reference=exchange.reference,
        party=exchange.asker,
        stands=True,
    )


def _told(exchange: Exchange, order: Order) -> tuple[Party, ...]:
    had_it = [part.party for part in exchange.parts if part.stage not in _NEVER_HAD_IT]
    parties = (order.network.directory.party(code) for code in (exchange.asker, *had_it))
    return tuple(p for p in parties if p and not obstacle(p, order.network, order.now))


def _letters(exchange: Exchange, party: Party, order: Order) -> tuple[Letter, ...]:
    words = {
        "reference": exchange.reference,
        "kind": kind_word(exchange),
        "asker": party_words(exchange.asker, order.network, party.language),
        "own": party.code == exchange.asker,
        "reply_code": exchange.reply_code,
    }
    tick, boxes = Tick(exchange, order.network, order.moment), sealable(party.desks, order.network, order.now)
    return (notice("closed", tick, party, boxes, words),)


CLOSE_FOR_THE_ASKER = Command(_close, frozenset({Slice.EXCHANGES}), exchange_of)
