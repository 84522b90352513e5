"""The example: it loads, shows every setting with its default, and its certificates are in `keys/`."""

import re
import tomllib
from pathlib import Path

import pytest

from mailbot.config import Config, ConfigurationError, load
from mailbot.config.lines import locate
from mailbot.config.problems import every_key
from mailbot.config.sections import File
from mailbot.core.certificates import Policy
from mailbot.core.commands.rights import RIGHTS
from mailbot.core.parties import Right, Role
from mailbot.core.quotas import Quotas
from mailbot.core.records import Terms
from mailbot.core.reporting import Reporting
from mailbot.core.retention import Retention
from mailbot.core.retry import Patience
from mailbot.core.rounds.terms import PingTerms
from mailbot.core.tags import Urgency, Word
from mailbot.mail.limits import Limits
from tests.config.files import GOOD
from tests.keys import fresh_home, run

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.toml"


@pytest.fixture(scope="module")
def example() -> Config:
    return load(EXAMPLE)


def everything() -> str:
    """The example with what is switched off switched on: lines that begin with `#` and no space."""
    return re.sub(r"^#(?=[^ \n])", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)


# ---------------------------------------------------------------- its certificates


def test_every_pinned_certificate_has_its_file_and_every_file_is_pinned(example: Config) -> None:
    pinned = {(code, f"{fingerprint}.asc") for code, pins in example.directory.pins().items() for fingerprint in pins}
    assert pinned == {(path.parent.name, path.name) for path in (ROOT / "keys").rglob("*") if path.is_file()}


def test_the_certificates_do_not_expire_and_hold_nothing_secret(example: Config) -> None:
    home = fresh_home()
    for path in sorted((ROOT / "keys").glob("*/*.asc")):
        shown = run(home, "--with-colons", "--show-keys", str(path)).stdout.decode()
        facts = [line.split(":") for line in shown.splitlines()]
        assert [row[0] for row in facts if row[0] in {"pub", "sub", "sec", "ssb"}] == ["pub", "sub"], path
        assert all(row[6] == "" for row in facts), path  # the column of the expiry
        assert next(row[9] for row in facts if row[0] == "fpr") == path.stem
        [address] = [row[9] for row in facts if row[0] == "uid"]
        assert example.directory.mailbox(address) or address == "officer@police-nationale.example"


# ---------------------------------------------------------------- its settings


def test_it_mentions_every_setting_and_no_other() -> None:
    mentioned = {tuple(step for step in path if isinstance(step, str)) for path in locate(everything())}
    known = set(every_key(File))
    tables = {path[:end] for path in known for end in range(1, len(path))}
    assert mentioned - tables == known


def test_what_it_shows_as_default_is_the_default(example: Config, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(GOOD, encoding="utf-8")
    plain = load(tmp_path / "config.toml")
    assert example.terms == plain.terms == Terms()
    assert example.limits == plain.limits == Limits()
    assert example.policy == plain.policy == Policy()
    assert example.quotas == plain.quotas == Quotas()
    assert example.patience == plain.patience == Patience()
    assert example.retention == plain.retention == Retention()
    assert example.reporting == plain.reporting == Reporting(retention=Retention())
    assert example.ping == plain.ping == PingTerms()
    assert plain.commands == {}
    assert example.commands == {word: rights for word, rights in RIGHTS.items() if word is not Word.HELP}
    assert example.delivery_fields == plain.delivery_fields
    for name in ("port", "tls", "patience", "inbox", "folders", "poll_seconds", "largest"):
        assert getattr(example.imap, name) == getattr(plain.imap, name), name
    for name in ("patience", "dot_patience", "connections", "ehlo_name"):
        assert getattr(example.smtp, name) == getattr(plain.smtp, name), name
    for name in ("language", "return_path", "return_domain", "share"):
        assert getattr(example.robot, name) == getattr(plain.robot, name), name
    relative = {config.path.parent: config for config in (example, plain)}
    for name in ("state_dir", "keys_dir"):
        assert len({getattr(config, name).relative_to(base) for base, config in relative.items()}) == 1


# One setting after another is given a value of each of these kinds; a few that stand far apart at once.
APART = 40
ODD = ("1", "true", '""', "[]", "[[]]", "[{}]", "{ x = 1 }", "1979-05-27", "nan")


@pytest.mark.parametrize("odd", ODD)
def test_a_value_of_any_kind_anywhere_is_a_problem_or_none_but_never_a_crash(tmp_path: Path, odd: str) -> None:
    lines = everything().split("\n")
    keys = {number: key[1] for number, line in enumerate(lines) if (key := re.match(r"([a-z_0-9.]+) = ", line))}
    path = tmp_path / "config.toml"
    for first in range(APART):
        changed = {number: f"{keys[number]} = {odd}" for number in list(keys)[first::APART]}
        path.write_text("\n".join(changed.get(number, line) for number, line in enumerate(lines)), encoding="utf-8")
        with pytest.raises(ConfigurationError) as caught:  # two sources of the same secret, at least
            load(path)
        assert all(problem.place.startswith("config.toml:") for problem in caught.value.problems), changed


@pytest.mark.parametrize("odd", ODD)
def test_a_section_of_any_kind_is_a_problem_but_never_a_crash(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "config.toml"
    for section in tomllib.loads(everything()):
        path.write_text(f"{section} = {odd}\n", encoding="utf-8")
        with pytest.raises(ConfigurationError):
            load(path)


# ---------------------------------------------------------------- its people


def test_it_has_parties_with_aliases_backups_and_relays(example: Config) -> None:
    directory = example.directory
    assert {"FR", "DE", "IT", "GB", "GR", "EU"} == {party.code for party in directory.members()}
    assert directory.party("uk") is directory.parties["GB"]
    assert directory.party("EL") is directory.parties["GR"]
    assert {party.language for party in directory.members()} == {"en", "fr"}
    assert directory.parties["SEC"].rights == {Right.SECRETARIAT}
    assert directory.operators[0].mailbox.role is Role.OPERATOR


def test_its_relays_have_filters(example: Config) -> None:
    criminal, border = example.directory.parties["DE"].relays
    assert criminal.wants(Word.REPLY, Urgency.ROUTINE)
    assert not criminal.wants(Word.ACK, Urgency.URGENT)
    assert border.wants(Word.REQUEST, Urgency.URGENT)
    assert not border.wants(Word.REQUEST, Urgency.ROUTINE)


def test_every_domain_in_it_is_an_example(example: Config) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert all(domain.endswith(".example") for domain in re.findall(r"\w@([\w.-]+)", text))
