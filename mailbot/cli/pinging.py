"""ping start: a round from the shell, as the secretariat's mail would start it."""

import os
import pwd
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.output import answer_json, show_table
from mailbot.cli.style import open_robot, with_config, with_json
from mailbot.core.decision import Moment
from mailbot.core.findings import Finding
from mailbot.core.mail import Letter
from mailbot.core.records import Terms
from mailbot.core.rounds.records import Round
from mailbot.core.rounds.starting import Started, start_round
from mailbot.core.tags import Tag, Word, parse, write_duration
from mailbot.mail.templates import Templates
from mailbot.store.engine import Clash
from mailbot.wiring import Robot
from mailbot.workers.receive import MOST_CLASHES


@click.command()
@click.argument("parties", metavar="ALL|FR,DE")
@click.option("--deadline", metavar="2h", help="By when to answer: 30m, 2h, 1d. Default: [terms] ping_deadline.")
@click.option("--lang", metavar="en|fr", help="The language of the result. Default: [ping] language.")
@click.option("--text", default="", metavar="T", help="A line that the secretariat adds to the mail.")
@click.option("--urgent", is_flag=True, help="It goes out before other mail.")
@click.option("--share", is_flag=True, help="The result goes to the contact points, too.")
@click.option("--dry-run", is_flag=True, help="Show whom it would reach, and the mails; send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_config
@with_json
def start(
    *,
    parties: str,
    deadline: str | None,
    lang: str | None,
    text: str,
    urgent: bool,
    share: bool,
    dry_run: bool,
    yes: bool,
    config_path: Path,
    as_json: bool,
) -> None:
    """Ask these parties to press Reply. A running robot sends the mails and, at the deadline, the result."""
    options = ("urgent" * urgent, "share" * share, deadline and f"deadline={deadline}", lang and f"lang={lang}")
    order = _order(" ".join(filter(None, (parties, *options))), as_json=as_json)
    with open_robot(config_path, as_json=as_json) as robot:
        shell = _Shell(robot, order, text, as_json=as_json)
        planned = shell.plan()
        if dry_run:
            _show_plan(planned.started, Templates(robot.config.templates_dir), robot.config.robot.name, as_json=as_json)
            return
        mails, asked = len(planned.started.decision.letters), len(planned.round.asked)
        _confirm(f"Send {mails} mails to {asked} parties?", yes=yes, as_json=as_json)
        begun = shell.begin(planned)
    _show_started(begun.started, begun.round, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Planned:
    """A round that could be started at this moment."""

    started: Started
    round: Round
    moment: Moment


class _Shell:
    """Where the order is given, beside a running robot."""

    def __init__(self, robot: Robot, order: Tag, text: str, *, as_json: bool) -> None:
        self._robot, self._order, self._text, self._as_json = robot, order, text, as_json
        self._receiver = robot.receiver()

    def plan(self) -> _Planned:
        """What would be done now. Raises Fault."""
        memory, moment = self._robot.memory, self._receiver.moment()
        network = memory.as_suspended(self._robot.network)
        started = start_round(self._order, network, moment, _login(), self._text, memory.rounds.past())
        if started.round is None:
            raise Fault(Exit.FINDING, [_why_not(started, network.terms)], as_json=self._as_json)
        return _Planned(started, started.round, moment)

    def begin(self, planned: _Planned) -> _Planned:
        """Record it; if another worker was faster, one with the next number. Raises Fault."""
        for _ in range(MOST_CLASHES):
            decision, moment = planned.started.decision, planned.moment
            try:
                self._robot.memory.record(None, decision, self._receiver.write(decision, moment), moment.now)
            except Clash:
                planned = self.plan()
                continue
            return planned
        raise RuntimeError(f"{MOST_CLASHES} clashes in a row")


def _order(words: str, *, as_json: bool) -> Tag:
    """What the command line says, read as the tag of a mail would be."""
    parsed = parse(f"[{Word.PING} {words}]")
    if parsed.tag is None or not parsed.tag.is_command:
        hint = "For example: mailbot ping start FR,DE --deadline 2h"
        said = Finding("ping.unreadable", parsed.problem or "this names no parties", hint)
        raise Fault(Exit.USAGE, [said], as_json=as_json)
    return parsed.tag


def _login() -> str:
    """Who is at the shell, as the journal has it."""
    try:
        return f"shell:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # a user without a name, in a container
        return f"shell:{os.getuid()}"


def _why_not(started: Started, terms: Terms) -> Finding:
    if started.why_not == "deadline":
        limits = f"{write_duration(terms.shortest_deadline)} and {write_duration(terms.longest_deadline)}"
        return Finding("ping.deadline", f"a deadline must lie between {limits}", "[terms] says so.")
    unknown = f": nobody has the code {', '.join(started.unknown)}" if started.unknown else ""
    return Finding("ping.nobody", f"nobody whom it names can be asked{unknown}", "`mailbot check` shows the parties.")


def _confirm(question: str, *, yes: bool, as_json: bool) -> None:
    """A person must say yes; a machine says --yes beforehand."""
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        said = Finding("confirm.missing", "this sends mail, and nobody said yes", "Add --yes, or look with --dry-run.")
        raise Fault(Exit.USAGE, [said], as_json=as_json)
    click.confirm(question, abort=True, err=True)


def _show_plan(started: Started, templates: Templates, robot: str, *, as_json: bool) -> None:
    """Whom it would reach, and one mail of each kind, as its reader would see it but for token and ping word."""
    letters = started.decision.letters
    texts = list(_texts(letters, templates, robot))
    if as_json:
        answer_json({**_said(started), "mails": [_mail(letter) for letter in letters], "texts": texts})
        return
    columns = ("party", "recipient", "language", "sealed")
    show_table("would be sent to", columns, [tuple(_mail(letter).values()) for letter in letters], "Nobody.")
    _show_others(started)
    for text in texts:
        click.echo(f"\n---- {text['language']}\nSubject: {text['subject']}\n\n{text['text']}")
    click.echo("Nothing was sent.")


def _texts(letters: Sequence[Letter], templates: Templates, robot: str) -> Iterator[dict[str, str]]:
    seen = set[tuple[str, bool]]()
    for letter in letters:
        kind = (letter.language, letter.words["challenge"] is None)
        if kind not in seen:
            seen.add(kind)
            shown = templates.render(letter.template, letter.language, {**letter.words, "robot": {"name": robot}})
            yield {"language": letter.language, "subject": shown.subject, "text": shown.text}


def _mail(letter: Letter) -> dict[str, object]:
    (box,) = letter.mailboxes
    sealed = "yes" if box.encrypt_to else "no"
    return {"party": letter.party, "recipient": box.address, "language": letter.language, "sealed": sealed}


def _show_started(started: Started, round_: Round, *, as_json: bool) -> None:
    if as_json:
        answer_json(_said(started))
        return
    click.echo(f"{round_.label}: {len(round_.asked)} parties are asked, until {round_.deadline:%Y-%m-%d %H:%M} UTC.")
    _show_others(started)


def _said(started: Started) -> dict[str, Any]:
    round_ = started.round
    probes = round_.probes if round_ else ()
    return {
        "round": round_.label if round_ else None,
        "deadline": round_.deadline if round_ else None,
        "asked": [probe.party for probe in probes if probe.obstacle is None],
        "left_out": {probe.party: probe.obstacle for probe in probes if probe.obstacle},
        "unknown": started.unknown,
        "running": started.running,
    }


def _show_others(started: Started) -> None:
    said = _said(started)
    for party, why in said["left_out"].items():
        click.echo(f"{party}: left out, {why}")
    for code in said["unknown"]:
        click.echo(f"{code}: nobody has this code")
    if said["running"]:
        click.echo(f"Still running, too: {', '.join(said['running'])}")
