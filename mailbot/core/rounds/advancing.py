"""What passing time, and what became of the mails, call for in a running round: sending, reminding, backups."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailbot.core.decision import Decision, Entry, Event, Moment, Network
from mailbot.core.parties import Address, Party
from mailbot.core.postings import Posting
from mailbot.core.rounds.copies import Copies, Copyist, Sending
from mailbot.core.rounds.records import Obstacle, Probe, ProbeStage, Round, RoundStage
from mailbot.core.rounds.starting import send

# The desk never got it, so its backups need not wait for half of the time.
_LOST = frozenset({ProbeStage.UNDELIVERABLE, ProbeStage.UNSENT})


@dataclass(frozen=True, slots=True)
class Turn:
    """A running round at one moment; `failed`: of parties for which a mail did not get there, all their mails."""

    round: Round
    network: Network
    moment: Moment
    journal_head: tuple[int, str] = (0, "")
    failed: Mapping[str, Sequence[Posting]] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.moment.now

    @property
    def copyist(self) -> Copyist:
        """Writes the copies of this turn. The secretariat's own words went with the first ones alone."""
        return Copyist(self.network, self.moment, self.journal_head, urgent=self.round.urgent)


def advance(turn: Turn) -> Decision:
    """Everything that is due in this round now, but for its result."""
    steps = [_step(turn, probe) for probe in turn.round.probes]
    changed = [step for step in steps if step.entries]
    copies = Copies.joined(step.copies for step in changed)
    probes = tuple(step.after for step in changed)
    return Decision(
        rounds=_moved(turn.round, probes),
        probes=probes,
        letters=copies.letters,
        challenges=copies.challenges,
        entries=_together(turn.round, changed),
        followed_up=tuple(p.id for mails in turn.failed.values() for p in mails if _is_news(p)),
    )


def is_over(turn: Turn) -> bool:
    """Whether all have had their time."""
    return all(turn.now >= probe.deadline for probe in turn.round.probes)


def closed(round_: Round, now: datetime, *, shared: bool) -> Round:
    """The round, whose result is sent."""
    return replace(round_, stage=RoundStage.CLOSED, closed_at=now, shared_at=now if shared else round_.shared_at)


# ---------------------------------------------------------------- one party


@dataclass(frozen=True, slots=True)
class _Step:
    """What is done about one party: each entry is an event, and how it is told apart."""

    after: Probe
    copies: Copies = field(default_factory=Copies)
    entries: tuple[tuple[Event, str], ...] = ()

    def then(self, after: Probe, copies: Copies, event: Event, what: str) -> "_Step":
        return _Step(after, Copies.joined((self.copies, copies)), (*self.entries, (event, what)))


def _step(turn: Turn, probe: Probe) -> _Step:
    step, party = _Step(probe), turn.network.directory.party(probe.party)
    if probe.stage is ProbeStage.PLANNED:
        return _planned(step, turn)
    if party is None or party.suspended or _is_settled(probe, turn.now):
        return step
    step = _noting_failure(step, party, turn)
    step = _reminding(step, party, turn)
    return _calling_backups(step, party, turn)


def _is_settled(probe: Probe, now: datetime) -> bool:
    """Reached, left out, or over: nothing more is sent."""
    hopeless = probe.obstacle in (Obstacle.SUSPENDED, Obstacle.MISSED)
    return probe.stage is ProbeStage.REACHED or hopeless or now >= probe.deadline


def _planned(step: _Step, turn: Turn) -> _Step:
    """Its time has come; or it came and went while the robot was not at work."""
    probe = step.after
    if turn.now < probe.due_at:
        return step
    if turn.now >= probe.deadline:
        return step.then(probe.hindered(Obstacle.MISSED), Copies(), Event.PINGED, Obstacle.MISSED)
    after, copies = send(probe, turn.copyist)
    return step.then(after, copies, Event.PINGED, after.obstacle or after.stage)


def _noting_failure(step: _Step, party: Party, turn: Turn) -> _Step:
    probe, mails = step.after, turn.failed.get(step.after.party, ())
    to_desks = _latest(mails, party.desks)
    if probe.stage is not ProbeStage.SENT or not to_desks or not all(mail.failed for mail in to_desks):
        return step
    status = to_desks[-1].status or ""
    return step.then(probe.failed(status), Copies(), Event.UNDELIVERABLE, status)


def _reminding(step: _Step, party: Party, turn: Turn) -> _Step:
    """Half of the time is over: once more to the desk, if what came so far proves nothing."""
    probe = step.after
    if turn.now < probe.half_at or probe.reminded_at:
        return step
    first = probe.stage is ProbeStage.UNSENT
    copies = turn.copyist.write(probe, party, Sending.FIRST if first else Sending.REMINDER)
    if first and not copies.letters:
        return step
    sent = probe.sent(turn.now) if first else probe
    return step.then(replace(sent, reminded_at=turn.now), copies, Event.REMINDED, Sending.REMINDER)


def _calling_backups(step: _Step, party: Party, turn: Turn) -> _Step:
    probe = step.after
    if probe.backed_up_at or (turn.now < probe.half_at and probe.stage not in _LOST):
        return step
    copies = turn.copyist.write(probe, party, Sending.BACKUP)
    if not copies.letters:
        return step
    return step.then(replace(probe, backed_up_at=turn.now), copies, Event.REMINDED, Sending.BACKUP)


def _latest(mails: Sequence[Posting], boxes: Iterable[Address]) -> tuple[Posting, ...]:
    """The latest copy to each of these addresses."""
    wanted = {box.address.casefold() for box in boxes}
    latest = {mail.recipient.casefold(): mail for mail in mails}
    return tuple(mail for address, mail in latest.items() if address in wanted)


def _is_news(mail: Posting) -> bool:
    return mail.failed and mail.followed_up_at is None


# ---------------------------------------------------------------- together


def _moved(round_: Round, probes: Iterable[Probe]) -> tuple[Round, ...]:
    """The round, if a probe that went out late is waited for beyond its end."""
    last = max((probe.deadline for probe in probes), default=round_.deadline)
    return (replace(round_, deadline=last),) if last > round_.deadline else ()


def _together(round_: Round, steps: Iterable[_Step]) -> tuple[Entry, ...]:
    """One row for all parties to whom the same happened: a round of a thousand does not fill the journal."""
    parties: dict[tuple[Event, str], list[str]] = {}
    for step in steps:
        for entry in step.entries:
            parties.setdefault(entry, []).append(step.after.party)
    return tuple(
        Entry(event, round_.label, codes[0] if len(codes) == 1 else None, {"what": what, "parties": ", ".join(codes)})
        for (event, what), codes in parties.items()
    )
