"""What a look at configuration, keys, templates, servers or files found: one form for all of them."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # the robot cannot do its work
    WARNING = "warning"  # it can, but somebody should look


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, and what to do about it; never a secret, never content."""

    id: str  # stable, for machines and searches: "config.unknown-key", "imap.login"
    message: str
    hint: str  # the remedy, in plain words
    severity: Severity = Severity.ERROR
    place: str = ""  # where to look: "config.toml:12", a file, a folder

    def __str__(self) -> str:
        """One line for a person."""
        said = f"{self.place}: {self.message}" if self.place else self.message
        return f"{said}. {self.hint}" if self.hint else said
