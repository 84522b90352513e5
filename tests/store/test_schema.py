"""Column types: what goes in comes out, on both databases."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import StatementError

from mailbot.store.engine import reading, writing
from mailbot.store.schema import exchanges, held, metadata, notices, rfc3339, storable
from tests.store.samples import NOW


def noticed(engine: Engine, address: str, at: datetime) -> tuple[str, datetime]:
    """What a row reads like after it was written."""
    with writing(engine) as connection:
        connection.execute(insert(notices).values(address=address, sent_at=at))
    with reading(engine) as connection:
        row = connection.execute(select(notices)).one()
    return row.address, row.sent_at


@pytest.mark.parametrize(
    "at",
    [
        NOW,
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=-11, minutes=-30))),
    ],
)
def test_times_come_back_aware_in_utc_and_exact(engine: Engine, at: datetime) -> None:
    _, back = noticed(engine, "a", at)
    assert back == at
    assert back.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(engine: Engine) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        noticed(engine, "a", NOW.replace(tzinfo=None))


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_written_times_sort_as_times_do(one: datetime, other: datetime) -> None:
    assert (rfc3339(one) < rfc3339(other)) == (one < other)
    assert len(rfc3339(one)) == 27


@pytest.mark.parametrize(
    ("claimed", "kept"),
    [
        ("plain@example.org", "plain@example.org"),
        ("Müller@例え.jp 🦊", "Müller@例え.jp 🦊"),
        ("nul\0byte", "nul\ufffdbyte"),
        ("lone\ud800surrogate", "lone\ufffdsurrogate"),
        ("\udcff8bit", "\ufffd8bit"),
        ("'; DROP TABLE journal; --", "'; DROP TABLE journal; --"),
    ],
)
def test_text_that_a_hostile_mail_claims_can_be_stored(engine: Engine, claimed: str, kept: str) -> None:
    assert noticed(engine, claimed, NOW)[0] == kept


@given(st.text(st.characters(exclude_categories=())))
def test_storable_text_can_be_encoded_and_is_left_alone_then(text: str) -> None:
    once = storable(text)
    assert "\0" not in once
    assert storable(once) == once == once.encode().decode()


def test_every_table_is_strict_and_says_what_may_be_absent() -> None:
    for table in metadata.sorted_tables:
        assert table.dialect_options["sqlite"]["strict"], table.name
    optional = {
        f"{column.table.name}.{column.name}" for t in metadata.sorted_tables for column in t.c if column.nullable
    }
    assert optional == {
        "exchanges.closed_at",
        "held.party",
        "incoming.event",
        "incoming.reference",
        "journal.reference",
        "journal.party",
        "replays.reference",
        "ringing.told_at",
        "ringing.over_at",
        "rounds.closed_at",
        "rounds.shared_at",
        "outbox.body_id",
        "outbox.author",
        "outbox.reference",
        "outbox.party",
        "outbox.settled_at",
        "outbox.last_status",
        "outbox.reported",
        "outbox.reported_status",
        "outbox.reported_at",
        "outbox.warned_at",
        "outbox.followed_up_at",
        "parts.cause",
        "parts.passed_on_at",
        "parts.acknowledged_at",
        "parts.answered_at",
        "parts.backed_up_at",
        "parts.half_at",
        "parts.deadline_at",
        "probes.obstacle",
        "probes.sent_at",
        "probes.reminded_at",
        "probes.backed_up_at",
        "probes.answered_at",
        "probes.reached_at",
        "probes.surest_at",
        "probes.assurance",
        "probes.encrypted",
        "probes.challenge_quoted",
        "probes.copy",
        "probes.sender",
        "probes.signer",
        "probes.automatic_at",
        "probes.opened_at",
        "questions.answered_at",
    }
    assert {held.c.number.nullable, exchanges.c.version.nullable} == {False}
