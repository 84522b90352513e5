"""The letters of an exchange: whom they reach, and the words their templates get (listed in mail/templates.py)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from mailbot.core.decision import Case, Known, Network
from mailbot.core.mail import Automatic, Envelope, Letter, Words
from mailbot.core.parties import Address, Party
from mailbot.core.records import Cause, Exchange
from mailbot.core.tags import ALL, Tag, Urgency, Word

PASSED_ON = "passed on"


# ---------------------------------------------------------------- whom a letter reaches


def wanted(party: Party, kind: Word, urgency: Urgency) -> tuple[Address, ...]:
    """The desks of a party, and the relays whose filter lets this through."""
    relays = (r.mailbox for r in party.relays if r.wants(kind, urgency))
    return _each_once((*party.desks, *relays))


def owed(party: Party, kind: Word, urgency: Urgency, network: Network, at: datetime) -> tuple[str, ...]:
    """The addresses among them that cannot be sealed to now."""
    return tuple(a.address for a in wanted(party, kind, urgency) if not network.sealable(a, at))


def sealable(boxes: Iterable[Address], network: Network, at: datetime) -> tuple[Address, ...]:
    """Those to which mail can be sealed now."""
    return tuple(a for a in boxes if network.sealable(a, at))


def unreadable_desks(party: Party, network: Network, at: datetime) -> tuple[Address, ...]:
    """The desks that can be told only that something waits (trust.md 18)."""
    return tuple(a for a in party.desks if not network.sealable(a, at))


def obstacle(party: Party, network: Network, at: datetime) -> Cause | None:
    """Why a party cannot be passed anything now."""
    if party.suspended:
        return Cause.SUSPENDED
    return None if any(network.sealable(a, at) for a in party.desks) else Cause.NO_CERTIFICATE


def answer_boxes(case: Case) -> tuple[Address, ...]:
    """Where the speaker is answered: the address he wrote from if it is registered to his very desk or relay and can be
    sealed to, else all of his. From is nobody's word: a desk is never answered at a relay's address, nor the reverse.
    """
    speaker = case.speaker
    if speaker is None or case.opened.by_machine:
        return ()
    own = case.network.directory.mailbox(case.opened.sender) if case.intent.resident == speaker else None
    written_from = sealable((own,), case.network, case.now) if own else ()
    return written_from or sealable(speaker.mailboxes, case.network, case.now)


def _each_once(addresses: Iterable[Address]) -> tuple[Address, ...]:
    return tuple({a.address.casefold(): a for a in reversed(tuple(addresses))}.values())[::-1]


# ---------------------------------------------------------------- the words


def party_words(code: str, network: Network, language: str) -> Words:
    party = network.directory.party(code)
    return {"code": party.code if party else code, "name": party.name(language) if party else ""}


def part_words(
    code: str, state: str, network: Network, language: str, until: datetime | None = None
) -> dict[str, object]:
    return {**party_words(code, network, language), "state": state, "until": until}


def anchor_words(known: Known) -> Words:
    number, head = known.journal_head
    return {"number": number, "hash": head}


def kind_word(exchange: Exchange) -> str:
    return "information" if exchange.kind is Word.INFO else "request"


def targets_as_written(exchange: Exchange) -> tuple[str, ...]:
    return (ALL,) if exchange.to_all else exchange.targets


def exchange_tag(exchange: Exchange, word: Word | None = None) -> Tag:
    """`[REQUEST#2026-0042 FR>DE,IT urgent]`: what letters of the exchange carry inside."""
    return Tag(
        word or exchange.kind,
        reference=exchange.reference,
        origin=exchange.asker,
        targets=targets_as_written(exchange),
    )


def answer_tag(exchange: Exchange, word: Word, author: str) -> Tag:
    """`[REPLY#2026-0042 DE>FR]`."""
    return Tag(word, reference=exchange.reference, origin=author, targets=(exchange.asker,))


def cover_words(exchange: Exchange, case: Case, language: str) -> Words:
    """What every cover note says."""
    voucher = case.opened.voucher
    is_the_original = case.opened.digest == exchange.original
    return {
        "reference": exchange.reference,
        "asker": party_words(exchange.asker, case.network, language),
        "targets": list(targets_as_written(exchange)),
        "signed_at": (voucher and voucher.made_at) or case.now,
        "received_at": exchange.opened_at if is_the_original else case.now,
        "reply_code": exchange.reply_code,
        "kind": kind_word(exchange),
        "urgency": exchange.urgency.value,
        "deadline": exchange.deadline,
        "closed": exchange.closed_at is not None,
    }


# ---------------------------------------------------------------- the letters


Choice = Callable[[Party], Iterable[Address]]


def pass_on(
    case: Case,
    exchange: Exchange,
    parties: Sequence[Party],
    *,
    letter: str,
    word: Word,
    tag: Tag,
    words: Words | None = None,
    choose: Choice | None = None,
    content: bool = True,
) -> tuple[Letter, ...]:
    """The author's content for all readers of these parties, as far as mail to them can be sealed now.

    A letter for each language. `choose` says which mailboxes of a party; without it desks and relays that want it.
    """
    letters = []
    chosen = choose or (lambda party: wanted(party, word, exchange.urgency))
    for language, group in _groups(parties, exchange):
        boxes = sealable((a for party in group for a in chosen(party)), case.network, case.now)
        if boxes:
            author = party_words(tag.origin or exchange.asker, case.network, language)
            letters.append(
                Letter(
                    letter,
                    language,
                    boxes,
                    for_these_eyes(tag, group, exchange),
                    words={
                        **cover_words(exchange, case, language),
                        "author": author,
                        **({"targets": [p.code for p in group]} if _hides_targets(exchange, group) else {}),
                        **(words or {}),
                    },
                    subject=case.intent.rest if content else "",
                    content=case.opened.content if content else None,
                    author_hidden=exchange.blind and word is exchange.kind,
                    reference=exchange.reference,
                    author=tag.origin or exchange.asker,
                    urgent=exchange.urgency is Urgency.URGENT,
                )
            )
    return tuple(letters)


def receipt(
    case: Case,
    exchange: Exchange,
    parts: Iterable[tuple[str, str, datetime | None]],
    *,
    letter: str,
    tag: Tag,
    words: Words | None = None,
) -> tuple[Letter, ...]:
    """What was done, to the author; `parts` are code, state, and until when a part waits."""
    boxes, speaker = answer_boxes(case), case.speaker
    if not boxes or speaker is None:
        return ()
    language = speaker.language
    said = {
        "reference": exchange.reference,
        "received_at": case.now,
        "kind": kind_word(exchange),
        "asker": party_words(exchange.asker, case.network, language),
        "targets": list(targets_as_written(exchange)),
        "urgency": exchange.urgency.value,
        "deadline": exchange.deadline,
        "blind": exchange.blind,
        "closed": exchange.closed_at is not None,
        "parts": [part_words(code, state, case.network, language, until) for code, state, until in parts],
        "anchor": anchor_words(case.known),
        "mismatch": False,
        **(words or {}),
    }
    return (
        Letter(
            letter,
            language,
            boxes,
            tag,
            words=said,
            reference=exchange.reference,
            automatic=Automatic.REPLIED,
            purpose="receipt",
            urgent=exchange.urgency is Urgency.URGENT,
        ),
    )


def something_waits(party: Party, case: Case) -> tuple[Letter, ...]:
    """To the desks that cannot be sealed to: nothing but that something waits (trust.md 18)."""
    boxes = tuple(replace(a, encrypt_to=()) for a in unreadable_desks(party, case.network, case.now))
    words = {"party": party_words(party.code, case.network, party.language)}
    return (_notice("waiting", party.language, boxes, words),) if boxes else ()


def to_speaker(template: str, case: Case, words: Words) -> tuple[Letter, ...]:
    """A letter to whoever signed, outside any exchange."""
    boxes = answer_boxes(case)
    return (_notice(template, case.speaker.language, boxes, words),) if boxes and case.speaker else ()


def to_resident(template: str, case: Case, words: Words) -> tuple[Letter, ...]:
    """A letter to the registered address a mail claims to come from; nothing if that cannot be answered or sealed."""
    mailbox, resident = case.network.directory.mailbox(case.opened.sender), case.intent.resident
    if resident is None or mailbox is None or not case.opened.answerable:
        return ()
    boxes = sealable((mailbox,), case.network, case.now)
    return (_notice(template, resident.language, boxes, words),) if boxes else ()


def waiting_until(exchange: Exchange, network: Network) -> datetime:
    """When the parts of an exchange that wait are given up."""
    return exchange.opened_at + network.terms.waiting_part_age


def for_these_eyes(tag: Tag, group: Sequence[Party], exchange: Exchange) -> Tag:
    """The tag of a blind exchange names no target but the reader (trust.md 6)."""
    return replace(tag, targets=tuple(p.code for p in group)) if _hides_targets(exchange, group) else tag


def _hides_targets(exchange: Exchange, group: Sequence[Party]) -> bool:
    return exchange.blind and all(p.code != exchange.asker for p in group)


def _notice(template: str, language: str, boxes: tuple[Address, ...], words: Words) -> Letter:
    return Letter(
        template,
        language,
        boxes,
        Tag(Word.HELP),
        words=words,
        envelope=Envelope.NULL,
        automatic=Automatic.REPLIED,
        purpose="notice",
    )


def _groups(parties: Sequence[Party], exchange: Exchange) -> Iterable[tuple[str, list[Party]]]:
    """Who may get the same text: one language; in a blind exchange nobody, because the text says whom it is for."""
    ordered = sorted(parties, key=lambda p: (p.language, p.code))
    for (language, _), group in groupby(ordered, key=lambda p: (p.language, p.code if exchange.blind else "")):
        yield language, list(group)
