"""The table of commands is complete, and HELP is made from the same words that are read."""

import pytest

from mailbot.core.commands import COMMANDS
from mailbot.core.commands.rights import CIRCLES, OWN, RIGHTS, Circle
from mailbot.core.parties import Address
from mailbot.core.tags import GRAMMAR, Word, parse
from tests.core.cast import FR, NETWORK
from tests.core.commands.office import OFFICE, WATCH, answer_of, give, said, sections_of

POLICE = FR.relays[0].mailbox


def test_every_command_of_the_grammar_has_its_row_and_its_rights() -> None:
    commands = {word for word, syntax in GRAMMAR.items() if syntax.command}
    assert COMMANDS.keys() == RIGHTS.keys() == commands
    assert CIRCLES.keys() <= commands
    assert all(RIGHTS.values())


def test_what_is_open_to_others_is_explained_to_them() -> None:
    assert OWN.keys() == {word for word, circle in CIRCLES.items() if circle is not Circle.NOBODY} - {Word.HELP}


@pytest.mark.parametrize("word", OWN)
def test_the_examples_of_help_can_be_read(word: Word) -> None:
    english, french = (parse(example) for example in OWN[word][0])
    assert english.tag is not None
    assert english.tag == french.tag
    assert english.tag.word is word


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("word", COMMANDS)
def test_every_command_is_answered_in_the_language_it_is_given_in_and_journalled(word: Word, language: str) -> None:
    """By the examples of HELP, whatever the network holds; `lang=` chooses the answer's language."""
    example = getattr(GRAMMAR[word].example, language)
    line = example if "=fr" in example else example.replace("]", f" lang={language}]")
    decision = give(line, sender=OFFICE)
    answer, rows = answer_of(decision), [entry for entry in decision.entries if entry.facts.get("by") == "SEC"]
    assert len(sections_of(decision)) == 1
    assert answer.mailboxes == (OFFICE,)
    assert answer.language == ("fr" if "=fr" in line else "en")
    assert rows, decision.entries


def shown(sender: Address) -> tuple[set[Word], set[Word]]:
    """The mail and the commands of which HELP gives an example."""
    _, words = said(give("[HELP]", sender=sender))
    mail, commands = ({parse(row["example"]).tag for row in words[name]} for name in ("mail", "commands"))
    return {tag.word for tag in mail if tag}, {tag.word for tag in commands if tag}


def test_help_shows_each_what_he_may_write() -> None:
    everything = {Word.REQUEST, Word.INFO, Word.REPLY, Word.ACK, Word.CLOSE}
    assert shown(FR.desks[0]) == (everything, {Word.HELP, Word.STATUS, Word.RESEND, Word.KEY})
    assert shown(POLICE) == ({Word.REPLY, Word.ACK}, {Word.HELP, Word.KEY})
    assert shown(OFFICE) == (everything, set(COMMANDS))
    assert shown(WATCH) == (set(), set(COMMANDS) - {Word.PING, Word.SHARE})


def test_help_tells_nobody_to_announce_a_key_who_has_no_party() -> None:
    for sender, announces in ((FR.desks[0], True), (WATCH, False)):
        _, words = said(give("[HELP]", sender=sender))
        [meaning] = [row["meaning"] for row in words["commands"] if row["example"] in {"[KEY]", "[CLÉ]"}]
        assert any(word in meaning for word in ("announces", "annonce")) is announces


def test_help_says_how_soon_a_receipt_comes() -> None:
    assert said(give("[HELP]", sender=FR.desks[0]))[1]["within"] == NETWORK.terms.receipt_within
