"""Outgoing mails for the core's tests, and what became of them."""

from dataclasses import replace
from datetime import timedelta

from mailbot.core.postings import Posting, State
from tests.core.cast import NOW

WRITTEN = NOW - timedelta(hours=1)


def posting(number: int = 1, recipient: str = "desk@de.example", **changed: object) -> Posting:
    """FR's urgent request to DE of an hour ago, taken by our server."""
    made = Posting(
        id=number,
        recipient=recipient,
        purpose="relay",
        letter="request",
        author="FR",
        reference="2026-0041",
        party=recipient.partition("@")[2][:2].upper(),
        urgent=True,
        state=State.SENT,
        attempts=1,
        created_at=WRITTEN,
        due_at=WRITTEN,
        settled_at=WRITTEN,
        last_status="250",
        message_id=f"<{number}@hub.example>",
    )
    return replace(made, **changed)  # type: ignore[arg-type]
