"""The result: who is told what; and the table as a file."""

import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest

from mailbot.core.charts import Strip, Tone
from mailbot.core.decision import Decision, Event, Network
from mailbot.core.mail import Letter
from mailbot.core.parties import Operator, Role
from mailbot.core.records import Assurance
from mailbot.core.rounds.records import Answer, Copy, Probe, Round, RoundStage, Standing
from mailbot.core.rounds.result import ORDER, Outcome
from mailbot.core.rounds.table import COLUMNS, STATES, table_of
from mailbot.core.rounds.telling import close_round, share_round
from mailbot.core.rounds.terms import PingTerms, Sharing
from mailbot.core.tags import Word
from tests.core.cast import DIRECTORY, NETWORK, NOW, fingerprint, network, readers_of
from tests.core.rounds.ring import GIVEN, ROUND, at, probe_of

HEAD = (9, "def")
DESKS = {f"desk@{code}.example" for code in ("de", "eu", "fr", "it")}


def answered(party: str, minutes: float, assurance: Assurance = Assurance.SIGNED, copy: Copy = Copy.DESK) -> Probe:
    when, sender = NOW + timedelta(minutes=minutes), f"desk@{party.lower()}.example"
    return probe_of(party).answered(Answer(when, assurance, True, assurance is Assurance.SIGNED, copy, sender))


LAST = ROUND.with_probes(
    {
        "FR": answered("FR", 4),
        "DE": answered("DE", 200, copy=Copy.BACKUP),
        "IT": replace(answered("IT", 7, Assurance.ADDRESS), automatic_at=NOW, returns_on="2026-12-01"),
    }
)
BEFORE = tuple(
    replace(LAST, number=number, stage=RoundStage.CLOSED, probes=tuple(replace(p, round=number) for p in LAST.probes))
    for number in (11, 10)
)
OUTCOME = Outcome(LAST, BEFORE)


def closed(round_: Round = LAST, terms: PingTerms | None = None, net: Network = NETWORK) -> Decision:
    net = replace(net, ping=terms or PingTerms())
    return close_round(Outcome(round_, BEFORE), net, at(NOW + GIVEN), HEAD)


def only(decision: Decision) -> Letter:
    (letter,) = decision.letters
    return letter


def rows(letter: Letter) -> dict[str, dict[str, object]]:
    found = letter.words["rows"]
    assert isinstance(found, list)
    return {row["code"]: row for row in found}


# ---------------------------------------------------------------- at the deadline


def test_the_result_goes_to_the_secretariat_and_closes_the_round() -> None:
    decision = closed()
    assert readers_of(decision, "ping-result") == {"desk@sec.example"}
    assert (decision.rounds[0].stage, decision.rounds[0].closed_at) == (RoundStage.CLOSED, NOW + GIVEN)
    assert decision.entries[0].event is Event.PING_CLOSED
    assert decision.entries[0].facts == {"asked": "4", "reached": "2", "letters": "1"}


def test_the_figures() -> None:
    words = only(closed()).words
    assert (words["asked"], words["reached"], words["percent"]) == (4, 2, 50)
    assert [each["count"] for each in words["within"]] == [1, 1, 2]  # type: ignore[attr-defined]
    assert (words["median"], words["slowest"]) == (timedelta(minutes=102), timedelta(minutes=200))


def test_every_party_with_state_time_assurance_and_who_and_those_who_need_somebody_first() -> None:
    letter = only(closed())
    found = rows(letter)
    assert list(found) == ["EU", "IT", "FR", "DE"]
    assert (found["FR"]["state"], found["FR"]["took"], found["FR"]["who"]) == (
        "reached",
        timedelta(minutes=4),
        "desk@fr.example",
    )
    assert (found["FR"]["assurance"], found["FR"]["challenge"], found["DE"]["by"]) == ("signed", True, "backup")
    assert (found["IT"]["state"], found["IT"]["automatic"], str(found["IT"]["returns_on"])) == (
        "unconfirmed",
        True,
        "2026-12-01",
    )
    assert found["EU"]["state"] == "silent"


def test_who_was_silent_three_times_is_named() -> None:
    silent = only(closed()).words["silent"]
    assert [party["code"] for party in silent] == ["EU", "IT"]  # type: ignore[attr-defined]
    assert Outcome(LAST, BEFORE).silent == (), "while the round runs, its silence says nothing"


def test_the_change_since_the_last_round() -> None:
    gained = ROUND.with_probes({"EU": answered("EU", 3), "DE": answered("DE", 3)})
    change = only(closed(gained)).words["change"]
    assert isinstance(change, dict)
    assert (change["since"], change["before"], change["now"]) == ("P-11", 50, 50)
    assert [p["code"] for p in change["gained"]] == ["EU"]
    assert [p["code"] for p in change["lost"]] == ["FR"]


def test_a_picture_and_a_file_come_with_it() -> None:
    letter = only(closed())
    (picture,), (file,) = letter.pictures, letter.attachments
    assert isinstance(picture.chart, Strip)
    assert {mark.label: mark.tone for mark in picture.chart.marks} == {
        "DE": Tone.GOOD,
        "EU": Tone.BAD,
        "FR": Tone.GOOD,
        "IT": Tone.FAIR,
    }
    assert "2 of 4" in picture.alt
    assert (file.name, file.media_type) == ("ping-P-12.csv", "text/csv; charset=utf-8")


@pytest.mark.parametrize(("ordered", "configured", "expected"), [("", "", "en"), ("", "fr", "fr"), ("en", "fr", "en")])
def test_its_language(ordered: str, configured: str, expected: str) -> None:
    letter = only(closed(replace(LAST, language=ordered), PingTerms(language=configured)))
    assert letter.language == expected


def test_an_operator_who_asked_for_it_gets_it_too() -> None:
    watch = Operator(replace(DIRECTORY.operators[0].mailbox, name="Night watch"), "fr", frozenset({fingerprint("ops")}))
    net = network(replace(DIRECTORY, operators=(watch,)))
    decision = closed(replace(LAST, asked_by="operator Night watch"), net=net)
    assert readers_of(decision, "ping-result") == {"desk@sec.example", "ops@.example"}
    assert [letter.language for letter in decision.letters] == ["en", "fr"]
    assert decision.letters[1].mailboxes[0].role is Role.OPERATOR


def test_without_anybody_to_tell_it_closes_all_the_same() -> None:
    decision = closed(net=network(DIRECTORY, fingerprint("deskSEC")))
    assert (decision.letters, decision.rounds[0].stage) == ((), RoundStage.CLOSED)


# ---------------------------------------------------------------- shared


def shared(sharing: Sharing) -> Decision:
    return closed(replace(LAST, share=True), PingTerms(sharing=sharing))


def test_shared_as_a_table_everybody_sees_everybody_and_nobodys_address() -> None:
    decision = shared(Sharing.TABLE)
    letters = [letter for letter in decision.letters if letter.words["shared"]]
    assert {box.address for letter in letters for box in letter.mailboxes} == DESKS
    assert sorted(letter.language for letter in letters) == ["en", "fr"]
    assert all(len(rows(letter)) == 4 for letter in letters)
    assert not any(row["who"] for letter in letters for row in rows(letter).values())
    assert all(letter.attachments == () and letter.tag.word is Word.HELP for letter in letters)
    assert decision.rounds[0].shared_at
    assert [entry.event for entry in decision.entries] == [Event.PING_CLOSED, Event.PING_SHARED]


def test_shared_as_their_own_row_each_sees_its_own() -> None:
    letters = [letter for letter in shared(Sharing.OWN).letters if letter.words["shared"]]
    assert [(letter.mailboxes[0].party, *rows(letter)) for letter in letters] == [
        (code, code) for code in ("DE", "EU", "FR", "IT")
    ]
    assert all(letter.words["silent"] == [] and letter.pictures == () for letter in letters)
    change = letters[0].words["change"]
    assert isinstance(change, dict) and not change["gained"] and not change["lost"]


def test_a_suspended_party_gets_no_result() -> None:
    net = network(DIRECTORY.suspending(frozenset({"DE"})))
    decision = closed(replace(LAST, share=True), net=net)
    assert readers_of(decision, "ping-result") == (DESKS - {"desk@de.example"}) | {"desk@sec.example"}


def test_sharing_afterwards_keeps_the_round_as_it_is() -> None:
    over = replace(LAST, stage=RoundStage.CLOSED, closed_at=NOW + GIVEN)
    decision = share_round(Outcome(over), NETWORK, at(NOW + 2 * GIVEN), HEAD, "SEC")
    assert readers_of(decision, "ping-result") == DESKS
    assert decision.rounds == (replace(over, shared_at=NOW + 2 * GIVEN),)
    assert decision.entries[0].facts == {"by": "SEC", "mails": "4"}


# ---------------------------------------------------------------- the file


def read(octets: bytes, delimiter: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(octets.decode("utf-8-sig")), delimiter=delimiter))


def test_the_table_as_english_spreadsheets_read_it() -> None:
    table = table_of(LAST, NETWORK, "en")
    assert table.startswith(b"\xef\xbb\xbf")
    assert table.count(b"\r\n") == table.count(b"\n") == 5
    found = {row["party"]: row for row in read(table, ",")}
    assert list(found["FR"]) == [words.en for words in COLUMNS.values()]
    assert found["FR"]["state"] == "reached"
    assert found["FR"]["minutes taken"] == "4.0"
    assert found["FR"]["asked at (UTC)"] == "2026-11-23 03:00:00"
    assert found["FR"]["asked at (local time)"] == "2026-11-23 04:00:00"
    assert (found["IT"]["automatic reply"], found["IT"]["back on"]) == ("2026-11-23 03:00:00", "2026-12-01")
    assert (found["EU"]["state"], found["EU"]["assurance"]) == ("no answer", "")


def test_the_table_as_french_spreadsheets_read_it() -> None:
    found = {row["membre"]: row for row in read(table_of(LAST, NETWORK, "fr"), ";")}
    assert found["FR"]["durée en minutes"] == "4,0"
    assert (found["FR"]["état"], found["DE"]["répondu par"]) == ("joint", "suppléant")


@pytest.mark.parametrize("sender", ["=cmd|' /C calc'!A0@x.example", "+1@x.example", "@sum(1)", "-1@x.example"])
def test_no_cell_is_a_formula(sender: str) -> None:
    answer = LAST.probes[2].answer
    assert answer
    evil = LAST.with_probes({"FR": replace(probe_of("FR", LAST), answer=replace(answer, sender=sender))})
    (row,) = [row for row in read(table_of(evil, NETWORK, "en"), ",") if row["party"] == "FR"]
    assert row["address"] == f"'{sender}"


def test_every_standing_has_its_word() -> None:
    assert set(STATES) == set(ORDER) == set(Standing)
