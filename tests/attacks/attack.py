"""An attack: a test that says which rule of the house it is aimed at, and what must come of it."""

from collections.abc import Callable
from typing import TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., None])


def attack(rules: str, outcome: str) -> Callable[[Test], Test]:
    """Mark a test. `rules`: numbers of trust.md; `outcome`: what its victims see, for the list at the end."""

    def mark(test: Test) -> Test:
        test.attack = (rules, outcome)  # type: ignore[attr-defined]
        return test

    return mark


def told(item: pytest.Item, *, failed: bool) -> str | None:
    """The line of this test in the list; None for one that is no attack."""
    marked = getattr(getattr(item, "function", None), "attack", None)
    if marked is None:
        return None
    rules, outcome = marked
    name = item.name.removeprefix("test_").replace("_", " ")
    return f"{'NOT REPELLED' if failed else 'repelled':12}  rule {rules:6}  {name}: {outcome}"
