"""A letter becomes finished mails: its words, a MIME entity, sealed, with a header of its own for each mailbox.

Outside stand kind and reference alone; the subject, the parties and everything else are inside the encryption, which is
the same for all copies and names no reader (trust.md 6, 7). The octets are ready for DATA but for the dots at the
beginning of lines: doubling those (RFC 5321 §4.5.2) is the SMTP client's.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import groupby

from mailbot.core import tags
from mailbot.core.certificates import Fingerprint
from mailbot.core.charts import Chart
from mailbot.core.decision import Moment
from mailbot.core.mail import Attachment, Envelope, Letter, OutgoingMail
from mailbot.core.parties import Address
from mailbot.core.tags import Tag, Word
from mailbot.mail import heading
from mailbot.mail.enclosure import enclose, proof
from mailbot.mail.entity import Boundaries, Entity, multipart, text_entity
from mailbot.mail.gallery import Draw, Print, attached, draw_all, in_one_file, note_entity, on_paper, picture_words
from mailbot.mail.gpg import Gpg
from mailbot.mail.return_path import ReturnPath, base32
from mailbot.mail.templates import PLAIN_ALLOWED, Templates

# What people wrote or must answer; all other mail asks vacation programs not to (`All` would suppress bounces too).
RELAYED = frozenset({"relay", "probe"})


class Share(StrEnum):
    """Who may get copies of one sealed text, which an observer can then link by their common tail (trust.md 7)."""

    EXCHANGE = "exchange"
    PARTY = "party"
    NEVER = "never"


class Unsealable(Exception):
    """A letter that must be sealed was to go to a mailbox without certificate: a bug of ours, stopped here."""


class UnfitForSmtp(Exception):
    """A finished mail has a bare CR or LF, a NUL, or too long a line: a bug of ours, stopped here."""


def no_pictures(chart: Chart) -> None:
    """For a writer of letters that have none."""


def no_paper(page: str) -> None:
    """Likewise."""


@dataclass(frozen=True, slots=True)
class Robot:
    """How the robot names itself in its mail."""

    name: str
    address: str
    control_address: str
    fingerprint: Fingerprint
    domain: str  # of its Message-IDs

    def root_of(self, reference: str) -> str:
        """The identifier that all mail of an exchange refers to, so that clients show it as one thread."""
        return f"<x.{reference}@{self.domain}>"


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes letters. One for each worker thread, as the gpg in it is."""

    robot: Robot
    gpg: Gpg
    templates: Templates
    return_path: ReturnPath
    share: Share = Share.EXCHANGE
    draw: Draw = no_pictures
    print_page: Print = no_paper

    def write(self, letter: Letter, moment: Moment) -> list[OutgoingMail]:
        """A mail for each mailbox of the letter. Raises Unsealable, BrokenTemplate, or what sealing raises."""
        plain = [m for m in letter.mailboxes if not m.encrypt_to]
        if plain and (letter.template not in PLAIN_ALLOWED or letter.content or letter.words.get("challenge")):
            raise Unsealable(f"{letter.template} to a mailbox without certificate")
        draft = _Draft(self, letter, moment)
        mails = [mail for group in self._groups(letter) for mail in draft.sealed(group)]
        return mails + [draft.plain(mailbox) for mailbox in plain]

    def returned_to(self, addresses: Sequence[str]) -> str | None:
        """The tracking in the first of these addresses that is a return path of ours; a hint, nothing more."""
        return self.return_path.first_tracking(addresses)

    def vouches(self, addresses: Sequence[str], tracking: str, recipient: str) -> bool:
        """Whether one of these addresses is the return path that we gave to the mail with this tracking."""
        path = self.return_path
        return any(path.tracking_of(a) == tracking and path.vouches(a, recipient) for a in addresses)

    def _groups(self, letter: Letter) -> list[tuple[Address, ...]]:
        """The mailboxes that may share a sealed body."""
        sealed = tuple(m for m in letter.mailboxes if m.encrypt_to)
        if self.share is Share.EXCHANGE:
            return [sealed] if sealed else []
        if self.share is Share.NEVER:
            return [(mailbox,) for mailbox in sealed]
        by_party = sorted(sealed, key=_party)
        return [tuple(group) for _, group in groupby(by_party, key=_party)]


class _Draft:
    """One letter on its way to its mails: everything that they have in common."""

    def __init__(self, writer: Writer, letter: Letter, moment: Moment) -> None:
        self.robot, self.letter, self.moment = writer.robot, letter, moment
        self.gpg, self.return_path = writer.gpg, writer.return_path
        self.drawn = draw_all(letter.pictures, writer.draw)
        self.rendered = writer.templates.render(letter.template, letter.language, self._words())
        self.printed = self._printed(writer.print_page)
        address = self.robot.control_address if letter.from_control else self.robot.address
        self.sender = heading.mailbox(self.robot.name, address)
        self.outside = _outside(letter.tag)
        self.inside = f"{tags.write(letter.tag)} {letter.subject or self.rendered.subject}"
        known = (letter.template, letter.language, letter.party or "", self.inside, self.rendered.text)
        self.seed = hashlib.sha256("\0".join(known).encode("utf-8", "replace")).digest()

    def sealed(self, mailboxes: Sequence[Address]) -> Iterator[OutgoingMail]:
        """A mail for each of them, all sealed in one call."""
        # New for each call: what seals apart to keep copies from being linked must not link them by a boundary.
        boundary = f"=_{self._chance('boundary', mailboxes[0])}"
        closing = f"\r\n--{boundary}--\r\n".encode("ascii")
        opening = _encrypted_opening(boundary)
        pieces = self._entity().pieces(self._protected(), '; hp="cipher"; protected-headers="v1"')
        copies = self.gpg.seal(b"".join(pieces), [m.encrypt_to for m in mailboxes])
        for tail in {id(copy.tail): copy.tail for copy in copies}.values():
            _check(tail)
        for mailbox, copy in zip(mailboxes, copies, strict=True):
            message_id = self._message_id(mailbox)
            header = self._header(mailbox, message_id, self.outside)
            yield self._mail(mailbox, message_id, header + opening + copy.head, copy.tail, copy.foot + closing)

    def plain(self, mailbox: Address) -> OutgoingMail:
        """A mail that holds nothing, to a mailbox that nothing can be sealed to."""
        message_id = self._message_id(mailbox)
        header = self._header(mailbox, message_id, f"{self.outside} {self.rendered.subject}")
        text = text_entity(self.rendered.text).pieces(header)
        return self._mail(mailbox, message_id, b"".join(text), b"", b"")

    # ------------------------------------------------------------ inside

    def _words(self) -> dict[str, object]:
        return {
            **self.letter.words,
            "robot": {
                "name": self.robot.name,
                "address": self.robot.address,
                "control_address": self.robot.control_address,
                "fingerprint": self.robot.fingerprint,
            },
            "proof": proof(self.letter.content, author_hidden=self.letter.author_hidden),
            "pictures": picture_words(self.drawn, self.robot.domain),
        }

    def _printed(self, print_page: Print) -> tuple[Attachment, ...]:
        if not (self.letter.printed and self.rendered.html):
            return ()
        return on_paper(self.letter.printed, in_one_file(self.rendered.html, self.drawn, self.robot.domain), print_page)

    def _entity(self) -> Entity:
        """The text, below it what the author wrote, and what is attached."""
        content = self.letter.content
        octets = (content.entity, content.message or b"") if content else ()
        boundaries = Boundaries(self.seed, octets)
        parts = [note_entity(self.rendered, self.drawn, boundaries, self.robot.domain)]
        if content:
            parts.append(enclose(content, self.rendered.label, boundaries, author_hidden=self.letter.author_hidden))
        parts += map(attached, (*self.printed, *self.letter.attachments))
        if len(parts) == 1:
            return parts[0]
        return multipart("mixed", boundaries.next(), [part.pieces() for part in parts])

    def _protected(self) -> bytes:
        """The header fields that the encryption protects, and what stands outside in their place (RFC 9788 §2.2)."""
        inside = (*self._common(), ("Subject", heading.text(self.inside)))
        outside = (*self._common(), ("Subject", self.outside))
        fields = [heading.field(name, value) for name, value in inside]
        fields += [heading.field("HP-Outer", f"{name}: {value}") for name, value in outside]
        return b"".join(fields)

    def _common(self) -> tuple[tuple[str, str], ...]:
        """The same inside and outside. Reply-To is no other than From, because clients look keys up by address."""
        return (("From", self.sender), ("Reply-To", self.sender), ("Date", heading.date(self.moment.now)))

    # ------------------------------------------------------------ outside

    def _header(self, mailbox: Address, message_id: str, subject: str) -> bytes:
        own = (
            ("To", heading.mailbox("", mailbox.address)),
            ("Subject", heading.text(subject)),
            ("Message-ID", message_id),
        )
        begin, end = self._of_all
        return b"".join((begin, *(heading.field(name, value) for name, value in own), end))

    @cached_property
    def _of_all(self) -> tuple[bytes, bytes]:
        """What stands before and behind a mailbox's own fields in the header of each of the mails."""
        fields = list[tuple[str, str]]()
        if self.letter.reference:
            root = self.robot.root_of(self.letter.reference)
            fields += [("In-Reply-To", root), ("References", root)]
        fields.append(("Auto-Submitted", self.letter.automatic.value))
        if self.letter.purpose not in RELAYED:
            fields.append(("X-Auto-Response-Suppress", "OOF, AutoReply"))
        fields.append(("MIME-Version", "1.0"))
        begin, end = (b"".join(heading.field(*field) for field in some) for some in (self._common(), fields))
        return begin, end

    def _message_id(self, mailbox: Address) -> str:
        return f"<{self._chance('message-id', mailbox)}@{self.robot.domain}>"

    def _mail(self, mailbox: Address, message_id: str, head: bytes, tail: bytes, foot: bytes) -> OutgoingMail:
        _check(head)
        _check(foot)
        tracking = self._chance("tracking", mailbox)
        tracked = self.letter.envelope is Envelope.TRACKED
        return OutgoingMail(
            message_id=message_id,
            tracking=tracking,
            envelope_sender=self.return_path.write(tracking, mailbox.address) if tracked else "",
            recipient=mailbox.address,
            head=head,
            tail=tail,
            foot=foot,
            purpose=self.letter.purpose,
            reference=self.letter.reference,
            party=mailbox.party or self.letter.party,
            urgent=self.letter.urgent,
            letter=self.letter.template,
            author=self.letter.author,
        )

    def _chance(self, purpose: str, mailbox: Address) -> str:
        """80 bits that nobody can guess, another for each purpose, letter and mailbox of this moment."""
        return base32(self.moment.chance(f"{purpose} {self.seed.hex()} {mailbox.address}"))


def _party(mailbox: Address) -> str:
    return mailbox.party


def _outside(tag: Tag) -> str:
    """Kind and reference, or the token of a probe, which proves little (trust.md 9); never a one-time word."""
    number = tag.reference or (tag.token if tag.word is Word.PING else None)
    return f"[{tag.word}#{number}]" if number else f"[{tag.word}]"


def _encrypted_opening(boundary: str) -> bytes:
    """From Content-Type to where the armour begins (RFC 3156 §4)."""
    version = Entity("application/pgp-encrypted", (b"Version: 1\r\n",))
    armour = Entity("application/octet-stream" + heading.parameter("name", "encrypted.asc"), ())
    mail = multipart("encrypted", boundary, [version.pieces(), armour.pieces()], parameters=_PROTOCOL)
    *opening, _, _ = mail.pieces()  # without the line end and the delimiter that close the armour
    return b"".join(opening)


_PROTOCOL = heading.parameter("protocol", "application/pgp-encrypted")


def _check(octets: bytes) -> None:
    """Whole lines, none too long, each ended by CRLF: the last look before the octets are final (trust.md 20)."""
    lines = octets.count(b"\r\n")
    if octets.count(b"\n") != lines or octets.count(b"\r") != lines or b"\0" in octets or _has_long_line(octets):
        raise UnfitForSmtp("bare CR, bare LF, NUL, or a line of more than 998 octets")


def _has_long_line(octets: bytes) -> bool:
    """In steps of as many lines as fit into one: 50 MB are nothing."""
    position, most = 0, heading.LINE_MOST + 2
    while len(octets) - position > most:
        position = octets.rfind(b"\n", position, position + most) + 1
        if position == 0:
            return True
    return False
