"""REPLY and ACK: a target's words go to the party that asked, and to its relays that want them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from mailbot.core.decision import Case, Decision, Entry, Event
from mailbot.core.holding import ask, hold, refuse
from mailbot.core.letters import PASSED_ON, answer_tag, obstacle, pass_on, receipt
from mailbot.core.matching import Match, find_exchange
from mailbot.core.parties import Correspondent, Party
from mailbot.core.records import Exchange, Part, PartEvent, PartStage, Reason
from mailbot.core.tags import Tag, Word


@dataclass(frozen=True, slots=True)
class _Form:
    word: Word
    letter: str
    receipt: str
    move: PartEvent
    journalled: Event


_REPLY = _Form(Word.REPLY, "reply", "receipt-reply", PartEvent.ANSWER, Event.REPLIED)
_ACK = _Form(Word.ACK, "acknowledgement", "receipt-acknowledgement", PartEvent.ACKNOWLEDGE, Event.ACKNOWLEDGED)


def reply(case: Case) -> Decision:
    """Pass an answer on and mark the part answered; after closing as well."""
    return _answer(_REPLY, case)


def acknowledge(case: Case) -> Decision:
    """Pass on that the request was received and is being worked on."""
    return _answer(_ACK, case)


def _answer(form: _Form, case: Case) -> Decision:
    match = find_exchange(case)
    if match is Reason.UNKNOWN_EXCHANGE and case.intent.tag is None:
        return hold(Reason.UNTAGGED, case)
    if match is Reason.UNKNOWN_EXCHANGE:
        return refuse("not yours", case, Reason.UNKNOWN_EXCHANGE)
    if isinstance(match, Reason):
        return hold(match, case)
    return _answer_to(match, form, case)


def _answer_to(match: Match, form: _Form, case: Case) -> Decision:
    exchange, speaker = match.exchange, case.speaker
    if speaker is None or speaker.party is None:
        return hold(Reason.NOT_ALLOWED, case)
    if speaker.code == exchange.asker and not speaker.relay:
        return refuse("own exchange", case, Reason.NOT_ALLOWED, reference=exchange.reference)
    part = exchange.part(speaker.party.code)
    if part is None or not _was_reached(speaker, exchange, case):
        return refuse("not yours", case, Reason.UNKNOWN_EXCHANGE)
    if _older_than(exchange, case):
        return hold(Reason.STALE, case)
    if not match.decided:
        tag = Tag(form.word, reference=exchange.reference)
        return ask(tag, case, exchange)
    asker = case.network.directory.party(exchange.asker)
    if asker is None or obstacle(asker, case.network, case.now):
        return hold(Reason.NO_READER, case)
    return _passed_on(match, part, asker, form, case)


def _was_reached(speaker: Correspondent, exchange: Exchange, case: Case) -> bool:
    """A relay may answer only what was sent to it (network.md §2); a desk speaks for its party in any case."""
    if speaker.relay is None:
        return True
    return (exchange.reference, speaker.relay.mailbox.address.casefold()) in case.known.reached


def _older_than(exchange: Exchange, case: Case) -> bool:
    voucher = case.opened.voucher
    made_at = voucher.made_at if voucher else None
    return made_at is None or made_at < exchange.opened_at - case.terms.clock_tolerance


def _passed_on(match: Match, part: Part, asker: Party, form: _Form, case: Case) -> Decision:
    exchange = match.exchange
    took = case.now - (part.passed_on_at or exchange.opened_at)
    tag = answer_tag(exchange, form.word, part.party)
    words: Mapping[str, timedelta] = {"took": took}
    letters = pass_on(case, exchange, (asker,), letter=form.letter, word=form.word, tag=tag, words=words)
    receipts = receipt(
        case,
        exchange,
        ((asker.code, PASSED_ON, None),),
        letter=form.receipt,
        # Pressing Reply on the receipt of an acknowledgement sends the answer: its tag must not say ACK again.
        tag=answer_tag(exchange, Word.REPLY, part.party),
        words={**words, "mismatch": match.mismatch},
    )
    return Decision(
        exchanges=(exchange.with_part(_moved(part, form.move, case)),),
        letters=(*letters, *receipts),
        entries=(_entry(match, part, form, case),),
        consumed=case.intent.identities,
    )


def _moved(part: Part, event: PartEvent, case: Case) -> Part:
    """A part that was given up stays so: the answer still goes through."""
    return part if part.stage is PartStage.EXPIRED else part.move(event, case.now)


def _entry(match: Match, part: Part, form: _Form, case: Case) -> Entry:
    facts = {
        "mail": case.opened.digest,
        "tag_source": match.source.value,
        "mismatch": "yes" if match.mismatch else "no",
        "by": "relay" if case.speaker and case.speaker.relay else "desk",
        "repairs": ", ".join(case.opened.repairs),
    }
    return Entry(form.journalled, match.exchange.reference, part.party, facts)
