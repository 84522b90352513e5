"""A letter as its reader sees it, unsealed and unsent: for a secretariat that edits the letters, and for previews."""

from dataclasses import dataclass
from datetime import datetime

from mailbot.core import tags
from mailbot.core.mail import Attachment, Letter, Words
from mailbot.mail import heading
from mailbot.mail.entity import Boundaries, multipart
from mailbot.mail.gallery import (
    Draw,
    Drawn,
    Print,
    attached,
    draw_all,
    in_one_file,
    note_entity,
    on_paper,
    picture_words,
)
from mailbot.mail.templates import Rendered, Templates


@dataclass(frozen=True, slots=True)
class Preview:
    """The letter in the forms that a person can look at. Lines end in LF, those of the mail in CRLF."""

    subject: str
    text: str
    html: str | None  # with its pictures in it, so that it is one file
    eml: bytes
    files: tuple[Attachment, ...]


@dataclass(frozen=True, slots=True)
class Previewer:
    """Writes previews. `robot` is the word of that name; without `print_page` there are no PDFs."""

    robot: Words
    templates: Templates
    draw: Draw
    domain: str
    print_page: Print | None = None

    def preview(self, letter: Letter, at: datetime) -> Preview:
        """The letter as it would be written at that time. Raises BrokenTemplate."""
        drawn = draw_all(letter.pictures, self.draw)
        words = {"proof": "hub", **letter.words, "robot": self.robot, "pictures": picture_words(drawn, self.domain)}
        rendered = self.templates.render(letter.template, letter.language, words)
        subject = f"{tags.write(letter.tag)} {letter.subject or rendered.subject}"
        html = in_one_file(rendered.html, drawn, self.domain) if rendered.html else None
        paper = on_paper(letter.printed, html, self.print_page) if letter.printed and html and self.print_page else ()
        files = (*paper, *letter.attachments)
        return Preview(subject, rendered.text, html, self._eml(letter, rendered, drawn, files, subject, at), files)

    def _eml(
        self,
        letter: Letter,
        rendered: Rendered,
        drawn: tuple[Drawn, ...],
        files: tuple[Attachment, ...],
        subject: str,
        at: datetime,
    ) -> bytes:
        boundaries = Boundaries(subject.encode())
        parts = [note_entity(rendered, drawn, boundaries, self.domain), *map(attached, files)]
        entity = parts[0] if len(parts) == 1 else multipart("mixed", boundaries.next(), [p.pieces() for p in parts])
        address = str(self.robot["control_address" if letter.from_control else "address"])
        header = [("From", heading.mailbox(str(self.robot["name"]), address)), ("Subject", heading.text(subject))]
        header += [("Date", heading.date(at)), ("MIME-Version", "1.0")]
        return b"".join(entity.pieces(b"".join(heading.field(name, value) for name, value in header)))
