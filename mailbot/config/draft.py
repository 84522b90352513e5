"""A new configuration: the example with its explanations, and with what is known already in the place of its values."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

Values = Mapping[tuple[str, str], str | None]
"""(section, key) -> the value; None: the line is switched off."""

_SECTION = re.compile(r"\[(\[?)([a-z0-9_.]+)\]\]?")
_SETTING = re.compile(r"(#?)([a-z0-9_.]+) = ")
_PEOPLE = ("operators", "parties")  # the example's are nobody


def example() -> str:
    """The text of config.example.toml, from the wheel's resources or the checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / "_resources", package.parent):
        if (folder / "config.example.toml").is_file():
            return (folder / "config.example.toml").read_text("utf-8")
    raise FileNotFoundError("config.example.toml is missing: install mailbot again")


def draft(values: Values) -> str:
    """The example with these values; its operators and parties are switched off, to be filled in."""
    return "\n".join(_lines(example(), values)) + "\n"


def _lines(text: str, values: Values) -> Iterator[str]:
    section = ""
    for line in text.splitlines():
        if found := _SECTION.match(line):
            section = found[2]
        if section.startswith(_PEOPLE):
            yield f"#{line}" if line and not line.startswith("#") else line
        else:
            yield _filled(line, section, values)


def _filled(line: str, section: str, values: Values) -> str:
    setting = _SETTING.match(line)
    if setting is None or (section, setting[2]) not in values:
        return line
    value = values[section, setting[2]]
    if value is None:
        return line if setting[1] else f"#{line}"
    return f"{setting[2]} = {_toml(value)}"


def _toml(value: str) -> str:
    """A text, or a list of them written with commas between brackets; the same in JSON."""
    return value if value.startswith("[") else json.dumps(value, ensure_ascii=False)
