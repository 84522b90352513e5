"""Draws Bars: rows with their names before them, or columns with their names below."""

from mailbot.core.charts import Bar, Bars
from mailbot.pictures.canvas import INK, MARGIN, PALE, WIDTH, Canvas, draw, legend_height

_ROW, _COLUMNS_TALL = 0.21, 1.3


@draw.register
def draw_bars(chart: Bars) -> Canvas:
    """Rows or columns; of several pieces each, with a legend."""
    tones = chart.tones if len(chart.tones) > 1 else {}
    return _columns(chart, legend_height(tones)) if chart.upright else _rows(chart, legend_height(tones))


def _rows(chart: Bars, legend: float) -> Canvas:
    sheet = Canvas(len(chart.bars) * _ROW + legend + 0.12)
    names = max((sheet.width_of(bar.label) for bar in chart.bars), default=0) + 0.1
    ends = max((sheet.width_of(_text(bar, chart.unit)) for bar in chart.bars), default=0) + 0.08
    scale = (WIDTH - 2 * MARGIN - names - ends) / _most(chart)
    for number, bar in enumerate(chart.bars):
        y, x = sheet.height - 0.05 - (number + 1) * _ROW, MARGIN + names
        sheet.text(MARGIN, y + _ROW / 2, bar.label)
        for tone, value in zip(chart.tones, bar.values, strict=True):
            sheet.box(x, y + 0.03, value * scale, _ROW - 0.06, tone)
            x += value * scale
        sheet.text(x + 0.05, y + _ROW / 2, _text(bar, chart.unit))
    _draw_legend(sheet, chart, legend)
    return sheet


def _columns(chart: Bars, legend: float) -> Canvas:
    sheet = Canvas(_COLUMNS_TALL + 0.42 + legend)
    bottom, left = legend + 0.24, MARGIN + 0.05
    wide = (WIDTH - MARGIN - left) / max(len(chart.bars), 1)
    scale = _COLUMNS_TALL / _most(chart)
    sheet.line((left, WIDTH - MARGIN), (bottom, bottom), PALE, lw=0.8)
    every = _every(sheet, chart, wide)
    for number, bar in enumerate(chart.bars):
        x, y = left + number * wide, bottom
        for tone, value in zip(chart.tones, bar.values, strict=True):
            sheet.box(x + wide * 0.12, y, wide * 0.76, value * scale, tone)
            y += value * scale
        if number % every == 0:
            sheet.text(x + wide / 2, bottom - 0.1, bar.label, 7, align="center", color=PALE)
        if (bar.text or any(bar.values)) and sheet.width_of(_text(bar, ""), 6.5) < wide:
            sheet.text(x + wide / 2, y + 0.08, _text(bar, ""), 6.5, align="center", color=INK)
    _draw_legend(sheet, chart, legend)
    return sheet


def _draw_legend(sheet: Canvas, chart: Bars, legend: float) -> None:
    if len(chart.tones) > 1:
        sheet.legend(chart.tones, legend, signs=False)


def _every(sheet: Canvas, chart: Bars, wide: float) -> int:
    """Of how many columns one is named, so that names do not run into each other."""
    widest = max((sheet.width_of(bar.label, 7) for bar in chart.bars), default=0) + 0.05
    return max(1, -(-int(widest * 1000) // max(int(wide * 1000), 1)))


def _most(chart: Bars) -> float:
    return chart.most or max((sum(bar.values) for bar in chart.bars), default=0) or 1


def _text(bar: Bar, unit: str) -> str:
    return bar.text or f"{sum(bar.values):g}{unit}"
