"""What time and deliveries call for in a running round: sending, reminders, backups, and nothing after the deadline."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mailbot.core.decision import Decision, Event, Network
from mailbot.core.postings import Posting, Report, State
from mailbot.core.rounds.advancing import Turn, advance, is_over
from mailbot.core.rounds.records import Copy, Obstacle, Probe, ProbeStage, Round
from tests.core.cast import DIRECTORY, NETWORK, NOW, fingerprint, network, readers_of
from tests.core.rounds.ring import GIVEN, ROUND, at, begin, challenge_to, letter_to, probe_of

HALF, DEADLINE = NOW + GIVEN / 2, NOW + GIVEN
REACHED = {
    "stage": ProbeStage.REACHED,
    "answered_at": NOW + timedelta(minutes=3),
    "reached_at": NOW + timedelta(minutes=3),
}


def with_probe(party: str, **changed: object) -> Round:
    return ROUND.with_probes({party: replace(probe_of(party), **changed)})  # type: ignore[arg-type]


def later(
    now: datetime, round_: Round = ROUND, net: Network = NETWORK, *, failed: dict[str, Sequence[Posting]] | None = None
) -> Decision:
    return advance(Turn(round_, net, at(now), (9, "def"), failed or {}))


def changed(decision: Decision) -> dict[str, Probe]:
    return {probe.party: probe for probe in decision.probes}


def copy_to(recipient: str, party: str, state: State = State.SENT, report: Report | None = None) -> Posting:
    reported = {"reported": report, "reported_status": "5.1.1"} if report else {}
    return Posting(
        id=hash(recipient) % 1000,
        recipient=recipient,
        purpose="probe",
        letter="probe",
        author=None,
        reference="P-12",
        party=party,
        urgent=False,
        state=state,
        attempts=1,
        created_at=NOW,
        due_at=NOW,
        settled_at=NOW,
        last_status="5.7.1" if state is State.REFUSED else "250",
        message_id="<x>",
        **reported,  # type: ignore[arg-type]
    )


# ---------------------------------------------------------------- reminders


def test_nothing_before_half_of_the_time() -> None:
    assert later(HALF - timedelta(seconds=1)) == Decision()


def test_at_half_of_the_time_the_desks_once_more_and_their_backups() -> None:
    decision = later(HALF)
    assert readers_of(decision, "probe-reminder") == {f"desk@{code}.example" for code in ("de", "eu", "fr", "it")}
    assert readers_of(decision, "probe-backup") == {"night@de.example"}
    reminder, backup = letter_to("desk@de.example", decision), letter_to("night@de.example", decision)
    assert reminder.tag.token == probe_of("DE").token
    assert backup.tag.token == probe_of("DE").backup_token
    assert reminder.words["left"] == GIVEN / 2
    assert reminder.words["added"] == "", "the secretariat's words are not kept"
    assert reminder.words["anchor"] == {"number": 9, "hash": "def"}


def test_every_copy_has_a_new_challenge() -> None:
    decision = later(HALF)
    words = {challenge_to(address).word for address in ("desk@de.example", "desk@fr.example")}
    assert not words & {challenge.word for challenge in decision.challenges}
    assert challenge_to("night@de.example", decision).copy is Copy.BACKUP
    assert len({challenge.word for challenge in decision.challenges}) == len(decision.letters)


def test_nobody_is_reminded_twice() -> None:
    decision = later(HALF)
    again = ROUND.with_probes(changed(decision))
    assert later(HALF + timedelta(minutes=1), again) == Decision()


def test_who_was_reached_is_left_in_peace() -> None:
    decision = later(HALF, with_probe("DE", **REACHED))
    assert "desk@de.example" not in readers_of(decision, "probe-reminder")
    assert readers_of(decision, "probe-backup") == set()


def test_what_is_unconfirmed_stops_no_reminder_and_no_backup() -> None:
    """trust.md 9."""
    decision = later(HALF, with_probe("DE", stage=ProbeStage.UNCONFIRMED, answered_at=NOW))
    assert letter_to("desk@de.example", decision).words["unconfirmed"] is True
    assert readers_of(decision, "probe-backup") == {"night@de.example"}


def test_nothing_goes_to_a_party_that_was_suspended_meanwhile() -> None:
    decision = later(HALF, net=network(DIRECTORY.suspending(frozenset({"DE"}))))
    assert "DE" not in changed(decision)


def test_nothing_goes_out_after_the_deadline() -> None:
    assert later(DEADLINE) == Decision()
    assert is_over(Turn(ROUND, NETWORK, at(DEADLINE)))
    assert not is_over(Turn(ROUND, NETWORK, at(DEADLINE - timedelta(seconds=1))))


def test_the_journal_has_a_row_for_what_happened_to_all_of_them() -> None:
    entries = {(entry.event, entry.facts["what"]): entry for entry in later(HALF).entries}
    assert entries[Event.REMINDED, "probe-reminder"].facts["parties"] == "DE, EU, FR, IT"
    assert entries[Event.REMINDED, "probe-backup"].party == "DE"


# ---------------------------------------------------------------- failures


def test_a_desk_that_cannot_be_reached_calls_its_backups_at_once() -> None:
    bounced = copy_to("desk@de.example", "DE", report=Report.UNDELIVERABLE)
    decision = later(NOW + timedelta(minutes=1), failed={"DE": [bounced]})
    probe = changed(decision)["DE"]
    assert (probe.stage, probe.failure) == (ProbeStage.UNDELIVERABLE, "5.1.1")
    assert readers_of(decision, "probe-backup") == {"night@de.example"}
    assert readers_of(decision, "probe-reminder") == set()
    assert decision.followed_up == (bounced.id,)


def test_one_desk_of_several_is_enough() -> None:
    other = replace(DIRECTORY.parties["DE"].desks[0], address="second@de.example")
    party = replace(DIRECTORY.parties["DE"], addresses=(other, *DIRECTORY.parties["DE"].addresses))
    net = network(replace(DIRECTORY, parties={**DIRECTORY.parties, "DE": party}))
    mails = [copy_to("desk@de.example", "DE", State.REFUSED), copy_to("second@de.example", "DE")]
    decision = later(NOW + timedelta(minutes=1), net=net, failed={"DE": mails})
    assert decision.probes == ()
    assert decision.followed_up == (mails[0].id,)


def test_a_delay_is_no_failure() -> None:
    late = copy_to("desk@de.example", "DE", State.QUEUED, Report.DELAYED)
    assert later(NOW + timedelta(minutes=1), failed={"DE": [late]}) == Decision()


def test_without_a_usable_certificate_the_backups_are_asked_at_once_and_the_desk_when_it_has_one() -> None:
    lame = network(DIRECTORY, fingerprint("deskDE"))
    begun = begin("[PING DE]", lame).rounds[0]
    assert begun.probes[0].obstacle is Obstacle.NO_CERTIFICATE
    soon = later(NOW + timedelta(minutes=1), begun, lame)
    assert readers_of(soon, "probe-backup") == {"night@de.example"}
    mended = later(HALF, begun.with_probes(changed(soon)))
    probe = changed(mended)["DE"]
    assert readers_of(mended, "probe") == {"desk@de.example"}
    assert (probe.stage, probe.sent_at, probe.deadline) == (ProbeStage.SENT, HALF, DEADLINE)


# ---------------------------------------------------------------- planned probes


def planned(due: datetime) -> Round:
    probe = replace(probe_of("FR"), stage=ProbeStage.PLANNED, sent_at=None, due_at=due, deadline=due + GIVEN)
    return replace(ROUND, probes=(probe,), deadline=due + GIVEN)


def test_a_planned_probe_goes_out_when_its_time_has_come() -> None:
    due = NOW + timedelta(hours=1)
    assert later(due - timedelta(seconds=1), planned(due)) == Decision()
    decision = later(due, planned(due))
    assert readers_of(decision, "probe") == {"desk@fr.example"}
    assert changed(decision)["FR"].sent_at == due


def test_one_that_goes_out_late_is_waited_for() -> None:
    late = NOW + timedelta(minutes=40)
    decision = later(late, planned(NOW))
    assert changed(decision)["FR"].deadline == late + GIVEN
    assert decision.rounds[0].deadline == late + GIVEN


def test_one_whose_time_is_over_was_missed() -> None:
    decision = later(DEADLINE, planned(NOW))
    assert changed(decision)["FR"].obstacle is Obstacle.MISSED
    assert decision.letters == ()
