"""The roll of the parties: since when each of them is in the configuration, so that a report can tell what changed."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from mailbot.core.decision import Decision, Entry, Event, Occasion

_FORM = "%Y-%m-%dT%H:%M:%SZ"
NAME = "membership"  # of its occasions; a turn is "2026-11-24T05:00:00Z +FR", or -FR


@dataclass(frozen=True, slots=True)
class Move:
    """A party that came or went."""

    at: datetime
    party: str
    joined: bool

    @property
    def turn(self) -> str:
        return f"{self.at.strftime(_FORM)} {'+' if self.joined else '-'}{self.party}"


def read_moves(turns: Iterable[str]) -> tuple[Move, ...]:
    """What the turns say, in order of time."""
    split = (turn.split(" ", 1) for turn in sorted(turns))
    return tuple(Move(datetime.fromisoformat(at), what[1:], what[0] == "+") for at, what in split)


def members_on(moves: Iterable[Move]) -> frozenset[str]:
    """Who is left after these."""
    there: set[str] = set()
    for move in moves:
        (there.add if move.joined else there.discard)(move.party)
    return frozenset(there)


def call(known: tuple[Move, ...], codes: Collection[str], now: datetime) -> Decision | None:
    """What is new in the configuration; None: nothing. The first call of all tells nobody of anything."""
    there = members_on(known)
    moves = [Move(now.astimezone(UTC), code, code in codes) for code in sorted(there ^ frozenset(codes))]
    if not moves:
        return None
    entries = [Entry(Event.JOINED if move.joined else Event.LEFT, party=move.party) for move in moves] if known else []
    return Decision(entries=tuple(entries), occasions=tuple(Occasion(NAME, move.turn) for move in moves))
