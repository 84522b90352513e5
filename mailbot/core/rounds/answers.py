"""What comes back to a probe: whose it is, what it proves (trust.md 9), and that machines are nobody."""

from dataclasses import replace

from mailbot.core.decision import Case, Decision, Entry, Event, Folder
from mailbot.core.holding import held_mail, hold, refuse
from mailbot.core.letters import anchor_words, answer_boxes
from mailbot.core.mail import Automatic, Letter, MailClass, Trouble
from mailbot.core.records import Assurance, Reason
from mailbot.core.rounds.records import Answer, Copy, Hint, Probe, Trail, round_label
from mailbot.core.tags import Tag, Word

_TROUBLES = {
    Trouble.UNREADABLE: Reason.UNREADABLE,
    Trouble.TOO_LARGE: Reason.TOO_LARGE,
    Trouble.CANNOT_DECRYPT: Reason.CANNOT_DECRYPT,
    Trouble.LIMITS: Reason.LIMITS,
}


def answer_probe(case: Case) -> Decision:
    """A person answered a probe, or the mail looks so: count it for what it proves."""
    trail = find_probe(case)
    if trail is None or _is_anothers(trail.probe, case):
        return _refused(case)
    return _counted(trail, case)


def note_machine(case: Case) -> Decision | None:
    """A machine's mail about a probe: noted, never counted. None if it is about no probe, or was made by a server."""
    trail = find_probe(case)
    marked = _marked(trail.probe, case) if trail else None
    if trail is None or marked is None:
        return None
    facts = {**_facts(trail, case), "class": case.opened.mail_class.value, "rule": case.opened.rule}
    if marked.returns_on:
        facts["return_date"] = marked.returns_on
    entry = Entry(Event.NOTED, round_label(marked.round), marked.party, facts)
    return Decision(probes=(marked,) if marked != trail.probe else (), entries=(entry,))


# ---------------------------------------------------------------- which probe


def find_probe(case: Case) -> Trail | None:
    """The probe that a mail is about: by a challenge, else a token that was signed, else the surest of the rest."""
    trails = case.known.trails
    signed = next((trail for trail in trails if _is_bound(trail, case)), None)
    return signed or next(iter(trails), None)


def _is_bound(trail: Trail, case: Case) -> bool:
    """Whether the mail says inside which probe it answers: then a signature over it is one over that, too."""
    inside = case.intent.tokens if trail.hint is Hint.TOKEN else case.intent.challenges
    return trail.hint in (Hint.CHALLENGE, Hint.TOKEN) and trail.value in inside


def _is_anothers(probe: Probe, case: Case) -> bool:
    """Signed by another party; or written from its address, and nobody signed."""
    who = case.speaker or case.intent.resident
    return who is not None and who.code != probe.party


# ---------------------------------------------------------------- what it proves


def _counted(trail: Trail, case: Case) -> Decision:
    before, answer = trail.probe, weigh(trail, case)
    after = before.answered(answer)
    news = after != before
    signed = answer.assurance is Assurance.SIGNED
    facts = _facts(trail, case) | {
        "assurance": answer.assurance.value,
        "encrypted": "yes" if answer.encrypted else "no",
        "challenge": "yes" if answer.challenge_quoted else "no",
        "by": answer.copy.value,
        "state": after.standing.value,
        "news": "yes" if news else "no",
    }
    counted = Decision(
        probes=(after,) if news else (),
        letters=_receipt(before, after, answer, case),
        entries=(Entry(Event.PING_ANSWERED, round_label(after.round), after.party, facts),),
        consumed=case.intent.identities if news and signed and not case.known.replayed else (),
    )
    return _kept(counted, case)


def weigh(trail: Trail, case: Case) -> Answer:
    """What the answer shows of who sent it, and whether he could read the probe."""
    opened = case.opened
    quoted = _quoted(trail.probe, case)
    return Answer(
        at=case.now,
        assurance=_assurance(trail, case),
        encrypted=opened.encrypted,
        challenge_quoted=quoted is not None,
        copy=_copy(quoted or trail, case),
        sender=opened.sender,
        signer=opened.voucher.fingerprint if _is_signed(trail.probe, case) and opened.voucher else None,
    )


def _assurance(trail: Trail, case: Case) -> Assurance:
    if _is_signed(trail.probe, case):
        return Assurance.SIGNED
    resident = case.intent.resident
    if resident and resident.code == trail.probe.party and not resident.relay:
        return Assurance.ADDRESS
    return Assurance.TOKEN if trail.hint in (Hint.CHALLENGE, Hint.TOKEN) else Assurance.NONE


def _is_signed(probe: Probe, case: Case) -> bool:
    """By the desk itself, over words that name this very probe: any other mail of its could be given our subject."""
    speaker = case.speaker
    if speaker is None or speaker.relay or speaker.code != probe.party:
        return False
    return any(_is_bound(trail, case) and _same(trail.probe, probe) for trail in case.known.trails)


def _quoted(probe: Probe, case: Case) -> Trail | None:
    """Where the challenge of one of its copies stands in the mail."""
    of_it = (trail for trail in case.known.trails if trail.hint is Hint.CHALLENGE and _same(trail.probe, probe))
    return next(of_it, None)


def _same(one: Probe, other: Probe) -> bool:
    return (one.round, one.party) == (other.round, other.party)


def _copy(trail: Trail, case: Case) -> Copy:
    """Whose answer it is. A challenge and a backup's token were sent to one alone; else the address says it."""
    if trail.hint is Hint.CHALLENGE or trail.copy is Copy.BACKUP:
        return trail.copy
    mailbox = case.network.directory.mailbox(case.opened.sender)
    return Copy.BACKUP if mailbox and mailbox.role.value == Copy.BACKUP.value else trail.copy


# ---------------------------------------------------------------- what becomes of the mail


def _refused(case: Case) -> Decision:
    """One answer for an unknown token and another party's: who holds one learns nothing from it."""
    if case.speaker:
        return refuse("not your ping", case, Reason.UNKNOWN_PING)
    return hold(_TROUBLES[case.opened.trouble] if case.opened.trouble else Reason.UNKNOWN_PING, case)


def _kept(counted: Decision, case: Case) -> Decision:
    """A mail that does not open may be anything: it is held as well, and its sender told (trust.md 15)."""
    if case.opened.trouble is None:
        return counted
    reason = _TROUBLES[case.opened.trouble]
    waiting = hold(reason, case)
    return replace(
        counted,
        folder=Folder.HELD,
        held=held_mail(reason, case),
        letters=waiting.letters,
        entries=counted.entries + waiting.entries,
        keep_original=True,
        noticed=waiting.noticed,
    )


def _receipt(before: Probe, after: Probe, answer: Answer, case: Case) -> tuple[Letter, ...]:
    """A short thank-you to whoever signed, once; and to a signer whose signature does not count, how it would."""
    boxes, speaker = answer_boxes(case), case.speaker
    counts_now = after.reached_at is not None and before.reached_at is None
    falls_short = after.reached_at is None and answer.assurance is not Assurance.SIGNED
    if not boxes or speaker is None or speaker.relay or not (counts_now or falls_short):
        return ()
    words = {
        "counted": counts_now,
        "late": counts_now and not after.in_time,
        "backup": answer.copy is Copy.BACKUP,
        "challenge_quoted": answer.challenge_quoted,
        "encrypted": answer.encrypted,
        "took": after.took,
        "deadline": after.deadline,
        "received_at": case.now,
        "anchor": anchor_words(case.known),
    }
    letter = Letter(
        "probe-receipt",
        speaker.language,
        boxes,
        Tag(Word.PING, token=after.token),
        words=words,
        reference=round_label(after.round),
        party=after.party,
        automatic=Automatic.REPLIED,
        purpose="receipt",
    )
    return (letter,)


def _marked(probe: Probe, case: Case) -> Probe | None:
    """The probe with what a machine said of it: the first automatic reply, the first read receipt."""
    opened = case.opened
    if opened.mail_class is MailClass.AUTOMATIC:
        known = probe.returns_on or opened.return_date or ""
        return replace(probe, automatic_at=probe.automatic_at or case.now, returns_on=known)
    if opened.mail_class is MailClass.RECEIPT:
        return replace(probe, opened_at=probe.opened_at or case.now)
    return None


def _facts(trail: Trail, case: Case) -> dict[str, str]:
    return {"mail": case.opened.digest, "matched_by": trail.hint.value, "from": case.opened.sender}
