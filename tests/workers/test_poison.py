"""A mail that kills the robot, or stalls it, runs out of tries and is held; the mail behind it hardly waits."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from mailbot.core.decision import Event
from mailbot.core.records import Reason
from mailbot.store.engine import open_store, reading
from mailbot.store.journal import Journal, JournalRow
from mailbot.store.schema import attempts
from tests.stories.world import ROOT
from tests.workers.plug import AHEAD, SECONDS_PER_MAIL, Plug

DEADLY, STICKY = "deadly", "sticky"
RUN = """
import sys
from tests.workers.robot_process import poison
from mailbot.cli import main
poison("sticky", "")
sys.argv = ["mailbot", "run", "--config", sys.argv[1]]
main()
"""


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def plug(request: pytest.FixtureRequest, plugs: list[Plug]) -> Plug:
    return next(plug for plug in plugs if plug.database.name == request.param)


def poisoned(word: str) -> bytes:
    return f"From: <x@elsewhere.example>\r\nTo: <network@hub.example>\r\nSubject: {word}\r\n\r\nHello\r\n".encode()


def journal(plug: Plug) -> list[JournalRow]:
    engine = open_store(plug.database.url)
    try:
        return list(Journal(engine).rows())
    finally:
        engine.dispose()


def times(plug: Plug, event: Event) -> list[JournalRow]:
    return [row for row in journal(plug) if row.event == event]


def test_mail_that_kills_is_held_the_third_time_and_the_next_mail_waits_for_one_try(plug: Plug) -> None:
    plug.begin(poisoned(DEADLY), plug.mails[1])
    opened = []
    for _ in range(3):
        assert plug.order(hours=AHEAD, die=DEADLY)["code"] == -signal.SIGKILL
        opened.append(len(times(plug, Event.OPENED)))
    assert opened == [1, 2, 2]  # one of them is the stage's; the second time, the mail behind is in front
    assert plug.held() == ()
    assert plug.order(hours=AHEAD, die=DEADLY, rounds=8)["code"] == 0
    assert [(held.reason, held.label) for held in plug.held()] == [(Reason.POISON, "H-1")]
    assert len(plug.dovecot.mails(plug.account, "Held")) == 1
    assert plug.dovecot.mails(plug.account) == []
    assert times(plug, Event.HELD)[0].facts.count(Reason.POISON) == 1


def test_mail_that_was_tried_and_broke_off_by_accident_is_acted_on_all_the_same(plug: Plug) -> None:
    plug.begin(plug.mails[1])
    for _ in range(3):
        assert plug.order(hours=AHEAD, kill="after", call="open")["code"] == -signal.SIGKILL
    plug.run_until_idle()
    # Three kills in the same mail: nobody can know that it was not to blame. Two are forgiven.
    assert [held.reason for held in plug.held()] == [Reason.POISON]
    plug.begin(plug.mails[1])
    for _ in range(2):
        assert plug.order(hours=AHEAD, kill="after", call="open")["code"] == -signal.SIGKILL
    plug.run_until_idle()
    assert plug.held() == ()
    assert len(times(plug, Event.OPENED)) == 2


def test_kept_mail_that_stalls_or_kills_the_robot_when_time_calls_for_it_is_set_aside(plug: Plug) -> None:
    """At the deadline the author's mail is opened again, for the backups. New mail is never delayed by that."""
    author, deadline = plug.cast.people["fr"].address, 5.0
    plug.begin(plug.mails[0])
    assert plug.order(hours=deadline, stall=author)["code"] == -signal.SIGALRM
    assert plug.dovecot.mails(plug.account) == []
    for _ in range(2):
        assert plug.order(hours=deadline, die=author)["code"] == -signal.SIGKILL
    assert times(plug, Event.REMINDED) == times(plug, Event.SET_ASIDE) == []
    assert plug.order(hours=deadline, die=author, rounds=8)["code"] == 0
    assert [row.party for row in times(plug, Event.REMINDED)] == ["IT"]
    [aside] = times(plug, Event.SET_ASIDE)
    assert (aside.reference, Reason.POISON in aside.facts) == (times(plug, Event.OPENED)[0].reference, True)
    assert "desk@it.example" in [mail.recipients[0] for mail in plug.smtp.accepted]
    plug.run_until_idle(hours=deadline)  # nothing is left to do
    assert len(times(plug, Event.SET_ASIDE)) == 1


def test_kept_mail_that_opens_leaves_no_try_behind(plug: Plug) -> None:
    plug.begin()
    plug.run_until_idle(hours=5)
    assert len(times(plug, Event.REMINDED)) == 2
    engine = open_store(plug.database.url)
    with reading(engine) as connection:
        assert connection.execute(select(attempts)).all() == []
    engine.dispose()


@pytest.mark.slow
def test_robot_outlives_a_mail_that_stalls_it_and_the_mail_behind_waits_for_one_time_limit(plugs: list[Plug]) -> None:
    """`mailbot run` itself. The stall is a regular expression, which lets no other thread of Python run."""
    plug = plugs[0]
    plug.begin(poisoned(STICKY), plug.mails[1])
    log = plug.folder / "stalled.log"
    with log.open("wb") as said:
        process = subprocess.Popen([sys.executable, "-c", RUN, str(plug.config)], cwd=ROOT, stderr=said)
    try:
        plug.dovecot.wait(plug.account, 1, "Held", seconds=60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, log.read_text()
    finally:
        process.kill()
    text = log.read_text()
    assert text.count("the robot's process was ended by signal 14 (Alarm clock)") == 3
    assert text.count("most recent call first") >= 3
    assert "robot_process.py" in text  # where it stood
    assert "Hello" not in text
    assert [held.reason for held in plug.held()] == [Reason.POISON]
    [opened] = times(plug, Event.OPENED)[1:]
    # Two of the three stalls came after the mail behind: it waited for the first alone.
    assert times(plug, Event.HELD)[0].at - opened.at > timedelta(seconds=2 * SECONDS_PER_MAIL)


def test_work_that_ends_in_time_is_left_alone() -> None:
    program = "import time; from mailbot.workers.limit import time_limit\nwith time_limit(0.3): pass\ntime.sleep(0.6)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_parser_that_runs_out_of_memory_gives_the_mail_up_and_the_robot_lives(plugs: list[Plug]) -> None:
    """60 MiB of mail and 64 MiB of memory."""
    program = """
import resource, sys
from pathlib import Path
from mailbot.config import load
from mailbot.core.mail import IncomingMail
from mailbot.wiring import Robot
from mailbot.workers.limit import memory_limit
with Robot(load(Path(sys.argv[1]))) as robot:
    open_mail = robot.opener(robot.gpg())
    mail = IncomingMail(b"Subject: x\\r\\n\\r\\n" + b"a line\\n" * (8 << 20), "d" * 64)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    with memory_limit(used + (64 << 20)):
        print(open_mail(mail).trouble)
    print(len(bytearray(1 << 28)) >> 28)
"""
    command = [sys.executable, "-c", program, str(plugs[0].config)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["limits", "1"], done.stderr


ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
HUGE = "{{ 'x' * 10000000000 }}"


def replace_letter(plug: Plug, text: str) -> None:
    """The request as the robot writes it, in both languages, from an operator's folder."""
    letter = plug.folder
    for language in ("en", "fr"):
        letter = plug.folder / "letters" / "request" / f"{language}.txt"
        letter.parent.mkdir(parents=True, exist_ok=True)
        letter.write_text(text)
    plug.config.write_text(f'{plug.config.read_text()}\n[templates]\ndir = "{letter.parents[1]}"\n')


def test_template_that_never_ends_ends_the_process_in_time_and_no_mail_is_lost(plugs: list[Plug]) -> None:
    plug = plugs[0]
    plug.begin(plug.mails[1])
    usual = plug.config.read_text()
    replace_letter(plug, ENDLESS)
    begin = time.monotonic()
    assert plug.order()["code"] == -signal.SIGALRM
    assert time.monotonic() - begin > SECONDS_PER_MAIL
    plug.config.write_text(usual)
    plug.run_until_idle(hours=0)
    assert len(plug.smtp.accepted) == 5
    assert len(plug.dovecot.mails(plug.account, "Done")) == 1


def test_template_that_runs_out_of_memory_gives_the_mail_up_and_the_robot_lives(plugs: list[Plug]) -> None:
    plug = plugs[0]
    plug.begin()
    replace_letter(plug, HUGE)
    program = """
import resource, sys
from hashlib import sha256
from pathlib import Path
from mailbot.config import load
from mailbot.core.mail import IncomingMail
from mailbot.mail.templates import BrokenTemplate
from mailbot.wiring import Robot
from mailbot.workers.limit import memory_limit
mail = sys.stdin.buffer.read()
with Robot(load(Path(sys.argv[1]))) as robot:
    receiver = robot.receiver()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    with memory_limit(used + (1 << 30)):
        try:
            receiver.receive(IncomingMail(mail, sha256(mail).hexdigest()))
        except BrokenTemplate as broken:
            print(broken)
    print(len(robot.memory.latest_exchanges()))
"""
    command = [sys.executable, "-c", program, str(plug.config)]
    done = subprocess.run(command, cwd=ROOT, input=plug.mails[1], capture_output=True, check=False)
    assert done.stdout.split() == [b"request/en:", b"MemoryError", b"1"], done.stderr  # the one exchange is the stage's


def test_killed_supervisor_leaves_no_robot_behind(plugs: list[Plug]) -> None:
    plug = plugs[0]
    plug.begin(*plug.mails)
    process = subprocess.Popen([sys.executable, "-c", RUN, str(plug.config)], cwd=ROOT, stderr=subprocess.DEVNULL)
    plug.dovecot.wait(plug.account, 2, "Done", seconds=30)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    [child] = map(int, children.read_text().split())
    process.kill()
    process.wait(10)
    end = time.monotonic() + 10
    while is_running(child):
        assert time.monotonic() < end
        time.sleep(0.02)


def is_running(number: int) -> bool:
    """A process that ended, and that nobody has waited for yet, does not run."""
    try:
        os.kill(number, 0)
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
