"""What the shell's acting commands share: who is there, the question before, the order itself, and what came of it."""

import os
import pwd
import sys
from collections.abc import Mapping
from pathlib import Path

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.output import answer_json
from mailbot.cli.style import F, open_robot
from mailbot.core.commands import COMMANDS
from mailbot.core.commands.command import Command, Outcome
from mailbot.core.decision import Event
from mailbot.core.findings import Finding
from mailbot.core.tags import Tag, Word, parse
from mailbot.mail.templates import Templates
from mailbot.wiring import Robot
from mailbot.workers.ordering import LANGUAGE, Counter


def with_yes(command: F) -> F:
    """Give a command `--yes`."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(command)


def with_dry_run(command: F) -> F:
    """Give a command `--dry-run`."""
    return click.option("--dry-run", is_flag=True, help="Only say what would come of it; change nothing.")(command)


def at_the_shell() -> str:
    """Who gives the order, as the journal has it: the name that was logged in with, which sudo does not change."""
    try:
        return f"shell:{os.getlogin()}"
    except OSError:  # no terminal
        pass
    try:
        return f"shell:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # a user without a name, in a container
        return f"shell:{os.getuid()}"


def order_of(word: Word, words: str, *, as_json: bool) -> Tag:
    """What the command line says, read as a tag of a mail is. Raises Fault with what was expected and an example."""
    parsed = parse(f"[{word}{words}]")
    if parsed.tag is None or parsed.tag.word is not word:
        said = Finding("order.not-understood", parsed.problem or f"{words.strip()} was not understood", "See --help.")
        raise Fault(Exit.USAGE, [said], as_json=as_json)
    return parsed.tag


def ask_first(question: str, *, yes: bool, as_json: bool) -> None:
    """A person must say yes; a machine says --yes beforehand."""
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        said = Finding("confirm.missing", "this changes something, and nobody said yes", "Add --yes.")
        raise Fault(Exit.USAGE, [said], as_json=as_json)
    click.confirm(question, abort=True, err=True)


def give(
    tag: Tag, config_path: Path, *, as_json: bool, dry_run: bool = False, table: Mapping[Word, Command] = COMMANDS
) -> None:
    """Obey the order and say what came of it. Raises Fault where it was not done."""
    with open_robot(config_path, as_json=as_json) as robot:
        outcome = Counter(robot.receiver(), at_the_shell()).give(tag, table, dry_run=dry_run)
        said = _in_words(outcome, robot)
    if outcome.event is Event.REFUSED:
        why = outcome.facts.get("why", "refused").partition(":")[0].replace(" ", "-")
        raise Fault(Exit.FINDING, [Finding(f"order.{why}", said, "Nothing was changed.")], as_json=as_json)
    if as_json:
        answer_json({"dry_run": dry_run, "event": outcome.event, **outcome.section.words})
        return
    click.echo(said)
    if dry_run:
        click.echo("Nothing was changed.")
    elif outcome.decision.letters:
        click.echo("The mails are in the outbox; a running robot sends them.")


def _in_words(outcome: Outcome, robot: Robot) -> str:
    """The words of the answer that a mail would get."""
    identity = robot.config.robot
    names = {"name": identity.name, "address": identity.address, "control_address": identity.control_address}
    words = {**outcome.section.words, "robot": {**names, "fingerprint": identity.fingerprint}}
    return Templates(robot.config.templates_dir).render(outcome.section.template, LANGUAGE, words).text.strip("\n")
