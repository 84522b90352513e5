"""The report as a file: one figure in each line, so that a spreadsheet can sort, add and draw them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from mailbot.core.spreadsheet import decimal, write_rows
from mailbot.core.tags import Bilingual

_HEAD = (
    Bilingual("section", "rubrique"),
    Bilingual("of", "de"),
    Bilingual("to", "à"),
    Bilingual("figure", "donnée"),
    Bilingual("value", "valeur"),
)
_SECTIONS: Mapping[str, Bilingual] = {
    "parties": Bilingual("contact points", "points de contact"),
    "pings": Bilingual("pings", "tests"),
    "round": Bilingual("one ping", "un test"),
    "party": Bilingual("pings by party", "tests par membre"),
    "times": Bilingual("pings by time", "tests par moment"),
    "months": Bilingual("exchanges by month", "échanges par mois"),
    "pairs": Bilingual("exchanges by pair", "échanges par paire"),
    "answers": Bilingual("answers", "réponses"),
    "robot": Bilingual("robot", "robot"),
}
_FIGURES: Mapping[str, Bilingual] = {
    "number": Bilingual("number", "nombre"),
    "joined": Bilingual("joined on", "arrivé le"),
    "left": Bilingual("left on", "parti le"),
    "with_backup": Bilingual("with backup address", "avec adresse de suppléance"),
    "relays": Bilingual("national relays", "relais nationaux"),
    "rounds": Bilingual("pings", "tests"),
    "asked": Bilingual("asked", "demandés"),
    "reached": Bilingual("reached in time", "joints à temps"),
    "percent": Bilingual("percent", "pour cent"),
    "median": Bilingual("median, minutes", "médiane, minutes"),
    "ninth": Bilingual("nine of ten within, minutes", "neuf sur dix en moins de, minutes"),
    "answered": Bilingual("answered", "répondus"),
    "in_time": Bilingual("answered in time, percent", "répondus à temps, pour cent"),
    "requests": Bilingual("requests", "demandes"),
    "information": Bilingual("information", "informations"),
    "count": Bilingual("exchanges", "échanges"),
    "other_pairs": Bilingual("other pairs", "autres paires"),
    "other_count": Bilingual("exchanges of the other pairs", "échanges des autres paires"),
    "share": Bilingual("available, percent", "disponible, pour cent"),
    "absences": Bilingual("absences", "absences"),
    "longest": Bilingual("longest absence, minutes", "plus longue absence, minutes"),
}
_OF: Mapping[str, Bilingual] = {
    "office hours": Bilingual("office hours", "heures de bureau"),
    "nights": Bilingual("nights", "nuits"),
    "weekends": Bilingual("weekends", "fins de semaine"),
    "urgent": Bilingual("urgent", "urgent"),
    "routine": Bilingual("routine", "ordinaire"),
}
_WITHIN = Bilingual("within {minutes} minutes, percent", "en {minutes} minutes, pour cent")

Line = tuple[str, str, str, str, object]  # a section, of, to, a figure, the value


def table_of(words: Mapping[str, Any], language: str) -> bytes:
    """The words of the report, line by line; a figure that is not known has none."""
    lines = (line for line in _lines(words, language) if line[-1] is not None)
    rows = [[_in(title, language) for title in _HEAD]]
    rows += [_row(line, language) for line in lines]
    return write_rows(rows, language)


def _lines(words: Mapping[str, Any], language: str) -> Iterator[Line]:
    yield from _of_parties(words["parties"])
    yield from _of_pings(words["pings"], language)
    for month in words["exchanges"]["months"]:
        yield from _each("months", f"{month['month']:%Y-%m}", month, ("requests", "information"))
    for pair in words["exchanges"]["pairs"]:
        yield "pairs", pair["asker"]["code"], pair["party"]["code"], "count", pair["count"]
    yield from _each("pairs", "", words["exchanges"], ("other_pairs", "other_count"))
    for answers in words["answers"]:
        yield from _each("answers", answers["urgency"], answers, ("asked", "answered", "in_time", "median", "ninth"))
    robot = words["presence"]
    share = None if robot["share"] is None else robot["share"] * 100
    yield from _each("robot", "", {**robot, "share": share}, ("share", "absences", "longest"))


def _of_parties(parties: Mapping[str, Any]) -> Iterator[Line]:
    yield from _each("parties", "", parties, ("number", "with_backup", "relays"))
    for way in ("joined", "left"):
        for move in parties[way]:
            yield "parties", move["code"], "", way, move["day"]


def _of_pings(pings: Mapping[str, Any], language: str) -> Iterator[Line]:
    yield from _each("pings", "", pings, ("rounds", "asked", "reached", "percent", "median"))
    for within in pings["within"]:
        minutes = round(within["line"].total_seconds() / 60)
        yield "pings", "", "", _in(_WITHIN, language).format(minutes=minutes), within["percent"]
    for time in pings["times"]:
        yield from _each("times", time["time"], time, ("asked", "percent"))
    for one in pings["list"]:
        began = one["started_at"].strftime("%Y-%m-%d %H:%M")
        yield from _each("round", f"{one['label']} {began} UTC", one, ("asked", "reached", "percent", "median"))
    for party in pings["by_party"]:
        yield from _each("party", party["code"], party, ("asked", "reached", "percent", "median"))


def _each(section: str, of: str, words: Mapping[str, Any], names: Sequence[str]) -> Iterator[Line]:
    for name in names:
        yield section, of, "", name, words[name]


def _row(line: Line, language: str) -> list[str]:
    section, of, to, figure, value = line
    named = _in(_FIGURES[figure], language) if figure in _FIGURES else figure
    whom = _in(_OF[of], language) if of in _OF else of
    return [_in(_SECTIONS[section], language), whom, to, named, _value(value, language)]


def _value(value: object, language: str) -> str:
    if isinstance(value, timedelta):
        return decimal(value.total_seconds() / 60, language)
    if isinstance(value, float):
        return decimal(value, language, 3)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value)


def _in(words: Bilingual, language: str) -> str:
    return words.fr if language == "fr" else words.en
