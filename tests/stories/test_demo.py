"""The demo as users start it: what it says, the facts it writes, what it leaves behind."""

import imaplib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 60.0  # seconds


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """The folder that the demos of this file take for temporary files."""
    with tempfile.TemporaryDirectory(prefix="mb", dir="/tmp") as folder:
        yield Path(folder)


@contextmanager
def demo(place: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A running demo, surely ended."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mailbot", "demo", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(place), "COLUMNS": "100"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def played(place: Path) -> tuple[str, str, dict[str, Any]]:
    """Standard output, standard error and facts of a demo that went well."""
    facts = place / "facts.json"
    begin = time.monotonic()
    with demo(place, "--facts", str(facts), "--result", str(place / "result")) as process:
        said, told = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, said + told
    assert time.monotonic() - begin < LONGEST
    return said, told, json.loads(facts.read_text("utf-8"))


Played = tuple[str, str, dict[str, Any]]


def test_the_facts_say_who_got_what(played: Played) -> None:
    facts = played[2]
    assert (facts["schema"], facts["ok"], facts["problems"]) == (1, True, [])
    got = sorted((mail["login"], mail["word"], mail["author"]) for mail in facts["mails"] if mail["author"])
    assert got == [
        ("de", "REQUEST", "fr"),
        ("de-border", "REQUEST", "fr"),
        ("fr", "ACK", "it"),
        ("fr", "REPLY", "de"),
        ("fr-ministry", "REPLY", "de"),
        ("it", "REQUEST", "fr"),
    ]
    own = sorted((mail["login"], mail["word"]) for mail in facts["mails"] if not mail["author"])
    assert own == [("de", "REPLY"), ("es", "HELP"), ("fr", "REQUEST"), ("it", "REPLY")]


def test_every_mail_opens_with_its_readers_key_alone_and_says_little_outside(played: Played) -> None:
    for mail in played[2]["mails"]:
        assert (mail["decrypts"], mail["also_opened_by"]) == (True, [])
        assert (mail["signature"], mail["signed_by_robot"]) == ("good", True)
        assert mail["author_signature"] == ("good" if mail["author"] else None)
        assert re.fullmatch(r"\[[A-Z]+(#\d{4}-\d{4})?]", mail["outer_subject"])


def test_forged_and_strange_mail_is_held(played: Played) -> None:
    held = [(mail["label"], mail["reason"], mail["party"]) for mail in played[2]["held"]]
    assert held == [("H-1", "signed by another than the sender", "ES"), ("H-2", "not signed", None)]


def test_the_state_in_the_end(played: Played) -> None:
    facts = played[2]
    [exchange] = facts["exchanges"]
    assert exchange["parts"] == {"DE": "answered", "IT": "acknowledged"}
    assert facts["journal"]["sound"]
    assert facts["owed"] == 0


def test_the_ping_of_five_desks(played: Played, place: Path) -> None:
    ping = played[2]["ping"]
    assert ping["parties"] == {
        "DE": "unconfirmed",
        "ES": "undeliverable",
        "EU": "reached",
        "FR": "reached",
        "IT": "silent",
    }
    assert ping["answered_by"] == {"DE": "desk", "EU": "backup", "FR": "desk"}
    assert ping["result"] == "[STATUS PING] Ping P-1: 2 of 5 reached"
    page = (place / "result" / "ping-result.html").read_text("utf-8")
    assert "by its backup night@eu.example" in page
    assert "data:image/png;base64," in page and "cid:" not in page
    mail = message_from_bytes((place / "result" / "ping-result.eml").read_bytes())
    kinds = [part.get_content_type() for part in mail.walk() if not part.is_multipart()]
    assert kinds == ["text/plain", "text/html", "image/png", "text/csv"]


def test_what_a_person_reads(played: Played) -> None:
    said, told, _ = played
    for words in (
        "Voyageur, vol AZ 318",
        "Bundespolizei",
        "URGENT REQUEST from France (FR)",
        "fiche.csv",
        "H-1",
        "Ping P-1: 2 of 5 reached",
        "--keep",
    ):
        assert words in said
    assert "France asks Germany and Italy" in told
    assert "Traceback" not in told


def test_nothing_is_left_behind(played: Played, place: Path) -> None:
    assert played
    assert {path.name for path in place.iterdir()} == {"facts.json", "result"}
    assert agents_below(place) == []


def test_keep_waits_for_mail_programs_and_then_removes_everything(place: Path) -> None:
    with demo(place, "--keep") as process:
        assert process.stdout
        said = ""
        while "The playground is running" not in said:
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            said += line
        port, password = re.findall(r"IMAP: 127\.0\.0\.1 port (\d+)", said)[0], re.findall(r"password: (\S+)", said)[0]
        with imaplib.IMAP4("127.0.0.1", int(port)) as mailbox:
            mailbox.login("de", password)
            assert mailbox.select() == ("OK", [b"2"])
        clients = Path(re.findall(r"Keys: (\S+?)\. ", said)[0])
        assert "BEGIN PGP PRIVATE KEY" in (clients / "de.secret.asc").read_text()
        assert f"imap://127.0.0.1:{port}/" in (clients / "de.neomuttrc").read_text()
        config = re.findall(r"held list --config (\S+)", said)[0]
        looking = [sys.executable, "-P", "-m", "mailbot", "held", "list", "--json", "--config", config]
        held = subprocess.run(looking, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert len(json.loads(held.stdout)["data"]) == 2
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert not clients.exists()
    assert agents_below(place) == []


def agents_below(folder: Path) -> list[str]:
    """The command lines of all gpg-agents with a home in this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # it ended meanwhile
            continue
        if "gpg-agent" in words and str(folder) in words:
            found.append(words)
    return found


def test_machines_get_one_object() -> None:
    command = [sys.executable, "-m", "mailbot", "demo", "--json"]
    said = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=100).stdout)
    assert (said["schema"], said["ok"], said["problems"]) == (1, True, [])
    assert {mail["tag"] for mail in said["data"]["mails"]} >= {"[REPLY#2026-0001 DE>FR]"}
