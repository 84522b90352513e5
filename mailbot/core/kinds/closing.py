"""CLOSE: the asker needs nothing more; everybody who got the exchange is told.

They are told by the hub alone. What the asker wrote stays unread: pressing Reply to one target's answer quotes it, and
the other targets must not see that.
"""

from mailbot.core.decision import Case, Decision, Entry, Event
from mailbot.core.holding import ask, hold, refuse
from mailbot.core.letters import PASSED_ON, exchange_tag, obstacle, pass_on, receipt
from mailbot.core.matching import Match, find_exchange
from mailbot.core.parties import Party
from mailbot.core.records import Exchange, PartStage, Reason
from mailbot.core.tags import Tag, Word


def close(case: Case) -> Decision:
    """Close the exchange, if the party that asked says so."""
    match = find_exchange(case)
    if match is Reason.UNKNOWN_EXCHANGE:
        return refuse("not yours", case, Reason.UNKNOWN_EXCHANGE)
    if isinstance(match, Reason):
        return hold(match, case)
    exchange, code = match.exchange, case.speaker.code if case.speaker else None
    if code != exchange.asker:
        why = "only the asker" if exchange.part(code or "") else "not yours"
        return refuse(why, case, Reason.NOT_ALLOWED)
    if not match.decided or not case.intent.tag_signed:
        return ask(Tag(Word.CLOSE, reference=exchange.reference), case, exchange)
    return _closed(match, case)


def _closed(match: Match, case: Case) -> Decision:
    exchange = match.exchange.close(case.now)
    told = _told(exchange, case)
    tag = exchange_tag(exchange, Word.CLOSE)
    letters = pass_on(case, exchange, told, letter="closing", word=Word.CLOSE, tag=tag, content=False)
    parts = tuple((p.code, PASSED_ON, None) for p in told)
    words = {"mismatch": match.mismatch}
    receipts = receipt(case, exchange, parts, letter="receipt-closing", tag=tag, words=words)
    facts = {"mail": case.opened.digest, "tag_source": match.source.value}
    return Decision(
        exchanges=(exchange,),
        letters=(*letters, *receipts),
        entries=(Entry(Event.CLOSED, exchange.reference, exchange.asker, facts),),
        consumed=case.intent.identities,
    )


def _told(exchange: Exchange, case: Case) -> tuple[Party, ...]:
    """The targets that were passed something and can be reached now."""
    had_it = (p.party for p in exchange.parts if p.stage not in (PartStage.WAITING, PartStage.EXPIRED))
    parties = (case.network.directory.party(code) for code in had_it)
    return tuple(p for p in parties if p and not obstacle(p, case.network, case.now))
