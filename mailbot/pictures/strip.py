"""Draws a Strip: time to the right, and on each stretch of it a pile of those who answered then."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from math import log

from mailbot.core.charts import Mark, Strip, Tone
from mailbot.pictures.canvas import INK, MARGIN, ON, PALE, RULE, WIDTH, Canvas, draw, legend_height

# (until, how many piles there are up to then): the lines at 15 min, 1 h and 4 h stand between piles, and never in one.
_STRETCHES = ((1, 0), (15, 4), (60, 6), (240, 8), (1440, 11))  # minutes
_LABELS = {1: "1 min", 15: "15 min", 60: "1 h", 240: "4 h", 1440: "24 h"}
_PILES = _STRETCHES[-1][1]
_TALL, _AXIS = 0.18, 0.26
_MOST = 12  # marks on a pile of silent ones, before another begins


@draw.register
def draw_strip(chart: Strip) -> Canvas:
    """Piles of codes over the axis of time, and beside them those without an answer."""
    heard = sorted((mark for mark in chart.marks if mark.took is not None), key=lambda mark: mark.took or timedelta())
    silent = [mark for mark in chart.marks if mark.took is None]
    piles = _piles(heard)
    columns = _columns(silent, max([3, *map(len, piles)]))
    rows = max([3, *map(len, piles), *map(len, columns)])
    legend = legend_height(chart.tones)
    sheet = Canvas(rows * _TALL + _AXIS + legend + 0.3)
    bottom = legend + _AXIS
    wide = (WIDTH - 2 * MARGIN - (0.12 if columns else 0)) / (_PILES + len(columns))
    _draw_axis(sheet, wide, bottom, rows)
    if chart.deadline is not None:
        _draw_deadline(sheet, MARGIN + _place(chart.deadline) * wide, bottom, rows, chart.due)
    for number, pile in enumerate(piles):
        _draw_pile(sheet, pile, MARGIN + number * wide, wide, bottom)
    left = WIDTH - MARGIN - len(columns) * wide
    for number, pile in enumerate(columns):
        _draw_pile(sheet, pile, left + number * wide, wide, bottom)
    if columns:
        above = bottom + max(map(len, columns)) * _TALL + 0.08
        sheet.text(WIDTH - MARGIN, above, chart.silent, 7, align="right", color=PALE)
    sheet.legend(chart.tones, legend)
    return sheet


def _piles(heard: Iterable[Mark]) -> list[list[Mark]]:
    piles: list[list[Mark]] = [[] for _ in range(_PILES)]
    for mark in heard:
        piles[min(int(_place(mark.took or timedelta())), _PILES - 1)].append(mark)
    return piles


def _place(took: timedelta) -> float:
    """Where a time stands, in piles from the left; from 1 minute to 24 hours."""
    minutes = min(max(took.total_seconds() / 60, 1), 1440)
    for (begin, left), (end, right) in pairwise(_STRETCHES):
        if minutes <= end:
            return left + (right - left) * log(minutes / begin) / log(end / begin) if minutes < end else right - 1e-9
    return _PILES


def _columns(silent: list[Mark], rows: int) -> list[list[Mark]]:
    most = max(min(rows, _MOST), -(-len(silent) // 3))  # three columns at most
    return [silent[start : start + most] for start in range(0, len(silent), most)]


def _draw_axis(sheet: Canvas, wide: float, bottom: float, rows: int) -> None:
    top = bottom + rows * _TALL + 0.05
    sheet.line((MARGIN, MARGIN + _PILES * wide), (bottom, bottom), PALE, lw=0.8)
    for minutes, pile in _STRETCHES:
        x = MARGIN + pile * wide
        sheet.line((x, x), (bottom - 0.03, top if 1 < minutes < 1440 else bottom), RULE, ls=(0, (3, 2)))
        align = {1: "left", 1440: "right"}.get(minutes, "center")  # the ends stay on the paper
        sheet.text(x - (0.05 if minutes == 1 else 0), bottom - 0.12, _LABELS[minutes], 7, align=align, color=PALE)


def _draw_deadline(sheet: Canvas, x: float, bottom: float, rows: int, words: str) -> None:
    top = bottom + rows * _TALL + 0.05
    sheet.line((x, x), (bottom - 0.03, top), INK, lw=1.2)
    sheet.text(x, top + 0.08, words, 6.5, align="center", color=PALE)


def _draw_pile(sheet: Canvas, pile: Iterable[Mark], x: float, wide: float, bottom: float) -> None:
    for number, mark in enumerate(pile):
        y = bottom + 0.03 + number * _TALL
        sheet.box(x + 0.012, y, wide - 0.024, _TALL - 0.03, mark.tone, rounded=True)
        size = min(7.5, 7.5 * 2.6 / max(len(mark.label), 1))
        colour = ON.get(mark.tone, "white")
        weight = "normal" if mark.tone is Tone.NONE else "bold"
        sheet.text(x + wide / 2, y + _TALL / 2 - 0.02, mark.label, size, align="center", color=colour, weight=weight)
