"""The letters about what does not wait for the digest: alarms, and the all clear."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime

from mailbot.core.decision import Decision, Entry, Event, Network
from mailbot.core.letters import sealable
from mailbot.core.mail import Envelope, Letter, Words
from mailbot.core.parties import SECRETARIAT, Address
from mailbot.core.tags import Tag, Word
from mailbot.core.troubles import Alarm, News, Ringing


def decided(news_: News, network: Network, now: datetime, head: tuple[int, str]) -> Decision:
    """The letters to all operators, without any to the secretariat, and what is remembered."""
    return Decision(
        letters=tuple(_letters_of(news_, network, now, head)),
        entries=(*_entries(Event.ALARMED, news_.begun), *_entries(Event.ALL_CLEAR, news_.ended)),
        ringing=news_.remembered,
        silenced=(*news_.ended, *news_.forgotten),
    )


def _entries(event: Event, ringings: Iterable[Ringing]) -> Iterator[Entry]:
    for ringing in ringings:
        yield Entry(event, facts={"alarm": ringing.alarm.value, "robot": ringing.robot, "detail": ringing.detail})


def _letters_of(news_: News, network: Network, now: datetime, head: tuple[int, str]) -> Iterator[Letter]:
    if not news_.begun and not news_.ended:
        return
    words: Words = {
        "begun": [_words(ringing) for ringing in news_.begun],
        "ended": [_words(ringing) for ringing in news_.ended],
        "anchor": {"number": head[0], "hash": head[1]},
    }
    for language, boxes in _readers(network, now).items():
        yield Letter(
            "alarm",
            language,
            boxes,
            Tag(Word.STATUS),
            words,
            from_control=True,
            envelope=Envelope.NULL,
            purpose="alarm",
            urgent=True,
        )


def _words(ringing: Ringing) -> Words:
    return {
        "what": ringing.alarm.value,
        "since": ringing.since,
        "robot": ringing.robot,
        "detail": ringing.detail,
        "ends": date.fromisoformat(ringing.detail) if ringing.alarm is Alarm.ROBOT_KEY else None,
        "again": ringing.told_at is not None,
    }


def _readers(network: Network, now: datetime) -> dict[str, tuple[Address, ...]]:
    """Operators by language; where nobody of them can be reached, the secretariat."""
    operators = [(operator.language, operator.mailbox) for operator in network.directory.operators]
    office = network.directory.party(SECRETARIAT)
    fallback = [(office.language, desk) for desk in office.desks] if office else []
    for group in (operators, fallback):
        found: dict[str, tuple[Address, ...]] = {}
        for language, mailbox in group:
            found[language] = (*found.get(language, ()), *sealable((mailbox,), network, now))
        found = {language: boxes for language, boxes in found.items() if boxes}
        if found:
            return found
    return {}
