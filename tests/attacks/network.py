"""The network that is attacked: the stories' people; Spain has officers with spoilt keys, the EU's key has expired."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mailbot.playground.configuration import ROBOT_NAME
from mailbot.playground.keys import end_agents
from mailbot.playground.people import Role, gather
from tests.attacks.forging import PAST
from tests.keys import Person, make_key
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
from tests.stories import world as stories
from tests.stories.world import ADDRESS, CONTROL, ROLES, Cast, World

OPERATOR = """\
[[operators]]
name = "Operator"
address = "{address}"
certificates = ["{fingerprint}"]
"""


@dataclass(frozen=True)
class Attacked(World):
    """A world whose Spain has pinned keys that must not count; `spoilt` are those who have them."""

    spoilt: Mapping[str, Person] = field(default_factory=dict)


MORE = {"eu": Role("Union", "desk@eu.example", "EU"), "ops": Role("Operator", "ops@hub.example")}


@contextmanager
def gathered(folder: Path) -> Iterator[Cast]:
    """Everybody, with agents that end when the block does."""
    robot, people = gather(folder, (ROBOT_NAME, ADDRESS, CONTROL), {**ROLES, **MORE})
    try:
        yield Cast(robot, people)
    finally:
        end_agents([robot, *(person.key for person in people.values())])


def new_world(
    folder: Path, cast: Cast, spoilt: Mapping[str, Person], settings: str, dovecot: Dovecot, postfix: Postfix
) -> Attacked:
    """Empty mailboxes, and a configuration with the spoilt keys pinned; `settings` stand before all parties."""
    made = stories.new_world(folder, cast, dovecot, postfix)
    text = made.config.read_text()
    pins = ", ".join(f'"{person.fingerprint}"' for person in spoilt.values())
    spain = cast.people["es"].key.fingerprint
    text = text.replace(f'certificates = ["{spain}"]', f'certificates = ["{spain}"]\nsigners = [{pins}]', 1)
    lapsed = make_key("Union <desk@eu.example>", expire="1y", made=PAST)
    text = text.replace(cast.people["eu"].key.fingerprint, lapsed.fingerprint)
    operator = cast.people["ops"]
    people = OPERATOR.format(address=operator.address, fingerprint=operator.key.fingerprint)
    made.config.write_text(text.replace("[secretariat]\n", f"{settings}\n{people}\n[secretariat]\n", 1))
    (folder / "keys" / "OPERATORS").mkdir()
    (folder / "keys" / "OPERATORS" / f"{operator.key.fingerprint}.asc").write_bytes(operator.key.certificate)
    for code, keys in (("ES", [person.key for person in spoilt.values()]), ("EU", [lapsed])):
        for key in keys:
            (folder / "keys" / code / f"{key.fingerprint}.asc").write_bytes(key.public)
    return Attacked(folder, cast, dovecot, postfix, made.config, spoilt)


@contextmanager
def short_folder() -> Iterator[Path]:
    """Short enough for the sockets of gpg-agent, which vanish while it is removed; in memory: commits are quick."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else "/tmp"
    with tempfile.TemporaryDirectory(prefix="mb", dir=place, ignore_cleanup_errors=True) as name:
        yield Path(name)
