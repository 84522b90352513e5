"""The outcome for a person to read: what everybody received, opened with his own key, and what the robot remembers."""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mailbot.playground.facts import Outcome, Received
from mailbot.playground.keys import Verdict
from mailbot.playground.people import Person

COVER_LINES, AUTHOR_LINES = 3, 4


def show(outcome: Outcome, console: Console) -> None:
    """Everything."""
    for person in outcome.people.values():
        console.print(_mailbox(person, outcome))
    console.print(_exchanges(outcome))
    console.print(_held(outcome))
    sound = "its chain is sound" if outcome.journal_sound else "ITS CHAIN IS BROKEN"
    console.print(f"Journal: {outcome.journal_rows} rows, {sound}. Outbox: {outcome.owed} mails owed.")


def _mailbox(person: Person, outcome: Outcome) -> Panel:
    mails = [received for received in outcome.received if received.reader is person]
    body: list[RenderableType] = [_mail(received, outcome) for received in mails] or [Text("nothing", style="dim")]
    title = f"{person.name} <{person.address}>" + (f" · {person.party}" if person.party else "")
    return Panel(Group(*body), title=title, title_align="left", border_style="cyan" if mails else "dim")


def _mail(received: Received, outcome: Outcome) -> RenderableType:
    mail = received.mail
    lines = Text()
    lines.append("on the way  ", "dim").append(f"Subject: {mail.outer_subject}\n")
    if not mail.decrypts:
        return lines.append("cannot be opened", "red")
    lines.append("opened      ", "dim").append(f"Subject: {mail.subject}\n", "bold")
    lines.append("signatures  ", "dim").append(_signatures(received, outcome))
    text = Text("\n".join(_first_lines(received)), style="green")
    return Group(lines, Padding(text, (0, 0, 1, 12)))


def _signatures(received: Received, outcome: Outcome) -> str:
    mail = received.mail
    said = [f"robot: {_verdict(mail.signature)}"]
    if mail.author_signature.state:
        author = outcome.people.get(outcome.signer(mail.author_signature))
        who = author.name if author else "nobody known"
        said.append(f"{who}: {_verdict(mail.author_signature)}, without the robot's help")
    if mail.attachments:
        said.append("with " + ", ".join(file.name for file in mail.attachments))
    return "; ".join(said)


def _verdict(verdict: Verdict) -> str:
    return verdict.state.value if verdict.state else "none"


def _first_lines(received: Received) -> Iterator[str]:
    yield from _first(received.mail.cover, COVER_LINES)
    yield from (f"| {line}" for line in _first(received.mail.text, AUTHOR_LINES))


def _first(text: str, most: int) -> list[str]:
    lines = [line for line in text.split("\n") if line.strip()]
    return lines[:most] + ["..."] * (len(lines) > most)


def _exchanges(outcome: Outcome) -> Table:
    table = Table("reference", "kind", "from", "urgency", "parties", title="Exchanges", title_justify="left")
    for exchange in outcome.exchanges:
        parts = ", ".join(f"{part.party} {part.stage.value}" for part in exchange.parts)
        table.add_row(exchange.reference, exchange.kind, exchange.asker, exchange.urgency, parts)
    return table


def _held(outcome: Outcome) -> Table:
    table = Table("number", "why", "said to be from", title="Held for an operator", title_justify="left")
    for mail in outcome.held:
        table.add_row(mail.label, mail.reason, mail.sender)
    return table
