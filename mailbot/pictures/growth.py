"""Draws Growth: costs over sizes, both logarithmic, so that what grows evenly is a straight line."""

from math import log10

from mailbot.core.charts import Growth, Panel, Tone
from mailbot.pictures.canvas import FILL, INK, MARGIN, PALE, RULE, WIDTH, Canvas, draw

_TALL, _HEAD, _FOOT = 0.95, 0.32, 0.3
_LEFT = MARGIN + 0.42
_LINES = ((Tone.CALM, "o"), (Tone.GOOD, "s"), (Tone.BAD, "^"))  # in the order of the series


@draw.register
def draw_growth(chart: Growth) -> Canvas:
    """One panel below the other, each with its own axes."""
    sheet = Canvas(len(chart.panels) * (_TALL + _HEAD + _FOOT) + 0.05)
    top = sheet.height
    for panel in chart.panels:
        _draw_panel(sheet, panel, top)
        top -= _TALL + _HEAD + _FOOT
    return sheet


def _draw_panel(sheet: Canvas, panel: Panel, top: float) -> None:
    bottom = top - _HEAD - _TALL
    sheet.text(MARGIN, top - 0.12, panel.title, 8)
    found = [value for values in panel.series.values() for value in values if value]
    low, high = _decade(min(found, default=1.0), -1), _decade(max(found, default=10.0), 1)
    for power in range(low, high + 1):
        y = bottom + (power - low) / (high - low) * _TALL
        sheet.line((_LEFT, WIDTH - MARGIN), (y, y), RULE, zorder=0)
        sheet.text(_LEFT - 0.05, y, f"{10.0**power:g}", 7, align="right", color=PALE)
    xs = [_across(size, panel.sizes) for size in panel.sizes]
    for x, name in zip(xs, panel.names, strict=True):
        sheet.text(x, bottom - 0.12, name, 7, align="center", color=INK)
    for (name, values), (tone, mark) in zip(panel.series.items(), _LINES, strict=False):
        known = [(x, value) for x, value in zip(xs, values, strict=True) if value]
        ys = [bottom + (log10(value) - low) / (high - low) * _TALL for _, value in known]
        sheet.axes.plot([x for x, _ in known], ys, color=FILL[tone], lw=1.4, marker=mark, ms=3.2)
        if known:  # above the uppermost line, below another: so that two names never stand on each other
            is_uppermost = known[-1][1] >= max(others[-1] or 0 for others in panel.series.values())
            above = 0.09 if is_uppermost else -0.1
            sheet.text(known[-1][0], ys[-1] + above, name, 7, align="right", color=FILL[tone])


def _decade(value: float, way: int) -> int:
    """The power of ten below (-1) or above (1)."""
    power = log10(value)
    down = int(power // 1)
    return down if way < 0 else down + 1


def _across(size: float, sizes: tuple[float, ...]) -> float:
    low, high = log10(min(sizes)), log10(max(sizes))
    share = (log10(size) - low) / (high - low) if high > low else 0.5
    return _LEFT + 0.12 + share * (WIDTH - MARGIN - 0.3 - _LEFT)
