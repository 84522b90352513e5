"""PING, STATUS PING, SHARE PING: a round is started, its result sent to who asks, or to all contact points."""

from dataclasses import replace

from mailbot.core.commands.command import Order, Outcome, Section, not_done
from mailbot.core.decision import Decision, Event
from mailbot.core.letters import party_words
from mailbot.core.mail import Words
from mailbot.core.reporting import Reader
from mailbot.core.rounds.records import Round, RoundStage, Standing
from mailbot.core.rounds.result import Outcome as RoundOutcome
from mailbot.core.rounds.starting import Past, Started, start_round
from mailbot.core.rounds.telling import result_letters, share_round

_LEFT_OUT = frozenset({Standing.SUSPENDED, Standing.NO_CERTIFICATE})


def ping(order: Order) -> Outcome:
    """`[PING FR,DE deadline=2h]`: the round is started."""
    past = _past(order)
    if past is None:
        return not_done(order, "not available")
    started = start_round(order.tag, order.network, order.moment, order.asker.name, order.text, past)
    words = started_words(started, order)
    if started.round is None:
        return Outcome(_section(words), event=Event.REFUSED, facts={"why": started.why_not})
    return _done(started.decision, _section(words))


def status_ping(order: Order) -> Outcome:
    """`[STATUS PING]`: how the last round stands, in a mail of its own."""
    last = next(iter(order.sight.rounds), None)
    if not order.by_right:
        return not_done(order, "not allowed")
    if last is None:
        return Outcome(_section(_words("no round")))
    outcome = RoundOutcome(last, order.sight.rounds[1:])
    reader = Reader(order.language, order.asker.boxes)
    to = [reader] if reader.mailboxes else []
    letters = result_letters(outcome, order.network, order.moment, order.journal_head, to)
    return Outcome(_section(_words("sent", label=last.label)), Decision(letters=letters), reference=last.label)


def share_ping(order: Order) -> Outcome:
    """`[SHARE PING]`: the result of the last closed round goes to the contact points."""
    closed = [round_ for round_ in order.sight.rounds if round_.stage is RoundStage.CLOSED]
    if not closed:
        return Outcome(_section(_words("no round")))
    outcome = RoundOutcome(closed[0], tuple(closed[1:]))
    decision = share_round(outcome, order.network, order.moment, order.journal_head, order.asker.name)
    mails = sum(len(letter.mailboxes) for letter in decision.letters)
    return _done(decision, _section(_words("shared", label=closed[0].label, mails=mails)))


def _done(decision: Decision, section: Section) -> Outcome:
    """The journal's row of the round is that of the command, too."""
    (entry,) = decision.entries
    without = replace(decision, entries=())
    return Outcome(section, without, entry.event, entry.reference, facts=entry.facts, stands=True)


def started_words(started: Started, order: Order) -> Words:
    """What an answer and the shell say of a round that was started, or why it was not."""
    round_, terms = started.round, order.network.terms
    return _words(
        started.why_not or "started",
        label=round_.label if round_ else "",
        deadline=round_.deadline if round_ else None,
        asked=len(round_.asked) if round_ else 0,
        left_out=_left_out(round_, order) if round_ else [],
        unknown=list(started.unknown),
        running=list(started.running),
        shortest=terms.shortest_deadline,
        longest=terms.longest_deadline,
    )


def _left_out(round_: Round, order: Order) -> list[Words]:
    left = (probe for probe in round_.probes if probe.standing in _LEFT_OUT)
    return [{**party_words(p.party, order.network, order.language), "state": p.standing.value} for p in left]


def _past(order: Order) -> Past | None:
    """Of several in one mail, each has a number of its own."""
    past = order.sight.past
    return replace(past, next_number=past.next_number + len(order.before.rounds)) if past else None


def _words(result: str, **words: object) -> Words:
    usual: dict[str, object] = {"label": "", "deadline": None, "asked": 0, "left_out": [], "unknown": [], "running": []}
    return {"result": result, **usual, "shortest": None, "longest": None, "mails": 0, **words}


def _section(words: Words) -> Section:
    return Section("answer-ping", words)
