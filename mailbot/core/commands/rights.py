"""Who may give which command: the table here, unless the configuration says otherwise ([commands])."""

from collections.abc import Mapping
from enum import Enum

from mailbot.core.commands.command import Asker
from mailbot.core.decision import Network
from mailbot.core.parties import Right
from mailbot.core.tags import Bilingual, Word


class Circle(Enum):
    """Who may give a command without any right, about what is his own."""

    NOBODY = "nobody"
    DESKS = "desks"
    RELAYS = "desks and relays"
    REGISTERED = "operators as well"


SECRETARIAT, OPERATOR, BOTH = frozenset({Right.SECRETARIAT}), frozenset({Right.OPERATOR}), frozenset(Right)

RIGHTS: Mapping[Word, frozenset[Right]] = {
    Word.HELP: BOTH,
    Word.PING: SECRETARIAT,
    Word.SHARE: SECRETARIAT,
    Word.STATUS: BOTH,
    Word.DIGEST: BOTH,
    Word.REPORT: BOTH,
    Word.PARTIES: BOTH,
    Word.KEY: SECRETARIAT,  # trust.md 11
    Word.SUSPEND: BOTH,
    Word.RESUME: BOTH,
    Word.HELD: BOTH,
    Word.RELEASE: BOTH,
    Word.DROP: BOTH,
    Word.RESEND: OPERATOR,  # trust.md 10: beside the asker
}

# Without any right, about what is one's own.
CIRCLES: Mapping[Word, Circle] = {
    Word.HELP: Circle.RELAYS,
    Word.STATUS: Circle.DESKS,
    Word.RESEND: Circle.DESKS,
    Word.KEY: Circle.REGISTERED,  # whoever writes to the robot needs its certificate
}

# What these come to then: example and meaning, for HELP.
OWN: Mapping[Word, tuple[Bilingual, Bilingual]] = {
    Word.STATUS: (
        Bilingual("[STATUS]", "[ÉTAT]"),
        Bilingual("your open exchanges; with a number, that one", "vos échanges ouverts ; avec un numéro, celui-là"),
    ),
    Word.RESEND: (
        Bilingual("[RESEND 2026-0042 DE]", "[RENVOYER 2026-0042 DE]"),
        Bilingual("sends a mail of yours to a party again", "envoie de nouveau un courriel de vous à un membre"),
    ),
    Word.KEY: (
        Bilingual("[KEY]", "[CLÉ]"),
        Bilingual(
            "asks for the hub's key; with a key of yours attached, announces it",
            "demande la clé du robot ; avec une clé à vous en pièce jointe, l'annonce",
        ),
    ),
}

# The meaning for those who belong to no party, where it is another.
OF_NO_PARTY: Mapping[Word, Bilingual] = {Word.KEY: Bilingual("asks for the hub's key", "demande la clé du robot")}


def has_right(word: Word, asker: Asker, network: Network) -> bool:
    """Whether one of his rights lets him."""
    return bool(asker.rights & network.commands.get(word, RIGHTS.get(word, BOTH)))


def may_give(word: Word, asker: Asker, network: Network) -> bool:
    """Whether he may give it at all."""
    return has_right(word, asker, network) or _is_inside(CIRCLES.get(word, Circle.NOBODY), asker)


def _is_inside(circle: Circle, asker: Asker) -> bool:
    if circle is Circle.REGISTERED:
        return True
    if circle is Circle.RELAYS:
        return asker.party is not None
    return circle is Circle.DESKS and asker.party is not None and asker.is_desk
