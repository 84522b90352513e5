"""Every mail of the families, as `mailbot inspect` sees it: each row of mail-in-the-wild.md is one folder.

`verdicts.json` says of each mail why it is there, and what must be said of it; what is not named does not matter.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mailbot.cli import mailbot

HERE = Path(__file__).parent
ROWS = 29  # of mail-in-the-wild.md
LEAST = 3  # mails of a family

Verdict = Mapping[str, Any]


def families() -> list[Path]:
    return sorted(path for path in HERE.iterdir() if path.name[:2].isdigit())


def verdicts() -> list[tuple[str, Verdict]]:
    said = ((family.name, json.loads((family / "verdicts.json").read_text())) for family in families())
    return [(f"{family}/{name}", verdict) for family, mails in said for name, verdict in mails.items()]


@cache
def seen() -> Mapping[str, Mapping[str, Any]]:
    """What inspect says of each, in one run over all folders."""
    keys = [HERE / "keys" / "hub.secret.asc", *sorted((HERE / "keys").glob("??/*.asc"))]
    args = ["inspect", "--json", "--text", *(word for key in keys for word in ("--key", str(key)))]
    mails = [str(path) for family in families() for path in sorted(family.glob("*.eml"))]
    done = CliRunner().invoke(mailbot, [*args, *mails], catch_exceptions=False, standalone_mode=False)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return {"/".join(Path(record["file"]).parts[-2:]): record for record in records}


@pytest.mark.parametrize(("mail", "verdict"), verdicts(), ids=lambda value: value if isinstance(value, str) else "")
def test_verdict(mail: str, verdict: Verdict) -> None:
    record = seen()[mail]
    wrong = {name: record[name] for name, said in verdict["expected"].items() if not agrees(record[name], said)}
    assert not wrong, verdict["why"]


def agrees(value: object, expected: object) -> bool:
    """Whether it is what was expected, as far as that goes: of an object the named fields, of a list every one."""
    if isinstance(expected, dict):
        return isinstance(value, dict) and all(agrees(value.get(name), said) for name, said in expected.items())
    if isinstance(expected, list):
        return isinstance(value, list) and len(value) == len(expected) and all(map(agrees, value, expected))
    return value == expected


def test_every_row_has_its_family() -> None:
    assert [int(family.name[:2]) for family in families()] == list(range(1, ROWS + 1))
    for family in families():
        said = json.loads((family / "verdicts.json").read_text())
        mails = {path.name for path in family.glob("*.eml")}
        assert mails == said.keys()
        assert len(mails) >= LEAST
        assert all(name.startswith(family.name[:2]) for name in said)
        assert all(verdict["why"] and verdict["expected"] for verdict in said.values())
