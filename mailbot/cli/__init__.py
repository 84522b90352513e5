"""The commands; each a few lines that call the rest."""

import sys

import rich_click as click

from mailbot.cli import held, inspection, journal, keys, looking, playing, running
from mailbot.cli.output import Exit
from mailbot.cli.style import CONTEXT, Fault

click.rich_click.USE_RICH_MARKUP = False
click.rich_click.COMMAND_GROUPS = {
    "mailbot": [
        {"name": "The robot at work", "commands": ["run", "once", "check"]},
        {"name": "Looking", "commands": ["status", "exchanges", "held", "journal", "inspect"]},
        {"name": "Keys", "commands": ["keys"]},
        {"name": "Trying it out", "commands": ["demo"]},
    ]
}


@click.group(context_settings=CONTEXT)
@click.version_option(package_name="mailbot", prog_name="mailbot", message="%(prog)s %(version)s")
def mailbot() -> None:
    """The hub of a network of contact points: an e-mail robot that relays requests, and sealed.

    Exit codes: 0 fine, 1 something was found, 64 wrong usage, 69 something is missing, 75 try later, 78 configuration.
    """


for module in (running, looking, held, journal, inspection, keys, playing):
    for command in module.COMMANDS:
        mailbot.add_command(command)


def main() -> None:
    """Run a command, and end with its exit code."""
    try:
        code = mailbot.main(standalone_mode=False)
    except Fault as fault:
        code = fault.tell()
    except click.UsageError as problem:
        problem.show()
        code = Exit.USAGE
    except click.ClickException as problem:
        problem.show()
        code = Exit.FINDING
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        code = Exit.FINE
    sys.exit(code if isinstance(code, int) else Exit.FINE)
