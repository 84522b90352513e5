"""Attachments that were encrypted each by itself, beside inline PGP: passed on with the text that their author signed.

One is opened under the rule of trust.md 3: if the author of the text signed it inside its own encryption. Nothing ties
it to the text but its author's signature, so it must be as old as the text's: who keeps a mail back, or had a copy,
could put it beside another text of the same author. Every other one is left out: whoever stands between could have put
it there, sealed to the readers, and it would seem to be the author's.
"""

import hashlib
import mimetypes
import re
from base64 import encodebytes
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote

from mailbot.core.mail import Content, Signature, Trouble
from mailbot.mail import heading
from mailbot.mail.armour import Label, armour, dearmour
from mailbot.mail.entity import Boundaries, Entity, Pieces, multipart
from mailbot.mail.gpg import Gpg, Unsealed
from mailbot.mail.mime import Part

MOST = 20  # that are opened
TOGETHER = timedelta(minutes=10)  # mail programs sign text and attachments when the mail is sent
NAME_LONGEST = 80  # characters, that encoded still fit into a line of 998
_SEALED_NAME = re.compile(r"\.(?:pgp|gpg|asc)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attachment:
    """One that was opened."""

    name: str = field(repr=False)
    unsealed: Unsealed = field(repr=False)

    def pieces(self) -> Iterator[Pieces]:
        """It, and its author's signature over it as a file of its own."""
        kind = mimetypes.guess_type(self.name, strict=False)[0] or "application/octet-stream"
        yield _file(self.unsealed.data, kind, self.name)
        if self.unsealed.signature:
            yield _file(self.unsealed.signature, "application/pgp-signature", f"{self.name}.sig.asc")


def open_attachments(parts: Sequence[Part], voucher: Signature, gpg: Gpg) -> Iterator[Attachment]:
    """Those of the parts that the author of the text signed with it. Raises GpgFailure."""
    left = gpg.bounds.decompressed(sum(part.end - part.body for part in parts))
    for number, part in enumerate(parts):
        unsealed = gpg.unseal(part.decoded()) if number < MOST and left > 0 else Trouble.LIMITS
        if not isinstance(unsealed, Trouble) and _is_of_the_same_mail(unsealed, voucher, gpg):
            left -= len(unsealed.data)
            yield Attachment(_name(part), unsealed)


def _is_of_the_same_mail(unsealed: Unsealed, voucher: Signature, gpg: Gpg) -> bool:
    if len(unsealed.verdicts) != 1:
        return False
    verdict = unsealed.verdicts[0]
    if verdict.state != voucher.state or verdict.fingerprint != voucher.fingerprint:
        return False
    if verdict.made_at is None or voucher.made_at is None or abs(verdict.made_at - voucher.made_at) > TOGETHER:
        return False
    return not verdict.intended or gpg.robot in verdict.intended


def _name(part: Part) -> str:
    """The file's name without the ending that said it was encrypted; never a path, never empty."""
    name = re.split(r"[/\\]", part.filename)[-1]
    visible = "".join(c for c in _SEALED_NAME.sub("", name) if c.isprintable()).strip(" .")
    return visible[-NAME_LONGEST:] or "attachment"


# ---------------------------------------------------------------- what is passed on


def with_attachments(content: Content, attached: Iterable[Attachment]) -> Content:
    """The content with these behind it."""
    others = [pieces for attachment in attached for pieces in attachment.pieces()]
    seed = hashlib.sha256(content.entity).digest()
    boundaries = Boundaries(seed, [content.entity, *(piece for pieces in others for piece in pieces)])
    text = _signed(content, content.signature, boundaries) if content.signature else [content.entity]
    entity = b"".join(multipart("mixed", boundaries.next(), [text, *others]).pieces())
    return Content(entity, message=content.message)


def _signed(content: Content, signature: bytes, boundaries: Boundaries) -> Pieces:
    """The text with its detached signature (RFC 3156 §5), which covers nothing beside it."""
    protocol = "application/pgp-signature"
    parameters = heading.parameter("protocol", protocol)
    part = Entity(protocol, (armour(dearmour(signature), Label.SIGNATURE),))
    return multipart("signed", boundaries.next(), [[content.entity], part.pieces()], parameters=parameters).pieces()


def _file(octets: bytes, kind: str, name: str) -> Pieces:
    fields = heading.field("Content-Transfer-Encoding", "base64")
    fields += heading.field("Content-Disposition", "attachment" + _parameter("filename", name))
    body = encodebytes(octets).replace(b"\n", b"\r\n")
    return Entity(kind + _parameter("name", name), (body,), fields).pieces()


def _parameter(name: str, value: str) -> str:
    try:
        return heading.parameter(name, value)
    except heading.UnwritableField:  # RFC 2231 §4
        return f"; {name}*=utf-8''{quote(value, safe='')}"
