"""People with mail programs: each has an address, a throw-away key, and the hub's fingerprint, told by telephone.

They write requests, read what the hub sends and press Reply, as the officers of a desk do with their mail program.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import formataddr
from pathlib import Path

from mailbot.core.certificates import Fingerprint
from mailbot.playground.composing import Attachment, Draft, Form, Subjects, compose
from mailbot.playground.keys import Key, introduce, make_keys
from mailbot.playground.reading import ReadMail, read


@dataclass(frozen=True, slots=True)
class Hub:
    """The robot as people know it."""

    address: str
    control_address: str
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes and reads mail. `login` names the mailbox and the GnuPG home."""

    login: str
    name: str
    address: str
    party: str  # code; empty for a stranger
    key: Key
    hub: Hub

    def write(
        self,
        subject: str,
        text: str,
        attachments: Sequence[Attachment] = (),
        *,
        form: Form = Form.COMBINED,
        subjects: Subjects = Subjects.THUNDERBIRD,
    ) -> bytes:
        """A new mail to the hub."""
        return self.send_off(self.draft(subject, text, attachments, form=form, subjects=subjects))

    def press_reply(
        self,
        mail: ReadMail,
        text: str,
        *,
        prefix: str = "Re: ",
        quoting: bool = True,
        tag_line: str = "",
        attachments: Sequence[Attachment] = (),
        form: Form = Form.COMBINED,
        subjects: Subjects = Subjects.THUNDERBIRD,
    ) -> bytes:
        """An answer to a mail: its subject behind a prefix, its text quoted, sent to where it asks for answers.

        `tag_line` is what the officer was told to write first, such as `[ACK#2026-0042]`.
        """
        body = f"{tag_line}\n{text}" if tag_line else text
        draft = self.draft(
            prefix + mail.subject, body + _quoted(mail) * quoting, attachments, form=form, subjects=subjects
        )
        threaded = replace(draft, to=mail.answer_to, in_reply_to=mail.message_id, references=mail.references)
        return self.send_off(threaded)

    def draft(
        self,
        subject: str,
        text: str,
        attachments: Sequence[Attachment] = (),
        *,
        form: Form = Form.COMBINED,
        subjects: Subjects = Subjects.THUNDERBIRD,
    ) -> Draft:
        """A mail to the hub, still to be changed."""
        sender = formataddr((self.name, self.address))
        return Draft(sender, self.hub.address, subject, text, attachments, form=form, subjects=subjects)

    def send_off(self, draft: Draft) -> bytes:
        """The finished mail: signed with this person's key, encrypted to the hub."""
        return compose(draft, self.key, self.hub.fingerprint)

    def read(self, octets: bytes) -> ReadMail:
        """What this person sees of a mail."""
        return read(octets, self.key)


@dataclass(frozen=True, slots=True)
class Role:
    """Who somebody is, before he has a key."""

    name: str
    address: str
    party: str = ""


def gather(folder: Path, robot: tuple[str, str, str], roles: Mapping[str, Role]) -> tuple[Key, dict[str, Person]]:
    """The robot's key, and these people with theirs, all introduced to each other.

    `robot`: name, address, control address; `roles`: login -> who. The homes lie in `folder`, whose path must be short.
    """
    names = {login: (role.name, role.address) for login, role in roles.items()}
    keys = make_keys(folder, {"robot": robot, **names})
    introduce(keys.values())
    key = keys.pop("robot")
    hub = Hub(robot[1], robot[2], key.fingerprint)
    people = {
        login: Person(login, role.name, role.address, role.party, keys[login], hub) for login, role in roles.items()
    }
    return key, people


def _quoted(mail: ReadMail) -> str:
    """Below the answer, everything the mail program showed."""
    shown = f"{mail.cover}\n{mail.text}".rstrip("\n")
    lines = "".join(f"> {line}".rstrip() + "\n" for line in shown.split("\n"))
    return f"\n\nOn {mail.headers['Date']}, {mail.headers['From']} wrote:\n{lines}"
