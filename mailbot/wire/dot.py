"""The octets of SMTP DATA: a mail exactly as it is, dot-stuffed; or why it cannot go through unchanged."""

from functools import lru_cache

LONG = 64 * 1024  # octets
LONGEST_LINE = 1000  # octets with CRLF, RFC 5321 §4.5.3.1.6


class Unsendable(Exception):
    """These octets would be changed, or end too early, on their way. `status` is a code of RFC 3463."""

    def __init__(self, status: str) -> None:
        """The status is the text."""
        super().__init__(status)
        self.status = status


def prepared(*pieces: bytes) -> list[bytes]:
    """What is written after DATA, with the final dot, in about as many pieces as are given.

    A long piece that needs no dot is not copied, and the last few are looked through once, however many mails share
    them (until `forget`). Raises Unsendable for a NUL, a CR or LF alone (the stuff of SMTP smuggling), or a line that
    servers would break: any repair would break a signature.
    """
    given = [piece for piece in pieces if piece] or [b""]
    if not all(piece.endswith(b"\r\n") for piece in given[:-1]):
        given = [b"".join(given)]
    if not given[-1].endswith(b"\r\n"):
        given[-1] += b"\r\n"
    return [_looked_through(piece) if len(piece) > LONG else stuffed(piece) for piece in given] + [b".\r\n"]


def forget() -> None:
    """Let go of the long pieces."""
    _looked_through.cache_clear()


def stuffed(lines: bytes) -> bytes:
    """Whole lines, with a dot more where one begins with a dot. Raises Unsendable.

    Made for 50 MiB: no regular expression, no list of lines.
    """
    whole_lines = lines.count(b"\r\n")
    if b"\0" in lines or lines.count(b"\n") != whole_lines or lines.count(b"\r") != whole_lines:
        raise Unsendable("5.6.0")
    if not lines.endswith(b"\r\n") or not _lines_fit(lines):
        raise Unsendable("5.6.0")
    # The first line may begin with a dot as well.
    return (b"." if lines.startswith(b".") else b"") + lines.replace(b"\r\n.", b"\r\n..")


_looked_through = lru_cache(maxsize=2)(stuffed)  # two: while one mail ends, another begins


def _lines_fit(octets: bytes) -> bool:
    start = 0
    while len(octets) - start > LONGEST_LINE:
        end = octets.rfind(b"\n", start, start + LONGEST_LINE)
        if end < 0:
            return False
        start = end + 1
    return True
