"""Given an exchange and the hour, then these reminders, backups and late parts."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mailbot.core.decision import Decision, Event, Moment, Network
from mailbot.core.judgement import understand
from mailbot.core.records import Cause, Exchange, Part, PartStage, Stage
from mailbot.core.tags import Word
from mailbot.core.ticks import Tick, advance, is_due, needs_original
from tests.core.cast import DIRECTORY, NETWORK, NOW, exchange, fingerprint, intent_of, mail, network, readers_of

OPENED = NOW - timedelta(hours=1)


def tick(found: Exchange, at: datetime, of: Network = NETWORK) -> Tick:
    return Tick(found, of, Moment(at, "2026-0042", b"\x07" * 32), intent_of(mail(digest=found.original)))


def after(found: Exchange, hours: float, of: Network = NETWORK) -> Decision:
    return advance(tick(found, OPENED + timedelta(hours=hours), of))


def only(part: Part, **changed: object) -> Exchange:
    return exchange(parts=(part,), **changed)


PASSED_ON = Part("DE", PartStage.PASSED_ON, passed_on_at=OPENED)
ACKNOWLEDGED = replace(PASSED_ON, stage=PartStage.ACKNOWLEDGED, acknowledged_at=NOW)
ANSWERED = replace(PASSED_ON, stage=PartStage.ANSWERED, answered_at=NOW)
WAITING = Part("IT", PartStage.WAITING, cause=Cause.NO_CERTIFICATE)


def test_nothing_is_due_in_the_first_half() -> None:
    assert not is_due(tick(exchange(), OPENED + timedelta(minutes=119)))


def test_at_half_the_time_the_desk_is_reminded_once() -> None:
    decision = after(only(PASSED_ON), 2)
    assert readers_of(decision, "reminder") == {"desk@de.example"}
    assert not readers_of(decision, "request")
    assert not is_due(tick(decision.exchanges[0], OPENED + timedelta(hours=3)))
    assert decision.entries[0].event is Event.REMINDED


def test_at_the_deadline_the_backup_gets_the_request_itself() -> None:
    found = only(replace(PASSED_ON, reminders=1))
    assert needs_original(tick(found, OPENED + timedelta(hours=4)))
    decision = after(found, 4)
    assert readers_of(decision, "request") == {"night@de.example"}
    assert readers_of(decision, "reminder") == {"desk@de.example", "night@de.example"}
    assert not is_due(tick(decision.exchanges[0], OPENED + timedelta(days=300)))


def test_robot_that_slept_through_half_time_calls_the_backup_at_once() -> None:
    assert readers_of(after(only(PASSED_ON), 30), "request") == {"night@de.example"}


@pytest.mark.parametrize(
    "found",
    [
        only(ANSWERED),
        only(PASSED_ON, stage=Stage.CLOSED),
        only(PASSED_ON, kind=Word.INFO),
    ],
)
def test_answered_closed_or_mere_information_calls_for_nothing(found: Exchange) -> None:
    assert not is_due(tick(found, OPENED + timedelta(hours=5)))


def test_acknowledged_part_is_left_alone_until_the_deadline() -> None:
    assert not is_due(tick(only(ACKNOWLEDGED), OPENED + timedelta(hours=3)))
    assert readers_of(after(only(ACKNOWLEDGED), 4), "reminder")


def test_part_is_passed_on_as_soon_as_its_certificate_arrives() -> None:
    without = network(DIRECTORY, fingerprint("deskIT"))
    assert not is_due(tick(only(WAITING), NOW, without))
    decision = advance(tick(only(WAITING), NOW))
    assert readers_of(decision, "request") == {"desk@it.example"}
    part = decision.exchanges[0].parts[0]
    assert (part.stage, part.cause, part.passed_on_at) == (PartStage.PASSED_ON, None, NOW)


def test_part_that_waited_too_long_is_given_up_and_the_asker_told() -> None:
    without = network(DIRECTORY, fingerprint("deskIT"))
    decision = after(only(WAITING), 24 * 30, without)
    assert decision.exchanges[0].parts[0].stage is PartStage.EXPIRED
    assert readers_of(decision, "expired") == {"desk@fr.example"}


def test_what_cannot_be_vouched_for_any_more_is_given_up_and_the_asker_told() -> None:
    """The original is gone, or its author's key was revoked since (trust.md 12)."""
    forgotten = replace(tick(only(WAITING), NOW), intent=None)
    struck_out = network(replace(DIRECTORY, struck_out=frozenset({fingerprint("deskFR")})))
    revoked = replace(tick(only(WAITING), NOW), intent=understand(mail(digest="a" * 64), struck_out))
    for now in (forgotten, revoked):
        decision = advance(now)
        assert decision.exchanges[0].parts[0].stage is PartStage.EXPIRED
        assert readers_of(decision, "expired") == {"desk@fr.example"}
        assert not readers_of(decision, "request")


def test_suspended_party_gets_nothing_at_the_deadline() -> None:
    suspended = network(DIRECTORY.suspending(frozenset({"DE"})))
    assert after(only(PASSED_ON), 5, suspended).letters == ()


def test_nothing_waits_for_a_suspended_asker_or_a_closed_exchange() -> None:
    suspended = network(DIRECTORY.suspending(frozenset({"FR"})))
    assert not is_due(tick(only(WAITING), NOW, suspended))
    assert not is_due(tick(only(WAITING, stage=Stage.CLOSED), NOW + timedelta(days=60)))


def test_backup_is_not_reminded_of_what_it_never_got() -> None:
    forgotten = replace(tick(only(PASSED_ON), OPENED + timedelta(hours=5)), intent=None)
    assert readers_of(advance(forgotten), "reminder") == {"desk@de.example"}


def test_reminder_of_a_blind_exchange_names_no_other_target() -> None:
    decision = after(exchange(blind=True), 2)
    assert {letter.tag.targets for letter in decision.letters} == {("DE",), ("IT",)}


POLICE_OWED = replace(PASSED_ON, owed=("bka@de.example",))


def test_relay_whose_certificate_arrives_later_gets_its_copy() -> None:
    without = network(DIRECTORY, fingerprint("bkaDE"))
    assert not is_due(tick(only(POLICE_OWED), NOW, without))
    decision = advance(tick(only(POLICE_OWED), NOW))
    assert readers_of(decision, "request") == {"bka@de.example"}
    assert decision.exchanges[0].parts[0].owed == ()
    assert decision.exchanges[0].parts[0].stage is PartStage.PASSED_ON


@pytest.mark.parametrize("changed", [{"stage": Stage.CLOSED}, {"deadline": NOW + timedelta(days=1)}])
def test_nothing_is_owed_to_a_suspended_party_or_in_a_closed_exchange(changed: dict[str, object]) -> None:
    of = network(DIRECTORY.suspending(frozenset({"DE"}))) if "deadline" in changed else NETWORK
    assert not is_due(tick(only(POLICE_OWED, **changed), NOW, of))
