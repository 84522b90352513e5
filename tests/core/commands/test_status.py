"""STATUS: of the network by right; of their own exchanges for those who take part, and nobody else's (trust.md 10)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailbot.core.parties import Address
from mailbot.core.records import Part, PartStage
from mailbot.core.situation import Situation
from tests.core.cast import DE, EU, FR, IT, NOW, exchange
from tests.core.commands.office import OFFICE, WATCH, give, held_mail, objections, row_of, said, seeing

ONE = seeing(exchanges={"2026-0041": exchange()})


@pytest.mark.parametrize("sender", [OFFICE, WATCH])
def test_the_network_is_shown_by_right(sender: Address) -> None:
    situation = Situation(NOW, NOW, exchanges=(exchange(),), open_exchanges=3, held=(held_mail(),), queued=2)
    name, words = said(give("[ÉTAT]", sender=sender, known=seeing(situation=situation)))
    assert (name, words["open"], words["held"], words["health"]["queued"]) == ("answer-status", 3, 1, 2)


@pytest.mark.parametrize("sender", [OFFICE, WATCH, FR.desks[0]])
def test_who_may_sees_every_part_of_an_exchange(sender: Address) -> None:
    decision = give("[STATUS 2026-0041]", sender=sender, known=ONE)
    name, words = said(decision)
    assert (name, [part["code"] for part in words["parts"]]) == ("answer-exchange", ["DE", "IT"])
    assert row_of(decision).reference == "2026-0041"


def test_a_target_sees_its_own_part_alone() -> None:
    _, words = said(give("[STATUS 2026-0041]", sender=IT.desks[0], known=ONE))
    assert (words["asker"]["code"], [part["code"] for part in words["parts"]]) == ("FR", ["IT"])


def test_nobody_is_told_of_what_was_not_passed_on_to_him() -> None:
    waiting = exchange(parts=(Part("DE", PartStage.WAITING),))
    known = seeing(exchanges={"2026-0041": waiting})
    assert objections(give("[STATUS 2026-0041]", sender=DE.desks[0], known=known)) == ["not yours"]


def test_the_answer_is_the_same_whether_an_exchange_exists_or_not() -> None:
    exists = give("[STATUS 2026-0041]", sender=EU.desks[0], known=ONE)
    does_not = give("[STATUS 2026-0041]", sender=EU.desks[0], known=seeing())
    assert exists.letters == does_not.letters
    assert exists.entries == does_not.entries


def test_a_desk_sees_what_it_asked_and_what_is_asked_of_it() -> None:
    asked = exchange(reference="2026-0040", asker="DE", parts=(Part("FR", PartStage.PASSED_ON, passed_on_at=NOW),))
    known = seeing(own=(exchange(), asked))
    name, words = said(give("[STATUS]", sender=FR.desks[0], known=known))
    assert name == "overview"
    assert [e["reference"] for e in words["asked"]] == ["2026-0041"]
    assert [e["reference"] for e in words["expected"]] == ["2026-0040"]


def test_a_desk_without_anything_open_is_told_so() -> None:
    assert said(give("[STATUS]", sender=FR.desks[0], known=seeing()))[1]["what"] == "nothing open"


def test_what_became_of_its_mails_is_shown_by_right_alone() -> None:
    answered = replace(exchange().parts[0], stage=PartStage.ANSWERED, answered_at=NOW - timedelta(minutes=1))
    known = seeing(exchanges={"2026-0041": exchange(parts=(answered,))})
    (part,) = said(give("[STATUS 2026-0041]", sender=FR.desks[0], known=known))[1]["parts"]
    assert (part["state"], part["at"], part["mails"]) == ("answered", NOW - timedelta(minutes=1), 0)
