"""Who comes next when many wait: senders take turns; a flood of one delays the others by no more than its share."""

from collections import Counter
from collections.abc import Mapping


def in_turns(waiting: Mapping[int, str]) -> list[int]:
    """The numbers of what waits, given with whose each is: the lowest of everybody first, then everybody's second."""
    before, turns = Counter[str](), []
    for number in sorted(waiting):
        whose = waiting[number]
        turns.append((before[whose], number))
        before[whose] += 1
    return [number for _, number in sorted(turns)]
