"""What a picture shows, as plain facts; mailbot/pictures draws it. All words in it are in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Literal


class Tone(StrEnum):
    """How a mark looks: a colour, and a shape or pattern of its own, for who sees no colours or prints in grey."""

    GOOD = "good"
    FAIR = "fair"  # late, unconfirmed: something came, and it is not what was wanted
    BAD = "bad"
    CALM = "calm"  # a figure that is neither good nor bad
    NONE = "none"  # nothing was asked


@dataclass(frozen=True, slots=True)
class Mark:
    """One party in a strip."""

    label: str  # its code
    tone: Tone
    took: timedelta | None = None  # None: nothing came


@dataclass(frozen=True, slots=True)
class Strip:
    """Who answered how fast: a mark for each party on a logarithmic axis from 1 minute to 24 hours."""

    marks: tuple[Mark, ...]
    tones: Mapping[Tone, str]  # the legend, in its order: what each tone means
    silent: str = ""  # the heading of those without time: "no answer"
    deadline: timedelta | None = None  # a line of its own
    due: str = ""  # what stands on that line: "deadline"
    kind: Literal["strip"] = "strip"


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Parties down, days across; a day on which nothing was asked is Tone.NONE."""

    rows: tuple[str, ...]
    days: tuple[date, ...]
    cells: tuple[tuple[Tone, ...], ...]  # cells[row][day]
    tones: Mapping[Tone, str]
    language: str = "en"
    kind: Literal["heat map"] = "heat map"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of one or several pieces."""

    label: str
    values: tuple[float, ...]  # one for each of the chart's tones
    text: str = ""  # written at its end; without it, the sum


@dataclass(frozen=True, slots=True)
class Bars:
    """A few things compared."""

    bars: tuple[Bar, ...]
    tones: Mapping[Tone, str]  # what the pieces of each bar are; a legend only if there are several
    unit: str = ""  # "%", or nothing for counts
    most: float | None = None  # where the axis ends: 100 for rates
    upright: bool = False  # columns side by side, for hours of the day and months; else one below the other
    kind: Literal["bars"] = "bars"


@dataclass(frozen=True, slots=True)
class Trend:
    """How something changed from day to day: one line for each series, with gaps where nothing was measured."""

    days: tuple[date, ...]
    series: Mapping[str, tuple[float | None, ...]]  # its name -> a value for each day
    unit: str = ""
    most: float | None = None
    language: str = "en"
    kind: Literal["trend"] = "trend"


@dataclass(frozen=True, slots=True)
class Panel:
    """How a cost grows with one size: a line for each series, both axes logarithmic."""

    title: str
    sizes: tuple[float, ...]
    names: tuple[str, ...]  # of the sizes, as they stand below the axis
    series: Mapping[str, tuple[float | None, ...]]  # its name -> a value for each size


@dataclass(frozen=True, slots=True)
class Growth:
    """Several panels, one below the other."""

    panels: tuple[Panel, ...]
    kind: Literal["growth"] = "growth"


Chart = Strip | HeatMap | Bars | Trend | Growth
