"""What comes back to a probe: whose it is and what it proves; that machines are nobody; who is told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailbot.core.decision import Event, Folder
from mailbot.core.mail import MailClass, Signature, SignatureState, Trouble
from mailbot.core.records import Assurance, Reason
from mailbot.core.rounds.records import Copy, Hint, ProbeStage, Standing, Trail
from tests.core.cast import CONTENT, DE, FR, NOW, OPERATOR, exchange, mail, signed_by
from tests.core.rounds.ring import (
    GIVEN,
    after,
    answer,
    challenge_to,
    from_address,
    judged,
    machine,
    plain,
    probe_of,
    templates,
    trail,
    without_certificate,
)

FRANCE, GERMANY = probe_of("FR"), probe_of("DE")
WORD = challenge_to("desk@fr.example").word
CHALLENGE, TOKEN = trail(Hint.CHALLENGE, FRANCE, WORD), trail(Hint.TOKEN, FRANCE)
THREAD, PATH = trail(Hint.THREAD, FRANCE, "<x>"), trail(Hint.RETURN_PATH, FRANCE, "tracking")
ANYWHERE = "somebody@elsewhere.example"


# ---------------------------------------------------------------- by whom, and how surely


def test_signed_and_encrypted_and_quoting_the_challenge() -> None:
    probe = after(judged(answer(token=FRANCE.token, challenge=WORD), CHALLENGE, TOKEN))
    assert probe.answer
    assert (probe.standing, probe.took) == (Standing.REACHED, timedelta(minutes=7))
    assert (probe.answer.assurance, probe.answer.encrypted, probe.answer.challenge_quoted) == (
        Assurance.SIGNED,
        True,
        True,
    )
    assert (probe.answer.sender, probe.answer.copy) == ("desk@fr.example", Copy.DESK)
    assert probe.answer.signer in FR.signers


def test_signed_alone() -> None:
    probe = after(judged(answer(token=FRANCE.token, encrypted=False), TOKEN))
    assert probe.standing is Standing.REACHED
    assert probe.answer and not probe.answer.encrypted and not probe.answer.challenge_quoted


def test_the_token_quoted_in_the_signed_text_is_enough() -> None:
    opened = answer(text=f"OK\n> Test :         {FRANCE.token}", protects=False)
    assert after(judged(opened, TOKEN)).standing is Standing.REACHED


def test_challenge_quoted_without_signature_shows_that_it_was_read() -> None:
    probe = after(judged(answer(challenge=WORD, signed=False), CHALLENGE))
    assert probe.standing is Standing.REACHED
    assert probe.answer and (probe.answer.assurance, probe.answer.challenge_quoted) == (Assurance.ADDRESS, True)


def test_plain_from_the_registered_address_is_unconfirmed() -> None:
    probe = after(judged(plain(token=FRANCE.token), TOKEN))
    assert probe.standing is Standing.UNCONFIRMED
    assert probe.answer and probe.answer.assurance is Assurance.ADDRESS


def test_plain_from_another_address_with_the_token_is_unconfirmed() -> None:
    probe = after(judged(from_address(ANYWHERE, plain(token=FRANCE.token)), TOKEN))
    assert probe.standing is Standing.UNCONFIRMED
    assert probe.answer and (probe.answer.assurance, probe.answer.sender) == (Assurance.TOKEN, ANYWHERE)


@pytest.mark.parametrize(("sender", "assurance"), [("desk@eu.example", "address"), (ANYWHERE, "token")])
def test_of_a_party_without_certificate_a_plain_answer_is_all_there_can_be(sender: str, assurance: str) -> None:
    probe = replace(probe_of("EU"), certified=False)
    opened = from_address(sender, plain(token=probe.token))
    counted = after(judged(opened, trail(Hint.TOKEN, probe), net=without_certificate("EU")))
    assert counted.standing is Standing.REACHED
    assert counted.answer and counted.answer.assurance.value == assurance


def test_from_nowhere_and_without_token_proves_nothing_to_anybody() -> None:
    probe = replace(probe_of("EU"), certified=False)
    hint = trail(Hint.THREAD, probe, "<x>")
    counted = after(judged(from_address(ANYWHERE, plain()), hint, net=without_certificate("EU")))
    assert counted.standing is Standing.UNCONFIRMED
    assert counted.answer and counted.answer.assurance is Assurance.NONE


def test_a_relay_of_the_party_is_not_its_desk() -> None:
    relay = FR.relays[0].mailbox
    probe = after(judged(answer(relay, token=FRANCE.token), TOKEN))
    assert probe.standing is Standing.UNCONFIRMED
    assert probe.answer and probe.answer.assurance is Assurance.TOKEN


@pytest.mark.parametrize("state", [s for s in SignatureState if s is not SignatureState.GOOD])
def test_a_signature_that_is_not_good_is_none(state: SignatureState) -> None:
    spoiled: Signature = replace(signed_by(FR.desks[0].encrypt_to[0]), state=state)
    opened = replace(answer(token=FRANCE.token), signatures=(spoiled,))
    assert after(judged(opened, TOKEN)).standing is Standing.UNCONFIRMED


# ---------------------------------------------------------------- which probe


@pytest.mark.parametrize("hint", [THREAD, PATH], ids=["thread", "reply address"])
def test_a_lost_tag_is_made_up_for_by_thread_or_reply_address(hint: Trail) -> None:
    decision = judged(plain(), hint)
    assert after(decision).standing is Standing.UNCONFIRMED
    assert decision.entries[0].facts["matched_by"] == hint.hint.value


def test_a_lost_tag_and_a_quoted_challenge() -> None:
    assert after(judged(answer(challenge=WORD), CHALLENGE, THREAD)).standing is Standing.REACHED


@pytest.mark.parametrize("subject", ["Re: [PING#{} Pi", "Re: [PING# {}] OK", "RE: [EXTERNAL] [ping#{}] x", "Re: OK {}"])
def test_the_tag_edited_or_cut(subject: str) -> None:
    opened = plain()
    opened = replace(opened, outer=replace(opened.outer, subject=subject.format(FRANCE.token)))
    assert after(judged(opened, TOKEN, THREAD)).standing is Standing.UNCONFIRMED


def test_a_challenge_outweighs_every_other_hint() -> None:
    decision = judged(answer(challenge=WORD), CHALLENGE, trail(Hint.THREAD, probe_of("FR"), "<x>"))
    assert decision.entries[0].facts["matched_by"] == "challenge"


@pytest.mark.parametrize("signed", [True, False])
def test_the_wrong_partys_token_counts_for_nobody(signed: bool) -> None:
    opened = answer(DE.desks[0], token=FRANCE.token) if signed else plain(DE.desks[0], token=FRANCE.token)
    unknown = replace(opened, digest="e" * 64)
    decision, nothing = judged(opened, TOKEN), judged(unknown)
    assert decision.probes == nothing.probes == ()
    assert templates(decision.letters) == templates(nothing.letters), "no fishing: the same for a token that is none"
    assert templates(decision.letters) == (["refused"] if signed else ["notice"])
    if not signed:
        assert decision.held and decision.held.reason is Reason.UNKNOWN_PING


def test_an_operator_answers_for_nobody() -> None:
    assert judged(answer(OPERATOR.mailbox, token=FRANCE.token), TOKEN).probes == ()


def test_another_mail_under_our_subject_is_no_proof() -> None:
    """Whoever sits between could give any mail that France signed the subject of our probe."""
    opened = answer(text="Where is he?", outer=f"[PING#{FRANCE.token}]", protects=False)
    decision = judged(opened, TOKEN)
    assert after(decision).standing is Standing.UNCONFIRMED
    (letter,) = decision.letters
    assert (letter.template, letter.words["counted"]) == ("probe-receipt", False)
    assert decision.consumed == ()


def test_a_signed_reply_code_is_a_reply_whatever_stands_outside() -> None:
    found = exchange()
    opened = answer(DE.desks[0], text="He left.\n> R-7K3Q9-F2MXR", outer=f"[PING#{GERMANY.token}]", protects=False)
    decision = judged(replace(opened, content=CONTENT), trail(Hint.TOKEN, GERMANY), coded=(found,), now=NOW)
    assert decision.probes == ()
    assert "reply" in templates(decision.letters)


def test_a_request_that_quotes_a_probe_is_a_request() -> None:
    opened = mail(text=f"Where is he?\n> Ping word:  {WORD}\n")
    assert judged(opened, CHALLENGE, now=NOW).exchanges


# ---------------------------------------------------------------- when


def test_a_late_answer_is_kept_as_late() -> None:
    decision = judged(answer(token=FRANCE.token), TOKEN, now=NOW + GIVEN + timedelta(minutes=1))
    assert after(decision).standing is Standing.LATE
    assert decision.letters[0].words["late"] is True


def test_a_second_answer_changes_nothing_and_is_not_thanked_again() -> None:
    first = after(judged(answer(token=FRANCE.token), TOKEN))
    second = judged(answer(token=FRANCE.token), trail(Hint.TOKEN, first), now=NOW + timedelta(hours=1))
    assert (second.probes, second.letters, second.consumed) == ((), (), ())
    assert second.entries[0].facts["news"] == "no"


def test_a_later_surer_answer_upgrades() -> None:
    first = after(judged(plain(token=FRANCE.token), TOKEN))
    second = after(judged(answer(token=FRANCE.token), trail(Hint.TOKEN, first), now=NOW + timedelta(hours=1)))
    assert (second.standing, second.took) == (Standing.REACHED, timedelta(hours=1))


def test_an_answer_beats_a_report_of_failure() -> None:
    failed = replace(FRANCE, stage=ProbeStage.UNDELIVERABLE, failure="5.1.1")
    assert after(judged(answer(token=FRANCE.token), trail(Hint.TOKEN, failed))).standing is Standing.REACHED


def test_what_counts_uses_up_its_replay_key_and_a_replay_nothing() -> None:
    opened = answer(token=FRANCE.token)
    assert judged(opened, TOKEN).consumed
    assert judged(opened, TOKEN, replayed=True).consumed == ()


# ---------------------------------------------------------------- backups


def test_a_backups_answer_counts_and_is_marked() -> None:
    night = next(a for a in DE.addresses if a.role == "backup")
    signer = replace(night, encrypt_to=DE.desks[0].encrypt_to)
    by_token = judged(answer(signer, token=GERMANY.backup_token), trail(Hint.TOKEN, GERMANY, copy=Copy.BACKUP))
    word = "C-00000-00001"
    by_word = judged(answer(signer, challenge=word), trail(Hint.CHALLENGE, GERMANY, word, Copy.BACKUP))
    by_address = judged(answer(signer, token=GERMANY.token), trail(Hint.TOKEN, GERMANY))
    for decision in (by_token, by_word, by_address):
        probe = after(decision)
        assert probe.standing is Standing.REACHED
        assert probe.answer and probe.answer.copy is Copy.BACKUP


# ---------------------------------------------------------------- machines


@pytest.mark.parametrize("hint", [TOKEN, THREAD, PATH], ids=["tag", "thread", "reply address"])
def test_an_automatic_reply_is_noted_with_its_return_date_and_counts_for_nobody(hint: Trail) -> None:
    subject = f"Automatic reply: [PING#{FRANCE.token}]"
    decision = judged(machine(MailClass.AUTOMATIC, subject, return_date="2026-12-01"), hint)
    probe = after(decision)
    assert (probe.standing, probe.returns_on) == (Standing.SILENT, "2026-12-01")
    assert probe.automatic_at == NOW + timedelta(minutes=7)
    assert (decision.letters, decision.entries[0].event) == ((), Event.NOTED)
    assert decision.entries[0].facts["return_date"] == "2026-12-01"


def test_a_read_receipt_is_noted_and_counts_for_nobody() -> None:
    probe = after(judged(machine(MailClass.RECEIPT), THREAD))
    assert probe.standing is Standing.SILENT
    assert probe.opened_at


def test_a_second_automatic_reply_changes_nothing() -> None:
    first = after(judged(machine(MailClass.AUTOMATIC), TOKEN))
    assert judged(machine(MailClass.AUTOMATIC), trail(Hint.TOKEN, first)).probes == ()


def test_an_automatic_reply_that_a_gateway_signed_is_noted_too() -> None:
    signed = replace(machine(MailClass.AUTOMATIC), signatures=(signed_by(FR.desks[0].encrypt_to[0]),))
    decision = judged(signed, THREAD)
    assert (after(decision).standing, decision.folder) == (Standing.SILENT, Folder.DONE)


def test_a_signed_tag_beats_automatic_marks_outside() -> None:
    """trust.md 15: whoever sits between must not make an answer vanish by a header field."""
    decision = judged(answer(token=FRANCE.token, mail_class=MailClass.AUTOMATIC, answerable=False), TOKEN)
    assert after(decision).standing is Standing.REACHED
    assert decision.letters == (), "but it gets no automatic answer"


@pytest.mark.parametrize("made_by", [MailClass.BOUNCE, MailClass.DELIVERY_REPORT, MailClass.FEEDBACK, MailClass.OWN])
def test_servers_and_ourselves_are_no_answer(made_by: MailClass) -> None:
    decision = judged(machine(made_by, f"Undelivered: [PING#{FRANCE.token}]"), TOKEN)
    assert (decision.probes, decision.letters) == ((), ())


# ---------------------------------------------------------------- who is told


def test_only_signers_are_thanked_and_once() -> None:
    assert templates(judged(answer(token=FRANCE.token), TOKEN).letters) == ["probe-receipt"]
    assert judged(plain(token=FRANCE.token), TOKEN).letters == ()
    assert judged(from_address(ANYWHERE, plain(token=FRANCE.token)), TOKEN).letters == ()


def test_a_receipt_has_the_journals_anchor() -> None:
    (letter,) = judged(answer(token=FRANCE.token), TOKEN).letters
    assert letter.words["anchor"] == {"number": 7, "hash": "abc"}


def test_mail_that_does_not_open_is_counted_for_what_its_outside_shows_and_held() -> None:
    opened = replace(plain(token=FRANCE.token), sealed=True, trouble=Trouble.CANNOT_DECRYPT)
    decision = judged(opened, TOKEN)
    assert after(decision).standing is Standing.UNCONFIRMED
    assert decision.held and decision.held.reason is Reason.CANNOT_DECRYPT
    assert (decision.folder, decision.keep_original) == (Folder.HELD, True)
    assert templates(decision.letters) == ["notice"]
