"""What the outcomes of deliveries call for: whom to tell of a delay or a failure, and when to call a party's backups.

An author hears of parties, never of addresses or relays (trust.md 6), and only when no desk has his words. Receipts
and notices have no author, so nothing is ever said about the failure of one: nothing loops.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from mailbot.core.decision import Decision, Entry, Event
from mailbot.core.letters import obstacle, party_words, sealable
from mailbot.core.mail import Letter, Words
from mailbot.core.parties import Address, Party
from mailbot.core.postings import Posting, State, hindrance
from mailbot.core.records import Exchange, Part, PartEvent, PartStage, Stage
from mailbot.core.ticks import Tick, content_for_backups, notice

_OPENING = frozenset({"request", "information"})  # what a part consists of; sent again, it is still the same errand


class Backups(StrEnum):
    """What became of the escalation to a party's backups."""

    CALLED = "called"
    FAILED = "failed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class _Errand:
    """One author's words on their way to one party: the mails to its desks, its relays and its backups."""

    author: str
    party: str
    letter: str
    written_at: datetime | None  # tells one reply from the next


@dataclass(frozen=True, slots=True)
class _Done:
    """What came of looking at an errand."""

    letters: tuple[Letter, ...]
    entry: Entry
    part: Part | None = None  # if it changed


def calls_backups(tick: Tick, postings: Sequence[Posting]) -> bool:
    """Whether a part has failed, so that its backups may need the author's mail."""
    errands = _errands(p for p in postings if _is_unattended(p))
    return any(_failing_part(errand, tick, postings) for errand in errands)


def after_failures(tick: Tick, postings: Sequence[Posting]) -> Decision:
    """Deal with everything that failed among the mails of this exchange, each once."""
    failed = tuple(p for p in postings if _is_unattended(p))
    done = (_after_failure(errand, tick, postings) for errand in _errands(failed))
    return replace(_decision(tick, done, failed), followed_up=tuple(p.id for p in failed))


def after_delays(tick: Tick, postings: Sequence[Posting]) -> Decision:
    """Deal with everything that is late among them, each once."""
    late = tuple(p for p in postings if _is_late(p, tick))
    done = (_after_delay(errand, tick, postings) for errand in _errands(late))
    return replace(_decision(tick, done, late), warned=tuple(p.id for p in late))


def _decision(tick: Tick, done: Iterable[_Done | None], postings: Sequence[Posting]) -> Decision:
    """What came of looking at these postings; that nothing did is a decision, too."""
    said = [d for d in done if d]
    exchange = tick.exchange
    for part in (d.part for d in said if d.part):
        exchange = exchange.with_part(part)
    return Decision(
        exchanges=() if exchange is tick.exchange else (exchange,),
        letters=tuple(letter for d in said for letter in d.letters),
        entries=tuple(d.entry for d in said) or _noted(tick, postings),
    )


def _noted(tick: Tick, postings: Sequence[Posting]) -> tuple[Entry, ...]:
    facts = {"mails": str(len(postings))}
    return (Entry(Event.OUTCOME_NOTED, tick.exchange.reference, facts=facts),) if postings else ()


# ---------------------------------------------------------------- which mails


def _is_unattended(posting: Posting) -> bool:
    return posting.failed and posting.author is not None and posting.followed_up_at is None


def _is_late(posting: Posting, tick: Tick) -> bool:
    waits = posting.state is State.QUEUED and posting.author is not None and posting.warned_at is None
    return waits and tick.now - posting.created_at >= tick.network.terms.delay_warning(urgent=posting.urgent)


def _errands(postings: Iterable[Posting]) -> tuple[_Errand, ...]:
    return tuple(dict.fromkeys(e for e in map(_errand, postings) if e))


def _errand(posting: Posting) -> _Errand | None:
    if posting.author is None or posting.party is None:
        return None
    written_at = None if posting.letter in _OPENING else posting.created_at
    return _Errand(posting.author, posting.party, posting.letter, written_at)


def _mails_to(boxes: Sequence[Address], errand: _Errand, postings: Sequence[Posting]) -> tuple[Posting, ...]:
    """The latest mail of the errand to each of these addresses."""
    wanted = {box.address.casefold() for box in boxes}
    latest = {p.recipient.casefold(): p for p in postings if _errand(p) == errand}
    return tuple(p for address, p in latest.items() if address in wanted)


def _all_failed(mails: Sequence[Posting]) -> bool:
    return bool(mails) and all(p.failed for p in mails)


# ---------------------------------------------------------------- failures


def _after_failure(errand: _Errand, tick: Tick, postings: Sequence[Posting]) -> _Done | None:
    """None where somebody still has it, or where everything was said before."""
    part = _failing_part(errand, tick, postings)
    if part:
        return _part_failed(part, errand, tick, postings)
    party = tick.network.directory.party(errand.party)
    if party is None:
        return None
    if errand.letter in _OPENING:
        return _backups_failed(party, errand, tick, postings)
    desks = _mails_to(party.desks, errand, postings)
    if not _all_failed(desks) or not any(map(_is_unattended, desks)):
        return None
    return _told(Event.FAILURE_TOLD, errand, tick, desks[-1], Backups.NONE)


def _failing_part(errand: _Errand, tick: Tick, postings: Sequence[Posting]) -> Part | None:
    """The part that has no desk left which may have it; an answer of the party's outweighs any report."""
    part, party = tick.exchange.part(errand.party), tick.network.directory.party(errand.party)
    if part is None or party is None or errand.letter not in _OPENING or part.stage is not PartStage.PASSED_ON:
        return None
    return part if _all_failed(_mails_to(party.desks, errand, postings)) else None


def _part_failed(part: Part, errand: _Errand, tick: Tick, postings: Sequence[Posting]) -> _Done | None:
    party = tick.network.directory.party(part.party)
    if party is None:
        return None
    moved = part.move(PartEvent.FAIL, tick.now)
    last = _mails_to(party.desks, errand, postings)[-1]
    before = _mails_to(party.backups, errand, postings)
    calls = () if before or not _is_open(tick.exchange) else content_for_backups(tick, party)
    backups = Backups.FAILED if _all_failed(before) else Backups.CALLED if before or calls else Backups.NONE
    if calls:
        moved = replace(moved, backed_up_at=tick.now)
    told = _told(Event.UNDELIVERABLE, errand, tick, last, backups)
    return replace(told, letters=(*calls, *told.letters), part=moved)


def _backups_failed(party: Party, errand: _Errand, tick: Tick, postings: Sequence[Posting]) -> _Done | None:
    """The author was told that the backups were called: now they have failed, too."""
    part = tick.exchange.part(party.code)
    mails = _mails_to(party.backups, errand, postings)
    if part is None or part.stage is not PartStage.UNDELIVERABLE or not _all_failed(mails):
        return None
    if not any(map(_is_unattended, mails)):
        return None
    return _told(Event.FAILURE_TOLD, errand, tick, mails[-1], Backups.FAILED)


# ---------------------------------------------------------------- delays


def _after_delay(errand: _Errand, tick: Tick, postings: Sequence[Posting]) -> _Done | None:
    """A warning, once, if no desk of the party has it yet; what has failed already is told as a failure."""
    party, part = tick.network.directory.party(errand.party), tick.exchange.part(errand.party)
    mails = _mails_to(party.desks, errand, postings) if party else ()
    late = next((p for p in mails if _is_late(p, tick)), None)
    if late is None or any(p.warned_at or (p.state is State.SENT and not p.failed) for p in mails):
        return None
    if errand.letter in _OPENING and (part is None or part.stage is not PartStage.PASSED_ON):
        return None
    words = {"since": late.created_at}
    letters = _to_author("delayed", errand, tick, words)
    return _Done(letters, _entry(Event.DELAY_TOLD, errand, tick, late, letters=str(len(letters))))


# ---------------------------------------------------------------- the letters


def _told(event: Event, errand: _Errand, tick: Tick, last: Posting, backups: Backups) -> _Done:
    words = {"since": last.created_at, "why": hindrance(last.status).value, "backups": backups.value}
    letters = _to_author("undelivered", errand, tick, words)
    entry = _entry(event, errand, tick, last, backups=backups.value, letters=str(len(letters)))
    return _Done(letters, entry)


def _to_author(template: str, errand: _Errand, tick: Tick, words: Words) -> tuple[Letter, ...]:
    """To the author's desks; nobody waits for news of an exchange that he closed."""
    author, exchange = tick.network.directory.party(errand.author), tick.exchange
    if author is None or obstacle(author, tick.network, tick.now) or _is_over(errand, exchange):
        return ()
    said = {
        **words,
        "reference": exchange.reference,
        "kind": errand.letter,
        "party": party_words(errand.party, tick.network, author.language),
    }
    return (notice(template, tick, author, sealable(author.desks, tick.network, tick.now), said),)


def _is_over(errand: _Errand, exchange: Exchange) -> bool:
    return errand.letter in _OPENING and not _is_open(exchange)


def _is_open(exchange: Exchange) -> bool:
    return exchange.stage is Stage.OPEN


def _entry(event: Event, errand: _Errand, tick: Tick, last: Posting, **more: str) -> Entry:
    facts = {"author": errand.author, "letter": errand.letter, "status": last.status or "", **more}
    return Entry(event, tick.exchange.reference, errand.party, facts)
