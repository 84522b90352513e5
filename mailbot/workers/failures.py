"""Failures: whom they stop, and how they are logged: kind and place, never the text, which may quote a mail."""

import logging
from collections.abc import Callable

from mailbot.store.engine import Clash, StoreUnavailable

log = logging.getLogger(__name__)


class Unable(Exception):
    """The world is broken (database, disk, gpg): no mail can be handled now, none is to blame. The text says what."""


def survive(what: str, step: Callable[[], int]) -> int:
    """What the step says it did. One that cannot be done must not keep all the others from being done: it is logged,
    counts as nothing, and is tried again in the next round. Raises StoreUnavailable and Unable.
    """
    try:
        return step()
    except Clash:
        return 0  # another robot was faster
    except (StoreUnavailable, Unable):
        raise
    except Exception as broken:  # noqa: BLE001 - a template, a key, a bug
        tell(what, broken)
        return 0


def tell(what: str, broken: BaseException) -> None:
    """Log kind and place of a failure. Its text is left out: it may quote the mail."""
    trace = broken.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown place"
    log.error("%s failed: %s at %s", what, type(broken).__name__, place)
