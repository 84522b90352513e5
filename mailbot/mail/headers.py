"""The header fields that the robot looks at, decoded and bounded; and those that a signature or encryption protects."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mailbot.core.mail import Headers
from mailbot.core.tags import decode_subject
from mailbot.mail.addresses import read_addresses
from mailbot.mail.charsets import decode
from mailbot.mail.fields import Fields
from mailbot.mail.limits import Limits
from mailbot.mail.mime import Part, read_head

DELIVERY_FIELDS = ("Delivered-To", "X-Original-To", "Envelope-To")
SUBJECT_LONGEST = 2_000  # characters that are kept
ID_LONGEST = 998  # RFC 5322 §2.1.1: an identifier cannot be folded, so it cannot be longer than a line
DELIVERIES_MOST = 20


def read_headers(fields: Fields, limits: Limits, delivery_fields: Sequence[str] = ()) -> Headers:
    """What these fields say. One that cannot be read says nothing; of several that may stand once the first counts."""
    return Headers(
        subject=unstructured(fields.first("subject"))[:SUBJECT_LONGEST].strip(),
        sender=_sender(fields, limits),
        to=_addresses(fields.all("to", "cc"), limits.addresses),
        delivered_to=_addresses(fields.all(*(name.lower() for name in delivery_fields)), DELIVERIES_MOST),
        message_id=next(iter(message_ids(fields.first("message-id"))), ""),
        references=_references(fields, limits),
        date=_date(fields.first("date")),
    )


def sender_of(lines: bytes) -> str:
    """The one From address in these header lines; empty if there is none, or they cannot be read. Never raises."""
    try:
        limits = Limits()
        return _sender(read_head(lines[: limits.field], limits).fields, limits)
    except Exception:  # noqa: BLE001 - the border to parsers: hostile headers raise anything (libraries.md)
        return ""


def unstructured(raw: bytes) -> str:
    """A field's free text: octets that should not be there and encoded words (RFC 2047) as their charset has them."""
    return decode_subject(decode(raw), lambda octets, charset: decode(octets, charset, is_cut=True))


def protected_headers(payload: Part, limits: Limits) -> Headers | None:
    """The header fields of a signed or encrypted payload, if it says that they are protected ones.

    That is its `hp` parameter (RFC 9788 §2.1.1) or, in the draft before it, `protected-headers`. The caller vouches
    that the payload lies inside a signature or encryption: the same words anywhere else are a forgery.
    """
    return read_headers(payload.fields, limits) if says_protected(payload) else None


def says_protected(payload: Part) -> bool:
    return payload.content.get("hp").lower() in {"clear", "cipher"} or bool(payload.content.get("protected-headers"))


def message_ids(raw: bytes) -> tuple[str, ...]:
    """Every message identifier in a field, with angle brackets, each once, in order.

    Clients write comments, several identifiers where one belongs, and leave out the brackets: whatever stands in
    brackets is one, spaces that a gateway folded into it taken out; then every bare word with an at sign.
    """
    text = decode(raw)
    bracketed = (re.sub(r"\s", "", inside) for inside in re.findall(r"<([^<>]*)>", text))
    bare = (word for word in re.split(r"[\s<>(),;\"]+", re.sub(r"<[^<>]*>", " ", text)) if "@" in word)
    found = (f"<{identifier}>" for identifier in (*bracketed, *bare) if _is_identifier(identifier))
    return tuple(dict.fromkeys(found))


def _is_identifier(text: str) -> bool:
    return 0 < len(text) <= ID_LONGEST and text.isprintable()


def _references(fields: Fields, limits: Limits) -> tuple[str, ...]:
    """In-Reply-To, then References from its end: the newest first."""
    answered = (i for value in fields.all("in-reply-to") for i in message_ids(value))
    thread = (i for value in fields.all("references") for i in reversed(message_ids(value)))
    return tuple(dict.fromkeys((*answered, *thread)))[: limits.ids]


def _sender(fields: Fields, limits: Limits) -> str:
    """The one From address; none if there are several fields or addresses, for then nobody can say who wrote."""
    values = fields.all("from")
    found = _addresses(values, limits.addresses) if len(values) == 1 else ()
    return found[0] if len(found) == 1 else ""


def _addresses(values: Iterable[bytes], most: int) -> tuple[str, ...]:
    found = (address for value in values for address in read_addresses(decode(value), most))
    return tuple(dict.fromkeys(found))[:most]


def _date(raw: bytes) -> datetime | None:
    """The time of a Date field, in UTC; a field without zone means UTC (RFC 5322 §4.3, "-0000")."""
    try:
        written = parsedate_to_datetime(raw[:200].decode("latin-1"))
        return (written if written.tzinfo else written.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
