"""Who is at the shell, and whether he means it."""

import os
import pwd
import sys

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.core.findings import Finding


def login() -> str:
    """As the journal has it."""
    try:
        return f"shell:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # a user without a name, in a container
        return f"shell:{os.getuid()}"


def confirm(question: str, *, yes: bool, as_json: bool) -> None:
    """A person must say yes; a machine says --yes beforehand. Raises Fault, or Abort."""
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        said = Finding("confirm.missing", "nobody said yes", "Add --yes, or look with --dry-run.")
        raise Fault(Exit.USAGE, [said], as_json=as_json)
    click.confirm(question, abort=True, err=True)
