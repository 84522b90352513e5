"""Writes the robot's config.toml for the playground, with the keys and the passwords that it names."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from mailbot.core.parties import SECRETARIAT
from mailbot.playground.keys import Key
from mailbot.playground.people import Person

ROBOT_NAME: Final = "Network hub"


class _Country(NamedTuple):
    en: str
    fr: str
    language: str
    time_zone: str


_COUNTRIES: Final[Mapping[str, _Country]] = {
    SECRETARIAT: _Country("Secretariat", "Secrétariat", "fr", "Europe/Paris"),
    "FR": _Country("France", "France", "fr", "Europe/Paris"),
    "DE": _Country("Germany", "Allemagne", "en", "Europe/Berlin"),
    "IT": _Country("Italy", "Italie", "en", "Europe/Rome"),
    "ES": _Country("Spain", "Espagne", "en", "Europe/Madrid"),
    "EU": _Country("European Union", "Union européenne", "en", "Europe/Brussels"),
}

Relays = Mapping[str, Sequence[str]]
"""Login of a relay -> the kinds of mail that it wants; who is not in it is a desk."""


@dataclass(frozen=True, slots=True)
class Server:
    """How the robot reaches one of its two servers."""

    port: int
    username: str
    password: str = field(repr=False)
    tls: str = "none"  # the playground's servers are on loopback
    host: str = "127.0.0.1"
    ca_file: Path | None = None


def write_config(
    folder: Path,
    robot: Key,
    people: Mapping[str, Person],
    relays: Relays,
    *,
    imap: Server,
    smtp: Server,
    backups: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Write config.toml, keys/ and the password files into `folder`, and make the state directory beside them.

    `backups`: code of a party -> the address of its backup.
    """
    (folder / "state").mkdir(mode=0o700)
    registered = [person for person in people.values() if person.party]
    for person in registered:
        place = folder / "keys" / person.party
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{person.key.fingerprint}.asc").write_bytes(person.key.certificate)
    lines = [
        *_robot(robot, registered),
        *_server("imap", imap, folder),
        *_server("smtp", smtp, folder),
        *_digest(),
        *_secretariat(registered),
    ]
    for code in dict.fromkeys(person.party for person in registered if person.party != SECRETARIAT):
        lines += _party(code, [person for person in registered if person.party == code], relays)
        if code in backups:
            lines += ["[[parties.backups]]", *_settings(address=backups[code])]
    path = folder / "config.toml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _robot(robot: Key, people: Collection[Person]) -> Iterator[str]:
    hub = next(iter(people)).hub
    yield "[robot]"
    yield from _settings(
        name=ROBOT_NAME,
        address=hub.address,
        control_address=hub.control_address,
        fingerprint=robot.fingerprint,
        gnupg_home=str(robot.home),
    )


def _server(name: str, server: Server, folder: Path) -> Iterator[str]:
    secret = folder / f"{name}.password"
    secret.touch(mode=0o600)
    secret.write_text(server.password)
    yield f"[{name}]"
    yield from _settings(host=server.host, port=server.port, tls=server.tls, username=server.username)
    yield from _settings(password_file=secret.name, timeout_seconds=20)
    if server.ca_file:
        yield from _settings(ca_file=str(server.ca_file))


def _digest() -> Iterator[str]:
    """None of its own accord: whatever the hour, everybody gets what he is owed for his own mail, and nothing else."""
    yield "[digest]"
    yield from _settings(daily=False)


def _secretariat(people: Collection[Person]) -> Iterator[str]:
    members = [person for person in people if person.party == SECRETARIAT]
    yield "[secretariat]"
    yield from _settings(addresses=[person.address for person in members])
    yield from _member(SECRETARIAT, members)


def _party(code: str, people: Collection[Person], relays: Relays) -> Iterator[str]:
    desks = [person for person in people if person.login not in relays]
    yield "[[parties]]"
    yield from _settings(code=code)
    yield from _member(code, desks)
    for desk in desks:
        yield "[[parties.desks]]"
        yield from _settings(address=desk.address)
    for relay in (person for person in people if person.login in relays):
        yield "[[parties.relays]]"
        yield from _settings(name=relay.name, address=relay.address, kinds=list(relays[relay.login]))
        yield from _settings(certificates=[relay.key.fingerprint])


def _member(code: str, people: Collection[Person]) -> Iterator[str]:
    country = _COUNTRIES[code]
    yield f"name = {{ en = {_toml(country.en)}, fr = {_toml(country.fr)} }}"
    yield from _settings(language=country.language, time_zone=country.time_zone)
    yield from _settings(certificates=[person.key.fingerprint for person in people])


def _settings(**values: str | int | Sequence[str]) -> Iterator[str]:
    for name, value in values.items():
        yield f"{name} = {_toml(value)}"


def _toml(value: str | int | Sequence[str]) -> str:
    return json.dumps(value, ensure_ascii=False)  # of texts, numbers and arrays of them, the same in both languages
