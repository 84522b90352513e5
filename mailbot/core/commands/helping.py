"""HELP: what this reader may write, from the same table that reads it (network.md §7)."""

from mailbot.core.commands.command import Order, Outcome, Section
from mailbot.core.commands.rights import OF_NO_PARTY, OWN, has_right, may_give
from mailbot.core.tags import GRAMMAR, OPTIONS, Option, Word

_MAIL = (Word.REQUEST, Word.INFO, Word.REPLY, Word.ACK, Word.CLOSE)
_ANSWERS = (Word.REPLY, Word.ACK)  # all that a relay may sign (network.md §2)
_COMMANDS = tuple(word for word, syntax in GRAMMAR.items() if syntax.command)
_EXPLAINED = (Option.DEADLINE, Option.LANGUAGE, Option.BLIND)


def help_(order: Order) -> Outcome:
    """Everything that this reader may write, each with an example."""
    asker = order.asker
    mail = _MAIL if asker.code else _ANSWERS if asker.party else ()
    words = {
        "mail": [_row(word, order) for word in mail],
        "commands": [_row(word, order) for word in _COMMANDS if may_give(word, asker, order.network)],
        "options": [order.in_words(syntax.example) for syntax in OPTIONS if syntax.option in _EXPLAINED and asker.code],
        "within": order.network.terms.receipt_within,
        "urgent": order.network.terms.urgent_deadline,
        "routine": order.network.terms.routine_deadline,
    }
    return Outcome(Section("answer-help", words))


def _row(word: Word, order: Order) -> dict[str, str]:
    """As the grammar has it, or what the word comes to for those who may only about what is their own."""
    syntax = GRAMMAR[word]
    is_own = word in OWN and not has_right(word, order.asker, order.network)
    example, meaning = OWN[word] if is_own else (syntax.example, syntax.meaning)
    if is_own and order.asker.party is None:
        meaning = OF_NO_PARTY.get(word, meaning)
    return {"example": order.in_words(example), "meaning": order.in_words(meaning)}
