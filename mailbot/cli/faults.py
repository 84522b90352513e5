"""How a command fails: with findings that name cause and cure, and an exit code that means something."""

from collections.abc import Sequence
from enum import IntEnum

from mailbot.cli.output import answer_json, show_problems
from mailbot.core.findings import Finding


class Exit(IntEnum):
    """Exit codes; those above 63 are sysexits.h."""

    FINE = 0
    FINDING = 1
    USAGE = 64
    MISSING = 69
    TRY_LATER = 75
    CONFIGURATION = 78


class Fault(Exception):
    """A command cannot do its work: what is wrong, how to mend it, and the exit code."""

    def __init__(self, code: Exit, problems: Sequence[Finding], *, as_json: bool) -> None:
        """`problems` is what is told."""
        super().__init__("; ".join(str(p) for p in problems))
        self.code, self.problems, self.as_json = code, problems, as_json

    def tell(self) -> int:
        """Say it, and return the exit code."""
        if self.as_json:
            answer_json(None, self.problems)
        else:
            show_problems(self.problems)
        return int(self.code)
