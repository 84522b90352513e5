"""The demo: the main job played from end to end by the real robot, and checked as it is shown."""

import io
import json
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from mailbot.core.decision import Folder
from mailbot.playground.facts import Outcome, amiss, as_json, open_all
from mailbot.playground.pinging import play_ping
from mailbot.playground.programs import explain, hand_over
from mailbot.playground.script import SCENES, Scene
from mailbot.playground.showing import show
from mailbot.playground.stage import ROBOT, Stage, robot_at_work, set_up
from mailbot.store.journal import Journal
from mailbot.wiring import Robot

PATIENCE: Final = 20.0  # seconds that a mail may take on its way
PIPED_WIDTH: Final = 100
FINE, FAILED, BROKEN_OFF = 0, 1, 130

_COMMANDS = ("status", "exchanges list", "held list", "held show H-1", "journal verify", "check")


def play(
    *, keep: bool = False, facts: Path | None = None, result: Path | None = None, console: Console | None = None
) -> int:
    """Play it and print what everybody received; 0 if all was as it must be, else 1; 130 if it was broken off.

    With `keep` the playground stays until Ctrl-C or SIGTERM. `facts`: where the facts are written, as JSON; `result`:
    the folder for the result of the ping. `console`: where it is shown, in place of standard output.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing is left behind then either
    steps = Steps(Console(stderr=True, highlight=False))
    try:
        with ExitStack() as closing:
            return _play(closing, steps, console or _console(), keep=keep, facts=facts, result=result)
    except KeyboardInterrupt:
        return BROKEN_OFF


class Steps:
    """Tells what is being done, and remembers how long each step took."""

    def __init__(self, console: Console) -> None:
        """Nothing done yet."""
        self.console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step, told when it is done."""
        begin = time.monotonic()
        with self.console.status(title):
            yield
        self.seconds[title] = time.monotonic() - begin
        self.console.print(f"{self.seconds[title]:5.1f} s  {title}")


def _play(
    closing: ExitStack, steps: Steps, console: Console, *, keep: bool, facts: Path | None, result: Path | None
) -> int:
    with steps.step("Keys for everybody, IMAP and SMTP servers on loopback, a configuration"):
        stage = closing.enter_context(set_up())
    with steps.step("The robot starts"):
        robot = closing.enter_context(robot_at_work(stage.config))
    late = perform(stage, robot, steps)
    with steps.step("Every mail is opened by its reader, and tried with every other key"):
        outcome = look(stage, robot, steps)
    with steps.step("A ping test: five desks, two hours of the robot's clock"):
        outcome = replace(outcome, pinged=play_ping(stage))
    problems = [*late, *amiss(outcome, SCENES)]
    _report(outcome, problems, facts, console)
    if result and outcome.pinged:
        outcome.pinged.write(result)
        console.print(f"The result of the ping, as a mail and as a page: {result}", highlight=False)
    if keep:
        _stay(stage)
    else:
        console.print("To look around in it, with these commands and with mail programs: demo --keep")
    return FAILED if problems else FINE


# ---------------------------------------------------------------- the scenes


def perform(stage: Stage, robot: Robot, steps: Steps) -> list[str]:
    """Play the scenes one after the other; what did not come in time ends the play and is told."""
    arrivals: Counter[tuple[str, str]] = Counter()
    for scene in SCENES:
        try:
            with steps.step(scene.title):
                _perform_one(scene, stage, arrivals)
        except TimeoutError as late:
            return [f"{scene.title}: {late}"]
    with steps.step("The outbox is empty"):
        _await_empty_outbox(robot)
    return []


def _perform_one(scene: Scene, stage: Stage, arrivals: Counter[tuple[str, str]]) -> None:
    """Write and send the mail, and wait for all that must come of it; `arrivals` counts mails by login and folder."""
    stage.post(scene.login, scene.write(stage.people, stage.latest))
    due = [(expected.login, "INBOX") for expected in scene.expected]
    due.append((ROBOT, Folder.HELD if scene.held else Folder.DONE))
    arrivals.update(due)
    for login, folder in due:
        stage.store.wait(login, arrivals[login, folder], folder, PATIENCE)


def _await_empty_outbox(robot: Robot) -> None:
    """A mail is settled a moment after it arrived. What is still owed in the end is one of the facts."""
    end = time.monotonic() + PATIENCE
    while robot.outbox.depth().queued and time.monotonic() < end:
        time.sleep(0.02)


# ---------------------------------------------------------------- what came of it


def look(stage: Stage, robot: Robot, steps: Steps) -> Outcome:
    """Everything that can be said of the playground now."""
    mailboxes = {login: stage.mailbox(login) for login in stage.people}
    journal = Journal(robot.engine).verify()
    return Outcome(
        received=open_all(mailboxes, stage.people),
        held=robot.memory.held_mails(),
        exchanges=robot.memory.latest_exchanges(),
        people=stage.people,
        journal_rows=journal.rows,
        journal_sound=not journal.findings,
        owed=robot.outbox.depth().queued,
        seconds=steps.seconds,
    )


def _console() -> Console:
    """For standard output. Piped, it is wide enough for the lines of letters; signs it cannot show become ?."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)


def _report(outcome: Outcome, problems: Sequence[str], facts: Path | None, console: Console) -> None:
    show(outcome, console)
    for problem in problems:
        console.print(f"[red]NOT AS IT MUST BE:[/] {problem}", highlight=False)
    if facts:
        facts.write_text(json.dumps(as_json(outcome, problems), ensure_ascii=False, indent=2) + "\n")


def _stay(stage: Stage) -> None:
    """The servers and the robot go on; Ctrl-C ends them."""
    console = _console()
    clients = stage.folder / "clients"
    hand_over(clients, stage.people, stage.robot_key, stage.servers)
    explain(clients, stage.people, stage.robot_key, stage.servers, console)
    console.print("Where to look, in another terminal:")
    for command in _COMMANDS:
        console.print(f"  python3 run.py {command} --config {stage.config}", soft_wrap=True, highlight=False)
    console.print("The playground is running. Ctrl-C ends it and removes everything.")
    with suppress(KeyboardInterrupt):
        signal.pause()
