"""The network of the benchmark: parties with throw-away keys, the robot's configuration, requests that they write."""

import json
import random
import secrets
from binascii import b2a_base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, make_msgid
from pathlib import Path

from mailbot.bench.gnupg import Home
from mailbot.core.certificates import Fingerprint
from mailbot.mail.armour import Label, armour
from mailbot.mail.packets import PacketType, split
from mailbot.mail.robotkey import init_robot_key

NAME, ADDRESS, CONTROL = "Network hub", "network@hub.example", "control@hub.example"
ACCOUNT = "robot"

Settings = Mapping[str, Mapping[str, object]]  # section -> name -> value, added to the configuration
_LINE = "Nous cherchons le vol AZ 318, pilote inconnu, dernier contact 02:14 UTC au nord de Kufstein.\n"


@dataclass(frozen=True, slots=True)
class Server:
    """Where the robot finds a server, and its password there."""

    port: int
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Party:
    """A member with one desk."""

    code: str
    address: str
    fingerprint: Fingerprint


@dataclass(frozen=True)
class Network:
    """All keys. `members` holds everybody's secret keys, `yardstick` what the robot's own working home holds."""

    folder: Path
    robot: Fingerprint
    parties: Sequence[Party]
    members: Home
    yardstick: Home

    # ------------------------------------------------------------ mail

    def request(self, asker: Party, tag: str, octets: int = 2048) -> bytes:
        """A signed and sealed request, as it lies in the mailbox; `octets`: of its MIME entity."""
        entity = self.entity(f"[{tag}] Vol AZ 318 {secrets.token_hex(4)}", octets)
        sealed = self.members.seal(entity, asker.fingerprint, [self.robot])
        return self.mail(asker, sealed)

    def entity(self, subject: str, octets: int) -> bytes:
        """What is signed: a protected subject and so much text."""
        head = (
            f'Content-Type: text/plain; charset=utf-8; protected-headers="v1"\r\n'
            f"From: <somebody@{ADDRESS.partition('@')[2]}>\r\nTo: <{ADDRESS}>\r\nSubject: {subject}\r\n\r\n"
        )
        unlike = f"{secrets.token_hex(16)}\n"  # two texts that are signed in one second must differ
        text = unlike + _LINE * ((octets - len(head)) // len(_LINE))
        return (head + text.replace("\n", "\r\n")).encode()

    def with_file(self, subject: str, octets: int) -> bytes:
        """What is signed where a mail has an attachment: so many octets in all, most of them base64."""
        boundary = f"=_{secrets.token_hex(12)}"
        kind = f'multipart/mixed; boundary="{boundary}"; protected-headers="v1"'
        head = f"Content-Type: {kind}\r\nTo: <{ADDRESS}>\r\nSubject: {subject}\r\n\r\n--{boundary}\r\n".encode()
        text = self.entity(subject, 1024).partition(b"\r\n\r\n")[2]
        note = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text + f"\r\n--{boundary}\r\n".encode()
        file = b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n"
        file += b'Content-Disposition: attachment; filename="map.pdf"\r\n\r\n'
        end = f"\r\n--{boundary}--\r\n".encode()
        lines = (octets - len(head) - len(note) - len(file) - len(end)) // 78
        content = b2a_base64(random.Random(1).randbytes(57 * 1000), newline=False)  # noqa: S311 - a file to look at
        page = b"".join(content[at : at + 76] + b"\r\n" for at in range(0, len(content), 76))
        return head + note + file + page * (lines // 1000) + page[: 78 * (lines % 1000)] + end

    def mail(self, asker: Party, sealed: bytes) -> bytes:
        """The encrypted mail around it (RFC 3156)."""
        boundary = f"=_{secrets.token_hex(12)}"
        head = (
            f"From: <{asker.address}>\r\nTo: <{ADDRESS}>\r\nSubject: ...\r\n"
            f"Date: {format_datetime(datetime.now(UTC))}\r\nMessage-ID: {make_msgid(domain='desk.example')}\r\n"
            f'MIME-Version: 1.0\r\nContent-Type: multipart/encrypted; boundary="{boundary}";\r\n'
            f'\tprotocol="application/pgp-encrypted"\r\n\r\n'
            f"--{boundary}\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n"
            f'--{boundary}\r\nContent-Type: application/octet-stream; name="encrypted.asc"\r\n\r\n'
        )
        return head.encode() + armour(sealed, Label.MESSAGE) + f"\r\n--{boundary}--\r\n".encode()

    # ------------------------------------------------------------ configuration

    def configure(self, name: str, imap: Server, smtp: Server, more: Settings | None = None) -> Path:
        """Write a configuration with a state folder of its own; `more` is added, or put in place of what is there."""
        place = self.folder / name
        place.mkdir(mode=0o700)
        secret = place / "password"
        secret.touch(mode=0o600)
        secret.write_text(imap.password)
        sections: dict[str, dict[str, object]] = {
            "robot": {
                "name": NAME,
                "address": ADDRESS,
                "control_address": CONTROL,
                "fingerprint": self.robot,
                "gnupg_home": str(self.folder / "robot"),
                "keys_dir": str(self.folder / "keys"),
            },
            "imap": {
                "host": "127.0.0.1",
                "port": imap.port,
                "tls": "none",
                "username": ACCOUNT,
                "password_file": secret.name,
            },
            "smtp": {"host": "127.0.0.1", "port": smtp.port, "tls": "none"},
            # A benchmark is a flood: what one sender may ask for in an hour is not what is measured.
            "limits": dict.fromkeys(
                ("requests_per_hour", "all_per_day", "answers_per_hour", "volume_mib_per_day", "letters_per_hour"),
                1_000_000,
            ),
            "secretariat": {
                "name": {"en": "Secretariat", "fr": "Secrétariat"},
                "language": "en",
                "time_zone": "Europe/Paris",
                "addresses": ["secretariat@network.example"],
                "certificates": [],
            },
        }
        for section, settings in (more or {}).items():
            sections.setdefault(section, {}).update(settings)
        path = place / "config.toml"
        path.write_text("\n".join([*_sections(sections), *_parties(self.parties)]) + "\n", "utf-8")
        return path


def found(folder: Path, count: int) -> Network:
    """Keys for the robot and so many parties, in this folder, whose path must be short."""
    robot = init_robot_key(folder / "robot", NAME, [ADDRESS, CONTROL])
    members, yardstick = Home.make(folder / "members"), Home.make(folder / "raw")
    codes = [f"D{number:04}" for number in range(1, count + 1)]
    addresses = [f"desk@{code.lower()}.example" for code in codes]
    fingerprints = members.generate(zip(codes, addresses, strict=True))
    parties = tuple(map(Party, codes, addresses, fingerprints))
    certificates = members.export()
    own = Home(folder / "robot")
    members.take(own.export())
    yardstick.take(certificates)
    yardstick.take(own.export_secret(robot))
    own.end_agent()
    _write_key_files(folder / "keys", parties, certificates)
    return Network(folder, robot, parties, members, yardstick)


def _write_key_files(folder: Path, parties: Sequence[Party], certificates: bytes) -> None:
    """Each certificate into the file that the configuration expects it in."""
    packets = split(certificates, 100 * len(parties))
    starts = [at for at, packet in enumerate(packets) if packet.type == PacketType.CERTIFICATE]
    for party, first, end in zip(parties, starts, [*starts[1:], len(packets)], strict=True):
        place = folder / party.code
        place.mkdir(parents=True)
        octets = b"".join(bytes(packet.raw) for packet in packets[first:end])
        (place / f"{party.fingerprint}.asc").write_bytes(armour(octets, Label.CERTIFICATE))


def _sections(sections: Settings) -> Iterator[str]:
    for section, settings in sections.items():
        yield f"[{section}]"
        yield from (f"{name} = {_toml(value)}" for name, value in settings.items())


def _parties(parties: Sequence[Party]) -> Iterator[str]:
    for party in parties:
        yield from (
            "[[parties]]",
            f"code = {_toml(party.code)}",
            f"name = {_toml({'en': party.code, 'fr': party.code})}",
        )
        yield from ('language = "en"', 'time_zone = "Europe/Paris"')
        yield f"certificates = {_toml([party.fingerprint])}"
        yield f"desks = [{{ address = {_toml(party.address)} }}]"


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_toml(item)}" for name, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
