"""What happens to a mail that is not acted on: held, questioned or refused; and what its sender is told.

Before a verified signature all failures look the same from outside: one fixed notice (trust.md 14). After it, the
signer is told plainly.
"""

from collections.abc import Mapping
from datetime import datetime

from mailbot.core.decision import Case, Decision, Entry, Event, Folder, Moment
from mailbot.core.destination import meant_for
from mailbot.core.letters import answer_boxes, party_words, to_resident, to_speaker
from mailbot.core.mail import Automatic, Letter, Words
from mailbot.core.records import Assurance, Exchange, HeldMail, HeldState, Question, Reason
from mailbot.core.tags import Tag, Word, write

# Reasons that only a mail with a verified signature can have: the signer is told why, in so many words.
_EXPLAINED: Mapping[Reason, str] = {
    Reason.BAD_TAG: "bad tag",
    Reason.STALE: "signature age",
    Reason.FROM_THE_FUTURE: "signature age",
    Reason.NOT_ALLOWED: "relay",
    Reason.NOT_SUPPORTED: "not available",
    Reason.NO_READER: "no reader",
    Reason.SENDER_SUSPENDED: "suspended",
    Reason.OVER_QUOTA: "over quota",
    Reason.NO_TEXT: "no text",
}
# A machine made these, or somebody tampered: an answer would help nobody but an attacker.
_SILENT = frozenset({Reason.AUTOMATIC, Reason.POISON})


def hold(reason: Reason, case: Case) -> Decision:
    """Keep the mail as it came, for an operator; tell the sender once, if he may be told."""
    letters = _letters(reason, case)
    unverified = case.intent.assurance is not Assurance.SIGNED
    sent_notice = any(letter.template == "notice" for letter in letters)
    noticed = case.opened.sender.casefold() if sent_notice and unverified else None
    return Decision(
        folder=Folder.HELD,
        held=held_mail(reason, case),
        letters=letters,
        entries=(_entry(Event.HELD, case, reason=reason.value, **_known_of(reason, case)),),
        keep_original=True,
        noticed=noticed,
    )


def _known_of(reason: Reason, case: Case) -> dict[str, str]:
    """Of words that were signed for somebody else, for whom: somebody handed them on (trust.md 4)."""
    if reason is not Reason.NOT_MEANT_FOR_US:
        return {}
    return {"meant_for": meant_for(case.opened, case.network.directory), "sender": case.opened.outer.sender}


def refuse(
    why: str,
    case: Case,
    fallback: Reason,
    *,
    reference: str | None = None,
    parts: tuple[Mapping[str, object], ...] = (),
) -> Decision:
    """Tell the signer why nothing was done; if he cannot be told, the mail is held instead."""
    letters = _refusal(why, case, reference=reference, parts=parts)
    if not letters:
        return hold(fallback, case)
    return Decision(letters=letters, entries=(_entry(Event.REFUSED, case, why=why),))


def ask(tag: Tag, case: Case, exchange: Exchange | None = None) -> Decision:
    """Nobody signed the tag: the mail waits, and a sealed question with a one-time word goes out (trust.md 1)."""
    speaker = case.speaker
    boxes = answer_boxes(case)
    if speaker is None or speaker.code is None or not boxes:
        return hold(Reason.TAG_NOT_SIGNED, case)
    word = case.moment.token("question")
    language = speaker.language
    words = {
        "line": write(tag),
        "kind": _QUESTION_KINDS[tag.word],
        "parties": [party_words(code, case.network, language) for code in tag.targets] if not exchange else [],
        "reference": exchange.reference if exchange else None,
        "urgency": tag.options.urgency.value if tag.options.urgency else None,
        "word": word,
        "until": _good_until(case),
        "received_at": case.now,
    }
    letter = Letter(
        "question",
        language,
        boxes,
        Tag(Word.CONFIRM, token=word),
        words=words,
        automatic=Automatic.REPLIED,
        purpose="question",
    )
    return Decision(
        folder=Folder.HELD,
        held=held_mail(Reason.TAG_NOT_SIGNED, case, HeldState.ASKED),
        question=Question(word, case.opened.digest, speaker.code, tag, case.now),
        letters=(letter,),
        entries=(_entry(Event.ASKED, case, tag_source=case.intent.tag_source or "none"),),
        keep_original=True,
    )


def _good_until(case: Case) -> datetime:
    """When an answer comes too late: by its own age, or because the mail's signature is too old by then."""
    voucher = case.opened.voucher
    signed_at = (voucher and voucher.made_at) or case.now
    return min(case.now + case.terms.question_age, signed_at + case.terms.signature_age)


def held_mail(reason: Reason, case: Case, state: HeldState = HeldState.WAITING) -> HeldMail:
    who = case.speaker or case.intent.resident
    return HeldMail(
        number=0,
        digest=case.opened.digest,
        reason=reason,
        state=state,
        held_at=case.now,
        sender=case.opened.sender,
        party=who.code if who else None,
        size=case.opened.size,
    )


def poisoned(digest: str, size: int, moment: Moment) -> Decision:
    """A mail that broke the robot time and again: held unopened, with what can be known from outside."""
    held = HeldMail(0, digest, Reason.POISON, HeldState.WAITING, moment.now, "", None, size)
    entry = Entry(Event.HELD, facts={"mail": digest, "reason": Reason.POISON.value})
    return Decision(folder=Folder.HELD, held=held, entries=(entry,), keep_original=True)


_QUESTION_KINDS = {
    Word.REQUEST: "request",
    Word.INFO: "information",
    Word.REPLY: "reply",
    Word.ACK: "acknowledgement",
    Word.CLOSE: "closing",
}


def _letters(reason: Reason, case: Case) -> tuple[Letter, ...]:
    if reason in _SILENT:
        return ()
    if reason is Reason.REPLAYED:
        return _replayed(case)
    if reason in _EXPLAINED and case.intent.assurance is Assurance.SIGNED:
        return _refusal(_EXPLAINED[reason], case)
    return _notice(case)


def _notice(case: Case) -> tuple[Letter, ...]:
    """The one fixed notice, quoting nothing: for forged and failed mail at most one in ten minutes for each address.

    What was verified is not counted there, so that forged mail cannot use up a party's answers.
    """
    if case.intent.assurance is Assurance.SIGNED:
        return to_speaker("notice", case, _checklist(case))
    recently = case.known.last_notice and case.now - case.known.last_notice < case.terms.notice_interval
    if recently:
        return ()
    return to_resident("notice", case, _checklist(case))


def _checklist(case: Case) -> Words:
    policy = case.network.policy
    return {"received_at": case.now, "rsa_bits": policy.min_rsa_bits, "hashes": list(policy.hash_names)}


def _replayed(case: Case) -> tuple[Letter, ...]:
    voucher = case.opened.voucher
    signed_at = voucher.made_at if voucher else None
    words = {"received_at": case.now, "signed_at": signed_at or case.now}
    return to_speaker("replayed", case, words)


def _refusal(
    why: str,
    case: Case,
    *,
    reference: str | None = None,
    parts: tuple[Mapping[str, object], ...] = (),
) -> tuple[Letter, ...]:
    terms = case.terms
    language = case.speaker.language if case.speaker else "en"
    problem = case.intent.tag_problem
    words = {
        "reason": why,
        "line": write(case.intent.tag) if case.intent.tag else None,
        "problem": (problem.fr if language == "fr" else problem.en) if problem else None,
        "reference": reference,
        "received_at": case.now,
        "parts": list(parts),
        "shortest": terms.shortest_deadline,
        "longest": terms.longest_deadline,
    }
    return to_speaker("refused", case, words)


def _entry(event: Event, case: Case, **facts: str) -> Entry:
    who = case.speaker or case.intent.resident
    return Entry(event, party=who.code if who else None, facts={"mail": case.opened.digest, **facts})
