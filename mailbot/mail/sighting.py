"""A mail as the rules of classification see it: one level of it, what stands outside or what was signed or sealed."""

import re
from dataclasses import dataclass, field
from functools import cached_property

from mailbot.core.mail import Bounce, Headers
from mailbot.mail.bounces import (
    disposed_message_id,
    first_text,
    guess_bounce,
    original_message_id,
    read_bounce,
    status_part,
)
from mailbot.mail.fields import Fields
from mailbot.mail.headers import unstructured
from mailbot.mail.limits import Limits
from mailbot.mail.mime import Part
from mailbot.mail.notices import Notice, read_notice

_MAILER_DAEMON = re.compile(
    r"(?:mailer|mail|delivery|e-?mail)[-_.]?daemon(?:[-_.+].*)?|mdaemon|daemon-mail|microsoftexchange[0-9a-f]{20,}"
    r"|mail[-_.]?delivery[-_.]?(?:sub)?system"
)
_MAIL_SERVER = re.compile(
    r"(?:post|mail)master|postoffice|(?:mail|e-?mail|smtp)[-_.]?(?:server|system|gateway|gate|admin\w*|filter|scan\w*)"
    r"|(?:system[-_.]?)?admin(?:istrator)?|root|bounces?|mailer|smtpd?|mta|exim|qmail|sendmail|amavis(?:d|-new)?"
)
_MAIL_SERVERS_NAME = re.compile(
    r"(?:mail|message|e-?mail|internet mail) delivery|delivery (?:sub)?system|mail (?:sub)?system|mailer[- ]?daemon"
    r"|(?:system|mail|network) administrator|post ?master|mail (?:server|gateway)|undeliver|non[- ]?delivery"
)
_UNREAD = re.compile(
    r"(?:.*[-_.+])?(?:(?:no|do[-_.]?not)[-_.]?reply|ne[-_.]?pas[-_.]?repondre|(?:nicht|bitte[-_.]?nicht)[-_.]?antworten"
    r"|no[-_.]?(?:responder|contestar)|nao[-_.]?respond[ae]r?|non[-_.]?rispondere|niet[-_.]?beantwoorden|nepasrepondre"
    r"|geen[-_.]?antwoord|niet[-_.]?antwoorden|svara?[-_.]?(?:ej|inte|ikke)|ikke[-_.]?svar|ei[-_.]?vasta\w*"
    r"|nie[-_.]?odpowiada[jc]|neodpov[ie]d\w*|neodgovar\w*|ne[-_.]?valaszol\w*|nu[-_.]?raspunde\w*"
    r"|noreply|donotreply)(?:[-_.+].*|\d*)"
)
_REPLIED = re.compile(
    r"(?:\s*+[\[(][^\[\]()]{1,40}+[\])])*+\s*+(?:re|fwd?|fw|aw|wg|antw?|tr|rv|enc|i|r|rif|res|resp|sv|vs|vb|vl|pd|odp"
    r"|doorst|vá|továbbítva|tov|ynt|ilt|i̇lt|απ|πρθ|σχετ|отв|ответ|на|fs|rép|ref|trs|bls|回复|转发|返信|轉寄|回覆|회신|전달)"
    r"(?:\[\d+\]|\^\d+|\(\d+\))?\s*[:：]",
    re.IGNORECASE,
)

_PERSONS_PROGRAM = re.compile(
    r"(?:microsoft |ms )?(?:office )?outlook|windows (?:live )?mail|apple mail|(?:iphone|ipad) mail|mozilla|thunderbird"
    r"|(?:neo)?mutt|k-9|fairemail|claws|sylpheed|kmail|evolution|em[ _]?client|the bat|becky|mailmate|airmail|postbox"
    r"|eudora|pegasus|alpine|zimbra|roundcube|horde|imp\b|squirrelmail|rainloop|snappymail|sogo|open-xchange|webmail"
    r"|(?:novell |micro focus )?groupwise"
)


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

    # ------------------------------------------------------------ who sent it

    @property
    def local_part(self) -> str:
        """Of the From address, in lower case."""
        return self.headers.sender.rpartition("@")[0].lower() or self._unreadable_local_part

    @property
    def _unreadable_local_part(self) -> str:
        """Of `From: MAILER-DAEMON` and `<MAILER-DAEMON>`, which are no addresses."""
        found = re.fullmatch(r"(?:.*[\s<])?([A-Za-z_.-]{4,40})>?", self._from[:200])
        return found[1].lower() if found else ""

    @cached_property
    def display_name(self) -> str:
        """The name in the From field, without its quotes; empty if there is none."""
        name, bracket, _ = self._from.rpartition("<")
        comment = re.search(r"\(([^()]{1,100})\)\s*$", self._from)
        return (name.strip(" \t\"'") if bracket else "") or (comment[1].strip() if comment else "")

    @property
    def _from(self) -> str:
        return unstructured(self.fields.first("from")[:1_000])

    @property
    def is_from_a_mailer_daemon(self) -> bool:
        return bool(_MAILER_DAEMON.fullmatch(self.local_part))

    @property
    def is_from_a_mail_server(self) -> bool:
        """As it says itself; a postmaster is a person more often than not, so that the name alone is not enough."""
        name = self.display_name.lower()
        named = bool(_MAIL_SERVER.fullmatch(self.local_part)) or bool(_MAIL_SERVERS_NAME.search(name))
        return self.is_from_a_mailer_daemon or named

    @property
    def is_from_an_unread_address(self) -> bool:
        """One that says itself that nobody reads it."""
        return self.is_from_a_mailer_daemon or bool(_UNREAD.fullmatch(self.local_part))

    @property
    def is_from_nobody(self) -> bool:
        """By the topmost Return-Path: the one that our own server wrote."""
        path = re.sub(rb"[\s<>\"]", b"", self.fields.first("return-path")).lower()
        return self.fields.has("return-path") and (not path or path.split(b"@")[0] == b"mailer-daemon")

    @property
    def is_a_persons_answer(self) -> bool:
        """Whether it is a reply or was forwarded, as persons' programs mark it: no mail server's program does."""
        automatic = self.fields.word("auto-submitted") not in {"", "no"}
        return not self.is_a_machines and not automatic and bool(_REPLIED.match(self.headers.subject))

    @property
    def is_of_a_persons_program(self) -> bool:
        """Whether a program wrote it that has a person in front of it, as such programs say; Exchange then notes the
        language that the person reads.
        """
        named = self.fields.has("user-agent", "accept-language")
        return not self.is_a_machines and (named or bool(_PERSONS_PROGRAM.match(self.fields.word("x-mailer"))))

    @property
    def is_a_machines(self) -> bool:
        """From nobody, or from a mail server's own address: whatever else it claims, no person sent it."""
        return self.is_from_a_mailer_daemon or self.is_from_nobody

    @property
    def asks_for_no_answer(self) -> bool:
        """Marks that forbid an automatic answer, though the mail may be a person's (mail-in-the-wild.md 10)."""
        words = self.fields.first("x-auto-response-suppress").decode("latin-1").split(",")
        suppressed = {word.strip().lower() for word in words}
        return (
            self.fields.word("precedence") in {"bulk", "junk", "list"}
            or bool(suppressed & {"all", "oof", "autoreply"})  # DR, RN, NRN only forbid reports
            or self.fields.has("x-loop", "x-rt-loop-prevention", "x-otrs-loop")
            or self.is_from_an_unread_address
            or self.headers.sender.lower() in self.own.addresses
        )

    @property
    def thread_topic(self) -> str:
        """The subject that a conversation began with, as Exchange and Outlook write it beside the subject."""
        return unstructured(self.fields.first("thread-topic"))

    # ------------------------------------------------------------ what it holds

    def holds(self, *types: str) -> bool:
        """Whether a part of one of these types is in it, at any depth but in an attached message."""
        return any(leaf.type in types for leaf in self.root.leaves())

    def reports(self, kind: str) -> bool:
        """Whether it is a multipart/report of this kind (RFC 6522)."""
        return self.root.type == "multipart/report" and self.root.content.get("report-type").lower() == kind

    @property
    def is_a_calendars_answer(self) -> bool:
        """Whether somebody, or a meeting room, accepted an invitation: a program wrote it (RFC 5546 §3.2.3)."""
        calendars = (leaf for leaf in self.root.leaves() if leaf.type == "text/calendar")
        return any(calendar.content.get("method").lower() == "reply" for calendar in calendars)

    @cached_property
    def holds_status(self) -> bool:
        """Whether it holds the machine-readable part of a delivery report."""
        return self.reports("delivery-status") or status_part(self.root) is not None

    @cached_property
    def first_text(self) -> str:
        """The first that says anything, its beginning."""
        return first_text(self.root, self.limits)

    @cached_property
    def notice(self) -> Notice | None:
        """What its text says, if that begins as a mail server's notice."""
        return read_notice(self.first_text)

    @cached_property
    def standard_bounce(self) -> Bounce | None:
        return read_bounce(self.root, self.limits)

    @cached_property
    def guessed_bounce(self) -> Bounce | None:
        return guess_bounce(self.root, self.notice, self.limits)

    @cached_property
    def returned_id(self) -> str | None:
        """The Message-ID of the mail that is given back."""
        return original_message_id(self.root, self.limits)

    @property
    def disposed(self) -> str | None:
        """The Message-ID of the mail that was opened; ask only if it is a receipt."""
        return disposed_message_id(self.root, self.limits)

    @property
    def bounce(self) -> Bounce | None:
        """What is known of the delivery that this reports; ask only if it is a report."""
        if found := self.standard_bounce or self.guessed_bounce:
            return found
        return Bounce((), self.returned_id) if self.returned_id else None


def is_own_id(message_id: str, own: OwnMarks) -> bool:
    """Whether this identifier has the form of ours; anybody can write one."""
    return bool(own.message_id_domain) and message_id.lower().endswith(f"@{own.message_id_domain.lower()}>")
