"""The digest: to whom, when, and what it may say."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from mailbot.core.decision import Event, Moment, Network, Occasion
from mailbot.core.digest import LISTED, daily, daily_readers, demanded, digest_letter, digest_words
from mailbot.core.parties import Operator, Right, Role
from mailbot.core.reporting import Reader, Reporting
from mailbot.core.tags import Tag, Word, parse
from mailbot.mail import showcase
from tests.core.cast import DIRECTORY, NETWORK, NOW, OPERATOR, SEC, box, network
from tests.core.test_needs import LATE, QUIET

MOMENT = Moment(NOW, "2026-0042", b"\x07" * 32)
BUSY = replace(QUIET, exchanges=(LATE,), open_exchanges=1)


def reporting(**changed: object) -> Network:
    return replace(NETWORK, reporting=replace(Reporting(), **changed))  # type: ignore[arg-type]


# ---------------------------------------------------------------- to whom


def test_each_language_gets_a_letter_of_its_own() -> None:
    french = Operator(box("nuit", "", Role.OPERATOR), "fr", frozenset())
    directory = replace(DIRECTORY, operators=(OPERATOR, french))
    decision = daily(QUIET, network(directory), MOMENT, "2026-11-23")
    found = {letter.language: {a.address for a in letter.mailboxes} for letter in decision.letters}
    assert found == {"en": {SEC.desks[0].address, OPERATOR.mailbox.address}, "fr": {french.mailbox.address}}


@pytest.mark.parametrize(
    ("readers", "expected"),
    [
        ({Right.SECRETARIAT}, {SEC.desks[0].address}),
        ({Right.OPERATOR}, {OPERATOR.mailbox.address}),
        (set(), set()),
    ],
)
def test_readers_are_those_of_the_configuration(readers: set[Right], expected: set[str]) -> None:
    found = daily_readers(reporting(readers=frozenset(readers)), NOW)
    assert {a.address for reader in found for a in reader.mailboxes} == expected


def test_whom_nothing_can_be_sealed_to_gets_none() -> None:
    found = daily_readers(network(DIRECTORY, *OPERATOR.mailbox.encrypt_to), NOW)
    assert [a.address for reader in found for a in reader.mailboxes] == [SEC.desks[0].address]


def test_it_is_answered_at_the_control_address() -> None:
    letter = digest_letter(QUIET, NETWORK, Reader("en", SEC.desks))
    assert (letter.from_control, letter.tag.word, letter.reference) == (True, Word.DIGEST, None)


# ---------------------------------------------------------------- when


@pytest.mark.parametrize(
    ("now", "turn"),
    [
        ("2026-11-24T04:59:59", "2026-11-23"),  # 05:59 in Paris
        ("2026-11-24T05:00:00", "2026-11-24"),
        ("2026-11-24T23:30:00", "2026-11-24"),  # after midnight there: yesterday's is still the last that was due
        ("2026-07-01T03:59:00", "2026-06-30"),  # summer time
        ("2026-07-01T04:00:00", "2026-07-01"),
    ],
)
def test_the_day_changes_when_its_hour_has_come_there(now: str, turn: str) -> None:
    assert Reporting().turn(datetime.fromisoformat(now).replace(tzinfo=UTC)) == turn


def test_an_hour_that_is_left_out_or_comes_twice_calls_for_one_digest() -> None:
    terms = Reporting(at=time(2, 30))
    spring = [terms.turn(datetime(2026, 3, 29, 0, 59, tzinfo=UTC)), terms.turn(datetime(2026, 3, 29, 1, 0, tzinfo=UTC))]
    assert spring == ["2026-03-28", "2026-03-29"]  # at 02:00 the clocks went to 03:00
    twice = {terms.turn(datetime(2026, 10, 25, 0, 45, tzinfo=UTC) + timedelta(hours=h)) for h in range(2)}
    assert twice == {"2026-10-25"}


def test_a_robot_that_was_away_owes_one_digest() -> None:
    assert Reporting().turn(NOW + timedelta(days=40)) == (NOW + timedelta(days=39)).date().isoformat()


def test_no_hour_no_digest() -> None:
    assert Reporting(at=None).turn(NOW) is None


def test_the_day_is_settled_whether_it_was_sent_or_spared() -> None:
    sent = daily(QUIET, NETWORK, MOMENT, "2026-11-23")
    spared = daily(QUIET, reporting(only_if_needed=True), MOMENT, "2026-11-23")
    needed = daily(BUSY, reporting(only_if_needed=True), MOMENT, "2026-11-23")
    assert sent.occasions == spared.occasions == needed.occasions == (Occasion("digest", "2026-11-23"),)
    assert [bool(d.letters) for d in (sent, spared, needed)] == [True, False, True]
    assert [d.entries[0].event for d in (sent, spared)] == [Event.DIGEST_SENT, Event.DIGEST_SPARED]
    assert needed.entries[0].facts["needs"] == "1"


def test_one_that_was_asked_for_settles_no_day_and_says_who_asked() -> None:
    decision = demanded(QUIET, NETWORK, (Reader("fr", SEC.desks),), "shell:alice")
    assert decision.occasions == ()
    assert [letter.language for letter in decision.letters] == ["fr"]
    assert decision.entries[0].facts["by"] == "shell:alice"


# ---------------------------------------------------------------- what it says


def test_long_lists_are_cut_and_counted() -> None:
    situation, of = showcase.busy()
    many = replace(
        situation,
        held=situation.held * 20,
        failures=situation.failures * 20,
        exchanges=situation.exchanges * 20,
        open_exchanges=75,
    )
    words = digest_words(many, of, "en")
    for name, more in (("held", 40), ("failures", 20), ("exchanges", 55)):
        found = words[name]
        assert isinstance(found, list)
        assert (len(found), words[f"more_{name}"]) == (LISTED, more)


def test_every_held_mail_has_the_command_that_releases_it() -> None:
    situation, of = showcase.busy()
    for language, words in (("en", ("RELEASE", "DROP")), ("fr", ("LIBÉRER", "SUPPRIMER"))):
        found = digest_words(situation, of, language)["held"]
        assert isinstance(found, list)
        assert (found[0]["release"], found[0]["drop"]) == tuple(f"[{word} H-12]" for word in words)
        assert parse(found[0]["release"]).tag == Tag(Word.RELEASE, arguments=("H-12",))


def test_it_shows_the_journals_head() -> None:
    situation, of = showcase.busy()
    assert digest_words(situation, of, "en")["anchor"] == {"number": 20519, "hash": situation.journal_head[1]}


def test_pictures_come_with_pings_and_not_before() -> None:
    assert digest_letter(*showcase.first(), Reader("en", ())).pictures == ()
    names = [picture.name for picture in digest_letter(*showcase.busy(), Reader("en", ())).pictures]
    assert names == ["responses", "reachability"]
