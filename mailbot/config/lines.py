"""On which line of a TOML file a setting stands: tomllib does not say.

Only for text that tomllib has read without complaint; whatever it refuses is not looked at here.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Path = tuple[str | int, ...]  # ("parties", 0, "desks", 1, "address")

_TOKEN = re.compile(
    r'''(?P<comment>\#[^\n]*)
      | (?P<string>"""(?:[^\\]|\\.)*?"""(?:"{0,2}(?!"))|\'\'\'.*?\'\'\'\'{0,2}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\')
      | (?P<newline>\n)
      | (?P<space>[ \t\r]+)
      | (?P<mark>[\[\]{}=,.])
      | (?P<bare>[^\s\[\]{}=,.\#"\']+)''',
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


def locate(text: str) -> Mapping[Path, int]:
    """The line, from 1, of every key, table and array element."""
    return _Locator(list(_tokens(text))).run()


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """The line of this setting; of what it would stand in where it is missing; None for the file as a whole."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), None)


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for found in _TOKEN.finditer(text.replace("\r\n", "\n")):
        kind = found.lastgroup or ""
        if kind not in {"comment", "space"}:
            yield _Token(kind, found[0], line)
        line += found[0].count("\n")
    yield _Token("end", "", line)


@dataclass
class _Locator:
    """Walks the tokens once, with the table it is in at hand."""

    tokens: list[_Token]
    at: int = 0
    lines: dict[Path, int] = field(default_factory=dict)
    lengths: dict[Path, int] = field(default_factory=dict)  # of arrays of tables

    def run(self) -> Mapping[Path, int]:
        table: Path = ()
        while self.here.kind != "end":
            if self.take("\n"):
                continue
            table = self.header() if self.here.text == "[" else self.pair(table)
        return self.lines

    @property
    def here(self) -> _Token:
        return self.tokens[self.at]

    def next(self) -> _Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def take(self, text: str) -> bool:
        """Step over this mark, if it is the next token."""
        found = self.here.text == text
        self.at += found
        return found

    def header(self) -> Path:
        """`[a.b]` or `[[a.b]]`: the path of the table that begins here."""
        line = self.next().line
        array = self.take("[")
        path = self.settle(self.keys())
        for end in range(1, len(path)):
            self.lines.setdefault(path[:end], line)
        if array:
            self.lines.setdefault(path, line)
            number = self.lengths.get(path, 0)
            self.lengths[path] = number + 1
            path = (*path, number)
        self.at += 2 if array else 1
        self.lines[path] = line
        return path

    def settle(self, keys: Path) -> Path:
        """The path that a header means: in an array of tables its latest one."""
        path: Path = ()
        for position, key in enumerate(keys, 1):
            path = (*path, key)
            if position < len(keys) and path in self.lengths:
                path = (*path, self.lengths[path] - 1)
        return path

    def keys(self) -> Path:
        """A dotted key."""
        names = [_name(self.next())]
        while self.take("."):
            names.append(_name(self.next()))
        return tuple(names)

    def pair(self, table: Path) -> Path:
        """`key = value`; gives the table back."""
        line, keys = self.here.line, self.keys()
        for end in range(1, len(keys) + 1):
            self.lines.setdefault((*table, *keys[:end]), line)
        self.take("=")
        self.value((*table, *keys))
        return table

    def value(self, path: Path) -> None:
        self.lines.setdefault(path, self.here.line)
        if self.take("["):
            self.array(path)
        elif self.take("{"):
            self.inline_table(path)
        else:
            self.scalar()

    def array(self, path: Path) -> None:
        number = 0
        while not self.take("]"):
            if not (self.take("\n") or self.take(",")):
                self.value((*path, number))
                number += 1

    def inline_table(self, path: Path) -> None:
        while not self.take("}"):
            if not (self.take("\n") or self.take(",")):
                self.pair(path)

    def scalar(self) -> None:
        """A string, or the pieces of a number, a date or a time: `1.5`, `1979-05-27 07:32:00`."""
        self.next()
        while self.here.kind == "bare" or self.here.text == ".":
            self.next()


def _name(token: _Token) -> str:
    """A key as it is meant; tomllib knows how a quoted one is read."""
    return next(iter(tomllib.loads(f"{token.text}=0"))) if token.kind == "string" else token.text
