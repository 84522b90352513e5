"""Several decisions as one, to be recorded in one transaction."""

from collections.abc import Iterable
from dataclasses import fields, replace
from functools import reduce
from typing import Any

from mailbot.core.decision import Decision
from mailbot.core.mail import Letter
from mailbot.core.parties import Address
from mailbot.core.records import Exchange


def merged(*decisions: Decision) -> Decision:
    """All of them, one after another. Of an exchange or a round that several change, the last one's word holds; no
    letter goes out twice; a suspension that ends in the same breath is none.
    """
    return reduce(_both, decisions)


def _both(first: Decision, second: Decision) -> Decision:
    both = Decision(**{f.name: _joined(getattr(first, f.name), getattr(second, f.name)) for f in fields(Decision)})
    begun, ended = {suspension.party for suspension in first.suspended}, set(second.resumed)
    return replace(
        both,
        exchanges=_latest(both.exchanges),
        rounds=tuple({each.number: each for each in both.rounds}.values()),
        letters=_once(both.letters),
        suspended=(*(s for s in first.suspended if s.party not in ended), *second.suspended),
        resumed=(*first.resumed, *(code for code in second.resumed if code not in begun)),
    )


def _joined(first: Any, second: Any) -> Any:
    """Tuples one behind the other; of single values the first that is there."""
    return (*first, *second) if isinstance(first, tuple) else first or second


def _latest(exchanges: Iterable[Exchange]) -> tuple[Exchange, ...]:
    return tuple({exchange.reference: exchange for exchange in exchanges}.values())


def _once(letters: Iterable[Letter]) -> tuple[Letter, ...]:
    """Letters of a ping are a thousand, so each is only compared with those to the same mailboxes."""
    found: dict[tuple[Address, ...], list[Letter]] = {}
    each: list[Letter] = []
    for letter in letters:
        alike = found.setdefault(letter.mailboxes, [])
        if letter not in alike:
            alike.append(letter)
            each.append(letter)
    return tuple(each)
