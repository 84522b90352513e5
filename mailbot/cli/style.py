"""What all commands share: the options, opening the configuration and the robot, and how a failure is told."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click
from sqlalchemy import Engine

from mailbot.cli.faults import Exit, Fault
from mailbot.config import Config, ConfigurationError, load
from mailbot.config.secrets import EXPOSED
from mailbot.core.decision import Network
from mailbot.core.findings import Finding
from mailbot.mail.gpg import GpgFailure
from mailbot.store.engine import StoreUnavailable, open_store
from mailbot.store.migrations import SchemaTooNew, SchemaTooOld, check_schema
from mailbot.store.soundness import Damaged
from mailbot.wire.imap import MailboxFailure
from mailbot.wiring import ForeignSecret, KeyProblems, NoSender, Occupied, Robot, open_keys
from mailbot.workers.failures import Unable

DEFAULT_CONFIG = Path("config.toml")

F = TypeVar("F", bound=Callable[..., Any])


def with_config(command: F) -> F:
    """Give a command `--config`."""
    return click.option(
        "--config",
        "-c",
        "config_path",
        type=click.Path(path_type=Path),
        default=DEFAULT_CONFIG,
        show_default=True,
        metavar="FILE",
        help="The configuration.",
    )(command)


def with_json(command: F) -> F:
    """Give a command `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object on stdout.")(command)


def open_config(path: Path, *, as_json: bool = False) -> Config:
    """The configuration. Raises Fault with everything that is wrong with it."""
    try:
        return load(path)
    except ConfigurationError as problem:
        raise Fault(Exit.CONFIGURATION, problem.problems, as_json=as_json) from None


@contextmanager
def open_robot(path: Path, *, as_json: bool = False) -> Iterator[Robot]:
    """The whole robot. Raises Fault."""
    config = open_config(path, as_json=as_json)
    refuse_exposed(config, as_json=as_json)
    with telling_faults(as_json=as_json), telling_of_others(as_json=as_json), Robot(config) as robot:
        yield robot


def refuse_exposed(config: Config, *, as_json: bool) -> None:
    """A secret that others than its owner may read is no secret: the robot does not start. Raises Fault."""
    exposed = [finding for finding in config.secret_file_findings() if finding.id == EXPOSED]
    if exposed:
        raise Fault(Exit.CONFIGURATION, exposed, as_json=as_json)


@contextmanager
def telling_of_others(*, as_json: bool) -> Iterator[None]:
    """Turn what another robot's being there, or not, makes impossible into a Fault with a remedy."""
    try:
        yield
    except NoSender:
        hint = "Set [send] handover (SQLite) or [send] url (PostgreSQL); `mailbot run` does both without it."
        said = Finding("send.nowhere", "the configuration does not say where receive and send meet", hint)
        raise Fault(Exit.CONFIGURATION, [said], as_json=as_json) from None
    except Occupied:
        hint = "Stop it first. Two robots side by side need PostgreSQL: [store] url."
        said = Finding("robot.occupied", "another robot is at work on this database", hint)
        raise Fault(Exit.TRY_LATER, [said], as_json=as_json) from None
    except ForeignSecret as problem:
        hint = "Copy it from the machine of the other robot, or from the backup: without it replays are not recognised."
        said = Finding("state.secret", "this secret does not belong to the database", hint, place=str(problem))
        raise Fault(Exit.CONFIGURATION, [said], as_json=as_json) from None


@contextmanager
def open_database(path: Path, *, as_json: bool = False, older: bool = False) -> Iterator[tuple[Config, Engine]]:
    """Configuration and database alone, for commands that only look. Raises Fault.

    `older`: a database that is still to be migrated will do.
    """
    config = open_config(path, as_json=as_json)
    with telling_faults(as_json=as_json):
        engine = open_store(config.store_url)
        try:
            _require_schema(engine, older=older)
            yield config, engine
        finally:
            engine.dispose()


def _require_schema(engine: Engine, *, older: bool) -> None:
    try:
        check_schema(engine)
    except SchemaTooOld as problem:
        if not older or problem.version is None:
            raise


def network_at(config: Config, suspended: frozenset[str] = frozenset()) -> Network:
    """The network as it is now: the directory with these parties suspended, and what gpg knows of the certificates."""
    with open_keys(config) as keys:
        return replace(keys.network, directory=keys.network.directory.suspending(suspended))


@contextmanager
def telling_faults(*, as_json: bool) -> Iterator[None]:
    """Turn what a broken world raises into a Fault with a remedy."""
    try:
        with _telling_of_the_database(as_json=as_json):
            yield
    except KeyProblems as problem:
        raise Fault(Exit.CONFIGURATION, problem.findings, as_json=as_json) from None
    except Unable as problem:
        said = Finding("robot.unable", f"no mail can be handled now: {problem}", "`mailbot check` tells more.")
        raise Fault(Exit.TRY_LATER, [said], as_json=as_json) from None
    except MailboxFailure as problem:
        said = Finding("imap.failure", f"the mailbox cannot be used: {problem}", "`mailbot check` tells more.")
        raise Fault(Exit.TRY_LATER, [said], as_json=as_json) from None
    except GpgFailure as problem:
        said = Finding("gpg.failure", f"gpg failed: {problem}", "`mailbot check` tells more.")
        raise Fault(Exit.TRY_LATER, [said], as_json=as_json) from None
    except OSError as problem:
        place = str(problem.filename or "")
        said = Finding(
            "system.failure", problem.strerror or type(problem).__name__, "Mend it and try again.", place=place
        )
        raise Fault(Exit.TRY_LATER, [said], as_json=as_json) from None


@contextmanager
def _telling_of_the_database(*, as_json: bool) -> Iterator[None]:
    try:
        yield
    except SchemaTooOld as problem:
        raise Fault(Exit.MISSING, [too_old(problem)], as_json=as_json) from None
    except SchemaTooNew as problem:
        said = Finding("store.newer", str(problem), "Run the newer mailbot, or restore a backup.")
        raise Fault(Exit.CONFIGURATION, [said], as_json=as_json) from None
    except Damaged as problem:
        raise Fault(Exit.TRY_LATER, [damaged(problem)], as_json=as_json) from None
    except StoreUnavailable as problem:
        said = Finding("store.unavailable", f"the database cannot be used: {problem}", "See [store] url, disk, server.")
        raise Fault(Exit.TRY_LATER, [said], as_json=as_json) from None


def too_old(problem: SchemaTooOld) -> Finding:
    """An empty database, or one of an older version."""
    if problem.version is None:
        return Finding("store.empty", "the database has not been made yet", "`mailbot once` or `mailbot run` makes it.")
    return Finding("store.older", str(problem), "Make a backup, stop every robot, and run `mailbot migrate`.")


def damaged(problem: Damaged) -> Finding:
    """A database that does not hold together."""
    hint = "Keep the file, and restore the last backup: `mailbot restore FILE`. Look at the disk."
    return Finding("store.damaged", str(problem), hint)


def log_to_stderr(*, verbose: bool) -> None:
    """One line for each fact; never a subject, never a body."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    for library in ("aiosmtplib", "imapclient", "gnupg", "sqlalchemy", "alembic", "asyncio"):
        logging.getLogger(library).setLevel(logging.WARNING)  # they log commands and octets at DEBUG
