"""The date of return in an automatic reply, if it gives one: a hint for the journal, never a reason for anything."""

import re
from datetime import date, datetime, timedelta
from functools import cache

from babel.dates import get_month_names

LANGUAGES = ("en", "fr", "de", "es", "it", "pl")
TEXT_LOOKED_AT = 4_000  # characters: what follows is a signature, or the quoted mail
LONGEST_ABSENCE = timedelta(days=550)

# Words that stand in front of the day of return, and words in front of the last day away. The first are surer.
_RETURN = (
    r"return(?:ing|ed)?|(?:be )?back|in the office again|available again"
    r"|retour|reviens|reviendrai|rentre|rentrerai|à partir d[ue]|dès le"
    r"|zurück|wieder|ab dem"
    r"|vuelv[oa]|volver[ée]|regreso|regresar[ée]|a partir del"
    r"|rientr[oa]|rientrer[òo]|ritorno|torner[òo]|a partire dal|dal giorno"
    r"|wracam|wrócę|będę (?:z powrotem|ponownie|dostępn[ya])|powrót|powrotu"
)
_UNTIL = r"until|till|through|to|jusqu['’]?(?:au|à)|au|bis|hasta|fino al?|sino al?|do dnia|do"
_BACK = r"wieder|zurück|back|de retour|di ritorno|de vuelta|z powrotem"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|\.)?"
_FAR = r"(?:\W{1,4}[^\W\d]{1,12}){0,5}\W{1,4}"  # "on Monday, the", "am Montag, dem"
_NEAR = r"(?:\W{1,4}[^\W\d]{1,12}){0,2}\W{1,4}"


def return_date(text: str, received: datetime | None) -> str | None:
    """The date of return as `2026-08-17`, or None. `received` gives the year where only day and month are written."""
    if received is None:
        return None
    head = text[:TEXT_LOOKED_AT].lower()
    for pattern in _patterns():
        for found in pattern.finditer(head):
            day = _date_of(found, received.date())
            if day is not None and timedelta(-1) <= day - received.date() <= LONGEST_ABSENCE:
                return day.isoformat()
    return None


@cache
def _months() -> dict[str, int]:
    """The names of the months in all languages, long and short, with and without the case they take in a date."""
    return {
        name.lower().rstrip("."): number
        for language in LANGUAGES
        for width in ("wide", "abbreviated")
        for context in ("format", "stand-alone")
        for number, name in get_month_names(width, context, language).items()
    }


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Every way of writing a date, beside each of the words that make it one of return, surest first."""
    names = "|".join(sorted(map(re.escape, _months()), key=len, reverse=True))
    year = r"(?:\W{1,3}(?:de |del )?(?P<year>20\d\d))?(?!\d)"
    written = (
        r"(?P<year>20\d\d)-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)",
        rf"{_DAY}\s{{0,2}}(?:de |of )?(?P<name>{names})\b\.?{year}",
        rf"(?P<name>{names})\b\.?\s{_DAY}{year}",
        r"(?P<day>\d{1,2})[./-](?P<month>\d{1,2})(?:[./-](?P<year>(?:20)?\d\d)\b|\.(?!\d)|(?![\d./-]))",
    )
    places = (rf"\b(?:{_RETURN}){_FAR}%s", rf"(?<![\d.])%s{_NEAR}(?:{_BACK})\b", rf"\b(?:{_UNTIL}){_NEAR}%s")
    return tuple(re.compile(place.replace("%s", form)) for place in places for form in written)


def _date_of(found: re.Match[str], near: date) -> date | None:
    groups = found.groupdict()
    month = _months()[groups["name"]] if groups.get("name") else int(groups["month"])
    day, year = int(groups["day"]), int(groups["year"] or 0)
    if month > 12 >= day:
        day, month = month, day  # as written in the United States
    if year:
        return _valid(year + 2000 if year < 100 else year, month, day)
    this_year = _valid(near.year, month, day)
    return this_year if this_year and this_year >= near else _valid(near.year + 1, month, day)


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
