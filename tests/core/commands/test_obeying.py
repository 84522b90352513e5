"""A mail with commands: which are obeyed, what is answered, and what the journal says of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailbot.core.commands.needs import MOST
from mailbot.core.decision import Event, Folder
from mailbot.core.mail import Envelope, Headers, MailClass
from mailbot.core.parties import Right
from mailbot.core.records import Reason, Suspension
from mailbot.core.tags import Tag, Word
from tests.core.cast import DE, FR, IT, KNOWN, NETWORK, NOW, exchange, fingerprint, judge, mail, signed_by
from tests.core.commands.office import (
    OFFICE,
    WATCH,
    answer_of,
    give,
    objections,
    order,
    row_of,
    said,
    sections_of,
    seeing,
    suspension,
)

POLICE = FR.relays[0].mailbox

# ---------------------------------------------------------------- the answer


def test_it_goes_sealed_to_the_asker_from_the_control_address() -> None:
    answer = answer_of(give("[PARTIES]"))
    assert answer.from_control
    assert answer.mailboxes == (OFFICE,)
    assert answer.envelope is Envelope.TRACKED
    assert answer.words["anchor"] == {"number": 7, "hash": "abc"}


def test_pressing_reply_to_it_repeats_no_command() -> None:
    assert answer_of(give("[SUSPEND FR]")).tag == Tag(Word.HELP)


def test_commands_above_a_quoted_answer_are_what_counts() -> None:
    decision = judge(mail(OFFICE, subject="Re: [HELP] Held mail: 2", text="[PARTIES]\n[HELD]\n\n> quoted\n"))
    assert [name for name, _ in sections_of(decision)] == ["answer-parties", "answer-held"]


def test_it_is_in_the_askers_language_or_in_the_one_that_he_asks_for() -> None:
    assert answer_of(give("[AIDE]", sender=FR.desks[0])).language == "fr"
    assert answer_of(give("[HELP lang=fr]")).language == "fr"


def test_the_signature_is_used_up() -> None:
    opened = order("[PARTIES]")
    assert judge(opened).consumed == (opened.signatures[0].identity,)


def test_a_replayed_command_does_nothing() -> None:
    decision = give("[SUSPEND FR]", known=replace(KNOWN, replayed=True))
    assert decision.held is not None
    assert decision.held.reason is Reason.REPLAYED
    assert (decision.suspended, decision.folder) == ((), Folder.HELD)


def test_nobody_who_cannot_be_answered_is_obeyed() -> None:
    known = replace(KNOWN, network=replace(NETWORK, certificates={}))
    decision = give("[SUSPEND FR]", known=known)
    assert (decision.suspended, decision.letters) == ((), ())
    assert decision.held is not None
    assert decision.held.reason is Reason.NO_READER


# ---------------------------------------------------------------- several in one mail


def test_all_of_them_are_answered_in_one_mail_in_their_order() -> None:
    decision = give("[PARTIES]", "[MEMBRES]", "[AIDE]", "[RETENUS]")
    names = ["answer-parties", "answer-help", "answer-held"]
    assert [name for name, _ in sections_of(decision)] == ["answer-parties", *names]
    assert len(decision.letters) == 1


def test_one_that_is_wrong_stops_none_of_the_others() -> None:
    decision = give("[SUSPEND FR]", "[RELEASE X]", "[RELESE H-12]", "[HELD]")
    assert objections(decision) == [None, "not understood", "not understood", None]
    assert [suspended.party for suspended in decision.suspended] == ["FR"]


def test_what_was_understood_is_told_with_what_is_expected_and_an_example() -> None:
    _, words = said(give("[RELEASE X-12]"))
    assert words["problem"].startswith("RELEASE was understood")
    assert "expected: the number of a held mail" in words["problem"]
    assert words["problem"].endswith("Example: [RELEASE H-12]")


def test_a_word_that_is_none_is_told_with_the_nearest() -> None:
    sections = sections_of(give("[STATUS]", "[SUSPNED FR]", known=seeing()))
    assert "“SUSPNED FR” is no command. Did you mean SUSPEND?" in sections[1][1]["problem"]


def test_commands_in_the_subject_and_in_the_text_all_count_once() -> None:
    decision = judge(mail(OFFICE, subject="[PARTIES]", text="[PARTIES]\n[HELD]\n"))
    assert [name for name, _ in sections_of(decision)] == ["answer-parties", "answer-held"]


def test_each_sees_what_those_above_it_did() -> None:
    decision = give("[SUSPEND FR]", "[SUSPEND FR]", "[RESUME FR]", "[RESUME FR]")
    assert objections(decision) == [None, "suspended already", None, "not suspended"]


def test_more_than_anybody_writes_by_hand_are_left_for_another_mail() -> None:
    decision = give(*["[HELD]"] * MOST, "[SUSPEND FR]")
    assert objections(decision)[-1] == "too many"
    assert decision.suspended == ()


def test_a_command_beside_network_mail_is_neither() -> None:
    decision = give("[PARTIES]", "[REQUEST DE]")
    assert decision.held is not None
    assert decision.held.reason is Reason.BAD_TAG


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize(
    ("sender", "line", "expected"),
    [
        (OFFICE, "[SUSPEND FR]", None),
        (WATCH, "[SUSPEND FR]", None),
        (FR.desks[0], "[SUSPEND IT]", "not allowed"),
        (FR.desks[0], "[HELD]", "not allowed"),
        (FR.desks[0], "[PARTIES]", "not allowed"),
        (FR.desks[0], "[PING ALL]", "not allowed"),
        (WATCH, "[PING ALL]", "not allowed"),
        (FR.desks[0], "[HELP]", None),
        (POLICE, "[HELP]", None),
        (POLICE, "[STATUS]", "not allowed"),
        (POLICE, "[RESEND 2026-0041 DE]", "not allowed"),
        (POLICE, "[SUSPEND IT]", "not allowed"),
    ],
)
def test_only_who_has_the_right_is_obeyed(sender: object, line: str, expected: str | None) -> None:
    decision = give(line, sender=sender)  # type: ignore[arg-type]
    assert objections(decision) == [expected]
    assert bool(decision.suspended) == (line == "[SUSPEND FR]")


def test_who_may_what_is_configured() -> None:
    network = replace(NETWORK, commands={Word.SUSPEND: frozenset({Right.OPERATOR})})
    known = replace(KNOWN, network=network)
    assert objections(give("[SUSPEND FR]", known=known)) == ["not allowed"]
    assert objections(give("[SUSPEND FR]", sender=WATCH, known=known)) == [None]


def test_the_network_address_will_do() -> None:
    decision = judge(order("[SUSPEND FR]", outer=""))
    assert decision.suspended


# ---------------------------------------------------------------- the outer subject


def test_an_unsigned_command_is_answered_with_the_very_line_to_paste() -> None:
    decision = judge(mail(OFFICE, subject="", outer="[SUSPENDRE fr]", text="Please.\n"))
    name, words = said(decision)
    assert (name, words["reason"], words["line"]) == ("answer-not-done", "not signed", "[SUSPEND FR]")
    assert (decision.suspended, decision.consumed) == ((), ())
    assert row_of(decision).event is Event.REFUSED
    assert objections(give(words["line"])) == [None]


def test_who_may_not_is_not_told_how_to() -> None:
    decision = judge(mail(IT.desks[0], subject="", outer="[SUSPEND FR]", text="Please.\n"))
    assert objections(decision) == ["not allowed"]


def test_help_is_given_all_the_same() -> None:
    assert said(judge(mail(IT.desks[0], subject="", outer="[HELP]", text="Eh?\n")))[0] == "answer-help"


def test_a_signed_reply_code_beats_a_command_outside() -> None:
    opened = mail(DE.desks[0], subject="", outer="[STATUS]", text="Here he is.\n> R-7K3Q9-F2MXR\n")
    decision = judge(opened, replace(KNOWN, coded=(exchange(),)))
    assert {letter.template for letter in decision.letters} == {"reply", "receipt-reply"}


def test_a_signed_command_beats_another_one_outside() -> None:
    decision = judge(order("[PARTIES]", outer="[SUSPEND FR]"))
    assert [name for name, _ in sections_of(decision)] == ["answer-parties"]


# ---------------------------------------------------------------- which address was meant


CONTROL, HUB = "Control@hub.example", "network@hub.example"


@pytest.mark.parametrize(
    ("to", "delivered", "control"),
    [
        (CONTROL, "", True),
        (HUB, "", False),
        ("", CONTROL, True),
        (HUB, CONTROL, True),
        (CONTROL, HUB, False),
        ("list@example.org", CONTROL, True),
        ("list@example.org", "", False),
        (CONTROL, "somebody@example.org", True),
    ],
)
def test_no_command_at_all_is_told_at_the_control_address_alone(to: str, delivered: str, control: bool) -> None:
    outer = Headers(sender=OFFICE.address, to=(to,) if to else (), delivered_to=(delivered,) if delivered else ())
    decision = judge(replace(order("Hello?"), outer=outer))
    if control:
        assert objections(decision) == ["no command"]
    else:
        assert decision.held is not None
        assert decision.held.reason is Reason.UNTAGGED


def test_at_the_control_address_a_first_line_that_is_no_command_is_told_and_stops_no_other() -> None:
    outer = Headers(sender=OFFICE.address, to=(CONTROL,))
    decision = judge(replace(order("[PARTYS]", "[HELD]"), outer=outer))
    assert objections(decision) == ["not understood", None]
    assert "Did you mean PARTIES?" in sections_of(decision)[0][1]["problem"]


# ---------------------------------------------------------------- age and order


def test_a_command_that_is_a_day_old_is_held() -> None:
    old = (signed_by(OFFICE.encrypt_to[0], NOW - timedelta(days=1, minutes=1)),)
    decision = give("[SUSPEND FR]", signatures=old)
    assert decision.held is not None
    assert decision.held.reason is Reason.STALE


@pytest.mark.parametrize(("later", "expected"), [(timedelta(seconds=1), None), (timedelta(), "outdated")])
def test_a_command_that_was_signed_before_the_last_one_comes_too_late(later: timedelta, expected: str | None) -> None:
    known = seeing(ordered={"suspension FR": NOW - later}, suspensions={"FR": suspension("FR")})
    assert objections(give("[RESUME FR]", known=known)) == [expected]


def test_what_is_acted_on_is_remembered_with_its_signature() -> None:
    (ordered,) = give("[SUSPEND FR]").ordered
    assert (ordered.object, ordered.signed_at) == ("suspension FR", NOW)
    assert give("[SUSPEND XX]").ordered == ()


@pytest.mark.parametrize(
    ("line", "suspensions", "remembered"),
    [
        ("[RESUME FR]", {}, True),
        ("[SUSPEND FR]", {"FR": suspension("FR")}, True),
        ("[RESUME FR]", {"FR": suspension("FR")}, True),
        ("[SUSPEND SEC]", {}, False),
    ],
)
def test_what_was_found_so_stands_as_well(line: str, suspensions: dict[str, Suspension], *, remembered: bool) -> None:
    """Else a server holds a SUSPEND back, lets the RESUME that was signed later through, and then delivers it."""
    assert bool(give(line, known=seeing(suspensions=suspensions)).ordered) is remembered


# ---------------------------------------------------------------- the journal


def test_every_command_is_a_row_that_says_who_asked() -> None:
    decision = give("[SUSPEND FR]", "[HELD]", "[RELEASE X]", sender=WATCH)
    assert [entry.event for entry in decision.entries] == [Event.SUSPENDED, Event.ANSWERED, Event.REFUSED]
    first, _, last = decision.entries
    assert first.party == "FR"
    assert first.facts["by"] == "operator ops@.example"
    assert first.facts["signer"] == fingerprint("ops")
    assert first.facts["command"] == "[SUSPEND FR]"
    assert (last.facts["why"], last.facts["command"]) == ("not understood", "")


# ---------------------------------------------------------------- machines


def test_headers_outside_cannot_bury_a_command() -> None:
    """But what they call a machine's mail is not answered (trust.md 15)."""
    decision = judge(order("[SUSPEND FR]", mail_class=MailClass.AUTOMATIC, answerable=False))
    assert (len(decision.suspended), decision.letters, decision.folder) == (1, (), Folder.DONE)


def test_a_machines_mail_gives_no_command() -> None:
    unsigned = mail(OFFICE, subject="", outer="[STATUS]", text="", mail_class=MailClass.AUTOMATIC, answerable=False)
    assert judge(unsigned).letters == ()
