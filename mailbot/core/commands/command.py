"""The forms of control mail: a row of the table of commands, an order that somebody gives, and what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mailbot.core.decision import Decision, Event, Moment, Network
from mailbot.core.mail import Attachment, Words
from mailbot.core.parties import Address, Party, Right
from mailbot.core.sight import Sight, Slice
from mailbot.core.tags import GRAMMAR, Bilingual, Tag


@dataclass(frozen=True, slots=True)
class Asker:
    """Who gives an order: somebody who signed a mail, or somebody at the robot's shell."""

    name: str  # as the journal has it: "SEC", "operator Night watch", "shell:alice"
    language: str  # of the answer
    rights: frozenset[Right]
    signed_at: datetime  # of an order from the shell, now
    party: Party | None = None
    is_desk: bool = False  # speaks for that party; a relay does not
    boxes: tuple[Address, ...] = ()  # where letters for him go; none at the shell
    facts: Mapping[str, str] = field(default_factory=dict)  # for the journal: mail, signer, tag_source

    @property
    def code(self) -> str | None:
        return self.party.code if self.party and self.is_desk else None


@dataclass(frozen=True, slots=True)
class Order:
    """One command, with everything that obeying it needs; `before` is what those above it in the mail led to."""

    tag: Tag
    asker: Asker
    network: Network
    moment: Moment
    sight: Sight = field(default_factory=Sight)
    before: Decision = field(default_factory=Decision)
    text: str = field(default="", repr=False)  # the free text behind the tag
    by_right: bool = False  # else he may only about what is his own
    journal_head: tuple[int, str] = (0, "")

    @property
    def now(self) -> datetime:
        return self.moment.now

    @property
    def language(self) -> str:
        return self.asker.language

    def in_words(self, said: Bilingual) -> str:
        return said.fr if self.language == "fr" else said.en


@dataclass(frozen=True, slots=True)
class Section:
    """What an answer says of one command: `words` are for the template of that name."""

    template: str
    words: Words = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one order; `event` with `reference`, `party` and `facts` is its journal row."""

    section: Section
    decision: Decision = field(default_factory=Decision)
    event: Event = Event.ANSWERED
    reference: str | None = None
    party: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()  # to the answer
    stands: bool = False  # it is so from now on, changed or found so: no order that was signed earlier may change it


Obey = Callable[[Order], Outcome]
Objects = Callable[[Tag], frozenset[str]]


def no_objects(_tag: Tag) -> frozenset[str]:
    """Of a command that comes never too late."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Command:
    """One row of the table of commands. Its words, grammar and example are in tags.GRAMMAR, who may in rights.py."""

    obey: Obey
    needs: frozenset[Slice] = frozenset()
    objects: Objects = no_objects  # what it acts on, and must not after a command that was signed later (trust.md 17)
    reopens: bool = False  # it needs the mail itself: the held one, or the one that opened the exchange


def not_done(order: Order, why: str, what: str = "", at: datetime | None = None, problem: str = "") -> Outcome:
    """Nothing is done, and why; `why` is one of mail.templates.OBJECTIONS."""
    words: dict[str, object] = {"reason": why, "what": what, "at": at, "problem": problem, "line": None}
    section = Section("answer-not-done", words | {"example": order.in_words(GRAMMAR[order.tag.word].example)})
    return Outcome(section, event=Event.REFUSED, facts={"why": why})
