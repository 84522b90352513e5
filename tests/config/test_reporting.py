"""[digest], [report], and the names of countries."""

from datetime import time, timedelta
from pathlib import Path

import pytest

from mailbot.config import Config, ConfigurationError, load
from mailbot.core.parties import Right
from mailbot.core.reporting import Reporting
from mailbot.core.retention import Retention
from tests.config.files import changed

NAMES = 'name.en = "France"\nname.fr = "France"\n'


def loaded(folder: Path, *changes: tuple[str, str]) -> Config:
    path = folder / "config.toml"
    path.write_text(changed(*changes), "utf-8")
    return load(path)


def reporting(folder: Path, text: str) -> Reporting:
    return loaded(folder, ("[smtp]", f"{text}\n[smtp]")).reporting


def test_everything_can_be_set(tmp_path: Path) -> None:
    text = '[digest]\nat = "7:05"\ntime_zone = "Europe/London"\nreaders = ["operator"]\nonly_if_needed = true\n'
    text += '[report]\npairs_from = 9\n[retention]\nheld = "40d"\nwarning = "3d"'
    assert reporting(tmp_path, text) == Reporting(
        at=time(7, 5),
        time_zone="Europe/London",
        readers=frozenset({Right.OPERATOR}),
        only_if_needed=True,
        pairs_from=9,
        retention=Retention(held=timedelta(days=40), warning=timedelta(days=3)),
    )


def test_without_a_zone_it_is_the_secretariats_and_without_daily_there_is_no_hour(tmp_path: Path) -> None:
    assert reporting(tmp_path, "[digest]\ndaily = false").at is None
    moved = loaded(tmp_path, ('time_zone = "Europe/Paris"', 'time_zone = "Europe/Lisbon"')).reporting
    assert moved.time_zone == "Europe/Lisbon"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('at = "24:00"', "time-of-day"),
        ('at = "6"', "time-of-day"),
        ('at = "06:60"', "time-of-day"),
        ('readers = ["minister"]', "unknown-value"),
        ('time_zone = "Europe/Atlantis"', "unknown-time-zone"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        reporting(tmp_path, f"[digest]\n{text}")
    assert [problem.id for problem in caught.value.problems] == [f"config.{name}"]


def test_a_country_is_called_what_it_is_called(tmp_path: Path) -> None:
    party = loaded(tmp_path, (NAMES, "")).directory.parties["FR"]
    assert party.names == {"en": "France", "fr": "France"}
    party = loaded(tmp_path, (f'code = "FR"\n{NAMES}', 'code = "DE"\n')).directory.parties["DE"]
    assert party.names == {"en": "Germany", "fr": "Allemagne"}


def test_who_is_no_country_must_say_his_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, (f'code = "FR"\n{NAMES}', 'code = "EUROPOL"\n'))
    assert [problem.id for problem in caught.value.problems] == ["config.missing-key"]
