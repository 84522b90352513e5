"""Records and mails for the tests of the store; every field can be named anew."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from mailbot.core.decision import Intent, Network
from mailbot.core.mail import (
    Covers,
    Headers,
    MailClass,
    OpenedMail,
    OutgoingMail,
    Signature,
    SignatureState,
)
from mailbot.core.parties import Address, Correspondent, Directory, Party, Relay, Role
from mailbot.core.records import Assurance, Exchange, HeldMail, HeldState, Part, PartStage, Question, Reason, Terms
from mailbot.core.tags import Tag, Urgency, Word

NOW = datetime(2026, 3, 4, 3, 0, 0, 123456, tzinfo=UTC)
SECRET = b"SECRET-CANARY"
_serial = count(1)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def exchange(reference: str = "2026-0001", parties: str = "DE IT", **changes: object) -> Exchange:
    made = Exchange(
        reference=reference,
        kind=Word.REQUEST,
        asker="FR",
        parts=tuple(Part(code, PartStage.PASSED_ON, passed_on_at=NOW) for code in parties.split()),
        urgency=Urgency.URGENT,
        opened_at=NOW,
        deadline=NOW + timedelta(hours=4),
        reply_code=f"R-{reference[-5:]:0>5}-{reference[:4]:0>5}",
        original=digest(reference),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def outgoing(**changes: object) -> OutgoingMail:
    serial = next(_serial)
    made = OutgoingMail(
        message_id=f"<{serial}.test@hub.example>",
        tracking=f"tracking-{serial}",
        envelope_sender=f"hub+tracking-{serial}@hub.example",
        recipient="desk@de.example",
        head=b"Subject: [REQUEST#2026-0001]\r\n\r\n",
        tail=b"sealed " + SECRET,
        foot=b"\r\n--boundary--\r\n",
        reference="2026-0001",
        party="DE",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def held_mail(name: str = "held", **changes: object) -> HeldMail:
    made = HeldMail(
        number=0,
        digest=digest(name),
        reason=Reason.TAG_NOT_SIGNED,
        state=HeldState.WAITING,
        held_at=NOW,
        sender="desk@fr.example",
        party="FR",
        size=4711,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def question(name: str = "held", **changes: object) -> Question:
    made = Question(
        word="7K3Q-9F2M-XR4T",
        digest=digest(name),
        party="FR",
        tag=Tag(Word.REQUEST, targets=("IT", "XX")),
        asked_at=NOW,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def party(code: str) -> Party:
    return Party(code, {"en": code}, "en", "UTC", addresses=(), signers=frozenset())


def network(*codes: str) -> Network:
    directory = Directory({code: party(code) for code in codes or ("FR", "DE", "IT")})
    return Network(directory, {}, Terms(), "hub@hub.example", "control@hub.example", "A" * 40)


def opened(
    *, sender: str = "desk@fr.example", references: tuple[str, ...] = (), identity: str | None = None
) -> OpenedMail:
    signature = Signature(SignatureState.GOOD, Covers.WHOLE, "F" * 40, NOW, identity)
    return OpenedMail(
        digest=digest("opened"),
        size=1000,
        mail_class=MailClass.PERSON,
        rule="test",
        answerable=True,
        outer=Headers(sender=sender, references=references),
        protected=None,
        encrypted=True,
        sealed=True,
        signatures=(signature,),
    )


def relay_of(code: str) -> Correspondent:
    mailbox = Address(f"police@{code.lower()}.example", Role.RELAY, ())
    return Correspondent(party(code), Relay(mailbox, frozenset(), frozenset(), frozenset()))


def intent(mail: OpenedMail | None = None, speaker: str | Correspondent | None = "FR", **changes: object) -> Intent:
    made = Intent(
        opened=mail or opened(),
        speaker=Correspondent(party(speaker)) if isinstance(speaker, str) else speaker,
        resident=None,
        assurance=Assurance.SIGNED,
        tag=None,
        tag_source=None,
        tag_signed=False,
    )
    return replace(made, **changes)  # type: ignore[arg-type]
