"""From nothing to running: init makes what a robot needs, and says what is still missing."""

import json
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailbot.cli import mailbot
from mailbot.cli.units import Place, one_service, two_services
from mailbot.config import load
from mailbot.config.draft import draft, example
from mailbot.mail.robotkey import export_certificate
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.postfix import Postfix

WORDS = [
    "--address=network@hub.example",
    "--control-address=control@hub.example",
    "--imap-host=localhost",
    "--secretariat=sec@network.example",
]


@pytest.fixture
def folder(short_tmp: Path) -> Path:
    return short_tmp / "robot"


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """Short enough for the sockets of gpg-agent."""
    with tempfile.TemporaryDirectory(prefix="mb", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


def call(*words: str, **more: str) -> Result:
    return CliRunner().invoke(mailbot, ["init", *words], standalone_mode=False, **more)  # type: ignore[arg-type]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_without_a_question(folder: Path) -> None:
    (folder.parent / "p").write_text("s3cret\n")
    result = call(str(folder), *WORDS, f"--password-file={folder.parent}/p", "--no-input", "--no-check", "--json")
    assert result.return_value == 0, result.output
    made = json.loads(result.stdout)["data"]
    config = load(folder / "config.toml")
    assert config.robot.fingerprint == made["fingerprint"]
    assert (config.robot.address, config.robot.control_address) == ("network@hub.example", "control@hub.example")
    assert config.imap.host == config.smtp.host == "localhost"
    assert config.imap.credential is not None
    assert config.imap.credential.secret() == "s3cret"
    assert config.directory.members() == ()
    assert b"BEGIN PGP PUBLIC" in export_certificate(config.robot.gnupg_home, config.robot.fingerprint)
    assert [mode(folder / name) for name in ("", "state", "secrets", "keys", "gnupg")] == [0o700] * 5
    assert [mode(folder / name) for name in ("config.toml", "secrets/imap-password")] == [0o600] * 2
    assert config.secret_file_findings() == ()


def test_every_explanation_of_the_example_is_kept() -> None:
    explanations = [line for line in example().splitlines() if line.startswith("# ")]
    assert [line for line in draft({}).splitlines() if line.startswith("# ")] == explanations


def test_it_asks_for_what_was_not_said(folder: Path) -> None:
    answers = "network@hub.example\nlocalhost\nHub\ncontrol@hub.example\nfr\n\n\nsec@network.example\n\n"
    result = call(str(folder), "--no-check", input=answers)
    assert result.return_value == 0, result.output
    config = load(folder / "config.toml")
    assert (config.robot.name, config.robot.language) == ("Hub", "fr")
    assert not (folder / "secrets" / "imap-password").exists()


def test_nothing_is_overwritten(folder: Path) -> None:
    assert call(str(folder), *WORDS, "--no-input", "--no-check").return_value == 0
    before = (folder / "config.toml").read_bytes()
    again = call(str(folder), *WORDS, "--no-input", "--no-check")
    assert "init.exists" in str([p.id for p in again.exception.problems])  # type: ignore[union-attr]
    assert (folder / "config.toml").read_bytes() == before


def test_what_is_missing_is_said_at_once(folder: Path) -> None:
    result = call(str(folder), "--no-input")
    assert "--address, --imap-host, --control-address, --secretariat" in str(result.exception)
    assert not folder.exists()


def test_no_address(folder: Path) -> None:
    result = call(str(folder), *WORDS[1:], "--address=Hub <network@hub.example>", "--no-input")
    assert "not a mail address" in str(result.exception)
    assert not folder.exists()


ALL_THAT_IS_LEFT = {"parties.none", "digest.nobody", "store.empty", "imap.folder"}


def test_it_ends_with_check(folder: Path, dovecot: Dovecot, postfix: Postfix) -> None:
    """On real servers: what is left to say is that nobody is in the network yet, and that the robot never ran."""
    dovecot.add("network@hub.example")
    (folder.parent / "p").write_text(PASSWORD)
    assert call(str(folder), *WORDS, f"--password-file={folder.parent}/p", "--no-input", "--no-check").return_value == 0
    config = folder / "config.toml"
    text = config.read_text().replace("port = 993", f"port = {dovecot.imaps_port}")
    text = text.replace('port = 465\ntls = "implicit"', f'port = {postfix.submission_port}\ntls = "starttls"')
    certified = f'ca_file = "{dovecot.authority.cert_file}"'
    assert text.count('\nusername = "network@hub.example"\n') == 2
    config.write_text(text.replace('\nusername = "network', f'\n{certified}\nusername = "network'))
    said = CliRunner().invoke(mailbot, ["check", "--config", str(config), "--json"], standalone_mode=False)
    assert said.exception is None, said.exception
    assert {problem["id"] for problem in json.loads(said.stdout)["problems"]} == ALL_THAT_IS_LEFT


@pytest.mark.parametrize("two_users", [False, True])
def test_units(two_users: bool, tmp_path: Path) -> None:
    place = Place(Path("/var/lib/mailbot"))
    text = two_services(place) if two_users else one_service(place)
    units = ["mailbot-receive", "mailbot-send"] if two_users else ["mailbot"]
    parts = text.split("# /etc/systemd/system/")[1:]
    assert [part.partition(".service")[0] for part in parts] == units
    for name, part in zip(units, parts, strict=True):
        for promised in ("NoNewPrivileges=yes", "ProtectSystem=strict", "WatchdogSec=300", "CapabilityBoundingSet=\n"):
            assert promised in part
        verify(tmp_path / f"{name}.service", f"# {part}")


def verify(path: Path, text: str) -> None:
    """With systemd's own tool, where the machine has it; its user need not exist there."""
    path.write_text(text)
    tool = shutil.which("systemd-analyze")
    if tool:
        found = subprocess.run([tool, "verify", str(path)], check=False, capture_output=True, text=True)
        assert found.returncode == 0, found.stderr
        assert "Unknown" not in found.stderr
        rated = subprocess.run([tool, "security", "--offline=true", "--threshold=20", str(path)], check=False)
        assert rated.returncode == 0
