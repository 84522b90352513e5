"""demo: the main job on embedded servers with throw-away keys."""

import json
import tempfile
from pathlib import Path

import rich_click as click
from rich.console import Console

from mailbot.cli.faults import Exit
from mailbot.cli.output import answer_json
from mailbot.cli.style import with_json
from mailbot.core.findings import Finding
from mailbot.playground.demo import play


@click.command()
@click.option("--keep", is_flag=True, help="Leave the playground running, and print how to connect a mail client.")
@click.option("--facts", type=click.Path(path_type=Path), metavar="FILE", help="Write what happened as JSON.")
@click.option("--result", type=click.Path(path_type=Path), metavar="FOLDER", help="Write the ping's result mail here.")
@with_json
def demo(keep: bool, facts: Path | None, result: Path | None, as_json: bool) -> int:
    """Play a request, its relaying, a reply, an acknowledgement, and a ping: five desks, two relays, the real robot."""
    return _play_for_machines() if as_json else play(keep=keep, facts=facts, result=result)


def _play_for_machines() -> int:
    with tempfile.TemporaryDirectory(prefix="mb") as folder:
        facts = Path(folder) / "facts.json"
        code = play(facts=facts, console=Console(quiet=True))
        said = json.loads(facts.read_text()) if facts.exists() else {"problems": ["broken off"]}
    hint = "This is the robot's fault, or this machine's: please report it."
    problems = [Finding("demo.amiss", problem, hint) for problem in said.pop("problems")]
    answer_json({name: value for name, value in said.items() if name not in {"schema", "ok"}}, problems)
    return code or (Exit.FINDING if problems else Exit.FINE)
