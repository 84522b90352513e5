"""The digest: whether a person is needed, and how network and robot are doing (network.md §9); never content."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby

from mailbot.core.decision import Decision, Entry, Event, Moment, Network, Occasion
from mailbot.core.letters import kind_word, party_words, sealable, targets_as_written
from mailbot.core.mail import Letter, Picture, Words
from mailbot.core.needs import Need, goes_at, is_leaving, needs
from mailbot.core.parties import SECRETARIAT, Address, Directory, Right
from mailbot.core.postings import Posting, hindrance
from mailbot.core.reach import Reach, days_until, heat_map, median_time, over_time, strip
from mailbot.core.records import Exchange, HeldMail
from mailbot.core.reporting import Reader
from mailbot.core.rounds.records import Round, RoundStage, Standing
from mailbot.core.situation import DAYS, Situation, silent_parts
from mailbot.core.tags import Bilingual, Tag, Word, write_command
from mailbot.core.validity import Ending, endings

NAME = "digest"  # of its occasions
LISTED = 20  # exchanges, held mails, failures and certificates each; of the others only how many there are

# ---------------------------------------------------------------- who gets it


def daily_readers(network: Network, at: datetime) -> tuple[Reader, ...]:
    """Those whom the configuration names and to whom mail can be sealed now; one for each language."""
    return tuple(_by_language(_named(network.directory, network.reporting.readers), network, at))


def addressees(directory: Directory, rights: Collection[Right]) -> tuple[Address, ...]:
    """Their mailboxes, whether mail to them can be sealed or not."""
    return tuple(box for reader in _named(directory, rights) for box in reader.mailboxes)


def _named(directory: Directory, rights: Collection[Right]) -> Iterator[Reader]:
    office = directory.party(SECRETARIAT)
    if office and Right.SECRETARIAT in rights:
        yield Reader(office.language, office.desks)
    if Right.OPERATOR in rights:
        yield from (Reader(operator.language, (operator.mailbox,)) for operator in directory.operators)


def _by_language(readers: Iterable[Reader], network: Network, at: datetime) -> Iterable[Reader]:
    ordered = sorted(readers, key=lambda reader: reader.language)
    for language, group in groupby(ordered, key=lambda reader: reader.language):
        boxes = sealable((box for reader in group for box in reader.mailboxes), network, at)
        if boxes:
            yield Reader(language, boxes)


# ---------------------------------------------------------------- what is decided


def daily(situation: Situation, network: Network, moment: Moment, turn: str) -> Decision:
    """The digest of a day, or the note that it was spared; either settles the day."""
    found = needs(situation, network)
    spared = network.reporting.only_if_needed and not found
    readers = () if spared else daily_readers(network, moment.now)
    event = Event.DIGEST_SENT if readers else Event.DIGEST_SPARED
    return Decision(
        letters=digest_letters(situation, network, readers),
        entries=(_entry(event, readers, found, "day", turn),),
        occasions=(Occasion(NAME, turn),),
    )


def demanded(situation: Situation, network: Network, readers: tuple[Reader, ...], by: str) -> Decision:
    """A digest that somebody asked for; it settles no day."""
    entry = _entry(Event.DIGEST_SENT, readers, needs(situation, network), "by", by)
    return Decision(letters=digest_letters(situation, network, readers), entries=(entry,))


def _entry(event: Event, readers: tuple[Reader, ...], found: tuple[Need, ...], name: str, value: str) -> Entry:
    said = {"readers": str(sum(len(reader.mailboxes) for reader in readers)), "needs": str(len(found))}
    return Entry(event, facts=said | {name: value})


def digest_letters(situation: Situation, network: Network, readers: Iterable[Reader]) -> tuple[Letter, ...]:
    """A letter for each reader."""
    return tuple(digest_letter(situation, network, reader) for reader in readers)


def digest_letter(situation: Situation, network: Network, reader: Reader) -> Letter:
    """The letter, to be answered with commands by pressing Reply."""
    return Letter(
        "digest",
        reader.language,
        reader.mailboxes,
        Tag(Word.DIGEST),
        words=digest_words(situation, network, reader.language),
        from_control=True,
        purpose=NAME,
        pictures=pictures(situation, network, reader.language),
    )


# ---------------------------------------------------------------- what it says


def digest_words(situation: Situation, network: Network, language: str) -> Words:
    """Everything that the templates get; see mail/templates.py."""
    found = endings(network, situation.at)
    return {
        "at": situation.at,
        "needs": [_need_words(need, network, language) for need in needs(situation, network)],
        "exchanges": [_exchange_words(e, situation.at, network, language) for e in situation.exchanges[:LISTED]],
        "more_exchanges": max(situation.open_exchanges - len(situation.exchanges[:LISTED]), 0),
        "ping": _ping_words(situation.last_round, network, language) if situation.last_round else None,
        "reach": [_reach_words(reach, network, language) for reach in _reaches(situation, network)],
        "held": [_held_words(mail, situation.at, network, language) for mail in situation.held[:LISTED]],
        "more_held": max(len(situation.held) - LISTED, 0),
        "failures": [_failure_words(posting, network, language) for posting in situation.failures[-LISTED:]],
        "more_failures": max(len(situation.failures) - LISTED, 0),
        "keys": [_key_words(ending, situation.at, network, language) for ending in found[:LISTED]],
        "more_keys": max(len(found) - LISTED, 0),
        "health": _health_words(situation, network, language),
        "anchor": {"number": situation.journal_head[0], "hash": situation.journal_head[1]},
    }


def _need_words(need: Need, network: Network, language: str) -> Words:
    parties = [party_words(code, network, language) for code in need.parties]
    return {"what": need.what.value, "count": need.count, "parties": parties, "at": need.at}


def _exchange_words(exchange: Exchange, at: datetime, network: Network, language: str) -> Words:
    silent = frozenset(silent_parts(exchange))
    return {
        "reference": exchange.reference,
        "kind": kind_word(exchange),
        "urgency": exchange.urgency.value,
        "asker": party_words(exchange.asker, network, language),
        "targets": list(targets_as_written(exchange)),
        "answered": sum(part.answered_at is not None for part in exchange.parts),
        "asked": len(exchange.parts),
        "silent": [
            {**party_words(part.party, network, language), "stage": part.stage.value, "cause": part.cause}
            for part in exchange.parts
            if part.party in silent
        ],
        "deadline": exchange.deadline,
        "left": exchange.deadline - at,
    }


def _ping_words(round_: Round, network: Network, language: str) -> Words:
    asked = round_.asked
    return {
        "label": round_.label,
        "started_at": round_.started_at,
        "deadline": round_.deadline,
        "running": round_.stage is RoundStage.RUNNING,
        "asked": len(asked),
        "reached": sum(probe.in_time for probe in asked),
        "median": median_time(round_),
        "others": [
            {**party_words(probe.party, network, language), "state": probe.standing.value}
            for probe in asked
            if probe.standing is not Standing.REACHED
        ],
    }


def _reaches(situation: Situation, network: Network) -> tuple[Reach, ...]:
    """Whoever was asked at all; who was reached least comes first."""
    parties = [party.code for party in network.directory.members()]
    found = over_time(_looked_back(situation), parties, network.reporting.zone)
    return tuple(sorted((r for r in found if r.asked), key=lambda r: (-len(r.missed), -len(r.doubtful), r.party)))


def _looked_back(situation: Situation) -> tuple[Round, ...]:
    return tuple(r for r in situation.rounds if r.started_at > situation.at - timedelta(days=DAYS))


def _reach_words(reach: Reach, network: Network, language: str) -> Words:
    said = {"asked": reach.asked, "reached": reach.reached, "missed": reach.missed, "doubtful": reach.doubtful}
    return {**party_words(reach.party, network, language), **said}


def _held_words(mail: HeldMail, at: datetime, network: Network, language: str) -> Words:
    return {
        "label": mail.label,
        "reason": mail.reason.value,
        "state": mail.state.value,
        "held_at": mail.held_at,
        "sender": mail.sender,
        "party": party_words(mail.party, network, language) if mail.party else None,
        "size": mail.size,
        "goes_at": goes_at(mail, network) if is_leaving(mail, network, at) else None,
        "release": write_command(Word.RELEASE, mail.label, language),
        "drop": write_command(Word.DROP, mail.label, language),
    }


def _failure_words(posting: Posting, network: Network, language: str) -> Words:
    return {
        "letter": posting.letter or posting.purpose,
        "reference": posting.reference,
        "party": party_words(posting.party, network, language) if posting.party else None,
        "recipient": posting.recipient,
        "why": hindrance(posting.status).value,
        "at": posting.settled_at or posting.created_at,
    }


def _key_words(ending: Ending, at: datetime, network: Network, language: str) -> Words:
    return {
        "whose": party_words(ending.whose, network, language),
        "fingerprint": ending.fingerprint,
        "flaw": ending.flaw.value if ending.flaw else None,
        "ends": ending.ends,
        "left": ending.ends - at if ending.ends else None,
    }


def _health_words(situation: Situation, network: Network, language: str) -> Words:
    return {
        "mailbox_at": situation.mailbox_at,
        "sent_at": situation.sent_at,
        "queued": situation.queued,
        "oldest": situation.oldest,
        "retried": situation.retried,
        "going": situation.going,
        "going_at": situation.going_at,
        "suspended": [party_words(code, network, language) for code in situation.suspended],
        "parties": len(network.directory.members()),
    }


# ---------------------------------------------------------------- its pictures


_STRIP = Bilingual(
    "Ping {label}: {reached} of {asked} reached in time.", "Test {label} : {reached} joints à temps sur {asked}."
)
_MAP = Bilingual(
    "Reachability of each party in the last {days} days; the text below names every day on which one was not reached.",
    "Joignabilité de chaque membre sur {days} jours ; le texte ci-dessous cite chaque jour où l'un n'a pas été joint.",
)


def pictures(situation: Situation, network: Network, language: str) -> tuple[Picture, ...]:
    """Who answered the last ping how fast, and who could be reached in the last 30 days."""
    last, back = situation.last_round, _looked_back(situation)
    found = []
    if last and last.asked:
        reached = sum(probe.in_time for probe in last.asked)
        alt = _in(_STRIP, language).format(label=last.label, reached=reached, asked=len(last.asked))
        found.append(Picture("responses", strip(last, language), alt))
    if back:
        parties = [party.code for party in network.directory.members()]
        days = days_until(situation.at, network.reporting.zone, DAYS)
        drawn = heat_map(back, parties, days, network.reporting.zone, language)
        found.append(Picture("reachability", drawn, _in(_MAP, language).format(days=DAYS)))
    return tuple(found)


def _in(words: Bilingual, language: str) -> str:
    return words.fr if language == "fr" else words.en
