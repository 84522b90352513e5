"""What `check` finds, by breaking one thing after another in a network where all is well."""

import json
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from mailbot import cli
from mailbot.cli.faults import Exit
from mailbot.config import load
from mailbot.playground.stage import Stage, set_up
from mailbot.store.engine import open_store, writing
from mailbot.store.migrations import migrate
from mailbot.wiring import Robot
from tests.keys import make_key

Call = Callable[..., tuple[int, dict[str, str]]]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """All is well in it, and the robot was there."""
    with set_up() as stage:
        with Robot(load(stage.config)) as robot:
            robot.once()
        yield stage


@pytest.fixture
def check(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Check a configuration with these words replaced, and these sections after it; what is found, and how bad."""

    def checked(changes: Mapping[str, str] | None = None, more: str = "") -> tuple[int, dict[str, str]]:
        written = stage.config.read_text("utf-8")
        for old, new in (changes or {}).items():
            assert old in written
            written = written.replace(old, new, 1)
        config = stage.config.parent / "checked.toml"
        config.write_text(written + more, "utf-8")
        monkeypatch.setattr(sys, "argv", ["mailbot", "check", "--json", "-c", str(config)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = json.loads(capfd.readouterr().out)
        assert all(problem["hint"] for problem in said["problems"])
        assert said["ok"] is (not said["problems"])
        return int(ended.value.code or 0), {problem["id"]: problem["severity"] for problem in said["problems"]}

    return checked


def test_all_is_well(check: Call) -> None:
    assert check() == (Exit.FINE, {})


def test_a_digest_that_nobody_can_be_sent_is_a_warning(check: Call) -> None:
    """There are no operators."""
    code, found = check({"daily = false": 'daily = true\nreaders = ["operator"]'})
    assert (code, found) == (Exit.FINDING, {"digest.nobody": "warning"})
    assert check({"daily = false": "daily = true"}) == (Exit.FINE, {})


# ---------------------------------------------------------------- servers


def test_passwords_that_are_wrong(check: Call, stage: Stage) -> None:
    wrong = stage.config.parent / "wrong.password"
    wrong.touch(mode=0o600)
    wrong.write_text("wrong")
    for server in ("imap", "smtp"):
        assert check({f'"{server}.password"': '"wrong.password"'}) == (Exit.FINDING, {f"{server}.login": "error"})


def test_servers_that_are_not_there(check: Call, stage: Stage) -> None:
    for server, port in (("imap", stage.imap.port), ("smtp", stage.smtp.port)):
        assert check({f"port = {port}": "port = 9"}) == (Exit.FINDING, {f"{server}.connection": "error"})


def test_folders_that_are_missing(check: Call) -> None:
    assert check(more='\n[imap.folders]\ndone = "Elsewhere"\n') == (Exit.FINDING, {"imap.folder": "warning"})
    assert check(more='\n[imap.folders]\ninbox = "Nowhere"\n')[1]["imap.inbox"] == "error"


# ---------------------------------------------------------------- keys


@pytest.fixture
def pin(check: Call, stage: Stage) -> Iterator[Callable[[str, bytes | None], tuple[int, dict[str, str]]]]:
    """Check with another certificate for Italy, or with a fingerprint that no file holds."""
    italy = stage.people["it"].key.fingerprint
    file = stage.config.parent / "keys" / "IT" / f"{italy}.asc"
    aside = file.rename(file.with_suffix(".aside"))
    made: list[Path] = []

    def pinned(fingerprint: str, octets: bytes | None) -> tuple[int, dict[str, str]]:
        for path in made:
            path.unlink(missing_ok=True)
        made.append(file.with_name(f"{fingerprint}.asc"))
        if octets is not None:
            made[-1].write_bytes(octets)
        return check({italy: fingerprint})

    yield pinned
    for path in made:
        path.unlink(missing_ok=True)
    aside.rename(file)


Pin = Callable[[str, bytes | None], tuple[int, dict[str, str]]]


def test_certificate_that_is_missing(pin: Pin) -> None:
    assert pin("A" * 40, None) == (Exit.FINDING, {"keys.missing": "error"})


def test_certificate_that_is_another_than_its_name_says(pin: Pin, stage: Stage) -> None:
    assert pin("A" * 40, stage.people["de"].key.certificate) == (Exit.FINDING, {"keys.wrong-fingerprint": "error"})


def test_certificate_that_cannot_be_read(pin: Pin) -> None:
    assert pin("A" * 40, b"nonsense") == (Exit.FINDING, {"keys.unreadable": "error"})


def test_certificates_that_cannot_be_used(pin: Pin) -> None:
    gone = make_key("Gone <gone@fr.example>", expire="1y", made="20240101T000000")
    assert pin(gone.fingerprint, gone.public) == (Exit.FINDING, {"keys.expired": "error"})
    mute = make_key("Only signs <mute@it.example>", "ed25519")
    assert pin(mute.fingerprint, mute.public) == (Exit.FINDING, {"keys.cannot-encrypt": "error"})


def test_certificate_of_an_officer_need_not_encrypt(check: Call, stage: Stage) -> None:
    officer = make_key("Only signs <mute@it.example>", "ed25519")
    file = stage.config.parent / "keys" / "IT" / f"{officer.fingerprint}.asc"
    file.write_bytes(officer.public)
    certificates = f'certificates = ["{stage.people["it"].key.fingerprint}"]\n'
    try:
        assert check({certificates: f'{certificates}signers = ["{officer.fingerprint}"]\n'}) == (Exit.FINE, {})
    finally:
        file.unlink()


def test_certificates_that_expire_soon(pin: Pin) -> None:
    ending = make_key("Ends soon <ends@it.example>", expire="50d")
    assert pin(ending.fingerprint, ending.public) == (Exit.FINDING, {"keys.expires-soon": "warning"})
    lasting = make_key("Ends later <later@it.example>", expire="70d")
    assert pin(lasting.fingerprint, lasting.public) == (Exit.FINE, {})


def test_key_of_the_robot_that_is_not_there(check: Call, stage: Stage) -> None:
    home = f'gnupg_home = "{stage.robot_key.home}"'
    assert check({home: 'gnupg_home = "nowhere"'})[1]["robot-key.missing"] == "error"


def test_key_file_that_nobody_pinned(check: Call, stage: Stage) -> None:
    stray = stage.config.parent / "keys" / "IT" / f"{'B' * 40}.asc"
    stray.write_bytes(stage.people["de"].key.certificate)
    try:
        assert check() == (Exit.FINDING, {"keys.not-pinned": "warning"})
    finally:
        stray.unlink()


# ---------------------------------------------------------------- letters, database, permissions


@pytest.mark.parametrize(
    ("octets", "found"),
    [("Subject: x\n\nHello\n", "templates.words"), ("Subject: x\n\n{{ oops\n", "templates.broken")],
)
def test_letters_that_cannot_be_written(check: Call, tmp_path: Path, octets: str, found: str) -> None:
    letter = tmp_path / "receipt" / "en.txt"
    letter.parent.mkdir()
    letter.write_text(octets)
    code, findings = check(more=f'\n[templates]\ndir = "{tmp_path}"\n')
    assert (code, findings[found]) == (Exit.FINDING, "error")


def test_database_that_cannot_be_used(check: Call, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    engine = open_store(f"sqlite:///{copy}")
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert check(more=f'\n[store]\nurl = "sqlite:///{copy}"\n') == (Exit.FINDING, {"store.newer": "error"})
    copy.write_bytes(b"no database" * 1000)
    assert check(more=f'\n[store]\nurl = "sqlite:///{copy}"\n')[0] == Exit.FINDING
    none = f'\n[store]\nurl = "sqlite:///{tmp_path}/none"\n'
    assert check(more=none) == (Exit.FINDING, {"store.empty": "warning"})


def test_state_that_others_can_read(check: Call, stage: Stage) -> None:
    state = stage.config.parent / "state"
    state.chmod(0o755)
    try:
        assert check() == (Exit.FINDING, {"secret-file.permissions": "warning"})
    finally:
        state.chmod(0o700)


def test_state_that_is_not_there_yet_stays_private(check: Call, stage: Stage, tmp_path: Path) -> None:
    """Whoever checks before the first start makes the folder that the robot will use."""
    state = tmp_path / "new"
    elsewhere = {"[robot]\n": f'[robot]\nstate_dir = "{state}"\n'}
    for _ in range(2):
        assert check(elsewhere) == (Exit.FINDING, {"store.empty": "warning"})
        assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_checking_takes_nothing_out_of_the_mailbox(check: Call, stage: Stage) -> None:
    stage.post("fr", stage.people["fr"].write("[INFO IT] x", f"{datetime.now(UTC)}\n"))
    before = stage.mailbox("robot")
    assert check()[0] == Exit.FINE
    assert stage.mailbox("robot") == before != []
