"""Invented words for the letters about certificates."""

from datetime import timedelta

from mailbot.core.letters import party_words
from mailbot.core.mail import Words
from mailbot.mail import showcase
from mailbot.mail.templates import KEY_ANSWERS, NOTICES

Turns = dict[str, Words]

_AT = showcase.NIGHT
_NEW, _OLD = "3292278B7A709D118602517055E8D2DA7D9A9788", "F20BAEA58C592668A8EE2518086B19CFFFACFEF3"


def key_letters(language: str, robot: Words) -> dict[str, Turns]:
    """For each letter, for each of its turns, the words that it gets."""
    made = _letters(language)
    return {name: {turn: {"robot": robot, **words} for turn, words in turns.items()} for name, turns in made.items()}


def _letters(language: str) -> dict[str, Turns]:
    germany = party_words("DE", showcase.network(), language)
    until = _AT + timedelta(days=14)
    notice: Words = {
        "party": germany,
        "own": True,
        "fingerprints": [_NEW],
        "until": None,
        "compromised": False,
    }
    confirm: Words = {
        "party": germany,
        "fingerprint": _NEW,
        "current": _OLD,
        "compromised": False,
        "announced_at": _AT,
        "line": f"[KEY DE {_NEW}]",
    }
    expiring: Words = {
        "party": germany,
        "fingerprint": _OLD,
        "user_id": "Lagezentrum <lagezentrum@polizei-de.example>",
        "ends": _AT + timedelta(days=30),
        "days": 30,
    }
    two: Words = {**notice, "fingerprints": [_NEW, _OLD]}
    return {
        "key-notice": {
            **{what: {**(two if what == "frozen" else notice), "what": what} for what in NOTICES},
            "overlapping": {**notice, "what": "confirmed", "until": until},
            "stolen": {**notice, "what": "confirmed", "compromised": True},
            "frozen, to the secretariat": {**two, "what": "frozen", "own": False},
            "revoked, to the secretariat": {**notice, "what": "revoked", "own": False},
        },
        "key-challenge": {
            "word": {"party": germany, "fingerprint": _NEW, "word": "7K3Q-9F2M-XR4T", "until": until},
        },
        "key-to-confirm": {"renewal": confirm, "stolen": {**confirm, "compromised": True}},
        "expiring": {
            "party": expiring,
            "operator": {**expiring, "party": None, "user_id": "Night watch <operator@hub.example>"},
        },
        "robot-key": {
            "confirm": {"what": "confirm", "fingerprint": _NEW, "line": f"[KEY ROBOT {_NEW}]"},
            "told": {"what": "told", "fingerprint": _NEW, "line": None},
        },
    }


def key_answers(language: str) -> Turns:
    """The same of the answers to KEY."""
    said: Words = {"party": party_words("DE", showcase.network(), language), "fingerprint": _NEW, "until": None}
    until = _AT + timedelta(days=14)
    return {
        **{what: {**said, "what": what} for what in KEY_ANSWERS},
        "overlapping": {**said, "what": "confirmed", "until": until},
    }
