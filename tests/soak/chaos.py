"""What goes wrong: one mishap after the other, drawn at random from a seed."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.servers.badsmtp import CLOSING, CUT, PERMANENT, SILENT, TEMPORARY, Misbehaviour, Step, slow
from tests.servers.postgres import Postgres
from tests.soak.network import Network

DAWDLING = [slow(step, 1.0) for step in Step]
Mishap = Callable[[], None]


class Chaos(threading.Thread):
    """Mishaps until told to stop; `happened` counts them by name."""

    def __init__(
        self, network: Network, postgres: Postgres | None, chance: random.Random, pause: tuple[float, float] = (0.5, 2)
    ) -> None:
        """`pause`: seconds between two mishaps, from and to."""
        super().__init__(name="chaos")
        self.pause = pause
        self.network, self.postgres, self.chance = network, postgres, chance
        self.happened: Counter[str] = Counter()
        self.problem: BaseException | None = None
        self._over = threading.Event()

    def run(self) -> None:
        """Every third time a robot is killed, as a rule every 3 to 7 seconds. Postfix is kept awake."""
        others, count = self._others(), 0
        try:
            while not self._over.wait(self.chance.uniform(*self.pause)):
                count += 1
                self.network.postfix.flush()
                self._happen(self.chance.choice(others) if count % 3 else self._kill)
        except BaseException as problem:  # noqa: BLE001 - told by end()
            self.problem = problem

    def end(self) -> None:
        """The last mishap is over, and everything works again."""
        self._over.set()
        self.join()
        self.network.calm()
        if self.problem:
            raise self.problem

    def _happen(self, mishap: Mishap) -> None:
        self.happened[mishap.__name__.strip("_").replace("_", " ")] += 1
        mishap()

    def _others(self) -> Sequence[Mishap]:
        of_postgres = [self._cut_database, self._restart_database, self._kill_database] if self.postgres else []
        return [
            *[self._refuse, self._refuse, self._refuse],
            *[self._cut_wire, self._cut_wire, self._stall_wire],
            *[self._cut_smtp, self._restart_smtp],
            *[self._restart_imap, self._kill_imap, self._freeze_imap],
            *[self._restart_postfix, *of_postgres],
        ]

    # ---------------------------------------------------------------- robots

    def _kill(self) -> None:
        """Mostly one that is at work: where the machine is busy, a start may take longer than the time between kills,
        and then nothing would ever be done that could go wrong.
        """
        robot = self.chance.choice([robot for robot in self.network.robots if robot.is_at_work] or [None])
        if robot is None and self.chance.random() < 0.25:
            robot = self.chance.choice(self.network.robots)
        if robot is None:
            self.happened["kill"] -= 1
        elif self.chance.random() < 0.25:
            robot.kill_child()
        else:
            robot.kill()
            robot.start()

    # ---------------------------------------------------------------- SMTP

    def _refuse(self) -> None:
        """Some misbehaviours, each a few times: 4xx, 421, cuts, silence, dawdling at any step, and 5xx once."""
        chosen = [self._some(kind, 3) for kind in (TEMPORARY, CLOSING, CUT, DAWDLING)]
        self.network.front.misbehave(*chosen, self._some(SILENT, 1), self._some(PERMANENT, 1))

    def _some(self, kind: Sequence[Misbehaviour], times: int) -> Misbehaviour:
        one = self.chance.choice(kind)
        return Misbehaviour(one.name, one.step, one.act, one.reply, one.seconds, times=self.chance.randint(1, times))

    def _cut_smtp(self) -> None:
        self.network.front.drop_connections()

    def _restart_smtp(self) -> None:
        self.network.front.stop()
        time.sleep(self.chance.uniform(0, 2))
        self.network.front.start()

    # ---------------------------------------------------------------- IMAP and what comes in

    def _cut_wire(self) -> None:
        self.network.wire.cut_after(self.chance.randrange(1, 30_000))

    def _stall_wire(self) -> None:
        self.network.wire.stall(self.chance.uniform(0.5, 5))

    def _restart_imap(self) -> None:
        self.network.dovecot.restart()

    def _kill_imap(self) -> None:
        self.network.dovecot.kill()
        self.network.dovecot.start()

    def _freeze_imap(self) -> None:
        self.network.dovecot.freeze()
        time.sleep(self.chance.uniform(0.5, 4))
        self.network.dovecot.thaw()

    def _restart_postfix(self) -> None:
        self.network.postfix.restart()

    # ---------------------------------------------------------------- PostgreSQL

    def _cut_database(self) -> None:
        assert self.postgres
        self.postgres.cut_connections()

    def _restart_database(self) -> None:
        assert self.postgres
        self.postgres.restart()

    def _kill_database(self) -> None:
        assert self.postgres
        self.postgres.kill()
        time.sleep(self.chance.uniform(0, 2))
        self.postgres.start()
