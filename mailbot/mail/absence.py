"""The date of return in an automatic reply, if it gives one: a hint for the journal, never a reason for anything."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from babel.dates import get_month_names

from mailbot.mail.tongues import TONGUES, Tongue, unaccented

TEXT_LOOKED_AT = 4_000  # characters: what follows is a signature, or the quoted mail
LONGEST_ABSENCE = timedelta(days=550)
OLD = timedelta(days=60)  # a day without year that is past by less was forgotten, and does not mean the next year

_FAR = r"(?:\W{1,4}[^\W\d]{1,15}){0,5}\W{1,4}"  # "on Monday, the", "am Montag, dem"
_NEAR = r"(?:\W{1,4}[^\W\d]{1,15}){0,3}\W{1,4}"
_END = r"(?![^\W\d_\u3040-\u9fff\uac00-\ud7af])"  # of a word; there are no spaces between those of East Asia
_SPAN = r"(?<!\d)\d{1,2}(?:[./]\s?(?:\d{1,2}[./]?(?:\d{2,4})?)?|\s\w{3,12}\.?(?:\s\d{4})?|(?=\s))\s?[-–—]\s?"


def return_date(text: str, received: datetime | None) -> str | None:
    """The date of return as `2026-08-17`, or None. `received` gives the year where only day and month are written."""
    head = unaccented(text[:TEXT_LOOKED_AT])
    near = received.date() if received else None
    found = (day for place in _PLACES for tongue in TONGUES for day in _days(place, tongue, head, near))
    return next((day.isoformat() for day in found), None)


# ---------------------------------------------------------------- where a date is one of return, surest first


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a date stands: DATE is one in a tongue, WORDS are the tongue's words of this kind."""

    kind: str
    pattern: str


_PLACES = (
    _Place("returns", rf"(?<!\w)(?:WORDS){_FAR}DATE"),
    _Place("back", rf"(?<![\d.])DATE{_NEAR}(?:WORDS){_END}"),
    _Place("until", rf"(?<!\w)(?:WORDS){_NEAR}DATE"),
    _Place("until_behind", rf"(?<![\d.])DATE\W{{0,3}}(?:WORDS){_END}"),
    _Place("", rf"{_SPAN}DATE"),  # "20.7. - 31.7."
)


def _days(place: _Place, tongue: Tongue, head: str, near: date | None) -> Iterator[date]:
    pattern = _pattern(place, tongue)
    for found in pattern.finditer(head) if pattern else ():
        yield from (day for reading in _readings(found, tongue) if (day := _day(reading, near)))


@cache
def _pattern(place: _Place, tongue: Tongue) -> re.Pattern[str] | None:
    words = getattr(tongue, place.kind) if place.kind else "-"
    return re.compile(place.pattern.replace("WORDS", words).replace("DATE", _date(tongue))) if words else None


# ---------------------------------------------------------------- dates


@cache
def _months(tongue: Tongue) -> dict[str, int]:
    """The names of the months, long and short, with and without the case they take in a date; else their stems."""
    named = {
        unaccented(name).rstrip("."): number
        for width in ("wide", "abbreviated")
        for context in ("format", "stand-alone")
        for number, name in get_month_names(width, context, tongue.locale).items()
        if not name[:1].isdigit()
    }
    return {name[:-2] if len(name) > _STEM else name: n for name, n in named.items()} if tongue.declines else named


_STEM = 5  # letters of a long name's stem


def _date(tongue: Tongue) -> str:
    """Every way of writing a date in this tongue, as a pattern."""
    names = "|".join(sorted(map(re.escape, _months(tongue)), key=len, reverse=True))
    ending = r"\w{0,5}" if tongue.declines else ""
    day = r"\d{1,2}(?:st|nd|rd|th|er|ste|de|º|ª|\.|-an|-en|-jen)?"
    year = r"(?:\W{1,3}(?:de |del |roku |gada |m\. )?(?P<year%d>20\d\d))?(?!\d)"
    named = (
        rf"(?:(?P<early1>20\d\d)\W{{1,2}}(?:m\. |gada ))?(?P<day1>{day})[\s-]{{0,2}}(?:de |di |of |d')?"
        rf"(?P<name1>{names}){ending}\b\.?" + year % 1,
        rf"(?:(?P<early2>20\d\d)\W{{1,2}}(?:m\. |gada )?)?(?P<name2>{names}){ending}\b\.?\s(?P<day2>{day})(?!\d)"
        + year % 2,
    )
    written = (
        r"(?P<year3>20\d\d)(?P<mark3>[-./])\s?(?P<month3>\d{1,2})(?P=mark3)\s?(?P<day3>\d{1,2})(?!\d)",
        *(named if names else ()),
        (
            r"(?P<day4>\d{1,2})(?P<mark4>[./-])\s?(?P<month4>\d{1,2})"
            r"(?:(?P=mark4)\s?(?P<year4>(?:20)?\d\d)(?![\d:])|\.(?!\d)|(?![\d./:-]))"
        ),
        r"(?:(?P<year5>20\d\d)\s?[年년]\s?)?(?P<month5>\d{1,2})\s?[月월]\s?(?P<day5>\d{1,2})\s?[日号號일]",
    )
    return f"(?:{'|'.join(written)})"


def _readings(found: re.Match[str], tongue: Tongue) -> Iterator[tuple[int | None, int, int]]:
    """Year if there is one, month and day; of 8/3/2026 both readings, the day first as most of the world writes it."""
    said = {name.rstrip("0123456789"): value for name, value in found.groupdict().items() if value}
    year = said.get("year") or said.get("early")
    century = (int(year) + 2000 if int(year) < 100 else int(year)) if year else None
    day = int(re.sub(r"\D.*", "", said["day"]))
    month = _months(tongue)[said["name"]] if "name" in said else int(said["month"])
    yield century, month, day
    if said.get("mark") == "/" and "name" not in said:
        yield century, day, month


def _day(reading: tuple[int | None, int, int], near: date | None) -> date | None:
    """The day meant, if it can be one of return: not past, and not years away."""
    year, month, number = reading
    if year is None and near is None:
        return None
    years = [year] if year else [near.year, near.year + 1] if near else []
    days = [day for y in years if (day := _valid(y, month, number))]
    if near is None:
        return next(iter(days), None)
    if year is None and any(-OLD < day - near < timedelta(-1) for day in days):
        return None
    return next((day for day in days if timedelta(-1) <= day - near <= LONGEST_ABSENCE), None)


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
