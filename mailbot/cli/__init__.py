"""The commands; each a few lines that call the rest."""

import sys
from collections.abc import Mapping
from importlib import import_module

import rich_click as click

from mailbot import __version__
from mailbot.cli.faults import Exit, Fault
from mailbot.cli.output import answer_json
from mailbot.core.findings import Finding

# Command -> where it is. A command's module is loaded when it is called: half of what one needs, another does without.
COMMANDS: Mapping[str, str] = {
    "init": "starting:init",
    "run": "running:run",
    "receive": "running:receive",
    "send": "running:send",
    "once": "running:once",
    "check": "running:check",
    "status": "status:status",
    "exchanges": "looking:exchanges",
    "parties": "parties:parties",
    "ping": "ping:ping",
    "held": "held:held",
    "digest": "reporting:digest",
    "report": "reporting:report",
    "journal": "journal:journal",
    "clock": "clock:clock",
    "inspect": "inspection:inspect_command",
    "backup": "keeping:backup",
    "restore": "keeping:restore",
    "migrate": "keeping:migrate",
    "purge": "keeping:purge",
    "keys": "keys:keys",
    "templates": "letters:templates",
    "demo": "playing:demo",
    "bench": "benching:bench",
}

click.rich_click.COMMAND_GROUPS = {
    "*": [
        {"name": "The robot at work", "commands": ["init", "run", "receive", "send", "once", "check"]},
        {
            "name": "Looking",
            "commands": ["status", "digest", "report", "journal", "clock", "inspect"],
        },
        {
            "name": "Looking and acting",
            "commands": ["exchanges", "parties", "ping", "held"],
        },
        {"name": "The database", "commands": ["backup", "restore", "migrate", "purge"]},
        {"name": "Keys and letters", "commands": ["keys", "templates"]},
        {"name": "Trying it out", "commands": ["demo", "bench"]},
    ],
    "mailbot keys": [
        {"name": "Certificates", "commands": ["list", "import", "export", "check", "renew-notice"]},
        {"name": "The robot's own key", "commands": ["init", "rotate", "wkd"]},
    ],
}


class _Commands(click.RichGroup):
    """The commands of COMMANDS, loaded when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click asks so
        """Every command, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        """The command with this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"mailbot.cli.{module}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="mailbot", message="%(prog)s %(version)s")
def mailbot() -> None:
    """The hub of a network of contact points: an e-mail robot that passes requests on, each sealed to its reader.

    Exit codes: 0 fine, 1 something was found, 64 wrong usage, 69 something is missing, 75 try later, 78 configuration.
    """


def main() -> None:
    """Run a command, and end with its exit code."""
    sys.exit(_run())


def _run() -> int:
    try:
        code = mailbot.main(prog_name="mailbot", standalone_mode=False)
    except Fault as fault:
        return fault.tell()
    except click.UsageError as problem:
        problem.show()
        return _usage(problem.format_message())
    except click.ClickException as problem:
        problem.show()
        return Exit.FINDING
    except (click.Abort, KeyboardInterrupt):
        return 130
    return code if isinstance(code, int) else Exit.FINE


def _usage(message: str) -> int:
    """A machine gets its one object for a command that could not be read, too."""
    if "--json" in sys.argv:
        answer_json(None, [Finding("usage", message, "`mailbot COMMAND --help` explains it.")])
    return Exit.USAGE
