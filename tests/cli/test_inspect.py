"""`mailbot inspect` as an operator and a script call it: every field, keys of one's own, files that fail."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mailbot.cli import mailbot, watching
from mailbot.cli.inspection import inspect_command
from mailbot.mail.return_path import ReturnPath, Style
from mailbot.mail.writing import Robot
from mailbot.playground.stage import Stage, set_up
from tests.keys import export, fresh_home, run
from tests.mail.mails import encrypted, header, multipart, part, protected_text, sealed_mail, world

TEXT = part("text/plain; charset=utf-8", "Bonjour é\r\n")
FIELDS = [
    "file", "class", "rule", "answerable", "kind", "treated_as", "reference", "token", "targets", "arguments",
    "options", "tag_source", "tag_signed", "tag_problem", "subject", "subject_source", "from", "message_id",
    "references", "encrypted", "signatures", "assurance", "repairs", "bounce", "about", "return_date", "problem",
]  # fmt: skip


def call(*args: str | Path) -> Result:
    return CliRunner().invoke(mailbot, ["inspect", *map(str, args)], standalone_mode=False, catch_exceptions=False)


def records(*args: str | Path, code: int = 0) -> list[dict[str, Any]]:
    done = call("--json", *args)
    assert done.return_value == code
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    return tmp_path / "mail.eml"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The robot's secret key, and France's certificate as it lies in the robot's folder of keys."""
    folder, people = tmp_path_factory.mktemp("keys"), world()
    hub, france = folder / "hub.asc", folder / "FR" / f"{people.france.fingerprint}.asc"
    france.parent.mkdir()
    hub.write_bytes(export(people.robot.key.home, people.robot.fingerprint, secret=True))
    france.write_bytes(people.france.key.public)
    return ["--key", str(hub), "--key", str(france)]


def look(mail: Path, octets: bytes, *args: str | Path) -> dict[str, Any]:
    mail.write_bytes(octets)
    (record,) = records("--text", *args, mail)
    return record


# ---------------------------------------------------------------- the fields


def test_every_field_is_always_there(mail: Path, keys: list[str]) -> None:
    record = look(
        mail, sealed_mail(protected_text("Bonjour\r\n", "[REQUEST DE,IT urgent deadline=4h] Voyageur")), *keys
    )
    assert list(record) == [*FIELDS[:-1], "text", "problem"]
    assert record == {
        "file": str(mail), "class": "person", "rule": "person", "answerable": True, "kind": "REQUEST",
        "treated_as": "new exchange", "reference": None, "token": None, "targets": ["DE", "IT"], "arguments": [],
        "options": {"urgency": "urgent", "deadline": 14_400}, "tag_source": "protected", "tag_signed": True,
        "tag_problem": None, "subject": "[REQUEST DE,IT urgent deadline=4h] Voyageur", "subject_source": "protected",
        "from": "desk@fr.example", "message_id": "<1@mail.fr.example>", "references": [], "encrypted": True,
        "signatures": [{"fingerprint": world().france.fingerprint, "state": "good", "party": "FR", "covers": "whole"}],
        "assurance": "signed", "repairs": [], "bounce": None, "about": None, "return_date": None, "text": "Bonjour\n",
        "problem": None,
    }  # fmt: skip
    assert list(records(mail)[0]) == FIELDS, "without --text"
    assert list(records("/nowhere", code=1)[0]) == FIELDS


def test_a_card_for_a_person(mail: Path) -> None:
    mail.write_bytes(header("Auto-Submitted: auto-replied", subject="[ACK#2026-0042]") + TEXT)
    done = call(mail)
    assert done.return_value == 0
    assert "  class           automatic\n  rule            auto submitted\n  answerable      no\n" in done.stdout
    assert "kind" not in done.stdout, "machines quote tags"
    assert "text" not in done.stdout
    assert "Bonjour é" in call("--text", mail).stdout


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("first", [b"", b"From desk@fr.example Mon Jul 20 10:00:00 2026\r\n"], ids=["plain", "mbox"])
def test_files_as_programs_save_them(mail: Path, newline: bytes, first: bytes) -> None:
    record = look(mail, (first + header(subject="[ACK#2026-0042]") + TEXT).replace(b"\r\n", newline))
    assert (record["kind"], record["reference"], record["text"]) == ("ACK", "2026-0042", "Bonjour é\n")


# ---------------------------------------------------------------- where the tag was read


def _replying(*fields: str) -> bytes:
    return header(*fields, subject="Re: ...") + TEXT


def test_an_answer_is_known_by_its_thread(mail: Path, keys: list[str]) -> None:
    root = Robot("Hub", "hub@network.example", "c@d.example", "", "network.example").root_of("2026-0042")
    record = look(mail, _replying(f"References: {root} <x@network.example>"), *keys)
    assert (record["tag_source"], record["kind"], record["reference"]) == ("thread", "REPLY", "2026-0042")
    record = look(mail, _replying("In-Reply-To: <x@network.example>"), *keys)
    assert (record["tag_source"], record["kind"], record["reference"]) == ("thread", "REPLY", None)
    assert look(mail, _replying("In-Reply-To: <x@elsewhere.example>"), *keys)["tag_source"] is None
    assert look(mail, _replying("In-Reply-To: <x@network.example>"))["tag_source"] is None, "whose thread is unknown"


@pytest.mark.parametrize("style", [Style.PLUS, Style.VERP])
@pytest.mark.parametrize("field", ["Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc"])
def test_an_answer_is_known_by_the_address_it_came_to(mail: Path, keys: list[str], style: Style, field: str) -> None:
    path = ReturnPath(style, "hub@network.example", os.urandom(32)).write("abcdefghijklmnop", "desk@fr.example")
    record = look(mail, _replying(f"{field}: {path}").replace(b"To: hub@network.example\r\n", b""), *keys)
    assert (record["tag_source"], record["kind"], record["tag_signed"]) == ("address", "REPLY", False)
    assert look(mail, _replying(f"{field}: hub+other@network.example"), *keys)["tag_source"] is None


def test_a_tag_is_surer_than_a_thread(mail: Path, keys: list[str]) -> None:
    octets = header("In-Reply-To: <x@network.example>", subject="[ACK#2026-0001]") + TEXT
    assert look(mail, octets, *keys)["tag_source"] == "subject"


def test_a_tag_that_cannot_be_read_has_a_problem(mail: Path) -> None:
    record = look(mail, header(subject="[REQUEST DE") + TEXT)
    assert (record["kind"], record["tag_source"]) == (None, "subject")
    assert "bracket" in record["tag_problem"]


# ---------------------------------------------------------------- keys


def test_without_keys_a_sealed_mail_is_no_failure(mail: Path) -> None:
    record = look(mail, sealed_mail(protected_text()))
    assert (record["class"], record["encrypted"], record["problem"]) == ("person", True, "cannot decrypt")


def test_certificates_are_taken_as_known(mail: Path, keys: list[str], tmp_path: Path) -> None:
    octets = sealed_mail(protected_text())
    assert look(mail, octets, *keys[:2])["signatures"][0]["state"] == "unknown"
    named = tmp_path / "somebody.asc"
    named.write_bytes(world().france.key.public)
    record = look(mail, octets, *keys[:2], "--key", named)
    assert (record["tag_signed"], record["assurance"], record["problem"]) == (True, "signed", None)
    assert record["signatures"][0]["party"] is None, "a party's code stands in the folder's name, or in a configuration"


def test_a_gnupg_home_is_only_read(mail: Path) -> None:
    home = world().robot.key.home
    before = {path.name: path.stat().st_mtime_ns for path in home.iterdir() if path.is_file()}
    record = look(mail, sealed_mail(protected_text()), "--gnupg-home", home)
    assert (record["kind"], record["signatures"][0]["state"]) == ("REQUEST", "good")
    assert {path.name: path.stat().st_mtime_ns for path in home.iterdir() if path.is_file()} == before


def test_a_key_that_asks_for_a_passphrase_opens_nothing(mail: Path, tmp_path: Path) -> None:
    home = fresh_home()
    run(home, "--passphrase", "secret", "--pinentry-mode", "loopback", "--quick-generate-key", "Hub <h@x.example>",
        "rsa2048", "cert,sign,encr")  # fmt: skip
    sealed = run(home, "--armor", "--trust-model", "always", "--encrypt", "-r", "h@x.example", octets=b"x").stdout
    secret = tmp_path / "secret.asc"
    secret.write_bytes(run(home, "--armor", "--passphrase", "secret", "--pinentry-mode", "loopback",
                           "--export-secret-keys").stdout)  # fmt: skip
    record = look(mail, header() + encrypted(sealed), "--key", secret)
    assert (record["encrypted"], record["problem"]) == (True, "cannot decrypt")


def test_a_file_that_is_no_key(mail: Path) -> None:
    mail.write_bytes(header() + TEXT)
    with pytest.raises(Exception, match="no key could be read"):
        call("--key", mail, mail)


def test_a_configuration_says_who_is_who(mail: Path) -> None:
    with set_up() as stage:
        record = look(mail, stage.people["fr"].write("[REQUEST DE] x", "Bonjour\n"), "--config", stage.config)
        assert record["signatures"][0]["party"] == "FR"
        assert (record["kind"], record["tag_signed"], record["problem"]) == ("REQUEST", True, None)
        assert look(mail, _to_the_return_path(stage), "-c", stage.config)["tag_source"] == "address"


def test_no_database_is_needed(mail: Path) -> None:
    with set_up() as stage:
        mail_of_france = stage.people["fr"].write("[REQUEST DE] x", "Bonjour\n")
        (stage.config.parent / "state").mkdir(exist_ok=True)
        nowhere = '\n[store]\nurl = "postgresql+psycopg://nobody@127.0.0.1:9/none"\n'
        stage.config.write_text(stage.config.read_text() + nowhere)
        record = look(mail, mail_of_france, "--config", stage.config)
        assert (record["kind"], record["tag_signed"]) == ("REQUEST", True)


def test_keys_of_ones_own_beside_a_configuration(mail: Path, keys: list[str]) -> None:
    with set_up() as stage:
        record = look(mail, sealed_mail(protected_text()), "--config", stage.config, *keys)
        assert (record["encrypted"], record["tag_signed"], record["signatures"][0]["party"]) == (True, True, "FR")


def _to_the_return_path(stage: Stage) -> bytes:
    address = stage.people["fr"].hub.address
    path = ReturnPath(Style.PLUS, address, os.urandom(32)).write("abcdefghijklmnop", "desk@fr.example")
    return header(f"Delivered-To: {path}", subject="Re: ...") + TEXT


# ---------------------------------------------------------------- many files, and the worst of them


def test_what_cannot_be_read_is_told_and_the_next_is_looked_at(mail: Path, tmp_path: Path) -> None:
    mail.write_bytes(header() + TEXT)
    first, second, third = records("/nowhere", mail, tmp_path / "none", code=1)
    assert (first["class"], first["problem"]) == ("unreadable", "No such file or directory")
    assert second["class"] == "person"
    assert third["answerable"] is False


def test_a_folder_stands_for_its_files(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / "cur").mkdir(exist_ok=True)
        (tmp_path / "cur" / f"{number}:2,S").write_bytes(header(subject=f"[ACK#2026-000{number + 1}]") + TEXT)
    assert [record["reference"] for record in records(tmp_path)] == ["2026-0001", "2026-0002", "2026-0003"]


def test_standard_input() -> None:
    octets = header(subject="[ACK#2026-0042]") + TEXT
    done = CliRunner().invoke(mailbot, ["inspect", "--json", "-"], input=octets, standalone_mode=False)
    assert json.loads(done.stdout)["reference"] == "2026-0042"


def test_a_mail_that_is_too_large_is_no_reason_to_read_it(mail: Path) -> None:
    with mail.open("wb") as file:
        file.write(header() + TEXT)
        file.truncate(10 * 1024**3)
    (record,) = records(mail)
    assert (record["class"], record["problem"], record["from"]) == ("unreadable", "too large", "desk@fr.example")


def test_a_thousand_and_the_worst_of_them(tmp_path: Path) -> None:
    worst = {
        100: header() + multipart("mixed", *[part("text/plain", "x")] * 5_000),
        500: b"\0" * 1_000_000,
        900: header() + part("text/html", "<a " * 300_000),
    }
    for number in range(1_000):
        (tmp_path / f"{number:04}.eml").write_bytes(worst.get(number, header(subject="[ACK#2026-0042]") + TEXT))
    found = records(tmp_path)
    assert len(found) == 1_000
    assert [record["kind"] for record in found].count("ACK") == 997


def test_a_mail_that_stalls_or_kills_its_process_costs_only_itself(tmp_path: Path) -> None:
    """Nobody knows such a mail; what works on the files is told apart by their names here."""
    files = [tmp_path / name for name in ("good", "stalls", "dies", "stalls", "good")]
    began = time.monotonic()
    answers = [answer for _, answer in watching.watched(files, _work, 0.5)]
    late, dead = watching.Stopped(in_time=False), watching.Stopped(in_time=True)
    assert answers == [b"seen", late, dead, late, b"seen"]
    assert time.monotonic() - began < 10


def _work(file: Path) -> bytes:
    if file.name == "stalls":
        time.sleep(60)
    if file.name == "dies":
        os._exit(3)
    return b"seen"


def test_help_names_every_field() -> None:
    told = inspect_command.get_help(inspect_command.make_context("inspect", ["x"]))
    assert [field for field in FIELDS if field not in told and field != "file"] == []
