"""The report: the state of the network over a period, for a meeting or a minister; never content (network.md §9)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from unicodedata import combining, normalize

from mailbot.core.charts import Bar, Bars, Tone, Trend
from mailbot.core.decision import Network
from mailbot.core.letters import party_words
from mailbot.core.mail import Attachment, Letter, Picture, Words
from mailbot.core.reach import said
from mailbot.core.report_table import table_of
from mailbot.core.reporting import Reader
from mailbot.core.roll import Move, members_on
from mailbot.core.rounds.figures import LINES, PartyFigures, by_party, by_time, figures, rate
from mailbot.core.rounds.records import Round, RoundStage
from mailbot.core.tags import Bilingual, Tag, Urgency, Word
from mailbot.core.tallies import Answers, Tallies, shown_pairs

NAME = "report"


@dataclass(frozen=True, slots=True)
class Period:
    """From the first to the last of these days, both included."""

    first: date
    last: date

    @classmethod
    def read(cls, argument: str) -> "Period":
        """Of what tags.py has read: `2026-01-01..2026-06-30`. Raises ValueError for any other form."""
        first, _, last = argument.partition("..")
        return cls(date.fromisoformat(first), date.fromisoformat(last))

    def begin(self, zone: tzinfo) -> datetime:
        return datetime.combine(self.first, time(), zone)

    def end(self, zone: tzinfo) -> datetime:
        """The moment after its last."""
        return datetime.combine(self.last + timedelta(days=1), time(), zone)

    def __str__(self) -> str:
        """As a tag has it."""
        return f"{self.first.isoformat()}..{self.last.isoformat()}"


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """Everything that a report is made from; times are aware UTC."""

    at: datetime
    period: Period
    rounds: tuple[Round, ...] = ()  # closed ones that were started in the period, oldest first
    tallies: Tallies = field(default_factory=Tallies)
    moves: tuple[Move, ...] = ()  # all that are known, oldest first
    absences: tuple[tuple[datetime, datetime], ...] = ()  # when nobody looked into the mailbox
    watched_from: datetime | None = None  # since when the robot is there at all
    journal_head: tuple[int, str] = field(default=(0, ""))


# ---------------------------------------------------------------- the letter


def report_letters(facts: ReportFacts, network: Network, readers: Iterable[Reader]) -> tuple[Letter, ...]:
    """A letter for each reader, with the report as a file to be printed and one to be calculated with."""
    return tuple(report_letter(facts, network, reader) for reader in readers)


def report_letter(facts: ReportFacts, network: Network, reader: Reader) -> Letter:
    """The report in his language."""
    words, name = report_words(facts, network, reader.language), file_name(facts.period, reader.language)
    table = Attachment(f"{name}.csv", "text/csv; charset=utf-8", table_of(words, reader.language))
    return Letter(
        NAME,
        reader.language,
        reader.mailboxes,
        Tag(Word.REPORT, arguments=(str(facts.period),)),
        words=words,
        from_control=True,
        purpose=NAME,
        pictures=pictures(facts, reader.language),
        attachments=(table,),
        printed=f"{name}.pdf",
    )


def file_name(period: Period, language: str) -> str:
    """`report-2026-01-01-2026-06-30-fr`."""
    return f"{NAME}-{period.first.isoformat()}-{period.last.isoformat()}-{language}"


# ---------------------------------------------------------------- what it says


def report_words(facts: ReportFacts, network: Network, language: str) -> Mapping[str, object]:
    """Everything that the templates get; see mail/templates.py."""
    tallies = facts.tallies
    return {
        "at": facts.at,
        "first": facts.period.first,
        "last": facts.period.last,
        "parties": _parties(facts, network, language),
        "pings": _pings(facts.rounds, network, language),
        "exchanges": {"requests": tallies.requests, "information": tallies.information, **_months(tallies)}
        | _pairs(tallies, network, language),
        "answers": [_answers(urgency.value, tallies.answers.get(urgency, Answers())) for urgency in Urgency],
        "presence": _presence(facts, network.reporting.zone),
        "anchor": {"number": facts.journal_head[0], "hash": facts.journal_head[1]},
    }


def _parties(facts: ReportFacts, network: Network, language: str) -> Words:
    """Contact points as they are in the configuration now; what changed, as the robot saw it in the period."""
    members, zone = network.directory.members(), network.reporting.zone
    begin, end = facts.period.begin(zone), facts.period.end(zone)
    # Who is there at the robot's very first look has not joined then.
    first = facts.moves[0].at if facts.moves else None
    moves = [move for move in facts.moves if begin <= move.at < end and move.at != first]
    return {
        "number": len(members_on(move for move in facts.moves if move.at < end)) or len(members),
        "joined": [_moved(move, network, language, zone) for move in moves if move.joined],
        "left": [_moved(move, network, language, zone) for move in moves if not move.joined],
        "with_backup": sum(bool(party.backups) for party in members),
        "with_relay": sum(bool(party.relays) for party in members),
        "relays": sum(len(party.relays) for party in members),
        "known_since": first,
    }


def _moved(move: Move, network: Network, language: str, zone: tzinfo) -> Words:
    return {**party_words(move.party, network, language), "day": move.at.astimezone(zone).date()}


def _pings(rounds: Sequence[Round], network: Network, language: str) -> Words:
    together = figures(probe for round_ in rounds for probe in round_.probes)
    times = by_time(rounds, network.ping.office_hours)
    return {
        "rounds": len(rounds),
        "asked": together.rate.asked,
        "reached": together.rate.reached,
        "percent": together.rate.percent,
        "median": together.median,
        "within": [{"line": line, "percent": _percent(together.within[line], together.rate.asked)} for line in LINES],
        "list": [_round(round_) for round_ in rounds],
        "times": [
            {"time": time_.value, "asked": r.asked, "percent": r.percent} for time_, r in times.items() if r.asked
        ],
        "by_party": sorted((_party(found, network, language) for found in by_party(rounds)), key=_alphabetically),
    }


def _party(found: PartyFigures, network: Network, language: str) -> Words:
    said = {"asked": found.rate.asked, "reached": found.rate.reached, "percent": found.rate.percent}
    return {**party_words(found.party, network, language), **said, "median": found.median}


def _alphabetically(party: Words) -> str:
    """By name, an accent making no difference."""
    letters = normalize("NFKD", str(party["name"] or party["code"]))
    return "".join(letter for letter in letters if not combining(letter)).casefold()


def _round(round_: Round) -> Words:
    found = figures(round_.probes)
    return {
        "label": round_.label,
        "started_at": round_.started_at,
        "asked": found.rate.asked,
        "reached": found.rate.reached,
        "percent": found.rate.percent,
        "median": found.median,
    }


def _percent(some: int, of_all: int) -> int | None:
    """Rounded down, so that 100 means all."""
    return 100 * some // of_all if of_all else None


def _months(tallies: Tallies) -> dict[str, object]:
    months = tallies.months.items()
    return {"months": [{"month": month, "requests": r, "information": i} for month, (r, i) in months]}


def _pairs(tallies: Tallies, network: Network, language: str) -> dict[str, object]:
    least = network.reporting.pairs_from
    shown = shown_pairs(tallies.pairs, least)
    return {
        "pairs": [
            {"asker": party_words(a, network, language), "party": party_words(b, network, language), "count": number}
            for (a, b), number in shown.pairs
        ],
        "other_pairs": shown.others,
        "other_count": shown.together,
        "least": least,
    }


def _answers(urgency: str, answers: Answers) -> Words:
    return {
        "urgency": urgency,
        "asked": answers.asked,
        "answered": answers.answered,
        "percent": _percent(answers.answered, answers.asked),
        "in_time": _percent(answers.in_time, answers.asked),
        "median": answers.median,
        "ninth": answers.ninth,
    }


def _presence(facts: ReportFacts, zone: tzinfo) -> Words:
    """Of the time in which there was a robot at all, how much of it somebody looked into the mailbox."""
    begin = max(facts.period.begin(zone), facts.watched_from or facts.at)
    end = min(facts.period.end(zone), facts.at)
    away = [min(until, end) - max(since, begin) for since, until in facts.absences if since < end and until > begin]
    watched = end - begin
    return {
        "share": max(1 - sum(away, timedelta()) / watched, 0.0) if watched > timedelta() else None,
        "absences": len(away),
        "longest": max(away, default=None),
        "watched_from": begin if facts.watched_from and begin == facts.watched_from else None,
    }


# ---------------------------------------------------------------- its pictures


_REACHED = Bilingual("reached in time", "joints à temps")
_WITHIN = Bilingual("reached within 1 hour", "joints en moins d'une heure")
_REQUESTS = Bilingual("requests", "demandes")
_INFORMATION = Bilingual("information", "informations")
_TREND_ALT = Bilingual(
    "How many were reached by each ping, in percent. The table says the same.",
    "Combien ont été joints par chaque test, en pour cent. Le tableau dit la même chose.",
)
_MONTHS_ALT = Bilingual(
    "How many exchanges there were in each month. The table says the same.",
    "Combien d'échanges il y a eu chaque mois. Le tableau dit la même chose.",
)


def pictures(facts: ReportFacts, language: str) -> tuple[Picture, ...]:
    """The trend of the pings, and the exchanges of each month, where there are several of them."""
    found = []
    asked = [round_ for round_ in facts.rounds if rate(round_.probes).asked]
    if len({round_.started_at.date() for round_ in asked}) > 1:
        found.append(Picture("pings", _trend(asked, language), said(_TREND_ALT, language)))
    if len(facts.tallies.months) > 1:
        found.append(Picture("months", _columns(facts.tallies, language), said(_MONTHS_ALT, language)))
    return tuple(found)


def _trend(rounds: Sequence[Round], language: str) -> Trend:
    all_figures = [figures(round_.probes) for round_ in rounds]
    reached = tuple(float(found.rate.percent or 0) for found in all_figures)
    hour = tuple(float(_percent(found.within[LINES[1]], found.rate.asked) or 0) for found in all_figures)
    series = {said(_REACHED, language): reached, said(_WITHIN, language): hour}
    days = tuple(round_.started_at.date() for round_ in rounds)
    return Trend(days, series, " %" if language == "fr" else "%", 100, language)


def _columns(tallies: Tallies, language: str) -> Bars:
    bars = tuple(
        Bar(f"{month.month:02}/{month.year % 100:02}", tuple(map(float, counts)))
        for month, counts in tallies.months.items()
    )
    tones = {Tone.CALM: said(_REQUESTS, language), Tone.FAIR: said(_INFORMATION, language)}
    return Bars(bars, tones, upright=True)


def is_over(round_: Round) -> bool:
    """Whether it counts: of a round that runs nobody knows yet what it comes to."""
    return round_.stage is RoundStage.CLOSED
