"""The checker: accounts for each mail that went in, by mailbox, servers, database and journal."""

import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, select

from mailbot.core.decision import Event
from mailbot.store import schema
from mailbot.store.engine import reading
from mailbot.store.journal import Journal
from tests.servers.badsmtp import Accepted
from tests.soak.mails import Posted
from tests.soak.network import Network, message_id

WORDS = {"request", "information"}  # the letters that carry what was posted
READ_MOST = 400  # relayed mails that are opened with their readers' keys


@dataclass
class Account:
    """What became of everything. `wrong`: whatever must not be; nothing there: nothing is lost."""

    delivered: int = 0  # mails whose every reader has the words
    bounced: int = 0  # mails that a reader's server refused for good, which the journal knows
    held: Counter[str] = field(default_factory=Counter)  # by reason
    copies: int = 0  # mails that Postfix delivered twice, because Dovecot died before it answered
    relayed: int = 0  # mails that readers got
    repeated: int = 0  # mails that were handed over once more, the same octets under the same Message-ID
    longest: float = 0.0  # seconds from Postfix's 250 to a reader's server's
    acted: float = 0.0  # of these, seconds until the mail was acted on
    wrong: list[str] = field(default_factory=list)


class Accountant:
    """Holds one network's end against what was posted."""

    def __init__(self, network: Network, engine: Engine) -> None:
        self.network, self.engine = network, engine
        self.found = Account()
        self.incoming = {row["digest"]: row for row in self._rows(select(schema.incoming))}
        self.reasons = {row["digest"]: row["reason"] for row in self._rows(select(schema.held))}
        self.outbox = self._rows(select(schema.outbox).order_by(schema.outbox.c.id))
        self.filed = self._filed()
        self.accepted: dict[str, list[Accepted]] = {}
        for mail in network.front.accepted:
            self.accepted.setdefault(message_id(mail.octets).decode(), []).append(mail)

    def account(self, posted: Sequence[Posted]) -> Account:
        """Everything."""
        if left := self.network.waiting():
            self._wrong(f"{left} mails were not filed")
        for mail in posted:
            self._account_for(mail)
        self._compare_repeated()
        self._compare_journal()
        self._read_some(posted)
        return self.found

    # ---------------------------------------------------------------- one mail that went in

    def _account_for(self, mail: Posted) -> None:
        copies = self.filed.get(mail.message_id, set())
        unknown = [digest for digest in copies if digest not in self.incoming]
        if not copies or unknown:
            return self._wrong(f"{mail.text!r}: lost: {len(copies)} copies, {len(unknown)} unknown")
        self.found.copies += len(copies) - 1
        opened = [self.incoming[digest] for digest in copies if self.incoming[digest]["event"] == Event.OPENED]
        held = [self.reasons[digest] for digest in copies if digest in self.reasons]
        if len(opened) > 1:
            return self._wrong(f"{mail.text!r}: acted on {len(opened)} times")
        if opened and mail.readers:
            return self._follow(mail, opened[0]["reference"], opened[0]["handled_at"])
        if held and not opened:
            self.found.held[held[0]] += 1
            return None
        return self._wrong(f"{mail.text!r}: neither delivered nor held: {[self.incoming[d]['event'] for d in copies]}")

    def _follow(self, mail: Posted, reference: str, opened_at: datetime) -> None:
        """To every reader."""
        sent = [row for row in self.outbox if row["reference"] == reference and row["letter"] in WORDS]
        if Counter(row["recipient"] for row in sent) != Counter(mail.readers):
            return self._wrong(f"{mail.text!r}: {mail.readers} were to have it, {[r['recipient'] for r in sent]} have")
        states = {row["state"] for row in sent}
        if not states <= {"sent", "refused"}:
            return self._wrong(f"{mail.text!r}: {states}")
        for row in sent:
            self._time(mail, row, opened_at)
        if states == {"sent"}:
            self.found.delivered += 1
        else:
            self.found.bounced += 1
        return None

    def _time(self, mail: Posted, row: RowMapping, opened_at: datetime) -> None:
        came = self.network.front.came.get(row["message_id"].encode())
        if came is not None:
            self.found.relayed += 1
            begin = self.network.posted[mail.message_id]
            acted = opened_at.timestamp() - (time.time() - time.monotonic()) - begin
            self.found.longest, self.found.acted = max((self.found.longest, self.found.acted), (came - begin, acted))
        elif row["state"] == "sent":
            self._wrong(f"{mail.text!r}: no server has {row['message_id']}, which is marked as sent")

    # ---------------------------------------------------------------- all that went out

    def _compare_repeated(self) -> None:
        known = {row["message_id"] for row in self.outbox}
        for identity, mails in self.accepted.items():
            self.found.repeated += len(mails) - 1
            if identity not in known:
                self._wrong(f"{identity} was never in the outbox")
            if len({(mail.octets, mail.recipients) for mail in mails}) > 1:
                self._wrong(f"{identity} was sent in several forms")

    def _compare_journal(self) -> None:
        journal = Journal(self.engine)
        self.found.wrong += [f"journal: row {found.number}: {found.what}" for found in journal.verify().findings]
        rows = [(row.event, row.reference, json.loads(row.facts)) for row in journal.rows()]
        opened = Counter(reference for event, reference, _ in rows if event == Event.OPENED)
        if opened != Counter(r["reference"] for r in self.incoming.values() if r["event"] == Event.OPENED):
            self._wrong("journal: its exchanges are not those of the mails")
        for event, states in ((Event.DELIVERED, {"sent"}), (Event.FAILED, {"refused", "expired"})):
            said = Counter(facts["message_id"] for what, _, facts in rows if what == event)
            if said != Counter(row["message_id"] for row in self.outbox if row["state"] in states):
                self._wrong(f"journal: {event} does not agree with the outbox")

    def _read_some(self, posted: Sequence[Posted]) -> None:
        """Readers open what they got: it must be words that somebody wrote to them."""
        people = {person.address: person for person in self.network.people.values()}
        words = {row["message_id"] for row in self.outbox if row["letter"] in WORDS}
        relayed = [mails[0] for identity, mails in sorted(self.accepted.items()) if identity in words]
        some = random.Random(1).sample(relayed, min(len(relayed), READ_MOST))
        texts = {mail.text: mail.readers for mail in posted}
        with ThreadPoolExecutor(2) as pool:
            read = pool.map(lambda mail: people[mail.recipients[0]].read(mail.octets).text, some)
            for mail, text in zip(some, read, strict=True):
                if mail.recipients[0] not in texts.get(text, ()):
                    self._wrong(f"{mail.recipients[0]} reads {text!r}")

    # ---------------------------------------------------------------- looking

    def _filed(self) -> dict[str, set[str]]:
        """Message-ID -> the digests of its copies in Done and Held."""
        found: dict[str, set[str]] = {}
        for folder in ("Done", "Held"):
            for octets in self.network.dovecot.mails(self.network.address, folder):
                digest = hashlib.sha256(octets).hexdigest()
                found.setdefault(message_id(octets).decode(), set()).add(digest)
        return found

    def _rows(self, wanted: Select[Any]) -> list[RowMapping]:
        with reading(self.engine) as connection:
            return list(connection.execute(wanted).mappings())

    def _wrong(self, what: str) -> None:
        self.found.wrong.append(what)
