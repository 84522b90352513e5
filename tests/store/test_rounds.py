"""Ping rounds in the database: what is written comes back, and a mail leads to the probe that it answers."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from mailbot.core.decision import Decision, Intent
from mailbot.core.mail import Refused, Sent
from mailbot.core.postings import Report, Reported
from mailbot.core.records import Assurance
from mailbot.core.rounds.records import (
    Answer,
    Challenge,
    Copy,
    Hint,
    Obstacle,
    Probe,
    ProbeStage,
    Round,
    RoundStage,
    Trail,
)
from mailbot.core.tags import Tag, Word
from mailbot.store import schema
from mailbot.store.engine import Clash, reading
from mailbot.store.memory import Memory
from mailbot.store.outbox import Outbox
from tests.store.samples import NOW, intent, network, opened, outgoing

TOKENS = {"FR": ("AAAA-AAAA-AAA1", "AAAA-AAAA-AAA2"), "DE": ("BBBB-BBBB-BBB1", "BBBB-BBBB-BBB2")}
WORD = "C-7K3Q9-F2MXR"


def probe(party: str, number: int = 1, **changed: object) -> Probe:
    token, backup = (f"{number % 10}{text[1:]}" for text in TOKENS[party])
    made = Probe(
        number,
        party,
        token,
        backup,
        ProbeStage.SENT,
        due_at=NOW,
        deadline=NOW + timedelta(hours=4),
        time_zone="Europe/Paris",
        certified=party == "FR",
        sent_at=NOW,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def round_of(number: int = 1, **changed: object) -> Round:
    probes = (probe("FR", number), probe("DE", number))
    made = Round(number, NOW, NOW + timedelta(hours=4), "SEC", probes, to_all=True, language="fr")
    return replace(made, **changed)  # type: ignore[arg-type]


ANSWER = Answer(NOW, Assurance.SIGNED, encrypted=True, challenge_quoted=True, copy=Copy.BACKUP, sender="x@y.example")


def record(memory: Memory, round_: Round | None = None, *challenges: Challenge) -> Round:
    """A round as the database has it afterwards."""
    round_ = round_ or round_of()
    memory.record(None, Decision(rounds=(round_,), challenges=challenges), [], NOW)
    return stored(memory, round_.number)


def stored(memory: Memory, number: int = 1) -> Round:
    found = memory.rounds.numbered(number)
    assert found
    return found


def as_new(round_: Round) -> Round:
    return replace(round_, version=0, probes=tuple(replace(p, version=0) for p in round_.probes))


# ---------------------------------------------------------------- there and back


def test_a_round_comes_back_as_it_was_written(memory: Memory) -> None:
    rich = probe(
        "FR",
        stage=ProbeStage.REACHED,
        reminded_at=NOW,
        backed_up_at=NOW,
        answered_at=NOW,
        reached_at=NOW,
        answer=replace(ANSWER, signer="F" * 40),
        automatic_at=NOW,
        returns_on="2026-12-01",
        opened_at=NOW,
    )
    hindered = probe("DE", stage=ProbeStage.UNSENT, obstacle=Obstacle.SUSPENDED, sent_at=None)
    made = round_of(probes=(rich, hindered), urgent=True, share=True, closed_at=NOW, shared_at=NOW)
    assert as_new(record(memory, made)) == made


def test_probes_come_in_the_order_of_the_round(memory: Memory) -> None:
    assert [p.party for p in record(memory).probes] == ["FR", "DE"]


def test_a_changed_probe_is_written_alone(memory: Memory) -> None:
    france, germany = record(memory).probes
    memory.record(None, Decision(probes=(france.answered(ANSWER),)), [], NOW)
    after = stored(memory).probes
    assert after[0].answer == ANSWER
    assert after[1] == germany


def test_two_that_change_the_same_probe_clash(memory: Memory) -> None:
    france = record(memory).probes[0]
    memory.record(None, Decision(probes=(france.answered(ANSWER),)), [], NOW)
    with pytest.raises(Clash):
        memory.record(None, Decision(probes=(replace(france, opened_at=NOW),)), [], NOW)
    assert stored(memory).probes[0].opened_at is None


def test_two_that_start_the_same_round_clash(memory: Memory) -> None:
    record(memory)
    with pytest.raises(Clash):
        record(memory)


def test_two_that_close_the_same_round_clash(memory: Memory) -> None:
    begun = record(memory)
    closed = replace(begun, stage=RoundStage.CLOSED, closed_at=NOW)
    memory.record(None, Decision(rounds=(closed,)), [], NOW)
    with pytest.raises(Clash):
        memory.record(None, Decision(rounds=(closed,)), [], NOW)
    assert memory.rounds.running() == ()


def test_of_a_challenge_only_a_hash_is_kept(memory: Memory, engine: Engine) -> None:
    record(memory, None, Challenge(WORD, 1, "FR", "desk@fr.example", Copy.DESK))
    with reading(engine) as connection:
        (row,) = connection.execute(select(schema.challenges)).all()
    assert WORD not in str(row) and WORD[2:7] not in str(row)


# ---------------------------------------------------------------- looking back


def test_rounds_by_number_and_time(memory: Memory) -> None:
    for number in (1, 2, 3):
        started = NOW + timedelta(days=number)
        record(memory, round_of(number, started_at=started))
    rounds = memory.rounds
    assert [r.number for r in rounds.latest(2)] == [3, 2]
    assert [r.number for r in rounds.latest(5, before=3)] == [2, 1]
    assert [r.number for r in rounds.running()] == [1, 2, 3]
    assert [r.number for r in rounds.history(NOW + timedelta(days=2), NOW + timedelta(days=3))] == [2]
    assert rounds.numbered(9) is None
    assert all(len(r.probes) == 2 for r in rounds.latest(3))


def test_what_a_new_round_needs_of_the_past(memory: Memory) -> None:
    assert memory.rounds.past().next_number == 1
    record(memory, round_of(1, probes=(probe("FR", due_at=NOW), probe("DE", stage=ProbeStage.UNSENT, sent_at=None))))
    record(memory, round_of(2, stage=RoundStage.CLOSED, probes=(probe("FR", 2, sent_at=NOW + timedelta(days=1)),)))
    past = memory.rounds.past()
    assert (past.next_number, past.running, past.certified) == (3, ("P-1",), frozenset({"FR"}))
    assert past.asked_at == {"FR": NOW + timedelta(days=1)}, "who was left out was not asked"


# ---------------------------------------------------------------- which probe a mail is about


def trails(memory: Memory, mail: Intent) -> list[tuple[Hint, str, Copy]]:
    found: tuple[Trail, ...] = memory.recall(mail, network()).trails
    return [(trail.hint, trail.probe.party, trail.copy) for trail in found]


@pytest.fixture
def begun(memory: Memory) -> Memory:
    """A round under way, with a copy for each of France's desk and backup, and something else to France."""
    desk = outgoing(purpose="probe", reference="P-1", party="FR", letter="probe", message_id="<desk@h>", tracking="d")
    night = replace(desk, letter="probe-backup", message_id="<night@h>", tracking="n")
    other = replace(desk, purpose="receipt", letter="probe-receipt", message_id="<receipt@h>", tracking="r")
    challenge = Challenge(WORD, 1, "FR", "night@fr.example", Copy.BACKUP)
    memory.record(None, Decision(rounds=(round_of(),), challenges=(challenge,)), [desk, night, other], NOW)
    return memory


def test_by_challenge_token_thread_and_return_path_the_surest_first(begun: Memory) -> None:
    mail = intent(
        opened(references=("<desk@h>",)),
        tag=Tag(Word.PING, token=probe("DE").token),
        challenges=(WORD,),
        returned_to="n",
    )
    assert trails(begun, mail) == [
        (Hint.CHALLENGE, "FR", Copy.BACKUP),
        (Hint.TOKEN, "DE", Copy.DESK),
        (Hint.THREAD, "FR", Copy.DESK),
        (Hint.RETURN_PATH, "FR", Copy.BACKUP),
    ]


def test_a_token_wherever_it_stands(begun: Memory) -> None:
    token, backup = probe("FR").token, probe("FR").backup_token
    outer = replace(opened().outer, subject=f"Re: your mail {token}")
    assert trails(begun, intent(tokens=(token,))) == [(Hint.TOKEN, "FR", Copy.DESK)]
    assert trails(begun, intent(outer_tag=Tag(Word.PING, token=backup))) == [(Hint.TOKEN, "FR", Copy.BACKUP)]
    assert trails(begun, intent(replace(opened(), outer=outer))) == [(Hint.TOKEN, "FR", Copy.DESK)]


def test_a_read_receipt_names_the_mail_it_is_about(begun: Memory) -> None:
    assert trails(begun, intent(replace(opened(), about="<night@h>"))) == [(Hint.THREAD, "FR", Copy.BACKUP)]


def test_what_leads_nowhere(begun: Memory) -> None:
    lost = intent(
        opened(references=("<receipt@h>", "<x@y>")), challenges=("C-00000-00000",), tokens=("0000-0000-0000",)
    )
    assert trails(begun, lost) == []
    assert trails(begun, intent()) == []


def test_a_probe_that_was_not_sent_yet_is_not_answered(memory: Memory) -> None:
    record(memory, round_of(probes=(probe("FR", stage=ProbeStage.PLANNED),)))
    assert trails(memory, intent(tokens=(probe("FR").token,))) == []


# ---------------------------------------------------------------- what did not get there


def test_failures_come_with_the_other_copies_of_the_party_until_they_are_dealt_with(
    begun: Memory, outbox: Outbox
) -> None:
    round_ = stored(begun)
    assert begun.rounds.failures(round_) == {}
    taken = outbox.claim(NOW)
    first = next(queued for queued in taken if queued.mail.letter == "probe")
    outbox.settle(*((queued, Refused("5.1.1") if queued is first else Sent(), NOW) for queued in taken))
    found = begun.rounds.failures(round_)
    assert {p.letter for p in found["FR"]} == {"probe", "probe-backup"}
    begun.record(None, Decision(followed_up=(first.id,)), [], NOW)
    assert begun.rounds.failures(round_) == {}


def test_a_believed_report_is_a_failure(begun: Memory, outbox: Outbox) -> None:
    first = outbox.postings("P-1")[0]
    begun.record(None, Decision(reports=(Reported(first.id, Report.UNDELIVERABLE, "5.1.1"),)), [], NOW)
    assert set(begun.rounds.failures(stored(begun))) == {"FR"}
