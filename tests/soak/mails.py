"""The mails that go in, each with what must come of it."""

import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from mailbot.playground.composing import Form
from mailbot.playground.people import Person
from tests.soak.network import message_id
from tests.stories.world import RELAYS

DESKS = {"FR": "fr", "DE": "de", "IT": "it", "ES": "es"}


@dataclass(frozen=True)
class Posted:
    """A mail to the hub. `readers`: addresses that must get its words; none: it must be held."""

    message_id: str
    sender: str  # address
    text: str
    readers: frozenset[str]
    octets: bytes = field(repr=False)


def written(people: Mapping[str, Person], count: int, chance: random.Random) -> list[Posted]:
    """So many mails, of every kind: requests to one, to two, to all, information, unsigned ones, strangers'."""
    plans = list(_plans(count, chance))
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda plan: _write(people, *plan), plans))


def _plans(count: int, chance: random.Random) -> Iterator[tuple[str, str, Sequence[str], Form, int]]:
    """Who, kind, to whom, in which form, number."""
    for number in range(count):
        author, *others = chance.sample(sorted(DESKS), len(DESKS))
        match number % 12:
            case 0 | 1 | 2 | 3 | 4:
                yield author, "REQUEST", others[:1], Form.COMBINED, number
            case 5 | 6:
                yield author, "REQUEST", others[:2], Form.ENCAPSULATED, number
            case 7:
                yield author, "REQUEST", sorted(others), Form.COMBINED, number
            case 8 | 9:
                yield author, "INFO", others[:1], Form.COMBINED, number
            case 10:
                yield author, "INFO", others[:1], Form.ENCRYPTED, number
            case _:
                yield "", "REQUEST", others[:1], Form.COMBINED, number


def _write(
    people: Mapping[str, Person], author: str, kind: str, targets: Sequence[str], form: Form, number: int
) -> Posted:
    person = people[DESKS[author]] if author else people["stranger"]
    urgent = " urgent" if number % 3 == 0 else ""
    text = f"soak {number}\n"
    octets = person.write(f"[{kind} {','.join(targets)}{urgent}] {number}", text, form=form)
    relayed = author and form is not Form.ENCRYPTED
    readers = _readers(people, kind, targets) if relayed else frozenset[str]()
    return Posted(message_id(octets).decode(), person.address, text, readers, octets)


def _readers(people: Mapping[str, Person], kind: str, targets: Sequence[str]) -> frozenset[str]:
    """The desks of the targets, and their relays that want this kind."""
    wanted = {"REQUEST": "request", "INFO": "information"}[kind]
    return frozenset(
        person.address
        for login, person in people.items()
        if person.party in targets and (login not in RELAYS or wanted in RELAYS[login])
    )
