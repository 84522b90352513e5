"""A mailbox with more mail than is fetched at once: what waits there, and whose it seems to be, asked once of each.

From says whose: it is nobody's word, but before a mail is opened there is no other. Who is not registered shares one
turn with all strangers, so a flood under a false name delays at most the party whose name it bears.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from mailbot.core.fairness import in_turns
from mailbot.wire.imapsession import Session

AT_ONCE = 500  # mails asked about in one command: a line of 8192 octets is what every server takes (RFC 7162 §4)

Whose = Callable[[bytes], str]
"""From the lines of a mail's From to the name under which it waits; whatever they hold, it must not raise."""


@dataclass(slots=True)
class Crowd:
    """What is known of the mails of INBOX. For one connection, and one meaning of its UIDs."""

    whose: Whose
    _sizes: dict[int, int] = field(default_factory=dict, init=False)  # UID -> octets
    _lanes: dict[int, str] = field(default_factory=dict, init=False)

    def in_turns(self, session: Session, count: int, passing_over: Collection[int]) -> dict[int, int]:
        """UID and size of all mails but those passed over, in their turns; `count` is how many INBOX holds."""
        self._learn(session, count)
        lanes = {uid: lane for uid, lane in self._lanes.items() if uid not in passing_over}
        return {uid: self._sizes[uid] for uid in in_turns(lanes)}

    def forget(self, uids: Collection[int]) -> None:
        """These are not there any more."""
        for uid in uids:
            self._sizes.pop(uid, None)
            self._lanes.pop(uid, None)

    def disperse(self) -> None:
        """Few wait now."""
        self._sizes.clear()
        self._lanes.clear()

    def _learn(self, session: Session, count: int) -> None:
        """Of the mails that came since it was last asked; of all of them the first time. UIDs only grow."""
        if not self._sizes:
            for first in range(1, count + 1, AT_ONCE):
                self._take(session.senders(first, min(first + AT_ONCE - 1, count)))
            return
        new = session.uids_from(max(self._sizes) + 1)
        for start in range(0, len(new), AT_ONCE):
            self._take(session.senders_of(new[start : start + AT_ONCE]))

    def _take(self, found: dict[int, tuple[int, bytes]]) -> None:
        for uid, (size, sender) in found.items():
            self._sizes[uid] = size
            self._lanes[uid] = self.whose(sender)
