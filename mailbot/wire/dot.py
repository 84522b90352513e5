"""The octets of SMTP DATA: a mail exactly as it is, dot-stuffed; or why it cannot go through unchanged."""

LONGEST_LINE = 1000  # octets with CRLF, RFC 5321 §4.5.3.1.6


class Unsendable(Exception):
    """These octets would be changed, or end too early, on their way. `status` is a code of RFC 3463."""

    def __init__(self, status: str) -> None:
        """The status is the text."""
        super().__init__(status)
        self.status = status


def stuffed(octets: bytes) -> bytes:
    """What is written after DATA, with the final dot.

    Raises Unsendable for a NUL, a CR or LF alone (the stuff of SMTP smuggling), or a line that servers would break:
    any repair would break a signature. Made for 50 MiB: no regular expression, no list of lines.
    """
    whole_lines = octets.count(b"\r\n")
    if b"\0" in octets or octets.count(b"\n") != whole_lines or octets.count(b"\r") != whole_lines:
        raise Unsendable("5.6.0")
    if not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    if not _lines_fit(octets):
        raise Unsendable("5.6.0")
    # The first line may begin with a dot as well.
    return (b"." if octets.startswith(b".") else b"") + octets.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _lines_fit(octets: bytes) -> bool:
    start = 0
    while len(octets) - start > LONGEST_LINE:
        end = octets.rfind(b"\n", start, start + LONGEST_LINE)
        if end < 0:
            return False
        start = end + 1
    return True
