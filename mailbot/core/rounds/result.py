"""The result of a round in words: the table, the figures, what has changed, a picture and a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from mailbot.core.decision import Network
from mailbot.core.letters import party_words
from mailbot.core.mail import Attachment, Letter, Picture, Words
from mailbot.core.postings import hindrance
from mailbot.core.reach import said, strip
from mailbot.core.reporting import Reader
from mailbot.core.rounds.figures import IN_A_ROW, LINES, change, figures, long_silent
from mailbot.core.rounds.records import Probe, Round, RoundStage, Standing
from mailbot.core.rounds.table import table_of
from mailbot.core.tags import Bilingual, Tag, Word

# Who needs a person comes first.
ORDER = (
    Standing.SILENT,
    Standing.UNDELIVERABLE,
    Standing.NO_CERTIFICATE,
    Standing.UNCONFIRMED,
    Standing.LATE,
    Standing.MISSED,
    Standing.PLANNED,
    Standing.REACHED,
    Standing.SUSPENDED,
)
_ALT = Bilingual(
    "Who answered how fast: {reached} of {asked} reached in time. The table below says the same.",
    "Qui a répondu en combien de temps : {reached} joints à temps sur {asked}. Le tableau plus bas dit de même.",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A round, and those before it, newest first."""

    round: Round
    before: tuple[Round, ...] = ()

    @property
    def silent(self) -> tuple[str, ...]:
        """The parties that three rounds in a row have not reached; of one that runs on, silence says nothing yet."""
        rounds = (self.round, *self.before) if self.round.stage is RoundStage.CLOSED else self.before
        return long_silent(rounds[:IN_A_ROW])


@dataclass(frozen=True, slots=True)
class Glimpse:
    """How much of a result its reader sees. `own`: the figures, and the row of this party alone."""

    shared: bool = False  # a contact point reads it: nobody's address stands in it
    own: str | None = None

    def shows(self, party: str) -> bool:
        return self.own in (None, party)


def result_letter(
    outcome: Outcome, network: Network, at: datetime, reader: Reader, head: tuple[int, str], glimpse: Glimpse
) -> Letter:
    """The result, for these mailboxes."""
    shown, language = outcome.round, reader.language
    words = result_words(outcome, network, at, language, glimpse) | {"anchor": {"number": head[0], "hash": head[1]}}
    file = () if glimpse.shared else (_file(shown, network, language),)
    return Letter(
        "ping-result",
        language,
        reader.mailboxes,
        Tag(Word.HELP) if glimpse.shared else Tag(Word.STATUS, arguments=(Word.PING.value,)),
        words=words,
        reference=shown.label,
        from_control=not glimpse.shared,
        purpose="result",
        pictures=_pictures(shown, language) if glimpse.own is None else (),
        attachments=file,
    )


def _file(round_: Round, network: Network, language: str) -> Attachment:
    return Attachment(f"ping-{round_.label}.csv", "text/csv; charset=utf-8", table_of(round_, network, language))


def _pictures(round_: Round, language: str) -> tuple[Picture, ...]:
    if not round_.asked:
        return ()
    reached = sum(probe.in_time for probe in round_.asked)
    alt = said(_ALT, language).format(reached=reached, asked=len(round_.asked))
    return (Picture("responses", strip(round_, language), alt),)


# ---------------------------------------------------------------- what it says


def result_words(
    outcome: Outcome, network: Network, at: datetime, language: str, glimpse: Glimpse
) -> dict[str, object]:
    """Everything that the templates get; see mail/templates.py."""
    shown, found = outcome.round, figures(outcome.round.probes)
    rows = sorted(shown.probes, key=_place)
    return {
        "label": shown.label,
        "at": at,
        "started_at": shown.started_at,
        "deadline": shown.deadline,
        "running": shown.stage is RoundStage.RUNNING,
        "asked": found.rate.asked,
        "reached": found.rate.reached,
        "percent": found.rate.percent,
        "within": [{"line": line, "count": found.within[line]} for line in LINES],
        "median": found.median,
        "slowest": found.slowest,
        "counts": [{"state": s.value, "count": found.count(s)} for s in ORDER if found.count(s)],
        "rows": [_row(probe, network, language, glimpse) for probe in rows if glimpse.shows(probe.party)],
        "change": _change(outcome, network, language, glimpse),
        "silent": _named(outcome.silent, network, language) if glimpse.own is None else [],
        "shared": glimpse.shared,
        "own": glimpse.own is not None,
    }


def _place(probe: Probe) -> tuple[int, float, str]:
    took = probe.took.total_seconds() if probe.took is not None else 0.0
    return ORDER.index(probe.standing), took, probe.party


def _row(probe: Probe, network: Network, language: str, glimpse: Glimpse) -> Words:
    answer = probe.answer
    return {
        **party_words(probe.party, network, language),
        "state": probe.standing.value,
        "took": probe.took,
        "assurance": answer.assurance.value if answer else None,
        "encrypted": answer is not None and answer.encrypted,
        "challenge": answer is not None and answer.challenge_quoted,
        "by": answer.copy.value if answer else None,
        "who": answer.sender if answer and not glimpse.shared else "",
        "automatic": probe.automatic_at is not None,
        "returns_on": date.fromisoformat(probe.returns_on) if probe.returns_on else None,
        "opened": probe.opened_at is not None,
        "backed_up": probe.backed_up_at is not None,
        "why": hindrance(probe.failure).value if probe.failure else None,
    }


def _change(outcome: Outcome, network: Network, language: str, glimpse: Glimpse) -> Words | None:
    """Against the round before, of the parties that both asked; while a round runs there is nothing to compare."""
    before = next(iter(outcome.before), None)
    found = change(outcome.round, before) if outcome.round.stage is RoundStage.CLOSED else None
    if found is None:
        return None
    return {
        "since": found.since,
        "before": found.before.percent,
        "now": found.now.percent,
        "gained": _named(filter(glimpse.shows, found.gained), network, language),
        "lost": _named(filter(glimpse.shows, found.lost), network, language),
    }


def _named(codes: Iterable[str], network: Network, language: str) -> list[Words]:
    return [party_words(code, network, language) for code in codes]
