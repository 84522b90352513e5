"""The report: what is counted, what is kept back, and what changed in the period."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.core.decision import Event
from mailbot.core.records import Part, PartStage
from mailbot.core.report import Period, ReportFacts, report_letter, report_words
from mailbot.core.report_table import table_of
from mailbot.core.reporting import Reader
from mailbot.core.roll import Move, call, members_on, read_moves
from mailbot.core.spreadsheet import write_rows
from mailbot.core.tags import Urgency, Word
from mailbot.core.tallies import Tallies, count, shown_pairs
from mailbot.mail import showcase
from tests.core.cast import NETWORK, NOW, exchange

PARIS = ZoneInfo("Europe/Paris")
NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30))


def answered(minutes: float | None, party: str = "DE") -> Part:
    at = NOW + timedelta(minutes=minutes) if minutes is not None else None
    stage = PartStage.PASSED_ON if at is None else PartStage.ANSWERED
    return Part(party, stage, passed_on_at=NOW, answered_at=at)


# ---------------------------------------------------------------- the period


@pytest.mark.parametrize("text", ["2026-01-01", "2026-01-01..", "2026-13-01..2026-12-31", "..", ""])
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Period.read(text)


def test_a_period_begins_and_ends_at_midnight_there() -> None:
    period = Period.read("2026-03-28..2026-03-29")
    assert (period.begin(PARIS), period.end(PARIS)) == (
        datetime(2026, 3, 27, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    )
    assert str(period) == "2026-03-28..2026-03-29"


# ---------------------------------------------------------------- exchanges


def test_exchanges_are_counted_by_the_month_of_the_zone_and_by_pair() -> None:
    late = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)  # November in Paris
    tallies = count(
        [
            exchange(opened_at=late, parts=(answered(5), answered(7, "IT"))),
            exchange(opened_at=NOW, kind=Word.INFO, parts=(answered(None),)),
            exchange(opened_at=NOW, parts=(Part("PT", PartStage.WAITING),)),
        ],
        PARIS,
    )
    assert tallies.months == {date(2026, 11, 1): (2, 1)}
    assert tallies.pairs == {("FR", "DE"): 2, ("FR", "IT"): 1}  # what nobody was sent is no exchange with him
    assert (tallies.requests, tallies.information) == (2, 1)


def test_answers_are_timed_from_passing_on_by_urgency() -> None:
    deadline = NOW + timedelta(hours=1)
    parts = (answered(10), answered(20, "IT"), answered(90, "PT"), answered(None, "ES"))
    urgent = exchange(deadline=deadline, parts=parts)
    found = count([urgent, exchange(kind=Word.INFO, parts=parts)], PARIS).answers
    assert (found[Urgency.URGENT].asked, found[Urgency.URGENT].answered, found[Urgency.URGENT].in_time) == (4, 3, 2)
    assert found[Urgency.URGENT].median == timedelta(minutes=20)
    assert found[Urgency.URGENT].ninth is None  # of three answers nobody can say
    assert (found[Urgency.ROUTINE].asked, found[Urgency.ROUTINE].median) == (0, None)


def test_nine_of_ten() -> None:
    parts = tuple(answered(10 * n, f"P{n:02}") for n in range(1, 12))
    assert count([exchange(parts=parts)], PARIS).answers[Urgency.URGENT].ninth == timedelta(minutes=100)


# ---------------------------------------------------------------- who must not be told by a small number


def test_pairs_with_few_exchanges_are_not_named() -> None:
    pairs = {("FR", "DE"): 7, ("DE", "FR"): 5, ("IT", "FR"): 4, ("FR", "IT"): 1}
    shown = shown_pairs(pairs, 5)
    assert [pair for pair, _ in shown.pairs] == [("FR", "DE"), ("DE", "FR")]
    assert (shown.others, shown.together) == (2, 5)


PAIRS = st.dictionaries(
    st.tuples(st.sampled_from(["FR", "DE", "IT", "PT"]), st.sampled_from(["EU", "ES", "GB", "NL"])),
    st.integers(1, 12),
)


@given(pairs=PAIRS, least=st.integers(1, 10))
def test_the_rest_never_tells_the_number_of_one_pair(pairs: dict[tuple[str, str], int], least: int) -> None:
    shown = shown_pairs(pairs, least)
    assert all(number >= least for _, number in shown.pairs)
    assert len(shown.pairs) + shown.others == len(pairs)
    assert sum(number for _, number in shown.pairs) + shown.together == sum(pairs.values())
    assert shown.others != 1 or len(pairs) == 1


def test_neither_page_nor_file_has_more_than_may_be_named() -> None:
    facts, network = showcase.half_year()
    hidden = {pair for pair, number in facts.tallies.pairs.items() if number < 5}
    words = report_words(facts, network, "en")
    named = {(p["asker"]["code"], p["party"]["code"]) for p in found(words, "exchanges")["pairs"]}
    rows = lines(table_of(words, "en"), ",")
    written = {(row[1], row[2]) for row in rows if row[0] == "exchanges by pair" and row[1]}
    assert named == written
    assert not hidden & named


# ---------------------------------------------------------------- who came and went


def moved(text: str) -> tuple[Move, ...]:
    return read_moves(text.split(", "))


def test_the_first_call_notes_everybody_and_tells_nobody() -> None:
    decision = call((), ["FR", "DE"], NOW)
    assert decision is not None
    assert decision.entries == ()
    assert members_on(read_moves(o.turn for o in decision.occasions)) == {"FR", "DE"}


def test_a_later_call_tells_what_changed_and_else_nothing() -> None:
    known = moved("2026-01-01T00:00:00Z +FR, 2026-01-01T00:00:00Z +DE")
    assert call(known, ["DE", "FR"], NOW) is None
    decision = call(known, ["FR", "IT"], NOW)
    assert decision is not None
    assert [(e.event, e.party) for e in decision.entries] == [(Event.LEFT, "DE"), (Event.JOINED, "IT")]
    after = (*known, *read_moves(o.turn for o in decision.occasions))
    assert members_on(after) == {"FR", "IT"}
    assert call(after, ["FR", "IT"], NOW + timedelta(days=1)) is None


def test_who_leaves_and_comes_back_on_one_day_is_there() -> None:
    known = moved("2026-01-01T00:00:00Z +FR, 2026-11-23T01:00:00Z -FR")
    decision = call(known, ["FR"], NOW)
    assert decision is not None
    assert members_on((*known, *read_moves(o.turn for o in decision.occasions))) == {"FR"}


def test_a_report_tells_who_came_in_its_period_but_not_who_was_there_at_first() -> None:
    moves = moved(
        "2026-11-02T00:00:00Z +DE, 2026-11-02T00:00:00Z +FR, 2026-11-09T12:00:00Z +IT, 2026-12-01T12:00:00Z +EU"
    )
    words = report_words(ReportFacts(NOW, NOVEMBER, moves=moves), NETWORK, "fr")
    parties = found(words, "parties")
    assert [(p["code"], p["day"]) for p in parties["joined"]] == [("IT", date(2026, 11, 9))]
    assert (parties["number"], parties["left"]) == (3, [])


# ---------------------------------------------------------------- availability


def found(words: Any, name: str) -> dict[str, Any]:
    section: dict[str, Any] = words[name]
    return section


def presence(**changed: object) -> dict[str, Any]:
    facts = ReportFacts(datetime(2026, 12, 5, tzinfo=UTC), NOVEMBER, watched_from=datetime(2026, 1, 1, tzinfo=UTC))
    return found(report_words(replace(facts, **changed), NETWORK, "en"), "presence")  # type: ignore[arg-type]


def test_absences_are_what_is_missing_from_the_whole() -> None:
    begin = datetime(2026, 11, 10, tzinfo=UTC)
    said = presence(absences=((begin, begin + timedelta(hours=72)), (begin, begin + timedelta(0))))
    assert said["share"] == pytest.approx(0.9)
    assert said["longest"] == timedelta(hours=72)


def test_an_absence_counts_for_the_days_of_the_report_alone() -> None:
    said = presence(absences=((datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 2, 23, tzinfo=UTC)),))
    assert (said["longest"], said["absences"]) == (timedelta(days=2), 1)
    assert said["share"] == pytest.approx(28 / 30)


def test_before_the_robots_first_day_nothing_is_known() -> None:
    assert presence(watched_from=None)["share"] is None
    half = presence(watched_from=datetime(2026, 11, 15, 23, tzinfo=UTC))
    assert (half["share"], half["watched_from"]) == (1.0, datetime(2026, 11, 15, 23, tzinfo=UTC))


# ---------------------------------------------------------------- the letter and its files


def lines(octets: bytes, delimiter: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(octets.decode("utf-8-sig")), delimiter=delimiter))


def test_the_file_says_in_both_languages_what_the_page_says() -> None:
    facts, network = showcase.half_year()
    english, french = (
        lines(table_of(report_words(facts, network, lang), lang), d) for lang, d in (("en", ","), ("fr", ";"))
    )
    assert len(english) == len(french) > 100
    assert {len(row) for row in (*english, *french)} == {5}
    assert ["contact points", "", "", "number", "39"] in english
    assert ["points de contact", "", "", "nombre", "39"] in french
    assert ["answers", "urgent", "", "answered", "68"] in english


def test_a_cell_is_never_a_formula() -> None:
    assert lines(write_rows([["=1+1", "-2", "@x", "a=b"]], "en"), ",") == [["'=1+1", "'-2", "'@x", "a=b"]]


def test_files_are_named_after_the_period() -> None:
    facts, network = showcase.half_year()
    letter = report_letter(facts, network, Reader("fr", ()))
    assert letter.printed == "report-2026-01-01-2026-06-30-fr.pdf"
    assert [a.name for a in letter.attachments] == ["report-2026-01-01-2026-06-30-fr.csv"]
    assert letter.tag.arguments == ("2026-01-01..2026-06-30",)


def test_a_network_without_history_has_a_report_too() -> None:
    words = report_words(ReportFacts(NOW, NOVEMBER, tallies=Tallies()), NETWORK, "en")
    assert [a["asked"] for a in words["answers"]] == [0, 0]  # type: ignore[attr-defined]
    assert found(words, "pings")["percent"] is None
