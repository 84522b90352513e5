"""The rounds that never end: receive and tick in one thread, send in another, each with its own growing back-off."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from threading import Event

from mailbot.store.engine import StoreUnavailable
from mailbot.store.handover import Handover
from mailbot.store.outbox import Outbox, Queued
from mailbot.store.watch import Watch
from mailbot.wire.bell import Bell
from mailbot.wire.imap import Mailbox, MailboxFailure
from mailbot.wire.smtp import Postman
from mailbot.workers.alarm import Alarm
from mailbot.workers.draining import NotWatching, drain, insist
from mailbot.workers.failures import Unable, tell
from mailbot.workers.health import DATABASE, MAILBOX, Health
from mailbot.workers.heartbeat import Heartbeat
from mailbot.workers.housekeeping import Housekeeper
from mailbot.workers.receive import Receiver
from mailbot.workers.send import send_due
from mailbot.workers.tick import tick
from mailbot.workers.timekeeping import Timekeeper

log = logging.getLogger(__name__)

LONGEST_PAUSE = 60.0  # seconds between two tries to reach the mailbox
TICK_EVERY = 30.0  # seconds: the shortest deadline is 15 minutes
STAND_BY = 3.0  # seconds between two looks whether the robot that watches the mailbox is gone
GRACE = 0.2  # seconds: what mails led to is sent before they are filed, for sender and receiver share one interpreter
OUTBOX_EVERY = 5.0  # seconds between looks at an outbox that another process may fill


@dataclass(slots=True)
class Signals:
    """How the loops are told to stop, and how receive tells send that there is mail to go."""

    stop: Event = field(default_factory=Bell)
    queued: Event = field(default_factory=Event)
    sent: Event = field(default_factory=Event)  # set while there is nothing to send, as far as is known
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    health: Health = field(default_factory=Health)


def pause(failures: int) -> float:
    """Seconds to wait after so many failures in a row: growing, and spread so that two robots do not march in step."""
    spread = random.uniform(0.75, 1.25)  # noqa: S311 - no secret
    return min(LONGEST_PAUSE, 2.0 ** min(failures, 10) / 2) * spread


# ---------------------------------------------------------------- receiving


def receive_forever(
    open_mailbox: Callable[[], Mailbox],
    receiver: Receiver,
    timekeeper: Timekeeper,
    housekeeper: Housekeeper,
    watch: Watch,
    signals: Signals,
) -> None:
    """Keep the mailbox watched until told to stop; a lost connection, a restarted server, is only a pause."""
    failures, alarm = 0, Alarm("no mail is taken from the mailbox")
    while not signals.stop.is_set():
        signals.heartbeat.beat("receive")
        try:
            timekeeper.believes(receiver.clock())  # a robot that only stands by and sends says it, too
            _stand_by(watch, signals)
            with open_mailbox() as mailbox:
                log.info("mailbox connected")
                while not signals.stop.is_set():
                    signals.heartbeat.beat("receive")
                    _do_what_is_due(mailbox, receiver, timekeeper, housekeeper, watch, signals)
                    alarm.over()
                    signals.health.well(MAILBOX)
                    signals.health.well(DATABASE)
                    failures = 0  # a whole round went well: only that ends the growing pauses
                    mailbox.wait(TICK_EVERY, signals.stop)
        except (MailboxFailure, NotWatching) as failure:
            failures += 1
            signals.health.failing(MAILBOX, receiver.clock())
            log.warning("mailbox %s", failure)
        except (Unable, StoreUnavailable) as outage:
            failures += 1
            signals.health.failing(DATABASE, receiver.clock())
            alarm.ring(outage)
        except Exception as broken:  # noqa: BLE001 - disk, database, a bug: the mail is still in INBOX
            failures += 1
            tell("receive", broken)
        if failures:
            _step_back(watch)
            signals.stop.wait(pause(failures))


def _stand_by(watch: Watch, signals: Signals) -> None:
    """Until the watch over the mailbox is ours, or we are told to stop."""
    told = False
    while not signals.stop.is_set() and not watch.acquire():
        if not told:
            log.info("another robot watches the mailbox")
        told = True
        signals.heartbeat.beat("receive")
        signals.health.well(MAILBOX)  # it is the other's
        signals.stop.wait(STAND_BY)


def _step_back(watch: Watch) -> None:
    """Another robot may reach what we cannot."""
    if watch.shared:
        watch.release()


def _do_what_is_due(
    mailbox: Mailbox,
    receiver: Receiver,
    timekeeper: Timekeeper,
    housekeeper: Housekeeper,
    watch: Watch,
    signals: Signals,
) -> None:
    insist(watch)
    drain(mailbox, receiver, watch, partial(_mail_was_done, signals), partial(signals.sent.wait, GRACE))
    housekeeper.refile(mailbox, clock_believed=timekeeper.believes(receiver.clock()))
    receiver.memory.note_contact(receiver.clock())
    if tick(receiver, timekeeper, housekeeper):
        signals.queued.set()


def _mail_was_done(signals: Signals) -> None:
    signals.sent.clear()
    signals.queued.set()
    signals.heartbeat.beat("receive")


# ---------------------------------------------------------------- sending


async def send_forever(
    outbox: Outbox, postmen: Sequence[Postman], clock: Callable[[], datetime], signals: Signals
) -> None:
    """Send what is due, then wait for more, until told to stop."""
    failures, wait, alarm, resumed = 0, 0.0, Alarm("no mail is sent"), False
    while not signals.stop.is_set():
        signals.heartbeat.beat("send")
        try:
            claimed = await asyncio.to_thread(_wait_and_claim, wait, outbox, clock, signals, resumed=resumed)
            resumed = True
            await send_due(outbox, postmen, clock, signals.stop, claimed)
            _nothing_left(signals)
            alarm.over()
            failures, wait = 0, OUTBOX_EVERY
        except StoreUnavailable as outage:
            failures += 1
            alarm.ring(outage)
        except Exception as broken:  # noqa: BLE001 - disk, database, a bug: the mail is still in the outbox
            failures += 1
            tell("send", broken)
        if failures:
            wait = pause(failures)
    await close_all(postmen)


def _wait_and_claim(
    seconds: float, outbox: Outbox, clock: Callable[[], datetime], signals: Signals, *, resumed: bool
) -> list[Queued]:
    """All in one thread, for every change of threads takes its time.

    After a look that finds nothing it waits on, unless it is the first that goes well: of that the caller must hear.
    """
    while True:
        expected = signals.queued.wait(seconds)
        if signals.stop.is_set():
            return []
        signals.queued.clear()
        if not resumed:
            outbox.resume(clock())
        claimed = outbox.claim(clock(), expected=expected)
        if claimed or seconds != OUTBOX_EVERY:
            return claimed
        signals.heartbeat.beat("send")
        _nothing_left(signals)


def _nothing_left(signals: Signals) -> None:
    if not signals.queued.is_set():
        signals.sent.set()


def hand_over_forever(handover: Handover, clock: Callable[[], datetime], signals: Signals) -> None:
    """Put what is owed where the sender finds it, and take over what became of it, until told to stop."""
    failures, alarm = 0, Alarm("no mail is handed over to the sender")
    while not signals.stop.is_set():
        signals.queued.clear()
        signals.heartbeat.beat("hand over")
        try:
            handover.exchange(clock())
            _nothing_left(signals)
            alarm.over()
            failures = 0
        except StoreUnavailable as outage:
            failures += 1
            alarm.ring(outage)
        except Exception as broken:  # noqa: BLE001 - disk, database, a bug: the mail is still in the outbox
            failures += 1
            tell("hand-over", broken)
        signals.queued.wait(pause(failures) if failures else OUTBOX_EVERY)


async def close_all(postmen: Sequence[Postman]) -> None:
    """Say good-bye on every connection."""
    await asyncio.gather(*(postman.close() for postman in postmen))
