"""Every key is found on its line, in whatever form TOML lets it be written."""

import tomllib
from typing import Any

import pytest

from mailbot.config.lines import Path, line_of, locate

FORMS = '''\
top = 1
"quoted key".'with.dot' = "# no comment"
[table] # a comment with = and [brackets]
number = -1.5e3
moment = 1979-05-27 07:32:00.5-07:00
text = """
[not.a.table]
key = "no key" \\"""
""""
literal = \'\'\'
[[nor.this]]\'\'\'
after = true
list = [ # here
    1, 2,
    [3,
     4],
    { inner = "a", dotted.key = 5 },
]
inline = { a = 1, b = { c = "}" } }
[table.deep.below]
dotted.key.here = 0
[[array]]
name = "first"
[[array.inner]]
name = "first of first"
[[array.inner]]
name = "second of first"
[[array]]
[array.only.table]
name = "of second"
[[array.inner]]
name = "first of second"
'''

WHERE: dict[Path, int] = {
    ("top",): 1,
    ("quoted key", "with.dot"): 2,
    ("table",): 3,
    ("table", "number"): 4,
    ("table", "moment"): 5,
    ("table", "text"): 6,
    ("table", "literal"): 10,
    ("table", "after"): 12,
    ("table", "list"): 13,
    ("table", "list", 0): 14,
    ("table", "list", 1): 14,
    ("table", "list", 2): 15,
    ("table", "list", 2, 1): 16,
    ("table", "list", 3): 17,
    ("table", "list", 3, "dotted", "key"): 17,
    ("table", "inline", "b", "c"): 19,
    ("table", "deep", "below"): 20,
    ("table", "deep", "below", "dotted", "key", "here"): 21,
    ("array",): 22,
    ("array", 0): 22,
    ("array", 0, "name"): 23,
    ("array", 0, "inner", 0): 24,
    ("array", 0, "inner", 1, "name"): 27,
    ("array", 1): 28,
    ("array", 1, "only", "table"): 29,
    ("array", 1, "inner", 0, "name"): 32,
}


@pytest.mark.parametrize("path", WHERE)
def test_a_key_is_found_on_its_line(path: Path) -> None:
    assert locate(FORMS)[path] == WHERE[path]


def _paths(value: Any, path: Path = ()) -> set[Path]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path}.union(*(_paths(below, (*path, step)) for step, below in inner))


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_every_key_that_tomllib_reads_has_a_line_and_no_other(line_end: str) -> None:
    text = FORMS.replace("\n", line_end)
    assert set(locate(text)) == _paths(tomllib.loads(text)) - {()}
    assert locate(text) == locate(FORMS)


def test_what_is_missing_is_told_where_it_should_stand() -> None:
    lines = locate(FORMS)
    assert line_of(("array", 1, "inner", 0, "address"), lines) == 31
    assert line_of(("nowhere", "at all"), lines) is None
