"""How the words given to a letter look in its reader's language: cleaned texts, times, durations, lists, lines."""

import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel import dates, lists, numbers, units

_FRENCH_MARKS = re.compile(r"(?<=\S) (?=[?!:;»%])|(?<=«) (?=\S)")
_ZONE = re.compile(r"(?<=\d) (?=UTC\b)")
_MARKUP = re.compile(r"(<style>.*?</style>|<!--.*?-->|<[^>]*>)", re.DOTALL)
_HANGING = re.compile(
    r" *(?:- |[0-9]{1,2}\. |[^:]{1,20}: {2,})?"
)  # after "- item", "1. item" and "Label:   value" the next line stands below the value
# A tag is not broken, and begins no line: a client that quotes without marks would make it a command of its reader.
_TAG = re.compile(r"(?<=\S) \[[^\[\]]{1,30}\]")
_GLUE = "\ue000"
WIDTH = 72  # columns of a plain text: quoted twice it still fits into 78 (RFC 5322 §2.1.1)
_LOCALES = {"en": "en_GB", "fr": "fr_FR"}
_UNITS = (("duration-day", 86_400), ("duration-hour", 3_600), ("duration-minute", 60))
_JOINERS = "\u200c\u200d"  # needed to write Persian and Indic scripts; they turn no line round


def clean(text: str) -> str:
    """One line without control characters, direction marks, lone surrogates and other invisible marks."""
    if text.isascii() and text.isprintable():
        return text
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


def spaced(page: str, language: str) -> str:
    """The same page with its zone behind each time, on one line, and French marks behind the word before them.

    Tags and styles stay as they are.
    """
    pieces = _MARKUP.split(page)
    pieces[::2] = [_ZONE.sub("\u00a0", piece) for piece in pieces[::2]]
    if language == "fr":
        pieces[::2] = [_FRENCH_MARKS.sub("\u00a0", piece) for piece in pieces[::2]]
    return "".join(pieces)


def filters(language: str) -> dict[str, Callable[..., str]]:
    """What templates may apply to the words that are no plain text, in that language."""
    locale = _LOCALES[language]
    return {
        "time": lambda at: _time(at, locale),
        "day": lambda at: _date(_utc(at), "long", locale),
        "duration": lambda length: _duration(length, locale),
        "listing": lambda items: _listing(items, locale),
        "named": _named,
        "grouped": _grouped,
        "local": lambda at, zone: _local(at, zone, locale),
        "brief": lambda length: _brief(length, locale),
        "shortday": lambda day: _date(day, "d MMM", locale).replace(" ", "\u00a0"),
        "month": lambda day: dates.format_date(day, "LLLL yyyy", locale=locale),
        "number": lambda number: numbers.format_decimal(number, locale=locale),
        "date": lambda day: _date(day, "long", locale),
        "percent": lambda share: _percent(share, locale),
        "size": lambda octets: _size(octets, locale),
        "capfirst": lambda words: words[:1].upper() + words[1:],
        "mailto": _mailto,
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
    glued = _TAG.sub(lambda tag: tag[0].replace(" ", _GLUE), line)
    wrapped = textwrap.fill(glued, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return wrapped.replace(_GLUE, " ")


def _time(at: datetime, locale: str) -> str:
    """Day and time with the zone: "23 November 2026, 03:10 UTC"."""
    return f"{_date(_utc(at), 'long', locale)}, {_utc(at):%H:%M} UTC"


def _date(day: date, form: str, locale: str) -> str:
    """A day; the first of a month is an ordinal in French, which CLDR does not know."""
    written = dates.format_date(day, form, locale=locale)
    return written.replace("1", "1er", 1) if locale == _LOCALES["fr"] and day.day == 1 else written


def _local(at: datetime, zone: str, locale: str) -> str:
    """The same moment on the clocks of a zone: "23 November 2026, 04:10 (Europe/Paris)"."""
    there = _utc(at).astimezone(ZoneInfo(zone))
    return f"{_date(there, 'long', locale)}, {there:%H:%M} ({zone})"


def _brief(length: timedelta, locale: str) -> str:
    """As in a table: "4m", "2h 10m"."""
    hours, minutes = divmod(max(round(length.total_seconds() / 60), 1), 60)
    shown = ((hours, "duration-hour"), (minutes, "duration-minute"))
    return " ".join(units.format_unit(n, unit, "narrow", locale=locale) for n, unit in shown if n)


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


def _size(octets: int, locale: str) -> str:
    """In the unit that leaves one to three digits before the point."""
    for unit, length in (("digital-megabyte", 1_000_000), ("digital-kilobyte", 1_000)):
        if octets >= length:
            return units.format_unit(round(octets / length), unit, "short", locale=locale)
    return units.format_unit(octets, "digital-byte", "short", locale=locale)


def _percent(share: float, locale: str) -> str:
    """A share of 1, rounded down to hundredths of a percent, so that 100 % means all of it."""
    return numbers.format_percent(int(share * 10_000) / 10_000, locale=locale, decimal_quantization=False)


def _mailto(command: str, address: str, subject: str) -> str:
    """A link that composes a mail with this command as its first line (RFC 6068)."""
    return f"mailto:{quote(address, safe='@+')}?subject={quote(subject, safe='')}&body={quote(command, safe='')}%0D%0A"
