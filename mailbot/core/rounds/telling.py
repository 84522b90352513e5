"""Who is told of a result: the secretariat at the deadline and whenever it asks, the contact points if it is shared."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from mailbot.core.decision import Decision, Entry, Event, Moment, Network
from mailbot.core.letters import sealable
from mailbot.core.mail import Letter
from mailbot.core.parties import SECRETARIAT, Operator, Party
from mailbot.core.reporting import Reader
from mailbot.core.rounds.figures import figures
from mailbot.core.rounds.records import RoundStage
from mailbot.core.rounds.result import Glimpse, Outcome, result_letter
from mailbot.core.rounds.terms import Sharing

Head = tuple[int, str]  # of the journal: number and hash of its last row


def close_round(outcome: Outcome, network: Network, moment: Moment, head: Head) -> Decision:
    """The time is over: the result goes to who asked for it and, if so ordered, to the contact points."""
    round_ = outcome.round
    shared_at = moment.now if round_.share else None
    over = Outcome(replace(round_, stage=RoundStage.CLOSED, closed_at=moment.now, shared_at=shared_at), outcome.before)
    letters = result_letters(over, network, moment, head, readers(over, network, moment))
    shared = shared_letters(over, network, moment, head) if round_.share else ()
    found = figures(round_.probes).rate
    facts = {"asked": str(found.asked), "reached": str(found.reached), "letters": str(len(letters))}
    entries = [Entry(Event.PING_CLOSED, round_.label, facts=facts)]
    if round_.share:
        entries.append(_shared_entry(over, shared, round_.asked_by))
    return Decision(rounds=(over.round,), letters=letters + shared, entries=tuple(entries))


def share_round(outcome: Outcome, network: Network, moment: Moment, head: Head, by: str) -> Decision:
    """`[SHARE PING]`: the result of a closed round goes to the contact points now."""
    shared = shared_letters(outcome, network, moment, head)
    return Decision(
        rounds=(replace(outcome.round, shared_at=moment.now),),
        letters=shared,
        entries=(_shared_entry(outcome, shared, by),),
    )


def _shared_entry(outcome: Outcome, letters: Iterable[Letter], by: str) -> Entry:
    mails = sum(len(letter.mailboxes) for letter in letters)
    return Entry(Event.PING_SHARED, outcome.round.label, facts={"by": by, "mails": str(mails)})


# ---------------------------------------------------------------- the letters


def readers(outcome: Outcome, network: Network, moment: Moment) -> tuple[Reader, ...]:
    """The secretariat, in the language that the round or the configuration names, and the operator who asked for it."""
    directory, language = network.directory, outcome.round.language or network.ping.language
    office = directory.party(SECRETARIAT)
    found = [Reader(language or office.language, office.desks)] if office else []
    askers = [o for o in directory.operators if operator_name(o) == outcome.round.asked_by]
    found += [Reader(language or operator.language, (operator.mailbox,)) for operator in askers]
    return _sealable(found, network, moment)


def operator_name(operator: Operator) -> str:
    """As orders and the journal name him."""
    return f"operator {operator.mailbox.name or operator.mailbox.address}"


def result_letters(
    outcome: Outcome, network: Network, moment: Moment, head: Head, to: Iterable[Reader]
) -> tuple[Letter, ...]:
    """The whole result, for each of these."""
    return tuple(result_letter(outcome, network, moment.now, reader, head, Glimpse()) for reader in to)


def shared_letters(outcome: Outcome, network: Network, moment: Moment, head: Head) -> tuple[Letter, ...]:
    """To all contact points, each in its own language: the table, or the figures and its own row."""
    parties = [party for party in network.directory.members() if not party.suspended]
    groups = [[party] for party in parties] if network.ping.sharing is Sharing.OWN else _by_language(parties)
    return tuple(letter for group in groups for letter in _shared(outcome, network, moment, head, group))


def _shared(
    outcome: Outcome, network: Network, moment: Moment, head: Head, parties: Sequence[Party]
) -> Iterator[Letter]:
    """One text for these parties, of one language."""
    own = parties[0].code if network.ping.sharing is Sharing.OWN else None
    reader = Reader(parties[0].language, tuple(box for party in parties for box in party.desks))
    for readable in _sealable([reader], network, moment):
        yield result_letter(outcome, network, moment.now, readable, head, Glimpse(shared=True, own=own))


def _sealable(found: Iterable[Reader], network: Network, moment: Moment) -> tuple[Reader, ...]:
    each = (Reader(reader.language, sealable(reader.mailboxes, network, moment.now)) for reader in found)
    return tuple(reader for reader in each if reader.mailboxes)


def _by_language(parties: Iterable[Party]) -> list[list[Party]]:
    ordered = sorted(parties, key=lambda party: (party.language, party.code))
    return [list(group) for _, group in groupby(ordered, key=lambda party: party.language)]
