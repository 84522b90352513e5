"""Clearsigned text (RFC 9580 §7): taken apart here, so that what is acted on is exactly what gpg is asked about."""

import re
from collections.abc import Iterator

from mailbot.mail.armour import NotArmour, dearmour
from mailbot.mail.packets import Malformed

_BEGIN = re.compile(rb"^-----BEGIN PGP SIGNED MESSAGE-----[ \t\r]*\n", re.MULTILINE)
_HEADERS = re.compile(rb"(?:Hash: [A-Za-z0-9, -]+[ \t\r]*\n)*[ \t\r]*\n")  # any other header is refused, §7.1
_SIGNATURE = re.compile(rb"^-----BEGIN PGP SIGNATURE-----[ \t\r]*$", re.MULTILINE)
_PIECE = 65_536  # octets
_END = re.compile(rb"^-----END PGP SIGNATURE-----[ \t\r]*$", re.MULTILINE)


def read_clearsigned(text: bytes) -> tuple[bytes, bytes]:
    """The signed text and the packets of its detached signature, from the one clearsigned block in these octets.

    The text is as it was signed: lines without white space at their ends, joined by CRLF, none after the last
    (§7.2); gpg verifies the signature over it as over a file. Raises Malformed.
    """
    begins = list(_BEGIN.finditer(text))
    if len(begins) != 1:
        raise Malformed(f"{len(begins)} clearsigned blocks")
    headers = _HEADERS.match(text, begins[0].end())
    signature = _SIGNATURE.search(text, begins[0].end())
    end = _END.search(text, signature.end()) if signature else None
    if headers is None or signature is None or end is None or headers.end() > signature.start():
        raise Malformed("a damaged clearsigned block")
    body = text[headers.end() : signature.start()].removesuffix(b"\n")
    return b"\r\n".join(_signed_lines(body)), _packets(text[signature.start() : end.end()])


def _signed_lines(body: bytes) -> Iterator[bytes]:
    """The lines as they were signed, many in a piece: a list of millions of lines takes a hundred times their size."""
    start = 0
    while start <= len(body):
        end = body.find(b"\n", start + _PIECE)
        end = len(body) if end < 0 else end
        yield b"\r\n".join(map(_signed_line, body[start:end].split(b"\n")))
        start = end + 1


def _signed_line(line: bytes) -> bytes:
    if line.startswith(b"-") and not line.startswith(b"- "):
        raise Malformed("a line that should be dash-escaped")
    return line.removeprefix(b"- ").rstrip(b" \t\r")


def _packets(armoured: bytes) -> bytes:
    try:
        return dearmour(armoured)
    except NotArmour as problem:
        raise Malformed(str(problem)) from None
