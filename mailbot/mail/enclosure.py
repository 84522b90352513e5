"""The author's words as a labelled part of their own beside the cover note, so that his signature still verifies."""

import re
from base64 import encodebytes

from mailbot.core.mail import Content
from mailbot.mail import heading
from mailbot.mail.blind import without_author
from mailbot.mail.entity import Boundaries, Entity, Pieces, multipart
from mailbot.mail.limits import Limits

SIGNED_MESSAGE = "signed-message.asc"  # the cover notes name it


def proof(content: Content | None, *, author_hidden: bool) -> str:
    """How a recipient can check the author's signature without the robot: the word for the cover note."""
    if content and not author_hidden and content.signature:
        return "signature"
    return "message" if content and not author_hidden and content.message else "hub"


def enclose(content: Content, label: str, boundaries: Boundaries, *, author_hidden: bool) -> Entity:
    """What the author wrote: with his signature (RFC 3156 §5), with the message that holds it, or as it is."""
    fields = heading.field("Content-Description", heading.text(label)) if label else b""
    if author_hidden:
        return multipart("mixed", boundaries.next(), [without_author(content.entity, Limits())], fields=fields)
    if content.signature:
        return _signed(content, content.signature, boundaries.next(), fields)
    attached = [_attached(content.message)] if content.message else []
    return multipart("mixed", boundaries.next(), [[content.entity], *attached], fields=fields)


def _signed(content: Content, signature: bytes, boundary: str, fields: bytes) -> Entity:
    protocol = "application/pgp-signature"
    parameters = heading.parameter("protocol", protocol)
    if content.micalg:
        parameters = f"; micalg={re.sub(r'[^a-z0-9-]', '', content.micalg.lower())}{parameters}"
    part = Entity(
        protocol + heading.parameter("name", "signature.asc"),
        (_crlf(signature),),
        heading.field("Content-Description", "OpenPGP digital signature"),
    )
    return multipart("signed", boundary, [[content.entity], part.pieces()], parameters=parameters, fields=fields)


def _attached(message: bytes) -> Pieces:
    """The OpenPGP message that holds the author's signature; as text it would be shown, and changed on the way."""
    plain = message.isascii()
    fields = heading.field("Content-Transfer-Encoding", "7bit" if plain else "base64")
    fields += heading.field("Content-Disposition", "attachment" + heading.parameter("filename", SIGNED_MESSAGE))
    body = _crlf(message if plain else encodebytes(message))
    return Entity("application/octet-stream" + heading.parameter("name", SIGNED_MESSAGE), (body,), fields).pieces()


def _crlf(octets: bytes) -> bytes:
    return octets if b"\r\n" in octets else octets.replace(b"\n", b"\r\n")
