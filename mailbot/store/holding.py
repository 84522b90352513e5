"""Held mail, and the questions that may let it go, between records and rows."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select, update

from mailbot.core import tags
from mailbot.core.decision import Folder, Rejudged
from mailbot.core.records import HeldMail, HeldState, Question, Reason
from mailbot.store import moves
from mailbot.store.engine import Clash
from mailbot.store.schema import held, questions

_HELD_ON = (HeldState.WAITING, HeldState.ASKED)


def hold(connection: Connection, mail: HeldMail) -> int:
    """Keep a mail; returns its number."""
    row = {name: value for name, value in asdict(mail).items() if name != "number"}
    return int(connection.execute(insert(held).values(row).returning(held.c.number)).scalar_one())


def find(connection: Connection, wanted: Select[Any]) -> tuple[HeldMail, ...]:
    """The held mails that a query over the table `held` finds, in its order."""
    return tuple(_held_mail(row) for row in connection.execute(wanted).mappings())


def _held_mail(row: RowMapping) -> HeldMail:
    return HeldMail(
        number=row["number"],
        digest=row["digest"],
        reason=Reason(row["reason"]),
        state=HeldState(row["state"]),
        held_at=row["held_at"],
        sender=row["sender"],
        party=row["party"],
        size=row["size"],
    )


# ---------------------------------------------------------------- questions


def word_hash(word: str) -> str:
    """What is stored of a one-time word: 60 random bits cannot be found again from it in the days that it counts."""
    return hashlib.sha256(b"one-time word " + word.encode()).hexdigest()


def ask(connection: Connection, question: Question) -> None:
    """Remember a question."""
    row = {
        "word_hash": word_hash(question.word),
        "digest": question.digest,
        "party": question.party,
        "tag": tags.write(question.tag),
        "asked_at": question.asked_at,
    }
    connection.execute(insert(questions), row)


def answerable(connection: Connection, words: Collection[str], party: str | None) -> Question | None:
    """The newest question that one of these words answers: put to this party, and its mail still waits for it."""
    by_hash = {word_hash(word): word for word in words}
    if not by_hash or party is None:
        return None
    wanted = (
        select(questions)
        .join(held, held.c.digest == questions.c.digest)
        .where(questions.c.word_hash.in_(by_hash), questions.c.party == party, questions.c.answered_at.is_(None))
        .where(held.c.state == HeldState.ASKED)
        .order_by(questions.c.asked_at.desc())
        .limit(1)
    )
    row = connection.execute(wanted).mappings().first()
    return _question(row, by_hash[row["word_hash"]]) if row else None


def _question(row: RowMapping, word: str) -> Question | None:
    tag = tags.parse(row["tag"]).tag
    return Question(word, row["digest"], row["party"], tag, row["asked_at"]) if tag else None


def settle(connection: Connection, question: Question, now: datetime) -> None:
    """The question is answered, and its mail waits for an operator unless rejudge() follows. Raises Clash."""
    this = (questions.c.word_hash == word_hash(question.word), questions.c.answered_at.is_(None))
    if connection.execute(update(questions).where(*this).values(answered_at=now)).rowcount != 1:
        raise Clash("the question was settled by another worker")
    _change(connection, question.digest, [HeldState.ASKED], {"state": HeldState.WAITING})


def rejudge(connection: Connection, judged: Rejudged, now: datetime) -> None:
    """A held mail was judged again: let go, so that it belongs to Done, or held on. Raises Clash if that is settled."""
    still = judged.still
    change = {"state": still.state, "reason": still.reason} if still else {"state": HeldState.RELEASED}
    _change(connection, judged.digest, _HELD_ON, change)
    if still is None:
        moves.wish(connection, judged.digest, Folder.DONE, now)
    if judged.question:
        ask(connection, judged.question)


def drop(connection: Connection, digest: str, now: datetime) -> None:
    """A held mail is given up, and belongs to Dropped. Raises Clash if another worker has settled it."""
    _change(connection, digest, _HELD_ON, {"state": HeldState.DROPPED})
    moves.wish(connection, digest, Folder.DROPPED, now)


def _change(connection: Connection, digest: str, states: Collection[HeldState], change: Mapping[str, str]) -> None:
    this = (held.c.digest == digest, held.c.state.in_(states))
    if connection.execute(update(held).where(*this).values(change)).rowcount != 1:
        raise Clash("the held mail was settled by another worker")
