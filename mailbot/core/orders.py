"""The commands of a mail: the tags at its head, and lines among them that were meant to be commands and are none."""

import difflib
import re

from mailbot.core.quoting import below_quoted
from mailbot.core.tags import GRAMMAR, LEADING_MOST, Bilingual, Parsed, Word, leading_tags

_FOREIGN = re.compile(r"\s*[\[［]([^\[\]［］\r\n]{1,80})[\]］][^\S\r\n]*(?:\r\n|\r|\n|\Z)")
_COMMANDS = {name.upper(): word for word, syntax in GRAMMAR.items() if syntax.command for name in syntax.names}
_BELOW = frozenset({Word.ACK, Word.CLOSE})
_NEAR = 0.7  # of difflib's likeness, where 1 is the same word


def leading(text: str, *, for_control: bool = False) -> tuple[Parsed, ...]:
    """The tags at the head of a signed body. Behind a command a line of brackets is one, too, well written or not; in a
    mail that is for the control address, the first line as well.
    """
    found, rest = leading_tags(text)
    while (found or for_control) and all(tag.is_command for tag in found) and (line := _FOREIGN.match(rest)):
        more, rest = leading_tags(rest[line.end() :])
        found = (*found, unknown(line[1]), *more)[:LEADING_MOST]
        if len(found) == LEADING_MOST:
            break
    return found


def below(text: str) -> tuple[Parsed, ...]:
    """The same below the quoted text, of mail that acknowledges or closes: else this would pass for a reply."""
    found = leading(below_quoted(text))
    words = {parsed.tag.word if parsed.tag else parsed.word for parsed in found}
    return found if words <= _BELOW else ()


def unknown(inside: str) -> Parsed:
    """A bracket that begins with no word of ours, with the command that comes nearest."""
    word = _nearest(inside) or Word.HELP
    names, example = GRAMMAR[word].names, GRAMMAR[word].example
    en, fr = f"“{inside}” is no command", f"« {inside} » n'est pas une commande"
    asked = Bilingual(f"Did you mean {names.en}?", f"Vouliez-vous dire {names.fr} ?")
    if word is Word.HELP:
        asked = Bilingual(f"{names.en} lists them.", f"{names.fr} en donne la liste.")
    return Parsed(
        None,
        problem=f"{en}. {asked.en} Example: {example.en}",
        problem_fr=f"{fr}. {asked.fr} Exemple : {example.fr}",
        word=word,
    )


def _nearest(inside: str) -> Word | None:
    written = re.split(r"[\s#,>]", inside.strip(), maxsplit=1)[0].upper()
    near = difflib.get_close_matches(written, _COMMANDS, n=1, cutoff=_NEAR)
    return _COMMANDS[near[0]] if near else None
