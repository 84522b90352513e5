"""Mail goes in while robots are killed and servers fail; at the end each mail is accounted for.

A short one is part of every run. The long one is started by hand: `python3 run.py test -m soak -s`, with SOAK_MAILS
(2000), SOAK_SECONDS (300: the time over which they go in) and SOAK_SEED in the environment.
"""

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine

from mailbot.store.engine import StatementRefused, StoreUnavailable, open_store
from mailbot.store.journal import Journal
from mailbot.store.memory import Memory
from mailbot.store.outbox import Outbox
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
from tests.servers.postgres import Postgres
from tests.sharing import show
from tests.soak.accounting import Account, Accountant
from tests.soak.chaos import Chaos
from tests.soak.mails import Posted, written
from tests.soak.network import Network, network
from tests.stories.world import Cast

STILL = (
    100.0  # seconds after the last mishap in which nothing at all happens: more than any pause, lease or wait of ours
)
CONNECTIONS = 2  # of one robot to the SMTP server, the default

databases = pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])


@databases
@pytest.mark.timeout(600)  # seconds; how long it takes to calm down is a matter of the machine, see settle()
def test_a_short_soak(request: pytest.FixtureRequest, place: Path, cast: Cast, database: str) -> None:
    soak(request, place, cast, database, mails=48, seconds=16, seed=5, pause=(0.2, 0.8))


@pytest.mark.soak
@databases
@pytest.mark.timeout(3600)
def test_a_long_soak(request: pytest.FixtureRequest, place: Path, cast: Cast, database: str) -> None:
    mails, seconds = int(os.environ.get("SOAK_MAILS", "2000")), float(os.environ.get("SOAK_SECONDS", "300"))
    seed = int(os.environ.get("SOAK_SEED", "0")) or random.SystemRandom().randrange(10**6)
    soak(request, place, cast, database, mails=mails, seconds=seconds, seed=seed)


def soak(
    request: pytest.FixtureRequest,
    place: Path,
    cast: Cast,
    database: str,
    *,
    mails: int,
    seconds: float,
    seed: int,
    pause: tuple[float, float] = (0.5, 2.0),
) -> None:
    dovecot: Dovecot = request.getfixturevalue("dovecot")
    postfix: Postfix = request.getfixturevalue("postfix")
    postgres: Postgres | None = request.getfixturevalue("postgres") if database == "PostgreSQL" else None
    posted = written(cast.people, mails, random.Random(seed))
    with network(place, cast, dovecot, postfix, postgres.database() if postgres else "") as soaked:
        for robot in soaked.robots:
            robot.start()
        begin = time.monotonic()
        chaos = Chaos(soaked, postgres, random.Random(seed), pause)
        chaos.start()
        try:
            post_all(soaked, posted, begin, seconds)
        finally:
            chaos.end()
        calm = time.monotonic()
        account = settle(soaked, posted)
        head = f"{database}, seed {seed}: {mails} mails in {calm - begin:.0f} s"
        lines = [head, *figures(soaked, chaos, account)]
        if account.repeated > repeatable(soaked, chaos):
            account.wrong.append(f"only {repeatable(soaked, chaos)} mails may have been repeated")
        show(request.node, "soak", lines)
        assert not account.wrong, "\n".join([*lines, *account.wrong[:30]])


def post_all(soaked: Network, posted: list[Posted], begin: float, seconds: float) -> None:
    """Spread over the time."""
    for number, mail in enumerate(posted):
        time.sleep(max(0.0, begin + seconds * number / len(posted) - time.monotonic()))
        soaked.post(mail.sender, mail.octets)


def settle(soaked: Network, posted: list[Posted]) -> Account:
    """Wait until all is quiet, stop the robots in order, and account for everything."""
    engine = open_store(soaked.url)
    try:
        calm_down(soaked, engine)
        codes = [robot.stop() for robot in soaked.robots]
        account = Accountant(soaked, engine).account(posted)
    finally:
        engine.dispose()
    for robot, code in zip(soaked.robots, codes, strict=True):
        if code:
            account.wrong.append(f"a robot ended with {code}: {robot.log[-2000:]}")
    return account


@dataclass(frozen=True)
class Left:
    """What is still to be done. Where two looks differ, something was done in between."""

    to_be_filed: int
    to_be_sent: int
    to_be_told: int  # failures
    journal: int  # rows; they grow before a mail is filed

    @property
    def nothing(self) -> bool:
        """Everything is filed and sent, and whoever is to be told of a failure was told."""
        return not (self.to_be_filed or self.to_be_sent or self.to_be_told)


def calm_down(soaked: Network, engine: Engine) -> None:
    """Wait for the end, for as long as something goes on.

    A limit on the whole would measure the machine: with 16 busy processes on its two cores a robot needs 13 s to start
    and a second for a mail, so that all of them are still to be done after the last mishap.
    """
    left, changed_at = look(soaked, engine), time.monotonic()
    while left is None or not left.nothing:
        time.sleep(1.0)
        before, left = left, look(soaked, engine)
        if left != before:
            changed_at = time.monotonic()
        if time.monotonic() - changed_at > STILL:
            said = "\n".join(robot.log[-5000:] for robot in soaked.robots)
            raise AssertionError(f"no end of it: {left}, {soaked.postfix.queue}\n{said}")


def look(soaked: Network, engine: Engine) -> Left | None:
    """None: somebody was too busy to answer, or no robot has made its tables yet."""
    try:
        queued, failed = Outbox(engine).depth().queued, len(Memory(engine).failed())
        return Left(soaked.waiting(), queued, failed, Journal(engine).head()[0])
    except (OSError, StoreUnavailable, StatementRefused):
        return None


def repeatable(soaked: Network, chaos: Chaos) -> int:
    """One mail for each connection on which a 250 may have been lost: by a kill, a cut, or the server."""
    happened, did = chaos.happened, soaked.front.did
    kills = sum(robot.kills for robot in soaked.robots)
    cuts = (happened["cut smtp"] + happened["restart smtp"]) * len(soaked.robots)
    return CONNECTIONS * (kills + cuts) + did["kept-drop"] + did["kept-hang"]


def figures(soaked: Network, chaos: Chaos, account: Account) -> list[str]:
    """What is shown in the end."""
    front = soaked.front
    lost = sum("lost" in what or "neither" in what for what in account.wrong)
    mishaps = ", ".join(f"{name} {count}" for name, count in sorted(chaos.happened.items()))
    misdeeds = ", ".join(f"{name} {count}" for name, count in sorted(front.did.items()))
    held = ", ".join(f"{reason} {count}" for reason, count in sorted(account.held.items()))
    after_the_dot = front.did["kept-drop"] + front.did["kept-hang"]
    kills, cuts = sum(robot.kills for robot in soaked.robots), soaked.wire.cuts + chaos.happened["cut smtp"]
    return [
        f"  kills {kills}, cuts {cuts}, longest delay {account.longest:.1f} s: acted on after {account.acted:.1f} s",
        f"  LOST {lost}, delivered {account.delivered}, bounced {account.bounced}, held {account.held.total()}: {held}",
        f"  relayed {account.relayed}, accepted in all {len(front.accepted)}, REPEATED {account.repeated}",
        f"  cut or silent after a mail was taken: {after_the_dot}; given to the hub twice by Postfix: {account.copies}",
        f"  mishaps: {mishaps}",
        f"  of the SMTP server: {misdeeds}",
    ]
