"""Every reason to go no further: one row each, and what the sender hears of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailbot.core.decision import Event, Folder
from mailbot.core.mail import Covers, Headers, MailClass, OpenedMail, Signature, SignatureState, Trouble
from mailbot.core.records import Question, Reason
from mailbot.core.tags import Tag, Word
from tests.core.cast import DE, DIRECTORY, FR, KNOWN, NOW, ROBOT, box, fingerprint, judge, mail, network, signed_by

FR_KEY = fingerprint("deskFR")


def by(state: SignatureState, covers: Covers = Covers.WHOLE, *, inside: bool = True) -> tuple[Signature, ...]:
    return (Signature(state, covers, FR_KEY, NOW, inside=inside),)


@pytest.mark.parametrize(
    ("opened", "reason"),
    [
        (mail(trouble=Trouble.UNREADABLE, signatures=()), Reason.UNREADABLE),
        (mail(trouble=Trouble.CANNOT_DECRYPT, signatures=()), Reason.CANNOT_DECRYPT),
        (mail(trouble=Trouble.LIMITS, signatures=()), Reason.LIMITS),
        (mail(signatures=()), Reason.NOT_SIGNED),
        (mail(signatures=(signed_by(FR_KEY), signed_by(fingerprint("deskDE")))), Reason.BAD_SIGNATURE),
        (mail(signatures=by(SignatureState.BAD)), Reason.BAD_SIGNATURE),
        (mail(signatures=by(SignatureState.UNVERIFIABLE)), Reason.BAD_SIGNATURE),
        (mail(signatures=by(SignatureState.UNKNOWN)), Reason.UNKNOWN_SIGNER),
        (mail(signatures=by(SignatureState.EXPIRED)), Reason.EXPIRED_SIGNATURE),
        (mail(signatures=by(SignatureState.REVOKED)), Reason.REVOKED_KEY),
        (mail(signatures=by(SignatureState.WEAK)), Reason.WEAK_SIGNATURE),
        (mail(signatures=by(SignatureState.GOOD, Covers.PART)), Reason.PARTLY_SIGNED),
        (mail(signatures=by(SignatureState.GOOD, inside=False)), Reason.PARTLY_SIGNED),
        (mail(signatures=(signed_by("F" * 40),)), Reason.UNKNOWN_SIGNER),
        (mail(FR.desks[0], signatures=(signed_by(fingerprint("deskDE")),)), Reason.NOT_THE_SENDER),
        (mail(signatures=(signed_by(FR_KEY, NOW - timedelta(days=6)),)), Reason.STALE),
        (mail(signatures=(signed_by(FR_KEY, NOW + timedelta(hours=1)),)), Reason.FROM_THE_FUTURE),
        (mail(signatures=(replace(signed_by(FR_KEY), intended=("E" * 40,)),)), Reason.NOT_MEANT_FOR_US),
        (
            mail(protected=Headers(subject="[REQUEST IT]", sender="desk@fr.example", to=("desk@it.example",))),
            Reason.NOT_MEANT_FOR_US,
        ),
        (mail(encrypted=False), Reason.NOT_ENCRYPTED),
        (mail(subject="[REQUEST DE urgency=high]"), Reason.BAD_TAG),
        (mail(subject="", text="[REQUEST DE]\n[REQUEST IT]\n\nx"), Reason.BAD_TAG),
        (mail(subject="Re: [REQUEST#2026-0041 DE>FR]", text="[INFO IT]\n\nx"), Reason.BAD_TAG),
        (mail(subject="[REQUEST ALL]", text="[REQUEST DE]\n\nx"), Reason.BAD_TAG),
        (mail(subject="Hello"), Reason.UNTAGGED),
        (replace(mail(), text_hidden=True), Reason.NO_TEXT),
    ],
)
def test_first_objection_decides(opened: OpenedMail, reason: Reason) -> None:
    decision = judge(opened)
    assert decision.held and decision.held.reason is reason
    assert decision.folder is Folder.HELD and decision.keep_original
    assert not decision.exchanges and not decision.consumed
    assert decision.entries[0].event is Event.HELD and decision.entries[0].facts["reason"] == reason


@pytest.mark.parametrize(
    "opened",
    [
        mail(signatures=()),
        mail(signatures=by(SignatureState.BAD)),
        mail(signatures=by(SignatureState.EXPIRED)),
        mail(trouble=Trouble.CANNOT_DECRYPT, signatures=()),
        mail(FR.desks[0], signatures=(signed_by("F" * 40),)),
    ],
)
def test_all_failures_before_a_verified_signature_look_the_same(opened: OpenedMail) -> None:
    assert judge(opened).letters == judge(mail(signatures=())).letters
    assert [letter.template for letter in judge(opened).letters] == ["notice"]


def test_strangers_get_nothing() -> None:
    stranger = box("mallory", "XX")
    decision = judge(mail(stranger, signatures=()))
    assert decision.held and decision.letters == ()


@pytest.mark.parametrize(("ago", "letters"), [(9, 0), (11, 1)])
def test_one_notice_in_ten_minutes(ago: int, letters: int) -> None:
    known = replace(KNOWN, last_notice=NOW - timedelta(minutes=ago))
    decision = judge(mail(signatures=()), known)
    assert len(decision.letters) == letters
    assert (decision.noticed is not None) == bool(letters)


def test_no_notice_to_a_mailbox_that_cannot_be_sealed_to() -> None:
    known = replace(KNOWN, network=network(DIRECTORY, FR_KEY))
    assert judge(mail(signatures=()), known).letters == ()


def test_a_mail_that_names_the_robot_among_others_is_meant_for_it() -> None:
    signature = replace(signed_by(FR_KEY), intended=("E" * 40, ROBOT))
    to = ("other@x.example", "Network@Hub.example")
    protected = Headers(subject="[REQUEST IT]", sender="desk@fr.example", to=to)
    assert judge(mail(signatures=(signature,), protected=protected)).exchanges


def test_replay_is_held_and_told() -> None:
    decision = judge(mail(), replace(KNOWN, replayed=True))
    assert decision.held and decision.held.reason is Reason.REPLAYED
    assert [letter.template for letter in decision.letters] == ["replayed"]


def test_verified_mail_is_answered_though_forged_mail_used_up_the_notices() -> None:
    known = replace(KNOWN, last_notice=NOW - timedelta(minutes=1))
    decision = judge(mail(subject="Hello"), known)
    assert [letter.template for letter in decision.letters] == ["notice"]
    assert decision.noticed is None


def test_suspended_sender_is_held() -> None:
    directory = DIRECTORY.suspending(frozenset({"FR"}))
    decision = judge(mail(), replace(KNOWN, network=network(directory)))
    assert decision.held and decision.held.reason is Reason.SENDER_SUSPENDED


def test_certificate_struck_out_signs_for_nobody() -> None:
    directory = replace(DIRECTORY, struck_out=frozenset({FR_KEY}))
    decision = judge(mail(), replace(KNOWN, network=network(directory)))
    assert decision.held and decision.held.reason is Reason.UNKNOWN_SIGNER


def test_officer_may_write_from_an_address_nobody_registered() -> None:
    elsewhere = replace(FR.desks[0], address="officer@private.example")
    decision = judge(mail(elsewhere))
    assert decision.exchanges
    (receipt,) = [letter for letter in decision.letters if letter.template == "receipt"]
    assert receipt.mailboxes == FR.desks


@pytest.mark.parametrize(
    "made_by", [MailClass.BOUNCE, MailClass.DELIVERY_REPORT, MailClass.RECEIPT, MailClass.AUTOMATIC, MailClass.OWN]
)
def test_machines_are_noted_and_never_answered(made_by: MailClass) -> None:
    opened = mail(subject="", outer="Re: [REQUEST#2026-0041]", signatures=(), encrypted=False)
    decision = judge(replace(opened, mail_class=made_by, answerable=False))
    assert decision.folder is Folder.DONE and decision.letters == () and decision.held is None
    assert decision.entries[0].event is Event.NOTED


@pytest.mark.parametrize(
    ("spoiled", "reason"),
    [
        ({"trouble": Trouble.CANNOT_DECRYPT, "signatures": ()}, Reason.CANNOT_DECRYPT),
        ({"signatures": by(SignatureState.EXPIRED)}, Reason.EXPIRED_SIGNATURE),
    ],
)
def test_outer_marks_cannot_bury_a_sealed_mail(spoiled: dict[str, object], reason: Reason) -> None:
    decision = judge(mail(mail_class=MailClass.AUTOMATIC, answerable=False, **spoiled))  # type: ignore[arg-type]
    assert decision.held and decision.held.reason is reason
    assert decision.letters == ()


YES = "[confirm#7k3q-9f2m-xr4t]\n\n> quoted\n"
QUESTION = Question("7K3Q-9F2M-XR4T", "e" * 64, "FR", Tag(Word.REQUEST, targets=("IT",)), NOW - timedelta(hours=1))


def test_signed_answer_to_a_question_settles_it() -> None:
    decision = judge(mail(subject="", text=YES), replace(KNOWN, question=QUESTION))
    assert decision.answered == QUESTION
    assert decision.folder is Folder.DONE


@pytest.mark.parametrize(
    "opened",
    [
        mail(subject="Re: [CONFIRM#7K3Q-9F2M-XR4T]", text="NO! Do not send.\n> [CONFIRM#7K3Q-9F2M-XR4T]\n"),
        mail(subject="[CONFIRM#7K3Q-9F2M-XR4T]", text=""),
        mail(subject="", text="Yes.\n> 7K3Q-9F2M-XR4T\n"),
        mail(subject="", outer="[CONFIRM#7K3Q-9F2M-XR4T]", text="7K3Q-9F2M-XR4T"),
    ],
)
def test_only_the_first_line_says_yes(opened: OpenedMail) -> None:
    assert judge(opened, replace(KNOWN, question=QUESTION)).answered is None


def test_a_new_tag_above_a_quoted_question_is_not_a_yes() -> None:
    opened = mail(subject="Re: [CONFIRM#7K3Q-9F2M-XR4T]", text="[REQUEST EU]\n\nNot IT!\n> [CONFIRM#7K3Q-9F2M-XR4T]\n")
    decision = judge(opened, replace(KNOWN, question=QUESTION))
    assert decision.answered is None
    assert decision.exchanges[0].targets == ("EU",)


def test_a_relay_cannot_let_a_request_go() -> None:
    question = replace(QUESTION, party="DE")
    assert judge(mail(DE.relays[0].mailbox, subject="", text=YES), replace(KNOWN, question=question)).answered is None
    reply = replace(question, tag=Tag(Word.REPLY, reference="2026-0041"))
    assert judge(mail(DE.relays[0].mailbox, subject="", text=YES), replace(KNOWN, question=reply)).answered == reply


def test_nobody_else_can_settle_it() -> None:
    decision = judge(mail(DE.desks[0], subject="", text=YES), replace(KNOWN, question=QUESTION))
    assert decision.answered is None


def test_question_does_not_live_for_ever() -> None:
    old = replace(QUESTION, asked_at=NOW - timedelta(days=6))
    decision = judge(mail(subject="", text=YES), replace(KNOWN, question=old))
    assert decision.answered is None
