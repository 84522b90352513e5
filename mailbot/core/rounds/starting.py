"""Starting a round: who is asked, who is left out and why, and the probes of those whose time has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailbot.core.decision import Decision, Entry, Event, Moment, Network
from mailbot.core.parties import Party
from mailbot.core.rounds.copies import Copies, Copyist, Sending, has_certificate
from mailbot.core.rounds.records import Obstacle, Probe, ProbeStage, Round
from mailbot.core.tags import ALL, Tag, Urgency

TEXT_MOST = 500  # characters of what the secretariat adds


@dataclass(frozen=True, slots=True)
class Past:
    """What is remembered of earlier rounds."""

    next_number: int = 1
    certified: frozenset[str] = frozenset()  # parties that had a certificate once
    asked_at: Mapping[str, datetime] = field(default_factory=dict)  # when each party was last asked, or will be
    running: tuple[str, ...] = ()  # the labels of rounds that are not over
    journal_head: tuple[int, str] = (0, "")


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for, or the schedule."""

    asked_by: str  # SEC, an operator's address, "shell:alice", "schedule"
    deadline: timedelta
    to_all: bool = False
    urgent: bool = False
    share: bool = False
    language: str = ""  # of the result
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Started:
    """What came of it: the round, or why there is none ("deadline" or "nobody"); and codes that mean no party."""

    decision: Decision = field(default_factory=Decision)
    round: Round | None = None
    why_not: str = ""
    unknown: tuple[str, ...] = ()
    running: tuple[str, ...] = ()  # the labels of others that are not over


def start_round(order: Tag, network: Network, moment: Moment, asked_by: str, text: str, past: Past) -> Started:
    """Do what `[PING FR,DE deadline=2h]` says. A party that cannot be asked does not stop the others."""
    given = order.options.deadline or network.terms.ping_deadline
    parties, unknown = targets(order.targets, network)
    if not network.terms.shortest_deadline <= given <= network.terms.longest_deadline:
        return Started(why_not="deadline", unknown=unknown)
    if all(party.suspended for party in parties):
        return Started(why_not="nobody", unknown=unknown)
    wish = Wish(
        asked_by,
        given,
        to_all=order.targets == (ALL,),
        urgent=order.options.urgency is Urgency.URGENT,
        share=order.options.share,
        language=order.options.language or "",
        text=" ".join(text.split())[:TEXT_MOST],
    )
    made = plan(wish, {party.code: moment.now for party in parties}, network, moment, past)
    decision = begin(wish, made, network, moment, past)
    return Started(decision, decision.rounds[0], unknown=unknown, running=past.running)


def targets(codes: Sequence[str], network: Network) -> tuple[tuple[Party, ...], tuple[str, ...]]:
    """The parties that these codes mean, each once, and the codes that mean none."""
    if tuple(codes) == (ALL,):
        return network.directory.members(), ()
    found = {code: network.directory.party(code) for code in codes}
    parties = {party.code: party for party in found.values() if party}
    return tuple(parties.values()), tuple(code for code, party in found.items() if party is None)


def plan(wish: Wish, due: Mapping[str, datetime], network: Network, moment: Moment, past: Past) -> Round:
    """The round with a probe for each of these parties, each due at its own time; nothing is sent yet."""
    number = past.next_number
    parties = [party for party in map(network.directory.party, due) if party]
    probes = tuple(_probe(party, number, due[party.code], wish.deadline, moment, past) for party in parties)
    return Round(
        number,
        started_at=moment.now,
        deadline=max(probe.deadline for probe in probes),
        asked_by=wish.asked_by,
        probes=probes,
        to_all=wish.to_all,
        urgent=wish.urgent,
        share=wish.share,
        language=wish.language,
    )


def begin(wish: Wish, made: Round, network: Network, moment: Moment, past: Past) -> Decision:
    """Record the round, and send what is due of it at once."""
    copyist = Copyist(network, moment, past.journal_head, urgent=wish.urgent, text=wish.text)
    done = {probe.party: send(probe, copyist) for probe in made.probes if probe.due_at <= moment.now}
    begun = made.with_probes({party: probe for party, (probe, _) in done.items()})
    copies = Copies.joined(written for _, written in done.values())
    entry = _entry(begun, len(copies.letters))
    return Decision(rounds=(begun,), letters=copies.letters, challenges=copies.challenges, entries=(entry,))


def send(probe: Probe, copyist: Copyist) -> tuple[Probe, Copies]:
    """The probe with its first copies sent, or with what stands against that."""
    party = copyist.network.directory.party(probe.party)
    if party is None or party.suspended:
        return probe.hindered(Obstacle.SUSPENDED), Copies()
    sent = probe.sent(copyist.moment.now)
    copies = copyist.write(sent, party, Sending.FIRST)
    return (sent, copies) if copies.letters else (probe.hindered(Obstacle.NO_CERTIFICATE), Copies())


def _probe(party: Party, number: int, due_at: datetime, given: timedelta, moment: Moment, past: Past) -> Probe:
    return Probe(
        number,
        party.code,
        token=moment.token(f"probe {number} {party.code}"),
        backup_token=moment.token(f"backup's probe {number} {party.code}"),
        stage=ProbeStage.PLANNED,
        due_at=due_at,
        deadline=due_at + given,
        time_zone=party.time_zone,
        certified=has_certificate(party) or party.code in past.certified,
    )


def _entry(begun: Round, letters: int) -> Entry:
    """The parties are named by what became of them, so that the journal says who was asked."""
    parties: dict[str, list[str]] = {}
    for probe in begun.probes:
        parties.setdefault(probe.obstacle or probe.stage, []).append(probe.party)
    facts = {
        "by": begun.asked_by,
        "deadline": begun.deadline.isoformat(timespec="seconds"),
        "letters": str(letters),
        **{state: ", ".join(codes) for state, codes in parties.items()},
    }
    return Entry(Event.PING_STARTED, begun.label, facts=facts)
