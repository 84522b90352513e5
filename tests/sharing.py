"""How the tests are shared out when several processes run them (run.py test), and what they have to show at the end."""

from collections.abc import Iterable

import pytest
from xdist.scheduler import LoadScopeScheduling

# What stresses the machine, or measures how long a robot takes: one after the other, in one process. It begins, as it
# takes longest.
STRESS = ("tests/workers/", "tests/soak/", "tests/stories/test_two_robots.py")
# Then these, so that none is left over.
LONG = ("tests/clients/", "tests/fuzz/", "tests/stories/", "tests/test_run.py", "tests/wire/")
SHOWN = "shown in the end"


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """A file is for one process: servers and people that its tests share are begun once."""

    def _split_scope(self, nodeid: str) -> str:
        name = nodeid.partition("::")[0]
        return "stress" if name.startswith(STRESS) else name


def in_order(items: list[pytest.Item]) -> None:
    """What takes long begins first."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    name = item.location[0]
    if name.startswith(STRESS):
        return 0
    return next((number for number, begin in enumerate(LONG, 1) if name.startswith(begin)), len(LONG) + 1)


# ---------------------------------------------------------------- figures


def show(item: pytest.Item, title: str, lines: Iterable[str]) -> None:
    """Have this under that title at the end of the run, whichever process the test runs in."""
    item.user_properties.append((SHOWN, [title, *lines]))


def show_all(terminal: pytest.TerminalReporter) -> None:
    """Everything that tests wanted to have shown."""
    reports = [report for reports in terminal.stats.values() for report in reports]
    found = [value for r in reports for name, value in getattr(r, "user_properties", ()) if name == SHOWN]
    told: dict[str, list[str]] = {}
    for title, *lines in sorted({tuple(value) for value in found}):  # set up, call and end each have it
        told.setdefault(title, []).extend(lines)
    for title, lines in told.items():
        terminal.section(title)
        terminal.write("\n".join(lines) + "\n")
