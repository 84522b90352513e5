"""Figures, and how they are told."""

import csv
import io

from mailbot.bench.growing import Point, picture, table
from mailbot.bench.measures import Measure
from mailbot.pictures.drawing import draw


def test_a_ratio_is_of_medians() -> None:
    measure = Measure("x", "", "ms", ours=(30.0, 10.0, 20.0), raw=(4.0, 100.0, 5.0), target=4.0)
    assert (measure.value.least, measure.value.median, measure.value.most) == (2.0, 4.0, 6.0)
    assert measure.met is True


def test_without_a_yardstick_the_figure_itself_counts() -> None:
    measure = Measure("x", "", "%", ours=(0.3, 0.1, 0.25), target=0.2)
    assert measure.value.median == 0.25
    assert measure.met is False


def test_without_a_target_nothing_is_met_or_missed() -> None:
    assert Measure("x", "", "s", ours=(1.0,)).met is None


GREW = [
    Point("mails", 100, "100", 40.0, 38.0),
    Point("mails", 1000, "1,000", 41.0, 38.0),
    Point("robots", 1, "1", 42.0, None, 0.05),
]


def test_growth_as_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(table(GREW))))
    assert [(row["what"], row["size"], row["ratio"], row["cpu_seconds"]) for row in rows] == [
        ("mails", "100", "1.05", ""),
        ("mails", "1000", "1.08", ""),
        ("robots", "1", "", "0.05"),
    ]


def test_growth_as_a_picture() -> None:
    chart = picture(GREW)
    assert [panel.names for panel in chart.panels] == [("100", "1,000"), ("1",)]
    png = draw(chart)
    assert png is not None
    assert png.startswith(b"\x89PNG")
