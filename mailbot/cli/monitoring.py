"""status --monitor: one line and an exit code, as monitoring systems ask for them."""

from datetime import UTC, datetime
from pathlib import Path

import rich_click as click

from mailbot.cli.faults import Fault
from mailbot.cli.output import answer_json
from mailbot.cli.style import open_database
from mailbot.core.vitals import Verdict, Vitals, vitals
from mailbot.store.engine import reading
from mailbot.store.ringing import known_troubles
from mailbot.store.situation import situation


def monitor(config_path: Path, *, as_json: bool) -> int:
    """0 OK, 1 warning, 2 critical, 3 unknown: what cannot be looked at is not known to be well."""
    try:
        with open_database(config_path, as_json=as_json) as (_, engine):
            with reading(engine) as connection:
                found = situation(connection, datetime.now(UTC))
            seen = vitals(found, known_troubles(engine))
    except Fault as fault:
        seen = Vitals(Verdict.UNKNOWN, tuple(problem.message for problem in fault.problems), ())
    if as_json:
        signs = {sign.name: sign.value for sign in seen.signs}
        answer_json({"verdict": seen.verdict.name, "said": seen.said, "signs": signs}, ok=seen.verdict is Verdict.OK)
    else:
        click.echo(seen.line)
    return int(seen.verdict)
