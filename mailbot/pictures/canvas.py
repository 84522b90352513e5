"""The paper that all pictures are drawn on: measured in inches, 3.75 wide, its own white ground for dark mode.

A hundredth of an inch is a pixel of a telephone's window, so that what is legible here is legible there; the PNG has
twice as many, for sharp screens.
"""

import io
from collections.abc import Mapping, Sequence
from functools import singledispatch

from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from PIL import Image

from mailbot.core.charts import Chart, Tone

WIDTH = 3.75
MARGIN = 0.1
DOTS = 200  # for each inch
COLOURS = 48  # of the palette: flat areas and the edges of letters; a photograph would need more

INK, PALE, RULE = "#1f2933", "#5f6b7a", "#c5ccd3"
# Okabe and Ito: told apart with every kind of colour blindness.
FILL: Mapping[Tone, str] = {
    Tone.GOOD: "#009e73",
    Tone.FAIR: "#f2c14e",
    Tone.BAD: "#c8472b",
    Tone.CALM: "#0072b2",
    Tone.NONE: "#e4e7eb",
}
ON: Mapping[Tone, str] = {Tone.FAIR: INK, Tone.NONE: INK}  # what is written on it; else white

rcParams["font.family"] = "DejaVu Sans"  # comes with matplotlib: the same picture everywhere


class Canvas:
    """A sheet of the given height; (0, 0) is its lower left corner."""

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = Figure(figsize=(WIDTH, height), dpi=DOTS, facecolor="white")
        self.agg = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, WIDTH)
        self.axes.set_ylim(0, height)

    def text(self, x: float, y: float, words: str, size: float = 7.5, *, align: str = "left", **more: object) -> None:
        """Words whose middle line is at y."""
        given = {"color": INK, "va": "center_baseline", **more}
        self.axes.text(x, y, _literal(words), size=size, ha=align, **given)  # type: ignore[arg-type]

    def box(self, x: float, y: float, width: float, height: float, tone: Tone, *, rounded: bool = False) -> None:
        """A filled rectangle, (x, y) its lower left corner."""
        style = "round,pad=0,rounding_size=0.03"
        shape = (
            FancyBboxPatch((x, y), width, height, boxstyle=style, fc=FILL[tone], lw=0)
            if rounded
            else Rectangle((x, y), width, height, fc=FILL[tone], lw=0)
        )
        self.axes.add_patch(shape)

    def boxes(self, corners: Sequence[tuple[float, float]], width: float, height: float, tone: Tone) -> None:
        """Many rectangles of one size at once: a thousand by themselves would take seconds."""
        shapes = [((x, y), (x + width, y), (x + width, y + height), (x, y + height)) for x, y in corners]
        self.axes.add_collection(PolyCollection(shapes, facecolors=FILL[tone], linewidths=0))

    def line(self, x: tuple[float, float], y: tuple[float, float], colour: str = RULE, **more: object) -> None:
        """A straight line."""
        self.axes.plot(x, y, color=colour, **{"lw": 0.6, **more})  # type: ignore[arg-type]

    def width_of(self, words: str, size: float = 7.5) -> float:
        """How many inches the words take."""
        drawn = self.axes.text(0, 0, _literal(words), size=size)
        extent = drawn.get_window_extent(self.agg.get_renderer())  # type: ignore[no-untyped-call]
        drawn.remove()
        return float(extent.width / DOTS)

    def legend(self, tones: Mapping[Tone, str], top: float, *, signs: bool = True) -> None:
        """What the colours mean, in as many rows as legend_height() has counted."""
        for x, row, tone, words in self._placed(tones):
            y = top - 0.1 - row * 0.18
            self.box(x, y - 0.05, 0.1, 0.1, tone)
            if signs:
                self.sign(x + 0.05, y, tone)
            self.text(x + 0.15, y, words)

    def sign(self, x: float, y: float, tone: Tone, size: float = 0.03) -> None:
        """The mark on a small box that makes its tone known without colour."""
        if tone is Tone.BAD:
            for way in (size, -size):
                self.line((x - size, x + size), (y - way, y + way), "white", lw=0.9)
        if tone is Tone.FAIR:
            self.line((x - size, x + size), (y, y), INK, lw=0.9)

    def legend_rows(self, tones: Mapping[Tone, str]) -> int:
        """How many rows the legend takes, 0.18 inches each."""
        return max((row for _, row, _, _ in self._placed(tones)), default=-1) + 1

    def _placed(self, tones: Mapping[Tone, str]) -> list[tuple[float, int, Tone, str]]:
        x, row = MARGIN, 0
        placed: list[tuple[float, int, Tone, str]] = []
        for tone, words in tones.items():
            width = 0.32 + self.width_of(words)
            if x + width - 0.15 > WIDTH and placed:
                x, row = MARGIN, row + 1
            placed.append((x, row, tone, words))
            x += width
        return placed

    def png(self) -> bytes:
        """The sheet, with as few colours as it needs, and nothing in it that differs from run to run."""
        self.agg.draw()  # type: ignore[no-untyped-call]
        octets = bytes(self.agg.buffer_rgba())  # type: ignore[no-untyped-call]
        image = Image.frombuffer("RGBA", self.agg.get_width_height(), octets)
        flat = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        out = io.BytesIO()
        flat.save(out, "PNG", optimize=True)
        return out.getvalue()


def legend_height(tones: Mapping[Tone, str]) -> float:
    """How many inches legend() will take below its top."""
    return 0.18 * Canvas(1).legend_rows(tones) + 0.05 if tones else 0


@singledispatch
def draw(chart: Chart) -> Canvas:
    """One sheet with this chart on it; each kind of chart has a module of its own."""
    raise TypeError(type(chart).__name__)


def _literal(words: str) -> str:
    """A dollar sign is no formula."""
    return words.replace("$", r"\$")
