"""draw(): a chart becomes a PNG, in a child process, because what draws is large and takes a second to load."""

import logging
from pathlib import Path

from mailbot.core.charts import Chart
from mailbot.pictures.child import ChildFailed, ask
from mailbot.pictures.form import CHART

log = logging.getLogger(__name__)

_PNG = b"\x89PNG\r\n\x1a\n"


def draw(chart: Chart, cache: Path | None = None) -> bytes | None:
    """The picture; None if it cannot be drawn, which is logged: a letter goes without it."""
    try:
        png = ask("mailbot.pictures", CHART.dump_json(chart), cache)
    except ChildFailed as failure:
        log.error("picture not drawn: %s: %s", chart.kind, failure)  # noqa: TRY400 - its text is all there is to tell
        return None
    if not png.startswith(_PNG):
        log.error("picture not drawn: %s: no PNG", chart.kind)
        return None
    return png
