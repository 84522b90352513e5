"""Which addresses may stand in an SMTP envelope, and why one may not."""

import re

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?P<domain>{_LABEL}(?:\.{_LABEL})*)")


def address_flaw(address: str) -> str | None:
    """Why this is not one plain ASCII address; None if it is.

    Narrower than RFC 5321 §4.1.2 on purpose: quoted local parts and address literals are what makes mail libraries read
    `b@y,c@y` as `b@y`, or swallow a line break.
    """
    if not address.isascii():
        return "has letters outside ASCII (write the domain in its xn-- form)"
    found = _ADDRESS.fullmatch(address)
    if not found:
        return "is not one plain address like desk@example.org"
    too_long = len(found["local"]) > 64 or len(address) > 254  # RFC 5321 §4.5.3.1
    return "is too long" if too_long else None
