"""What made a mail: a person, a list, or one of the machines that must never get an answer.

Every rule is a small function with one reason; the first that knows decides, and its name is journalled. Rules look at
header fields and at the structure of the mail. No rule takes a person's mail for a machine's because of a word in it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mailbot.core.mail import MailClass
from mailbot.mail.reports import (
    aggregate_report,
    delivery_status,
    disposition_notification,
    feedback_report,
    field_of_a_bounce,
    looks_like_a_report,
    mail_of_a_mailer_daemon,
    notice_that_gives_a_mail_back,
    receipt_in_words_alone,
    report_by_a_mail_server,
    report_that_quotes_our_message_id,
    some_other_report,
    status_of_groupwise,
)
from mailbot.mail.responders import (
    absence_in_place_of_the_reply_prefix,
    absence_told_in_the_senders_full_name,
    auto_submitted,
    field_of_an_autoresponder,
    folder_data_of_a_mailbox_server,
    sent_by_a_list_program,
    sent_by_nobody,
    sent_from_an_unread_address,
)
from mailbot.mail.sighting import OwnMarks, Sighting, is_own_id

__all__ = ["Finding", "OwnMarks", "Sighting", "asks_for_no_answer", "classify", "is_own_id"]

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


def asks_for_no_answer(mail: Sighting) -> bool:
    """Whether a mail gets no automatic answer, though a person may have written it."""
    return mail.asks_for_no_answer or mail.is_a_calendars_answer or looks_like_a_report(mail)


# ---------------------------------------------------------------- our own mail


def signed_by_the_robot(mail: Sighting) -> MailClass | None:
    """Only this proves that a mail is ours (trust.md 15)."""
    return MailClass.OWN if mail.signed_by_robot else None


def own_sender_and_message_id(mail: Sighting) -> MailClass | None:
    """Sealed for somebody else and come back: it cannot be opened, and must not be answered."""
    from_us = mail.headers.sender.lower() in mail.own.addresses
    return MailClass.OWN if from_us and is_own_id(mail.headers.message_id, mail.own) else None


# ---------------------------------------------------------------- lists and persons

_LIST_FIELDS = (
    "list-id", "list-post", "list-unsubscribe", "list-help", "list-subscribe", "list-owner", "list-archive",
    "mailing-list", "x-mailing-list", "x-beenthere", "x-mailman-version", "x-listname", "x-list", "x-ml-name",
    "x-google-group-id", "x-listserver", "list-software", "x-ml-count", "x-mail-count", "x-listprocessor-version",
    "x-sequence", "x-list-host", "x-ezmlm-number", "x-listar-version", "x-ecartis-version", "x-mlserver",
    "x-mailinglist",
)  # fmt: skip
_BULK_FIELDS = ("x-csa-complaints", "x-campaign", "x-campaignid", "x-campaign-id")
# Campaign, customer, kind of mail and sender; providers such as Proton, Fastmail and Amazon's relay write a shorter one
# into every mail, persons' too.
_CAMPAIGN = re.compile(rb"(?:[^:]{0,200}:){3}[^:]{1,200}")
_LIST_ADDRESS = re.compile(
    rb"<?(?:owner-[^@<>\s]+|[^@<>\s]+-(?:owner|bounces?|return-\d+-[^@<>\s]*)(?:\+[^@<>]*)?)@", re.IGNORECASE
)


def field_of_a_list(mail: Sighting) -> MailClass | None:
    """RFC 2369, RFC 2919, and what list programs wrote before them."""
    is_list = mail.fields.has(*_LIST_FIELDS) or mail.fields.word("precedence") == "list"
    return MailClass.LIST if is_list else None


def field_of_a_mailing(mail: Sighting) -> MailClass | None:
    """Fields that those who send to many put into it, so that providers can tell them how it was received."""
    is_campaign = any(_CAMPAIGN.fullmatch(value) for value in mail.fields.all("feedback-id"))
    return MailClass.LIST if is_campaign or mail.fields.has(*_BULK_FIELDS) else None


def sent_by_a_lists_owner(mail: Sighting) -> MailClass | None:
    """Lists send under an address of their own: `owner-desks@`, `desks-bounces@`, `desks-return-42-…@`."""
    senders = (mail.fields.first(name) for name in ("sender", "return-path", "errors-to", "x-errors-to"))
    return MailClass.LIST if any(_LIST_ADDRESS.search(sender[:500]) for sender in senders) else None


def person(mail: Sighting) -> MailClass | None:  # noqa: ARG001 — the last rule looks at nothing
    """Nothing says otherwise."""
    return MailClass.PERSON


RULES: tuple[Rule, ...] = (
    signed_by_the_robot,
    own_sender_and_message_id,
    delivery_status,
    disposition_notification,
    feedback_report,
    field_of_a_bounce,
    report_by_a_mail_server,
    report_that_quotes_our_message_id,
    notice_that_gives_a_mail_back,
    receipt_in_words_alone,
    folder_data_of_a_mailbox_server,
    mail_of_a_mailer_daemon,
    status_of_groupwise,
    aggregate_report,
    some_other_report,
    auto_submitted,
    field_of_an_autoresponder,
    sent_by_nobody,
    sent_by_a_list_program,
    absence_in_place_of_the_reply_prefix,
    absence_told_in_the_senders_full_name,
    field_of_a_list,
    field_of_a_mailing,
    sent_by_a_lists_owner,
    sent_from_an_unread_address,
    person,
)
