"""A robot in a process of its own that is killed at a point named from outside; nothing of this is in the product.

Started once, it answers each line of JSON on its standard input, an `Order`, with one line: how the robot ended. Each
order is a fork, so that the modules are loaded once; the fork opens everything, works, and is killed by SIGKILL if the
order says where.
"""

import json
import logging
import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol

from mailbot import wiring
from mailbot.config import load
from mailbot.core.decision import Event
from mailbot.mail.gpg import Gpg
from mailbot.store import journal
from mailbot.store.memory import Memory
from mailbot.store.moves import Moves
from mailbot.store.outbox import Outbox
from mailbot.wire import smtp
from mailbot.wire.imap import Mailbox

LONGEST = timedelta(seconds=61)  # the lease of a mail whose sender was killed
MOST_ROUNDS = 8
OPEN = "open_mail"  # as wiring knows it

Called = tuple[Any, ...]


@dataclass(frozen=True)
class Call:
    """An outside call: where it hangs, and which of its calls are meant."""

    owner: Any
    name: str
    meant: Callable[[Called], bool] = lambda _: True


def _is_data(args: Called) -> bool:
    return b"DATA" in args


def _is_mail(args: Called) -> bool:
    return bytes(args[1]).endswith(b"\r\n.\r\n")


def _is_outcome(args: Called) -> bool:
    return bool(args[1]) and args[1][0].event in {Event.DELIVERED, Event.FAILED, Event.DEFERRED}


def _of_clock(*wanted: Event) -> Callable[[Called], bool]:
    """A record that no mail led to, with such an entry."""
    return lambda args: args[1] is None and any(entry.event in wanted for entry in args[2].entries)


# The journal's rows are the last statement of a transaction, so what is killed after them is killed before COMMIT.
CALLS = {
    "connect to the mailbox": Call(Mailbox, "connect"),
    "fetch": Call(Mailbox, "fetch_new"),
    "count the tries": Call(Memory, "count_tries"),
    "open": Call(wiring, OPEN),
    "seal": Call(Gpg, "seal"),
    "record": Call(Memory, "record", lambda args: args[1] is not None),
    "last statement of the record": Call(journal, "append", lambda args: not _is_outcome(args)),
    "move": Call(Mailbox, "file_away"),
    "tick's record": Call(Memory, "record", lambda args: args[1] is None),
    "record of probes": Call(Memory, "record", _of_clock(Event.PING_STARTED)),
    "record of a challenge": Call(Memory, "record", _of_clock(Event.KEY_CHALLENGED)),
    "record of the digest": Call(Memory, "record", _of_clock(Event.DIGEST_SENT)),
    "move of a dropped mail": Call(Mailbox, "refile"),
    "end of its wish": Call(Moves, "done"),
    "claim": Call(Outbox, "claim"),
    "connect to the server": Call(smtp, "_connect"),
    "DATA": Call(aiosmtplib.SMTP, "execute_command", _is_data),
    "octets and final dot": Call(SMTPProtocol, "write", _is_mail),
    "settle": Call(Outbox, "settle"),
    "last statement of settle": Call(journal, "append", _is_outcome),
}


@dataclass(frozen=True)
class Order:
    """`kill`: "before", "after" or "amid" the call; `stall`: a word; a mail with it in its header is never opened."""

    config: str
    hours: float = 0.0  # that the robot's clock is ahead
    kill: str = ""
    call: str = ""
    nth: int = 1
    stall: str = ""
    die: str = ""  # a mail with this word in its header kills the robot when it is opened
    rounds: int = 1

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


# ---------------------------------------------------------------- the switch


def die() -> None:
    """As when the plug is pulled: nothing is flushed, closed or told."""
    os.kill(os.getpid(), signal.SIGKILL)


def wrap(call: Call, kill: str, nth: int) -> None:
    """Die at the nth call of this, from now on."""
    inner, count = getattr(call.owner, call.name), 0

    def due(args: Called) -> bool:
        nonlocal count
        count += call.meant(args)
        return bool(call.meant(args)) and count == nth

    def begin(args: Called) -> bool:
        meant = due(args)
        if meant and kill == "before":
            die()
        if meant and kill == "amid":
            inner(args[0], args[1][: len(args[1]) // 2])
            die()
        return meant

    @wraps(inner)
    async def awaited(*args: Any, **more: Any) -> Any:
        meant = begin(args)
        result = await inner(*args, **more)
        return die() if meant else result

    @wraps(inner)
    def called(*args: Any, **more: Any) -> Any:
        meant = begin(args)
        result = inner(*args, **more)
        return die() if meant else result

    setattr(call.owner, call.name, awaited if iscoroutinefunction(inner) else called)


def poison(stall: str, deadly: str) -> None:
    """Mails with these words in them stall the robot, in C, where no thread gets its turn, or kill it."""
    inner = getattr(wiring, OPEN)

    def opened(incoming: Any, **more: Any) -> Any:
        if deadly and deadly.encode() in incoming.octets:
            die()
        if stall and stall.encode() in incoming.octets:
            re.match(r"(a+)+$", "a" * 64 + "b")
        return inner(incoming, **more)

    setattr(wiring, OPEN, opened)


# ---------------------------------------------------------------- the robot


def watch_the_database(event: str, args: tuple[Any, ...]) -> None:
    """Nobody but SQLite opens its files: to close such a descriptor would end every lock that this process has on them
    (sqlite.org/howtocorrupt.html §2.2). To make one that is not there yet is fine.
    """
    if event == "open" and re.search(r"\.sqlite(-wal|-shm)?$", str(args[0])) and not args[2] & os.O_EXCL:
        raise AssertionError(f"{args[0]} was opened")


def work(order: Order) -> dict[str, int]:
    """Rounds of the robot until nothing is owed; a mail that nobody answered for is due again after its lease."""
    if order.kill:
        wrap(CALLS[order.call], order.kill, order.nth)
    if order.stall or order.die:
        poison(order.stall, order.die)
    ahead = timedelta(hours=order.hours)
    filed = 0
    with wiring.Robot(load(Path(order.config)), now=lambda: datetime.now(UTC) + ahead) as robot:
        for number in range(1, order.rounds + 1):
            done = robot.once()
            filed += done.filed
            if not done.queued:
                return {"rounds": number, "filed": filed}
            ahead += LONGEST
    return {"rounds": order.rounds, "filed": filed}


def obey(order: Order) -> dict[str, Any]:
    """Do it in a fork; what it said of itself, and how it ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        sys.addaudithook(watch_the_database)
        try:
            os.write(writer, json.dumps(work(order)).encode())
        except BaseException as problem:  # noqa: BLE001 - told to whoever gave the order
            os.write(writer, json.dumps({"problem": repr(problem)}).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        said = json.loads(told.read() or b"{}")
    _, status = os.waitpid(child, 0)
    return {"code": os.waitstatus_to_exitcode(status), **said}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    for line in sys.stdin.buffer:
        print(json.dumps(obey(Order(**json.loads(line)))), flush=True)
