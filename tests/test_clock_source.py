"""One clock: core is told the time, the rest asks Robot's clock, and only wiring.clock asks the machine."""

import ast
from collections.abc import Iterator
from pathlib import Path

MAILBOT = Path(__file__).parents[1] / "mailbot"
# How the machine is asked for the time of day. time.monotonic measures how long something takes, and is no clock.
_ASKING = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "func.now", "func.current_timestamp"),
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime"),
    *("email.utils.formatdate", "formatdate", "email.utils.make_msgid", "make_msgid", "email.utils.localtime"),
    *("localtime", "gmtime", "uuid1", "uuid.uuid1", "time_ns"),
}
_ALLOWED = {
    "wiring.py:clock",
    # gpg goes by the machine's clock: the key must be one that it will take now.
    "mail/gpg.py:_encryption_key",
}
_COMMANDS = ("cli/", "playground/", "bench/")  # what a person starts and looks at; they are not the robot at work


def asks(tree: ast.AST, where: str = "") -> Iterator[str]:
    """The functions in which the machine's clock is asked."""
    for node in ast.iter_child_nodes(tree):
        inside = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else where
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in _ASKING:
            yield where
        yield from asks(node, inside)


def found() -> set[str]:
    paths = {path.relative_to(MAILBOT).as_posix(): path for path in MAILBOT.rglob("*.py")}
    return {f"{name}:{where}" for name, path in paths.items() for where in asks(ast.parse(path.read_text()))}


def test_nothing_but_wirings_clock_asks_for_the_time() -> None:
    assert {place for place in found() if not place.startswith(_COMMANDS)} == _ALLOWED


def test_core_has_no_clock_at_all() -> None:
    for path in (MAILBOT / "core").rglob("*.py"):
        tree = ast.parse(path.read_text())
        assert not list(asks(tree)), path
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert not imported & {"time", "random", "secrets", "uuid"}, path


def test_it_would_be_noticed() -> None:
    program = "from datetime import datetime\ndef late():\n    clock = datetime.now\n    return clock()"
    assert list(asks(ast.parse(program))) == ["late"]
