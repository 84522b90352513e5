"""The outcome for a person to read: what everybody received, opened with his own key, and what the robot remembers."""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mailbot.playground.facts import Outcome, Received
from mailbot.playground.keys import Verdict
from mailbot.playground.people import Person
from mailbot.playground.pinging import Pinged

COVER_LINES, AUTHOR_LINES, PING_LINES = 3, 4, 18


def show(outcome: Outcome, console: Console) -> None:
    """Everything."""
    for person in outcome.people.values():
        console.print(_mailbox(person, outcome))
    console.print(_exchanges(outcome))
    console.print(_held(outcome))
    if outcome.pinged:
        console.print(_ping(outcome.pinged))
    sound = "its chain is sound" if outcome.journal_sound else "ITS CHAIN IS BROKEN"
    console.print(f"Journal: {outcome.journal_rows} rows, {sound}. Outbox: {outcome.owed} mails owed.")


def _mailbox(person: Person, outcome: Outcome) -> Panel:
    mails = [received for received in outcome.received if received.reader is person]
    body: list[RenderableType] = [_mail(received, outcome) for received in mails] or [Text("nothing", style="dim")]
    title = f"{person.name} <{person.address}>" + (f" · {person.party}" if person.party else "")
    return Panel(Group(*body), title=title, title_align="left", border_style="cyan" if mails else "dim")


def _mail(received: Received, outcome: Outcome) -> Table:
    """On the left what each line is, on the right the line."""
    mail = received.mail
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("on the way", Text(f"Subject: {mail.outer_subject}"))
    if not mail.decrypts:
        table.add_row("opened", Text("cannot be opened", "red"))
        return table
    table.add_row("opened", Text(f"Subject: {mail.subject}", "bold"))
    for who, verdict in _signatures(received, outcome):
        table.add_row("signed by", Text(f"{who}: {verdict}"))
    table.add_row("the robot", Text("\n".join(_first(mail.cover, COVER_LINES)), "green"))
    if mail.text:
        table.add_row("the author", Text("\n".join(_first(_unquoted(mail.text), AUTHOR_LINES)), "yellow"))
    if mail.attachments:
        table.add_row("attached", Text(", ".join(file.name for file in mail.attachments)))
    table.add_row("")
    return table


def _signatures(received: Received, outcome: Outcome) -> Iterator[tuple[str, str]]:
    yield "the robot", _verdict(received.mail.signature)
    author = received.mail.author_signature
    if author.state:
        person = outcome.people.get(outcome.signer(author))
        yield person.name if person else "somebody unknown", f"{_verdict(author)}, checked without the robot"


def _verdict(verdict: Verdict) -> str:
    return verdict.state.value if verdict.state else "none"


def _unquoted(text: str) -> str:
    """What he wrote himself, without the mail that he answers."""
    return "\n".join(line for line in text.split("\n") if not line.startswith(">") and not line.endswith(" wrote:"))


def _first(text: str, most: int) -> list[str]:
    lines = [line for line in text.split("\n") if line.strip()]
    return lines[:most] + ["..."] * (len(lines) > most)


def _exchanges(outcome: Outcome) -> Table:
    table = Table("reference", "kind", "from", "urgency", "parties", title="Exchanges", title_justify="left")
    for exchange in outcome.exchanges:
        parts = ", ".join(f"{part.party} {part.stage.value}" for part in exchange.parts)
        table.add_row(exchange.reference, exchange.kind, exchange.asker, exchange.urgency, parts)
    return table


def _ping(pinged: Pinged) -> Panel:
    """The result as its reader has it."""
    lines = [line for line in pinged.result.cover.split("\n") if line.strip()]
    body = Text("\n".join(lines[:PING_LINES] + ["..."] * (len(lines) > PING_LINES)), "green")
    return Panel(body, title=f"{pinged.result.subject} · to the secretariat", title_align="left", border_style="cyan")


def _held(outcome: Outcome) -> Table:
    table = Table("number", "why", "said to be from", title="Held for an operator", title_justify="left")
    for mail in outcome.held:
        table.add_row(mail.label, mail.reason, mail.sender)
    return table
