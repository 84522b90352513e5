"""clock: whether the robot believes its machine's clock, and an operator's word that it is right."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import rich_click as click

from mailbot.cli.faults import Exit
from mailbot.cli.output import answer_json
from mailbot.cli.style import open_database, with_config, with_json
from mailbot.core.clock import Clock
from mailbot.core.decision import Entry, Event
from mailbot.store.clock import lead_of
from mailbot.store.journal import Journal
from mailbot.wiring import clock as machine_clock
from mailbot.workers.timekeeping import Timekeeper


@click.command()
@with_config
@with_json
@click.option("--trust", is_flag=True, help="Write into the journal that the clock is right, whatever the rows say.")
def clock(config_path: Path, as_json: bool, trust: bool) -> int:
    """Hold the clock against the journal, and against PostgreSQL's.

    A robot whose clock jumped sends no reminder until it is right, or trusted; one that differs must be set right.
    Exit code 1 if the clock is not believed.
    """
    now = datetime.now(UTC)
    with open_database(config_path, as_json=as_json) as (config, engine):
        journal = Journal(engine)
        if trust:
            journal.record([Entry(Event.CLOCK_TRUSTED, facts={"by": "operator"})], now)
        found = Timekeeper(journal, config.terms, partial(lead_of, engine, machine_clock)).reading(now)
    if as_json:
        answer_json({"now": now, "clock": found.value})
    else:
        click.echo(f"{now:%Y-%m-%d %H:%M:%S} UTC: {found.value}.")
    return Exit.FINE if found is Clock.RIGHT else Exit.FINDING
