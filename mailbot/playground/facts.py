"""What came of the play, as facts: what everybody received, what is held, how exchanges stand; and what is amiss."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from mailbot.core.records import Exchange, HeldMail, PartStage
from mailbot.core.tags import Word, parse, write
from mailbot.playground.keys import AT_ONCE, Verdict
from mailbot.playground.people import Person
from mailbot.playground.pinging import Pinged
from mailbot.playground.reading import ReadMail
from mailbot.playground.script import Expected, Scene

SCHEMA = 1
ROBOT = "the robot"


@dataclass(frozen=True, slots=True)
class Received:
    """One mail in somebody's mailbox, as he sees it; `also_opened_by`: the logins of others whose keys open it too."""

    reader: Person
    mail: ReadMail
    also_opened_by: tuple[str, ...] = ()

    @property
    def word(self) -> Word | None:
        """The kind, from the tag in its protected subject."""
        return self.mail.tag.tag.word if self.mail.tag.tag else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that can be said when the play is over."""

    received: Sequence[Received]
    held: Sequence[HeldMail]
    exchanges: Sequence[Exchange]
    people: Mapping[str, Person]
    journal_rows: int
    journal_sound: bool
    owed: int  # mails still in the outbox
    seconds: Mapping[str, float]  # step -> how long it took
    pinged: Pinged | None = None

    def signer(self, verdict: Verdict) -> str:
        """The login of whoever made a good signature; nothing if there is none by anybody known."""
        return next((login for login, person in self.people.items() if verdict.is_by(person.key.fingerprint)), "")


def open_all(mailboxes: Mapping[str, Sequence[bytes]], people: Mapping[str, Person]) -> list[Received]:
    """Every mail read by its owner, and tried with every other key."""
    arrived = [(people[login], octets) for login, mails in mailboxes.items() for octets in mails]
    readers, mails = [reader for reader, _ in arrived], [octets for _, octets in arrived]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(_received, readers, mails, repeat(people.values())))


def _received(reader: Person, octets: bytes, everybody: Iterable[Person]) -> Received:
    opened_by = [person.login for person in everybody if person is not reader and person.read(octets).decrypts]
    return Received(reader, reader.read(octets), tuple(opened_by))


# ---------------------------------------------------------------- as JSON


def as_json(outcome: Outcome, problems: Sequence[str]) -> dict[str, Any]:
    """The facts as `demo --facts` writes them: snake_case, times RFC 3339, durations in seconds."""
    return {
        "schema": SCHEMA,
        "ok": not problems,
        "problems": list(problems),
        "mails": [_mail_facts(received, outcome) for received in outcome.received],
        "held": [
            {
                "label": held.label,
                "reason": held.reason,
                "state": held.state,
                "sender": held.sender,
                "party": held.party,
            }
            for held in outcome.held
        ],
        "exchanges": [
            {
                "reference": exchange.reference,
                "kind": exchange.kind,
                "asker": exchange.asker,
                "urgency": exchange.urgency,
                "stage": exchange.stage,
                "parts": {part.party: part.stage for part in exchange.parts},
            }
            for exchange in outcome.exchanges
        ],
        "ping": _ping_facts(outcome.pinged) if outcome.pinged else None,
        "journal": {"rows": outcome.journal_rows, "sound": outcome.journal_sound},
        "owed": outcome.owed,
        "seconds": {step: round(seconds, 2) for step, seconds in outcome.seconds.items()},
    }


def _ping_facts(pinged: Pinged) -> dict[str, Any]:
    return {
        "round": pinged.round.label,
        "parties": {probe.party: probe.standing for probe in pinged.round.probes},
        "answered_by": {p.party: p.answer.copy for p in pinged.round.probes if p.answer},
        "result": pinged.result.subject,
    }


def _mail_facts(received: Received, outcome: Outcome) -> dict[str, Any]:
    mail, tag = received.mail, received.mail.tag.tag
    return {
        "to": received.reader.address,
        "login": received.reader.login,
        "party": received.reader.party or None,
        "from": str(mail.headers["From"]),
        "outer_subject": mail.outer_subject,
        "subject": mail.subject,
        "tag": write(tag) if tag else None,
        "word": tag.word if tag else None,
        "reference": tag.reference if tag else None,
        "decrypts": mail.decrypts,
        "also_opened_by": list(received.also_opened_by),
        "signature": mail.signature.state,
        "signed_by_robot": mail.signature.is_by(received.reader.hub.fingerprint),
        "author": outcome.signer(mail.author_signature) or None,
        "author_signature": mail.author_signature.state,
        "author_subject": mail.author_subject or None,
        "attachments": [file.name for file in mail.attachments],
    }


# ---------------------------------------------------------------- what is amiss


def amiss(outcome: Outcome, scenes: Sequence[Scene]) -> list[str]:
    """Everything that is not as the scenes say it must be; nothing if all is well."""
    return [
        *_wrong_mails(outcome, [expected for scene in scenes for expected in scene.expected]),
        *(problem for received in outcome.received for problem in _flaws(received)),
        *_wrong_state(outcome, sum(scene.held for scene in scenes)),
        *(outcome.pinged.amiss() if outcome.pinged else ()),
    ]


def _wrong_mails(outcome: Outcome, expected: Sequence[Expected]) -> Iterable[str]:
    for login, person in outcome.people.items():
        wanted = sorted(f"{each.word} by {each.author or ROBOT}" for each in expected if each.login == login)
        found = sorted(_words(each, outcome) for each in outcome.received if each.reader.login == login)
        if wanted != found:
            yield f"{person.address} should have got {wanted or 'nothing'}, and got {found or 'nothing'}"


def _words(received: Received, outcome: Outcome) -> str:
    return f"{received.word or 'untagged'} by {outcome.signer(received.mail.author_signature) or ROBOT}"


def _flaws(received: Received) -> Iterable[str]:
    mail = received.mail
    whose = f"{mail.outer_subject!r} to {received.reader.address}"
    if not mail.decrypts:
        yield f"{whose} does not open with its reader's key"
    elif not mail.signature.is_by(received.reader.hub.fingerprint):
        yield f"{whose} is not signed by the robot"
    if received.also_opened_by:
        yield f"{whose} opens with the key of {', '.join(received.also_opened_by)} too"
    outer = parse(mail.outer_subject)
    if outer.rest or outer.tag is None or outer.tag.targets or outer.tag.origin:
        yield f"{whose} shows more outside than its kind and reference"


def _wrong_state(outcome: Outcome, held: int) -> Iterable[str]:
    if len(outcome.held) != held:
        yield f"{held} mails should be held, and {len(outcome.held)} are"
    stages = {part.party: part.stage for exchange in outcome.exchanges for part in exchange.parts}
    if len(outcome.exchanges) != 1 or stages != {"DE": PartStage.ANSWERED, "IT": PartStage.ACKNOWLEDGED}:
        remembered = ", ".join(f"{party} {stage}" for party, stage in stages.items())
        yield f"DE should have answered and IT acknowledged one request; the robot remembers: {remembered or 'nothing'}"
    if not outcome.journal_sound:
        yield "the journal's chain is broken"
    if outcome.owed:
        yield f"{outcome.owed} mails are still in the outbox"
