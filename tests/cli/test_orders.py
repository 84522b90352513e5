"""What an operator does at the shell: the same acts as by mail, asked for first, journalled, beside a robot at work."""

import json
import os
import pwd
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mailbot import cli
from mailbot.cli.faults import Exit
from mailbot.config import load
from mailbot.core.commands import COMMANDS
from mailbot.core.commands.command import Command, Order, Outcome
from mailbot.core.records import HeldState
from mailbot.core.tags import Tag, Word
from mailbot.playground.composing import Form
from mailbot.playground.stage import Stage, robot_at_work, set_up
from mailbot.wiring import Robot
from mailbot.workers.ordering import Counter
from tests.cli.test_commands import Said

Call = Callable[..., Said]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """FR has asked DE and IT; an unsigned mail of ES is held (H-1)."""
    with set_up() as stage:
        stage.post("fr", stage.people["fr"].write("[REQUEST DE,IT urgent]", "Where is he?\n"))
        stage.post("es", stage.people["es"].write("[INFO FR]", "Eh?\n", form=Form.ENCRYPTED))
        once(stage)
        yield stage


def once(stage: Stage) -> None:
    with Robot(load(stage.config)) as robot:
        assert robot.once().queued == 0


@pytest.fixture
def call(stage: Stage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Call a command with the playground's configuration; nobody is there to be asked."""

    def called(*args: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["mailbot", *args, "-c", str(stage.config)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return called


def ids(said: Said) -> list[str]:
    return [problem["id"] for problem in said.json["problems"]]


def rows(call: Call, event: str) -> list[dict[str, Any]]:
    found = map(json.loads, call("journal", "export").out.splitlines())
    return [row for row in found if row["event"] == event]


def folders(stage: Stage) -> dict[str, int]:
    with Robot(load(stage.config)) as robot, robot.mailbox():
        return {name: len(stage.store.mails("robot", name)) for name in ("Held", "Dropped")}


# ---------------------------------------------------------------- asking first


@pytest.mark.parametrize(
    "command",
    [
        "held release H-1",
        "held drop H-1",
        "exchanges close 2026-0001",
        "exchanges resend 2026-0001 DE",
        "parties suspend DE",
    ],
)
def test_nothing_is_done_that_nobody_has_said_yes_to(call: Call, command: str) -> None:
    said = call(*command.split(), "--json")
    assert (said.code, ids(said)) == (Exit.USAGE, ["confirm.missing"])


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("held drop H-1", "H-1 is DROPPED"),
        ("held release H-1", "STILL HELD: not signed"),
        ("exchanges close REFERENCE", "is CLOSED. 3 parties are told"),
        ("exchanges resend REFERENCE DE,IT", "Italy (IT): sent again"),
    ],
)
def test_a_dry_run_shows_what_would_come_of_it(call: Call, command: str, said: str) -> None:
    before = call("journal", "verify", "--json").json["data"]["row"]
    shown = call(*command.replace("REFERENCE", reference(call)).split(), "--dry-run")
    assert said in shown.out + shown.err
    assert "Nothing was changed." in shown.out + shown.err
    assert call("journal", "verify", "--json").json["data"]["row"] == before


def reference(call: Call) -> str:
    (first,) = call("exchanges", "list", "--json").json["data"][-1:]
    return str(first["reference"])


# ---------------------------------------------------------------- what cannot be done


@pytest.mark.parametrize(
    ("command", "code", "problem"),
    [
        ("held release H-1 --yes", Exit.FINDING, "order.still-held"),
        ("held release H-99 --yes", Exit.FINDING, "order.unknown-held"),
        ("held release nonsense --yes", Exit.USAGE, "order.not-understood"),
        ("exchanges close 1999-0001 --yes", Exit.FINDING, "order.not-yours"),
        ("exchanges close nonsense --yes", Exit.USAGE, "order.not-understood"),
        ("exchanges resend 1999-0001 DE --yes", Exit.FINDING, "order.not-yours"),
        ("parties suspend XX --yes", Exit.FINDING, "order.unknown-party"),
        ("parties suspend SEC --yes", Exit.FINDING, "order.secretariat"),
        ("parties resume DE", Exit.FINDING, "order.not-suspended"),
        ("parties show XX", Exit.FINDING, "parties.unknown"),
    ],
)
def test_what_cannot_be_done_is_a_finding_with_a_hint(call: Call, command: str, code: Exit, problem: str) -> None:
    said = call(*command.split(), "--json")
    assert (said.code, ids(said)) == (code, [problem])
    assert said.json["problems"][0]["hint"]


# ---------------------------------------------------------------- the acts


def test_the_parties_are_listed_and_shown(call: Call, stage: Stage) -> None:
    listed = call("parties", "list", "--json").json["data"]
    assert [row["code"] for row in listed] == ["DE", "ES", "EU", "FR", "IT", "SEC"]
    shown = call("parties", "show", "fr", "--json").json["data"]
    assert [m["address"] for m in shown["mailboxes"]] == ["desk@fr.example", "veille@interieur.fr.example"]
    assert shown["signers"][0]["fingerprint"] == stage.people["fr"].key.fingerprint
    assert call("parties", "show", "FR").out.splitlines()


def test_suspended_resumed_released_dropped(call: Call, stage: Stage) -> None:
    login = pwd.getpwuid(os.getuid()).pw_name
    said = call("parties", "suspend", "it", "--yes")
    assert (said.code, "Italy (IT) is SUSPENDED" in said.out) == (Exit.FINE, True)
    assert call("status", "--json").json["data"]["suspended"] == ["IT"]
    (row,) = rows(call, "party suspended")
    assert row["facts"]["by"].startswith("shell:")
    assert row["facts"]["by"].removeprefix("shell:") in {login, os.environ.get("LOGNAME", login)}
    stage.post("it", stage.people["it"].write("[INFO FR]", "Ecco.\n"))
    once(stage)
    assert ids(call("held", "release", "H-2", "--yes", "--json")) == ["order.still-held"]
    assert call("parties", "resume", "IT").code == Exit.FINE
    assert call("held", "release", "H-2", "--yes", "--json").json["data"]["result"] == "done"
    assert call("held", "drop", "H-1", "--yes").code == Exit.FINE
    assert call("held", "list", "--json").json["data"] == []
    before = len(stage.mailbox("fr"))
    once(stage)
    assert stage.people["fr"].read(stage.mailbox("fr")[before]).text == "Ecco.\n"
    assert folders(stage) == {"Held": 0, "Dropped": 1}


def test_beside_a_robot_at_work_a_request_is_sent_again_and_closed(call: Call, stage: Stage) -> None:
    first = reference(call)
    german, french = len(stage.mailbox("de")), len(stage.mailbox("fr"))
    with robot_at_work(stage.config):
        assert call("exchanges", "resend", first, "DE", "--yes").code == Exit.FINE
        wait_for(lambda: len(stage.mailbox("de")) == german + 1)
        assert call("exchanges", "close", first, "--yes", "--json").json["data"]["count"] == 3
        wait_for(lambda: (len(stage.mailbox("de")), len(stage.mailbox("fr"))) == (german + 2, french + 1))
    assert "An operator of the hub has closed it" in " ".join(stage.latest("de").cover.split())
    assert call("exchanges", "show", first, "--json").json["data"]["stage"] == "closed"
    (row,) = rows(call, "exchange closed")
    assert row["facts"]["command"] == f"[CLOSE#{first}]"
    assert ids(call("exchanges", "close", first, "--yes", "--json")) == ["order.closed"]
    assert call("journal", "verify").code == Exit.FINE


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_who_is_slower_judges_again(stage: Stage) -> None:
    """Another worker drops the mail between look and act; the order then finds that, and does nothing twice."""
    stage.post("es", stage.people["es"].write("[INFO FR]", "Again?\n", form=Form.ENCRYPTED))
    once(stage)
    with Robot(load(stage.config)) as robot:
        counter, tag = Counter(robot.receiver(), "shell:slow"), Tag(Word.DROP, arguments=("H-3",))
        quick = Counter(robot.receiver(), "shell:quick")
        beaten: list[Outcome] = []

        def drop_after_another(order: Order) -> Outcome:
            outcome = COMMANDS[Word.DROP].obey(order)
            if not beaten:
                beaten.append(quick.give(tag, COMMANDS))
            return outcome

        slow = {Word.DROP: Command(drop_after_another, COMMANDS[Word.DROP].needs, COMMANDS[Word.DROP].objects)}
        outcome = counter.give(tag, slow)
        held = robot.memory.held_mail(3)
    assert outcome.section.words["reason"] in ("dropped", "outdated")
    assert held is not None
    assert held.state is HeldState.DROPPED


# ---------------------------------------------------------------- status


def test_status_shows_network_and_robot_on_one_screen(call: Call) -> None:
    said = call("status", "--json").json["data"]
    assert said.keys() >= {"suspended", "overdue", "last_ping", "keys_ending", "outbox_oldest", "journal_head"}
    assert said["last_mailbox_contact"] is not None
    assert (said["keys_ending"], said["last_ping"]) == ([], None)
    assert "last mailbox contact" in call("status").out
