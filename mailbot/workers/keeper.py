"""The network and its keyring as configuration, key files and database have them now; made afresh when they change."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from mailbot.core.certificates import Fingerprint
from mailbot.core.decision import Network
from mailbot.core.pins import Amendments
from mailbot.mail.gpg import Gpg
from mailbot.mail.keyring import Keyring
from mailbot.store.memory import Memory

log = logging.getLogger(__name__)

Build = Callable[[Amendments, Mapping[Fingerprint, bytes], datetime], tuple[Keyring, Network]]
"""A keyring with the robot's key, and the network that goes with it. Raises GpgFailure, OSError, or KeyProblems."""


class Keeper:
    """One for each robot. `renew` belongs to the thread that receives; the others see what it leads to."""

    def __init__(self, memory: Memory, build: Build, now: datetime) -> None:
        """Raises what `build` raises, and StoreUnavailable."""
        self._memory, self._build = memory, build
        self._lent: list[Gpg] = []
        self._before: Keyring | None = None
        self._stamp = memory.amended()
        amendments = memory.amendments()
        self._turns_at = amendments.next_change(now)
        self.keyring, self.network = build(amendments, memory.certificates(), now)

    def lend(self, gpg: Gpg) -> Gpg:
        """Have this gpg follow when the working home is another one."""
        self._lent.append(gpg)
        return gpg

    def renew(self, now: datetime) -> bool:
        """Look whether a mail, another robot, or the end of an overlap has changed anything; whether it has."""
        stamp = self._memory.amended()
        if stamp == self._stamp and not (self._turns_at and self._turns_at <= now):
            return False
        amendments = self._memory.amendments()
        keyring, network = self._build(amendments, self._memory.certificates(), now)
        for gpg in self._lent:
            gpg.move(keyring.home)
        if self._before:
            self._before.close()
        # What another thread has just begun in the home before ends there.
        self._before, self.keyring, self.network = self.keyring, keyring, network
        self._stamp, self._turns_at = stamp, amendments.next_change(now)
        log.info("keyring renewed: %d certificates", len(network.certificates))
        return True

    def close(self) -> None:
        """End the agents of the homes."""
        for keyring in (self._before, self.keyring):
            if keyring:
                keyring.close()
