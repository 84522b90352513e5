"""Draws a HeatMap: a row for each party, a column for each day, a sign on whatever is not good."""

from collections.abc import Sequence
from datetime import date

from babel.dates import format_date

from mailbot.core.charts import HeatMap, Tone
from mailbot.pictures.canvas import MARGIN, PALE, WIDTH, Canvas, draw, legend_height

_TALL, _HEAD, _GAP = 0.135, 0.2, 0.012


@draw.register
def draw_heat_map(chart: HeatMap) -> Canvas:
    """The map, its weeks named above and its colours below."""
    legend = legend_height(chart.tones)
    sheet = Canvas(_HEAD + len(chart.rows) * _TALL + legend + 0.12)
    names = max((sheet.width_of(name, 6.5) for name in chart.rows), default=0) + 0.08
    wide = (WIDTH - 2 * MARGIN - names) / max(len(chart.days), 1)
    top = sheet.height - _HEAD
    places: dict[Tone, list[tuple[float, float]]] = {tone: [] for tone in Tone}
    for number, day in enumerate(chart.days):
        if day.weekday() == 0 and (len(chart.days) - number) * wide > 0.3:
            words = _day(day, chart.language)
            sheet.text(MARGIN + names + number * wide, top + 0.09, words, 6.5, color=PALE)
    for row, (name, cells) in enumerate(zip(chart.rows, chart.cells, strict=True)):
        y = top - (row + 1) * _TALL
        sheet.text(MARGIN, y + _TALL / 2, name, 6.5)
        for column, tone in enumerate(cells):
            places[tone].append((MARGIN + names + column * wide, y))
    for tone, corners in places.items():
        _draw_cells(sheet, corners, wide, tone)
    sheet.legend(chart.tones, legend + 0.04)
    return sheet


def _draw_cells(sheet: Canvas, corners: Sequence[tuple[float, float]], wide: float, tone: Tone) -> None:
    inside = [(x + _GAP / 2, y + _GAP / 2) for x, y in corners]
    sheet.boxes(inside, wide - _GAP, _TALL - _GAP, tone)
    for x, y in corners:
        sheet.sign(x + wide / 2, y + _TALL / 2, tone, min(wide, _TALL) * 0.22)


def _day(day: date, language: str) -> str:
    return format_date(day, "d MMM", locale=language)
