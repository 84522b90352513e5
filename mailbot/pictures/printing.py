"""The child that prints: a page on stdin becomes a PDF on stdout. `python -m mailbot.pictures.printing`.

Nothing is fetched: what the page shows is in the page, and the letters come with matplotlib, so that the paper is the
same on every machine. WeasyPrint needs Pango, which no Python package brings along.
"""

import sys
from base64 import b64decode
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mailbot.pictures.child import MISSING, confine
from mailbot.pictures.paper import PATIENCE

_FONTS = {"own:regular": ("DejaVuSans.ttf", "normal"), "own:bold": ("DejaVuSans-Bold.ttf", "bold")}
_ZOOM = 0.72  # what is large enough for a telephone is too large for paper: A4 is drawn larger, and made smaller
_PICTURE = "data:image/png;base64,"
_PAPER = """
@page {{
  size: {width:.1f}mm {height:.1f}mm; margin: 24mm 22mm 26mm 22mm;
  @bottom-right {{ content: counter(page) " / " counter(pages); font: 10pt "Paper"; color: #56616d }}
}}
{faces}
body, table, td, th, p, div, h1, h2 {{ font-family: "Paper" !important }}
body, .ground, .sheet {{ background: white !important }}
.sheet {{ max-width: none !important }}
.sheet > tbody > tr > td, .ground > tbody > tr > td {{ padding: 0 !important }}
h2 {{ break-after: avoid }}
tr, img {{ break-inside: avoid }}
"""


def main() -> int:
    """Print one page; the exit code is MISSING where a library is not installed."""
    confine(patience=PATIENCE)
    try:
        import weasyprint  # noqa: PLC0415 - under the limits
        import weasyprint.text.fonts  # noqa: PLC0415 - likewise
    except (ImportError, OSError):
        return MISSING
    sys.stdout.buffer.write(_printed(weasyprint, sys.stdin.buffer.read().decode()))
    return 0


def _printed(weasyprint: Any, page: str) -> bytes:
    fonts, fetcher = weasyprint.text.fonts.FontConfiguration(), _OwnOnly(weasyprint.urls.URLFetcherResponse)
    faces = "".join(_FACE.format(url=url, weight=weight) for url, (_, weight) in _FONTS.items())
    style = _PAPER.format(faces=faces, width=210 / _ZOOM, height=297 / _ZOOM)
    paper = weasyprint.CSS(string=style, url_fetcher=fetcher, font_config=fonts)
    document = weasyprint.HTML(string=page, url_fetcher=fetcher)
    pdf: bytes = document.write_pdf(stylesheets=[paper], zoom=_ZOOM, font_config=fonts, presentational_hints=True)
    return pdf


_FACE = '@font-face {{ font-family: "Paper"; src: url("{url}"); font-weight: {weight} }}\n'


class _OwnOnly:
    """Gives the page its own pictures and our letters, and nothing else from anywhere: it can open no connection."""

    _fail_on_errors = True  # a page that asks for anything else is not printed

    def __init__(self, response: Any) -> None:
        self._response = response

    def __call__(self, url: str) -> Any:
        if url.startswith(_PICTURE):
            return self._response(url, b64decode(url.removeprefix(_PICTURE)), {"Content-Type": "image/png"})
        if url in _FONTS:
            return self._response(url, _font(_FONTS[url][0]), {"Content-Type": "font/ttf"})
        raise ValueError("a page may fetch nothing")


def _font(name: str) -> bytes:
    found = find_spec("matplotlib")
    folder = Path(found.origin).parent if found and found.origin else Path()
    return (folder / "mpl-data" / "fonts" / "ttf" / name).read_bytes()


if __name__ == "__main__":
    sys.exit(main())
