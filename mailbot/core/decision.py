"""What was decided about a mail, as plain facts for the store and the writer to carry out."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from mailbot.core.certificates import Certificate, Fingerprint, Policy
from mailbot.core.mail import Letter, OpenedMail
from mailbot.core.parties import Address, Correspondent, Directory, Right
from mailbot.core.pins import Attached, Brought, Pin, Proposal, Retirement, Revocation
from mailbot.core.postings import Reported, Returned
from mailbot.core.quotas import Quotas, Spending, Use
from mailbot.core.records import Assurance, Exchange, HeldMail, Question, Suspension, Terms
from mailbot.core.reporting import Reporting
from mailbot.core.rounds.records import Challenge, Probe, Round, Trail
from mailbot.core.rounds.terms import PingTerms
from mailbot.core.sight import Sight
from mailbot.core.tags import Bilingual, Parsed, Tag, Word, new_token, next_reference
from mailbot.core.troubles import Ringing


class Folder(StrEnum):
    """Where a mail goes when it leaves INBOX."""

    DONE = "Done"
    HELD = "Held"
    DROPPED = "Dropped"


class TagSource(StrEnum):
    """Where the tag was read; PROTECTED, BODY, CODE and CONFIRMED count as signed when the mail is."""

    PROTECTED = "protected"
    BODY = "body"
    CODE = "code"  # the reply code of a cover note, quoted in the signed body
    CONFIRMED = "confirmed"  # a signed reply quoted our one-time word (trust.md 1)
    SUBJECT = "subject"
    THREAD = "thread"
    ADDRESS = "address"  # the return path it arrived at


@dataclass(frozen=True, slots=True)
class Moment:
    """Time and chance as plain facts, so that deciding stays a pure function."""

    now: datetime  # aware UTC
    fresh_reference: str  # the next free number of the year
    seed: bytes = field(repr=False)  # 32 random bytes, new for each mail

    def chance(self, purpose: str) -> bytes:
        """32 bytes nobody can guess, the same for the same purpose within this moment."""
        return hmac.digest(self.seed, purpose.encode(), hashlib.sha256)

    def token(self, purpose: str) -> str:
        """A fresh 60-bit token, written as in a tag: `7K3Q-9F2M-XR4T`."""
        return new_token(self.chance(purpose))

    def another(self, number: int) -> "Moment":
        """The same moment with other chance and another reference, for what is decided beside: 1, 2, …."""
        reference = next_reference(self.fresh_reference, number)
        return Moment(self.now, reference, self.chance(f"another {number}"))


@dataclass(frozen=True, slots=True)
class Intent:
    """What a mail seems to want, before anything the robot remembers is looked at."""

    opened: OpenedMail
    speaker: Correspondent | None  # whose pinned signature vouches for all of it
    resident: Correspondent | None  # whose registered address it claims to come from
    assurance: Assurance
    tag: Tag | None
    tag_source: TagSource | None
    tag_signed: bool
    tag_problem: Bilingual | None = None  # why a tag of ours could not be read, with what was expected
    outer_tag: Tag | None = None  # the tag of the outer subject, to compare (trust.md 1)
    commands: tuple[Parsed, ...] = ()  # those of control mail, good and bad, in their order
    rest: str = ""  # the free text after the tag, protected subject only
    codes: tuple[str, ...] = ()  # every word in the signed body that has the form of a reply code
    words: tuple[str, ...] = ()  # the one-time word of a signed [CONFIRM#…]
    tokens: tuple[str, ...] = ()  # every word in text and protected subject that has the form of a token
    challenges: tuple[str, ...] = ()  # and every one in the text that has the form of a probe's challenge
    returned_to: str | None = None  # the tracking of the return path of ours that it arrived at

    @property
    def identities(self) -> tuple[str, ...]:
        """The replay keys that acting on the mail uses up."""
        voucher = self.opened.voucher
        signatures = (voucher, *self.opened.attached) if voucher else ()
        return tuple(dict.fromkeys(signature.identity for signature in signatures if signature.identity))


@dataclass(frozen=True, slots=True)
class Network:
    """What holds for every mail: the directory, what gpg knows of its certificates, the terms, the robot itself."""

    directory: Directory
    certificates: Mapping[Fingerprint, Certificate]
    terms: Terms
    address: str
    control_address: str
    robot: Fingerprint
    quotas: Quotas = field(default_factory=Quotas)
    policy: Policy = field(default_factory=Policy)
    reporting: Reporting = field(default_factory=Reporting)
    commands: Mapping[Word, frozenset[Right]] = field(default_factory=dict)  # who may give which; else as in COMMANDS
    ping: PingTerms = field(default_factory=PingTerms)
    own: Mapping[Fingerprint, bytes] = field(default_factory=dict, repr=False)  # the robot's certificates, armoured
    also_opens: frozenset[Fingerprint] = frozenset()  # the robot's last or next key, while it is being changed

    @property
    def addresses(self) -> frozenset[str]:
        """Both addresses of the robot, ready to compare."""
        return frozenset({self.address.casefold(), self.control_address.casefold()})

    def sealable(self, mailbox: Address, at: datetime) -> bool:
        """Whether a mail to this mailbox can be sealed now: every certificate it is sealed to must be usable."""
        return bool(mailbox.encrypt_to) and all(self.usable(f, at) for f in mailbox.encrypt_to)

    def usable(self, fingerprint: Fingerprint, at: datetime) -> bool:
        """Whether this certificate can be encrypted to now."""
        certificate = self.certificates.get(fingerprint)
        return (
            fingerprint not in self.directory.refused
            and certificate is not None
            and certificate.flaw(at, for_encryption=True) is None
        )


@dataclass(frozen=True, slots=True)
class Known:
    """The slice of memory that one mail needs."""

    network: Network
    exchange: Exchange | None = None  # the one that the tag names
    coded: tuple[Exchange, ...] = ()  # those whose reply code stands in the signed body
    threaded: tuple[Exchange, ...] = ()  # those that threading headers point to
    addressed: Exchange | None = None  # the one that the return path points to
    reached: frozenset[tuple[str, str]] = frozenset()  # (reference, address) of the mails of these exchanges
    question: Question | None = None  # the one whose word is quoted
    replayed: bool = False  # this very signed content was acted on before
    last_notice: datetime | None = None  # when the sender's address last got the fixed notice
    spent: Mapping[Use, datetime] = field(default_factory=dict)  # when the speaker's quotas will be whole again
    returned: Returned | None = None  # the mail that a report is about
    trails: tuple[Trail, ...] = ()  # the probes that it points to, by the surest hint first
    journal_head: tuple[int, str] = (0, "")  # row number and hash, as they stood before this mail
    sight: Sight = field(default_factory=Sight)  # what the commands of the mail need
    candidate: Proposal | None = None  # the open proposal whose new certificate signed the mail
    unsettled: tuple[Proposal, ...] = ()  # where something is revoked: all renewals that are not settled
    revoked: tuple[Attached, ...] = ()  # pinned certificates that something attached to it revokes, validly


@dataclass(frozen=True, slots=True)
class Case:
    """A mail before the judge: what it wants, what is known, and the moment."""

    intent: Intent
    known: Known
    moment: Moment

    @property
    def opened(self) -> OpenedMail:
        return self.intent.opened

    @property
    def speaker(self) -> Correspondent | None:
        return self.intent.speaker

    @property
    def network(self) -> Network:
        return self.known.network

    @property
    def terms(self) -> Terms:
        return self.known.network.terms

    @property
    def now(self) -> datetime:
        return self.moment.now


@dataclass(frozen=True, slots=True)
class Occasion:
    """What the calendar calls for once: `Occasion("digest", "2026-11-24")`. Whoever records it second clashes."""

    name: str
    turn: str


class Event(StrEnum):
    """The journal's fixed vocabulary."""

    OPENED = "exchange opened"
    REPLIED = "reply passed on"
    ACKNOWLEDGED = "acknowledgement passed on"
    CLOSED = "exchange closed"
    PASSED_ON = "part passed on"
    HELD = "mail held"
    ASKED = "question asked"
    CONFIRMED = "question answered"
    REFUSED = "refused"
    NOTED = "noted"  # a report or automatic mail: filed, nothing done
    REMINDED = "reminder sent"
    PING_STARTED = "ping round started"
    PINGED = "probes sent"
    PING_ANSWERED = "probe answered"
    PING_CLOSED = "ping round closed"
    PING_SHARED = "ping result shared"
    EXPIRED = "part expired"
    DELIVERED = "accepted by the server"
    DEFERRED = "delivery deferred"
    FAILED = "delivery failed"
    BOUNCED = "reported undeliverable"
    DELAY_TOLD = "author told of a delay"
    FAILURE_TOLD = "author told of a failure"
    UNDELIVERABLE = "part undeliverable"
    OUTCOME_NOTED = "outcome noted"  # of a delivery, and nobody need be told
    SET_ASIDE = "kept mail set aside"  # opening it again is what stalls or kills the robot
    RELEASED = "held mail released"
    DROPPED = "held mail dropped"
    LISTED = "list of exchanges sent"  # to a desk, once a day (trust.md 17)
    ALIVE = "nothing to tell"  # once a day at least, so that the journal shows the time (trust.md 18)
    CLOCK_DOUBTED = "clock doubted"
    CLOCK_TRUSTED = "clock trusted"
    BACKED_UP = "database backed up"
    RESTORED = "database restored"
    MIGRATED = "database migrated"
    PURGED = "kept mail purged"
    ANSWERED = "command answered"  # it asked for words alone
    SUSPENDED = "party suspended"
    RESUMED = "party resumed"
    RESENT = "part sent again"
    DIGEST_SENT = "digest sent"
    DIGEST_SPARED = "digest not needed"  # nothing needed a person, or nobody could be sent one
    REPORT_SENT = "report sent"
    JOINED = "party joined"  # the configuration has it now
    LEFT = "party left"
    ALARMED = "alarm told"
    ALL_CLEAR = "all clear told"
    KEY_SENT = "robot's certificate sent"
    KEY_ANNOUNCED = "certificate announced"
    KEY_CHALLENGED = "certificate challenged"
    KEY_PROVED = "possession of certificate proved"
    KEY_FROZEN = "renewals frozen"  # two proposals at once
    KEY_CONFIRMED = "certificate confirmed"
    KEY_UPDATED = "certificate updated"
    KEY_REVOKED = "certificate revoked"
    KEY_ENDED = "renewal given up"
    KEY_EXPIRING = "owner told of an expiry"
    AWAY = "robot was away"  # nobody looked into the mailbox for a while


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal row: what happened, to what, with facts that are never content."""

    event: Event
    reference: str | None = None
    party: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything that one mail, or the passing of time, leads to; recorded in one transaction."""

    folder: Folder = Folder.DONE
    exchanges: tuple[Exchange, ...] = ()  # new ones have version 0, changed ones the version they were read with
    letters: tuple[Letter, ...] = field(default=(), repr=False)
    entries: tuple[Entry, ...] = ()
    held: HeldMail | None = None
    question: Question | None = None
    answered: Question | None = None  # this question is settled
    rejudged: "tuple[Rejudged, ...]" = ()  # held mails that were judged again
    consumed: tuple[str, ...] = ()  # the replay keys that are used up
    sender: str = ""  # the account of who vouched for the mail that led to it
    keep_original: bool = False  # the mail as it came is needed later (network.md §5)
    noticed: str | None = None  # the address that gets the fixed notice now
    spent: tuple[Spending, ...] = ()  # what is taken from the sender's quotas
    reports: tuple[Reported, ...] = ()  # claims to be written beside the mails they are about
    warned: tuple[int, ...] = ()  # the outgoing mails whose delay is dealt with by this
    followed_up: tuple[int, ...] = ()  # the outgoing mails whose failure is dealt with by this
    occasions: tuple[Occasion, ...] = ()  # what the calendar called for, and is done by this
    rounds: tuple[Round, ...] = ()  # new ones, with all their probes, and changed ones, without looking at theirs
    probes: tuple[Probe, ...] = ()  # changed ones, of the version they were read with
    challenges: tuple[Challenge, ...] = ()  # the words inside new copies of probes
    ringing: tuple[Ringing, ...] = ()  # troubles that were found or told, of the version they were read with
    silenced: tuple[Ringing, ...] = ()  # troubles that are over
    ordered: tuple["Ordered", ...] = ()  # what commands acted on, so that no older one does after them
    suspended: tuple[Suspension, ...] = ()
    resumed: tuple[str, ...] = ()  # codes of parties whose suspension ends
    dropped: tuple[str, ...] = ()  # digests of held mails that are given up
    pinned: tuple[Pin, ...] = ()  # certificates that the secretariat confirmed
    retired: tuple[Retirement, ...] = ()
    revoked: tuple[Revocation, ...] = ()
    brought: tuple[Brought, ...] = ()  # certificates as mails brought them
    proposals: tuple[Proposal, ...] = ()  # new ones have number 0, changed ones the version they were read with

    @property
    def lane(self) -> str:
        """In whose turn its letters go out: the sender's, or, where no mail led to it, the asker's."""
        return self.sender or next((exchange.asker for exchange in self.exchanges), "")

    @property
    def amends(self) -> bool:
        """Whether it changes which certificates count."""
        return bool(self.pinned or self.retired or self.revoked or self.brought or self.proposals)

    def with_rejudged(self, digest: str, later: "Decision") -> "Decision":
        """Both this and what came of judging an earlier, held mail again: recorded as one."""
        return replace(
            self,
            exchanges=self.exchanges + later.exchanges,
            letters=self.letters + later.letters,
            entries=self.entries + later.entries,
            consumed=self.consumed + later.consumed,
            spent=self.spent + later.spent,
            probes=self.probes + later.probes,
            rejudged=(*self.rejudged, Rejudged(digest, later.held, later.question)),
        )


@dataclass(frozen=True, slots=True)
class Ordered:
    """A command was obeyed: no other that was signed before it acts on the same object (trust.md 17)."""

    object: str  # "suspension FR", "held H-12", "exchange 2026-0042"
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Rejudged:
    """A held mail that was judged again: let go, or held on for the reason that `still` gives."""

    digest: str
    still: HeldMail | None
    question: Question | None = None  # what its sender is asked now
