"""How to reach the mail servers: made by the configuration, used by the wire. Holds no secret, only how to read it."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailbot.core.decision import Folder

LARGEST_MAIL = 64 * 1024 * 1024  # octets: 45 MiB of attachments in base64, and some room


class SecretUnavailable(Exception):
    """A password or token could not be read. The text says where it should have come from, never what it is."""


class Tls(StrEnum):
    """How a connection is protected; the configuration allows NONE to loopback hosts alone."""

    IMPLICIT = "implicit"  # from the first octet: ports 993 and 465
    STARTTLS = "starttls"  # asked for, and insisted on: ports 143 and 587
    NONE = "none"


class Mechanism(StrEnum):
    """What the secret of a credential is."""

    PASSWORD = "password"  # noqa: S105  # no password
    XOAUTH2 = "xoauth2"  # an access token, soon to expire


def _nothing() -> None:
    """What a password file does when it is told to forget: it is read anew each time anyway."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Who we are to a server. `read` is called at each login; `forget` when the server refused what it gave."""

    username: str
    read: Callable[[], str] = field(repr=False)
    mechanism: Mechanism = Mechanism.PASSWORD
    forget: Callable[[], None] = field(default=_nothing, repr=False)

    def secret(self) -> str:
        """The password or token of this moment. Raises SecretUnavailable, also for one that would break a command."""
        secret = self.read()
        if not secret:
            raise SecretUnavailable("the password is empty")
        if re.search(r"[\r\n\0]", self.username + secret):
            raise SecretUnavailable("user name or password holds a line break or a NUL")
        return secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One server. `ca_file` (PEM) replaces the system's authorities; times are seconds."""

    host: str
    port: int
    tls: Tls
    ca_file: str | None = None
    credential: Credential | None = None
    patience: float = 60.0  # for connecting, and for each answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapAccess(Access):
    """The mailbox that is the robot's input queue."""

    inbox: str = "INBOX"
    folders: Mapping[Folder, str] = field(default_factory=lambda: {folder: folder.value for folder in Folder})
    poll_seconds: float = 60.0  # looked into this often whatever IDLE says; IDLE is renewed as often
    largest: int = LARGEST_MAIL  # octets; of a larger mail only the header is fetched


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpAccess(Access):
    """The submission server or relay that takes our mail."""

    ehlo_name: str  # a domain; asking the resolver for our own name can take long and says more than it should
    connections: int = 3  # kept side by side
    # For the answer to the final dot: who gives up too early sends twice (RFC 5321 §4.5.3.2.6).
    dot_patience: float = 600.0


def is_loopback(host: str) -> bool:
    """Whether what is sent to this host name or address cannot leave the machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
