"""HTML to plain text, for reading what a person wrote where there is no text/plain; linear in time, whatever comes.

The standard library's HTMLParser takes 160 s for 150 KB of `<a <a <a …` (Python 3.11), so tags are found here: nothing
is ever looked for twice, and what has no end is text.
"""

import html
import re
from collections.abc import Iterator

_TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9:]{0,30})(?P<rest>[^<>]{0,4000})>")
_COMMENT_ENDS = {"<!--": "-->", "<![": "]>", "<!": ">", "<?": ">"}
_HUGE_REFERENCE = re.compile(r"&#[xX]?[0-9a-fA-F]{8,}")  # html.unescape() raises for more than 4,300 digits

_UNSEEN = frozenset({"head", "style", "script", "title", "template", "svg", "object"})
_LINE = frozenset({"br", "div", "tr", "li", "dt", "dd", "address", "center", "form", "hr", "section", "article"})
_PARAGRAPH = frozenset({"p", "table", "ul", "ol", "dl", "pre", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6"})
_NO_END = frozenset({"br", "hr", "img", "meta", "link", "input", "col", "base", "area", "wbr"})
LEGACY_DISPLAY = "header-protection-legacy-display"  # RFC 9788 §5.2.2


def html_to_text(markup: str, *, drop_legacy_display: bool = False) -> str:
    """The text of an HTML part: blocks on lines of their own, quotations behind `> `, nothing that is not shown."""
    return _Reading(drop_legacy_display).of(markup)


class _Reading:
    """One walk through the tags."""

    def __init__(self, drop_legacy_display: bool) -> None:
        self.drop_legacy_display = drop_legacy_display
        self.lines: list[str] = []
        self.line: list[str] = []
        self.preformatted = self.quoted = 0
        self.unseen = ""  # the element that is being passed over
        self.unseen_depth = 0

    def of(self, markup: str) -> str:
        position = 0
        for token, start, end in _marks(markup):
            self._text(markup[position:start])
            position = end
            if token:
                self._tag(token)
        self._text(markup[position:])
        self._break()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self.lines)).strip("\n")

    def _text(self, markup: str) -> None:
        if self.unseen or not markup:
            return
        text = html.unescape(_HUGE_REFERENCE.sub("", markup))
        if not self.preformatted:
            self.line.append(re.sub(r"[ \t\r\n\f]+", " ", text))
            return
        first, *others = re.split(r"\r\n|\r|\n", text)
        self.line.append(first)
        for line in others:
            self._break()
            self.line.append(line)

    def _tag(self, tag: re.Match[str]) -> None:
        name, ends = tag["name"].lower(), bool(tag["end"])
        if self.unseen:
            self._pass_over(name, ends)
        elif not ends and self._is_unseen(name, tag["rest"]):
            self.unseen, self.unseen_depth = name, 1
        else:
            self._show(name, ends)

    def _is_unseen(self, name: str, rest: str) -> bool:
        legacy = self.drop_legacy_display and name == "div" and LEGACY_DISPLAY in rest
        return (name in _UNSEEN or legacy) and not rest.endswith("/")

    def _pass_over(self, name: str, ends: bool) -> None:
        if name == self.unseen:
            self.unseen_depth += -1 if ends else 1
        if self.unseen_depth == 0 or (self.unseen == "head" and name == "body"):
            self.unseen = ""

    def _show(self, name: str, ends: bool) -> None:
        if name in _LINE or name in _PARAGRAPH:
            # A line break makes a line even of nothing; a block only ends the line it finds.
            self._break(even_empty=name == "br")
        if ends:
            self._nest(name, -1)
        if name in _PARAGRAPH and self.lines and self.lines[-1].strip("> "):
            self.lines.append(self._prefix.rstrip())
        if not ends:
            self._nest(name, 1)
            if name in {"td", "th"} and self.line:
                self.line.append(" ")

    def _nest(self, name: str, step: int) -> None:
        if name == "pre":
            self.preformatted = max(0, self.preformatted + step)
        elif name == "blockquote":
            self.quoted = min(max(0, self.quoted + step), 20)

    def _break(self, *, even_empty: bool = False) -> None:
        text = "".join(self.line)
        text = text.rstrip() if self.preformatted else text.strip(" \t\r\n")
        self.line = []
        if text or even_empty or self.preformatted:
            self.lines.append(self._prefix + text if text else self._prefix.rstrip())

    @property
    def _prefix(self) -> str:
        return "> " * self.quoted


def _marks(markup: str) -> Iterator[tuple[re.Match[str] | None, int, int]]:
    """Every tag (with its match) and comment (without), with where it begins and ends, in order."""
    hopeless: set[str] = set()  # ends that do not come any more
    position = markup.find("<")
    while position >= 0:
        end = position + 1
        if tag := _TAG.match(markup, position):
            end = tag.end()
            yield tag, position, end
        elif (closing := _closing(markup, position)) and closing not in hopeless:
            stop = markup.find(closing, position + 2)
            if stop < 0:
                hopeless.add(closing)
            else:
                end = stop + len(closing)
                yield None, position, end
        position = markup.find("<", end)


def _closing(markup: str, position: int) -> str:
    return next((end for start, end in _COMMENT_ENDS.items() if markup.startswith(start, position)), "")
