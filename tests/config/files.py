"""A small configuration that is in order, and what its tests do to it."""

import re
from pathlib import Path

from mailbot.config import ConfigurationError, load

A, B, C, D, E = (letter * 40 for letter in "ABCDE")
ROBOT = "0" * 40

GOOD = f"""\
[robot]
name = "Hub"
address = "network@hub.example"
control_address = "control@hub.example"
fingerprint = "{ROBOT}"

[imap]
host = "imap.hub.example"
tls = "implicit"
username = "network"
password_file = "imap-password"

[smtp]
host = "smtp.hub.example"
tls = "starttls"

[secretariat]
name = {{ en = "Secretariat", fr = "Secrétariat" }}
addresses = ["sec@network.example"]
language = "en"
time_zone = "Europe/Paris"
certificates = ["{A}"]

[[operators]]
name = "Ops"
address = "ops@hub.example"
certificates = ["{B}"]

[[parties]]
code = "FR"
name.en = "France"
name.fr = "France"
language = "fr"
time_zone = "Europe/Paris"
certificates = ["{C}"]

[[parties.desks]]
address = "desk@fr.example"

[[parties.relays]]
name = "Police"
address = "police@fr.example"

[[parties]]
code = "GB"
aliases = ["UK"]
name.en = "United Kingdom"
name.fr = "Royaume-Uni"
language = "en"
time_zone = "Europe/London"
certificates = ["{D}"]
desks = [
    {{ address = "desk@gb.example" }},
]
"""


def changed(*changes: tuple[str, str]) -> str:
    """The good file with these texts replaced, each at its first place."""
    text = GOOD
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def problems(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    """Id without "config." and place of every problem of this file; none if it loads."""
    return [(p.id.removeprefix("config."), p.place) for p in faults(tmp_path, text).problems]


def faults(tmp_path: Path, text: str) -> ConfigurationError:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    try:
        load(path)
    except ConfigurationError as error:
        return error
    return ConfigurationError([])


def marked(text: str) -> list[tuple[str, str]]:
    """The problems that the comments of a file announce: `# !unknown-key !no-secret` is two for its line."""
    return [
        (name, f"config.toml:{number}")
        for number, line in enumerate(text.split("\n"), 1)
        for name in re.findall(r"!([a-z-]+)", line.rpartition("#")[2] if "# !" in line else "")
    ]
