"""The configuration as the rest of the robot sees it: everything in the core's and the wire's own forms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailbot.config.secrets import exposures
from mailbot.core.certificates import Fingerprint, Policy
from mailbot.core.findings import Finding
from mailbot.core.parties import Directory, Right
from mailbot.core.quotas import Quotas
from mailbot.core.records import Terms
from mailbot.core.reporting import Reporting
from mailbot.core.retention import Retention
from mailbot.core.retry import Patience
from mailbot.core.rounds.terms import PingTerms
from mailbot.core.tags import Word
from mailbot.core.troubles import AlarmTerms
from mailbot.mail.limits import Limits
from mailbot.mail.return_path import Style
from mailbot.mail.writing import Share
from mailbot.wire.access import ImapAccess, SmtpAccess


@dataclass(frozen=True, slots=True)
class Robot:
    """The robot itself. `passphrase` reads that of its secret key, None where it has none; SecretUnavailable."""

    name: str
    address: str
    control_address: str
    language: str
    fingerprint: Fingerprint
    gnupg_home: Path  # where its secret key lies
    passphrase: Callable[[], str | None] = field(repr=False)
    return_path: Style
    return_domain: str  # "" for the address's own
    share: Share
    also_opens: tuple[Fingerprint, ...] = ()  # an earlier or the next key, in the same home

    @property
    def domain(self) -> str:
        """That of its address, for Message-IDs."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that was configured. Paths are absolute; no secret is in it, only how to read it."""

    path: Path
    robot: Robot
    directory: Directory
    terms: Terms
    imap: ImapAccess
    smtp: SmtpAccess
    limits: Limits
    quotas: Quotas
    policy: Policy
    patience: Patience
    retention: Retention
    reporting: Reporting
    ping: PingTerms
    commands: Mapping[Word, frozenset[Right]]
    delivery_fields: tuple[str, ...]
    state_dir: Path
    keys_dir: Path
    templates_dir: Path | None
    secret_files: tuple[Path, ...]
    read_store_url: Callable[[], str] = field(repr=False)
    alarms: AlarmTerms = field(default_factory=AlarmTerms)
    second_smtp: SmtpAccess | None = None  # the way of alarms when the first server is out of reach
    metrics_file: Path | None = None
    metrics_port: int | None = None  # on loopback
    handover: Path | None = None  # the folder that `receive` and `send` share, where the database is one file
    read_send_url: Callable[[], str] | None = field(default=None, repr=False)  # the database as `send` connects to it

    @property
    def store_url(self) -> str:
        """Where the database is; may hold a password. Raises SecretUnavailable."""
        return self.read_store_url()

    def secret_file_findings(self) -> tuple[Finding, ...]:
        """What `check` says of the secret files and of the folders that hold keys and state."""
        return tuple(exposures(self.secret_files, (self.robot.gnupg_home, self.state_dir)))
