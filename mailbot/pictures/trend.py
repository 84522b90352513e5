"""Draws a Trend: a line for each series, from the first day to the last."""

from datetime import date
from math import nan

from babel.dates import format_date
from babel.numbers import format_decimal

from mailbot.core.charts import Tone, Trend
from mailbot.pictures.canvas import FILL, INK, MARGIN, PALE, RULE, WIDTH, Canvas, draw

_TALL = 1.5
_LINES = (Tone.GOOD, Tone.CALM, Tone.BAD)  # colours, in the order of the series
_MARKS = ("o", "s", "^")
_MONTHS = 62  # days; a longer trend is labelled by months


@draw.register
def draw_trend(chart: Trend) -> Canvas:
    """The lines over a grid of four heights; below them the days and the names of the series."""
    names = {name: (_LINES[n % 3], _MARKS[n % 3]) for n, name in enumerate(chart.series)}
    legend = 0.18 * len(names) + 0.04 if len(names) > 1 else 0
    sheet = Canvas(_TALL + 0.45 + legend)
    most = chart.most or _round_up(max((v for line in chart.series.values() for v in line if v is not None), default=1))
    left, bottom = MARGIN + 0.12 + sheet.width_of(_number(most, chart), 7), legend + 0.27
    _draw_grid(sheet, chart, most, left, bottom)
    for name, values in chart.series.items():
        tone, mark = names[name]
        xs = [left + _share(day, chart) * (WIDTH - MARGIN - 0.1 - left) for day in chart.days]
        ys = [nan if value is None else bottom + value / most * _TALL for value in values]  # nan makes a gap
        sheet.axes.plot(xs, ys, color=FILL[tone], lw=1.4, marker=mark, ms=3.2, clip_on=False)
    for number, (name, (tone, mark)) in enumerate(names.items() if legend else ()):
        y = legend - 0.08 - number * 0.18
        sheet.axes.plot((MARGIN, MARGIN + 0.2), (y, y), color=FILL[tone], lw=1.4, marker=mark, ms=3.2)
        sheet.text(MARGIN + 0.28, y, name)
    return sheet


def _draw_grid(sheet: Canvas, chart: Trend, most: float, left: float, bottom: float) -> None:
    for quarter in range(0, 5, 2 if most < 4 else 1):
        y = bottom + quarter / 4 * _TALL
        sheet.line((left, WIDTH - MARGIN), (y, y), RULE if quarter else PALE, zorder=0)
        sheet.text(left - 0.05, y, _number(most * quarter / 4, chart), 7, align="right", color=PALE)
    for day, align in _labelled(chart):
        x = left + _share(day, chart) * (WIDTH - MARGIN - 0.1 - left)
        sheet.text(x, bottom - 0.12, _day(day, chart), 7, align=align, color=INK)


def _labelled(chart: Trend) -> list[tuple[date, str]]:
    """The first day, the last, and one between them if there is room for it."""
    if not chart.days:
        return []
    first, last = chart.days[0], chart.days[-1]
    between = [day for day in chart.days if 0.35 < _share(day, chart) < 0.65]
    middle = [(min(between, key=lambda day: abs(_share(day, chart) - 0.5)), "center")] if between else []
    return [(first, "left"), *middle, *([(last, "right")] if last != first else [])]


def _share(day: date, chart: Trend) -> float:
    length = (chart.days[-1] - chart.days[0]).days
    return (day - chart.days[0]).days / length if length else 0.0


def _day(day: date, chart: Trend) -> str:
    long = (chart.days[-1] - chart.days[0]).days > _MONTHS
    return format_date(day, "MMM yyyy" if long else "d MMM", locale=chart.language)


def _number(value: float, chart: Trend) -> str:
    return format_decimal(round(value, 1), locale=chart.language) + chart.unit


def _round_up(value: float) -> float:
    """To a number that four lines divide well."""
    step = 4.0
    while value > step:
        step *= 2 if value <= step * 2 else 2.5 if value <= step * 2.5 else 5
    return step
