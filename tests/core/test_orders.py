"""The commands of a mail: lines that were meant to be commands and are none are told, with what comes nearest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.core.orders import leading, unknown
from mailbot.core.tags import LEADING_MOST, Word


def words(text: str) -> list[tuple[Word | None, bool]]:
    """Line by line: the word, and whether the line could be read."""
    return [(parsed.tag.word if parsed.tag else parsed.word, parsed.tag is not None) for parsed in leading(text)]


def test_lines_among_commands_are_commands_well_written_or_not() -> None:
    assert words("[STATUS]\n[SUSPNED FR]\n[RETENU]\n[HELD]\n\nThank you.\n[OOPS]\n") == [
        (Word.STATUS, True),
        (Word.SUSPEND, False),
        (Word.HELD, False),
        (Word.HELD, True),
    ]


@pytest.mark.parametrize(
    "text", ["[Mobile phone]\n", "Hello\n[STATUS]\n", "> [STATUS]\n", "", "[REQUEST DE]\n[cid:1]\n"]
)
def test_foreign_brackets_are_left_alone_where_no_command_stands_above_them(text: str) -> None:
    assert [read for _, read in words(text)] in ([], [True])


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("RELESE H-12", "RELEASE"),
        ("releas h-12", "RELEASE"),
        ("LIBERER H-12", "RELEASE"),
        ("PARTYS", "PARTIES"),
        ("SUSPENDER FR", "SUSPEND"),
        ("XYZZY", "HELP"),
        ("", "HELP"),
    ],
)
def test_the_nearest_command_is_named(written: str, nearest: str) -> None:
    parsed = unknown(written)
    assert parsed.word == nearest
    assert written in (parsed.problem or "")
    assert "n'est pas une commande" in (parsed.problem_fr or "")


def test_no_more_are_read_than_anybody_writes() -> None:
    assert len(leading("[HELD]\n" + "[OOPS]\n" * 500)) == LEADING_MOST


@given(st.text(alphabet="[]［ HELD\n\r\t>x", max_size=200))
def test_whatever_a_body_holds_nothing_breaks(text: str) -> None:
    assert all(parsed.tag or parsed.problem for parsed in leading(text))
