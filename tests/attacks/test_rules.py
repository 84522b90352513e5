"""Every rule of the house has an attack that is tried on it, and there are at least forty."""

import importlib
from collections.abc import Iterator
from pathlib import Path

RULES = {str(number) for number in range(1, 21)}


def attacks() -> Iterator[tuple[str, str]]:
    """Name and rule of each test here that is an attack."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(f"tests.attacks.{path.stem}")
        for name, test in vars(module).items():
            if marked := getattr(test, "attack", None):
                yield name, marked[0]


def test_every_rule_is_attacked() -> None:
    aimed_at = {rule for _, rule in attacks()}
    assert RULES - aimed_at == set()


def test_there_are_at_least_forty() -> None:
    assert len({name for name, _ in attacks()}) >= 40
