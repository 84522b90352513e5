"""Delivery reports: the standard form (RFC 3464), and by flufl.bounce the many that are in none."""

import logging
import re
from collections.abc import Iterable, Iterator
from email import message_from_bytes

from flufl.bounce import all_failures

from mailbot.core.mail import Bounce, BouncedRecipient
from mailbot.mail.addresses import canonical, read_addresses
from mailbot.mail.charsets import decode
from mailbot.mail.fields import Fields, read_fields
from mailbot.mail.headers import message_ids
from mailbot.mail.limits import Limits
from mailbot.mail.mime import Part, read_head

RECIPIENTS_MOST = 1_000
DIAGNOSTIC_LONGEST = 500  # characters
STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED_TYPES = frozenset({
    "message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers",
})  # fmt: skip

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_MESSAGE_ID = re.compile(rb"^[ \t>|]{0,8}Message-ID:[ \t]*(<[^<>\s]{1,990}>)", re.IGNORECASE | re.MULTILINE)
_LONG_LINE = re.compile(rb"([^\r\n]{998})[^\r\n]+")  # flufl.bounce searches each line in quadratic time

# It logs every exception of its detectors, and the text of one may quote the mail.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)


def read_bounce(root: Part, limits: Limits) -> Bounce | None:
    """What a report in the standard form says; None if there is no such part, or nothing can be read in it."""
    status = next((part for part in root.leaves() if part.type in STATUS_TYPES), None)
    if status is None:
        return None
    groups = _groups(status.decoded(limits.header_section), limits)
    about_message, about_recipients = groups[0], groups[1:]
    if about_message.has("final-recipient", "original-recipient", "action"):  # the first group was left out
        about_message, about_recipients = Fields(), groups
    recipients = tuple(r for fields in about_recipients[:RECIPIENTS_MOST] if (r := _recipient(fields)))
    envelope_id = _line(about_message.first("original-envelope-id"))
    return Bounce(recipients, original_message_id(root, limits), envelope_id or None) if recipients else None


def guess_bounce(root: Part, limits: Limits) -> Bounce | None:
    """What flufl.bounce finds in a report without a form of its own; None if it finds nobody."""
    failed = _named_as_failed(root)
    delayed, gone = ((), failed) if failed else _scan(root, limits)
    status = _only_status(root, limits)
    recipients = (
        *(BouncedRecipient(address, "failed", status, not status.startswith("4"), "") for address in gone),
        *(BouncedRecipient(address, "delayed", status, permanent=False, diagnostic="") for address in delayed),
    )
    return Bounce(recipients, original_message_id(root, limits)) if recipients else None


def original_message_id(root: Part, limits: Limits) -> str | None:
    """The Message-ID of the mail that a report is about: of the returned part, else as quoted in the text."""
    for part in root.leaves():
        if part.type in _RETURNED_TYPES:
            returned = read_head(part.decoded(limits.header_section), limits).fields
            if found := message_ids(returned.first("message-id")):
                return found[0]
    return quoted_message_id(root, limits)


def quoted_message_id(root: Part, limits: Limits) -> str | None:
    """The last Message-ID field that stands in the text of a mail as a line of its own."""
    for part in root.leaves():
        if part.type.startswith("text/") and (found := _MESSAGE_ID.findall(part.decoded(limits.text))):
            return next(iter(message_ids(found[-1])), None)
    return None


# ---------------------------------------------------------------- the standard form


def _groups(status: bytes, limits: Limits) -> list[Fields]:
    """The groups of fields, blank lines between them; some programs leave more than one."""
    text = re.sub(rb"\r\n|\r|\n", b"\r\n", status).strip(b"\r\n")
    return [read_fields(group, limits) for group in re.split(rb"\r\n(?:[ \t]*\r\n)+", text)]


def _recipient(fields: Fields) -> BouncedRecipient | None:
    address = _typed_address(fields.first("original-recipient")) or _typed_address(fields.first("final-recipient"))
    action = fields.word("action").split(" ")[0]
    diagnostic = _line(fields.first("diagnostic-code"))
    status = _status(_line(fields.first("status"))) or _status(diagnostic)
    if not address and not action:
        return None
    action = action or {"2": "delivered", "4": "delayed"}.get(status[:1], "failed")
    # RFC 3463 §2: a delivery that failed with 4.X.X may succeed when it is tried later.
    permanent = action == "failed" and not status.startswith("4")
    return BouncedRecipient(address, action, status, permanent, diagnostic)


def _typed_address(raw: bytes) -> str:
    """`rfc822; alice@example.org` (RFC 3464 §2.3.1); some programs leave out the type or add angle brackets."""
    kind, mark, address = decode(raw[:1_000]).rpartition(";")
    if mark and kind.strip().lower() not in {"rfc822", "utf-8", "smtp", "system"}:
        return ""
    return next(iter(read_addresses(re.sub(r"\A\s*smtp:", "", address, flags=re.IGNORECASE), 1)), "")


def _status(text: str) -> str:
    found = _STATUS.search(text)
    return ".".join(str(int(number)) for number in found.groups()) if found else ""


def _line(raw: bytes) -> str:
    """A field's text on one line, bounded, without control characters."""
    text = decode(raw[: 4 * DIAGNOSTIC_LONGEST])
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:DIAGNOSTIC_LONGEST]


# ---------------------------------------------------------------- everything else


def _named_as_failed(root: Part) -> tuple[str, ...]:
    """X-Failed-Recipients, which Exim and Google write."""
    values = root.fields.all("x-failed-recipients")
    return _distinct(a for value in values for a in read_addresses(decode(value), RECIPIENTS_MOST))


def _scan(root: Part, limits: Limits) -> tuple[tuple[str, ...], tuple[str, ...]]:
    head = root.source[root.start : min(root.body, root.start + limits.report)]
    start = root.source[root.body : min(root.end, root.body + limits.report)]
    try:
        delayed, gone = all_failures(message_from_bytes(_LONG_LINE.sub(rb"\1", head.rstrip() + b"\r\n\r\n" + start)))
    except Exception:  # noqa: BLE001 — the border to two libraries that raise anything at all for hostile mail
        return (), ()
    return _distinct(_plain(delayed)), _distinct(_plain(gone))


def _plain(addresses: Iterable[bytes]) -> Iterator[str]:
    return (canonical(decode(address)) for address in sorted(addresses))


def _distinct(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(a for a in addresses if a))[:RECIPIENTS_MOST]


def _only_status(root: Part, limits: Limits) -> str:
    """The enhanced status code in the first text, if there is just one there."""
    text = next((part.text(limits.report) for part in root.leaves() if part.type.startswith("text/")), "")
    found = {_status(match[0]) for match in _STATUS.finditer(text)}
    return found.pop() if len(found) == 1 else ""
