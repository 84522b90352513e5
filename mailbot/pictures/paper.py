"""print_page(): a page becomes a PDF, in a child process, and only when somebody asks for one."""

import logging
from pathlib import Path

from mailbot.pictures.child import ChildFailed, ask

log = logging.getLogger(__name__)

PATIENCE = 40.0  # seconds; a report takes a few
DEBIAN = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
REMEDY = f"WeasyPrint needs Pango: apt-get install {DEBIAN}"


def print_page(page: str, cache: Path | None = None) -> bytes | None:
    """The PDF; None if it cannot be printed, which is logged: a letter goes without it."""
    try:
        return printed(page, cache)
    except ChildFailed as failure:
        log.error("PDF not printed: %s", failure)  # noqa: TRY400 - its text is all there is to tell
        return None


def printed(page: str, cache: Path | None = None) -> bytes:
    """The same for somebody who waits for it. Raises ChildFailed, which says what is missing on the machine."""
    try:
        return ask("mailbot.pictures.printing", page.encode(), cache, PATIENCE)
    except ChildFailed as failure:
        if failure.missing:
            raise ChildFailed(REMEDY, missing=True) from None
        raise
