"""Which exchange a mail belongs to: signed words decide, everything else only suggests (trust.md 2)."""

from collections.abc import Iterable
from dataclasses import dataclass

from mailbot.core.decision import Case, TagSource
from mailbot.core.parties import Correspondent
from mailbot.core.records import Exchange, Reason
from mailbot.core.tags import Word


@dataclass(frozen=True, slots=True)
class Match:
    """The exchange that was found; `decided` by signed words through `source`, else only suggested by it."""

    exchange: Exchange
    source: TagSource
    decided: bool
    mismatch: bool = False  # an unsigned hint says otherwise: journalled and told


def find_exchange(case: Case) -> Match | Reason:
    """The exchange the mail belongs to, or why none can be named."""
    hints = dict(_hints(case))
    decided = _decided(case)
    if isinstance(decided, Match):
        others = [e for e in hints.values() if e.reference != decided.exchange.reference]
        return Match(decided.exchange, decided.source, decided=True, mismatch=bool(others) or _other_kind(case))
    if decided:
        return decided
    return _suggested(hints, case)


def _other_kind(case: Case) -> bool:
    """Whether the outer subject alone says that it is an acknowledgement or a closing: nobody signed that."""
    tag = case.intent.tag
    return tag is not None and not case.intent.tag_signed and tag.word in (Word.ACK, Word.CLOSE)


def _decided(case: Case) -> Match | Reason | None:
    coded = {e.reference: e for e in case.known.coded}
    tag, source = case.intent.tag, case.intent.tag_source
    if case.intent.tag_signed and source and tag and tag.reference:
        if case.known.exchange is None or not takes_part(case.speaker, case.known.exchange):
            return Reason.UNKNOWN_EXCHANGE  # one answer for both (trust.md 10)
        if coded and case.known.exchange.reference not in coded:
            return Reason.HINTS_DISAGREE
        return Match(case.known.exchange, source, decided=True)
    if len(coded) == 1:
        return Match(next(iter(coded.values())), TagSource.CODE, decided=True)
    return None


def _suggested(hints: dict[TagSource, Exchange], case: Case) -> Match | Reason:
    references = {e.reference for e in hints.values()}
    quoted = {e.reference for e in case.known.coded}
    if len(references) > 1 or (quoted and not references <= quoted):
        return Reason.HINTS_DISAGREE
    if references:
        source, exchange = next(iter(hints.items()))
        return Match(exchange, source, decided=False)
    return Reason.HINTS_DISAGREE if quoted else Reason.UNKNOWN_EXCHANGE


def _hints(case: Case) -> Iterable[tuple[TagSource, Exchange]]:
    """What nobody signed, strongest first. Thread and return path count only for those who take part (trust.md 10)."""
    if case.known.exchange and not case.intent.tag_signed:
        yield TagSource.SUBJECT, case.known.exchange
    threaded = [e for e in case.known.threaded if takes_part(case.speaker, e)]
    if threaded:
        yield TagSource.THREAD, threaded[0]
    if case.known.addressed and takes_part(case.speaker, case.known.addressed):
        yield TagSource.ADDRESS, case.known.addressed


def takes_part(speaker: Correspondent | None, exchange: Exchange) -> bool:
    """Whether the speaker's party asked, or is a target."""
    return speaker is not None and speaker.code in (exchange.asker, *exchange.targets)
