"""Given what became of the mails of an exchange, then these letters, this state of the part, these backups."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from mailbot.core.decision import Decision, Entry, Event, Moment, Network
from mailbot.core.deliveries import after_delays, after_failures, calls_backups
from mailbot.core.mail import Envelope
from mailbot.core.parties import Directory, Party
from mailbot.core.postings import Posting, Report, State
from mailbot.core.records import Exchange, PartStage, Stage
from mailbot.core.tags import Word
from mailbot.core.ticks import Tick, advance
from tests.core.cast import DE, DIRECTORY, NETWORK, NOW, box, exchange, intent_of, mail, network, readers_of
from tests.core.posts import WRITTEN, posting

Outcome = dict[str, Any]

REFUSED: Outcome = {"state": State.REFUSED, "last_status": "5.1.1"}
EXPIRED: Outcome = {"state": State.EXPIRED, "last_status": "timeout"}
BOUNCED: Outcome = {"reported": Report.UNDELIVERABLE, "reported_status": "5.2.2"}
QUEUED: Outcome = {"state": State.QUEUED, "settled_at": None, "last_status": "4.7.1"}
TWO_DESKS = replace(DE, addresses=(*DE.desks, box("second", "DE"), *DE.backups))


def with_party(party: Party) -> Network:
    return network(Directory({**DIRECTORY.parties, party.code: party}, DIRECTORY.operators))


def tick(found: Exchange | None = None, of: Network = NETWORK, at: datetime = NOW) -> Tick:
    found = found or exchange()
    return Tick(found, of, Moment(at, "2026-0042", b"\x07" * 32), intent_of(mail(digest=found.original)))


def failures(*postings: Posting, found: Exchange | None = None, of: Network = NETWORK) -> Decision:
    return after_failures(tick(found, of), postings)


def noted(**marked: tuple[int, ...]) -> Decision:
    """Nothing is said to anybody, which is a decision too: one row of the journal."""
    mails = sum(map(len, marked.values()))
    entry = Entry(Event.OUTCOME_NOTED, exchange().reference, facts={"mails": str(mails)})
    return Decision(entries=(entry,) if mails else (), **marked)  # type: ignore[arg-type]


def stage(decision: Decision, code: str = "DE") -> PartStage | None:
    parts = (e.part(code) for e in decision.exchanges)
    return next((p.stage for p in parts if p), None)


def in_stage(stage: PartStage, **changed: object) -> Exchange:
    made = exchange(**changed)
    return made.with_part(replace(made.parts[0], stage=stage))


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("outcome", "why"), [(REFUSED, "address"), (EXPIRED, "network"), (BOUNCED, "mailbox")], ids=["5xx", "days", "dsn"]
)
def test_the_asker_is_told_and_the_backup_called(outcome: Outcome, why: str) -> None:
    decision = failures(posting(**outcome))
    assert stage(decision) is PartStage.UNDELIVERABLE
    assert readers_of(decision, "undelivered") == {"desk@fr.example"}
    assert readers_of(decision, "request") == {"night@de.example"}
    assert decision.followed_up == (1,)
    told = decision.letters[-1]
    assert (told.words["why"], told.words["backups"], told.words["kind"]) == (why, "called", "request")
    assert told.words["party"] == {"code": "DE", "name": "DE en français"}
    assert (told.envelope, told.author, told.urgent) == (Envelope.NULL, None, True)
    assert [(e.event, e.reference, e.party) for e in decision.entries] == [(Event.UNDELIVERABLE, "2026-0041", "DE")]


def test_nothing_of_an_address_or_a_server_reaches_the_asker() -> None:
    """trust.md 6."""
    told = failures(posting(**BOUNCED)).letters[-1]
    assert "@" not in repr(told.words)
    assert "5.2.2" not in repr(told.words)


def test_while_another_desk_may_have_it_nothing_is_said() -> None:
    of = with_party(TWO_DESKS)
    first = posting(1, **REFUSED)
    for state in (State.QUEUED, State.SENT):
        decision = failures(first, posting(2, "second@de.example", state=state), of=of)
        assert decision == noted(followed_up=(1,))
    looked_at = replace(first, followed_up_at=NOW)
    decision = failures(looked_at, posting(2, "second@de.example", **BOUNCED), of=of)
    assert stage(decision) is PartStage.UNDELIVERABLE
    assert decision.followed_up == (2,)


def test_desk_that_got_it_the_second_time_has_it() -> None:
    assert failures(posting(1, **REFUSED), posting(2)) == noted(followed_up=(1,))
    assert stage(failures(posting(1), posting(2, **REFUSED))) is PartStage.UNDELIVERABLE


@pytest.mark.parametrize("relay", ["bka@de.example", "border@de.example", "nobody@de.example"])
def test_failure_of_a_relay_is_looked_at_and_nothing_more(relay: str) -> None:
    decision = failures(posting(1), posting(2, relay, **REFUSED))
    assert decision == noted(followed_up=(2,))


@pytest.mark.parametrize("purpose", ["receipt", "notice", "reminder", "question"])
def test_failure_of_what_has_no_author_is_never_told(purpose: str) -> None:
    lost = posting(1, "desk@fr.example", purpose=purpose, letter=purpose, author=None, **REFUSED)
    assert failures(lost) == Decision()


@pytest.mark.parametrize("done", [PartStage.ACKNOWLEDGED, PartStage.ANSWERED, PartStage.EXPIRED])
def test_signed_answer_outweighs_any_report(done: PartStage) -> None:
    """trust.md 16."""
    decision = failures(posting(**BOUNCED), found=in_stage(done))
    assert decision == noted(followed_up=(1,))


def test_each_failure_is_looked_at_once() -> None:
    assert failures(posting(**REFUSED, followed_up_at=NOW)) == Decision()


def test_report_about_a_mail_that_is_still_tried_waits_for_its_end() -> None:
    assert failures(posting(**{**QUEUED, **BOUNCED})) == Decision()


def test_party_without_backup_is_undeliverable_all_the_same() -> None:
    decision = failures(posting(1, "desk@it.example", **REFUSED))
    assert stage(decision, "IT") is PartStage.UNDELIVERABLE
    assert decision.letters[-1].words["backups"] == "none"
    assert not readers_of(decision, "request")


def test_backups_that_were_called_at_the_deadline_get_it_once() -> None:
    decision = failures(posting(1, **BOUNCED), posting(2, "night@de.example"))
    assert decision.letters[-1].words["backups"] == "called"
    assert not readers_of(decision, "request")


def test_backups_that_fail_as_well_are_told() -> None:
    gone = in_stage(PartStage.UNDELIVERABLE)
    desk = posting(1, **REFUSED, followed_up_at=NOW)
    decision = failures(desk, posting(2, "night@de.example", **REFUSED), found=gone)
    assert [letter.words["backups"] for letter in decision.letters] == ["failed"]
    assert [e.event for e in decision.entries] == [Event.FAILURE_TOLD]
    both = failures(posting(1, **REFUSED), posting(2, "night@de.example", **REFUSED))
    assert [letter.words["backups"] for letter in both.letters] == ["failed"]


def test_desk_and_relay_failing_together_are_one_letter() -> None:
    decision = failures(posting(1, **REFUSED), posting(2, "bka@de.example", **REFUSED))
    assert len(readers_of(decision, "undelivered")) == len(decision.entries) == 1
    assert decision.followed_up == (1, 2)


def test_two_parties_are_two_letters_and_one_exchange() -> None:
    decision = failures(posting(1, **REFUSED), posting(2, "desk@it.example", **REFUSED))
    told = [letter.words["party"] for letter in decision.letters if letter.template == "undelivered"]
    assert told == [{"code": code, "name": f"{code} en français"} for code in ("DE", "IT")]
    assert stage(decision) is stage(decision, "IT") is PartStage.UNDELIVERABLE
    assert len(decision.exchanges) == 1


def test_after_closing_the_part_fails_in_silence() -> None:
    decision = failures(posting(**REFUSED), found=exchange(stage=Stage.CLOSED, closed_at=NOW))
    assert stage(decision) is PartStage.UNDELIVERABLE
    assert not decision.letters
    assert decision.entries[0].facts["letters"] == "0"


def test_information_goes_to_the_backups_as_well() -> None:
    decision = failures(posting(letter="information", **REFUSED), found=exchange(kind=Word.INFO))
    assert readers_of(decision, "information") == {"night@de.example"}


def test_without_the_original_the_asker_is_told_that_nobody_has_it() -> None:
    decision = after_failures(replace(tick(), intent=None), [posting(**REFUSED)])
    assert decision.letters[-1].words["backups"] == "none"


def test_original_is_asked_for_only_if_a_part_fails() -> None:
    assert calls_backups(tick(), [posting(**REFUSED)])
    for calm in ([posting()], [posting(2, "bka@de.example", **REFUSED)], [posting(**REFUSED, followed_up_at=NOW)]):
        assert not calls_backups(tick(), calm)


def reply(number: int = 1, recipient: str = "desk@fr.example", **changed: Any) -> Posting:
    return posting(number, recipient, **{"letter": "reply", "author": "DE", **changed})


def test_author_of_a_reply_is_told_and_no_part_changes() -> None:
    decision = failures(reply(**REFUSED), found=in_stage(PartStage.ANSWERED))
    assert readers_of(decision, "undelivered") == {"desk@de.example"}
    assert not decision.exchanges
    assert decision.letters[0].words["party"] == {"code": "FR", "name": "FR in English"}
    assert decision.entries[0].event is Event.FAILURE_TOLD


def test_each_reply_is_its_own() -> None:
    later = WRITTEN + timedelta(minutes=1)
    decision = failures(reply(1, **REFUSED), reply(2, created_at=later))
    assert len(decision.letters) == 1
    decision = failures(reply(1, **REFUSED), reply(2, created_at=later, author="IT", **REFUSED))
    assert [readers_of(replace(decision, letters=(letter,)), "undelivered") for letter in decision.letters] == [
        {"desk@de.example"},
        {"desk@it.example"},
    ]


def test_reader_of_a_blind_exchange_sees_no_other_target() -> None:
    """trust.md 6."""
    (told,) = failures(reply(**REFUSED), found=exchange(blind=True)).letters
    assert told.tag.targets == ("DE",)
    *_, told = failures(posting(**REFUSED), found=exchange(blind=True)).letters
    assert told.tag.targets == ("DE", "IT")  # the asker named them himself


# ---------------------------------------------------------------- after a failure, the clock


def test_reminders_of_a_failed_part_go_to_the_backup_which_gets_the_request_once() -> None:
    failed = failures(posting(**REFUSED)).exchanges[0]
    half = advance(tick(failed, at=WRITTEN + timedelta(hours=2)))
    assert readers_of(half, "reminder") >= {"night@de.example"}
    assert "desk@de.example" not in readers_of(half, "reminder")
    late = advance(tick(half.exchanges[0], at=WRITTEN + timedelta(hours=4)))
    assert readers_of(late, "reminder") >= {"night@de.example", "desk@de.example"}
    assert "night@de.example" not in readers_of(late, "request")


# ---------------------------------------------------------------- delays


def delays(*postings: Posting, found: Exchange | None = None, hours: float = 4, of: Network = NETWORK) -> Decision:
    return after_delays(tick(found, of, WRITTEN + timedelta(hours=hours)), postings)


@pytest.mark.parametrize(("urgent", "hours"), [(True, 4), (False, 24)])
def test_asker_hears_of_a_delay_after_its_time(urgent: bool, hours: int) -> None:
    late = posting(**QUEUED, urgent=urgent)
    assert delays(late, hours=hours - 0.1) == Decision()
    decision = delays(late, hours=hours)
    assert readers_of(decision, "delayed") == {"desk@fr.example"}
    assert decision.letters[0].words["since"] == WRITTEN
    assert decision.letters[0].envelope is Envelope.NULL
    assert decision.warned == (1,)
    assert decision.entries[0].event is Event.DELAY_TOLD
    assert not decision.exchanges


UNTOLD: Sequence[tuple[str, tuple[Posting, ...], tuple[int, ...]]] = [
    ("relay", (posting(1, "bka@de.example", **QUEUED),), (1,)),
    ("receipt", (posting(1, "desk@fr.example", letter="receipt", author=None, **QUEUED),), ()),
    ("other desk has it", (posting(1, **QUEUED), posting(2, "second@de.example")), (1,)),
    ("warned", (posting(1, **QUEUED, warned_at=NOW), posting(2, "second@de.example", **QUEUED)), (2,)),
    ("sent", (posting(1),), ()),
]


@pytest.mark.parametrize(("postings", "warned"), [row[1:] for row in UNTOLD], ids=[row[0] for row in UNTOLD])
def test_delay_that_is_not_told(postings: tuple[Posting, ...], warned: tuple[int, ...]) -> None:
    assert delays(*postings, of=with_party(TWO_DESKS)) == noted(warned=warned)


def test_two_late_desks_are_one_warning() -> None:
    decision = delays(posting(1, **QUEUED), posting(2, "second@de.example", **QUEUED), of=with_party(TWO_DESKS))
    assert len(decision.letters) == 1
    assert decision.warned == (1, 2)


def test_other_desk_that_refused_does_not_hide_the_delay() -> None:
    assert delays(posting(1, **QUEUED), posting(2, "second@de.example", **REFUSED), of=with_party(TWO_DESKS)).letters


@pytest.mark.parametrize("done", [PartStage.ANSWERED, PartStage.UNDELIVERABLE])
def test_delay_of_what_is_answered_or_failed_is_no_news(done: PartStage) -> None:
    assert not delays(posting(**QUEUED), found=in_stage(done)).letters


def test_author_of_a_late_reply_is_told() -> None:
    assert readers_of(delays(reply(**QUEUED)), "delayed") == {"desk@de.example"}
