"""The one table of the kinds of mail: which there are, what is done about each, and how a mail's kind is found."""

from collections.abc import Mapping
from enum import StrEnum

from mailbot.core.commands.asking import is_for_control, is_signed
from mailbot.core.commands.obeying import obey
from mailbot.core.decision import Case
from mailbot.core.kinds.answering import acknowledge, reply
from mailbot.core.kinds.closing import close
from mailbot.core.kinds.confirmation import confirm
from mailbot.core.kinds.filing import hold_automatic, hold_untagged
from mailbot.core.kinds.kind import Kind
from mailbot.core.kinds.new_exchange import open_exchange
from mailbot.core.kinds.reports import note
from mailbot.core.mail import MailClass
from mailbot.core.renewal import is_proof, prove
from mailbot.core.rounds.answers import answer_probe
from mailbot.core.tags import Tag, Word


class Name(StrEnum):
    """Every kind of mail."""

    REPORT = "report"
    AUTOMATIC = "automatic"
    NEW_EXCHANGE = "new exchange"
    REPLY = "reply"
    ACKNOWLEDGEMENT = "acknowledgement"
    CLOSING = "closing"
    CONFIRMATION = "confirmation"
    PING = "ping"
    COMMAND = "command"
    KEY_PROOF = "proof of possession"
    UNTAGGED = "untagged"


KINDS: Mapping[Name, Kind] = {
    Name.REPORT: Kind(note, gated=False),
    Name.AUTOMATIC: Kind(hold_automatic, sealed=False, relays=True, operators=True),
    Name.NEW_EXCHANGE: Kind(open_exchange),
    Name.REPLY: Kind(reply, relays=True),
    Name.ACKNOWLEDGEMENT: Kind(acknowledge, sealed=False, relays=True),
    Name.CLOSING: Kind(close),
    Name.CONFIRMATION: Kind(confirm, sealed=False, relays=True, operators=True),
    Name.PING: Kind(answer_probe, gated=False),  # alone may be unsigned: it is weighed, and moves nothing but a count
    Name.COMMAND: Kind(obey, sealed=False, relays=True, operators=True, command=True),
    Name.KEY_PROOF: Kind(prove, proof=True),
    Name.UNTAGGED: Kind(hold_untagged, sealed=False, relays=True, operators=True),
}

_MACHINES = frozenset(
    {
        MailClass.OWN,
        MailClass.BOUNCE,
        MailClass.DELIVERY_REPORT,
        MailClass.RECEIPT,
        MailClass.FEEDBACK,
        MailClass.AUTOMATIC,
    }
)


def kind_of(case: Case) -> Name:
    """The kind of a mail. What a machine made is so before any tag is looked at, because machines quote tags."""
    opened = case.opened
    if opened.voucher and opened.voucher.fingerprint == case.network.robot:
        return Name.REPORT  # our own mail come back
    if opened.mail_class in _MACHINES and not _overridden(case):
        if case.speaker and not case.known.trails:
            return Name.AUTOMATIC
        # Outer headers cannot bury a sealed mail that would not open or was signed (trust.md 15): the gate holds it.
        return Name.UNTAGGED if opened.sealed and (opened.trouble or opened.signatures) else Name.REPORT
    if is_proof(case):
        return Name.KEY_PROOF
    if case.intent.commands and not _only_outside(case):
        return Name.COMMAND
    return _named(case.intent.tag, case) if case.intent.tag else _untagged(case)


def _only_outside(case: Case) -> bool:
    """Whether the commands stand in a subject outside, while the body quotes a code of ours: that is what counts."""
    return not is_signed(case.intent) and bool(case.known.coded or case.known.trails)


def _untagged(case: Case) -> Name:
    known = case.known
    if known.coded or known.threaded or known.addressed:
        return Name.REPLY
    if known.trails:
        return Name.PING
    return Name.COMMAND if case.speaker and is_for_control(case.opened, case.network) else Name.UNTAGGED


def _overridden(case: Case) -> bool:
    """A pinned signature with a signed tag beats what outer headers claim (trust.md 15); a quoted code does not."""
    return case.speaker is not None and case.intent.tag_signed


def _named(tag: Tag, case: Case) -> Name:
    if tag.word is Word.CONFIRM:
        return Name.CONFIRMATION
    if tag.word is Word.PING and tag.token:
        # A subject outside must not turn an answer, whose code is signed, into a ping's, which nobody reads.
        return Name.REPLY if case.known.coded and not case.intent.tag_signed else Name.PING
    if tag.is_command:  # outside, and cut off or outweighed
        return _untagged(case)
    if tag.reference is None:
        return Name.NEW_EXCHANGE
    if _echoes_our_mail(tag, case) or _only_the_code_is_signed(tag, case):
        return Name.REPLY
    return {Word.ACK: Name.ACKNOWLEDGEMENT, Word.CLOSE: Name.CLOSING}.get(tag.word, Name.REPLY)


def _echoes_our_mail(tag: Tag, case: Case) -> bool:
    """Pressing Reply to a closing or an acknowledgement keeps its tag: another party stands before the `>`, or outside,
    where no parties stand, somebody closes what he did not ask.
    """
    if case.speaker is None:
        return False
    if tag.origin is not None:
        return tag.origin != case.speaker.code
    exchange = case.known.exchange
    return (
        not case.intent.tag_signed
        and exchange is not None
        and exchange.asker != case.speaker.code
        and (tag.word is Word.CLOSE)
    )


def _only_the_code_is_signed(tag: Tag, case: Case) -> bool:
    """Then the mail is a reply, whatever the outer subject says; but who asked may mean to close, and is asked."""
    askers = {exchange.asker for exchange in case.known.coded}
    closes = tag.word is Word.CLOSE and case.speaker is not None and case.speaker.code in askers
    return bool(askers) and not case.intent.tag_signed and not closes
