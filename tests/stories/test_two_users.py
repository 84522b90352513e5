"""receive and send as two processes under two users: the one that talks to the world outside can open nothing."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from tests.servers.postgres import Postgres
from tests.stories.world import ROOT, World

SENDER = 64321  # a user that exists nowhere and owns nothing
PROGRAM = Path(__file__).with_name("sender_process.py")


def as_sender(*words: str) -> list[str]:
    return [sys.executable, "-P", str(PROGRAM), str(SENDER if os.geteuid() == 0 else os.geteuid()), *words]


@contextmanager
def at_work(world: World, name: str, command: list[str]) -> Iterator[None]:
    """A process for the length of the block; it must end in order."""
    log = (world.folder / f"{name}.log").open("ab")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", env=environment)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
        print((world.folder / f"{name}.log").read_text())  # shown where the test fails
    assert process.returncode == 0


def receiving(world: World) -> list[str]:
    return [sys.executable, "-P", "-m", "mailbot", "receive", "--config", str(world.config)]


def sender_config(world: World, section: str) -> Path:
    """What the sender's user needs, and all that it may read: the configuration, and its own password."""
    folder = world.folder / "sender"
    folder.mkdir(mode=0o700)
    authority = Path(world.dovecot.authority.cert_file)
    for file in (world.config, world.folder / "smtp.password", authority):
        shutil.copy(file, folder)
    config = folder / "config.toml"
    words = world.config.read_text().replace(str(authority), str(folder / authority.name)) + section
    closed = world.folder / "secrets"  # as `init` makes it: the sender may not even enter
    closed.mkdir(mode=0o700)
    config.write_text(words.replace('"imap.password"', f'"{closed / "imap.password"}"'))
    own(folder, *folder.iterdir())
    world.folder.chmod(0o711)  # it may pass through, as through /var/lib
    return config


def own(*paths: Path) -> None:
    for path in paths:
        if os.geteuid() == 0:
            os.chown(path, SENDER, SENDER)


@pytest.fixture
def handover(world: World) -> Path:
    """The folder that both share, and a configuration that names it."""
    folder = world.folder / "handover"
    folder.mkdir()
    own(folder)
    folder.chmod(0o2770)
    world.config.write_text(world.config.read_text() + f'\n[send]\nhandover = "{folder}"\n')
    return folder


def exchange(world: World) -> None:
    """France asks Germany and Italy, and Germany answers."""
    world.post("fr", world.people["fr"].write("[REQUEST DE,IT] x", "Who is he?\n"))
    (asked,) = world.mails("de", 1)
    assert "Who is he?" in asked.text
    world.post("de", world.people["de"].press_reply(asked, "Nobody.\n"))
    assert any("Nobody." in mail.text for mail in world.mails("fr", 2))
    assert len(world.mails("it", 1)) == 1


def test_on_one_file(world: World, handover: Path) -> None:
    config = sender_config(world, "")
    with (
        at_work(world, "receive", receiving(world)),
        at_work(world, "send", as_sender("send", "--config", str(config))),
    ):
        exchange(world)
        world.raw("de", 2)
    world.look("check")
    accepted = [row for row in world.journal() if row["event"] == "accepted by the server"]
    assert len(accepted) == sum(len(mails) for mails in world.every_mail().values())
    world.look("journal", "verify")


def test_what_the_sender_may_read(world: World, handover: Path) -> None:
    """Its own configuration and the hand-over file; no key, no secret, no database."""
    config = sender_config(world, "")
    with at_work(world, "receive", receiving(world)):
        world.post("fr", world.people["fr"].write("[REQUEST DE] x", "Who is he?\n"))
        world.filed("Done", 1)
    private = [world.folder / "state", world.folder / "imap.password", world.cast.robot.home]
    files = [path for place in private for path in ([place] if place.is_file() else place.rglob("*"))]
    wanted = [path for path in files if path.is_file()]
    assert {"secret", "mailbot.sqlite", "imap.password"} <= {path.name for path in wanted}
    allowed = [config, handover / "outbox.sqlite"]
    result = subprocess.run(
        as_sender("read", *map(str, [*wanted, *allowed])),
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if os.geteuid() == 0:
        assert result.stdout.split() == [str(path) for path in allowed]


def test_on_postgresql(world: World, postgres: Postgres) -> None:
    """The sender's role reads sealed mail and adds what became of it; everything else is refused."""
    url = postgres.database().replace("postgresql+psycopg", "postgresql")
    world.config.write_text(world.config.read_text() + f'\n[store]\nurl = "{url}"\n')
    world.look("migrate")
    grants = world.look("migrate", "--grants", "sender")
    owner = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with owner.begin() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS sender")
        connection.exec_driver_sql("CREATE ROLE sender LOGIN")
        connection.exec_driver_sql(grants)
    as_role = "postgresql://sender@" + url.partition("@")[2]
    config = sender_config(world, f'\n[send]\nurl = "{as_role}"\n')
    with (
        at_work(world, "receive", receiving(world)),
        at_work(world, "send", as_sender("send", "--config", str(config))),
    ):
        exchange(world)
        world.raw("de", 2)
    sender = create_engine(as_role.replace("postgresql:", "postgresql+psycopg:"))
    for statement in (
        "SELECT octets FROM originals",
        "SELECT * FROM held",
        "SELECT * FROM exchanges",
        "SELECT * FROM questions",
        "SELECT facts FROM journal",
        "UPDATE outbox SET recipient = 'x@y.example'",
        "INSERT INTO outbox (tracking) VALUES ('x')",
        "DELETE FROM outbox",
        "DELETE FROM journal",
        "INSERT INTO suspensions VALUES ('FR', now(), 'x')",
    ):
        with sender.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text(statement))
    with owner.begin() as connection:
        connection.exec_driver_sql("DROP OWNED BY sender")
        connection.exec_driver_sql("DROP ROLE sender")
    sender.dispose()
    owner.dispose()
    world.look("journal", "verify")
