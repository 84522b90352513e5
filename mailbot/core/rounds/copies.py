"""The copies of a probe: a mail for each mailbox, with a challenge of its own where it can be sealed (trust.md 9)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mailbot.core.codes import new_challenge
from mailbot.core.decision import Moment, Network
from mailbot.core.letters import party_words
from mailbot.core.mail import Letter
from mailbot.core.parties import Address, Party
from mailbot.core.rounds.records import Challenge, Copy, Probe, ProbeStage, round_label
from mailbot.core.tags import Tag, Word


class Sending(StrEnum):
    """Why a copy is sent; the value is its letter. The store tells by the letter whose copy a mail was."""

    FIRST = "probe"
    REMINDER = "probe-reminder"
    BACKUP = "probe-backup"


@dataclass(frozen=True, slots=True)
class Copies:
    """What goes out, and what the store must know of it."""

    letters: tuple[Letter, ...] = ()
    challenges: tuple[Challenge, ...] = ()

    @classmethod
    def joined(cls, several: Iterable["Copies"]) -> "Copies":
        """All of them."""
        found = tuple(several)
        return cls(
            tuple(letter for copies in found for letter in copies.letters),
            tuple(challenge for copies in found for challenge in copies.challenges),
        )


@dataclass(frozen=True, slots=True)
class Copyist:
    """Writes copies of one round at one moment. `text`: what the secretariat adds, in its own words."""

    network: Network
    moment: Moment
    anchor: tuple[int, str]  # row number and hash of the journal (trust.md 19)
    urgent: bool = False
    text: str = field(default="", repr=False)

    def write(self, probe: Probe, party: Party, sending: Sending) -> Copies:
        """A copy for each desk, or each backup, that may get one; nothing for a suspended party."""
        mailboxes = party.backups if sending is Sending.BACKUP else party.desks
        boxes = () if party.suspended else tuple(_allowed(mailboxes, probe, self))
        return Copies.joined(self._copy(probe, party, box, sending) for box in boxes)

    def _copy(self, probe: Probe, party: Party, box: Address, sending: Sending) -> Copies:
        copy = Copy.BACKUP if sending is Sending.BACKUP else Copy.DESK
        token = probe.backup_token if copy is Copy.BACKUP else probe.token
        challenge = self._challenge(probe, box, sending, copy) if box.encrypt_to else None
        words = {
            "party": party_words(party.code, self.network, party.language),
            "token": token,
            "challenge": challenge.word if challenge else None,
            "deadline": probe.deadline,
            "zone": party.time_zone,
            "left": probe.deadline - self.moment.now,
            "asked_at": probe.asked_at,
            "unconfirmed": probe.stage is ProbeStage.UNCONFIRMED,
            "urgent": self.urgent,
            "added": self.text if box.encrypt_to else "",  # they are somebody's content
            "anchor": {"number": self.anchor[0], "hash": self.anchor[1]},
        }
        letter = Letter(
            sending.value,
            party.language,
            (box,),
            Tag(Word.PING, token=token),
            words=words,
            reference=round_label(probe.round),
            party=party.code,
            purpose="probe",
            urgent=self.urgent,
        )
        return Copies((letter,), (challenge,) if challenge else ())

    def _challenge(self, probe: Probe, box: Address, sending: Sending, copy: Copy) -> Challenge:
        chance = self.moment.chance(f"challenge {probe.round} {probe.party} {sending} {box.address}")
        return Challenge(new_challenge(chance), probe.round, probe.party, box.address, copy)


def has_certificate(party: Party) -> bool:
    """Whether any is configured for the party, usable or not."""
    return bool(party.signers) or any(box.encrypt_to for box in party.addresses)


def _allowed(boxes: Iterable[Address], probe: Probe, copyist: Copyist) -> Iterator[Address]:
    """Sealed if it can be; plain only to a party that never had a certificate: a ping holds nothing secret, but who
    could make us believe that a certificate has gone would make us write in clear (trust.md 18).
    """
    for box in boxes:
        if copyist.network.sealable(box, copyist.moment.now):
            yield box
        elif not probe.certified:
            yield replace(box, encrypt_to=())
