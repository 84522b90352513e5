"""A screen that nobody sees: Xvfb, and pictures of all that stands on it, open menus and panels too."""

import io
import struct
from typing import Final, Self

from PIL import Image

from tests.clients.terminal import oneself
from tests.servers.programs import Program, find_program, short_folder

_COLOURS: Final = 256  # all that one octet a pixel can name
_XWD_HEADER: Final = struct.Struct(">25I")  # X11/XWDFile.h
_XWD_COLOUR: Final = 12  # octets


class Screen:
    """One screen of its own, with 24 bits of colour."""

    def __init__(self, width: int = 1180, height: int = 760) -> None:
        """The server chooses its number."""
        self._folder = short_folder(oneself())
        size = ["-screen", "0", f"{width}x{height}x24", "-nocursor"]
        where = ["-displayfd", "1", "-fbdir", str(self._folder), "-nolisten", "tcp"]
        self._server = Program([find_program("Xvfb", "xvfb"), *size, *where], self._folder, oneself())
        self._server.start(lambda: bool(self._number))

    def __enter__(self) -> Self:
        """It is on already."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Switch it off in order: it removes the socket that programs find it by."""
        self._server.stop()
        self._server.remove()

    @property
    def display(self) -> str:
        """What a program finds it by."""
        return f":{self._number}"

    @property
    def _number(self) -> str:
        """The one line that -displayfd writes; there may be complaints beside it."""
        return next((line for line in self._server.said.splitlines() if line.isdigit()), "")

    def picture(self) -> bytes:
        """What stands on it now, PNG, in few colours."""
        written = io.BytesIO()
        image = _image((self._folder / "Xvfb_screen0").read_bytes())
        # The usual method would turn the few green pixels of "verified" into grey.
        image.quantize(_COLOURS, Image.Quantize.MAXCOVERAGE).save(written, "PNG", optimize=True)
        return written.getvalue()


def _image(dump: bytes) -> Image.Image:
    """A frame buffer as Xvfb keeps it in a file: in the format of xwd, 32 bits a pixel, blue first."""
    header = _XWD_HEADER.unpack_from(dump)
    size, width, height, row_octets, colours = header[0], header[4], header[5], header[12], header[19]
    begin = size + colours * _XWD_COLOUR
    pixels = dump[begin : begin + height * row_octets]
    return Image.frombytes("RGB", (width, height), pixels, "raw", "BGRX", row_octets)
