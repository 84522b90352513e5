"""backup, restore, migrate, purge: what is done with the database as a whole. Each is a row of the journal."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rich_click as click
from sqlalchemy import Engine

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.output import answer_json, show_table
from mailbot.cli.style import open_config, open_database, telling_faults, with_config, with_json
from mailbot.core.decision import Entry, Event
from mailbot.core.findings import Finding
from mailbot.core.retention import Kept, Plan
from mailbot.store import backup as copies
from mailbot.store.archive import Archive
from mailbot.store.engine import StoreUnavailable, open_store
from mailbot.store.grants import sender_grants
from mailbot.store.journal import Journal
from mailbot.store.migrations import migrate as run_migrations
from mailbot.store.migrations import newest_version, schema_version, steps
from mailbot.store.soundness import Damaged, file_of
from mailbot.store.watch import InUse, nobody_else

BESIDES = "It is the database alone: keep configuration, keys, the robot's GnuPG home and state/secret, too."


# ---------------------------------------------------------------- backup


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_config
@with_json
def backup(file: Path, config_path: Path, as_json: bool) -> None:
    """Copy the database into a new FILE, consistently, while robots work on it; also one that is yet to be migrated.

    Of PostgreSQL pg_dump makes the copy. Nothing is overwritten; the file may be read by its owner alone.
    """
    with open_database(config_path, as_json=as_json, older=True) as (_, engine):
        head = Journal(engine).head()
        with suppress(StoreUnavailable):  # what can only be read any more shall be saved all the same
            _note(engine, Event.BACKED_UP, row=str(head[0]), hash=head[1])
        try:
            copies.back_up(engine, file)
        except copies.NoProgram as problem:
            hint = f"Install postgresql-client, or run where it is: {problem}"
            raise _fault(Exit.MISSING, "backup.no-pg-dump", "pg_dump is not installed", hint, as_json=as_json) from None
        except FileExistsError:
            hint = "Name a file that is not there; nothing is overwritten."
            raise _fault(Exit.FINDING, "backup.exists", f"{file} is there already", hint, as_json=as_json) from None
    if as_json:
        answer_json({"file": str(file.absolute()), "octets": file.stat().st_size})
    else:
        click.echo(f"{file}: {file.stat().st_size} octets. {BESIDES}")


# ---------------------------------------------------------------- restore


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_config
@with_json
def restore(file: Path, yes: bool, config_path: Path, as_json: bool) -> None:
    """Put a backup in the database's place: first it is looked through, page by page and row by row of its journal.

    Every robot must be stopped. The old database is kept beside the new one. What was done since the backup is
    forgotten: its mails lie in the mailbox's folders, and mail that was still owed then may be sent a second time.
    """
    config = open_config(config_path, as_json=as_json)
    with telling_faults(as_json=as_json):
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = open_store(config.store_url)
        try:
            with _alone(engine, as_json=as_json):
                said = _restore(file, engine, yes=yes, as_json=as_json)
        finally:
            engine.dispose()
    if as_json:
        answer_json(said)
    else:
        click.echo(f"Restored; what was there is kept as {said['kept']}. Now `mailbot check`, then `mailbot run`.")


def _restore(file: Path, engine: Engine, *, yes: bool, as_json: bool) -> dict[str, Any]:
    if file_of(engine) is None:
        url = engine.url.set(drivername="postgresql", password=None).render_as_string()
        command = shlex.join(["pg_restore", "--exit-on-error", "--single-transaction", f"--dbname={url}", str(file)])
        hint = (
            f"Stop every robot, make an empty database in its place, run {command}, and then "
            "`mailbot check` and `mailbot journal verify`."
        )
        said = "a PostgreSQL database is restored by pg_restore"
        raise _fault(Exit.MISSING, "restore.postgresql", said, hint, as_json=as_json)
    with copies.prepared(file, engine) as copy:
        found = _look_through(copy, file, as_json=as_json)
        lost = copies.loss(found, engine)
        if not as_json:
            _show(found, lost)
        _confirm("Put it in the database's place?", yes=yes, as_json=as_json)
        kept = copies.put_in_place(copy, engine, now := datetime.now(UTC))
    run_migrations(engine)
    copies.note_restored(engine, found, now)
    return {
        "kept": str(kept),
        "version": found.version,
        "journal_row": found.head[0],
        "journal_head": found.head[1],
        "journal_at": found.last_at,
        "outbox_queued": found.queued,
        "rows_forgotten": lost.rows if lost.readable else None,
    }


def _look_through(copy: Path, file: Path, *, as_json: bool) -> copies.Contents:
    try:
        found = copies.contents(copy)
    except (copies.NoBackup, Damaged, StoreUnavailable) as problem:
        hint = "Nothing was changed. Take another backup."
        raise _fault(Exit.FINDING, "restore.unusable", f"{file}: {problem}", hint, as_json=as_json) from None
    if found.journal.findings:
        broken = found.journal.findings[0]
        said, hint = f"{file}: journal row {broken.number}: {broken.what}", "Nothing was changed. Take another backup."
        raise _fault(Exit.FINDING, "restore.journal", said, hint, as_json=as_json)
    return found


def _show(found: copies.Contents, lost: copies.Loss) -> None:
    click.echo(f"The backup is sound: version {found.version}, journal unbroken to row {found.head[0]}", nl=False)
    click.echo(f" ({found.last_at:%Y-%m-%d %H:%M:%S} UTC)." if found.last_at else ".")
    click.echo(f"It owes {found.queued} mails; those that were sent since it was made will be sent a second time.")
    if found.newer_steps:
        click.echo(f"It is older than this mailbot and will be migrated: {'; '.join(found.newer_steps)}")
    if not lost.readable:
        click.secho("The present database cannot be read, so nobody can say what is lost.", fg="yellow")
    elif lost.rows or not lost.of_this_robot:
        other = "" if lost.of_this_robot else " The backup's journal is not the beginning of the present one."
        click.secho(f"{lost.rows} journal rows written since will be forgotten.{other}", fg="yellow")


# ---------------------------------------------------------------- migrate


@click.command()
@click.option("--check", is_flag=True, help="Only say what would be done; exit code 1 if there is something to do.")
@click.option("--grants", metavar="ROLE", help="Only print what the PostgreSQL role of `mailbot send` may do, as SQL.")
@with_config
@with_json
def migrate(check: bool, grants: str | None, config_path: Path, as_json: bool) -> int:
    """Bring the database to the version that this mailbot needs, in one transaction.

    The only way is up: before it, make a backup; a database of a newer mailbot is refused. Stop every robot first.
    """
    if grants:
        click.echo("\n".join(sender_grants(grants)))
        return Exit.FINE
    config = open_config(config_path, as_json=as_json)
    with telling_faults(as_json=as_json):
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = open_store(config.store_url)
        try:
            before, todo = schema_version(engine), steps(engine)
            if todo and not check:
                with _alone(engine, as_json=as_json):
                    run_migrations(engine)
                _note(engine, Event.MIGRATED, before=before or "none", after=newest_version())
        finally:
            engine.dispose()
    said = {"version": before if check else newest_version(), "needed": newest_version(), "before": before}
    if as_json:
        answer_json(said | {"steps": todo})
    elif not todo:
        click.echo(f"The database is at version {before}, which is the newest.")
    else:
        click.echo(f"From version {before or 'none'} to {newest_version()}: {'to do' if check else 'done'}")
        for step in todo:
            click.echo(f"  {step}")
    return Exit.FINDING if todo and check else Exit.FINE


# ---------------------------------------------------------------- purge


COLUMNS = ("mail", "what", "octets", "kept_at", "goes")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show what goes now, and what goes soon.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_config
@with_json
def purge(dry_run: bool, yes: bool, config_path: Path, as_json: bool) -> None:
    """Drop kept mail whose time is over ([retention]): of ended exchanges, and held mail. Robots do it once a day.

    What is known about each mail stays, and so does the memory of what was acted on.
    """
    now = datetime.now(UTC)
    with open_database(config_path, as_json=as_json) as (config, engine):
        archive = Archive(engine)
        planned = archive.plan(config.retention, now)
        gone: Sequence[Kept] = ()
        if not as_json:
            show_table("kept mail", COLUMNS, _rows(planned), "Nothing goes now, and nothing soon.")
        if planned.now and not dry_run:
            _confirm(f"Drop {len(planned.now)} mails?", yes=yes, as_json=as_json)
            with _alone(engine, as_json=as_json):
                gone = archive.purge(config.retention, now, "operator")
    if as_json:
        rows = {"now": _described(planned.now), "soon": [_one(m) | {"goes_at": at} for at, m in planned.soon]}
        answer_json(rows | {"purged": len(gone)})
    elif gone:
        click.echo(f"{len(gone)} mails dropped, {sum(mail.size for mail in gone)} octets.")


def _rows(planned: Plan) -> list[tuple[object, ...]]:
    timed = [*((None, mail) for mail in planned.now), *planned.soon]
    return [(mail.digest[:16], mail.what, mail.size, mail.kept_at, at or "now") for at, mail in timed]


def _described(mails: Sequence[Kept]) -> list[dict[str, object]]:
    return [_one(mail) for mail in mails]


def _one(mail: Kept) -> dict[str, object]:
    return {
        "digest": mail.digest,
        "held": mail.held.label if mail.held else None,
        "reference": mail.exchange.reference if mail.exchange else None,
        "octets": mail.size,
        "kept_at": mail.kept_at,
    }


# ---------------------------------------------------------------- what they share


def _confirm(question: str, *, yes: bool, as_json: bool) -> None:
    """A person must say yes; a machine says --yes beforehand."""
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        said = "this changes the database, and nobody said yes"
        raise _fault(Exit.USAGE, "confirm.missing", said, "Add --yes.", as_json=as_json)
    click.confirm(question, abort=True, err=True)


@contextmanager
def _alone(engine: Engine, *, as_json: bool) -> Iterator[None]:
    """No robot is at work, and none begins."""
    try:
        with nobody_else(engine):
            yield
    except InUse:
        hint = "Stop every robot, here and on every machine, and try again."
        said = "a robot or another program has the database open"
        raise _fault(Exit.TRY_LATER, "store.in-use", said, hint, as_json=as_json) from None


def _note(engine: Engine, event: Event, **facts: str) -> None:
    Journal(engine).record([Entry(event, facts={"by": "operator", **facts})], datetime.now(UTC))


def _fault(code: Exit, name: str, message: str, hint: str, *, as_json: bool) -> Fault:
    return Fault(code, [Finding(name, message, hint)], as_json=as_json)
