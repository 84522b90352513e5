"""digest and report: what the secretariat and the operators are told by mail, at the shell."""

import getpass
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.output import answer_json
from mailbot.cli.style import open_robot, with_config, with_json
from mailbot.core.digest import daily_readers, demanded, digest_letter
from mailbot.core.findings import Finding
from mailbot.core.mail import Attachment, Letter
from mailbot.core.report import Period, ReportFacts, report_letter
from mailbot.core.reporting import Reader
from mailbot.core.situation import Situation
from mailbot.mail.preview import Preview
from mailbot.pictures.child import ChildFailed
from mailbot.pictures.paper import printed
from mailbot.wiring import Robot, cache_of

LANGUAGES = click.Choice(["en", "fr"])
FORMS = click.Choice(["text", "html", "eml"])


# ---------------------------------------------------------------- digest


@click.command()
@click.option("--preview", "preview_only", is_flag=True, help="Only show it: as text on stdout, or see --as and --out.")
@click.option("--lang", "language", type=LANGUAGES, help="Of the preview; default: the robot's own language.")
@click.option("--as", "form", type=FORMS, default="text", show_default=True, help="What to write to stdout.")
@click.option("--out", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write all three forms there.")
@click.option("--yes", is_flag=True, help="Send it without asking.")
@with_config
@with_json
def digest(*, preview_only: bool, config_path: Path, yes: bool, as_json: bool, **showing: Any) -> int:
    """The mail that says whether anything needs a person: shown (--preview), or sent to its readers now.

    A running robot sends one every day ([digest] in the configuration). A preview ends with 1 if somebody is needed.
    """
    with open_robot(config_path, as_json=as_json) as robot:
        now = robot.clock()
        situation = robot.memory.situation(now, robot.config.retention)
        if not preview_only:
            return _send(robot, situation, now, yes=yes, as_json=as_json)
        letter = _digest_letter(robot, situation, showing["language"])
        if as_json:
            answer_json(letter.words, ok=True)
        else:
            shown = robot.previewer().preview(letter, now)
            _show(shown, f"digest-{now:%Y-%m-%d}-{letter.language}", showing["form"], showing["folder"])
        return Exit.FINDING if letter.words["needs"] else Exit.FINE


def _digest_letter(robot: Robot, situation: Situation, language: str | None) -> Letter:
    network = robot.memory.as_suspended(robot.network)
    return digest_letter(situation, network, Reader(language or robot.config.robot.language, ()))


def _send(robot: Robot, situation: Situation, now: datetime, *, yes: bool, as_json: bool) -> int:
    readers = daily_readers(robot.network, now)
    addresses = [box.address for reader in readers for box in reader.mailboxes]
    if not addresses:
        hint = "[digest] readers says who; each of them needs a valid certificate: `mailbot check`."
        raise Fault(Exit.MISSING, [Finding("digest.nobody", "nobody can be sent a digest", hint)], as_json=as_json)
    _confirm(f"Send the digest to {', '.join(addresses)}?", yes=yes, as_json=as_json)
    receiver = robot.receiver()
    moment = receiver.moment()
    network = robot.memory.as_suspended(robot.network)
    decision = demanded(situation, network, readers, f"shell:{getpass.getuser()}")
    robot.memory.record(None, decision, receiver.write(decision, moment), moment.now)
    if as_json:
        answer_json({"queued_to": addresses})
    else:
        click.echo(f"In the outbox: {', '.join(addresses)}")
    return Exit.FINE


def _confirm(question: str, *, yes: bool, as_json: bool) -> None:
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        said = Finding("confirm.missing", "this sends mail, and nobody said yes", "Add --yes, or --preview to look.")
        raise Fault(Exit.USAGE, [said], as_json=as_json)
    click.confirm(question, abort=True, err=True)


# ---------------------------------------------------------------- report


@click.command()
@click.argument("period", metavar="2026-01-01..2026-06-30")
@click.option("--lang", "language", type=LANGUAGES, help="Default: the robot's own language.")
@click.option("--out", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write .html .pdf .csv .txt.")
@with_config
@with_json
def report(period: str, language: str | None, folder: Path | None, config_path: Path, as_json: bool) -> int:
    """The state of the network from the first to the last of these days, as a meeting would get it; no content.

    Without --out the text goes to stdout. The PDF needs Pango (README); without it the other files are written.
    """
    days = _period(period, as_json=as_json)
    with open_robot(config_path, as_json=as_json) as robot:
        now = robot.clock()
        facts = robot.memory.report(days, robot.network.reporting.zone, now)
        letter = _report_letter(robot, facts, language)
        if as_json and folder is None:
            answer_json(letter.words)
            return Exit.FINE
        shown = robot.previewer().preview(letter, now)
        if folder is None:
            click.echo(shown.text, nl=False)
            return Exit.FINE
        return _write_report(shown, letter, folder, cache_of(robot.config), as_json=as_json)


def _report_letter(robot: Robot, facts: ReportFacts, language: str | None) -> Letter:
    network = robot.memory.as_suspended(robot.network)
    return report_letter(facts, network, Reader(language or robot.config.robot.language, ()))


def _period(text: str, *, as_json: bool) -> Period:
    try:
        days = Period.read(text.strip())
    except ValueError:
        days = None
    if days is None or days.first > days.last:
        said = Finding("report.period", f"“{text}” is no period", "Write first and last day: 2026-01-01..2026-06-30.")
        raise Fault(Exit.USAGE, [said], as_json=as_json)
    return days


def _write_report(shown: Preview, letter: Letter, folder: Path, cache: Path, *, as_json: bool) -> int:
    """Every form; the PDF comes last, so that the others are there if it cannot be printed."""
    files = [*_forms(shown, letter.printed.removesuffix(".pdf")), *letter.attachments]
    written = [_write(folder, file) for file in files if not file.name.endswith(".eml")]
    try:
        written.append(_write(folder, Attachment(letter.printed, "application/pdf", printed(shown.html or "", cache))))
    except ChildFailed as failure:
        said = Finding("report.pdf", "the PDF was not made; the other files were", f"{failure}")
        raise Fault(Exit.MISSING, [said], as_json=as_json) from None
    if as_json:
        answer_json({"files": [str(path) for path in written]})
    else:
        for path in written:
            click.echo(path)
    return Exit.FINE


# ---------------------------------------------------------------- showing


def _show(shown: Preview, stem: str, form: str, folder: Path | None) -> None:
    if folder is None:
        octets: Mapping[str, Any] = {"text": shown.text.encode(), "html": (shown.html or "").encode(), "eml": shown.eml}
        sys.stdout.buffer.write(octets[form])
        return
    for file in _forms(shown, stem):
        click.echo(_write(folder, file))


def _forms(shown: Preview, stem: str) -> list[Attachment]:
    """The three forms, as files."""
    page = [Attachment(f"{stem}.html", "text/html", shown.html.encode())] if shown.html else []
    text = Attachment(f"{stem}.txt", "text/plain", f"{shown.subject}\n\n{shown.text}".encode())
    return [text, *page, Attachment(f"{stem}.eml", "message/rfc822", shown.eml)]


def _write(folder: Path, file: Attachment) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file.name
    path.write_bytes(file.octets)
    return path
