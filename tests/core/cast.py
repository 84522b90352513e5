"""The people of the core's tests: four parties, a relay, an operator; and mail from them without any gpg."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailbot.core.certificates import Certificate
from mailbot.core.decision import Decision, Intent, Known, Moment, Network
from mailbot.core.judgement import decide, understand
from mailbot.core.mail import Content, Covers, Headers, MailClass, OpenedMail, Signature, SignatureState
from mailbot.core.parties import Address, Directory, Operator, Party, Relay, Right, Role
from mailbot.core.records import Exchange, Part, PartStage, Terms
from mailbot.core.tags import Urgency, Word

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
ROBOT = "0" * 40
NETWORK_KINDS = frozenset({Word.REQUEST, Word.INFO, Word.REPLY, Word.ACK, Word.CLOSE})


def fingerprint(name: str) -> str:
    return (name.encode().hex().upper() + "A" * 40)[:40]


def box(name: str, party: str, role: Role = Role.DESK) -> Address:
    return Address(f"{name}@{party.lower()}.example", role, (fingerprint(f"{name}{party}"),), party=party)


def relay(name: str, party: str, kinds: frozenset[Word] = NETWORK_KINDS, *urgencies: Urgency) -> Relay:
    mailbox = box(name, party, Role.RELAY)
    return Relay(mailbox, frozenset(mailbox.encrypt_to), kinds, frozenset(urgencies or Urgency))


def party(code: str, language: str = "en", *relays: Relay, backup: bool = False) -> Party:
    desk = box("desk", code)
    backups = (box("night", code, Role.BACKUP),) if backup else ()
    return Party(
        code,
        {"en": f"{code} in English", "fr": f"{code} en français"},
        language,
        "Europe/Paris",
        (desk, *backups),
        frozenset(desk.encrypt_to),
        relays,
    )


FR = party("FR", "fr", relay("police", "FR", frozenset({Word.REPLY})))
DE = party("DE", "en", relay("bka", "DE"), relay("border", "DE", NETWORK_KINDS, Urgency.URGENT), backup=True)
IT = party("IT")
EU = party("EU")
SEC = replace(party("SEC"), rights=frozenset({Right.SECRETARIAT}))
OPERATOR = Operator(box("ops", "", Role.OPERATOR), "en", frozenset({fingerprint("ops")}))
DIRECTORY = Directory({p.code: p for p in (FR, DE, IT, EU, SEC)}, (OPERATOR,))


def certificate(of: str) -> Certificate:
    return Certificate(of, (), "ed25519", NOW - timedelta(days=400), None, False, False, None, True, True)


def network(directory: Directory = DIRECTORY, *without: str) -> Network:
    certificates = {f: certificate(f) for f in directory.fingerprints() if f not in without}
    return Network(directory, certificates, Terms(), "network@hub.example", "control@hub.example", ROBOT)


NETWORK = network()
MOMENT = Moment(NOW, "2026-0042", b"\x07" * 32)
CONTENT = Content(entity=b"Content-Type: text/plain\r\n\r\nWhere is he?\r\n", signature=b"signature")


def signed_by(signer: str, made_at: datetime = NOW) -> Signature:
    return Signature(SignatureState.GOOD, Covers.WHOLE, signer, made_at, identity=f"identity of {signer} {made_at}")


def mail(
    sender: Address = FR.desks[0],
    subject: str = "[REQUEST DE,IT urgent] Traveller",
    text: str = "Where is he?\n",
    *,
    outer: str = "...",
    signatures: tuple[Signature, ...] | None = None,
    encrypted: bool = True,
    **changed: object,
) -> OpenedMail:
    """A good mail: sealed, signed by its sender, the subject protected. Every test spoils what it is about."""
    protected = Headers(subject=subject, sender=sender.address) if subject else None
    opened = OpenedMail(
        digest="d" * 64,
        size=2048,
        mail_class=MailClass.PERSON,
        rule="person",
        answerable=True,
        outer=Headers(subject=outer, sender=sender.address),
        protected=protected,
        encrypted=encrypted,
        sealed=encrypted,
        signatures=(signed_by(sender.encrypt_to[0]),) if signatures is None else signatures,
        text=text,
        content=CONTENT,
    )
    return replace(opened, **changed)  # type: ignore[arg-type]


def intent_of(opened: OpenedMail, known: Known | None = None) -> Intent:
    return understand(opened, (known or KNOWN).network)


KNOWN = Known(NETWORK, journal_head=(7, "abc"))


def judge(opened: OpenedMail, known: Known = KNOWN, moment: Moment = MOMENT) -> Decision:
    return decide(intent_of(opened, known), known, moment)


def exchange(**changed: object) -> Exchange:
    """FR asked DE and IT an hour ago, urgently; both got it."""
    opened_at = NOW - timedelta(hours=1)
    made = Exchange(
        reference="2026-0041",
        kind=Word.REQUEST,
        asker="FR",
        parts=tuple(Part(code, PartStage.PASSED_ON, passed_on_at=opened_at) for code in ("DE", "IT")),
        urgency=Urgency.URGENT,
        opened_at=opened_at,
        deadline=opened_at + timedelta(hours=4),
        reply_code="R-7K3Q9-F2MXR",
        original="a" * 64,
        version=1,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def remembering(found: Exchange, **changed: object) -> Known:
    """What memory holds when a mail names that exchange by its tag."""
    reached = frozenset((found.reference, relay.mailbox.address) for relay in DE.relays)
    return replace(KNOWN, exchange=found, reached=reached, **changed)  # type: ignore[arg-type]


def readers_of(decision: Decision, template: str) -> set[str]:
    """The addresses that a letter of this template goes to."""
    return {a.address for letter in decision.letters if letter.template == template for a in letter.mailboxes}
