"""Control mail without any gpg: the secretariat, an operator and desks give commands, and the robot decides."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mailbot.core.decision import Decision, Entry, Known
from mailbot.core.judgement import decide
from mailbot.core.mail import Letter, OpenedMail
from mailbot.core.parties import Address
from mailbot.core.records import HeldMail, HeldState, Reason, Suspension
from mailbot.core.sight import Sight
from tests.core.cast import KNOWN, NOW, OPERATOR, SEC, judge, mail

OFFICE, WATCH = SEC.desks[0], OPERATOR.mailbox


def order(*lines: str, sender: Address = OFFICE, **changed: object) -> OpenedMail:
    """A signed mail with these lines at the head of its text, and no tag in its subject."""
    return mail(sender, subject="", text="".join(f"{line}\n" for line in lines), **changed)  # type: ignore[arg-type]


def seeing(**slices: Any) -> Known:
    """What is known, with these slices for the commands."""
    return replace(KNOWN, sight=Sight(judge=decide, **slices))


def give(*lines: str, sender: Address = OFFICE, known: Known = KNOWN, **changed: object) -> Decision:
    """What such a mail leads to."""
    return judge(order(*lines, sender=sender, **changed), known)


def answer_of(decision: Decision) -> Letter:
    """The one answer."""
    (answer,) = [letter for letter in decision.letters if letter.template == "answer"]
    return answer


def sections_of(decision: Decision) -> Sequence[tuple[str, dict[str, Any]]]:
    """What it says of each command: the section's template and its words."""
    found = answer_of(decision).words["sections"]
    assert isinstance(found, list)
    return [(section["template"], section["words"]) for section in found]


def said(decision: Decision) -> tuple[str, dict[str, Any]]:
    """The same, of a mail with one command."""
    (section,) = sections_of(decision)
    return section


def objections(decision: Decision) -> list[str | None]:
    """Command by command, why it was not obeyed; None: it was."""
    return [words["reason"] if name == "answer-not-done" else None for name, words in sections_of(decision)]


def row_of(decision: Decision) -> Entry:
    """The journal's row of the one command: the last."""
    return decision.entries[-1]


def held_mail(number: int = 12, **changed: object) -> HeldMail:
    made = HeldMail(number, f"{number:064x}", Reason.STALE, HeldState.WAITING, NOW, "desk@fr.example", "FR", 4711)
    return replace(made, **changed)  # type: ignore[arg-type]


def suspension(code: str) -> Suspension:
    return Suspension(code, NOW, "operator ops")
