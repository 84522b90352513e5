"""Invented words for the answers to commands: what the commands themselves say of the invented network."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from mailbot.core.commands.command import Asker, Order, Outcome, not_done
from mailbot.core.commands.held import held
from mailbot.core.commands.helping import help_
from mailbot.core.commands.membership import parties
from mailbot.core.commands.status import network_words, status
from mailbot.core.decision import Event, Moment
from mailbot.core.letters import party_words
from mailbot.core.mail import Words
from mailbot.core.parties import SECRETARIAT, Correspondent, Right
from mailbot.core.records import Suspension
from mailbot.core.sight import Sight
from mailbot.core.tags import Parsed, Tag, Word, parse, write_command
from mailbot.mail import showcase
from mailbot.mail.sample_keys import key_answers
from mailbot.mail.templates import OBJECTIONS

Turns = dict[str, Words]

_AT = showcase.NIGHT
_BROKEN = "[RELEASE X-12]"
_NAMED: Mapping[str, tuple[str, datetime | None]] = {
    "outdated": ("", _AT - timedelta(minutes=5)),
    "unknown party": ("XX", None),
    "suspended already": ("AZ", _AT - timedelta(days=2)),
    "suspended in the configuration": ("AZ", None),
    "not suspended": ("DE", None),
    "closed": ("2026-0042", _AT - timedelta(days=1)),
    "original not kept": ("2026-0042", None),
    **dict.fromkeys(("unknown held", "released", "dropped", "not kept"), ("H-12", None)),
    **dict.fromkeys(("failed again", "too much", "a command"), ("H-12", None)),
    **dict.fromkeys(("in use already", "not announced", "not proved", "frozen"), ("DE", None)),
    "bad key": ("secret key", None),
    "unusable key": ("cannot encrypt", None),
}


def answers(language: str, robot: Words) -> dict[str, Turns]:
    """For each letter that answers a command, for each of its turns, the words that it gets."""
    made: dict[str, Turns] = {
        "answer-help": _helps(language),
        "answer-status": {
            turn: network_words(*found, language)
            for turn, found in {"calm": showcase.calm(), "busy": showcase.busy(), "first": showcase.first()}.items()
        },
        "answer-ping": _pings(language),
        "answer-exchange": _exchanges(language),
        "answer-parties": {"all": parties(_order(Word.PARTIES, language, _suspending())).section.words},
        "answer-held": _held(language),
        "answer-released": _released(language),
        "answer-resent": _resent(language),
        "answer-done": _done(language),
        "answer-key": key_answers(language),
        "answer-not-done": {why: _objection(why, language) for why in sorted(OBJECTIONS)},
    }
    made["answer"] = _letters(made)
    return {name: {turn: {"robot": robot, **words} for turn, words in turns.items()} for name, turns in made.items()}


# ---------------------------------------------------------------- who orders what


def _order(word: Word, language: str, sight: Sight | None = None, **changed: object) -> Order:
    network = showcase.network()
    office = network.directory.party(SECRETARIAT)
    rights = frozenset({Right.SECRETARIAT})
    asker = Asker(SECRETARIAT, language, rights, _AT, office, is_desk=True)
    moment = Moment(_AT, "2026-0043", bytes(32))
    order = Order(Tag(word), asker, network, moment, sight or Sight(), by_right=True)
    return replace(order, **changed)  # type: ignore[arg-type]


def _by_desk(word: Word, language: str, code: str = "FR") -> Order:
    party = showcase.network().directory.party(code)
    asker = Asker(code, language, frozenset(), _AT, party, is_desk=True)
    return _order(word, language, asker=asker, by_right=False)


def _suspending() -> Sight:
    return Sight(suspensions={"AZ": Suspension("AZ", _AT - timedelta(days=2), "operator Night watch")})


# ---------------------------------------------------------------- the letters


def _helps(language: str) -> Turns:
    operator = showcase.network().directory.operators[0]
    night_watch = Asker("operator", language, Correspondent(operator=operator).rights, _AT)
    relay = replace(_by_desk(Word.HELP, language).asker, is_desk=False)
    return {
        "desk": help_(_by_desk(Word.HELP, language)).section.words,
        "relay": help_(_order(Word.HELP, language, asker=relay)).section.words,
        "secretariat": help_(_order(Word.HELP, language)).section.words,
        "operator": help_(_order(Word.HELP, language, asker=night_watch)).section.words,
    }


def _pings(language: str) -> Turns:
    usual = {"label": "P-12", "deadline": _AT + timedelta(hours=4), "asked": 38, "mails": 0}
    usual |= {"unknown": [], "running": []}
    terms = showcase.network().terms
    usual |= {"left_out": [], "shortest": terms.shortest_deadline, "longest": terms.longest_deadline}
    left_out = [
        {**party_words(code, showcase.network(), language), "state": state}
        for code, state in (("AZ", "suspended"), ("PT", "no certificate"))
    ]
    partly = {"left_out": left_out, "unknown": ["XX"], "running": ["P-11"]}
    return {
        "started": {**usual, "result": "started"},
        "partly": {**usual, **partly, "result": "started"},
        "sent": {**usual, "result": "sent"},
        "shared": {**usual, "result": "shared", "mails": 38},
        **{why: {**usual, "result": why, "deadline": None} for why in ("deadline", "nobody", "no round")},
    }


def _exchanges(language: str) -> Turns:
    found = showcase.busy()[0].exchanges
    first, last = found[0], found[-1]
    sight = Sight(exchanges={e.reference: e for e in found})

    def shown(reference: str, order: Order, sight: Sight = sight) -> Words:
        return status(replace(order, tag=Tag(Word.STATUS, reference=reference), sight=sight)).section.words

    closed = Sight(exchanges={first.reference: first.close(_AT)})
    asker = _by_desk(Word.STATUS, language, first.asker)
    return {
        "by right": shown(first.reference, _order(Word.STATUS, language)),
        "asker": shown(first.reference, asker),
        "last": shown(last.reference, _order(Word.STATUS, language)),
        "closed": shown(first.reference, asker, closed),
    }


def _held(language: str) -> Turns:
    mails = showcase.busy()[0].held
    many = tuple(replace(mails[0], number=100 + count) for count in range(42))
    sights = {"some": Sight(waiting=mails), "none": Sight(), "many": Sight(waiting=many)}
    sights["asked"] = Sight(waiting=tuple(mail for mail in mails if mail.state != "waiting"))
    return {turn: held(_order(Word.HELD, language, sight)).section.words for turn, sight in sights.items()}


def _released(language: str) -> Turns:
    said = {"label": "H-12", "result": "done", "reason": None, "event": "", "reference": None}
    said["drop"] = write_command(Word.DROP, "H-12", language)
    opened = {"event": Event.OPENED.value, "reference": "2026-0043"}
    return {
        "passed on": {**said, **opened},
        "reply": {**said, "event": Event.REPLIED.value, "reference": "2026-0042"},
        "still held": {**said, "result": "still held", "reason": "signature too old"},
        "refused": {**said, "result": "refused"},
        "asked": {**said, "result": "asked"},
    }


def _resent(language: str) -> Turns:
    directory = showcase.network().directory

    def part(code: str, state: str) -> Words:
        party = directory.party(code)
        return {"code": code, "name": party.name(language) if party else "", "state": state, "until": None}

    states = ("passed on", "suspended", "no certificate", "not asked", "not vouched for")
    every = [part(code, state) for code, state in zip(("DE", "AZ", "PT", "IT", "HR"), states, strict=True)]
    said: Words = {"reference": "2026-0042"}
    return {
        "all": {**said, "parts": every[:1], "sent": 1},
        "some": {**said, "parts": [*every, part("XX", "unknown party")], "sent": 1},
        "none": {**said, "parts": every[1:2], "sent": 0},
    }


def _done(language: str) -> Turns:
    germany = showcase.network().directory.party("DE")
    party = {"code": "DE", "name": germany.name(language) if germany else ""}
    said: Words = {"party": party, "name": "", "count": 0}
    return {
        "suspended": {**said, "what": "suspended"},
        "resumed": {**said, "what": "resumed"},
        "dropped": {**said, "what": "dropped", "party": None, "name": "H-12"},
        "closed": {**said, "what": "closed", "party": None, "name": "2026-0042", "count": 3},
        "digest": {**said, "what": "digest", "party": None, "count": 1},
        "report": {**said, "what": "report", "party": None, "name": "2026-01-01..2026-06-30", "count": 1},
        "nothing open": {**said, "what": "nothing open", "party": None},
    }


def _objection(why: str, language: str) -> Words:
    what, at = _NAMED.get(why, ("", None))
    parsed: Parsed = parse(_BROKEN)
    problem = (parsed.problem_fr if language == "fr" else parsed.problem) if why == "not understood" else ""
    outcome: Outcome = not_done(_order(Word.STATUS, language), why, what, at, problem or "")
    return {**outcome.section.words, "line": None if why in ("not understood", "no command") else "[STATUS]"}


def _letters(made: Mapping[str, Turns]) -> Turns:
    """One answer, several, and one to a mail that was not understood."""

    def section(letter: str, turn: str, line: str | None) -> Words:
        return {"template": letter, "line": line, "words": made[letter][turn]}

    frame: Words = {"received_at": _AT, "anchor": {"number": 1234, "hash": "9f86d081" * 8}}
    several = [
        section("answer-released", "passed on", "[RELEASE H-12]"),
        section("answer-done", "dropped", "[DROP H-13]"),
        section("answer-not-done", "not understood", None),
    ]
    return {
        "one": {**frame, "sections": several[:1]},
        "several": {**frame, "sections": several},
        "not understood": {**frame, "sections": several[2:]},
    }
