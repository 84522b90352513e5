"""The pictures and files that go with a letter: drawn, named for the page that shows them, and put into its entity."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mailbot.core.charts import Chart
from mailbot.core.mail import Attachment, Picture
from mailbot.mail import heading
from mailbot.mail.entity import Boundaries, Entity, multipart, octets_entity, text_entity
from mailbot.mail.templates import Rendered

# A chart as a PNG; None if it cannot be drawn, and then the letter goes without it.
Draw = Callable[[Chart], bytes | None]
# A page as a PDF; None if it cannot be printed, likewise.
Print = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture, if it could be drawn."""

    picture: Picture
    png: bytes | None = field(repr=False)

    @property
    def file(self) -> str:
        """Its name as a file."""
        return f"{self.picture.name}.png"

    def content_id(self, domain: str) -> str:
        """What the page calls it (RFC 2392): another for every picture there ever was, the same in all copies."""
        digest = hashlib.sha256(self.png or b"").hexdigest()
        return f"{self.picture.name}.{digest[:20]}@{domain}"

    def source(self, domain: str) -> str:
        """The same, as the page writes it."""
        return f"cid:{self.content_id(domain)}"


def draw_all(pictures: Iterable[Picture], draw: Draw) -> tuple[Drawn, ...]:
    """Each of them, drawn if that can be done."""
    return tuple(Drawn(picture, draw(picture.chart)) for picture in pictures)


def picture_words(drawn: Iterable[Drawn], domain: str) -> Mapping[str, Mapping[str, str]]:
    """The word `pictures` of templates: for each name where the page finds it ("" if there is none), and its words."""
    return {d.picture.name: {"source": d.source(domain) if d.png else "", "alt": d.picture.alt} for d in drawn}


def in_one_file(page: str, drawn: Iterable[Drawn], domain: str) -> str:
    """The page with its pictures in itself, to be looked at or printed without the mail."""
    for shown in drawn:
        octets = b64encode(shown.png or b"").decode()
        page = page.replace(shown.source(domain), f"data:image/png;base64,{octets}")
    return page


def note_entity(rendered: Rendered, drawn: Sequence[Drawn], boundaries: Boundaries, domain: str) -> Entity:
    """The letter's own words; the page after the text, for clients show the last that they can (RFC 2046 §5.1.4)."""
    text = text_entity(rendered.text)
    if rendered.html is None:
        return text
    page = _page(text_entity(rendered.html, "html"), [d for d in drawn if d.png], boundaries, domain)
    return multipart("alternative", boundaries.next(), [text.pieces(), page.pieces()])


def _page(page: Entity, drawn: Sequence[Drawn], boundaries: Boundaries, domain: str) -> Entity:
    """The page and the pictures in it (RFC 2387)."""
    if not drawn:
        return page
    parts = [page.pieces(), *(_inline(d, domain).pieces() for d in drawn)]
    return multipart("related", boundaries.next(), parts, parameters=heading.parameter("type", "text/html"))


def _inline(drawn: Drawn, domain: str) -> Entity:
    label = heading.field("Content-ID", f"<{drawn.content_id(domain)}>")
    return octets_entity(drawn.png or b"", "image/png", drawn.file, "inline", label)


def on_paper(name: str, page: str, print_page: Print) -> tuple[Attachment, ...]:
    """The page as a file to be printed, if it can be made."""
    pdf = print_page(page)
    return (Attachment(name, "application/pdf", pdf),) if pdf else ()


def attached(attachment: Attachment) -> Entity:
    """A file to be kept."""
    return octets_entity(attachment.octets, attachment.media_type, attachment.name, "attachment")
