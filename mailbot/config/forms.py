"""The form of each single value: text as it stands in the file -> what the robot works with, or a problem."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, PlainValidator

from mailbot.config.problems import did_you_mean, unfit
from mailbot.core.certificates import HASHES, Fingerprint
from mailbot.core.parties import SECRETARIAT, Right
from mailbot.core.rounds.schedule import is_cron
from mailbot.core.rounds.terms import Days, OfficeHours, Sharing
from mailbot.core.tags import ALL, RESERVED, Urgency, Word, read_duration, read_party
from mailbot.mail.addresses import canonical
from mailbot.mail.return_path import Style
from mailbot.mail.writing import Share
from mailbot.wire.access import Tls
from mailbot.wire.envelope import address_flaw
from mailbot.wire.oauth2 import url_flaw

_Meaning = TypeVar("_Meaning")
_Member = TypeVar("_Member", bound=StrEnum)

LANGUAGES = ("en", "fr")
KINDS: Mapping[str, Word] = {
    "request": Word.REQUEST,
    "information": Word.INFO,
    "reply": Word.REPLY,
    "acknowledgement": Word.ACK,
    "closing": Word.CLOSE,
}
NETWORK_KINDS = frozenset(KINDS.values())

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


# ---------------------------------------------------------------- readers: None where the text has not the form


def read_address(text: object) -> str | None:
    """One address in canonical form that can stand in an SMTP envelope; the postman asks the same of it."""
    address = canonical(text) if isinstance(text, str) and not re.search(r"[\s(]", text) else ""
    return address if address_flaw(address) is None else None


def read_fingerprint(text: object) -> Fingerprint | None:
    """A full fingerprint, 40 (v4) or 64 (v6) hexadecimal digits; spaces and case do not matter."""
    digits = re.sub(r"[ \u00a0]", "", text).upper() if isinstance(text, str) else ""
    return digits if re.fullmatch(r"[0-9A-F]{40}|[0-9A-F]{64}", digits) else None


def read_code(text: object) -> str | None:
    """A party code that is not the secretariat's."""
    code = read_party(text) if isinstance(text, str) else None
    return None if code == SECRETARIAT else code


# ---------------------------------------------------------------- text with a form of its own


def _address(text: str) -> str:
    if address := read_address(text):
        return address
    raise unfit("address", "this is not one plain mail address", "write it like desk@police.example, without a name")


def _fingerprint(text: str) -> Fingerprint:
    if fingerprint := read_fingerprint(text):
        return fingerprint
    hint = "copy all 40 digits (64 for a version 6 key) that `gpg --show-keys FILE` shows; a key ID is not enough"
    raise unfit("fingerprint", "this is not a full fingerprint", hint)


def _code(text: str) -> str:
    if code := read_code(text):
        return code
    if text.strip().upper() in RESERVED:
        raise unfit("reserved-code", f"{text} is a word of the subject tags", "choose another code")
    if text.strip().upper() == SECRETARIAT:
        raise unfit("reserved-code", f"{text} is the secretariat's code", "write it as the section [secretariat]")
    hint = 'write two letters of ISO 3166-1 like "FR", or 2 to 8 letters and digits, a letter first'
    raise unfit("code", "this is not a party code", hint)


def _duration(value: object) -> timedelta:
    if duration := read_duration(_text(value)):
        return duration
    raise unfit("duration", "this is not a duration", 'write "15m", "4h" or "3d"; at most 366 days')


def _delay(value: object) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,5}) ?s", _text(value))
    return timedelta(seconds=int(found[1])) if found else _duration(value)


def _time_of_day(value: object) -> time:
    found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", _text(value).strip())
    if found:
        return time(int(found[1]), int(found[2]))
    raise unfit("time-of-day", "this is not a time of the day", 'write it like "06:00", from "00:00" to "23:59"')


def _cron(text: str) -> str:
    if is_cron(text):
        return " ".join(text.split())
    hint = 'write minute, hour, day, month, weekday: "0 2 * * 2" is every Tuesday at 02:00'
    raise unfit("cron", "this is no cron expression, or it never comes true", hint)


def _days(written: object) -> Days:
    first, dots, last = _text(written).strip().partition("..")
    try:
        found = Days(date.fromisoformat(first), date.fromisoformat(last if dots else first))
    except ValueError:
        found = None
    if found and found.first <= found.last:
        return found
    raise unfit("days", "this is no day and no period", 'write "2026-12-24" or "2026-12-24..2027-01-02"')


def _office_hours(written: object) -> OfficeHours:
    begin, dash, end = _text(written).partition("-")
    if dash and (found := OfficeHours(_time_of_day(begin), _time_of_day(end))).begin < found.end:
        return found
    raise unfit("office-hours", "these are no office hours", 'write them like "08:00-18:00"')


def _asked(text: str) -> str:
    return ALL if text.strip().upper() == ALL else _code(text)


def _language(text: str) -> str:
    return _one_of(text, {language: language for language in LANGUAGES}, "unknown-language")


def _time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
        return text
    except (KeyError, OSError, ValueError):  # not there; a folder's name; a path that leads out
        hint = did_you_mean(text, available_timezones()) or "write an IANA name like Europe/Paris"
        raise unfit("unknown-time-zone", f"there is no time zone “{text}”", hint) from None


def _plain(text: str) -> str:
    if not text.strip() or _CONTROL.search(text) or len(text) > 200:
        raise unfit("text", "this is empty, too long, or holds control characters", "write one short line of text")
    return text.strip()


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if re.fullmatch(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*", text):  # private networks have names with _
            return text
    hint = "write it like imap.police.example; the port has a line of its own"
    raise unfit("host", "this is not a host name or an IP address", hint)


def _domain(text: str) -> str:
    if _DOMAIN.fullmatch(text):
        return text.lower()
    raise unfit("domain", "this is not a domain", "write it like hub.example")


def _credential(text: str) -> str:
    if text in {"", ".", ".."} or re.search(r"[/\0]", text):
        hint = "write the NAME in LoadCredential=NAME:PATH"
        raise unfit("credential", "this is not the name of a systemd credential", hint)
    return text


def _field_name(text: str) -> str:
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,60}", text):
        return text
    raise unfit("field-name", "this is not the name of a header field", "write it like Delivered-To")


def _token_url(text: str) -> str:
    if flaw := url_flaw(text):
        raise unfit("token-url", f"this {flaw}", "see the provider's page on OAuth2 for IMAP and SMTP")
    return text


def _path(text: str) -> str:
    try:
        expanded = str(Path(text).expanduser())
    except RuntimeError:  # nobody has this ~name
        expanded = ""
    if not text or not expanded or _CONTROL.search(text):
        hint = "write one that begins with /, or that begins at this file's own folder"
        raise unfit("path", "this is not a path", hint)
    return expanded


# ---------------------------------------------------------------- one word of a list


def _one_of(written: object, known: Mapping[str, _Meaning], name: str) -> _Meaning:
    text = _text(written)
    found = known.get(text.strip().lower())
    if found is None:
        listed = f"known here: {', '.join(known)}"
        near = did_you_mean(text.lower(), known)
        raise unfit(name, f"“{text}” is not known here", f"{near} {listed}" if near else listed)
    return found


def _hash(written: object) -> str:
    return _one_of(written, {name: name for name in HASHES}, "unknown-hash")


def _member(members: type[_Member]) -> Callable[[object], _Member]:
    known = {str(member.value): member for member in members}
    return lambda written: _one_of(written, known, "unknown-value")


def _kind(written: object) -> Word:
    words = {word.value.lower(): word for word in KINDS.values()}
    return words.get(_text(written).lower()) or _one_of(written, KINDS, "unknown-kind")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise unfit("wrong-type", "this must be a text in quotes", 'put it in quotes: "…"')
    return value


# ---------------------------------------------------------------- the types that sections.py is written with


AddressText = Annotated[str, AfterValidator(_address)]
FingerprintText = Annotated[str, AfterValidator(_fingerprint)]
Code = Annotated[str, AfterValidator(_code)]
AskedCode = Annotated[str, AfterValidator(_asked)]
Cron = Annotated[str, AfterValidator(_cron)]
Language = Annotated[str, AfterValidator(_language)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
PlainText = Annotated[str, AfterValidator(_plain)]
Host = Annotated[str, AfterValidator(_host)]
Domain = Annotated[str, AfterValidator(_domain)]
PathText = Annotated[str, AfterValidator(_path)]
FieldName = Annotated[str, AfterValidator(_field_name)]
CredentialName = Annotated[str, AfterValidator(_credential)]
TokenUrl = Annotated[str, AfterValidator(_token_url)]

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(ge=1, le=3600)]

DurationText = Annotated[timedelta, PlainValidator(_duration)]
TimeOfDay = Annotated[time, PlainValidator(_time_of_day)]
DaysText = Annotated[Days, PlainValidator(_days)]
OfficeHoursText = Annotated[OfficeHours, PlainValidator(_office_hours)]
DelayText = Annotated[timedelta, PlainValidator(_delay)]
Kind = Annotated[Word, PlainValidator(_kind)]
RightText = Annotated[Right, PlainValidator(_member(Right))]
UrgencyText = Annotated[Urgency, PlainValidator(_member(Urgency))]
HashName = Annotated[str, PlainValidator(_hash)]
TlsText = Annotated[Tls, PlainValidator(_member(Tls))]
StyleText = Annotated[Style, PlainValidator(_member(Style))]
SharingText = Annotated[Sharing, PlainValidator(_member(Sharing))]
ShareText = Annotated[Share, PlainValidator(_member(Share))]
