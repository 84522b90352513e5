"""What is drawn and printed: small, the same each time, in a child that knows and fetches nothing."""

import io
import os
import re
import subprocess
import sys
import zlib
from base64 import b64encode
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from PIL import Image

from mailbot.core.charts import Bar, Bars, Chart, HeatMap, Mark, Strip, Tone, Trend
from mailbot.pictures import child, paper
from mailbot.pictures.child import MISSING, ChildFailed, ask
from mailbot.pictures.drawing import draw
from mailbot.pictures.form import CHART
from mailbot.pictures.gallery import picture
from mailbot.pictures.paper import DEBIAN, print_page, printed

PARTIES = [f"P{n}" for n in range(39)]
DAYS = tuple(date(2026, 10, 25) + timedelta(days=n) for n in range(30))
TONES = {Tone.GOOD: "reached in time", Tone.FAIR: "late or unconfirmed", Tone.BAD: "not reached", Tone.NONE: "no ping"}
MARKS = tuple(
    Mark(code, list(TONES)[n % 3], None if n % 3 == 2 else timedelta(seconds=2 ** (n / 2)))
    for n, code in enumerate(PARTIES)
)
STRIP = Strip(MARKS, TONES, "no answer", timedelta(hours=2))
CELLS = tuple(tuple(list(TONES)[(row * 7 + day) % 4] for day in range(30)) for row in range(39))
CHARTS: dict[str, Chart] = {
    "strip": STRIP,
    "strip of nobody": Strip((), {}),
    "strip of the silent": Strip(tuple(replace(m, took=None, tone=Tone.BAD) for m in MARKS), TONES, "sans réponse"),
    "strip at the ends of the axis": Strip(
        tuple(Mark("EUROPOL1", Tone.GOOD, took) for took in (timedelta(), timedelta(hours=24), timedelta(days=9))),
        TONES,
    ),
    "heat map": HeatMap(tuple(PARTIES), DAYS, CELLS, TONES, "fr"),
    "heat map of one day": HeatMap(("FR",), DAYS[:1], ((Tone.BAD,),), TONES),
    "bars": Bars(tuple(Bar(code, (n * 2.5,)) for n, code in enumerate(PARTIES[:12])), {Tone.GOOD: "x"}, "%", 100),
    "columns": Bars(
        tuple(Bar(f"{hour:02}", (hour % 9, hour % 4)) for hour in range(24)),
        {Tone.CALM: "requests", Tone.FAIR: "information"},
        upright=True,
    ),
    "columns of nothing": Bars((Bar("01/26", (0,)),), {Tone.CALM: "$x_1$"}, upright=True),
    "trend": Trend(DAYS[::3], {"a": tuple(map(float, range(10))), "b": (None, *[5.0] * 9)}, " %", None, "fr"),
    "trend of one day": Trend(DAYS[:1], {"a": (4.0,)}),
}


# ---------------------------------------------------------------- drawing


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_a_small_picture_and_the_same_each_time(name: str) -> None:
    png = picture(CHARTS[name])
    assert picture(CHARTS[name]) == png
    assert len(png) < 60_000
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    assert image.width == 750  # twice a telephone's window
    assert image.height < 1200
    corners = [image.convert("RGB").getpixel((x, y)) for x in (0, 749) for y in (0, image.height - 1)]
    assert corners == [(255, 255, 255)] * 4  # its own ground: legible in dark mode


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_travels_unchanged(name: str) -> None:
    assert CHART.validate_json(CHART.dump_json(CHARTS[name])) == CHARTS[name]


def test_the_child_draws_the_same_and_once_for_all_letters(tmp_path: Path) -> None:
    """A round's result goes to many readers, and the child takes the better part of a second."""
    drawn = draw(STRIP, tmp_path)
    assert drawn == picture(STRIP)
    assert draw(replace(STRIP, marks=tuple(MARKS)), tmp_path) is drawn
    assert draw(replace(STRIP, silent="sans réponse"), tmp_path) not in (None, drawn)


def test_what_cannot_be_drawn_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    impossible = Bars((Bar("CANARY", (1.0, 2.0)),), {Tone.CALM: "one tone for two values"})
    assert draw(impossible) is None
    assert "picture not drawn: bars: it ended with 1" in caplog.text
    assert "CANARY" not in caplog.text


# ---------------------------------------------------------------- the child


def test_a_child_that_takes_too_long_is_ended() -> None:
    with pytest.raises(ChildFailed, match="no answer within 0 seconds"):
        ask("mailbot.pictures", CHART.dump_json(STRIP), patience=0.05)


def test_a_child_cannot_outgrow_its_limits() -> None:
    program = "from mailbot.pictures.child import confine; confine(2**29); bytearray(2**30)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert b"MemoryError" in ended.stderr


def test_a_child_is_told_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAILBOT_PASSPHRASE", "CANARY")
    (tmp_path / "telling.py").write_text("import os\nprint(sorted(os.environ))\n")
    monkeypatch.setattr(child, "_ROOT", tmp_path)
    told = ask("telling", b"")
    assert b"PYTHONPATH" in told
    assert b"PASSPHRASE" not in told
    assert b"HOME" not in told


# ---------------------------------------------------------------- printing

PAGE = "<!DOCTYPE html><html><body><h1>État du réseau</h1>{}</body></html>"


def test_a_page_with_its_own_picture_is_printed(tmp_path: Path) -> None:
    source = b64encode(picture(STRIP)).decode()
    pdf = printed(PAGE.format(f'<img src="data:image/png;base64,{source}" alt="">'), tmp_path)
    assert pdf.startswith(b"%PDF-")
    inside = unpacked(pdf)
    assert b"+Paper" in inside  # our letters, whatever the machine has
    assert b"/Image" in inside


def unpacked(pdf: bytes) -> bytes:
    """The PDF with its compressed streams as they are before compression."""
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    return pdf + b"".join(zlib.decompressobj().decompress(s) for s in streams if s[:1] == b"x")


@pytest.mark.parametrize(
    "foreign",
    [
        '<img src="http://127.0.0.1:9/x.png" alt="">',
        '<img src="file:///etc/passwd" alt="">',
        '<link rel="stylesheet" href="file:///etc/passwd">',
        '<div style="background-image: url(file:///etc/hostname)">x</div>',
    ],
)
def test_a_page_that_would_fetch_anything_is_not_printed(
    foreign: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert print_page(PAGE.format(foreign), tmp_path) is None
    assert "PDF not printed: it ended with 1" in caplog.text


def test_a_missing_library_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a machine without Pango: WeasyPrint is there, and fails while it is loaded."""
    (tmp_path / "mailbot").symlink_to(Path(paper.__file__).parents[1])
    (tmp_path / "weasyprint.py").write_text("raise OSError('cannot load library libpango-1.0-0')\n")
    monkeypatch.setattr(child, "_ROOT", tmp_path)
    with pytest.raises(ChildFailed, match=f"apt-get install {DEBIAN}") as caught:
        printed(PAGE.format("x"))
    assert caught.value.missing
    assert MISSING == os.EX_UNAVAILABLE
