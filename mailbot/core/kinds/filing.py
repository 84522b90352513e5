"""Mail that nothing is done about: what cannot be understood, or not yet, is held."""

from mailbot.core.decision import Case, Decision
from mailbot.core.holding import hold
from mailbot.core.records import Reason


def hold_automatic(case: Case) -> Decision:
    """Somebody's pinned key signed it, yet a machine made it: a person should look."""
    return hold(Reason.AUTOMATIC, case)


def hold_untagged(case: Case) -> Decision:
    return hold(Reason.UNTAGGED, case)
