"""A robot in this process, so that its steps can be watched: the parts of `mailbot run`, a round at a time."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from mailbot.bench.spans import Span, Spans
from mailbot.bench.stage import Play
from mailbot.config import load
from mailbot.wire.imap import Mailbox
from mailbot.wire.smtp import Postman
from mailbot.wiring import Robot
from mailbot.workers.draining import drain
from mailbot.workers.housekeeping import Housekeeper
from mailbot.workers.loop import close_all
from mailbot.workers.receive import Receiver
from mailbot.workers.send import send_due
from mailbot.workers.tick import tick
from mailbot.workers.timekeeping import Timekeeper


@dataclass(frozen=True)
class Opened:
    """Connected to its mailbox, which it watches."""

    play: Play
    robot: Robot
    receiver: Receiver
    mailbox: Mailbox
    timekeeper: Timekeeper
    housekeeper: Housekeeper
    postmen: Sequence[Postman]
    loop: asyncio.Runner  # connections to the server are kept from round to round

    def round(self, spans: Spans) -> list[Span]:
        """One request to one desk: received, passed on, filed. Every step of it, in the order in which they ended."""
        asker, target, *_ = self.play.network.parties
        self.play.box.put(self.play.network.request(asker, f"REQUEST {target.code}"))
        spans.clear()
        if drain(self.mailbox, self.receiver, self.robot.watch) != 1:
            raise RuntimeError("the mail was not filed")
        self.loop.run(send_due(self.robot.outbox, self.postmen, self.robot.clock))
        return spans.seen

    def ticked(self) -> float:
        """Seconds of a round of the clock."""
        began = perf_counter()
        tick(self.receiver, self.timekeeper, self.housekeeper)
        return perf_counter() - began


@contextmanager
def opened(play: Play) -> Iterator[Opened]:
    """As `mailbot run` does before it looks into its mailbox."""
    with Robot(load(play.config)) as robot:
        receiver, timekeeper = robot.receiver(), robot.timekeeper()
        timekeeper.believes(robot.clock())
        robot.watch.acquire()
        postmen = robot.postmen()
        with robot.mailbox() as mailbox, asyncio.Runner() as loop:
            yield Opened(play, robot, receiver, mailbox, timekeeper, robot.housekeeper(), postmen, loop)
            loop.run(close_all(postmen))
