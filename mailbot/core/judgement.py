"""understand() and decide(): from an opened mail and what is known to what is done. Pure: no I/O, clock, chance."""

from dataclasses import replace
from typing import NamedTuple

from mailbot.core import gate, orders
from mailbot.core.codes import challenges, reply_codes, tokens
from mailbot.core.commands.asking import is_for_control
from mailbot.core.commands.merging import merged
from mailbot.core.decision import Case, Decision, Intent, Known, Moment, Network, TagSource
from mailbot.core.holding import hold
from mailbot.core.kinds import KINDS, kind_of
from mailbot.core.mail import OpenedMail
from mailbot.core.matching import takes_part
from mailbot.core.parties import Correspondent
from mailbot.core.rationing import within
from mailbot.core.records import Assurance
from mailbot.core.renewal import revocations
from mailbot.core.tags import Bilingual, Parsed, Tag, Word, parse


def understand(opened: OpenedMail, network: Network) -> Intent:
    """What the mail seems to want: who vouches for it, its tag and where that was read, the codes it quotes."""
    voucher = opened.voucher
    speaker = network.directory.signer(voucher.fingerprint) if voucher and voucher.fingerprint else None
    resident = network.directory.resident(opened.sender)
    outer = parse(opened.outer.subject)
    reading = _read_tag(opened, outer, for_control=is_for_control(opened, network))
    return Intent(
        opened=opened,
        speaker=speaker,
        resident=resident,
        assurance=_assurance(speaker is not None, resident is not None),
        tag=reading.tag,
        tag_source=reading.source,
        tag_signed=speaker is not None and reading.tag is not None and reading.source is not TagSource.SUBJECT,
        tag_problem=reading.problem,
        outer_tag=outer.tag,
        commands=reading.commands,
        rest=_free_text(opened, reading),
        codes=reply_codes(opened.text) if speaker else (),
        words=(reading.tag.token,) if speaker and reading.tag and reading.tag.token else (),
        tokens=_tokens(opened),
        challenges=challenges(opened.text),
    )


def decide(intent: Intent, known: Known, moment: Moment) -> Decision:
    """What to do about it. The first objection of the gate decides; without one the kind of mail does."""
    case = Case(intent, _as_far_as_it_concerns(intent.speaker, known), moment)
    kind = KINDS[kind_of(case)]
    objection = gate.examine(case, kind)
    decision = within(hold(objection, case) if objection else kind.act(case), case)
    revoked = revocations(case)
    # Of a stranger's mail nothing else is worth keeping.
    return merged(*(() if revoked and case.speaker is None else (decision,)), *revoked)


def _as_far_as_it_concerns(speaker: Correspondent | None, known: Known) -> Known:
    """Codes of exchanges of others are as good as none: whoever tries one out learns nothing (trust.md 10)."""
    return replace(known, coded=tuple(exchange for exchange in known.coded if takes_part(speaker, exchange)))


def confirmed(intent: Intent, tag: Tag) -> Intent:
    """The same mail with its tag vouched for by a signed answer to our question (trust.md 1)."""
    return replace(
        intent, tag=tag, tag_source=TagSource.CONFIRMED, tag_signed=intent.speaker is not None, tag_problem=None
    )


def _tokens(opened: OpenedMail) -> tuple[str, ...]:
    """What has the form of a token inside: in the text, and in the protected subject."""
    subject = opened.protected.subject if opened.protected else ""
    return tokens(f"{subject.replace('#', ' ')}\n{opened.text}")


class _Reading(NamedTuple):
    """A tag, or why it could not be read, and where it stood."""

    source: TagSource | None
    tag: Tag | None = None
    problem: Bilingual | None = None
    rest: str = ""
    commands: tuple[Parsed, ...] = ()


_ONE_AT_A_TIME = Bilingual(
    "only commands may stand several in one mail; please send a mail for each exchange",
    "seules des commandes peuvent se suivre dans un courriel ; un courriel par échange, s'il vous plaît",
)


_TWO_TAGS = Bilingual(
    "the subject and the first line of the text have two different tags; please leave one",
    "l'objet et la première ligne du texte portent deux balises différentes ; n'en laissez qu'une, s'il vous plaît",
)


def _read_tag(opened: OpenedMail, outer: Parsed, *, for_control: bool) -> _Reading:
    """Protected subject, else the leading lines of the body, else the outer subject (network.md §3).

    One exception: pressing Reply fills in the protected subject, so a leading line about the same exchange
    (`[ACK#2026-0042]` above or below a quoted request), or any above a quoted notice of ours, is what the officer
    really meant. Both are signed alike.
    """
    inside = _reading(parse(opened.protected.subject), TagSource.PROTECTED) if opened.protected else _Reading(None)
    leading = _leading(opened.text, for_control=for_control)
    if leading.source and (inside.source is None or _refines(leading, inside)):
        return leading._replace(rest=inside.rest)
    if leading.commands and inside.commands:
        return inside._replace(commands=_each_once(*inside.commands, *leading.commands))
    if inside.source and leading.tag and inside.tag and leading.tag != inside.tag:
        return _Reading(TagSource.BODY, problem=_TWO_TAGS)
    return inside if inside.source else _reading(outer, TagSource.SUBJECT)


def _each_once(*commands: Parsed) -> tuple[Parsed, ...]:
    return tuple({(parsed.tag, parsed.problem): parsed for parsed in reversed(commands)}.values())[::-1]


_ANSWERED_WITH_COMMANDS = frozenset({Word.HELP, Word.CONFIRM, Word.DIGEST, Word.REPORT})  # letters of ours


def _refines(leading: _Reading, protected: _Reading) -> bool:
    tag, outside = leading.tag, protected.tag
    if outside is None or not (tag or leading.commands):
        return False
    if outside.word in _ANSWERED_WITH_COMMANDS:
        return True
    return tag is not None and tag.reference is not None and tag.reference == outside.reference


def _leading(text: str, *, for_control: bool) -> _Reading:
    found = orders.leading(text, for_control=for_control) or orders.below(text)
    if not found:
        return _Reading(None)
    if len(found) == 1:
        return _reading(found[0], TagSource.BODY)
    if not all(parsed.is_command for parsed in found):
        return _Reading(TagSource.BODY, problem=_ONE_AT_A_TIME)
    first = next((parsed.tag for parsed in found if parsed.tag), None)
    return _Reading(TagSource.BODY, first, commands=found)


def _reading(parsed: Parsed, source: TagSource) -> _Reading:
    """One tag. A command that cannot be read is no problem of the mail: it is answered like the others."""
    if parsed.is_command:
        return _Reading(source, parsed.tag, rest=parsed.rest, commands=(parsed,))
    problem = Bilingual(parsed.problem, parsed.problem_fr or parsed.problem) if parsed.problem else None
    tag = parsed.tag or (parsed.cut if source is TagSource.SUBJECT else None)
    return _Reading(source if tag or problem else None, tag, problem, parsed.rest)


def _free_text(opened: OpenedMail, reading: _Reading) -> str:
    """The author's own subject line, if he signed it: the outer one is nobody's word."""
    if reading.source is TagSource.PROTECTED:
        return reading.rest
    return parse(opened.protected.subject).rest if opened.protected else ""


def _assurance(signed: bool, registered: bool) -> Assurance:
    if signed:
        return Assurance.SIGNED
    return Assurance.ADDRESS if registered else Assurance.NONE
