"""Invented words for every letter, a set for each turn its template can take: for proofreading, previews and tests."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from mailbot.core import digest, report
from mailbot.core.mail import Letter, Words
from mailbot.core.postings import Hindrance
from mailbot.core.reporting import Reader
from mailbot.core.tags import Tag, Word
from mailbot.core.troubles import Alarm
from mailbot.mail import showcase
from mailbot.mail.sample_answers import answers
from mailbot.mail.sample_keys import key_letters
from mailbot.mail.sample_pings import pings, result_sample

_NAMES = {
    "en": {"DE": "Germany", "ES": "Spain", "EU": "European Union", "FR": "France", "IT": "Italy", "PT": "Portugal"},
    "fr": {"DE": "Allemagne", "ES": "Espagne", "EU": "Union européenne", "FR": "France", "IT": "Italie"}
    | {"PT": "Portugal"},
}
_KINDS = ("request", "information", "reply", "acknowledgement", "closing")
_NIGHT = datetime(2026, 11, 23, 3, 10, tzinfo=UTC)
_SIGNED = _NIGHT - timedelta(minutes=2)
_DEADLINE = _NIGHT + timedelta(hours=4)
_MONTH_LATER = _NIGHT + timedelta(days=30)
_PROBLEMS = {
    "en": "REQUEST was understood, but this is missing: the parties it is for. Example: [REQUEST DE,IT urgent]",
    "fr": "DEMANDE a été compris, mais il manque : le ou les membres visés. Exemple : [DEMANDE DE,IT urgent]",
}
ROBOT = {
    "name": "Network hub",
    "address": "network@hub.example",
    "control_address": "control@hub.example",
    "fingerprint": "0123456789ABCDEF0123456789ABCDEF01234567",
}


@cache
def samples(language: str) -> Mapping[str, Mapping[str, Words]]:
    """For each letter, for each of its turns by name, the words that the core and the writer would give it."""
    asker, author = _party("FR", language), _party("DE", language)
    robot: dict[str, object] = {"robot": ROBOT}
    exchange: dict[str, object] = {
        **robot,
        "reference": "2026-0042",
        "kind": "request",
        "asker": asker,
        "targets": ["DE", "IT"],
        "received_at": _NIGHT,
        "deadline": _DEADLINE,
        "urgency": "urgent",
    }
    cover = {**exchange, "signed_at": _SIGNED, "reply_code": "R-7K3Q9-F2MXR", "proof": "signature"}
    answer = {**cover, "author": author, "took": timedelta(hours=2, minutes=10), "closed": False}
    calm = {"urgency": "routine", "deadline": _NIGHT + timedelta(days=3)}
    about_information = {"kind": "information"}
    receipt = {**exchange, "anchor": {"number": 1234, "hash": "9f86d081" * 8}, "mismatch": False, "blind": False}
    all_done = [_part("DE", language), _part("IT", language)]
    to_asker = {**receipt, "took": timedelta(minutes=25), "closed": False, "parts": [_part("FR", language)]}
    to_nobody = {**to_asker, "parts": [_part("FR", language, "no certificate")], "closed": True, "mismatch": True}
    question = {**robot, "kind": "request", "line": "[REQUEST IT,XX urgent]", "reference": None, "urgency": "urgent"}
    question |= {"parties": [_party("IT", language), _party("XX", language)], "word": "7K3Q-9F2M-XR4T"}
    question |= {"until": _NIGHT + timedelta(days=5), "received_at": _NIGHT}
    refused = {**robot, "reference": "2026-0042", "line": "[CLOSE#2026-0042]", "received_at": _NIGHT}
    refused |= {"parts": [], "problem": None, "shortest": timedelta(minutes=15), "longest": timedelta(days=30)}
    reminder = {**cover, "left": timedelta(hours=2), "passed_on_at": _NIGHT, "acknowledged": False, "backup": False}
    expired = {**exchange, "since": _NIGHT - timedelta(days=30)}
    overview: dict[str, object] = {**robot, "at": _NIGHT, "more": 0, "within": timedelta(minutes=15)}
    overview |= {"anchor": receipt["anchor"]}
    delayed = {**exchange, "party": author, "since": _NIGHT - timedelta(hours=4)}
    undelivered = {**delayed, "why": "address", "backups": "none"}
    return {
        **answers(language, ROBOT),
        **pings(language, ROBOT),
        "closed": {
            "asker": {**exchange, "own": True, "reply_code": "R-7K3Q9-F2MXR"},
            "target": {**exchange, "own": False, "reply_code": "R-7K3Q9-F2MXR"},
            "information": {**exchange, **about_information, "own": False, "reply_code": "R-7K3Q9-F2MXR"},
        },
        "digest": {turn: _with_pictures(sample_letter("digest", turn, language)) for turn in _DIGESTS},
        "report": {turn: _with_pictures(sample_letter("report", turn, language)) for turn in _REPORTS},
        "request": {
            "urgent": cover,
            "routine": {**cover, **calm, "targets": ["ALL"], "proof": "message"},
            "blind": {**cover, "targets": ["DE"], "proof": "hub"},
        },
        "information": {
            "urgent": {**cover, **about_information, "targets": ["ALL"]},
            "routine": {**cover, **about_information, **calm, "proof": "hub"},
        },
        "reply": {
            "first": answer,
            "closed": {**answer, "closed": True, "proof": "message"},
            "information": {**answer, **about_information},
        },
        "acknowledgement": {
            "first": answer,
            "closed": {**answer, "closed": True},
            "information": {**answer, **about_information},
        },
        "closing": {"request": cover, "information": {**cover, **about_information}},
        "receipt": {
            "done": {**receipt, "parts": all_done},
            "partly": {**receipt, "parts": _every_part(language), "mismatch": True},
            "information": {**receipt, **about_information, **calm, "targets": ["ALL"], "parts": all_done},
            "blind": {**receipt, "blind": True, "parts": all_done[:1]},
        },
        "receipt-reply": {"done": to_asker, "waits": to_nobody, "information": {**to_asker, **about_information}},
        "receipt-acknowledgement": {
            "done": to_asker,
            "waits": to_nobody,
            "information": {**to_asker, **about_information},
        },
        "receipt-closing": {
            "request": {**receipt, "parts": all_done},
            "information": {**receipt, "kind": "information", "parts": []},
        },
        "notice": {
            "always": {**robot, "received_at": _NIGHT, "rsa_bits": 2048, "hashes": ["SHA-256", "SHA-384", "SHA-512"]},
        },
        "question": {
            "request": question,
            "information": {**question, "kind": "information", "line": "[INFO ALL]", "urgency": None, "parties": []},
            "reply": {**question, "kind": "reply", "line": "[REPLY#2026-0042]", "reference": "2026-0042"}
            | {"parties": [], "urgency": None},
            "closing": {**question, "kind": "closing", "line": "[CLOSE#2026-0042]", "reference": "2026-0042"}
            | {"parties": [], "urgency": None},
        },
        "waiting": {"always": {**robot, "party": _party("PT", language)}},
        "refused": {
            "not yours": {**refused, "reason": "not yours"},
            "only the asker": {**refused, "reason": "only the asker", "reference": None},
            "own exchange": {**refused, "reason": "own exchange", "line": "[REPLY#2026-0042]"},
            "deadline": {**refused, "reason": "deadline", "line": "[REQUEST DE deadline=60d]", "reference": None},
            "nothing deliverable": {**refused, "reason": "nothing deliverable", "line": "[REQUEST XX,FR]"}
            | {
                "reference": None,
                "parts": [_part("XX", language, "unknown party"), _part("FR", language, "own party")],
            },
            "bad tag": {
                **refused,
                "reason": "bad tag",
                "line": None,
                "reference": None,
                "problem": _PROBLEMS[language],
            },
            "signature age": {**refused, "reason": "signature age"},
            "relay": {**refused, "reason": "relay", "line": "[REQUEST IT]", "reference": None},
            "not available": {**refused, "reason": "not available", "line": "[DIGEST]", "reference": None},
            "no reader": {**refused, "reason": "no reader", "line": "[REPLY#2026-0042]"},
            "too late": {**refused, "reason": "too late", "line": None, "reference": None},
            "not confirmed": {**refused, "reason": "not confirmed", "line": None, "reference": None},
            "suspended": {**refused, "reason": "suspended", "line": None, "reference": None},
            "over quota": {**refused, "reason": "over quota", "line": "[REQUEST ALL]", "reference": None},
            "no text": {**refused, "reason": "no text", "line": "[REQUEST DE]", "reference": None},
            "not your ping": {
                **refused,
                "reason": "not your ping",
                "line": "[PING#7K3Q-9F2M-XR4T]",
                "reference": None,
            },
        },
        "replayed": {"always": {**robot, "received_at": _NIGHT, "signed_at": _NIGHT - timedelta(days=2)}},
        "reminder": {
            "half": reminder,
            "acknowledged": {**reminder, "acknowledged": True},
            "late": {**reminder, "left": timedelta(minutes=-5)},
            "backup": {**reminder, "left": timedelta(minutes=-5), "backup": True},
        },
        "expired": {
            "no-certificate": {**expired, "part": _part("PT", language, "no certificate")},
            "suspended": {**expired, **about_information, "part": _part("ES", language, "suspended")},
        },
        "overview": {
            "both": {**overview, "expected": _expected(language), "asked": _asked(language)},
            "asker": {**overview, "expected": [], "asked": _asked(language)},
            "target": {**overview, "expected": _expected(language), "asked": [], "more": 3},
        },
        "alarm": {
            **{what.value: _alarm(what) for what in Alarm},
            "several": {**_alarm(Alarm.MAILBOX, again=True), "begun": _alarm(Alarm.MAILBOX)["begun"] * 3},
            "over": {**_alarm(Alarm.SERVER), "begun": [], "ended": _alarm(Alarm.SERVER)["begun"]},
        },
        **key_letters(language, ROBOT),
        "delayed": {kind: {**delayed, "kind": kind} for kind in _KINDS},
        "undelivered": {
            **{kind: {**undelivered, "kind": kind} for kind in _KINDS},
            **{why: {**undelivered, "why": why, "backups": "called"} for why in Hindrance if why != "address"},
            "backups-called": {**undelivered, "backups": "called"},
            "backups-failed": {**undelivered, "backups": "failed"},
        },
    }


_DIGESTS = {"calm": showcase.calm, "busy": showcase.busy, "first": showcase.first, "broken": showcase.broken}
_REPORTS = {"half a year": showcase.half_year, "a quiet week": showcase.quiet_week}


def sample_letter(letter: str, turn: str, language: str) -> Letter:
    """The sample of that name as a whole letter, to nobody: with its pictures and its files where it has some."""
    reader = Reader(language, ())
    if letter == "digest":
        return digest.digest_letter(*_DIGESTS[turn](), reader)
    if letter == "report":
        return report.report_letter(*_REPORTS[turn](), reader)
    if letter == "ping-result":
        return result_sample(turn, language)
    words = samples(language)[letter][turn]
    return Letter(letter, language, (), _tag(letter, words), words=words)


_WORDS: Mapping[str, Word] = {  # of the tags in the subjects; the others carry HELP, or do here
    **dict.fromkeys(("probe", "probe-reminder", "probe-backup", "probe-receipt"), Word.PING),
    **dict.fromkeys(("request", "receipt", "reminder"), Word.REQUEST),
    "information": Word.INFO,
    "reply": Word.REPLY,
    "acknowledgement": Word.ACK,
    "closing": Word.CLOSE,
    "alarm": Word.STATUS,
}


def _tag(letter: str, words: Words) -> Tag:
    word = _WORDS.get(letter, Word.HELP)
    if word is Word.PING:
        return Tag(word, token=str(words["token"]))
    if word is Word.REQUEST and words.get("kind") == "information":
        word = Word.INFO
    return Tag(word, reference=str(words["reference"])) if "reference" in words and word is not Word.HELP else Tag(word)


def _with_pictures(letter: Letter) -> Words:
    shown = {p.name: {"source": f"{p.name}.png", "alt": p.alt} for p in letter.pictures}
    return {"robot": ROBOT, "pictures": shown, **letter.words}


def _party(code: str, language: str) -> dict[str, object]:
    return {"code": code, "name": _NAMES[language].get(code, "")}


def _listed(number: int, kind: str, *, urgent: bool = False) -> dict[str, object]:
    facts = {"kind": kind, "urgent": urgent, "since": _SIGNED, "deadline": _DEADLINE}
    return {"reference": f"2026-{number:04}", **facts}


def _asked(language: str) -> list[dict[str, object]]:
    states = {"DE": "answered", "IT": "acknowledged", "ES": "passed on", "PT": "waiting", "EU": "undeliverable"}
    parts = [{**_party(code, language), "state": state, "changed": _NIGHT} for code, state in states.items()]
    expired = {**_party("PT", language), "state": "expired", "changed": _NIGHT}
    return [
        {**_listed(42, "request", urgent=True), "parts": parts},
        {**_listed(40, "information"), "parts": [parts[2], expired]},
    ]


def _expected(language: str) -> list[dict[str, object]]:
    asker = {"asker": _party("FR", language), "changed": _NIGHT}
    return [
        {**_listed(45, "request", urgent=True), **asker, "state": "passed on"},
        {**_listed(44, "request"), **asker, "state": "acknowledged"},
        {**_listed(43, "request"), **asker, "state": "answered"},
        {**_listed(41, "information"), **asker, "state": "passed on"},
    ]


def _alarm(what: Alarm, *, again: bool = False) -> dict[str, Any]:
    details = {Alarm.POISON: "H-12", Alarm.FORWARDED: "H-12, H-13", Alarm.ROBOT_KEY: "2026-12-01"}
    detail = details.get(what, "digest" if what is Alarm.SCHEDULE else "DE" if what is Alarm.RENEWALS else "1234")
    robot = "hub-1" if what in {Alarm.MAILBOX, Alarm.SERVER, Alarm.DATABASE} else ""
    ends = date.fromisoformat(detail) if what is Alarm.ROBOT_KEY else None
    rings = {"what": what.value, "since": _NIGHT, "robot": robot, "detail": detail, "ends": ends, "again": again}
    return {"begun": [rings], "ended": [], "anchor": {"number": 1234, "hash": "9f86d081" * 8}}


def _part(code: str, language: str, state: str = "passed on") -> dict[str, object]:
    waits = state in {"no certificate", "suspended"}
    return {**_party(code, language), "state": state, "until": _MONTH_LATER if waits else None}


def _every_part(language: str) -> list[dict[str, object]]:
    states = {"DE": "passed on", "FR": "own party", "XX": "unknown party", "ES": "suspended", "PT": "no certificate"}
    return [_part(code, language, state) for code, state in states.items()]
