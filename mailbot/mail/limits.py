"""How much of a mail is looked at before it is given up: every bound in one place."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


class TooMuch(Exception):
    """A mail has more parts or levels than the limits allow; caught by open_mail, never seen outside."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are octets unless said otherwise. The first two make a mail unreadable; beyond the others it is cut.

    The last two are for the whole robot while it works on a mail: workers/limit.py.
    """

    size: int = 128 * MIB  # of a whole mail: 50 MiB, sealed, in base64 twice, with room to spare
    parts: int = 1000  # of a mail, and of what was encrypted in it
    depth: int = 100  # levels of MIME parts within each other
    header_section: int = 256 * KIB  # of a mail or part
    fields: int = 1000  # in one header section: the longest way through gateways leaves two hundred
    field: int = 64 * KIB  # of one header field
    text: int = 1 * MIB  # of all text parts together, for reading tags and codes; they are passed on whole
    report: int = 32 * KIB  # of a suspected bounce in no standard form: flufl.bounce takes quadratic time on some
    ids: int = 100  # message identifiers of a mail
    addresses: int = 1000  # of a mail's To and Cc; each field that says where it was delivered gives 20
    seconds: float = 120  # for opening a mail, and again for writing what it leads to; gpg alone may take 60 at a time
    memory: int = 4096 * MIB  # of the robot's address space; a parser takes up to nine times the size of a mail
