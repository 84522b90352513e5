"""The robot's next key: the secretariat is asked, and what it confirms everybody is told (trust.md 8)."""

from collections.abc import Iterator
from datetime import datetime

from mailbot.core.certificates import Fingerprint
from mailbot.core.decision import Decision, Entry, Event, Network, Occasion
from mailbot.core.letters import sealable
from mailbot.core.mail import Attachment, Letter, Words
from mailbot.core.parties import SECRETARIAT, Address
from mailbot.core.renewal import addresses_of
from mailbot.core.tags import Tag, Word, write

ROBOT = "ROBOT"  # its name in [KEY ROBOT fingerprint]
CONFIRMED = "robot key"  # the occasion of telling everybody


def certificate_file(fingerprint: Fingerprint, network: Network) -> Attachment:
    """A certificate of the robot, as a file beside a letter."""
    octets = network.own[fingerprint].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return Attachment(f"{fingerprint}.asc", "application/pgp-keys", octets)


def announced(following: Fingerprint, network: Network, now: datetime, by: str) -> Decision:
    """To the secretariat, signed by the present key: please compare, and confirm."""
    office = network.directory.party(SECRETARIAT)
    boxes = sealable(office.desks, network, now) if office else ()
    if office is None or not boxes:
        return Decision()
    line = write(Tag(Word.KEY, targets=(ROBOT,), arguments=(following,)))
    words = {"what": "confirm", "fingerprint": following, "line": line}
    entry = Entry(Event.KEY_ANNOUNCED, facts={"by": by, "fingerprint": following, "of": ROBOT})
    return Decision(letters=(_letter(office.language, boxes, words, following, network),), entries=(entry,))


def confirmed(following: Fingerprint, network: Network, now: datetime) -> Decision:
    """To everybody: this one will follow."""
    words = {"what": "told", "fingerprint": following, "line": None}
    letters = tuple(_letter(language, boxes, words, following, network) for language, boxes in _everybody(network, now))
    return Decision(letters=letters, occasions=(Occasion(CONFIRMED, following),))


def _everybody(network: Network, now: datetime) -> Iterator[tuple[str, tuple[Address, ...]]]:
    """By language; those that cannot be sealed to hear of it from the secretariat."""
    found: dict[str, tuple[Address, ...]] = {}
    directory = network.directory
    for party in directory.parties.values():
        found[party.language] = (*found.get(party.language, ()), *addresses_of(party))
    for operator in directory.operators:
        found[operator.language] = (*found.get(operator.language, ()), operator.mailbox)
    for language, boxes in sorted(found.items()):
        if reached := sealable(dict.fromkeys(boxes), network, now):
            yield language, reached


def _letter(
    language: str, boxes: tuple[Address, ...], words: Words, following: Fingerprint, network: Network
) -> Letter:
    attached = (certificate_file(following, network),)
    return Letter(
        "robot-key", language, boxes, Tag(Word.KEY), words, from_control=True, purpose="key", attachments=attached
    )
