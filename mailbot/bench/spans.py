"""Where time goes: the steps of the robot's work, watched while it runs in this very process."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from inspect import iscoroutinefunction
from time import monotonic
from typing import Any

from mailbot import wiring
from mailbot.mail.gpg import Gpg
from mailbot.mail.writing import Writer
from mailbot.store.memory import Memory
from mailbot.store.outbox import Outbox
from mailbot.wire.imap import Mailbox
from mailbot.wire.smtp import Postman
from mailbot.workers import receive

# Step -> the calls that belong to it; what one of them calls of another step counts as that step's.
STEPS: dict[str, tuple[tuple[Any, str], ...]] = {
    "fetch": ((Mailbox, "fetch_new"),),
    "open": ((wiring, "open_mail"),),
    "decide": ((receive, "understand"), (Memory, "recall"), (receive, "decide")),
    "write": ((Writer, "write"),),
    "seal": ((Gpg, "seal"), (Gpg, "seal_to_self")),
    "commit": tuple((Memory, name) for name in ("count_tries", "fresh_reference", "record")),
    "file": ((Mailbox, "file_away"),),
    "send": ((Postman, "deliver"), (Outbox, "claim"), (Outbox, "settle")),
}


@dataclass(frozen=True, slots=True)
class Span:
    """One call of a step."""

    step: str
    call: str
    thread: str
    begin: float
    end: float
    own: float  # seconds of it that no step within it took


class Spans:
    """Everything that was seen since the last `clear`."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._seen: list[Span] = []
        self._within = threading.local()

    def clear(self) -> None:
        """Forget."""
        self._seen = []

    @property
    def seen(self) -> list[Span]:
        """In the order in which they ended."""
        return list(self._seen)

    @contextmanager
    def watching(self) -> Iterator["Spans"]:
        """Watch all steps of robots that are made within the block."""
        with ExitStack() as undoing:
            for step, calls in STEPS.items():
                for owner, name in calls:
                    inner = getattr(owner, name)
                    undoing.callback(setattr, owner, name, inner)
                    setattr(owner, name, self._watched(step, name, inner))
            yield self

    def _watched(self, step: str, name: str, inner: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(inner):  # nothing of ours is called within it

            @wraps(inner)
            async def awaited(*given: Any, **more: Any) -> Any:
                begin = monotonic()
                result = await inner(*given, **more)
                self._note(step, name, begin, 0.0)
                return result

            return awaited

        @wraps(inner)
        def called(*given: Any, **more: Any) -> Any:
            before, self._within.others = getattr(self._within, "others", 0.0), 0.0
            begin = monotonic()
            result = inner(*given, **more)
            self._note(step, name, begin, self._within.others)
            self._within.others = before + monotonic() - begin
            return result

        return called

    def _note(self, step: str, name: str, begin: float, others: float) -> None:
        end = monotonic()
        self._seen.append(Span(step, name, threading.current_thread().name, begin, end, end - begin - others))
