"""Who can be reached: one round, and thirty days of them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from mailbot.core.charts import Tone
from mailbot.core.reach import days_until, heat_map, over_time, strip
from mailbot.core.rounds.records import Obstacle, Probe, ProbeStage, Round, RoundStage

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


def probe(party: str, minutes: float | None, stage: ProbeStage = ProbeStage.REACHED, at: datetime = NOON) -> Probe:
    answered = at + timedelta(minutes=minutes) if minutes is not None else None
    reached = answered if stage is ProbeStage.REACHED else None
    known = Probe(1, party, "", "", stage, at, at + timedelta(hours=4), "Europe/Paris", True, sent_at=at)
    return replace(known, answered_at=answered, reached_at=reached)


def round_of(*probes: Probe, at: datetime = NOON, stage: RoundStage = RoundStage.CLOSED) -> Round:
    return Round(1, at, at + timedelta(hours=4), "SEC", probes, stage=stage)


EVERYBODY = round_of(
    probe("AA", 5),
    probe("BB", 300),
    probe("CC", 7, ProbeStage.UNCONFIRMED),
    probe("DD", None, ProbeStage.SENT),
    probe("EE", None, ProbeStage.UNDELIVERABLE),
    replace(probe("FF", None, ProbeStage.UNSENT), obstacle=Obstacle.SUSPENDED),
    replace(probe("GG", None, ProbeStage.UNSENT), obstacle=Obstacle.NO_CERTIFICATE),
)


def test_a_strip_shows_everybody_who_was_asked() -> None:
    shown = {mark.label: (mark.tone, mark.took) for mark in strip(EVERYBODY, "en").marks}
    assert shown == {
        "AA": (Tone.GOOD, timedelta(minutes=5)),
        "BB": (Tone.FAIR, timedelta(hours=5)),
        "CC": (Tone.FAIR, timedelta(minutes=7)),
        "DD": (Tone.BAD, None),
        "EE": (Tone.BAD, None),
        "GG": (Tone.BAD, None),
    }


def test_while_a_round_runs_silence_says_nothing() -> None:
    running = replace(EVERYBODY, stage=RoundStage.RUNNING)
    assert "DD" not in {mark.label for mark in strip(running, "en").marks}
    assert "DD" not in {reach.party for reach in over_time([running], ["DD"], PARIS) if reach.asked}


def test_the_legend_speaks_the_readers_language_and_of_nothing_that_is_not_there() -> None:
    only_good = round_of(probe("AA", 5))
    assert strip(only_good, "fr").tones == {Tone.GOOD: "joint à temps"}
    assert list(strip(EVERYBODY, "en").tones) == [Tone.GOOD, Tone.FAIR, Tone.BAD]


def test_of_two_rounds_on_one_day_the_worse_is_shown() -> None:
    rounds = [round_of(probe("AA", None, ProbeStage.SENT)), round_of(probe("AA", 5))]
    days = days_until(NOON, PARIS, 3)
    shown = heat_map(rounds, ["AA", "BB"], days, PARIS, "en")
    assert shown.days == (date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23))
    assert shown.cells == ((Tone.NONE, Tone.NONE, Tone.BAD), (Tone.NONE,) * 3)


def test_days_are_those_of_the_zone() -> None:
    night = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # half past midnight in Paris
    shown = heat_map([round_of(probe("AA", 5, at=night), at=night)], ["AA"], days_until(NOON, PARIS, 2), PARIS, "en")
    assert shown.cells == ((Tone.NONE, Tone.GOOD),)


def test_a_party_over_time_names_the_days_on_which_it_was_missed() -> None:
    rounds = [
        round_of(probe("AA", minutes, stage, NOON + timedelta(days=day)), at=NOON + timedelta(days=day))
        for day, (minutes, stage) in enumerate(
            [(5.0, ProbeStage.REACHED), (None, ProbeStage.SENT), (9.0, ProbeStage.UNCONFIRMED)]
        )
    ]
    (reach,) = over_time(rounds, ["AA"], PARIS)
    assert (reach.asked, reach.reached) == (3, 1)
    assert (reach.missed, reach.doubtful) == ((date(2026, 11, 24),), (date(2026, 11, 25),))
