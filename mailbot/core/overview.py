"""A desk's own list: the exchanges in which it takes part, once a day and when it asks, so that a mail which somebody
holds back shows (trust.md 17). A target sees who asked and its own part, the asker sees everybody's.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from mailbot.core.decision import Decision, Entry, Event, Network, Occasion
from mailbot.core.letters import kind_word, party_words, sealable
from mailbot.core.mail import Envelope, Letter, Words
from mailbot.core.parties import Party
from mailbot.core.records import Exchange, Part, PartStage, Stage
from mailbot.core.tags import Tag, Urgency, Word

AFTER_ALL = timedelta(days=2)  # how long what is done stands in the list: longer than from one list to the next
UNANSWERED = timedelta(days=30)  # how long after its deadline what nobody answered does
MOST = 40  # exchanges in one list, the newest
NAME = "overview"  # of the letter, and of the occasion

_EXPECTED = frozenset({PartStage.WAITING, PartStage.PASSED_ON, PartStage.ACKNOWLEDGED, PartStage.UNDELIVERABLE})
Head = tuple[int, str]  # of the journal: number and hash of its last row


def overview(
    party: Party, exchanges: Iterable[Exchange], network: Network, now: datetime, head: Head
) -> tuple[Letter, ...]:
    """The list for the desks of this party, as far as mail to them can be sealed; none if there is nothing to list."""
    said, boxes = overview_words(party, exchanges, network, now, party.language), sealable(party.desks, network, now)
    if said is None or not boxes or party.suspended:
        return ()
    words = {**said, "anchor": {"number": head[0], "hash": head[1]}}
    return (Letter(NAME, party.language, boxes, Tag(Word.STATUS), words, envelope=Envelope.NULL, purpose="notice"),)


def overview_words(
    party: Party, exchanges: Iterable[Exchange], network: Network, now: datetime, language: str
) -> Words | None:
    """The list itself, with no word of the journal; None if there is nothing to list."""
    mine = sorted((e for e in exchanges if _concerns(party, e, now)), key=lambda e: e.opened_at, reverse=True)
    if not mine:
        return None
    return {
        "at": now,
        "asked": [_asked(e, network, language) for e in mine[:MOST] if e.asker == party.code],
        "expected": [_expected(e, party, network, language) for e in mine[:MOST] if e.asker != party.code],
        "more": max(0, len(mine) - MOST),
        "within": network.terms.receipt_within,
        "anchor": {"number": 0, "hash": ""},
    }


def oldest(now: datetime, network: Network) -> datetime:
    """What began before that stands in nobody's list."""
    return now - network.terms.longest_deadline - UNANSWERED


def hour_of(party: Party, network: Network, now: datetime) -> datetime:
    """When today's list is due, where the party is."""
    there = now.astimezone(ZoneInfo(party.time_zone))
    return there.replace(hour=network.terms.overview_hour, minute=0, second=0, microsecond=0)


def turns(network: Network, now: datetime) -> dict[Occasion, Party]:
    """Today's lists, as far as their hour has come."""
    parties = network.directory.parties.values()
    hours = ((party, hour_of(party, network, now)) for party in parties)
    return {Occasion(f"{NAME} {party.code}", at.date().isoformat()): party for party, at in hours if at <= now}


def daily(
    turn: Occasion, party: Party, exchanges: Iterable[Exchange], network: Network, now: datetime, head: Head
) -> Decision:
    """Today's list, once; none goes out if nothing was open when its hour came."""
    at, exchanges = hour_of(party, network, now), list(exchanges)
    stale = any(e.opened_at < at and _concerns(party, e, now) for e in exchanges)
    letters = overview(party, exchanges, network, now, head) if stale else ()
    entries = (Entry(Event.LISTED, party=party.code),) if letters else ()
    return Decision(letters=letters, entries=entries, occasions=(turn,))


# ---------------------------------------------------------------- what stands in it


def _concerns(party: Party, exchange: Exchange, now: datetime) -> bool:
    parts = exchange.parts if party.code == exchange.asker else tuple(_reached(party, exchange))
    return exchange.stage is Stage.OPEN and any(now <= _until(part, exchange) for part in parts)


def _reached(party: Party, exchange: Exchange) -> Iterable[Part]:
    """Nobody is told of what has not been passed on to him."""
    return (part for part in exchange.parts if part.party == party.code and part.passed_on_at)


def _until(part: Part, exchange: Exchange) -> datetime:
    if part.stage is PartStage.WAITING or (exchange.kind is Word.REQUEST and part.stage in _EXPECTED):
        return exchange.deadline + UNANSWERED
    return max(filter(None, _times(part, exchange))) + AFTER_ALL


def _times(part: Part, exchange: Exchange) -> tuple[datetime | None, ...]:
    return (exchange.opened_at, part.passed_on_at, part.acknowledged_at, part.answered_at)


def _facts(exchange: Exchange) -> dict[str, object]:
    return {
        "reference": exchange.reference,
        "kind": kind_word(exchange),
        "urgent": exchange.urgency is Urgency.URGENT,
        "deadline": exchange.deadline,
    }


def _asked(exchange: Exchange, network: Network, language: str) -> Words:
    parts = [{**party_words(part.party, network, language), **_state(part, exchange)} for part in exchange.parts]
    return {**_facts(exchange), "since": exchange.opened_at, "parts": parts}


def _expected(exchange: Exchange, party: Party, network: Network, language: str) -> Words:
    part = next(iter(_reached(party, exchange)))
    asker = party_words(exchange.asker, network, language)
    return {**_facts(exchange), "asker": asker, "since": part.passed_on_at, **_state(part, exchange)}


def _state(part: Part, exchange: Exchange) -> dict[str, object]:
    """Where a part stands, and since when."""
    return {"state": part.stage.value, "changed": max(filter(None, _times(part, exchange)))}
