"""Ping rounds, their probes and challenges, between records and rows; and the probes that a mail points to."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    and_,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from mailbot.core.codes import tokens
from mailbot.core.decision import Decision, Intent
from mailbot.core.postings import Posting
from mailbot.core.records import Assurance
from mailbot.core.rounds.records import (
    Answer,
    Challenge,
    Copy,
    Hint,
    Obstacle,
    Probe,
    ProbeStage,
    Round,
    RoundStage,
    Trail,
    read_round,
    round_label,
)
from mailbot.core.rounds.starting import Past
from mailbot.store import journal
from mailbot.store.engine import Clash, reading
from mailbot.store.holding import word_hash
from mailbot.store.outbox import postings
from mailbot.store.schema import FAILED, RUNNING, challenges, outbox, probes, rounds

PURPOSE = "probe"  # of the outbox's mails that are copies of probes


class Rounds:
    """The rounds of one database, for whoever only reads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def running(self) -> tuple[Round, ...]:
        """Every round that is not closed, oldest first."""
        with reading(self._engine) as connection:
            return find(connection, select(rounds).where(RUNNING).order_by(rounds.c.number))

    def latest(self, count: int, before: int | None = None) -> tuple[Round, ...]:
        """The last rounds, newest first; only those with a smaller number than `before`."""
        with reading(self._engine) as connection:
            return latest(connection, count, before)

    def numbered(self, number: int) -> Round | None:
        """The round with this number."""
        with reading(self._engine) as connection:
            return next(iter(find(connection, select(rounds).where(rounds.c.number == number))), None)

    def history(self, since: datetime, until: datetime) -> tuple[Round, ...]:
        """Every round that was started then (`until` left out), oldest first."""
        then = (rounds.c.started_at >= since, rounds.c.started_at < until)
        with reading(self._engine) as connection:
            return find(connection, select(rounds).where(*then).order_by(rounds.c.number))

    def failures(self, round_: Round) -> Mapping[str, Sequence[Posting]]:
        """Of each party for which a copy failed, and nothing has been done about that, all copies of this round."""
        mine = (outbox.c.reference == round_.label, outbox.c.purpose == PURPOSE)
        with reading(self._engine) as connection:
            failed = select(outbox.c.party).where(*mine, FAILED, outbox.c.followed_up_at.is_(None))
            found: dict[str, list[Posting]] = {}
            for posting in postings(connection, and_(*mine, outbox.c.party.in_(failed))):
                found.setdefault(posting.party or "", []).append(posting)
            return found

    def past(self) -> Past:
        """What a new round needs of those before it."""
        with reading(self._engine) as connection:
            return past(connection)


# ---------------------------------------------------------------- reading


def past(connection: Connection) -> Past:
    """What a new round needs of those before it."""
    numbers = connection.execute(select(rounds.c.number).where(RUNNING).order_by(rounds.c.number)).scalars()
    return Past(
        next_number=next_number(connection),
        certified=certified(connection),
        asked_at=last_asked(connection),
        running=tuple(map(round_label, numbers)),
        journal_head=journal.head(connection),
    )


def latest(connection: Connection, count: int, before: int | None = None) -> tuple[Round, ...]:
    """The last rounds, newest first; only those with a smaller number than `before`."""
    wanted = select(rounds).order_by(rounds.c.number.desc()).limit(count)
    return find(connection, wanted if before is None else wanted.where(rounds.c.number < before))


def next_number(connection: Connection) -> int:
    """The number after the highest. It is free until somebody records it."""
    return int(connection.execute(select(func.coalesce(func.max(rounds.c.number), 0))).scalar_one()) + 1


def certified(connection: Connection) -> frozenset[str]:
    """The parties that had a certificate in some round (trust.md 18)."""
    return frozenset(connection.execute(select(probes.c.party).where(probes.c.certified).distinct()).scalars())


def last_asked(connection: Connection) -> Mapping[str, datetime]:
    """When each party was last asked, or will be."""
    asked = func.max(func.coalesce(probes.c.sent_at, probes.c.due_at))
    wanted = select(probes.c.party, asked.label("at")).where(probes.c.stage != ProbeStage.UNSENT)
    return {row.party: row.at for row in connection.execute(wanted.group_by(probes.c.party))}


def find(connection: Connection, wanted: Select[Any]) -> tuple[Round, ...]:
    """The rounds that a query over the table `rounds` finds, in its order, with their probes."""
    rows = connection.execute(wanted).mappings().all()
    shares = _probes(connection, probes.c.round.in_([row["number"] for row in rows])) if rows else ()
    by_round: dict[int, list[Probe]] = {}
    for probe in shares:
        by_round.setdefault(probe.round, []).append(probe)
    return tuple(_round(row, by_round.get(row["number"], [])) for row in rows)


def _probes(connection: Connection, *conditions: ColumnElement[bool]) -> tuple[Probe, ...]:
    wanted = select(probes).where(*conditions).order_by(probes.c.round, probes.c.position)
    return tuple(map(_probe, connection.execute(wanted).mappings()))


def _round(row: RowMapping, shares: Sequence[Probe]) -> Round:
    return Round(**(dict(row) | {"stage": RoundStage(row["stage"]), "probes": tuple(shares)}))


_ANSWER = {"surest_at", "assurance", "encrypted", "challenge_quoted", "copy", "sender", "signer"}


def _probe(row: RowMapping) -> Probe:
    plain = {name: value for name, value in row.items() if name not in _ANSWER and name != "position"}
    obstacle = Obstacle(row["obstacle"]) if row["obstacle"] else None
    return Probe(**(plain | {"stage": ProbeStage(row["stage"]), "obstacle": obstacle, "answer": _answer(row)}))


def _answer(row: RowMapping) -> Answer | None:
    if row["surest_at"] is None:
        return None
    return Answer(
        at=row["surest_at"],
        assurance=Assurance(row["assurance"]),
        encrypted=row["encrypted"],
        challenge_quoted=row["challenge_quoted"],
        copy=Copy(row["copy"]),
        sender=row["sender"],
        signer=row["signer"],
    )


# ---------------------------------------------------------------- what a mail points to


def trails(connection: Connection, intent: Intent, thread: Collection[str]) -> tuple[Trail, ...]:
    """The probes that a mail leads to, by the surest hint first; `thread` are the Message-IDs that it names."""
    tags = (intent.tag, intent.outer_tag)
    outside = intent.opened.outer.subject.replace("#", " ")
    found_tokens = {*intent.tokens, *tokens(outside), *(tag.token for tag in tags if tag and tag.token)}
    found = [
        *_of_challenges(connection, intent.challenges),
        *_of_mails(connection, Hint.THREAD, outbox.c.message_id, thread),
        *_of_mails(connection, Hint.RETURN_PATH, outbox.c.tracking, [intent.returned_to] if intent.returned_to else []),
    ]
    named = {(number, party) for _, _, number, party, _ in found}
    known = {(probe.round, probe.party): probe for probe in _named(connection, named)}
    led = [Trail(hint, value, known[n, p], copy) for hint, value, n, p, copy in found if (n, p) in known]
    return tuple(sorted((*led, *_of_tokens(connection, found_tokens)), key=lambda trail: list(Hint).index(trail.hint)))


_Found = tuple[Hint, str, int, str, Copy]


def _named(connection: Connection, named: Collection[tuple[int, str]]) -> tuple[Probe, ...]:
    return _probes(connection, tuple_(probes.c.round, probes.c.party).in_(named)) if named else ()


def _of_challenges(connection: Connection, words: Collection[str]) -> Iterator[_Found]:
    by_hash = {word_hash(word): word for word in words}
    if by_hash:
        wanted = select(challenges).where(challenges.c.word_hash.in_(by_hash))
        for row in connection.execute(wanted).mappings():
            yield Hint.CHALLENGE, by_hash[row["word_hash"]], row["round"], row["party"], Copy(row["copy"])


def _of_tokens(connection: Connection, values: Collection[str]) -> Iterator[Trail]:
    if values:
        ours = or_(probes.c.token.in_(values), probes.c.backup_token.in_(values))
        for probe in _probes(connection, ours, probes.c.stage != ProbeStage.PLANNED):
            copy = Copy.DESK if probe.token in values else Copy.BACKUP
            yield Trail(Hint.TOKEN, probe.token if copy is Copy.DESK else probe.backup_token, probe, copy)


def _of_mails(
    connection: Connection, hint: Hint, column: ColumnElement[str], values: Collection[str]
) -> Iterator[_Found]:
    """By copies of probes in the outbox; `letter` says to whom they went."""
    if not values:
        return
    wanted = select(column.label("value"), outbox.c.reference, outbox.c.party, outbox.c.letter)
    for row in connection.execute(wanted.where(column.in_(values), outbox.c.purpose == PURPOSE)):
        number = read_round(row.reference or "")
        if number and row.party:
            yield hint, row.value, number, row.party, Copy.BACKUP if row.letter.endswith("backup") else Copy.DESK


# ---------------------------------------------------------------- writing


def record(connection: Connection, decision: Decision) -> None:
    """Write the rounds, probes and challenges of a decision: of version 0 they are new. Raises Clash."""
    for made in decision.rounds:
        _save_round(connection, made)
    for probe in decision.probes:
        _replace_probe(connection, probe)
    rows = [_challenge_row(challenge) for challenge in decision.challenges]
    if rows:
        connection.execute(insert(challenges), rows)


def _save_round(connection: Connection, made: Round) -> None:
    row = _round_row(made)
    if made.version == 0:
        connection.execute(insert(rounds), row)
        connection.execute(insert(probes), [_probe_row(p) | {"position": n} for n, p in enumerate(made.probes)])
        return
    as_read = and_(rounds.c.number == made.number, rounds.c.version == made.version)
    if connection.execute(update(rounds).where(as_read).values(row)).rowcount != 1:
        raise Clash(f"round {made.label} was changed by another worker")


def _replace_probe(connection: Connection, probe: Probe) -> None:
    as_read = (probes.c.round == probe.round, probes.c.party == probe.party, probes.c.version == probe.version)
    if connection.execute(update(probes).where(*as_read).values(_probe_row(probe))).rowcount != 1:
        raise Clash(f"probe of {probe.party} was changed by another worker")


def _round_row(made: Round) -> dict[str, Any]:
    return _columns(made, rounds.c.keys()) | {"version": made.version + 1}


def _probe_row(probe: Probe) -> dict[str, Any]:
    answer = probe.answer
    surest = {name: getattr(answer, name, None) for name in _ANSWER if name != "surest_at"}
    named = [name for name in probes.c.keys() if name not in _ANSWER and name != "position"]  # noqa: SIM118 - no mapping
    return _columns(probe, named) | surest | {"surest_at": answer and answer.at, "version": probe.version + 1}


def _columns(record: Round | Probe, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def _challenge_row(challenge: Challenge) -> dict[str, Any]:
    return {
        "word_hash": word_hash(challenge.word),
        "round": challenge.round,
        "party": challenge.party,
        "recipient": challenge.recipient,
        "copy": challenge.copy,
    }
