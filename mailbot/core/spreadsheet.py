"""Rows as a file that spreadsheets read (RFC 4180), in the way of the reader's language."""

import csv
import io
from collections.abc import Iterable, Sequence

_BOM = b"\xef\xbb\xbf"  # without it Excel takes UTF-8 for something else
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so would be worked out; some are what a mail claims


def write_rows(rows: Iterable[Sequence[str]], language: str) -> bytes:
    """The file. Excel separates columns by what separates a list in its user's language; in French a comma stands in
    numbers.
    """
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";" if language == "fr" else ",", lineterminator="\r\n")
    for row in rows:
        writer.writerow(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row)
    return _BOM + written.getvalue().encode()


def decimal(number: float, language: str, places: int = 1) -> str:
    """A number as that spreadsheet reads it."""
    written = f"{number:.{places}f}"
    return written.replace(".", ",") if language == "fr" else written
