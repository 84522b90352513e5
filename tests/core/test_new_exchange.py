"""Given what is known, when a request or information comes, then this decision."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailbot.core.decision import Event, Folder
from mailbot.core.records import Cause, HeldState, PartStage, Reason
from mailbot.core.tags import ALL, Urgency, Word
from tests.core.cast import DE, DIRECTORY, EU, FR, IT, KNOWN, NOW, fingerprint, judge, mail, network, readers_of


def test_urgent_request_reaches_both_desks_and_the_relays_that_want_it() -> None:
    decision = judge(mail())
    assert readers_of(decision, "request") == {
        "desk@de.example",
        "bka@de.example",
        "border@de.example",
        "desk@it.example",
    }
    (opened,) = decision.exchanges
    assert (opened.reference, opened.kind, opened.asker, opened.targets) == (
        "2026-0042",
        Word.REQUEST,
        "FR",
        ("DE", "IT"),
    )
    assert opened.deadline == NOW + timedelta(hours=4)
    assert {p.stage for p in opened.parts} == {PartStage.PASSED_ON}
    assert decision.consumed and decision.keep_original and decision.folder is Folder.DONE


def test_routine_request_passes_by_the_relay_that_wants_urgent_mail_only() -> None:
    decision = judge(mail(subject="[REQUEST DE]"))
    assert readers_of(decision, "request") == {"desk@de.example", "bka@de.example"}
    assert decision.exchanges[0].deadline == NOW + timedelta(days=3)


def test_receipt_says_for_every_recipient_what_was_done() -> None:
    directory = replace(DIRECTORY, parties={**DIRECTORY.parties, "EU": replace(EU, suspended=True)})
    known = replace(KNOWN, network=network(directory, fingerprint("deskIT")))
    decision = judge(mail(subject="[REQUEST DE,IT,EU,FR,XX]"), known)
    (receipt,) = [letter for letter in decision.letters if letter.template == "receipt"]
    said = {part["code"]: part["state"] for part in receipt.words["parts"]}  # type: ignore[attr-defined]
    assert said == {
        "DE": "passed on",
        "IT": Cause.NO_CERTIFICATE,
        "EU": Cause.SUSPENDED,
        "FR": Cause.OWN_PARTY,
        "XX": Cause.UNKNOWN_PARTY,
    }
    assert receipt.mailboxes == FR.desks
    assert receipt.words["anchor"] == {"number": 7, "hash": "abc"}
    assert readers_of(decision, "request") == {"desk@de.example", "bka@de.example"}
    assert {p.party: p.stage for p in decision.exchanges[0].parts} == {
        "DE": PartStage.PASSED_ON,
        "IT": PartStage.WAITING,
        "EU": PartStage.WAITING,
    }


def test_a_desk_without_certificate_learns_only_that_something_waits() -> None:
    known = replace(KNOWN, network=network(DIRECTORY, fingerprint("deskIT")))
    decision = judge(mail(), known)
    (waiting,) = [letter for letter in decision.letters if letter.template == "waiting"]
    assert waiting.mailboxes[0].address == "desk@it.example"
    assert waiting.mailboxes[0].encrypt_to == ()
    assert waiting.reference is None and waiting.content is None


def test_all_is_everybody_but_the_asker_and_the_secretariat() -> None:
    decision = judge(mail(subject="[INFO ALL]"))
    (opened,) = decision.exchanges
    assert opened.targets == ("DE", "EU", "IT") and opened.to_all
    assert all(letter.tag.targets == (ALL,) for letter in decision.letters if letter.template == "information")


def test_letters_are_one_for_each_language() -> None:
    decision = judge(mail(sender=DE.desks[0], subject="[REQUEST FR,IT]"))
    assert sorted(letter.language for letter in decision.letters if letter.template == "request") == ["en", "fr"]


def test_tag_in_the_first_line_of_the_signed_body_counts() -> None:
    decision = judge(mail(subject="", text="[DEMANDE IT]\n\nOù est-il ?\n"))
    assert readers_of(decision, "request") == {"desk@it.example"}


def test_tag_of_the_outer_subject_alone_asks_the_sender() -> None:
    decision = judge(mail(subject="", outer="[REQUEST IT,XX] Traveller"))
    assert decision.folder is Folder.HELD and decision.held and decision.held.state is HeldState.ASKED
    assert decision.question and decision.question.tag.targets == ("IT", "XX")
    (question,) = decision.letters
    assert question.template == "question" and question.mailboxes == FR.desks
    assert question.words["word"] == decision.question.word
    assert not decision.exchanges and not decision.consumed


def test_signed_tag_beats_the_outer_one_and_the_mismatch_is_told() -> None:
    decision = judge(mail(subject="[INFO IT]", outer="[REQUEST ALL]"))
    assert readers_of(decision, "information") == {"desk@it.example"}
    (receipt,) = [letter for letter in decision.letters if letter.template == "receipt"]
    assert receipt.words["mismatch"] is True
    assert decision.entries[0].facts["mismatch"] == "yes"


@pytest.mark.parametrize("deadline", ["10m", "31d"])
def test_deadline_out_of_range_is_refused(deadline: str) -> None:
    decision = judge(mail(subject=f"[REQUEST DE deadline={deadline}]"))
    assert [(letter.template, letter.words["reason"]) for letter in decision.letters] == [("refused", "deadline")]
    assert not decision.exchanges


def test_nobody_deliverable_is_refused_with_every_recipient() -> None:
    decision = judge(mail(subject="[REQUEST FR,XX]"))
    (refused,) = decision.letters
    assert refused.words["reason"] == "nothing deliverable"
    assert [p["code"] for p in refused.words["parts"]] == ["FR", "XX"]  # type: ignore[attr-defined]
    assert decision.entries[0].event is Event.REFUSED and not decision.consumed


def test_blind_leaves_the_author_out() -> None:
    decision = judge(mail(subject="[REQUEST IT blind]"))
    (letter,) = [letter for letter in decision.letters if letter.template == "request"]
    assert letter.author_hidden


def test_alias_and_repeated_party_are_one() -> None:
    directory = replace(DIRECTORY, parties={**DIRECTORY.parties, "IT": replace(IT, aliases=("ITA",))})
    known = replace(KNOWN, network=network(directory))
    assert judge(mail(subject="[REQUEST ITA,IT]"), known).exchanges[0].targets == ("IT",)


def test_request_that_is_not_encrypted_is_held_with_the_fixed_notice() -> None:
    decision = judge(mail(encrypted=False))
    assert decision.held and decision.held.reason is Reason.NOT_ENCRYPTED
    assert [letter.template for letter in decision.letters] == ["notice"]


def test_urgency_of_the_letters_follows_the_exchange() -> None:
    assert judge(mail()).exchanges[0].urgency is Urgency.URGENT
    assert all(letter.urgent for letter in judge(mail()).letters)


def test_leading_line_above_a_quoted_notice_is_what_was_meant() -> None:
    decision = judge(mail(subject="Re: [HELP]", text="[REQUEST IT]\n\nWhere is he?\n> checklist\n"))
    assert readers_of(decision, "request") == {"desk@it.example"}


def test_a_relay_that_cannot_be_sealed_to_is_owed_its_copy_and_journalled() -> None:
    known = replace(KNOWN, network=network(DIRECTORY, fingerprint("bkaDE")))
    decision = judge(mail(), known)
    assert "bka@de.example" not in readers_of(decision, "request")
    assert decision.exchanges[0].parts[0].owed == ("bka@de.example",)
    assert decision.entries[0].facts["owed"] == "bka@de.example"
