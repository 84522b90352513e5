"""How words look: times with their zone, durations, lists, lines that fit."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.mail.countries import country_names
from mailbot.mail.wording import WIDTH, clean, filters, spaced, wrap

NIGHT = datetime(2026, 11, 23, 3, 10, tzinfo=UTC)


def test_times_are_told_in_utc_with_the_zone() -> None:
    paris = datetime(2026, 11, 23, 4, 10, tzinfo=timezone(timedelta(hours=1)))
    assert filters("en")["time"](paris) == "23 November 2026, 03:10 UTC"
    assert filters("fr")["time"](paris) == "23 novembre 2026, 03:10 UTC"
    assert filters("fr")["day"](datetime(2026, 8, 1, 23, 30, tzinfo=timezone(timedelta(hours=-2)))) == "2 août 2026"


def test_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        filters("en")["time"](NIGHT.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("length", "english", "french"),
    [
        (timedelta(hours=4), "4 hours", "4 heures"),
        (timedelta(hours=2, minutes=10), "2 hours 10 minutes", "2 heures 10 minutes"),
        (timedelta(days=1, hours=1, minutes=59), "1 day 1 hour", "1 jour 1 heure"),
        (timedelta(days=3, minutes=5), "3 days 5 minutes", "3 jours 5 minutes"),
        (timedelta(minutes=-5), "5 minutes", "5 minutes"),
        (timedelta(seconds=3), "1 minute", "1 minute"),
        (timedelta(minutes=59, seconds=59.9), "1 hour", "1 heure"),
    ],
)
def test_durations(length: timedelta, english: str, french: str) -> None:
    assert filters("en")["duration"](length) == english
    assert filters("fr")["duration"](length).replace("\u00a0", " ").replace("\u202f", " ") == french


def test_lists_and_parties() -> None:
    assert filters("en")["listing"](["IT", "DE", "XX"]) == "IT, DE and XX"
    assert filters("fr")["listing"](["IT", "DE", "XX"]) == "IT, DE et XX"
    assert filters("en")["named"]({"code": "DE", "name": "Germany"}) == "Germany (DE)"
    assert filters("en")["named"]({"code": "XX", "name": ""}) == "XX"
    assert filters("en")["grouped"]("0123456789") == "0123 4567 89"


def test_what_follows_a_label_or_a_dash_stands_below_the_value() -> None:
    words = " ".join(["word"] * 30)
    labelled, listed = wrap(f"Sender:      {words}").split("\n"), wrap(f"- {words}").split("\n")
    assert labelled[1].startswith(" " * 13 + "word")
    assert listed[1].startswith("  word")


def test_french_marks_begin_no_line() -> None:
    assert wrap("« oui » : vraiment ?") == "«\u00a0oui\u00a0»\u00a0: vraiment\u00a0?\n"


@given(st.text())
def test_clean_text_is_one_line_of_visible_characters(text: str) -> None:
    assert len(clean(text).splitlines()) <= 1
    assert clean(clean(text)) == clean(text)
    clean(text).encode("utf-8")


@given(st.text(alphabet=st.sampled_from("ab -:\n[]«»?")))
def test_wrapped_lines_fit_unless_a_word_does_not(text: str) -> None:
    wrapped = wrap(text)
    assert wrapped.endswith("\n")
    for line in wrapped.split("\n"):
        assert len(line) <= WIDTH or " " not in line.strip() or len(line.split()[-1]) > WIDTH // 2
    assert "".join(wrapped.split()) == "".join(text.split())


def test_numbered_items_hang_too() -> None:
    words = " ".join(["word"] * 30)
    assert wrap(f"1. {words}").split("\n")[1].startswith("   word")


def test_the_first_of_a_month_is_an_ordinal_in_french() -> None:
    first = date(2026, 6, 1)
    assert [filters(language)["date"](first) for language in ("en", "fr")] == ["1 June 2026", "1er juin 2026"]
    assert [filters(language)["shortday"](first) for language in ("en", "fr")] == ["1\u00a0Jun", "1er\u00a0juin"]
    assert filters("fr")["date"](date(2026, 11, 11)) == "11 novembre 2026"
    assert filters("fr")["month"](first) == "juin 2026"


@pytest.mark.parametrize(
    ("octets", "english", "french"),
    [(999, "999 byte", "999 o"), (12_300, "12 kB", "12 ko"), (2_400_000, "2 MB", "2 Mo")],
)
def test_sizes(octets: int, english: str, french: str) -> None:
    said = [" ".join(filters(language)["size"](octets).split()) for language in ("en", "fr")]
    assert said == [english, french]


def test_numbers_are_the_readers() -> None:
    assert filters("en")["number"](1200) == "1,200"
    assert filters("fr")["number"](1200).replace("\u202f", " ") == "1 200"


def test_only_all_of_it_is_a_hundred_percent() -> None:
    assert filters("en")["percent"](0.99999) == "99.99%"
    assert filters("en")["percent"](1.0) == "100%"
    assert filters("fr")["percent"](0.9998).replace("\u202f", " ").replace("\xa0", " ") == "99,98 %"


def test_a_link_writes_the_command_as_first_line() -> None:
    written = filters("en")["mailto"]("[RELEASE H-12]", "control+x@hub.example", "Command & more")
    assert written == "mailto:control+x@hub.example?subject=Command%20%26%20more&body=%5BRELEASE%20H-12%5D%0D%0A"


def test_french_marks_of_a_page_stay_with_their_word_and_its_markup_as_it_is() -> None:
    page = '<style>a { b : c !important }</style><td title="x : y"><!-- a : b -->Oui : 5 % ?</td>'
    assert spaced(page, "fr") == page.replace("Oui : 5 % ?", "Oui\u00a0: 5\u00a0%\u00a0?")
    assert spaced(page, "en") == page


def test_countries_have_names_and_others_none() -> None:
    assert country_names("mk") == {"en": "North Macedonia", "fr": "Macédoine du Nord"}
    assert country_names("EU")["fr"] == "Union européenne"
    assert country_names("EUROPOL") == {}
