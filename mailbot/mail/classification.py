"""What made a mail: a person, a list, or one of the machines that must never get an answer.

Every rule is a small function with one reason; the first that knows decides, and its name is journalled. Rules look at
header fields and at the structure of the mail. No rule looks for words in what somebody wrote.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mailbot.core.mail import Bounce, Headers, MailClass
from mailbot.mail.bounces import STATUS_TYPES, guess_bounce, original_message_id, quoted_message_id, read_bounce
from mailbot.mail.fields import Fields
from mailbot.mail.limits import Limits
from mailbot.mail.mime import Part


@dataclass(frozen=True, slots=True)
class OwnMarks:
    """How the robot knows its own mail when it comes back and cannot be opened: by both of these together."""

    addresses: frozenset[str] = frozenset()  # lower case
    message_id_domain: str = ""


@dataclass(frozen=True)
class Sighting:
    """One level of a mail as the rules see it: what stands outside, or what was signed or encrypted in it."""

    root: Part
    headers: Headers
    limits: Limits = field(repr=False)
    own: OwnMarks = field(default_factory=OwnMarks)
    signed_by_robot: bool = False

    @property
    def fields(self) -> Fields:
        return self.root.fields

    @property
    def local_part(self) -> str:
        """Of the From address, in lower case."""
        return self.headers.sender.rpartition("@")[0].lower()

    @cached_property
    def standard_bounce(self) -> Bounce | None:
        return read_bounce(self.root, self.limits)

    @cached_property
    def guessed_bounce(self) -> Bounce | None:
        return guess_bounce(self.root, self.limits)

    @property
    def bounce(self) -> Bounce | None:
        """What is known of the delivery that this reports; ask only if it is a report."""
        return self.standard_bounce or self.guessed_bounce

    def holds(self, *types: str) -> bool:
        """Whether a part of one of these types is in it, at any depth but in an attached message."""
        return any(leaf.type in types for leaf in self.root.leaves())

    def reports(self, kind: str) -> bool:
        """Whether it is a multipart/report of this kind (RFC 6522)."""
        return self.root.type == "multipart/report" and self.root.content.get("report-type").lower() == kind


Rule = Callable[[Sighting], MailClass | None]


@dataclass(frozen=True, slots=True)
class Finding:
    """What made the mail, the name of the rule that said so, and where it saw it."""

    mail_class: MailClass
    rule: str
    sighting: Sighting = field(repr=False)


def classify(sightings: Sequence[Sighting]) -> Finding:
    """The first rule that knows, asked of each level in turn. There is always one: `person` comes last."""
    for rule in RULES:
        for sighting in sightings:
            if (found := rule(sighting)) is not None:
                return Finding(found, rule.__name__.replace("_", " "), sighting)
    return Finding(MailClass.PERSON, person.__name__, sightings[0])


def asks_for_no_answer(sighting: Sighting) -> bool:
    """Marks that forbid an automatic answer, though the mail may be a person's (mail-in-the-wild.md 10)."""
    fields = sighting.fields
    suppressed = {
        word.strip().lower() for word in fields.first("x-auto-response-suppress").decode("latin-1").split(",")
    }
    return (
        fields.word("precedence") in {"bulk", "junk", "list"}
        or bool(suppressed & {"all", "oof", "autoreply"})  # DR, RN, NRN only forbid reports
        or fields.has("x-loop")
        or _is_daemon(sighting)
        or sighting.headers.sender.lower() in sighting.own.addresses
    )


# ---------------------------------------------------------------- our own mail


def signed_by_the_robot(mail: Sighting) -> MailClass | None:
    """Only this proves that a mail is ours (trust.md 15)."""
    return MailClass.OWN if mail.signed_by_robot else None


def own_sender_and_message_id(mail: Sighting) -> MailClass | None:
    """Sealed for somebody else and come back: it cannot be opened, and must not be answered."""
    from_us = mail.headers.sender.lower() in mail.own.addresses
    return MailClass.OWN if from_us and is_own_id(mail.headers.message_id, mail.own) else None


def is_own_id(message_id: str, own: OwnMarks) -> bool:
    """Whether this identifier has the form of ours; anybody can write one."""
    return bool(own.message_id_domain) and message_id.lower().endswith(f"@{own.message_id_domain.lower()}>")


# ---------------------------------------------------------------- reports


def delivery_status(mail: Sighting) -> MailClass | None:
    """RFC 3464: a bounce if a delivery failed, else a report of delay, relaying or success."""
    if not mail.holds(*STATUS_TYPES) and not mail.reports("delivery-status"):
        return None
    return _by_recipients(mail.bounce)


def disposition_notification(mail: Sighting) -> MailClass | None:
    """RFC 8098: a read receipt, which no person wrote even if one allowed it."""
    types = "message/disposition-notification", "message/global-disposition-notification"
    return MailClass.RECEIPT if mail.holds(*types) or mail.reports("disposition-notification") else None


def feedback_report(mail: Sighting) -> MailClass | None:
    """RFC 5965: somebody's provider says that a mail of ours was called spam."""
    return MailClass.FEEDBACK if mail.holds("message/feedback-report") or mail.reports("feedback-report") else None


def some_other_report(mail: Sighting) -> MailClass | None:
    """RFC 6522: every multipart/report is made by a machine (TLS reports, for one)."""
    return MailClass.AUTOMATIC if mail.root.type == "multipart/report" else None


def failed_recipients_field(mail: Sighting) -> MailClass | None:
    """Exim and Google name the failed recipients in a field of their own."""
    return MailClass.BOUNCE if mail.fields.has("x-failed-recipients") else None


def report_by_a_mail_server(mail: Sighting) -> MailClass | None:
    """From nobody or a daemon: flufl.bounce finds in it whom it could not reach, or a daemon gives a mail back."""
    is_daemon = bool(_MAILER_DAEMON.fullmatch(mail.local_part))
    if not is_daemon and not _is_from_nobody(mail):
        return None
    if mail.guessed_bounce:
        return _by_recipients(mail.guessed_bounce)
    return MailClass.BOUNCE if is_daemon and original_message_id(mail.root, mail.limits) else None


def report_that_quotes_our_message_id(mail: Sighting) -> MailClass | None:
    """No mark at all: flufl.bounce knows the form, and the header of a mail of ours is quoted in it.

    A person who replies quotes what we wrote, not our Message-ID field; and without the field any forwarded bounce
    would be one.
    """
    quoted = quoted_message_id(mail.root, mail.limits) or ""
    if not is_own_id(quoted, mail.own) or mail.guessed_bounce is None:
        return None
    return _by_recipients(mail.guessed_bounce)


def _by_recipients(bounce: Bounce | None) -> MailClass:
    """A report in which nobody can be made out counts as the worse of the two."""
    delivered = bounce and all(r.action != "failed" for r in bounce.recipients)
    return MailClass.DELIVERY_REPORT if delivered else MailClass.BOUNCE


# ---------------------------------------------------------------- automatic replies and other machines


def auto_submitted(mail: Sighting) -> MailClass | None:
    """RFC 3834 §5: anything but `no`."""
    value = mail.fields.word("auto-submitted")
    return MailClass.AUTOMATIC if value and value != "no" else None


_RESPONDER_FIELDS = (
    "x-autoreply", "x-auto-reply", "x-autoreply-from", "x-auto-reply-from", "x-autorespond", "x-autoresponder",
    "x-autogenerated", "x-auto-generated", "x-mail-autoreply", "x-automatic-reply", "x-away-message",
    "x-fc-machinegenerated", "x-zarafa-vacation", "x-kopano-vacation", "x-cron-env",
)  # fmt: skip
_RESPONDER_VALUES = {
    "precedence": re.compile(r"auto[-_ ]?reply"),
    "x-precedence": re.compile(r"auto[-_ ]?reply"),
    "delivered-to": re.compile(r"autoresponder$"),
    "x-post-messageclass": re.compile(r"9$"),  # Post.Office: `9; Autoresponder`
    "x-ms-exchange-generated-message-source": re.compile(r"mailbox rules agent|antispam quarantine agent"),
    "x-mailer": re.compile(r"vacation\b|auto[-_ ]?(?:reply|responder)\b"),
    "user-agent": re.compile(r"vacation\b|auto[-_ ]?(?:reply|responder)\b"),
}


def field_of_an_autoresponder(mail: Sighting) -> MailClass | None:
    """Fields that vacation programs wrote before RFC 3834, and some still do."""
    named = any(mail.fields.word(name) not in {"", "no", "false", "0"} for name in _RESPONDER_FIELDS)
    valued = any(pattern.match(mail.fields.word(name)) for name, pattern in _RESPONDER_VALUES.items())
    return MailClass.AUTOMATIC if named or valued else None


def sent_by_nobody(mail: Sighting) -> MailClass | None:
    """RFC 5321 §4.5.5: the empty return path is for mail that must not be answered; no client of a person uses it."""
    return MailClass.AUTOMATIC if _is_from_nobody(mail) else None


def sent_by_a_daemon(mail: Sighting) -> MailClass | None:
    """From an address that says itself that nobody reads it."""
    return MailClass.AUTOMATIC if _is_daemon(mail) else None


_GATEWAY_TAG = r"(?:\s*+[\[(][^\[\]()]{1,30}+[\])])*+\s*+"  # possessive: there is only one way to read it
_ABSENCE = re.compile(
    _GATEWAY_TAG + r"(?:auto(?:matic)?[- ]?(?:reply|response)|out of (?:the )?office(?: auto ?reply)?|on vacation"
    r"|réponse automatique|(?:message|notification|avis) d['’]absence|absen(?:ce|t) du bureau"
    r"|automatische antwort|abwesenheit(?:snotiz|snachricht|sassistent|smeldung)?|abwesend"
    r"|respuesta automática|fuera de (?:la )?oficina|resposta automática|ausência|fora do escritório"
    r"|risposta automatica|fuori (?:sede|ufficio)"
    r"|automatisch antwoord|afwezig(?:heidsbericht|heid)?"
    r"|autosvar|automatiskt? svar|frånvaro(?:meddelande)?|fraværende|fraværsmelding|ikke til ?stede"
    r"|automaattinen vastaus|poissaoloviesti|automaatvastus"
    r"|odpowiedź automatyczna|automatyczna odpowiedź|autoodpowiedź|poza biurem"
    r"|automatická odpov[eě]ď|mimo kancelář|automatikus válasz|házon kívül"
    r"|răspuns automat|samodejni odgovor|automatski odgovor|automātiska atbilde|automatinis atsakymas"
    r"|автоматический ответ|автоматичен отговор|автоматична відповідь|аутоматски одговор"
    r"|αυτόματη απάντηση|otomatik (?:yanıt|cevap))\s*[:：]",
    re.IGNORECASE,
)


def absence_in_place_of_the_reply_prefix(mail: Sighting) -> MailClass | None:
    """A vacation program put `Automatic reply:` where a person's client puts `Re:`, and there is more to show for it.

    The subject alone is a person's to write. What must come with it: the mail answers another, or asks for no answer.
    """
    if not _ABSENCE.match(mail.headers.subject):
        return None
    return MailClass.AUTOMATIC if mail.headers.references or asks_for_no_answer(mail) else None


_MAILER_DAEMON = re.compile(
    r"(?:mailer|mail|delivery)[-_.]?daemon(?:[-_.+].*)?|mdaemon|postmaster|microsoftexchange[0-9a-f]{20,}"
)
_UNREAD = re.compile(
    r"(?:.*[-_.+])?(?:(?:no|do[-_.]?not)[-_.]?reply|ne[-_.]?pas[-_.]?repondre|(?:nicht|bitte[-_.]?nicht)[-_.]?antworten"
    r"|no[-_.]?responder|nao[-_.]?responda)(?:[-_.+].*|\d*)"
)


def _is_daemon(mail: Sighting) -> bool:
    """A postmaster is a person more often than not, so that the name alone is not enough."""
    local_part = mail.local_part
    return local_part != "postmaster" and bool(_MAILER_DAEMON.fullmatch(local_part) or _UNREAD.fullmatch(local_part))


def _is_from_nobody(mail: Sighting) -> bool:
    """The topmost Return-Path is the one that our own server wrote."""
    path = re.sub(rb"[\s<>\"]", b"", mail.fields.first("return-path")).lower()
    return mail.fields.has("return-path") and (not path or path.split(b"@")[0] == b"mailer-daemon")


# ---------------------------------------------------------------- lists and persons

_LIST_FIELDS = (
    "list-id", "list-post", "list-unsubscribe", "list-help", "list-subscribe", "list-owner", "list-archive",
    "mailing-list", "x-mailing-list", "x-beenthere", "x-mailman-version", "x-listname", "x-list", "x-ml-name",
    "x-google-group-id", "x-listserver", "list-software",
)  # fmt: skip


def field_of_a_list(mail: Sighting) -> MailClass | None:
    """RFC 2369, RFC 2919, and what list programs wrote before them."""
    is_list = mail.fields.has(*_LIST_FIELDS) or mail.fields.word("precedence") == "list"
    return MailClass.LIST if is_list else None


def person(mail: Sighting) -> MailClass | None:  # noqa: ARG001 — the last rule looks at nothing
    """Nothing says otherwise."""
    return MailClass.PERSON


RULES: tuple[Rule, ...] = (
    signed_by_the_robot,
    own_sender_and_message_id,
    delivery_status,
    disposition_notification,
    feedback_report,
    some_other_report,
    failed_recipients_field,
    report_by_a_mail_server,
    report_that_quotes_our_message_id,
    auto_submitted,
    field_of_an_autoresponder,
    sent_by_nobody,
    sent_by_a_daemon,
    absence_in_place_of_the_reply_prefix,
    field_of_a_list,
    person,
)
