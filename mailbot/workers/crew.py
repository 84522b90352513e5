"""Hands beside the thread that decides: threads that open mails ahead of their turn, and seal letters side by side.

Most of the time of a mail is gpg's, which runs in processes of its own; so on two cores two of them run at once.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from mailbot.core.mail import OpenedMail

Given = TypeVar("Given")
Made = TypeVar("Made")
P = ParamSpec("P")

FEWEST = 2  # hands of each kind; on one core they still fill each other's pauses


@dataclass(frozen=True, slots=True)
class Begun:
    """A mail whose try is counted. With `opening` it is being opened before its turn; `wrapping` seals it to the robot
    itself, for it is kept, nearly always.
    """

    tries: int
    opening: "Future[OpenedMail] | None" = None
    wrapping: "Future[bytes] | None" = None
    alone: bool = False  # no other waits behind it

    def cancel(self) -> None:
        """What runs already runs to its end, and nobody waits for it."""
        for future in (self.opening, self.wrapping):
            if future:
                future.cancel()


class Crew:
    """The threads. Those that open never keep those waiting that seal: a mail whose turn it is goes first."""

    def __init__(self, hands: int | None = None) -> None:
        """As many hands of each kind as there are cores; a thread is only made when there is work for it."""
        hands = hands or max(FEWEST, len(os.sched_getaffinity(0)))
        self._ahead = ThreadPoolExecutor(hands, "open")
        self._beside = ThreadPoolExecutor(hands, "seal")

    def ahead(self, work: Callable[P, Made], *args: P.args, **more: P.kwargs) -> "Future[Made]":
        """Do it as soon as there is a hand."""
        return self._ahead.submit(work, *args, **more)

    def beside(self, work: Callable[P, Made], *args: P.args, **more: P.kwargs) -> "Future[Made]":
        """Do it while this thread does something else for the same mail."""
        return self._beside.submit(work, *args, **more)

    def each(self, work: Callable[[Given], Made], things: Sequence[Given]) -> list[Made]:
        """What `work` makes of each of these: the first is done here, the others beside it."""
        others = [self.beside(work, thing) for thing in things[1:]]
        return [work(thing) for thing in things[:1]] + [other.result() for other in others]

    def close(self) -> None:
        """Wait for what is still being done."""
        for pool in (self._ahead, self._beside):
            pool.shutdown(cancel_futures=True)
