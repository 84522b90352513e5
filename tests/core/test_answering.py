"""Replies, acknowledgements and closings: who may, to whom they go, what decides and what only suggests."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailbot.core.decision import Decision, Event, Known
from mailbot.core.mail import MailClass
from mailbot.core.parties import Address, Role
from mailbot.core.records import Exchange, HeldState, PartStage, Reason, Stage
from mailbot.core.tags import write
from tests.core.cast import (
    DE,
    DIRECTORY,
    EU,
    FR,
    IT,
    KNOWN,
    NOW,
    exchange,
    judge,
    mail,
    network,
    readers_of,
    remembering,
    signed_by,
)

REPLY = "AW: [REQUEST#2026-0041 FR>DE,IT urgent] Traveller"
UNRELATED = exchange(reference="2026-0007", reply_code="R-AAAAA-AAAAA")


def stage_of(decision: Decision, party: str) -> PartStage:
    part = decision.exchanges[0].part(party)
    assert part
    return part.stage


def answer(
    sender: Address = DE.desks[0], subject: str = REPLY, known: Known | None = None, **changed: object
) -> Decision:
    return judge(mail(sender, subject, **changed), known or remembering(exchange()))  # type: ignore[arg-type]


def refusal_of(decision: Decision) -> object:
    assert [letter.template for letter in decision.letters] == ["refused"]
    return decision.letters[0].words["reason"]


def test_reply_goes_to_the_asker_and_his_relay_that_wants_replies() -> None:
    decision = answer()
    assert readers_of(decision, "reply") == {"desk@fr.example", "police@fr.example"}
    assert stage_of(decision, "DE") is PartStage.ANSWERED and stage_of(decision, "IT") is PartStage.PASSED_ON
    assert readers_of(decision, "receipt-reply") == {"desk@de.example"}
    assert decision.consumed


def test_reply_from_a_relay_counts_for_its_party() -> None:
    decision = answer(DE.relays[0].mailbox)
    assert stage_of(decision, "DE") is PartStage.ANSWERED
    assert decision.entries[0].facts["by"] == "relay"


def test_relay_may_not_answer_what_was_not_sent_to_it() -> None:
    known = replace(remembering(exchange()), reached=frozenset())
    assert refusal_of(answer(DE.relays[0].mailbox, known=known)) == "not yours"


def test_relay_may_not_open_an_exchange() -> None:
    decision = judge(mail(DE.relays[0].mailbox, "[REQUEST IT]"))
    assert decision.held and decision.held.reason is Reason.NOT_ALLOWED
    assert not decision.exchanges


def test_reply_after_closing_still_goes_through() -> None:
    closed = replace(exchange(), stage=Stage.CLOSED, closed_at=NOW)
    decision = answer(known=remembering(closed))
    assert readers_of(decision, "reply")
    assert decision.letters[0].words["closed"] is True


def test_acknowledgement_needs_no_encryption() -> None:
    decision = answer(subject="[ACK#2026-0041]", encrypted=False)
    assert stage_of(decision, "DE") is PartStage.ACKNOWLEDGED
    assert readers_of(decision, "acknowledgement") == {"desk@fr.example"}


def test_reply_needs_encryption() -> None:
    decision = answer(encrypted=False)
    assert decision.held and decision.held.reason is Reason.NOT_ENCRYPTED


def test_leading_ack_line_means_more_than_the_subject_that_reply_filled_in() -> None:
    decision = answer(text="[ACCUSÉ#2026-0041]\n\nWe look into it.\n")
    assert stage_of(decision, "DE") is PartStage.ACKNOWLEDGED


@pytest.mark.parametrize("reference_exists", [True, False])
def test_third_parties_hear_the_same_whether_the_reference_exists(reference_exists: bool) -> None:
    known = remembering(exchange()) if reference_exists else KNOWN
    decision = answer(EU.desks[0], known=known)
    assert refusal_of(decision) == "not yours"
    assert decision.letters[0].words["reference"] is None


def test_asker_who_replies_to_his_own_exchange_is_told_what_to_do() -> None:
    assert refusal_of(answer(FR.desks[0])) == "own exchange"


def test_reply_code_in_the_signed_body_decides() -> None:
    known = replace(KNOWN, coded=(exchange(),))
    decision = answer(subject="", text="He left.\n> R-7K3Q9-F2MXR\n", known=known, outer="AW: lost")
    assert stage_of(decision, "DE") is PartStage.ANSWERED
    assert decision.entries[0].facts["tag_source"] == "code"


@pytest.mark.parametrize("hint", ["threaded", "addressed", "exchange"])
def test_hints_alone_only_ask(hint: str) -> None:
    value: tuple[Exchange, ...] | Exchange = (exchange(),) if hint == "threaded" else exchange()
    known = replace(KNOWN, **{hint: value})  # type: ignore[arg-type]
    decision = answer(subject="", known=known, outer="AW: [REQUEST#2026-0041]" if hint == "exchange" else "lost")
    assert decision.held and decision.held.state is HeldState.ASKED
    assert decision.question and decision.question.tag.reference == "2026-0041"
    assert not readers_of(decision, "reply")


def test_code_and_signed_tag_that_disagree_are_held() -> None:
    decision = answer(known=replace(remembering(exchange()), coded=(UNRELATED,)))
    assert decision.held and decision.held.reason is Reason.HINTS_DISAGREE


def test_unsigned_hint_that_disagrees_with_the_signed_tag_is_journalled_and_told() -> None:
    decision = answer(known=replace(remembering(exchange()), threaded=(UNRELATED,)))
    assert stage_of(decision, "DE") is PartStage.ANSWERED
    assert decision.entries[0].facts["mismatch"] == "yes"


def test_two_hints_that_disagree_are_held() -> None:
    known = replace(KNOWN, threaded=(exchange(),), addressed=UNRELATED)
    decision = answer(subject="", known=known, outer="lost")
    assert decision.held and decision.held.reason is Reason.HINTS_DISAGREE


def test_signature_older_than_the_exchange_is_held() -> None:
    old = signed_by(next(iter(DE.signers)), NOW - timedelta(hours=3))
    decision = answer(signatures=(old,))
    assert decision.held and decision.held.reason is Reason.STALE


def test_close_by_the_asker_tells_the_targets() -> None:
    decision = answer(FR.desks[0], "[CLOSE#2026-0041]")
    assert decision.exchanges[0].stage is Stage.CLOSED and decision.exchanges[0].closed_at == NOW
    assert "desk@it.example" in readers_of(decision, "closing")
    (closing,) = [letter for letter in decision.letters if letter.template == "closing"]
    assert closing.content is None, "it may quote another target's answer"
    assert closing.subject == ""
    assert decision.entries[0].event is Event.CLOSED


def test_close_by_a_target_is_refused() -> None:
    assert refusal_of(answer(IT.desks[0], "[CLOSE#2026-0041]")) == "only the asker"


def test_close_on_an_unsigned_tag_asks() -> None:
    known = replace(KNOWN, exchange=exchange(), coded=(exchange(),))
    decision = answer(FR.desks[0], "", known=known, outer="[CLOSE#2026-0041]")
    assert decision.question and not decision.exchanges


def test_pressing_reply_to_a_closing_is_a_reply() -> None:
    decision = answer(DE.desks[0], "Re: [CLOSE#2026-0041 FR>DE,IT]")
    assert stage_of(decision, "DE") is PartStage.ANSWERED


def test_signed_tag_overrides_automatic_marks_but_gets_no_automatic_answer() -> None:
    decision = answer(mail_class=MailClass.AUTOMATIC, answerable=False)
    assert stage_of(decision, "DE") is PartStage.ANSWERED
    assert not readers_of(decision, "receipt-reply")


def test_list_mail_is_judged_and_the_pinned_signer_gets_his_receipt() -> None:
    decision = answer(mail_class=MailClass.LIST, answerable=False)
    assert readers_of(decision, "receipt-reply") == {"desk@de.example"}


@pytest.mark.parametrize("outer", ["[ACK#2026-0041]", "AW: [CLOSE#2026-0041]"])
def test_where_only_the_code_is_signed_a_mail_is_a_reply_whatever_stands_outside(outer: str) -> None:
    known = replace(remembering(exchange()), coded=(exchange(),))
    decision = answer(subject="", text="He left.\n> R-7K3Q9-F2MXR\n", known=known, outer=outer)
    assert stage_of(decision, "DE") is PartStage.ANSWERED
    assert decision.entries[0].facts["mismatch"] == "yes"


def test_an_automatic_reply_that_quotes_the_code_is_no_answer() -> None:
    known = replace(KNOWN, coded=(exchange(),))
    text = "I am away.\n> R-7K3Q9-F2MXR\n"
    away = mail(DE.desks[0], "", text, outer="Away", mail_class=MailClass.AUTOMATIC, answerable=False)
    decision = judge(away, known)
    assert decision.held and decision.held.reason is Reason.AUTOMATIC


def test_own_code_beside_a_foreign_reference_tells_nothing() -> None:
    """The answer must be that for a reference which does not exist (trust.md 10)."""
    foreign = exchange(reference="2026-0040", asker="EU", parts=UNRELATED.parts[1:], reply_code="R-BBBBB-BBBBB")
    subject = "[REPLY#2026-0040]"
    there = answer(subject=subject, known=replace(KNOWN, exchange=foreign, coded=(exchange(),)))
    absent = answer(subject=subject, known=replace(KNOWN, coded=(exchange(),)))
    assert there.letters == absent.letters


def test_a_desk_is_never_answered_at_its_relays_address() -> None:
    """From is nobody's word: whoever changes it must not choose who reads the receipt."""
    opened = mail(DE.desks[0], REPLY)
    spoofed = replace(opened, outer=replace(opened.outer, sender="bka@de.example"), protected=opened.protected)
    decision = judge(replace(spoofed, protected=None, text="[REPLY#2026-0041]\nx"), remembering(exchange()))
    assert readers_of(decision, "receipt-reply") == {"desk@de.example"}


def test_receipt_goes_to_the_other_desks_if_the_one_that_wrote_cannot_be_sealed_to() -> None:
    keyless = Address("old@de.example", Role.DESK, (), party="DE")
    party = replace(DE, addresses=(keyless, *DE.addresses))
    known = replace(
        remembering(exchange()), network=network(replace(DIRECTORY, parties={**DIRECTORY.parties, "DE": party}))
    )
    opened = mail(replace(DE.desks[0], address="old@de.example"), REPLY)
    assert readers_of(judge(opened, known), "receipt-reply") == {"desk@de.example"}


def test_replying_to_the_receipt_of_an_acknowledgement_is_the_answer() -> None:
    decision = answer(subject="[ACK#2026-0041]")
    (receipt,) = [letter for letter in decision.letters if letter.template == "receipt-acknowledgement"]
    assert stage_of(answer(subject=f"Re: {write(receipt.tag)}"), "DE") is PartStage.ANSWERED
