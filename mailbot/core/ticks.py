"""What passing time calls for in an exchange: reminders, a backup, a part that can be done at last or never was."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from mailbot.core.decision import Case, Decision, Entry, Event, Intent, Known, Moment, Network
from mailbot.core.letters import (
    Choice,
    exchange_tag,
    for_these_eyes,
    kind_word,
    obstacle,
    owed,
    part_words,
    party_words,
    pass_on,
    sealable,
    waiting_until,
    wanted,
)
from mailbot.core.mail import Envelope, Letter, Words
from mailbot.core.parties import Address, Party
from mailbot.core.records import Exchange, Part, PartEvent, PartStage, Stage
from mailbot.core.tags import Urgency, Word

_UNANSWERED = frozenset({PartStage.PASSED_ON, PartStage.ACKNOWLEDGED, PartStage.UNDELIVERABLE})
REMINDED, BACKED_UP = 1, 2  # values of Part.reminders


@dataclass(frozen=True, slots=True)
class Tick:
    """One exchange at one moment; `intent` is the author's mail, understood again, for the steps that need it."""

    exchange: Exchange
    network: Network
    moment: Moment
    intent: Intent | None = None

    @property
    def now(self) -> datetime:
        return self.moment.now


Step = Callable[[Tick, Part], tuple[Part, tuple[Letter, ...], Event]]


def is_due(tick: Tick) -> bool:
    """Whether any part of the exchange has something to do now."""
    return any(_step(tick, part) for part in tick.exchange.parts)


def needs_original(tick: Tick) -> bool:
    """Whether what is due needs the author's mail again."""
    return any(_step(tick, part) in (_pass_on_at_last, _pass_on_owed, _call_backup) for part in tick.exchange.parts)


def advance(tick: Tick) -> Decision:
    """Everything that is due in this exchange now."""
    exchange = tick.exchange
    letters: tuple[Letter, ...] = ()
    entries: tuple[Entry, ...] = ()
    for part in exchange.parts:
        step = _step(tick, part)
        if step:
            moved, written, event = step(tick, part)
            exchange = exchange.with_part(moved)
            letters += written
            entries += (Entry(event, exchange.reference, part.party, {"letters": str(len(written))}),)
    return Decision(exchanges=(exchange,) if entries else (), letters=letters, entries=entries)


def _step(tick: Tick, part: Part) -> Step | None:
    if part.stage is PartStage.WAITING:
        return _waiting_step(tick, part)
    exchange = tick.exchange
    if _sealable_at_last(tick, part):
        return _pass_on_owed
    if exchange.kind is not Word.REQUEST or exchange.stage is not Stage.OPEN or part.stage not in _UNANSWERED:
        return None
    if tick.now >= exchange.deadline:
        return _call_backup if part.reminders < BACKED_UP else None
    since = part.passed_on_at or exchange.opened_at
    half = since + (exchange.deadline - since) / 2
    acknowledged = part.stage is PartStage.ACKNOWLEDGED
    return _remind if tick.now >= half and part.reminders < REMINDED and not acknowledged else None


def _waiting_step(tick: Tick, part: Part) -> Step | None:
    if tick.exchange.stage is not Stage.OPEN:
        return None
    party, asker = (tick.network.directory.party(code) for code in (part.party, tick.exchange.asker))
    may_speak = asker is not None and not asker.suspended
    if party and may_speak and not obstacle(party, tick.network, tick.now):
        return _pass_on_at_last
    return _give_up if tick.now >= waiting_until(tick.exchange, tick.network) else None


def _pass_on_at_last(tick: Tick, part: Part) -> tuple[Part, tuple[Letter, ...], Event]:
    """A key arrived, or a suspension ended. What its author's key no longer vouches for is given up, and he is told."""
    passed_on, content = pass_on_again(tick, part)
    return (passed_on, content, Event.PASSED_ON) if content else _give_up(tick, part)


def pass_on_again(tick: Tick, part: Part) -> tuple[Part, tuple[Letter, ...]]:
    """The author's words for the desks and relays of a party; no letter if they are no longer vouched for."""
    party, exchange = tick.network.directory.party(part.party), tick.exchange
    content = _content(tick, party)
    if party is None or not content:
        return part, ()
    later = owed(party, exchange.kind, exchange.urgency, tick.network, tick.now)
    return replace(part.move(PartEvent.PASS_ON, tick.now), owed=later), content


def _sealable_at_last(tick: Tick, part: Part) -> tuple[Address, ...]:
    """The mailboxes of a part that were left out for want of a usable certificate, and have one now."""
    party = tick.network.directory.party(part.party)
    if not part.owed or party is None or party.suspended or tick.exchange.stage is not Stage.OPEN:
        return ()
    mine = wanted(party, tick.exchange.kind, tick.exchange.urgency)
    return sealable((a for a in mine if a.address in part.owed), tick.network, tick.now)


def _pass_on_owed(tick: Tick, part: Part) -> tuple[Part, tuple[Letter, ...], Event]:
    boxes = _sealable_at_last(tick, part)
    content = _content(tick, tick.network.directory.party(part.party), lambda _: boxes)
    left = tuple(address for address in part.owed if address not in {a.address for a in boxes})
    return replace(part, owed=left), content, Event.PASSED_ON


def _give_up(tick: Tick, part: Part) -> tuple[Part, tuple[Letter, ...], Event]:
    return part.move(PartEvent.EXPIRE, tick.now), _expired(tick, part), Event.EXPIRED


def _remind(tick: Tick, part: Part) -> tuple[Part, tuple[Letter, ...], Event]:
    party = tick.network.directory.party(part.party)
    failed = part.stage is PartStage.UNDELIVERABLE
    boxes = (party.backups if failed else party.desks) if party else ()
    letters = _reminder(tick, part, party, boxes, backup=failed) if party else ()
    return replace(part, reminders=REMINDED), letters, Event.REMINDED


def _call_backup(tick: Tick, part: Part) -> tuple[Part, tuple[Letter, ...], Event]:
    """The deadline passed in silence: the desk is reminded once more, and the backups get the request itself."""
    party = tick.network.directory.party(part.party)
    if party is None:
        return replace(part, reminders=BACKED_UP), (), Event.REMINDED
    content = () if part.backed_up_at else content_for_backups(tick, party)
    # A backup that never got the request is not reminded of it.
    backups = party.backups if content or part.backed_up_at else ()
    letters = (
        *_reminder(tick, part, party, party.desks, backup=False),
        *_reminder(tick, part, party, backups, backup=True),
        *content,
    )
    backed_up_at = part.backed_up_at or (tick.now if content else None)
    return replace(part, reminders=BACKED_UP, backed_up_at=backed_up_at), letters, Event.REMINDED


def content_for_backups(tick: Tick, party: Party) -> tuple[Letter, ...]:
    """The author's words for the backups of a party, as far as they are still kept and can be sealed."""
    return () if party.suspended else _content(tick, party, lambda p: p.backups)


def _content(tick: Tick, party: Party | None, choose: Choice | None = None) -> tuple[Letter, ...]:
    exchange = tick.exchange
    if party is None or tick.intent is None or not _still_vouched_for(tick.intent, exchange):
        return ()
    template = kind_word(exchange)
    case = Case(tick.intent, Known(tick.network), tick.moment)
    return pass_on(
        case, exchange, (party,), letter=template, word=exchange.kind, tag=exchange_tag(exchange), choose=choose
    )


def _still_vouched_for(intent: Intent, exchange: Exchange) -> bool:
    """Whether the author's mail, opened again with today's keys, is still the asker's (trust.md 12)."""
    speaker, content = intent.speaker, intent.opened.content
    if speaker is None or speaker.relay is not None:
        return False
    return speaker.code == exchange.asker and content is not None


def _reminder(
    tick: Tick, part: Part, party: Party, mailboxes: tuple[Address, ...], *, backup: bool
) -> tuple[Letter, ...]:
    exchange, boxes = tick.exchange, sealable(mailboxes, tick.network, tick.now)
    if not boxes or party.suspended:
        return ()
    words = {
        "reference": exchange.reference,
        "asker": party_words(exchange.asker, tick.network, party.language),
        "urgency": exchange.urgency.value,
        "deadline": exchange.deadline,
        "left": exchange.deadline - tick.now,
        "passed_on_at": part.passed_on_at or exchange.opened_at,
        "reply_code": exchange.reply_code,
        "acknowledged": part.stage is PartStage.ACKNOWLEDGED,
        "backup": backup,
    }
    return (notice("reminder", tick, party, boxes, words),)


def _expired(tick: Tick, part: Part) -> tuple[Letter, ...]:
    exchange, asker = tick.exchange, tick.network.directory.party(tick.exchange.asker)
    boxes = sealable(asker.desks, tick.network, tick.now) if asker else ()
    if asker is None or not boxes:
        return ()
    state = part.cause.value if part.cause else part.stage.value
    words = {
        "reference": exchange.reference,
        "kind": kind_word(exchange),
        "part": part_words(part.party, state, tick.network, asker.language),
        "since": exchange.opened_at,
    }
    return (notice("expired", tick, asker, boxes, words),)


def notice(template: str, tick: Tick, reader: Party, boxes: tuple[Address, ...], words: Words) -> Letter:
    """A letter of ours about the exchange: from the null sender, so that nothing can answer it."""
    return Letter(
        template,
        reader.language,
        boxes,
        for_these_eyes(exchange_tag(tick.exchange), (reader,), tick.exchange),
        words=words,
        reference=tick.exchange.reference,
        envelope=Envelope.NULL,
        purpose="notice",
        urgent=tick.exchange.urgency is Urgency.URGENT,
    )
