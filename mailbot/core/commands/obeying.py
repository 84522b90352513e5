"""obey(): every command of a mail, one after another, and one answer to all of them; carry_out(): a single one.

A command is obeyed if its tag is signed, its signer may give it, and nothing that was signed later was acted on before.
What is wrong with one is told, and does not stop the others.
"""

from dataclasses import dataclass, field, replace

from mailbot.core.commands import COMMANDS
from mailbot.core.commands.asking import answerable_asker, is_signed
from mailbot.core.commands.command import Asker, Command, Order, Outcome, not_done
from mailbot.core.commands.held import network_after
from mailbot.core.commands.merging import merged
from mailbot.core.commands.needs import MOST
from mailbot.core.commands.rights import has_right, may_give
from mailbot.core.decision import Case, Decision, Entry, Ordered
from mailbot.core.holding import hold
from mailbot.core.letters import anchor_words
from mailbot.core.mail import Attachment, Automatic, Letter, Words
from mailbot.core.records import Reason
from mailbot.core.tags import Parsed, Tag, Word, write

_NOTHING = Parsed(None, word=Word.HELP)  # a mail to the control address without any command


@dataclass(frozen=True, slots=True)
class _Done:
    """What the commands so far led to, and what the answer says of each."""

    decision: Decision = field(default_factory=Decision)
    sections: tuple[Words, ...] = ()
    attachments: tuple[Attachment, ...] = ()

    def and_then(self, outcome: Outcome, order: Order, parsed: Parsed) -> "_Done":
        line = write(parsed.tag) if parsed.tag else None
        said = outcome.section.words
        section = {"template": outcome.section.template, "line": line, "words": {**said, "line": line}}
        entry = Decision(entries=(entry_of(outcome, order, line),))
        attachments = tuple(dict.fromkeys((*self.attachments, *outcome.attachments)))
        return _Done(merged(self.decision, outcome.decision, entry), (*self.sections, section), attachments)


# ---------------------------------------------------------------- a mail


def obey(case: Case) -> Decision:
    """Do what the commands of the mail say, as far as it can be done, and answer all of them in one mail."""
    asker = answerable_asker(case)
    if asker is None:
        return hold(Reason.NO_READER, case)
    commands, done = case.intent.commands or (_NOTHING,), _Done()
    for number, parsed in enumerate(commands):
        order = _order(parsed, asker, done, case)
        outcome = _outcome(parsed, order, case) if number < MOST else not_done(order, "too many")
        done = done.and_then(outcome, order, parsed)
    used = case.intent.identities if is_signed(case.intent) else ()
    answer = (_answer(done, asker, case),) if asker.boxes else ()
    return merged(done.decision, Decision(letters=answer, consumed=used))


def _outcome(parsed: Parsed, order: Order, case: Case) -> Outcome:
    if parsed.tag is None:
        problem = (parsed.problem_fr if order.language == "fr" else parsed.problem) or ""
        return not_done(order, "not understood" if problem else "no command", problem=problem)
    word = parsed.tag.word
    if not is_signed(case.intent) and word is not Word.HELP and may_give(word, order.asker, order.network):
        return not_done(order, "not signed")  # HELP tells nobody anything: it is answered all the same
    return carry_out(order, COMMANDS[word])


def _order(parsed: Parsed, asker: Asker, done: _Done, case: Case) -> Order:
    return Order(
        tag=parsed.tag or Tag(parsed.word or Word.HELP),
        asker=asker,
        network=network_after(case.network, done.decision),
        moment=case.moment,
        sight=case.known.sight.after(done.decision),
        before=done.decision,
        text=case.intent.rest,
        journal_head=case.known.journal_head,
    )


def _answer(done: _Done, asker: Asker, case: Case) -> Letter:
    """From the control address. Its tag is [HELP], so that commands above the quoted answer are what counts."""
    return Letter(
        "answer",
        asker.language,
        asker.boxes,
        Tag(Word.HELP),
        words={"sections": list(done.sections), "received_at": case.now, "anchor": anchor_words(case.known)},
        from_control=True,
        automatic=Automatic.REPLIED,
        purpose="answer",
        attachments=done.attachments,
        urgent=True,
    )


# ---------------------------------------------------------------- one command


def carry_out(order: Order, command: Command) -> Outcome:
    """Obey it, if this asker may and it does not come too late."""
    word = order.tag.word
    if not may_give(word, order.asker, order.network):
        return not_done(order, "not allowed")
    objects = command.objects(order.tag)
    latest = max((order.sight.ordered[each] for each in objects if each in order.sight.ordered), default=None)
    if latest and order.asker.signed_at <= latest:
        return not_done(order, "outdated", at=latest)
    outcome = command.obey(replace(order, by_right=has_right(word, order.asker, order.network)))
    ordered = tuple(Ordered(each, order.asker.signed_at) for each in sorted(objects)) if outcome.stands else ()
    return replace(outcome, decision=merged(outcome.decision, Decision(ordered=ordered)))


def entry_of(outcome: Outcome, order: Order, line: str | None) -> Entry:
    """The journal's row: what was ordered, by whom, and what came of it. What was not understood is not quoted."""
    own = order.asker.party.code if order.asker.party else None
    facts = {"by": order.asker.name, "command": line or "", **order.asker.facts, **outcome.facts}
    return Entry(outcome.event, outcome.reference, outcome.party or own, facts)
