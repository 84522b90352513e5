"""Delivery reports: the standard form (RFC 3464), and by flufl.bounce and notices.py the many that are in none."""

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
from mailbot.mail.markup import html_to_text
from mailbot.mail.mime import Part, read_head
from mailbot.mail.notices import Action, Notice
from mailbot.mail.text import is_text, lines_of

RECIPIENTS_MOST = 1_000
DIAGNOSTIC_LONGEST = 500  # characters
STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
DISPOSITION_TYPES = frozenset({"message/disposition-notification", "message/global-disposition-notification"})
RETURNED_TYPES = frozenset({
    "message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers",
})  # fmt: skip

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY_CODE = re.compile(r"(?<![\d.])([45])\d\d(?=[ -])")
_MESSAGE_ID = re.compile(rb"^[ \t>|]{0,8}Message-ID:[ \t]*(<[^<>\s]{1,990}>)", re.IGNORECASE | re.MULTILINE)
_MAILER = re.compile(rb"^X-Mailer(?=[ \t]*:)", re.IGNORECASE | re.MULTILINE)
_FINAL = re.compile(rb"^Final-Recipient[ \t]*:", re.IGNORECASE | re.MULTILINE)
_GLANCE = 4_096  # octets in which a text shows whether it says anything
_LONG_LINE = re.compile(rb"([^\r\n]{998})[^\r\n]+")  # flufl.bounce searches each line in quadratic time

# It logs every exception of its detectors, and the text of one may quote the mail.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)


def read_bounce(root: Part, limits: Limits) -> Bounce | None:
    """What a report in the standard form says; None if there is no such part, or nothing can be read in it."""
    status = status_part(root)
    if status is None:
        return None
    groups = _groups(status.decoded(limits.header_section), limits)
    about_message, about_recipients = groups[0], groups[1:]
    if about_message.has("final-recipient", "original-recipient", "action"):  # the first group was left out
        about_message, about_recipients = Fields(), groups
    recipients = tuple(r for fields in about_recipients[:RECIPIENTS_MOST] if (r := _recipient(fields)))
    envelope_id = _line(about_message.first("original-envelope-id"))
    return Bounce(recipients, original_message_id(root, limits), envelope_id or None) if recipients else None


def status_part(root: Part) -> Part | None:
    """The machine-readable part of a report; by its type, or, if a gateway changed that, by how it begins."""
    first, *others = root.leaves()
    typed = (part for part in (first, *others) if part.type in STATUS_TYPES)
    renamed = (part for part in others if part.starts_with(b"Reporting-MTA:") and _FINAL.search(part.decoded(_GLANCE)))
    return next(typed, None) or next(renamed, None)


def first_text(root: Part, limits: Limits) -> str:
    """The first text of a mail that says anything, with LF line ends; empty if there is none."""
    part = next((part for part in root.leaves() if is_text(part) and part.decoded(_GLANCE).strip()), None)
    if part is None:
        return ""
    text = part.text(limits.report)
    return html_to_text(text) if part.type == "text/html" else lines_of(text)


def guess_bounce(root: Part, notice: Notice | None, limits: Limits) -> Bounce | None:
    """What can be made out in a report without a form of its own; None if it names nobody.

    The header names the failed, or the notice does, or flufl.bounce knows the form.
    """
    why = {named.address: named.diagnostic for named in notice.named} if notice else {}
    delayed, gone = tuple[str, ...](), _named_as_failed(root) or tuple(why)
    if not gone:
        delayed, gone = _scan(root, notice, limits)
    action = notice.action if notice else Action.FAILED
    late = notice.action if notice else Action.DELAYED
    only = _only_status(root, limits)
    recipients = (
        *(_guessed(address, action, only, why.get(address, "")) for address in gone),
        *(_guessed(address, late, only, why.get(address, "")) for address in delayed),
    )
    return Bounce(recipients, original_message_id(root, limits)) if recipients else None


def _guessed(address: str, action: str, only: str, why: str) -> BouncedRecipient:
    status = _status(why) or only
    reply = _REPLY_CODE.search(why)
    passing = status.startswith("4") or (not status and reply is not None and reply[1] == "4")
    return BouncedRecipient(address, action, status, action == "failed" and not passing, _line(why.encode()))


def original_message_id(root: Part, limits: Limits) -> str | None:
    """The Message-ID of the mail that a report is about: of the returned part, else as quoted in the text."""
    for part in root.leaves():
        if part.type in RETURNED_TYPES:
            returned = read_head(part.decoded(limits.header_section), limits).fields
            if found := message_ids(returned.first("message-id")):
                return found[0]
    return quoted_message_id(root, limits)


def disposed_message_id(root: Part, limits: Limits) -> str | None:
    """The Message-ID of the mail that a read receipt is about (RFC 8098 §3.2.5)."""
    for part in root.leaves():
        if part.type in DISPOSITION_TYPES:
            fields = read_fields(part.decoded(limits.header_section), limits)
            return next(iter(message_ids(fields.first("original-message-id"))), None)
    return None


def quoted_message_id(root: Part, limits: Limits) -> str | None:
    """The last Message-ID field that stands in the text of a mail as a line of its own."""
    for part in root.leaves():
        if part.type.startswith("text/") and (found := _MESSAGE_ID.findall(_read(part, limits))):
            return next(iter(message_ids(found[-1])), None)
    return None


_NAMES_AN_ID = re.compile(rb"message-id", re.IGNORECASE)


def _read(part: Part, limits: Limits) -> bytes:
    """The octets of a text as a person sees it: in HTML the brackets of an identifier are written `&lt;`."""
    octets = part.decoded(limits.text)
    if part.type != "text/html" or not _NAMES_AN_ID.search(octets):
        return octets
    return html_to_text(part.text(limits.text)).encode("utf-8", "replace")


# ---------------------------------------------------------------- the standard form


def _groups(status: bytes, limits: Limits) -> list[Fields]:
    """The groups of fields, blank lines between them; some programs leave more than one."""
    text = re.sub(rb"\r\n|\r|\n", b"\r\n", status).strip(b"\r\n")
    return [read_fields(group, limits) for group in re.split(rb"\r\n(?:[ \t]*\r\n)+", text)]


def _recipient(fields: Fields) -> BouncedRecipient | None:
    address = _typed_address(fields.first("original-recipient")) or _typed_address(fields.first("final-recipient"))
    action = _action(fields.word("action"))
    diagnostic = _line(fields.first("diagnostic-code"))
    status = _status(_line(fields.first("status"))) or _status(diagnostic)
    if not address and not action and not status:
        return None
    action = action or {"2": "delivered", "4": "delayed"}.get(status[:1], "failed")
    # RFC 3463 §2: a delivery that failed with 4.X.X may succeed when it is tried later.
    permanent = action == "failed" and not status.startswith("4")
    return BouncedRecipient(address, action, status, permanent, diagnostic)


def _action(word: str) -> str:
    """RFC 3464 §2.3.3, and what programs make of it: `error`, `delay`, `fail (permanent)`."""
    return next((action for begin, action in _ACTIONS.items() if word.startswith(begin)), "")


_ACTIONS = {
    "fail": "failed", "error": "failed", "undeliver": "failed", "reject": "failed", "delay": "delayed",
    "deliver": "delivered", "success": "delivered", "relay": "relayed", "expan": "expanded",
}  # fmt: skip


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


def _scan(root: Part, notice: Notice | None, limits: Limits) -> tuple[tuple[str, ...], tuple[str, ...]]:
    head = root.source[root.start : min(root.body, root.start + limits.report)]
    if notice is None:  # by this field alone it takes all addresses in any text of GroupWise's for failed ones
        head = _MAILER.sub(b"X-Was", head)
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
