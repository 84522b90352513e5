"""HELD, RELEASE, DROP: mail that was not acted on is judged again, or given up."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailbot.core.decision import Decision, Event, Known
from mailbot.core.mail import OpenedMail
from mailbot.core.records import HeldMail, HeldState, Reason
from mailbot.core.sight import Closed, Reopened
from tests.core.cast import (
    DE,
    DIRECTORY,
    FR,
    KNOWN,
    NOW,
    exchange,
    intent_of,
    mail,
    network,
    readers_of,
    remembering,
    signed_by,
)
from tests.core.commands.office import give, held_mail, objections, row_of, said, sections_of, seeing, suspension


def again(opened: OpenedMail, known: Known = KNOWN) -> Reopened:
    return Reopened(intent_of(opened, known), known)


def with_held(*mails: tuple[HeldMail, Reopened | Closed], **more: object) -> Known:
    """These are held, and can be opened again, or not."""
    reopened = {mail.digest: opened for mail, opened in mails}
    return seeing(held={mail.number: mail for mail, _ in mails}, reopened=reopened, **more)


def release(opened: OpenedMail, known: Known = KNOWN, **changed: object) -> Decision:
    return give("[RELEASE H-12]", known=with_held((held_mail(12, **changed), again(opened, known))))


# ---------------------------------------------------------------- RELEASE


def test_a_mail_that_nothing_objects_to_any_more_is_acted_on() -> None:
    decision = release(mail())
    (opened,) = decision.exchanges
    assert readers_of(decision, "request") >= {DE.desks[0].address}
    assert [(judged.digest, judged.still) for judged in decision.rejudged] == [(held_mail().digest, None)]
    assert said(decision)[1]["result"] == "done"
    assert said(decision)[1]["reference"] == opened.reference
    assert [entry.event for entry in decision.entries] == [Event.OPENED, Event.RELEASED]
    assert row_of(decision).facts["held"] == "H-12"


def test_both_signatures_are_used_up_the_mails_and_the_commands() -> None:
    decision = release(mail())
    assert mail().signatures[0].identity in decision.consumed
    assert len(decision.consumed) == 2


@pytest.mark.parametrize(
    ("opened", "known", "reason"),
    [
        (mail(signatures=()), KNOWN, Reason.NOT_SIGNED),
        (mail(signatures=(signed_by("F" * 40),)), KNOWN, Reason.UNKNOWN_SIGNER),
        (mail(signatures=(signed_by(FR.desks[0].encrypt_to[0], NOW - timedelta(days=6)),)), KNOWN, Reason.STALE),
        (mail(), replace(KNOWN, replayed=True), Reason.REPLAYED),
        (mail(), replace(KNOWN, network=network(DIRECTORY.suspending(frozenset({"FR"})))), Reason.SENDER_SUSPENDED),
        (mail(encrypted=False), KNOWN, Reason.NOT_ENCRYPTED),
    ],
)
def test_it_never_raises_assurance(opened: OpenedMail, known: Known, reason: Reason) -> None:
    """Today's keys, age, directory and replay decide, and whoever releases adds nothing to them (trust.md 13)."""
    decision = release(opened, known)
    assert said(decision)[1]["result"] == "still held"
    assert said(decision)[1]["reason"] == reason.value
    assert decision.exchanges == ()
    assert {letter.template for letter in decision.letters} == {"answer"}, "its sender is not told again"
    assert row_of(decision).event is Event.REFUSED


def test_another_reason_to_hold_it_takes_the_place_of_the_first() -> None:
    (judged,) = release(mail(signatures=())).rejudged
    assert judged.still is not None
    assert judged.still.reason is Reason.NOT_SIGNED
    assert release(mail(signatures=()), reason=Reason.NOT_SIGNED).rejudged == ()


def test_an_unsigned_tag_is_asked_about_anew() -> None:
    decision = release(mail(subject="", outer="[REQUEST DE]"))
    (judged,) = decision.rejudged
    assert judged.question is not None
    assert judged.still is not None
    assert judged.still.state is HeldState.ASKED
    assert readers_of(decision, "question") == {FR.desks[0].address}
    assert said(decision)[1]["result"] == "asked"


def test_a_refusal_is_told_to_the_one_who_signed() -> None:
    decision = release(mail(subject="[CLOSE#2026-0041]"))
    assert readers_of(decision, "refused") == {FR.desks[0].address}
    assert said(decision)[1]["result"] == "refused"


def test_several_in_one_mail_do_not_get_in_each_others_way() -> None:
    one, other = held_mail(12), held_mail(13)
    known = with_held(
        (one, again(mail(digest="1" * 64))),
        (other, again(mail(digest="2" * 64, sender=DE.desks[0], subject="[REQUEST FR]"))),
    )
    decision = give("[RELEASE H-12]", "[RELEASE H-13]", known=known)
    assert [e.reference for e in decision.exchanges] == ["2026-0042", "2026-0043"]
    assert len({e.reply_code for e in decision.exchanges}) == 2


def test_two_answers_to_one_exchange_both_count() -> None:
    answers = [
        (
            held_mail(number),
            again(mail(sender, f"[REPLY#2026-0041 {code}>FR]", digest=f"{number}" * 32), remembering(exchange())),
        )
        for number, sender, code in ((12, DE.desks[0], "DE"), (13, DIRECTORY.parties["IT"].desks[0], "IT"))
    ]
    (changed,) = give("[RELEASE H-12]", "[RELEASE H-13]", known=with_held(*answers)).exchanges
    assert [part.answered_at for part in changed.parts] == [NOW, NOW]


def test_the_same_mail_held_twice_is_acted_on_once() -> None:
    known = with_held((held_mail(12), again(mail(digest="1" * 64))), (held_mail(13), again(mail(digest="2" * 64))))
    decision = give("[RELEASE H-12]", "[RELEASE H-13]", known=known)
    assert [words["result"] for _, words in sections_of(decision)] == ["done", "still held"]
    assert len(decision.consumed) == len(set(decision.consumed)) == 2
    assert len(decision.exchanges) == 1


def test_a_suspension_that_is_ended_above_it_is_no_reason_any_more() -> None:
    suspended = replace(KNOWN, network=network(DIRECTORY.suspending(frozenset({"FR"}))))
    known = with_held((held_mail(), again(mail(), suspended)), suspensions={"FR": suspension("FR")})
    decision = give("[RESUME FR]", "[RELEASE H-12]", known=replace(known, network=suspended.network))
    assert sections_of(decision)[1][1]["result"] == "done"


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (seeing(), "unknown held"),
        (with_held((held_mail(state=HeldState.RELEASED), again(mail()))), "released"),
        (with_held((held_mail(state=HeldState.DROPPED), again(mail()))), "dropped"),
        (with_held((held_mail(), Closed.GONE)), "not kept"),
        (with_held((held_mail(), Closed.BROKEN)), "failed again"),
        (with_held((held_mail(), Closed.TOO_MUCH)), "too much"),
        (with_held((held_mail(), again(mail(subject="[STATUS]")))), "a command"),
        (with_held((held_mail(), again(mail())), ordered={"held H-12": NOW}), "outdated"),
    ],
)
def test_what_cannot_be_released_is_said(known: Known, expected: str) -> None:
    assert objections(give("[RELEASE H-12]", known=known)) == [expected]


# ---------------------------------------------------------------- DROP


def test_a_dropped_mail_is_given_up() -> None:
    decision = give("[SUPPRIMER h-12]", known=with_held((held_mail(), Closed.GONE)))
    assert decision.dropped == (held_mail().digest,)
    assert (row_of(decision).event, row_of(decision).facts["held"]) == (Event.DROPPED, "H-12")
    assert [ordered.object for ordered in decision.ordered] == ["held H-12"]


def test_released_or_dropped_it_is_settled() -> None:
    known = with_held((held_mail(), again(mail())))
    assert objections(give("[RELEASE H-12]", "[DROP H-12]", known=known)) == [None, "released"]
    assert objections(give("[DROP H-12]", "[RELEASE H-12]", known=known)) == [None, "dropped"]


# ---------------------------------------------------------------- HELD


def test_the_list_says_why_and_how_to_settle_each() -> None:
    waiting = (held_mail(), held_mail(13, state=HeldState.ASKED, reason=Reason.TAG_NOT_SIGNED))
    _, words = said(give("[RETENUS]", known=seeing(waiting=waiting)))
    first, second = words["mails"]
    assert (first["label"], first["reason"], first["release"]) == ("H-12", "signature too old", "[RELEASE H-12]")
    assert (first["asked"], second["asked"]) == (False, True)
    assert not {"subject", "digest"} & first.keys()
