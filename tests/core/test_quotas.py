"""Quotas: used up, growing back, paid for by whoever vouched; what is over them is held and told once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.core.decision import Decision, Known
from mailbot.core.fairness import in_turns
from mailbot.core.mail import Content, OpenedMail
from mailbot.core.quotas import Quota, Quotas, Spending, Use
from mailbot.core.records import Question, Reason
from mailbot.core.tags import Tag, Word
from tests.core.cast import DE, IT, KNOWN, MOMENT, NETWORK, NOW, exchange, judge, mail, remembering

HOUR = timedelta(hours=1)
SMALL = Quotas(
    requests_per_hour=3,
    urgent_per_hour=2,
    all_per_day=1,
    answers_per_hour=2,
    volume_mib_per_day=1,
    letters_per_hour=2,
)
Memory = dict[Use, datetime]


def known(quotas: Quotas = SMALL, **changed: object) -> Known:
    return replace(KNOWN, network=replace(NETWORK, quotas=quotas), **changed)  # type: ignore[arg-type]


def remember(memory: Memory, decision: Decision, now: datetime = NOW) -> None:
    """What the store does."""
    for spending in decision.spent:
        memory[spending.use] = spending.whole_at(memory.get(spending.use), now)


def many(opened: OpenedMail, count: int, given_: Known, memory: Memory | None = None) -> list[Decision]:
    """The same mail again and again, at one moment."""
    memory = {} if memory is None else memory
    decisions = []
    for _ in range(count):
        decisions.append(judge(opened, replace(given_, spent=dict(memory))))
        remember(memory, decisions[-1])
    return decisions


def held_for(decisions: list[Decision]) -> list[Reason | None]:
    return [decision.held.reason if decision.held else None for decision in decisions]


# ---------------------------------------------------------------- one quota


@given(st.integers(1, 1000), st.integers(1, 100))
def test_so_many_fit_and_no_more(amount: int, periods: int) -> None:
    quota, whole_at = Quota(amount, HOUR * periods), None
    for _ in range(amount):
        assert quota.allows(1, whole_at, NOW)
        whole_at = _spent(quota, whole_at, NOW)
    assert not quota.allows(1, whole_at, NOW)
    assert quota.allows(1, whole_at, NOW + quota.period / amount)


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(1, 5)), max_size=60))
def test_never_more_than_twice_a_quota_in_its_period(steps: list[tuple[int, int]]) -> None:
    """Used up at once and growing back meanwhile: that is the most."""
    quota, whole_at, now, used = Quota(20, HOUR), None, NOW, list[tuple[datetime, int]]()
    for minutes, amount in steps:
        now += timedelta(minutes=minutes / 10)
        if quota.allows(amount, whole_at, now):
            whole_at = _spent(quota, whole_at, now, amount)
            used.append((now, amount))
    for at, _ in used:
        assert sum(amount for when, amount in used if at <= when < at + HOUR) <= 40


def test_what_is_more_than_all_of_it_is_never_allowed() -> None:
    assert not Quota(10, HOUR).allows(11, None, NOW)
    assert not Quota(10, HOUR).allows(10**15, None, NOW), "and no number is too large to say so"


def test_a_clock_that_was_wrong_does_not_lock_anybody_out() -> None:
    quota = Quota(2, HOUR)
    assert quota.allows(1, NOW + timedelta(days=400), NOW)
    assert _spent(quota, NOW + timedelta(days=400), NOW) == NOW + HOUR / 2


def _spent(quota: Quota, whole_at: datetime | None, now: datetime, amount: int = 1) -> datetime:
    return Spending("FR", Use.REQUESTS, quota.cost(amount), quota.period).whole_at(whole_at, now)


# ---------------------------------------------------------------- who pays for what


@pytest.mark.parametrize(
    ("tag", "passed"),
    [("[REQUEST DE] x", 3), ("[INFO DE] x", 3), ("[REQUEST DE urgent] x", 2), ("[INFO ALL] x", 1)],
)
def test_new_exchanges_have_quotas_and_those_to_all_and_urgent_ones_a_smaller_one(tag: str, passed: int) -> None:
    decisions = many(mail(subject=tag), 5, known())
    assert held_for(decisions) == [None] * passed + [Reason.OVER_QUOTA] * (5 - passed)
    assert all(decision.keep_original for decision in decisions)


def test_over_quota_is_told_once_an_hour() -> None:
    memory: Memory = {}
    decisions = many(mail(), 8, known(), memory)
    told = [decision for decision in decisions if decision.held and decision.letters]
    assert len(told) == 1
    assert [letter.words["reason"] for letter in told[0].letters] == ["over quota"]
    assert told[0].entries[0].facts["quota"] == "urgent"
    later = judge(mail(), replace(known(), spent=memory), replace(MOMENT, now=NOW + HOUR))
    assert later.held is None, "and an hour later all is well"


def test_answers_have_a_quota_of_their_own() -> None:
    answer = mail(IT.desks[0], subject="Re: [REPLY#2026-0041 IT>FR]")
    remembered = replace(remembering(exchange()), network=replace(NETWORK, quotas=SMALL))
    assert held_for(many(answer, 3, remembered)) == [None, None, Reason.OVER_QUOTA]


def test_recipients_times_octets() -> None:
    big = Content(b"x" * 400_000, signature=b"s")  # to four mailboxes: 1.6 MB
    over = judge(mail(content=big), known(Quotas(volume_mib_per_day=1)))
    assert over.held and over.held.reason is Reason.OVER_QUOTA
    assert over.entries[0].facts["quota"] == "volume"
    assert judge(mail(content=big), known(Quotas(volume_mib_per_day=2))).exchanges


def test_letters_that_say_no_are_limited_and_what_they_were_about_is_held() -> None:
    refused = many(mail(subject="[REQUEST XX]"), 4, known())
    assert [bool(decision.letters) for decision in refused] == [True, True, False, False]
    assert held_for(refused) == [None, None, Reason.OVER_QUOTA, Reason.OVER_QUOTA]
    bad = many(mail(subject="Hello"), 4, known())
    assert [bool(decision.letters) for decision in bad] == [True, True, False, False]
    assert held_for(bad) == [Reason.UNTAGGED] * 4


def test_questions_are_limited() -> None:
    asked = many(mail(subject="", outer="[REQUEST DE]"), 4, known())
    assert [bool(decision.question) for decision in asked] == [True, True, False, False]
    assert held_for(asked)[2:] == [Reason.OVER_QUOTA] * 2


def test_letters_about_replayed_mail_are_limited() -> None:
    again = many(mail(), 4, known(replayed=True))
    assert held_for(again) == [Reason.REPLAYED] * 4
    assert [bool(decision.letters) for decision in again] == [True, True, False, False]


def test_forged_mail_costs_the_party_nothing() -> None:
    assert all(decision.spent == () for decision in many(mail(signatures=()), 5, known()))


def test_a_relay_does_not_use_up_its_desks_quota() -> None:
    answer = mail(DE.relays[0].mailbox, subject="Re: [REPLY#2026-0041 DE>FR]")
    (spent, *_) = judge(answer, remembering(exchange())).spent
    assert spent.account == "bka@de.example"
    (spent, *_) = judge(mail(DE.desks[0], subject="Re: [REPLY#2026-0041 DE>FR]"), remembering(exchange())).spent
    assert spent.account == "DE"


def test_a_confirmed_mail_is_paid_for_together_with_the_yes() -> None:
    question = Question("7K3Q-9F2M-XR4T", "e" * 64, "FR", Tag(Word.REQUEST, targets=("IT",)), NOW)
    yes = judge(mail(subject="", text="[CONFIRM#7K3Q-9F2M-XR4T]\n"), known(question=question))
    later = judge(mail(), known())
    both = yes.with_rejudged("e" * 64, later)
    assert {spending.use for spending in both.spent} >= {Use.ANSWERS, Use.REQUESTS}


def test_whose_turn_a_letter_goes_out_in() -> None:
    assert judge(mail(), known()).lane == "FR"
    assert judge(mail(signatures=()), known()).lane == ""
    assert Decision(exchanges=(exchange(),)).lane == "FR", "a reminder: the asker's"


# ---------------------------------------------------------------- turns


@given(st.dictionaries(st.integers(1, 10_000), st.sampled_from(["FR", "DE", "IT", ""]), max_size=200))
def test_everybody_comes_within_as_many_turns_as_there_are_senders(waiting: Mapping[int, str]) -> None:
    order = in_turns(waiting)
    assert sorted(order) == sorted(waiting)
    for lane in set(waiting.values()):
        mine = [place for place, number in enumerate(order) if waiting[number] == lane]
        numbers = [order[place] for place in mine]
        assert numbers == sorted(numbers), "of one sender the oldest first"
        for rank, place in enumerate(mine):
            assert place < (rank + 1) * len(set(waiting.values()))


def test_ten_thousand_requests_of_one_delay_each_of_the_others_by_one_turn() -> None:
    waiting = dict.fromkeys(range(10_000), "FR") | {10_000 + n: code for n, code in enumerate(("DE", "IT", "EU"))}
    assert in_turns(waiting)[:4] == [0, 10_000, 10_001, 10_002]
