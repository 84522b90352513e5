"""Invented words for the letters of ping tests, a set for each turn; see samples.py."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailbot.core.mail import Letter, Words
from mailbot.core.records import Assurance
from mailbot.core.reporting import Reader
from mailbot.core.rounds.records import Answer, Copy, Obstacle, Probe, ProbeStage, Round, RoundStage
from mailbot.core.rounds.result import Glimpse, Outcome, result_letter
from mailbot.mail import showcase

_NIGHT = datetime(2026, 11, 23, 3, 10, tzinfo=UTC)
_GIVEN = timedelta(hours=4)
_ANCHOR = {"number": 1234, "hash": "9f86d081" * 8}
_CODES = ("FR", "EU", "GB", "DE", "IT", "PL", "PT", "RO")
_TURNS = {
    "secretariat": Glimpse(),
    "running": Glimpse(),
    "first": Glimpse(),
    "shared": Glimpse(shared=True),
    "own": Glimpse(shared=True, own="DE"),
}


def pings(language: str, robot: Words) -> Mapping[str, Mapping[str, Words]]:
    """For each letter and turn the words that the core and the writer would give it."""
    probe: dict[str, object] = {
        "robot": robot,
        "token": "7K3Q-9F2M-XR4T",
        "challenge": "C-7K3Q9-F2MXR",
        "deadline": _NIGHT + _GIVEN,
        "zone": "Europe/Paris",
        "left": _GIVEN / 2,
        "asked_at": _NIGHT,
        "unconfirmed": False,
        "urgent": False,
        "added": "",
        "anchor": _ANCHOR,
    }
    plain = {**probe, "challenge": None}
    receipt = {**probe, "received_at": _NIGHT, "took": timedelta(minutes=7), "counted": True, "late": False}
    bare = {"encrypted": False, "challenge_quoted": False}
    receipt |= {"backup": False, "encrypted": True, "challenge_quoted": True}
    return {
        "probe": {
            "sealed": probe,
            "plain": {**plain, "zone": "America/New_York"},
            "urgent": {**probe, "urgent": True, "added": "This is the test announced at the last meeting."},
        },
        "probe-reminder": {"silent": probe, "unconfirmed": {**probe, "unconfirmed": True}, "plain": plain},
        "probe-backup": {"sealed": probe, "plain": plain},
        "probe-receipt": {
            "counted": receipt,
            "late": {**receipt, **bare, "late": True, "took": timedelta(hours=5)},
            "backup": {**receipt, "backup": True},
            "falls short": {**receipt, **bare, "counted": False},
        },
        "ping-result": {turn: _result(turn, language, robot) for turn in _TURNS},
    }


def _result(turn: str, language: str, robot: Words) -> Words:
    letter = result_sample(turn, language)
    shown = {p.name: {"source": f"{p.name}.png", "alt": p.alt} for p in letter.pictures}
    return {"robot": robot, "pictures": shown, **letter.words}


def result_sample(turn: str, language: str) -> Letter:
    """The whole letter, to nobody: a result that shows every state, in a network of eight."""
    head = (1234, "9f86d081" * 8)
    stage = RoundStage.RUNNING if turn == "running" else RoundStage.CLOSED
    last = replace(_round(12, _probes()), stage=stage)
    before = () if turn == "first" else tuple(_round(number, _silences(number)) for number in (11, 10))
    reader, outcome = Reader(language, ()), Outcome(last, before)
    return result_letter(outcome, showcase.network(), _NIGHT + _GIVEN, reader, head, _TURNS[turn])


def _round(number: int, probes: Iterable[Probe]) -> Round:
    started = _NIGHT - timedelta(days=30) * (12 - number)
    deadline = started + _GIVEN
    return Round(number, started, deadline, "SEC", tuple(probes), stage=RoundStage.CLOSED, closed_at=deadline)


def _probe(code: str, number: int = 12) -> Probe:
    at = _NIGHT - timedelta(days=30) * (12 - number)
    return Probe(number, code, "", "", ProbeStage.SENT, at, at + _GIVEN, "Europe/Paris", True, sent_at=at)


def _answered(code: str, minutes: int, assurance: Assurance, copy: Copy = Copy.DESK, *, sealed: bool = True) -> Probe:
    local = "night" if copy is Copy.BACKUP else "desk"
    sender = f"{local}@police-{code.lower()}.example"
    at = _NIGHT + timedelta(minutes=minutes)
    return _probe(code).answered(Answer(at, assurance, sealed, sealed, copy, sender))


def _probes() -> Iterable[Probe]:
    yield _answered("FR", 4, Assurance.SIGNED)
    yield replace(_answered("EU", 151, Assurance.SIGNED, Copy.BACKUP), backed_up_at=_NIGHT + _GIVEN / 2)
    yield _answered("GB", 285, Assurance.SIGNED, sealed=False)
    yield _answered("DE", 12, Assurance.ADDRESS, sealed=False)
    yield replace(_probe("IT"), automatic_at=_NIGHT, returns_on="2026-12-01", backed_up_at=_NIGHT + _GIVEN / 2)
    yield replace(_probe("PL"), stage=ProbeStage.UNDELIVERABLE, failure="5.1.1")
    yield replace(_probe("PT"), opened_at=_NIGHT)
    yield replace(_probe("RO"), stage=ProbeStage.UNSENT, obstacle=Obstacle.SUSPENDED)


def _silences(number: int) -> Iterable[Probe]:
    """Of the rounds before: Portugal silent, and Poland still there."""
    for code in _CODES[:-1]:
        probe = _probe(code, number)
        at = probe.due_at + timedelta(minutes=9)
        answer = Answer(at, Assurance.SIGNED, True, True, Copy.DESK, "")
        yield probe if code in ("PT", "EU") else probe.answered(answer)
