"""What ping rounds show of who can be reached: the last round, and a look back over many; in words and as charts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from statistics import median

from mailbot.core.charts import HeatMap, Mark, Strip, Tone
from mailbot.core.rounds.records import NOT_ASKED, Probe, Round, RoundStage, Standing
from mailbot.core.tags import Bilingual

TONES: Mapping[Standing, Tone] = {
    Standing.REACHED: Tone.GOOD,
    Standing.LATE: Tone.FAIR,
    Standing.UNCONFIRMED: Tone.FAIR,
    Standing.SILENT: Tone.BAD,
    Standing.UNDELIVERABLE: Tone.BAD,
    Standing.NO_CERTIFICATE: Tone.BAD,
}
_LEGEND: Mapping[Tone, Bilingual] = {
    Tone.GOOD: Bilingual("reached in time", "joint à temps"),
    Tone.FAIR: Bilingual("late or unconfirmed", "en retard ou non confirmé"),
    Tone.BAD: Bilingual("not reached", "pas joint"),
    Tone.NONE: Bilingual("no ping that day", "pas de test ce jour-là"),
}
_SILENT = Bilingual("no answer", "sans réponse")
_DUE = Bilingual("deadline", "délai")


@dataclass(frozen=True, slots=True)
class Reach:
    """One party over some time."""

    party: str
    asked: int
    reached: int
    missed: tuple[date, ...]  # not reached at all
    doubtful: tuple[date, ...]  # late or unconfirmed


def said(words: Bilingual, language: str) -> str:
    """In one of the two languages."""
    return words.fr if language == "fr" else words.en


def legend(tones: Iterable[Tone], language: str) -> Mapping[Tone, str]:
    """What those of the tones mean that pings have."""
    shown = frozenset(tones)
    return {tone: said(words, language) for tone, words in _LEGEND.items() if tone in shown}


# ---------------------------------------------------------------- one round


def strip(round_: Round, language: str) -> Strip:
    """Who answered how fast."""
    marks = tuple(Mark(p.party, tone, p.took) for p in round_.asked if (tone := _tone(p, round_)) is not Tone.NONE)
    return Strip(
        marks,
        legend((mark.tone for mark in marks), language),
        silent=said(_SILENT, language),
        deadline=next((probe.deadline - probe.asked_at for probe in round_.asked), None),
        due=said(_DUE, language),
    )


def median_time(round_: Round) -> timedelta | None:
    """Half of those reached were faster; None: nobody was reached."""
    times = [probe.took.total_seconds() for probe in round_.asked if probe.in_time and probe.took is not None]
    return timedelta(seconds=median(times)) if times else None


def _tone(probe: Probe, round_: Round) -> Tone:
    """Of a round that runs on, silence says nothing yet."""
    tone = TONES.get(probe.standing, Tone.NONE)
    running = round_.stage is RoundStage.RUNNING and probe.standing is Standing.SILENT
    return Tone.NONE if running else tone


# ---------------------------------------------------------------- many rounds


def days_until(at: datetime, zone: tzinfo, number: int) -> tuple[date, ...]:
    """So many days, of which this is the last."""
    today = at.astimezone(zone).date()
    return tuple(today - timedelta(days=back) for back in range(number - 1, -1, -1))


def heat_map(
    rounds: Sequence[Round], parties: Sequence[str], days: Sequence[date], zone: tzinfo, language: str
) -> HeatMap:
    """Each party on each day; of several rounds on one day the worst is shown."""
    seen = _seen(rounds, zone)
    cells = tuple(tuple(seen.get((party, day), Tone.NONE) for day in days) for party in parties)
    shown = {tone for row in cells for tone in row}
    return HeatMap(tuple(parties), tuple(days), cells, legend(shown, language), language)


def over_time(rounds: Sequence[Round], parties: Sequence[str], zone: tzinfo) -> tuple[Reach, ...]:
    """Each party, with the days on which it was not reached in time."""
    return tuple(_over_time(party, rounds, zone) for party in parties)


def _over_time(party: str, rounds: Sequence[Round], zone: tzinfo) -> Reach:
    found = [
        (_day(probe, zone), tone)
        for round_ in rounds
        if (probe := round_.probe(party)) and (tone := _tone(probe, round_)) is not Tone.NONE
    ]
    tones = [tone for _, tone in found]
    missed = tuple(day for day, tone in found if tone is Tone.BAD)
    doubtful = tuple(day for day, tone in found if tone is Tone.FAIR)
    return Reach(party, len(found), tones.count(Tone.GOOD), missed, doubtful)


def _seen(rounds: Sequence[Round], zone: tzinfo) -> Mapping[tuple[str, date], Tone]:
    order = (Tone.NONE, Tone.GOOD, Tone.FAIR, Tone.BAD)
    seen: dict[tuple[str, date], Tone] = {}
    for round_ in rounds:
        for probe in round_.probes:
            if probe.standing not in NOT_ASKED:
                place = (probe.party, _day(probe, zone))
                seen[place] = max(seen.get(place, Tone.NONE), _tone(probe, round_), key=order.index)
    return seen


def _day(probe: Probe, zone: tzinfo) -> date:
    return probe.asked_at.astimezone(zone).date()
