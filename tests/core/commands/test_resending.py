"""RESEND: a part once more, by the asker or by right, from the mail as it is kept."""

from dataclasses import replace

import pytest

from mailbot.core.decision import Decision, Event, Known
from mailbot.core.mail import OpenedMail
from mailbot.core.parties import Address
from mailbot.core.records import Part, PartStage
from mailbot.core.sight import Closed, Reopened
from tests.core.cast import (
    DE,
    DIRECTORY,
    EU,
    FR,
    IT,
    KNOWN,
    NOW,
    exchange,
    fingerprint,
    intent_of,
    mail,
    network,
    readers_of,
)
from tests.core.commands.office import OFFICE, WATCH, give, objections, row_of, said, seeing

ORIGINAL = mail(digest="a" * 64)


def kept(opened: OpenedMail = ORIGINAL, known: Known = KNOWN, **changed: object) -> Known:
    """The exchange, and its author's mail."""
    again = Reopened(intent_of(opened, known), known)
    seen = seeing(exchanges={"2026-0041": exchange(**changed)}, reopened={"a" * 64: again})
    return replace(seen, network=known.network)


def resend(line: str = "[RESEND 2026-0041 DE]", sender: Address = FR.desks[0], known: Known | None = None) -> Decision:
    return give(line, sender=sender, known=known or kept())


@pytest.mark.parametrize("sender", [FR.desks[0], WATCH])
def test_the_asker_and_an_operator_send_it_again(sender: Address) -> None:
    decision = resend(sender=sender)
    assert readers_of(decision, "request") == {DE.desks[0].address, *(r.mailbox.address for r in DE.relays)}
    assert [(part["code"], part["state"]) for part in said(decision)[1]["parts"]] == [("DE", "passed on")]
    assert (row_of(decision).event, row_of(decision).reference) == (Event.RESENT, "2026-0041")
    assert [ordered.object for ordered in decision.ordered] == ["exchange 2026-0041"]


def test_an_answer_that_came_before_stays_one() -> None:
    answered = replace(exchange().parts[0], stage=PartStage.ANSWERED, answered_at=NOW)
    (changed,) = resend(known=kept(parts=(answered,))).exchanges
    assert changed.parts == (answered,)


def test_what_was_given_up_is_expected_again() -> None:
    (changed,) = resend(known=kept(parts=(Part("DE", PartStage.EXPIRED),))).exchanges
    assert changed.parts[0].stage is PartStage.PASSED_ON


@pytest.mark.parametrize("sender", [DE.desks[0], EU.desks[0], OFFICE])
def test_for_everybody_else_it_is_the_same_whether_it_exists_or_not(sender: Address) -> None:
    exists, does_not = resend(sender=sender), resend(sender=sender, known=seeing())
    assert objections(exists) == ["not yours"]
    assert (exists.letters, exists.entries) == (does_not.letters, does_not.entries)


def test_each_party_is_told_apart() -> None:
    of = network(DIRECTORY, fingerprint("deskIT"))
    known = kept(known=replace(KNOWN, network=of))
    decision = resend("[RENVOYER 2026-0041 DE,IT,EU,XX]", known=known)
    states = {part["code"]: part["state"] for part in said(decision)[1]["parts"]}
    assert states == {"DE": "passed on", "IT": "no certificate", "EU": "not asked", "XX": "unknown party"}
    assert len(decision.exchanges) == 1


def test_who_is_suspended_gets_nothing() -> None:
    of = network(DIRECTORY.suspending(frozenset({"DE"})))
    decision = resend(known=kept(known=replace(KNOWN, network=of)))
    assert (decision.exchanges, decision.ordered) == ((), ())
    assert row_of(decision).event is Event.REFUSED


def test_nothing_goes_out_that_its_authors_key_does_not_vouch_for_any_more() -> None:
    decision = resend(known=kept(mail(digest="a" * 64, signatures=())))
    assert said(decision)[1]["parts"][0]["state"] == "not vouched for"
    assert readers_of(decision, "request") == set()


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (seeing(exchanges={"2026-0041": exchange().close(NOW)}), "closed"),
        (seeing(exchanges={"2026-0041": exchange()}, reopened={"a" * 64: Closed.GONE}), "original not kept"),
        (seeing(exchanges={"2026-0041": exchange()}, reopened={"a" * 64: Closed.TOO_MUCH}), "too much"),
    ],
)
def test_what_cannot_be_sent_is_said(known: Known, expected: str) -> None:
    assert objections(resend(known=known)) == [expected]


def test_twice_in_one_mail_both_parts_move() -> None:
    parts = tuple(Part(p.code, PartStage.EXPIRED) for p in (DE, IT))
    decision = give("[RESEND 2026-0041 DE]", "[RESEND 2026-0041 IT]", sender=FR.desks[0], known=kept(parts=parts))
    (changed,) = decision.exchanges
    assert [part.stage for part in changed.parts] == [PartStage.PASSED_ON, PartStage.PASSED_ON]
