"""run, receive, send, once, check: the robot at work."""

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread

import rich_click as click

from mailbot.cli.checking import check_everything
from mailbot.cli.faults import Exit, Fault
from mailbot.cli.output import answer_json, show_problems
from mailbot.cli.style import (
    log_to_stderr,
    open_config,
    open_robot,
    refuse_exposed,
    telling_faults,
    telling_of_others,
    with_config,
    with_json,
)
from mailbot.cli.supervision import ENDING, Heard, supervised
from mailbot.core.findings import Severity
from mailbot.wiring import Robot, send_alone
from mailbot.workers.alarm import Alarm
from mailbot.workers.limit import memory_limit
from mailbot.workers.loop import Signals, pause

_OUTAGES = frozenset({"store.unavailable", "store.damaged", "system.failure", "gpg.failure"})


@click.command()
@with_config
@click.option("--verbose", "-v", is_flag=True, help="Log more.")
def run(config_path: Path, verbose: bool) -> int:
    """Watch the mailbox, act on what comes, send what is owed, until stopped (SIGTERM or Ctrl-C).

    Survives restarts of the mail servers, and mails that kill or stall its process: the work is done in a child
    process, and another follows. The log goes to stderr, one line for each fact. On PostgreSQL several may run: one
    watches, all send. On SQLite there is one; a second ends with exit code 75.
    """
    return _kept_alive(partial(_with_robot, config_path, Robot.run), verbose=verbose)


@click.command()
@with_config
@click.option("--verbose", "-v", is_flag=True, help="Log more.")
def receive(config_path: Path, verbose: bool) -> int:
    """All that `run` does, except to send: that is for `mailbot send`, which may be another user.

    It has the secret key, opens, decides, writes and seals. On SQLite both meet in the folder [send] handover; on
    PostgreSQL in the database.
    """
    return _kept_alive(partial(_with_robot, config_path, Robot.receive), verbose=verbose)


@click.command()
@with_config
@click.option("--verbose", "-v", is_flag=True, help="Log more.")
def send(config_path: Path, verbose: bool) -> int:
    """Deliver what `mailbot receive` has sealed; needs no key, no mailbox, and can open nothing.

    Reads sealed mail and envelopes, adds what became of them. Section [send] of the configuration says where.
    """
    return _kept_alive(partial(_without_robot, config_path), verbose=verbose)


Opened = Callable[[], None]  # called once everything could be opened
Work = Callable[[Signals, Opened], None]


def _with_robot(config_path: Path, work: Callable[[Robot, Signals], None], signals: Signals, opened: Opened) -> None:
    with open_robot(config_path) as robot, memory_limit(robot.config.limits.memory):
        opened()
        work(robot, signals)


def _without_robot(config_path: Path, signals: Signals, opened: Opened) -> None:
    config = open_config(config_path)
    refuse_exposed(config, as_json=False)
    with telling_faults(as_json=False), telling_of_others(as_json=False):
        opened()
        send_alone(config, signals)


def _kept_alive(work: Work, *, verbose: bool) -> int:
    """In a child process that is followed by another when it dies, until SIGTERM or SIGINT."""
    log_to_stderr(verbose=verbose)
    code = supervised()
    if code is not None:
        return code
    signals, heard = Signals(), Heard()
    for number in ENDING:
        signal.signal(number, lambda _number, _frame: heard.set())
    Thread(target=_heed, args=(heard, signals), name="signals", daemon=True).start()
    with signals.heartbeat.heard():
        _work(work, signals)
    return Exit.FINE


def _heed(heard: Heard, signals: Signals) -> None:
    heard.wait()
    signals.stop.set()
    signals.queued.set()


def _work(work: Work, signals: Signals) -> None:
    """Until told to stop. A database that cannot be opened yet is waited for, as one that fails later is."""
    failures, alarm = 0, Alarm("the robot does not work")
    while not signals.stop.is_set():
        try:
            work(signals, alarm.over)
        except Fault as fault:
            if not {problem.id for problem in fault.problems} & _OUTAGES:
                raise
            failures += 1
            alarm.ring(fault)
            signals.stop.wait(pause(failures))


@click.command()
@with_config
@with_json
@click.option("--verbose", "-v", is_flag=True, help="Log more.")
def once(config_path: Path, as_json: bool, verbose: bool) -> int:
    """Drain the mailbox, do what time calls for, empty the outbox, and end.

    Exit code 75 if mail is still owed (a server did not take it yet), or if another robot is at work.
    """
    log_to_stderr(verbose=verbose)
    with open_robot(config_path, as_json=as_json) as robot, memory_limit(robot.config.limits.memory):
        done = robot.once()
    if as_json:
        answer_json(done)
    else:
        click.echo(f"{done.filed} mails filed, {done.tried} deliveries tried, {done.queued} still owed.")
    return Exit.TRY_LATER if done.queued else Exit.FINE


@click.command()
@with_config
@with_json
def check(config_path: Path, as_json: bool) -> int:
    """Test everything the robot needs: configuration, servers, folders, keys, templates, database, permissions.

    Every finding has an id and a hint. Exit code 0 fine, 1 findings, 78 the configuration cannot be read.
    """
    config = open_config(config_path, as_json=as_json)
    findings = check_everything(config)
    errors = [f for f in findings if f.severity is Severity.ERROR]
    if as_json:
        answer_json({"config": str(config.path), "findings": len(findings)}, findings)
    else:
        show_problems(findings)
        click.echo(f"{len(errors)} errors, {len(findings) - len(errors)} warnings." if findings else "All is well.")
    return Exit.FINDING if findings else Exit.FINE
