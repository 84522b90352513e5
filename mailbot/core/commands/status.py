"""STATUS: of the network for those with the right, of a desk's own exchanges, of one exchange for who takes part.

Who asked whom, when, and whether it was answered; never what. A target sees who asked and its own part alone.
"""

from collections.abc import Sequence
from datetime import datetime

from mailbot.core.commands.command import Order, Outcome, Section, not_done
from mailbot.core.commands.pinging import status_ping
from mailbot.core.decision import Network
from mailbot.core.digest import digest_words
from mailbot.core.letters import kind_word, party_words
from mailbot.core.overview import overview_words
from mailbot.core.postings import Posting, State, hindrance
from mailbot.core.records import Exchange, HeldState, Part, PartStage
from mailbot.core.situation import Situation


def status(order: Order) -> Outcome:
    """What the tag asks for: one exchange, or how things stand."""
    if order.tag.reference:
        return _exchange(order)
    if order.tag.arguments:
        return status_ping(order)
    return _network(order) if order.by_right else _own(order)


# ---------------------------------------------------------------- the network


def _network(order: Order) -> Outcome:
    situation = order.sight.situation
    if situation is None:
        return not_done(order, "not available")
    return Outcome(Section("answer-status", network_words(situation, order.network, order.language)))


def network_words(situation: Situation, network: Network, language: str) -> dict[str, object]:
    """The network and the robot, as a digest has them, without its lists."""
    said = digest_words(situation, network, language)
    return {name: said[name] for name in ("at", "needs", "ping", "keys", "more_keys", "health")} | {
        "open": situation.open_exchanges,
        "unanswered": len(situation.exchanges),
        "overdue": [exchange.reference for exchange in situation.overdue],
        "held": sum(mail.state is HeldState.WAITING for mail in situation.held),
        "asked": sum(mail.state is HeldState.ASKED for mail in situation.held),
    }


# ---------------------------------------------------------------- a desk's own


def _own(order: Order) -> Outcome:
    party = order.asker.party
    listed = overview_words(party, order.sight.own, order.network, order.now, order.language) if party else None
    if listed is None:
        return Outcome(Section("answer-done", {"what": "nothing open", "party": None, "count": 0, "name": ""}))
    return Outcome(Section("overview", listed))


# ---------------------------------------------------------------- one exchange


def _exchange(order: Order) -> Outcome:
    exchange, code = order.sight.exchanges.get(order.tag.reference or ""), order.asker.code
    shown = _shown(exchange, code, by_right=order.by_right) if exchange else ()
    if exchange is None or not shown:
        return not_done(order, "not yours")  # the same whether it exists or not (trust.md 10)
    postings = order.sight.postings.get(exchange.reference, ()) if order.by_right else ()
    words: dict[str, object] = {
        "reference": exchange.reference,
        "kind": kind_word(exchange),
        "asker": party_words(exchange.asker, order.network, order.language),
        "urgency": exchange.urgency.value,
        "opened_at": exchange.opened_at,
        "deadline": exchange.deadline,
        "overdue": order.now >= exchange.deadline,
        "closed_at": exchange.closed_at,
        "parts": [_part_words(part, exchange, postings, order) for part in shown],
    }
    return Outcome(Section("answer-exchange", words), reference=exchange.reference)


def _shown(exchange: Exchange, code: str | None, *, by_right: bool) -> tuple[Part, ...]:
    """Nobody is told of what was not passed on to him."""
    if by_right or code == exchange.asker:
        return exchange.parts
    return tuple(part for part in exchange.parts if part.party == code and part.passed_on_at)


def _part_words(part: Part, exchange: Exchange, postings: Sequence[Posting], order: Order) -> dict[str, object]:
    mine = [p for p in postings if p.party == part.party]
    failed = [p for p in mine if p.failed]
    return {
        **party_words(part.party, order.network, order.language),
        "state": part.stage.value,
        "cause": part.cause.value if part.cause else None,
        "at": _since(part, exchange),
        "mails": len(mine),
        "queued": sum(p.state is State.QUEUED for p in mine),
        "failed": len(failed),
        "why": hindrance(failed[-1].status).value if failed else None,
    }


def _since(part: Part, exchange: Exchange) -> datetime:
    times = {
        PartStage.ANSWERED: part.answered_at,
        PartStage.ACKNOWLEDGED: part.acknowledged_at,
        PartStage.PASSED_ON: part.passed_on_at,
    }
    return times.get(part.stage) or part.passed_on_at or exchange.opened_at
