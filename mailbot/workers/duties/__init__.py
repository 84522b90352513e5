"""The one table of what the calendar calls for beside the exchanges: each duty looks, decides, writes and records."""

from collections.abc import Callable, Mapping

from mailbot.core.decision import Moment
from mailbot.workers.duties.digest import send_digest
from mailbot.workers.duties.expiry import warn_of_expiry
from mailbot.workers.duties.membership import note_members
from mailbot.workers.duties.overviews import send_overviews
from mailbot.workers.duties.renewals import advance_renewals
from mailbot.workers.duties.rounds import advance_rounds
from mailbot.workers.duties.schedule import start_scheduled
from mailbot.workers.receive import Receiver

# Does what is due at this moment, and says how many things it did. It is called in every round (30 seconds), by every
# robot in its turn, only while the clock is believed: what is done once carries an Occasion, so that a second clashes.
Duty = Callable[[Receiver, Moment], int]

DUTIES: Mapping[str, Duty] = {
    "overviews": send_overviews,
    "ping schedule": start_scheduled,
    "ping rounds": advance_rounds,
    "digest": send_digest,
    "membership": note_members,
    "renewals": advance_renewals,
    "expiry": warn_of_expiry,
}
