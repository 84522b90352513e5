"""Every kind of picture: loading this module tells canvas.draw() how each is drawn."""

from mailbot.core.charts import Chart
from mailbot.pictures import bars, growth, heatmap, strip, trend
from mailbot.pictures.canvas import draw

KINDS = (bars, growth, heatmap, strip, trend)


def picture(chart: Chart) -> bytes:
    """The chart as a PNG."""
    return draw(chart).png()
