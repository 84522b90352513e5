"""A screen that nobody sees: Xvfb, and pictures of all that stands on it, open menus and panels too."""

import struct
import zlib
from typing import Final, Self

from tests.clients.terminal import oneself
from tests.servers.programs import Program, find_program, short_folder

_XWD_HEADER: Final = struct.Struct(">25I")  # X11/XWDFile.h
_COLOUR_OCTETS: Final = 12


class Screen:
    """One screen of its own, with 24 bits of colour."""

    def __init__(self, width: int = 1180, height: int = 790) -> None:
        """The server chooses the number."""
        self._folder = short_folder(oneself())
        size = ["-screen", "0", f"{width}x{height}x24"]
        where = ["-displayfd", "1", "-fbdir", str(self._folder), "-nolisten", "tcp", "-nocursor"]
        self._server = Program([find_program("Xvfb", "xvfb"), *size, *where], self._folder, oneself())
        self._server.start(lambda: bool(self._number))

    def __enter__(self) -> Self:
        """It is on already."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Switch it off."""
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
        """What stands on it now, PNG."""
        return _png(*_pixels((self._folder / "Xvfb_screen0").read_bytes()))


def _pixels(dump: bytes) -> tuple[int, list[bytes]]:
    """The width, and each row as red, green, blue, of a frame buffer in the format of xwd: 32 bits a pixel, blue first."""
    header = _XWD_HEADER.unpack_from(dump)
    size, width, height, row_octets, colours = header[0], header[4], header[5], header[12], header[19]
    start = size + colours * _COLOUR_OCTETS
    rows = []
    for number in range(height):
        row = dump[start + number * row_octets :][: width * 4]
        pixels = bytearray(width * 3)
        pixels[0::3], pixels[1::3], pixels[2::3] = row[2::4], row[1::4], row[0::4]
        rows.append(bytes(pixels))
    return width, rows


def _png(width: int, rows: list[bytes]) -> bytes:
    """Each row as what differs from the row above (filter 2), which suits windows: most rows repeat."""
    filtered, above = bytearray(), bytes(width * 3)
    for row in rows:
        filtered += b"\2" + bytes((now - before) & 0xFF for now, before in zip(row, above, strict=True))
        above = row
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(filtered), 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, octets: bytes) -> bytes:
    return struct.pack(">I", len(octets)) + kind + octets + struct.pack(">I", zlib.crc32(kind + octets))
