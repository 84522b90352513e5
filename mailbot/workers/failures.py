"""How a failure is logged: kind and place, never its text, which may quote a mail."""

import logging

log = logging.getLogger(__name__)


def tell(what: str, broken: BaseException) -> None:
    """Log kind and place of a failure. Its text is left out: it may quote the mail."""
    trace = broken.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown place"
    log.error("%s failed: %s at %s", what, type(broken).__name__, place)
