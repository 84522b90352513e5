"""draw(): a chart becomes a PNG, in a child process, because what draws is large and takes a second to load."""

import logging
from functools import lru_cache
from pathlib import Path

from mailbot.core.charts import Chart
from mailbot.pictures.child import ChildFailed, ask
from mailbot.pictures.form import CHART

log = logging.getLogger(__name__)

_PNG = b"\x89PNG\r\n\x1a\n"


KEPT = 8  # pictures of 6 to 16 KB: a round's result goes out in as many letters as there are groups of readers


def draw(chart: Chart, cache: Path | None = None) -> bytes | None:
    """The picture; None if it cannot be drawn, which is logged: a letter goes without it."""
    try:
        return _drawn(CHART.dump_json(chart), cache)
    except ChildFailed as failure:
        log.error("picture not drawn: %s: %s", chart.kind, failure)  # noqa: TRY400 - its text is all there is to tell
        return None


@lru_cache(maxsize=KEPT)
def _drawn(facts: bytes, cache: Path | None) -> bytes:
    """Once for the same facts, which have the words of one language in them. Raises ChildFailed, which is not kept."""
    png = ask("mailbot.pictures", facts, cache)
    if not png.startswith(_PNG):
        raise ChildFailed("no PNG")
    return png
