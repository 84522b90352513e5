"""How the words given to a letter look in its reader's language: cleaned texts, times, durations, lists, lines."""

import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from babel import dates, lists, units

_FRENCH_MARKS = re.compile(r"(?<=\S) (?=[?!:;»])|(?<=«) (?=\S)")
_HANGING = re.compile(
    r" *(?:- |[^:]{1,20}: {2,})?"
)  # after "- item" and "Label:   value" the next line stands below the value
WIDTH = 72  # columns of a plain text: quoted twice it still fits into 78 (RFC 5322 §2.1.1)
_LOCALES = {"en": "en_GB", "fr": "fr_FR"}
_UNITS = (("duration-day", 86_400), ("duration-hour", 3_600), ("duration-minute", 60))
_JOINERS = "\u200c\u200d"  # needed to write Persian and Indic scripts; they turn no line round


def clean(text: str) -> str:
    """One line without control characters, direction marks, lone surrogates and other invisible marks."""
    return " ".join("".join(map(_visible, text)).split(" "))


def clean_words(words: Mapping[str, object]) -> dict[str, object]:
    """The same words with every string in them cleaned, however deep it lies."""
    return {name: _cleaned(value) for name, value in words.items()}


def wrap(text: str) -> str:
    """Every line of WIDTH columns at most, broken at spaces; French marks stay with the word before them.

    In a template, therefore, a paragraph is one line, however long.
    """
    lines = _FRENCH_MARKS.sub("\u00a0", text).strip("\n").split("\n")
    return "\n".join(_wrapped(line.rstrip()) for line in lines) + "\n"


def filters(language: str) -> dict[str, Callable[..., str]]:
    """What templates may apply to the words that are no plain text, in that language."""
    locale = _LOCALES[language]
    return {
        "time": lambda at: _time(at, locale),
        "day": lambda at: dates.format_date(_utc(at), "long", locale=locale),
        "duration": lambda length: _duration(length, locale),
        "listing": lambda items: _listing(items, locale),
        "named": _named,
        "grouped": _grouped,
    }


def _visible(letter: str) -> str:
    category = unicodedata.category(letter)
    if category in {"Cc", "Zl", "Zp"}:
        return " "
    if category == "Cs" or (category == "Cf" and letter not in _JOINERS):
        return ""
    return letter


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {key: _cleaned(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(item) for item in value]
    return value


def _wrapped(line: str) -> str:
    if len(line) <= WIDTH:
        return line
    head = _HANGING.match(line)
    indent = " " * len(head[0]) if head else ""
    return textwrap.fill(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _time(at: datetime, locale: str) -> str:
    """Day and time with the zone: "23 November 2026, 03:10 UTC"."""
    return f"{dates.format_date(_utc(at), 'long', locale=locale)}, {_utc(at):%H:%M} UTC"


def _utc(at: datetime) -> datetime:
    """Raises ValueError for a time without zone: nobody knows when that is."""
    if at.tzinfo is None:
        raise ValueError("a time without zone")
    return at.astimezone(UTC)


def _duration(length: timedelta, locale: str) -> str:
    """Its size in the two largest units, whole minutes, at least one: "2 hours 10 minutes"."""
    left = max(round(abs(length).total_seconds()), 60)
    words = []
    for unit, seconds in _UNITS:
        count, left = divmod(left, seconds)
        if count:
            words.append(units.format_unit(count, unit, locale=locale))
    return " ".join(words[:2])


def _listing(items: Iterable[str], locale: str) -> str:
    return lists.format_list(list(items), locale=locale)


def _named(party: Mapping[str, str]) -> str:
    """A party with its code, "Germany (DE)", or the code alone where there is no name."""
    return f"{party['name']} ({party['code']})" if party["name"] else party["code"]


def _grouped(fingerprint: str) -> str:
    """A fingerprint in groups of four, as programs show it for comparing."""
    return " ".join(textwrap.wrap(fingerprint, 4))
