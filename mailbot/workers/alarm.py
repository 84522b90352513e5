"""An outage in the log: one line when it begins and one when it is over, however many tries lie between."""

import logging
from dataclasses import dataclass, field

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Alarm:
    """`what` is not done for as long as it lasts."""

    what: str
    _rings: bool = field(default=False, init=False)

    def ring(self, why: object) -> None:
        """It cannot be done now; `why` is a text of ours, never of a mail."""
        level = logging.DEBUG if self._rings else logging.ERROR
        log.log(level, "ALARM %s, until this is mended: %s", self.what, why)
        self._rings = True

    def over(self) -> None:
        """It was done."""
        if self._rings:
            log.warning("mended: %s was the matter, and is no more", self.what)
        self._rings = False
