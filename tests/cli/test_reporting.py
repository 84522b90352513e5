"""digest, report and templates as a person or a machine calls them."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from mailbot import cli
from mailbot.cli.faults import Exit
from mailbot.core.decision import Event
from mailbot.mail.samples import samples
from mailbot.mail.templates import find_templates
from mailbot.playground.stage import Stage, set_up
from tests.cli.test_commands import CANARY, Said

Call = Callable[..., Said]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A playground in which one request was passed on, and one unsigned mail is held."""
    with set_up() as stage:
        france = stage.people["fr"]
        stage.post("fr", france.write(f"[REQUEST DE,IT urgent] {CANARY}", f"Where is he? {CANARY}\n"))
        stage.post("fr", f"From: {france.address}\r\nSubject: {CANARY}\r\n\r\n{CANARY}\r\n".encode())
        subprocess.run([sys.executable, "-m", "mailbot", "once", "-c", stage.config], check=True, capture_output=True)
        yield stage


@pytest.fixture
def call(stage: Stage, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Call:
    """Call a command with the playground's configuration; nobody is there to be asked."""

    def called(*args: str, config: bool = True) -> Said:
        monkeypatch.setattr(sys, "argv", ["mailbot", *args, *(["-c", str(stage.config)] if config else [])])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfdbinary.readouterr()
        return Said(int(ended.value.code or 0), out.decode(), err.decode())

    return called


# ---------------------------------------------------------------- digest


def test_a_preview_is_text_and_says_by_its_exit_code_whether_anybody_is_needed(call: Call) -> None:
    said = call("digest", "--preview", "--lang", "en")
    assert said.code == Exit.FINDING
    assert said.out.startswith("1 THING NEEDS YOU")
    assert "H-1: not signed" in said.out
    assert CANARY not in said.out


def test_a_preview_in_other_forms(call: Call) -> None:
    page = call("digest", "--preview", "--lang", "fr", "--as", "html").out
    assert page.lstrip().startswith("<!DOCTYPE html>")
    mail = message_from_bytes(call("digest", "--preview", "--as", "eml", "--lang", "fr").out.encode(), policy=default)
    assert mail["Subject"].startswith("[DIGEST] 1 chose à faire")
    assert mail.get_content_type() == "multipart/alternative"
    facts = call("digest", "--preview", "--json").json
    assert (facts["ok"], [need["what"] for need in facts["data"]["needs"]]) == (True, ["held"])


def test_a_preview_in_files(call: Call, tmp_path: Path) -> None:
    call("digest", "--preview", "--lang", "en", "--out", str(tmp_path / "new"))
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert [name.partition("-en")[2] for name in names] == [".eml", ".html", ".txt"]


def test_nothing_is_sent_without_a_yes(call: Call) -> None:
    for words in (("digest",), ("digest", "--json")):
        said = call(*words)
        assert said.code == Exit.USAGE
        assert "confirm.missing" in said.out + said.err


def test_a_yes_sends_it_to_the_secretariat_and_says_who_asked(call: Call, stage: Stage) -> None:
    said = call("digest", "--yes", "--json")
    assert (said.code, said.json["data"]["queued_to"]) == (0, [stage.people["sec"].address])
    assert call("status", "--json").json["data"]["outbox_queued"] == 1
    last = json.loads(call("journal", "export").out.splitlines()[-1])
    assert last["event"] == Event.DIGEST_SENT
    assert last["facts"]["by"].startswith("shell:")


# ---------------------------------------------------------------- report


def test_a_report_is_text_or_facts(call: Call) -> None:
    said = call("report", "2026-01-01..2099-12-31", "--lang", "en")
    assert said.code == 0
    assert said.out.startswith("STATE OF THE NETWORK\n1 January 2026 to 31 December 2099\n")
    facts = call("report", "2026-01-01..2099-12-31", "--json").json["data"]
    assert (facts["exchanges"]["requests"], facts["first"]) == (1, "2026-01-01")
    assert CANARY not in said.out


def test_a_report_is_four_files(call: Call, tmp_path: Path) -> None:
    said = call("report", "2026-01-01..2099-12-31", "--lang", "fr", "--out", str(tmp_path), "--json")
    names = {Path(name).suffix: Path(name) for name in said.json["data"]["files"]}
    assert set(names) == {".txt", ".html", ".csv", ".pdf"}
    assert names[".pdf"].name == "report-2026-01-01-2099-12-31-fr.pdf"
    assert names[".pdf"].read_bytes().startswith(b"%PDF-")
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in names.values())


@pytest.mark.parametrize("period", ["2026", "2026-06-30..2026-01-01", "2026-02-30..2026-03-01"])
def test_what_is_no_period_is_told_with_an_example(call: Call, period: str) -> None:
    said = call("report", period, "--json")
    assert said.code == Exit.USAGE
    assert [(p["id"], "2026-01-01..2026-06-30" in p["hint"]) for p in said.json["problems"]] == [
        ("report.period", True)
    ]


# ---------------------------------------------------------------- templates


def test_letters_are_previewed_turn_by_turn_in_both_languages(call: Call, tmp_path: Path) -> None:
    said = call("templates", "preview", "receipt", "report", "--out", str(tmp_path), "--json", config=False)
    names = {Path(name).name for name in said.json["data"]["files"]}
    turns = [f"receipt.{turn}.{language}" for language in ("en", "fr") for turn in samples(language)["receipt"]]
    assert {f"{turn}{end}" for turn in turns for end in (".txt", ".eml")} <= names
    assert {f"report.half-a-year.fr{end}" for end in (".txt", ".eml", ".html")} <= names
    mail = message_from_bytes((tmp_path / "report.half-a-year.fr.eml").read_bytes(), policy=default)
    related = next(part for part in mail.walk() if part.get_content_type() == "multipart/related")
    assert [part.get_content_type() for part in related.iter_parts()] == ["text/html", "image/png", "image/png"]
    assert (tmp_path / "report.half-a-year.fr.html").read_text("utf-8").count("data:image/png") == 2


def test_ones_own_words_are_seen_and_a_broken_letter_is_told(call: Call, stage: Stage, tmp_path: Path) -> None:
    mine = stage.config.parent / "templates"
    (mine / "waiting").mkdir(parents=True)
    text = (find_templates() / "waiting" / "en.txt").read_text("utf-8")
    (mine / "waiting" / "en.txt").write_text(text.replace("Subject: ", "Subject: Bonjour, "), "utf-8")
    (mine / "waiting" / "fr.txt").write_text("Subject: x\n\n{{ party.name }} {{ number }}\n", "utf-8")
    before = stage.config.read_text("utf-8")
    stage.config.write_text(before + '\n[templates]\ndir = "templates"\n', "utf-8")
    said = call("templates", "preview", "waiting", "--out", str(tmp_path), "--json")
    stage.config.write_text(before, "utf-8")
    assert said.code == Exit.FINDING
    assert [(p["id"], p["place"]) for p in said.json["problems"]] == [("templates.words", "waiting/fr.txt")]
    assert "Bonjour, " in (tmp_path / "waiting.always.en.txt").read_text("utf-8")


@pytest.mark.parametrize("words", [(), ("nosuchletter",)])
def test_a_letter_must_be_named(call: Call, tmp_path: Path, words: tuple[str, ...]) -> None:
    said = call("templates", "preview", *words, "--out", str(tmp_path), "--json", config=False)
    assert said.code == Exit.USAGE
    assert [p["id"] for p in said.json["problems"]] == ["templates.unknown"]
    assert "receipt" in call("templates", "list", config=False).out.split()
