"""Commands, operators, pings: only who has the right is obeyed, nobody's assurance is raised, reached means reached."""

import re
import time

import pytest
from click.testing import CliRunner

from mailbot.cli import mailbot
from mailbot.core.records import HeldState, Reason
from mailbot.core.rounds.records import Probe, ProbeStage
from mailbot.playground.composing import Form, Subjects
from tests.attacks.arena import Arena
from tests.attacks.attack import attack
from tests.attacks.forging import hand, header, sealed, words
from tests.stories.world import CONTROL

FRANCE = "desk@fr.example"
WORDS = "Where is he?"


@pytest.fixture(autouse=True)
def _ten_minutes_later(arena: Arena) -> None:
    arena.forget_notices()


def suspended(arena: Arena, code: str) -> bool:
    party = arena.robot.memory.as_suspended(arena.robot.network).directory.party(code)
    assert party
    return party.suspended


def command(arena: Arena, login: str, line: str, **how: object) -> bytes:
    return arena.person(login).write(line, "", **how)  # type: ignore[arg-type]


# ---------------------------------------------------------------- who may command


@attack("1", "held: a command that nobody signed is nobody's, whatever address it comes from")
@pytest.mark.parametrize("form", [Form.PLAIN, Form.ENCRYPTED])
def test_an_unsigned_command(form: Form, arena: Arena) -> None:
    seen = arena.play(command(arena, "sec", "[SUSPEND FR]", form=form), sender="secretariat@network.example")
    assert seen.reasons == [Reason.NOT_SIGNED]
    assert not suspended(arena, "FR")


@attack("1", "not obeyed: the outer subject commands nothing; the answer is the line to paste")
def test_a_command_in_the_outer_subject_of_signed_mail(arena: Arena) -> None:
    octets = arena.person("sec").write("Hello", "Good morning\n", subjects=Subjects.OUTSIDE)
    seen = arena.play(octets.replace(b"Subject: Hello", b"Subject: [SUSPEND FR]"))
    assert not suspended(arena, "FR")
    assert "[SUSPEND FR]" in seen.only("sec").cover


@attack("13", "not obeyed: who has no right commands nothing")
@pytest.mark.parametrize("who", ["es", "fr-ministry"])
def test_commands_of_somebody_without_the_right(who: str, arena: Arena) -> None:
    lines = ("[SUSPEND FR]", "[PING ALL]", "[HELD]", "[RELEASE H-1]", "[DIGEST]", "[PARTIES]", "[KEY FR 0123456789]")
    seen = arena.play(*(command(arena, who, line) for line in lines))
    assert seen.reached <= {who}
    assert not suspended(arena, "FR")
    assert arena.robot.memory.rounds.latest(1) == ()


@attack("5", "held: a command acts once")
def test_a_command_repeated(arena: Arena) -> None:
    order = command(arena, "sec", "[SUSPEND FR]")
    arena.play(order)
    assert suspended(arena, "FR")
    time.sleep(1.1)  # OpenPGP counts in seconds, and of two commands of one second none is the later one
    arena.play(command(arena, "sec", "[RESUME FR]"))
    seen = arena.play(order.replace(b"Message-ID: <", b"Message-ID: <again."))
    assert seen.reasons == [Reason.REPLAYED]
    assert not suspended(arena, "FR")


@attack("17", "not obeyed: a command that was held back is older than what was done since")
def test_a_command_held_back(arena: Arena) -> None:
    arena.play(command(arena, "sec", "[SUSPEND FR]"))
    withheld = command(arena, "sec", "[SUSPEND FR]")
    time.sleep(1.1)
    arena.play(command(arena, "sec", "[RESUME FR]"))
    arena.play(withheld)
    assert not suspended(arena, "FR")


@attack("10", "only the asker closes, only the asker has something sent again")
def test_closing_and_resending_somebody_elses_exchange(arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write("[REQUEST DE] x", WORDS))
    [reference] = [row.reference for row in seen.rows if row.event == "exchange opened"]
    after = arena.play(
        arena.person("de").write(f"[CLOSE#{reference}]", ""),
        arena.person("es").write(f"[CLOSE#{reference}]", ""),
        arena.person("es").write(f"[RESEND {reference} DE]", ""),
        arena.person("de").write(f"[RESEND {reference} ES]", ""),
    )
    exchange = arena.robot.memory.exchange(reference or "")
    assert exchange
    assert exchange.closed_at is None
    assert after.readers(WORDS) == set()


@attack("10", "the same answer whether the exchange exists or not")
def test_fishing_by_status(arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write("[REQUEST DE] x", WORDS))
    [reference] = [row.reference for row in seen.rows if row.event == "exchange opened"]
    answers = []
    for number in (reference or "", "2026-9999"):
        cover = arena.play(command(arena, "es", f"[STATUS {number}]")).only("es").cover
        cover = cover.partition("Journal")[0].replace(number, "NUMBER")
        answers.append(re.sub(r"\d\d:\d\d UTC", "", cover))
    assert answers[0] == answers[1]


# ---------------------------------------------------------------- trust.md 13


def forged(arena: Arena) -> str:
    """A mail that a stranger signed, with France in From; its label."""
    octets = sealed(hand(arena.person("stranger")), words(WORDS, subject="[REQUEST IT] Geheim"), arena.hub, FRANCE)
    return arena.play(octets).held[0].label


@attack("13", "still held: releasing judges the mail again, and raises nobody's assurance")
@pytest.mark.parametrize("who", ["ops", "sec"])
def test_an_operator_who_releases_a_forged_mail(who: str, arena: Arena) -> None:
    label = forged(arena)
    seen = arena.play(command(arena, who, f"[RELEASE {label}]"))
    assert seen.readers(WORDS) == set()
    assert seen.reached == {who}
    mail = arena.robot.memory.held_mail(int(label[2:]))
    assert mail
    assert (mail.state, mail.reason) == (HeldState.WAITING, Reason.UNKNOWN_SIGNER)


@attack("13", "no subject, no text; --raw gives the mail as it came, still encrypted")
def test_an_operator_who_looks_at_held_mail(arena: Arena) -> None:
    label = forged(arena)
    config = ("--config", str(arena.world.config))
    shown = CliRunner().invoke(mailbot, ["held", "show", label, *config], standalone_mode=False).output
    raw = CliRunner().invoke(mailbot, ["held", "show", label, "--raw", *config], standalone_mode=False).output
    listed = arena.play(command(arena, "ops", "[HELD]")).only("ops").cover
    assert label in shown
    assert "BEGIN PGP MESSAGE" in raw
    for secret in (WORDS, "Geheim"):
        assert secret not in shown + raw + listed


@attack("13", "nothing of what was written: an operator reads numbers, codes and reasons")
def test_an_operator_who_asks_for_everything(arena: Arena) -> None:
    arena.play(arena.person("fr").write("[REQUEST DE,IT] Geheim", WORDS))
    lines = ("[STATUS]", "[STATUS 2026-0001]", "[DIGEST]", "[HELD]", "[PARTIES]", "[REPORT 2026-01-01..2026-12-31]")
    seen = arena.play(*(command(arena, "ops", line) for line in lines))
    assert len(seen.got["ops"]) >= len(lines) - 1
    assert seen.readers(WORDS) == seen.readers("Geheim") == set()


@attack("13", "refused: an operator belongs to no party and writes no network mail")
def test_an_operator_who_speaks_for_a_party(arena: Arena) -> None:
    seen = arena.play(
        arena.person("ops").write("[REQUEST DE] x", WORDS),
        sealed(hand(arena.person("ops")), words(WORDS, subject="[REQUEST DE] x"), arena.hub, FRANCE),
    )
    assert sorted(seen.reasons) == sorted([Reason.NOT_ALLOWED, Reason.NOT_THE_SENDER])
    assert seen.readers(WORDS) == set()


# ---------------------------------------------------------------- a stolen mailbox


@attack("4", "held: whoever has Germany's mailbox but not its key says nothing in its name")
def test_a_stolen_mailbox(arena: Arena) -> None:
    request = arena.play(arena.person("fr").write("[REQUEST DE] x", WORDS)).got["de"][0]
    thief = header("desk@de.example", f"Re: {request.outer_subject}", f"In-Reply-To: {request.message_id}")
    seen = arena.play(thief + words("We know nothing of him"), sender="desk@de.example")
    assert seen.readers("We know nothing") == set()
    assert seen.reasons == [Reason.NOT_SIGNED]


# ---------------------------------------------------------------- trust.md 9


@pytest.fixture(scope="module")
def ping(arena: Arena) -> dict[str, str]:
    """A round to Germany and Italy: code -> token."""
    seen = arena.play(command(arena, "sec", "[PING DE,IT]"))
    tokens = {code: seen.got[login][0].outer_subject for code, login in (("DE", "de"), ("IT", "it"))}
    return {code: re.sub(r".*#([0-9A-Z-]+)\].*", r"\1", subject) for code, subject in tokens.items()}


def probe(arena: Arena, code: str) -> Probe:
    [round_] = arena.robot.memory.rounds.latest(1)
    return next(probe for probe in round_.probes if probe.party == code)


@attack("9", "unconfirmed, in a column of its own: address and token prove nothing for a party that has a key")
def test_a_ping_answered_by_whoever_reads_the_mailbox(arena: Arena, ping: dict[str, str]) -> None:
    arena.play(header("desk@de.example", f"Re: [PING#{ping['DE']}]") + words("Here we are"), sender="desk@de.example")
    assert probe(arena, "DE").stage is ProbeStage.UNCONFIRMED


@attack("9", "not counted: another party's token proves nothing, signed or not")
def test_a_ping_answered_with_another_partys_token(arena: Arena, ping: dict[str, str]) -> None:
    arena.play(arena.person("es").write(f"Re: [PING#{ping['IT']}]", "Here we are"))
    assert probe(arena, "IT").stage is ProbeStage.SENT


@attack("9", "nobody: an automatic reply is noted, however it is signed")
def test_a_ping_answered_by_a_vacation_program(arena: Arena, ping: dict[str, str]) -> None:
    reply = header("desk@it.example", f"Automatic reply: [PING#{ping['IT']}]", "Auto-Submitted: auto-replied")
    arena.play(reply + words("I am out of office until Monday"))
    assert probe(arena, "IT").stage is ProbeStage.SENT


@attack("9", "a later, surer answer upgrades: signed by Germany, it is reached")
def test_the_true_desk_after_the_thief(arena: Arena, ping: dict[str, str]) -> None:
    arena.play(arena.person("de").write(f"Re: [PING#{ping['DE']}]", "Here we are"))
    assert probe(arena, "DE").stage is ProbeStage.REACHED


@attack("6", "each probe has a token of its own, and names no other party")
def test_a_party_that_compares_probes(arena: Arena, ping: dict[str, str]) -> None:
    assert ping["DE"] != ping["IT"]
    assert CONTROL
