"""What the store is asked for before commands are obeyed: only what those that may be given need."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from mailbot.core.commands import COMMANDS
from mailbot.core.commands.asking import asker_of, is_signed
from mailbot.core.commands.command import Asker, Command
from mailbot.core.commands.held import number_of
from mailbot.core.commands.rights import has_right, may_give
from mailbot.core.decision import Intent, Network
from mailbot.core.records import HeldState
from mailbot.core.sight import Sight, Slice, Wanted
from mailbot.core.tags import Tag, Word

MOST = 20  # commands that are obeyed in one mail

_BY_RIGHT_ALONE = frozenset(
    {Slice.POSTINGS, Slice.WAITING, Slice.SUSPENSIONS, Slice.SITUATION, Slice.PAST, Slice.ROUNDS, Slice.REPORTS}
)
_SETTLED = frozenset({HeldState.RELEASED, HeldState.DROPPED})


def wanted(intent: Intent, network: Network, now: datetime) -> Wanted | None:
    """For the commands of a mail; None: there is nothing to obey."""
    asker = asker_of(intent, now)
    if asker is None or not is_signed(intent):
        return None
    tags = [p.tag for p in intent.commands[:MOST] if p.tag and may_give(p.tag.word, asker, network)]
    return wanted_for(tags, asker, network, COMMANDS) if tags else None


def wanted_for(tags: Sequence[Tag], asker: Asker, network: Network, table: Mapping[Word, Command]) -> Wanted:
    """For these commands of this asker."""
    reopening = [tag for tag in tags if table[tag.word].reopens]
    return Wanted(
        slices=frozenset(part for tag in tags for part in _slices(tag, asker, network, table)),
        objects=frozenset(each for tag in tags for each in table[tag.word].objects(tag)),
        references=frozenset(tag.reference for tag in tags if tag.reference),
        held=frozenset(number_of(tag) for tag in tags if tag.word in (Word.RELEASE, Word.DROP)),
        code=asker.code,
        reopened=frozenset(number_of(tag) for tag in reopening if tag.word is Word.RELEASE),
        originals=frozenset(tag.reference for tag in reopening if tag.reference),
        of_anybody=has_right(Word.RESEND, asker, network),
        periods=frozenset(argument for tag in tags if tag.word is Word.REPORT for argument in tag.arguments),
        zone=network.reporting.time_zone,
        retention=network.reporting.retention,
    )


def _slices(tag: Tag, asker: Asker, network: Network, table: Mapping[Word, Command]) -> frozenset[Slice]:
    needs = table[tag.word].needs
    if tag.word is Word.STATUS:
        needs &= _of_status(tag)
    return needs if has_right(tag.word, asker, network) else needs - _BY_RIGHT_ALONE


def _of_status(tag: Tag) -> frozenset[Slice]:
    """What it is asked about, the tag says."""
    if tag.arguments:
        return frozenset({Slice.ROUNDS})
    return frozenset({Slice.EXCHANGES, Slice.POSTINGS} if tag.reference else {Slice.OWN, Slice.SITUATION})


def to_reopen(wanted: Wanted, sight: Sight) -> Iterable[str]:
    """The digests of the kept mails that must be opened again; nobody's for those who could do nothing with them."""
    mails = (sight.held.get(number) for number in sorted(wanted.reopened))
    exchanges = (sight.exchanges.get(reference) for reference in sorted(wanted.originals))
    yield from (mail.digest for mail in mails if mail and mail.state not in _SETTLED)
    yield from (e.original for e in exchanges if e and (wanted.of_anybody or e.asker == wanted.code))
