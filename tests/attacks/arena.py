"""Where attacks are tried: the real robot on Dovecot and Postfix, everybody's mailbox, and what came of it.

One network is used for all attacks of a file. Each attack looks only at what is new since it began: mails in every
mailbox, each opened with its owner's key; mails held; rows of the journal. Whatever the attack, `Arena.play` insists
that no mail of the robot opens for anybody but its owner, or says outside whom else it is about.
"""

import contextlib
import re
import smtplib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from imapclient import IMAPClient
from sqlalchemy import delete, select, update

from mailbot.config import load
from mailbot.core.records import HeldMail, Reason
from mailbot.playground.keys import Key as Held
from mailbot.playground.people import Person
from mailbot.playground.reading import ReadMail, read
from mailbot.store.engine import writing
from mailbot.store.journal import Journal, JournalRow
from mailbot.store.schema import QUEUED, notices, outbox
from mailbot.wiring import Done, Robot
from tests.attacks.network import Attacked
from tests.attacks.packets import recipients_of
from tests.keys import Key, run
from tests.stories.world import ADDRESS

PATIENCE = 15.0  # seconds


_PATIENCE = 10  # rounds, a second each


@dataclass(frozen=True)
class Seen:
    """What came of an attack: everything that is new."""

    got: Mapping[str, Sequence[ReadMail]]  # login -> his mails, as he sees them
    raw: Mapping[str, Sequence[bytes]]  # the same as they travelled
    held: Sequence[HeldMail]
    rows: Sequence[JournalRow]

    def readers(self, words: str) -> set[str]:
        """Who can read these words of an author, or of the robot."""
        return {login for login, mails in self.got.items() if any(words in _all_of(mail) for mail in mails)}

    @property
    def reached(self) -> set[str]:
        """Who got any mail at all."""
        return {login for login, mails in self.got.items() if mails}

    @property
    def reasons(self) -> list[Reason]:
        """Why mails are held."""
        return [held.reason for held in self.held]

    @property
    def events(self) -> list[str]:
        """What the journal says was decided; deliveries apart."""
        return [row.event for row in self.rows if row.event != "accepted by the server"]

    def facts(self, event: str) -> str:
        """The facts of the one row of this event, as they are written."""
        [facts] = [row.facts for row in self.rows if row.event == event]
        return facts

    def tags(self, login: str) -> list[str]:
        """The words of the tags of what somebody got, such as REQUEST or HELP."""
        return [str(mail.tag.tag.word) if mail.tag.tag else "" for mail in self.got[login]]

    def only(self, login: str) -> ReadMail:
        """The one mail that somebody got."""
        [mail] = self.got[login]
        return mail


def _all_of(mail: ReadMail) -> str:
    files = "".join(file.octets.decode("utf-8", "replace") for file in mail.attachments)
    said = [mail.subject, mail.cover, mail.author_subject, mail.text, files]
    return "\n".join(said)


@dataclass
class Arena:
    """The network, its robot, and what was seen of it before."""

    world: Attacked
    robot: Robot
    subkeys: Mapping[str, frozenset[str]]  # login -> the key IDs that mail to him may be sealed to
    clock: "_Clock"
    newcomers: dict[str, list[Key]] = field(default_factory=dict)  # login -> keys that nobody has pinned
    _windows: dict[str, "_Window"] = field(default_factory=dict)
    _row: int = 0
    _held: int = 0

    def person(self, login: str) -> Person:
        """Somebody of the network."""
        return self.world.people[login]

    @property
    def hub(self) -> Key:
        """The robot's certificate."""
        robot = self.world.cast.robot
        return Key(robot.fingerprint, robot.certificate, robot.home)

    def play(self, *mails: bytes, sender: str = "somebody@elsewhere.example", rounds: int = 1) -> Seen:
        """Give these mails to Postfix, from an envelope sender of no importance; the robot acts; what came of it."""
        self.look()
        self.post(*mails, sender=sender)
        for _ in range(rounds):
            self.work()
        seen = self.look()
        self._insist(seen)
        return seen

    def post(self, *mails: bytes, sender: str = "somebody@elsewhere.example", to: str = ADDRESS) -> None:
        """Give mails to Postfix and wait until they lie in the robot's mailbox."""
        postfix = self.world.postfix
        with smtplib.SMTP(postfix.host, postfix.port, "desk.example", timeout=30) as server:
            for octets in mails:
                server.sendmail(sender, [to], octets)
        inbox = self._window(ADDRESS)
        await_(lambda: inbox.count() >= len(mails), f"{len(mails)} mails for the robot")

    def work(self) -> int:
        """One round of the robot; returns when everything it sent has arrived. How many mails those were."""
        before = self._lying()
        done = self.robot.once()
        sent = done.tried - done.queued
        for _ in range(_PATIENCE if done.queued else 0):
            warnings.warn(f"put off, and sent again: {self._owed()}", stacklevel=2)
            done = self._once_more()
            sent += done.tried - done.queued
            if not done.queued:
                break
        assert done.queued == 0, self._owed()
        await_(lambda: self._lying() >= before + sent, f"{sent} mails of the robot")
        return sent

    def _once_more(self) -> Done:
        """A server may put a mail off for a moment; the robot's own next try would come after minutes."""
        time.sleep(1)
        with writing(self.robot.engine) as connection:
            connection.execute(update(outbox).where(QUEUED).values(due_at=datetime.now(UTC)))
        return self.robot.once()

    def _owed(self) -> list[tuple[str, str | None]]:
        """Who has not got a mail, and what the server said."""
        with self.robot.engine.connect() as connection:
            rows = connection.execute(select(outbox.c.recipient, outbox.c.last_status).where(QUEUED))
            return [(row.recipient, row.last_status) for row in rows]

    def look(self) -> Seen:
        """Everything that is new since the last look."""
        raw = {login: self._window(person.address).new() for login, person in self.world.people.items()}
        with ThreadPoolExecutor(2) as pool:
            reading = {
                login: [pool.submit(self._read, octets, login) for octets in mails] for login, mails in raw.items()
            }
            got = {login: [read_.result() for read_ in mails] for login, mails in reading.items()}
        rows = list(Journal(self.robot.engine).rows(after=self._row))
        held = [mail for mail in self.robot.memory.held_mails() if mail.number > self._held]
        self._row = rows[-1].number if rows else self._row
        self._held = held[-1].number if held else self._held
        return Seen(got, raw, held, rows)

    @contextlib.contextmanager
    def later(self, time_passed: timedelta) -> Iterator[None]:
        """The robot's clock is ahead for the length of the block."""
        self.clock.ahead += time_passed
        try:
            yield
        finally:
            self.clock.ahead -= time_passed

    def forget_notices(self) -> None:
        """As if ten minutes had passed: the next forged mail is told of again."""
        with writing(self.robot.engine) as connection:
            connection.execute(delete(notices))

    def close(self) -> None:
        for window in self._windows.values():
            window.close()
        self.robot.close()

    # ------------------------------------------------------------ what holds after every attack

    def _insist(self, seen: Seen) -> None:
        for login, mails in seen.raw.items():
            for octets, mail in zip(mails, seen.got[login], strict=True):
                if mail.encrypted:
                    assert mail.decrypts, f"{login} got what he cannot open"
                    assert recipients_of(octets) <= self._subkeys_of(login), f"{login}'s mail opens for others"
                    assert mail.signature.is_by(self.world.cast.robot.fingerprint)
                else:
                    assert mail.text == "", f"{login} got words in clear"
                self._insist_on_silence(login, octets)

    def _read(self, octets: bytes, login: str) -> ReadMail:
        """With his key, or, where that does not open it, with one that he or somebody else would like to be his."""
        mail = read(octets, self.person(login).key)
        for key in self.newcomers.get(login, ()) if mail.encrypted and not mail.decrypts else ():
            mail = read(octets, Held(key.home, key.fingerprint, key.public))
            if mail.decrypts:
                break
        return mail

    def _subkeys_of(self, login: str) -> frozenset[str]:
        newcomers = (encryption_keys(key.home, key.fingerprint) for key in self.newcomers.get(login, ()))
        return self.subkeys[login].union(*newcomers)

    def _insist_on_silence(self, login: str, octets: bytes) -> None:
        """Nothing that every server can read names anybody but the reader and the robot."""
        shown = octets.lower()
        named = {other for other, person in self.world.people.items() if person.address.encode() in shown}
        fingerprints = {p.key.fingerprint.lower().encode() for o, p in self.world.people.items() if o != login}
        assert named <= {login}, f"{login}'s mail names {named - {login}}"
        assert not any(fingerprint in shown for fingerprint in fingerprints)
        subject = next((line for line in octets.split(b"\r\n") if line.startswith(b"Subject: ")), b"")
        assert re.fullmatch(rb"Subject: \[\w+(#[\w-]+)?\]( .*)?", subject), subject

    def _lying(self) -> int:
        return sum(self._window(person.address).count() for person in self.world.people.values())

    def _window(self, address: str) -> "_Window":
        if address not in self._windows:
            self._windows[address] = _Window(self.world.dovecot.login(address))
        return self._windows[address]


@dataclass
class _Clock:
    """The robot's clock."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class _Window:
    """Somebody's INBOX, watched over one connection."""

    def __init__(self, client: IMAPClient) -> None:
        self._client = client
        self._highest = 0

    def count(self) -> int:
        return int(self._client.folder_status("INBOX", ["MESSAGES"])[b"MESSAGES"])

    def new(self) -> list[bytes]:
        """The mails that came since the last look, oldest first."""
        self._client.select_folder("INBOX", readonly=True)
        uids = [uid for uid in self._client.search(["UID", f"{self._highest + 1}:*"]) if uid > self._highest]
        found = self._client.fetch(uids, ["BODY.PEEK[]"]) if uids else {}
        self._highest = max(found, default=self._highest)
        self._client.unselect_folder()
        return [found[uid][b"BODY[]"] for uid in sorted(found)]

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._client.logout()


def await_(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def begin(world: Attacked) -> Arena:
    """The robot of this network, begun."""
    ahead = _Clock()
    robot = Robot(load(world.config), now=ahead.now)
    receiver = robot.receiver()
    robot.receiver = lambda: receiver  # type: ignore[method-assign]  # as in `run`: one for all rounds, letters compiled once
    subkeys = {login: encryption_keys(p.key.home, p.key.fingerprint) for login, p in world.people.items()}
    return Arena(world, robot, subkeys, ahead)


def encryption_keys(home: Path, fingerprint: str) -> frozenset[str]:
    """The key IDs that mail to this certificate may be sealed to, as gpg lists them."""
    rows = [
        row.split(":") for row in run(home, "--with-colons", "--list-keys", fingerprint).stdout.decode().split("\n")
    ]
    return frozenset(row[4] for row in rows if row[0] == "sub" and "e" in row[11])
