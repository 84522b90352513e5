"""templates: the letters of the robot, to be looked at while somebody edits them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.output import answer_json
from mailbot.cli.style import open_config, with_json
from mailbot.config import Config
from mailbot.core.findings import Finding
from mailbot.core.mail import Words
from mailbot.mail.preview import Preview, Previewer
from mailbot.mail.proofreading import proofread
from mailbot.mail.samples import ROBOT, sample_letter, samples
from mailbot.mail.showcase import NIGHT
from mailbot.mail.templates import LANGUAGES, LETTERS, BrokenTemplate, Templates
from mailbot.pictures.drawing import draw
from mailbot.wiring import previewer_of


@click.group()
def templates() -> None:
    """What the robot writes: every letter in both languages. README says how to change the words."""


@templates.command("list")
@with_json
def list_templates(as_json: bool) -> None:
    """Every letter, by the name of its folder."""
    if as_json:
        answer_json(sorted(LETTERS))
    else:
        click.echo("\n".join(sorted(LETTERS)))


@templates.command("preview")
@click.argument("letters", nargs=-1, metavar="[LETTER]…")
@click.option("--all", "every", is_flag=True, help="Every letter there is.")
@click.option("--lang", "language", type=click.Choice(LANGUAGES), help="One language alone; default: both.")
@click.option("--out", "folder", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR")
@click.option(
    "--config",
    "-c",
    "config_path",
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE",
    help="With the robot's name and the letters of this configuration; default: the program's own.",
)
@with_json
def preview_templates(
    letters: Sequence[str], every: bool, language: str | None, folder: Path, config_path: Path | None, as_json: bool
) -> int:
    """Write letters with invented words to DIR: as .txt, as .eml for a mail program, and as .html where it has a page.

    A letter has a file for each turn that it can take: receipt.partly.fr.txt. What is wrong with a letter is told, and
    does not stop the others; exit code 1.
    """
    config = open_config(config_path, as_json=as_json) if config_path else None
    wanted = sorted(LETTERS) if every else _known(letters, as_json=as_json)
    languages = [language] if language else list(LANGUAGES)
    with _previewer(config) as previewer:
        written = [path for name in wanted for path in _write_all(name, languages, previewer, folder)]
    findings = proofread(config.templates_dir if config else None)
    if as_json:
        answer_json({"files": [str(path) for path in written]}, findings)
        return Exit.FINDING if findings else Exit.FINE
    click.echo(f"{len(written)} files in {folder}")
    if findings:
        raise Fault(Exit.FINDING, findings, as_json=False)
    return Exit.FINE


@contextmanager
def _previewer(config: Config | None) -> Iterator[Previewer]:
    if config:
        yield previewer_of(config)
        return
    with TemporaryDirectory(prefix="mailbot") as fonts:  # their list alone; looking for them takes longer than drawing
        yield Previewer(ROBOT, Templates(), partial(draw, cache=Path(fonts)), "hub.example")


def _known(letters: Sequence[str], *, as_json: bool) -> Sequence[str]:
    unknown = [name for name in letters if name not in LETTERS]
    if letters and not unknown:
        return letters
    said = f"there is no letter {unknown[0]}" if unknown else "no letter is named"
    hint = "Name some, or write --all; `mailbot templates list` shows them."
    raise Fault(Exit.USAGE, [Finding("templates.unknown", said, hint)], as_json=as_json)


def _write_all(name: str, languages: Sequence[str], previewer: Previewer, folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for language in languages:
        turns: dict[str, Words] = dict(samples(language)[name])
        for turn in turns:
            try:
                shown = previewer.preview(sample_letter(name, turn, language), NIGHT)
            except BrokenTemplate:
                continue  # proofreading says what is wrong
            yield from _write(shown, folder / f"{name}.{turn.replace(' ', '-')}.{language}")


def _write(shown: Preview, stem: Path) -> Iterator[Path]:
    forms = {".txt": f"{shown.subject}\n\n{shown.text}".encode(), ".eml": shown.eml}
    if shown.html:
        forms[".html"] = shown.html.encode()
    for ending, octets in forms.items():
        path = stem.with_name(stem.name + ending)
        path.write_bytes(octets)
        yield path
