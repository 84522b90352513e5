"""What needs a person: each thing by itself, and nothing on a quiet day."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailbot.core.certificates import Flaw
from mailbot.core.decision import Network
from mailbot.core.needs import STUCK, What, needs
from mailbot.core.records import Cause, HeldMail, HeldState, Part, PartStage, Reason
from mailbot.core.rounds.records import RoundStage
from mailbot.core.situation import Situation, unreached
from mailbot.core.troubles import Alarm, Ringing
from mailbot.core.validity import EXPIRY_WARNING, ROBOT, endings
from mailbot.mail import showcase
from tests.core.cast import DIRECTORY, NOW, certificate, exchange, fingerprint, network

QUIET = Situation(at=NOW, since=NOW - timedelta(days=1))
ROBOT_KEY = "0" * 40


def whats(situation: Situation, of: Network | None = None) -> list[What]:
    return [need.what for need in needs(situation, of or network())]


def held(state: HeldState = HeldState.WAITING, days: int = 0) -> HeldMail:
    return HeldMail(12, "d" * 64, Reason.NOT_SIGNED, state, NOW - timedelta(days=days), "x@fr.example", "FR", 99)


def test_a_quiet_day_needs_nobody() -> None:
    assert whats(QUIET) == []
    assert needs(*showcase.calm()) == ()


LATE = exchange(deadline=NOW - timedelta(hours=3))
WAITING = exchange(parts=(Part("DE", PartStage.WAITING, Cause.NO_CERTIFICATE),))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"exchanges": (LATE,)}, [What.OVERDUE]),
        ({"exchanges": (exchange(deadline=NOW + timedelta(minutes=1)),)}, []),
        ({"exchanges": (WAITING,)}, [What.WAITING]),
        ({"held": (held(),)}, [What.HELD]),
        ({"held": (held(HeldState.ASKED),)}, []),
        ({"held": (held(HeldState.ASKED, days=84),)}, [What.LEAVING]),
        ({"held": (held(days=84),)}, [What.HELD, What.LEAVING]),
        ({"held": (held(days=82),)}, [What.HELD]),
        ({"journal_broken": 812}, [What.JOURNAL]),
        ({"clock_doubted": True}, [What.CLOCK]),
        ({"ringing": (Ringing(Alarm.SERVER, "", NOW),)}, [What.SERVER]),
        ({"ringing": (Ringing(Alarm.SERVER, "", NOW, over_at=NOW),)}, []),
        ({"queued": 3, "oldest": NOW - STUCK}, [What.OUTBOX]),
        ({"queued": 3, "oldest": NOW - STUCK + timedelta(seconds=1)}, []),
    ],
)
def test_each_thing_that_somebody_must_do_something_about(changed: dict[str, object], expected: list[What]) -> None:
    assert whats(replace(QUIET, **changed)) == expected  # type: ignore[arg-type]


def test_the_most_urgent_comes_first() -> None:
    found = whats(*showcase.busy())
    assert found == sorted(found, key=list(What).index)
    assert found[0] is What.OVERDUE


# ---------------------------------------------------------------- certificates


def with_certificate(name: str, **changed: object) -> Network:
    found, whose = network(), fingerprint(name)
    changed_one = replace(certificate(whose), **changed)  # type: ignore[arg-type]
    return replace(found, certificates={**found.certificates, whose: changed_one})


@pytest.mark.parametrize(("days", "expected"), [(-1, [What.KEYS]), (7, [What.KEYS]), (8, []), (61, [])])
def test_a_partys_certificate_calls_for_somebody_in_its_last_week(days: int, expected: list[What]) -> None:
    assert whats(QUIET, with_certificate("deskDE", expires=NOW + timedelta(days=days))) == expected


def test_the_robots_own_certificate_calls_for_somebody_two_months_before() -> None:
    found = network()
    soon = replace(certificate(ROBOT_KEY), expires=NOW + timedelta(days=59))
    assert whats(QUIET, replace(found, certificates={**found.certificates, ROBOT_KEY: soon})) == [What.ROBOT_KEY]


def test_endings_name_what_cannot_be_used_before_what_ends() -> None:
    of = with_certificate("deskDE", expires=NOW + timedelta(days=40))
    of = replace(of, certificates={f: c for f, c in of.certificates.items() if f != fingerprint("deskIT")})
    assert [(e.whose, e.flaw) for e in endings(of, NOW)] == [("IT", Flaw.MISSING), ("DE", None)]
    assert endings(network(), NOW) == ()


def test_a_certificate_that_only_signs_need_not_encrypt() -> None:
    party = replace(DIRECTORY.parties["DE"], signers=frozenset({fingerprint("deskDE"), fingerprint("officer")}))
    of = network(replace(DIRECTORY, parties={**DIRECTORY.parties, "DE": party}))
    signs = replace(certificate(fingerprint("officer")), can_encrypt=False)
    of = replace(of, certificates={**of.certificates, signs.fingerprint: signs})
    assert endings(of, NOW) == ()


def test_a_struck_out_certificate_is_named() -> None:
    struck = replace(DIRECTORY, struck_out=frozenset({fingerprint("deskDE")}))
    assert [e.flaw for e in endings(network(struck), NOW)] == [Flaw.STRUCK_OUT]


def test_the_robot_is_among_the_endings_under_its_own_name() -> None:
    found = network()
    ends = replace(certificate(ROBOT_KEY), expires=NOW + EXPIRY_WARNING)
    assert [e.whose for e in endings(replace(found, certificates={ROBOT_KEY: ends, **found.certificates}), NOW)] == [
        ROBOT
    ]


# ---------------------------------------------------------------- pings


def test_who_was_not_reached_is_named_for_a_week_unless_he_answers_late() -> None:
    situation, of = showcase.busy()
    last = situation.rounds[-1]
    alone = replace(situation, exchanges=(), held=(), failures=(), rounds=(last,))
    (need,) = [need for need in needs(alone, of) if need.what is What.UNREACHED]
    assert set(need.parties) == {probe.party for probe in last.probes if probe.reached_at is None}
    assert need.parties == unreached(last)
    later = replace(alone, at=alone.at + timedelta(days=8))
    assert What.UNREACHED not in whats(later, of)
    running = replace(last, stage=RoundStage.RUNNING, closed_at=None)
    assert What.UNREACHED not in whats(replace(alone, rounds=(running,)), of)
    answered = replace(last, probes=tuple(replace(p, reached_at=p.reached_at or alone.at) for p in last.probes))
    assert What.UNREACHED not in whats(replace(alone, rounds=(answered,)), of)
