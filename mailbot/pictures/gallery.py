"""Every kind of picture: loading this module tells canvas.draw() how each is drawn."""

from mailbot.core.charts import Chart
from mailbot.pictures import bars, heatmap, strip, trend
from mailbot.pictures.canvas import draw

KINDS = (bars, heatmap, strip, trend)


def picture(chart: Chart) -> bytes:
    """The chart as a PNG."""
    return draw(chart).png()
