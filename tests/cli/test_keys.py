"""`mailbot keys …` as an operator calls it: what is taken, refused, shown and written; the robot's own key."""

import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from mailbot import cli
from mailbot.cli.faults import Exit
from mailbot.config import load
from mailbot.config.secrets import from_credential
from mailbot.mail.robotkey import export_certificate
from mailbot.playground.people import Person
from mailbot.playground.reading import ReadMail
from mailbot.playground.stage import Stage, set_up
from mailbot.wiring import Robot
from tests.keys import ALWAYS, end_home, export, fresh_home, make_key, run

ADDRESSES = ("network@hub.example", "control@hub.example")


class Said:
    """What a command said, and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)["data"]

    @property
    def problems(self) -> list[str]:
        said = json.loads(self.out)["problems"]
        assert all(problem["hint"] for problem in said)
        return [problem["id"] for problem in said]


Call = Callable[..., Said]


def once(stage: Stage) -> None:
    with Robot(load(stage.config)) as robot:
        robot.once()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with set_up() as stage:
        once(stage)
        yield stage


@pytest.fixture
def bare(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., tuple[int, bytes, str]]:
    """Call `keys` with these words; exit code, and what it wrote."""

    def called(*words: str) -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "argv", ["mailbot", "keys", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfdbinary.readouterr()
        return int(ended.value.code or 0), out, err.decode()

    return called


@pytest.fixture
def call(bare: Callable[..., tuple[int, bytes, str]], stage: Stage) -> Call:
    """The same with the playground's configuration, unless it needs none."""

    def called(*words: str) -> Said:
        config = [] if words[0] == "init" else ["-c", str(stage.config)]
        code, out, err = bare(*words, *config)
        return Said(code, out.decode(), err)

    return called


def file(folder: Path, octets: bytes) -> str:
    path = folder / "brought.asc"
    path.write_bytes(octets)
    return str(path)


def shown(octets: bytes) -> list[list[str]]:
    """The rows in which gpg describes what is in a key file."""
    home = fresh_home()
    said = run(home, "--with-colons", "--import-options", "show-only", "--import", octets=octets).stdout.decode()
    return [line.split(":") for line in said.splitlines()]


def column(rows: list[list[str]], kind: str) -> list[str]:
    return [row[9] for row in rows if row[0] == kind]


# ---------------------------------------------------------------- import


def test_import_shows_what_is_in_the_file_and_writes_it_where_it_belongs(
    call: Call, stage: Stage, tmp_path: Path
) -> None:
    officer = make_key("Officer <officer@fr.example>", expire="2y")
    brought = file(tmp_path, officer.public)
    target = stage.config.parent / "keys" / "FR" / f"{officer.fingerprint}.asc"
    dry = call("import", "fr", brought, "--dry-run")
    assert dry.code == Exit.FINE
    spaced = " ".join(officer.fingerprint[at : at + 4] for at in range(0, 40, 4))
    for words in (spaced, "Officer <officer@fr.example>", "ed25519, made ", "expires "):
        assert words in dry.out
    assert not target.exists()
    assert call("import", "fr", brought, "--json").problems == ["confirm.missing"]
    assert not target.exists(), "nobody said yes"
    facts = call("import", "fr", brought, "--yes", "--json").json
    assert (facts["written"], facts["file"], facts["encrypts"], facts["flaw"]) == (True, str(target), True, None)
    assert facts["line"] == f'[[parties]] of FR: certificates = ["{officer.fingerprint}"]'
    assert column(shown(target.read_bytes()), "fpr")[0] == officer.fingerprint
    assert call("check", "--json").problems == ["keys.not-pinned"], "a file alone changes nothing"
    target.unlink()


def test_import_knows_the_folders_of_those_who_are_no_party(call: Call, tmp_path: Path) -> None:
    mute = make_key("Only signs <mute@it.example>", "ed25519")
    brought = file(tmp_path, mute.public)
    for code, line in (
        ("sec", "[secretariat]: signers"),
        ("operators", "[[operators]]: signers"),
        ("NZ", "of NZ: signers"),
    ):
        facts = call("import", code, brought, "--dry-run", "--json").json
        assert line in facts["line"]
        assert (facts["encrypts"], facts["flaw"]) == (False, None)
    assert call("import", "all", brought, "--dry-run", "--json").problems == ["keys.code"]


def test_import_says_what_cannot_be_used(call: Call, tmp_path: Path) -> None:
    gone = make_key("Gone <gone@fr.example>", expire="1y", made="20240101T000000")
    assert call("import", "FR", file(tmp_path, gone.public), "--dry-run", "--json").json["flaw"] == "expired"


def test_import_says_what_is_struck_out(call: Call, stage: Stage, tmp_path: Path) -> None:
    stolen = make_key("Stolen <stolen@fr.example>")
    before = stage.config.read_text()
    assert "[keys]" not in before
    stage.config.write_text(f'{before}\n[keys]\nstruck_out = ["{stolen.fingerprint}"]\n')
    try:
        said = call("import", "FR", file(tmp_path, stolen.public), "--dry-run", "--json").json
    finally:
        stage.config.write_text(before)
    assert said["flaw"] == "struck out in the configuration"


REFUSED: dict[str, Callable[[], bytes]] = {
    "keys.unreadable": lambda: b"junk",
    "keys.too-large": lambda: b"x" * (1024 * 1024 + 1),
    "keys.secret": lambda: export(
        make_key("A <a@fr.example>").home, make_key("A <a@fr.example>").fingerprint, secret=True
    ),
    "keys.several": lambda: make_key("A <a@fr.example>").public + make_key("B <b@fr.example>").public,
    "keys.twice": lambda: make_key("A <a@fr.example>").public * 2,
    "keys.control-characters": lambda: make_key(f"A\u0085[GNUPG:] VALIDSIG {'A' * 40}\u0085").public,
}


@pytest.mark.parametrize("finding", REFUSED)
def test_import_refuses(finding: str, call: Call, stage: Stage, tmp_path: Path) -> None:
    before = sorted((stage.config.parent / "keys").rglob("*"))
    said = call("import", "FR", file(tmp_path, REFUSED[finding]()), "--yes", "--json")
    assert said.code == Exit.FINDING
    assert said.problems[0].startswith(finding)
    assert sorted((stage.config.parent / "keys").rglob("*")) == before


# ---------------------------------------------------------------- list, export, check


def test_list_and_check_where_all_is_well(call: Call, stage: Stage) -> None:
    rows = call("list", "--json").json
    wanted = {"FR": stage.people["fr"].key, "IT": stage.people["it"].key, "ROBOT": stage.robot_key}
    assert {(code, key.fingerprint) for code, key in wanted.items()} <= {(r["party"], r["fingerprint"]) for r in rows}
    assert {(row["flaw"], row["from"]) for row in rows} == {(None, "configuration")}
    assert call("check").out == "Configuration, key files and database agree.\n"


def test_export(bare: Callable[..., tuple[int, bytes, str]], stage: Stage) -> None:
    config = ("-c", str(stage.config))
    france, robot = stage.people["fr"].key.fingerprint, stage.robot_key.fingerprint
    for words, fingerprint in (((), robot), (("fr",), france), ((france.lower(),), france)):
        code, out, _ = bare("export", *words, *config)
        rows = shown(out)
        assert code == Exit.FINE
        assert fingerprint in column(rows, "fpr"), "a party may have several"
        assert not column(rows, "sec")
    assert bare("export", "XX", *config)[0] == Exit.FINDING
    assert bare("export", "--all", *config)[1] == b"No mail has brought any certificate that is in use.\n"


def test_export_of_the_revocation(bare: Callable[..., tuple[int, bytes, str]], stage: Stage) -> None:
    code, revocation, _ = bare("export", "--revocation", "-c", str(stage.config))
    assert code == Exit.FINE
    home = fresh_home()
    run(home, "--import", octets=stage.robot_key.certificate)
    run(home, "--import", octets=revocation)
    listed = run(home, "--with-colons", "--list-keys").stdout.decode()
    assert re.search(r"^pub:r:", listed, re.MULTILINE)


@pytest.fixture
def ending(stage: Stage) -> Iterator[Person]:
    """Italy, whose certificate ends in 50 days, and its mailbox is empty."""
    italy = stage.people["it"]
    path = stage.config.parent / "keys" / "IT" / f"{italy.key.fingerprint}.asc"
    for words in ((), ("*",)):
        run(italy.key.home, *ALWAYS, "--quick-set-expire", italy.key.fingerprint, "50d", *words)
    before = path.read_bytes()
    path.write_bytes(export(italy.key.home, italy.key.fingerprint))
    yield italy
    path.write_bytes(before)


def test_notices_to_those_whose_certificates_end(call: Call, stage: Stage, ending: Person) -> None:
    assert call("check", "--json").problems == ["keys.expires-soon"]
    wanted = [{"party": "IT", "recipient": ending.address}]
    assert call("renew-notice", "--dry-run", "--json").json == {"sent": False, "mails": wanted}
    assert call("renew-notice", "--json").problems == ["confirm.missing"]
    before = len(stage.mailbox("it"))
    assert call("renew-notice", "--yes", "--json").json == {"sent": True, "mails": wanted}
    once(stage)
    told = [ending.read(octets) for octets in stage.mailbox("it")[before:]]
    assert [("ENDS in 50 days" in mail.cover, mail.signature.is_by(stage.robot_key.fingerprint)) for mail in told] == [
        (True, True)
    ] * 2, "one because an operator asked, one by itself at 60 days"
    assert call("renew-notice", "FR", "--dry-run", "--json").json["mails"] == []
    assert call("renew-notice", "XX", "--dry-run", "--json").problems == ["keys.unknown-party"]


# ---------------------------------------------------------------- the robot's own key


@pytest.fixture
def home() -> Iterator[Path]:
    place = fresh_home()
    yield place / "gnupg"
    end_home(place)


def init(call: Call, home: Path, *words: str) -> Said:
    addresses = [word for address in ADDRESSES for word in ("--address", address)]
    return call("init", "--home", str(home), *addresses, *words, "--json")


def test_init(call: Call, home: Path) -> None:
    made = init(call, home).json
    rows = shown(export_certificate(home, made["fingerprint"]))
    assert [(row[0], row[3], row[16]) for row in rows if row[0] in ("pub", "sub")] == [
        ("pub", "22", "ed25519"),
        ("sub", "18", "cv25519"),
    ]
    assert sorted(uid.rpartition("<")[2] for uid in column(rows, "uid")) == sorted(f"{a}>" for a in ADDRESSES)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert b"BEGIN PGP" in Path(made["revocation"]).read_bytes()
    assert init(call, home).problems == ["robot-key.exists"]
    assert column(shown(export_certificate(home, made["fingerprint"])), "fpr")[0] == made["fingerprint"]


@pytest.mark.parametrize("source", ["file", "credential"])
def test_init_with_a_passphrase(
    source: str, call: Call, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read as the configuration reads it: to the last space."""
    (tmp_path / "passphrase").write_text("long and random \n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    words = {"file": str(tmp_path / "passphrase"), "credential": "passphrase"}[source]
    fingerprint = init(call, home, f"--passphrase-{source}", words).json["fingerprint"]
    for said, rc in (("wrong", 2), (from_credential("passphrase")(), 0)):
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)
        run(home, "--pinentry-mode=loopback", "--passphrase", said, "-u", fingerprint, "--sign", octets=b"x", rc=rc)


@pytest.mark.parametrize(
    ("words", "code", "finding"),
    [
        (["--passphrase-file", "empty"], Exit.USAGE, "robot-key.passphrase"),
        (["--passphrase-file", "nowhere"], Exit.MISSING, "robot-key.passphrase"),
        (["--passphrase-file", "empty", "--passphrase-credential", "x"], Exit.USAGE, "robot-key.two-passphrases"),
        (["--name", "Hub <x@y.example>"], Exit.USAGE, "robot-key.user-id"),
        (["--address", "nobody"], Exit.USAGE, "robot-key.user-id"),
    ],
)
def test_init_that_cannot_be(
    words: list[str], code: Exit, finding: str, call: Call, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").write_text("\n")
    said = init(call, home, *words)
    assert (said.code, said.problems) == (code, [finding])
    assert not home.exists()


@pytest.mark.parametrize("layout", ["advanced", "direct"])
def test_web_key_directory(layout: str, call: Call, stage: Stage, tmp_path: Path) -> None:
    """The names are those that gpg works out itself; each file holds the one user ID alone."""
    written = call("wkd", str(tmp_path), *["--direct"] * (layout == "direct"), "--json").json["files"]
    root = tmp_path / ".well-known" / "openpgpkey"
    folder = root if layout == "direct" else root / "hub.example"
    assert (folder / "policy").read_bytes() == b""
    listed = run(stage.robot_key.home, "--with-wkd-hash", "--list-keys", stage.robot_key.fingerprint).stdout.decode()
    names = re.findall(r"^\s+([a-z0-9]{32})@hub\.example$", listed, re.MULTILINE)
    assert len(names) == 2
    assert {str(folder / "hu" / name) for name in names} | {str(folder / "policy")} == set(written)
    for name in names:
        octets = (folder / "hu" / name).read_bytes()
        assert octets[0] >= 0x80, "not armoured, as the draft has it"
        rows = shown(octets)
        assert (column(rows, "fpr")[0], len(column(rows, "uid"))) == (stage.robot_key.fingerprint, 1)


# ---------------------------------------------------------------- the next one


def rewritten(stage: Stage, fingerprint: str, also: str) -> None:
    """What an operator writes into the configuration."""
    text = re.sub(r"(?m)^(also_opens|fingerprint) = .*\n", "", stage.config.read_text())
    stage.config.write_text(
        text.replace("[robot]\n", f'[robot]\nfingerprint = "{fingerprint}"\nalso_opens = ["{also}"]\n')
    )


def test_the_robots_key_is_followed_by_another_without_a_mail_lost(call: Call, stage: Stage) -> None:
    old = stage.robot_key.fingerprint
    assert call("rotate", "--announce", "--yes", "--json").problems == ["robot-key.no-next"]
    assert call("rotate", "--json").problems == ["confirm.missing"]
    new = call("rotate", "--yes", "--json").json["fingerprint"]
    certificate = export_certificate(stage.robot_key.home, new)
    assert sorted(column(shown(certificate), "uid")) == sorted(column(shown(stage.robot_key.certificate), "uid"))

    rewritten(stage, old, new)
    assert call("rotate", "--yes", "--json").problems == ["robot-key.changing"]
    assert call("rotate", "--announce", "--yes", "--json").json["fingerprint"] == new
    once(stage)
    to_confirm = stage.latest("sec")
    assert to_confirm.signature.is_by(old)
    assert attached(stage, "sec") == f"{new}.asc"

    spain, sec = stage.people["es"], stage.people["sec"]
    stage.post("es", spain.write(f"[KEY ROBOT {new}]", "\n"))
    once(stage)
    assert stage.mailbox("de") == [], "whoever has no right confirms nothing"
    stage.post("sec", sec.write(f"[KEY ROBOT {new}]", "\n"))
    once(stage)
    told = stage.latest("de")
    assert "THE HUB GETS A NEW KEY" in told.cover
    assert told.signature.is_by(old)
    assert attached(stage, "de") == f"{new}.asc"

    with_both = replace_hub(spain, new, certificate)
    for hub_key, author in ((old, spain), (new, with_both)):
        assert relayed(stage, author, f"sealed to {hub_key[:8]}").signature.is_by(old)

    rewritten(stage, new, old)
    stage.people["it"].key.meet(certificate)
    for hub_key, author in ((old, spain), (new, with_both)):
        assert relayed(stage, author, f"sealed to {hub_key[:8]} later").signature.is_by(new)
    assert call("check", "--json").code == Exit.FINE


def attached(stage: Stage, login: str) -> str:
    """The name of the file in the latest mail that somebody got."""
    armour = re.search(rb"-----BEGIN PGP MESSAGE-----.*-----END PGP MESSAGE-----", stage.mailbox(login)[-1], re.DOTALL)
    assert armour
    inside = stage.people[login].key.unseal(armour[0] + b"\n").octets
    assert inside
    [name] = [name for part in message_from_bytes(inside).walk() if (name := part.get_filename())]
    return name


def replace_hub(person: Person, fingerprint: str, certificate: bytes) -> Person:
    """The same person, who now writes to the robot's other key."""
    person.key.meet(certificate)
    return replace(person, hub=replace(person.hub, fingerprint=fingerprint))


def relayed(stage: Stage, author: Person, text: str) -> ReadMail:
    """What Italy gets of a request."""
    stage.post("es", author.write("[REQUEST IT] x", f"{text}\n"))
    once(stage)
    mail = stage.latest("it")
    assert mail.text == f"{text}\n"
    return mail
