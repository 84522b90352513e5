"""The play: who is in it, what each of them writes, and who must get what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import formataddr
from typing import Final

from mailbot.core.parties import SECRETARIAT
from mailbot.core.tags import Word
from mailbot.playground.composing import Attachment, Form
from mailbot.playground.people import Person, Role
from mailbot.playground.reading import ReadMail

ROLES: Final[Mapping[str, Role]] = {
    "fr": Role("Point de contact France", "desk@fr.example", "FR"),
    "fr-ministry": Role("Ministère de l'Intérieur", "veille@interieur.fr.example", "FR"),
    "de": Role("Kontaktstelle Deutschland", "desk@de.example", "DE"),
    "de-border": Role("Bundespolizei", "lage@border.de.example", "DE"),
    "it": Role("Punto di contatto Italia", "desk@it.example", "IT"),
    "es": Role("Punto de contacto España", "desk@es.example", "ES"),
    "eu": Role("EU contact point", "desk@eu.example", "EU"),
    "sec": Role("Secretariat", "secretariat@network.example", SECRETARIAT),
    "stranger": Role("A stranger", "somebody@elsewhere.example"),
}
"""Five desks, two relays, the secretariat, and one who belongs to nobody."""

RELAYS: Final = {"fr-ministry": ("reply",), "de-border": ("request",)}
"""Which kinds of mail each relay wants."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One mail that somebody must get; `author`: whose signed words it holds, none in a letter of the robot's own."""

    login: str
    word: Word
    author: str = ""


Cast = Mapping[str, Person]
Received = Callable[[str], ReadMail]
"""The latest mail that the person with this login got, as he sees it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One mail to the robot and what must come of it. `write` gives the finished mail of `login`."""

    title: str
    login: str
    write: Callable[[Cast, Received], bytes]
    expected: tuple[Expected, ...] = ()
    held: bool = False


def _request(cast: Cast, _received: Received) -> bytes:
    text = (
        "Bonsoir,\n\nUn voyageur muni d'un passeport français volé, série 20CF, est attendu cette nuit sur le vol\n"
        "AZ 318 Paris-Rome, puis dans le train de nuit pour Munich. Photographie et fiche jointes.\n"
        "Merci de nous dire s'il se présente à un contrôle.\n\nL'officier de permanence\n"
    )
    sheet = Attachment("fiche.csv", "champ;valeur\nsérie;20CF\nvol;AZ 318\n".encode(), "text/csv")
    return cast["fr"].write("[DEMANDE DE,IT urgent] Voyageur, vol AZ 318", text, [sheet])


def _reply(cast: Cast, received: Received) -> bytes:
    text = "Guten Morgen,\n\ndie Person wurde um 04:10 in Kufstein angetroffen und ist in Gewahrsam.\n"
    return cast["de"].press_reply(received("de"), text, prefix="AW: ", form=Form.ENCAPSULATED)


def _acknowledgement(cast: Cast, received: Received) -> bytes:
    request = received("it")
    reference = request.tag.tag.reference if request.tag.tag else ""
    text = "Ricevuto, controlliamo a Fiumicino.\n"
    return cast["it"].press_reply(request, text, tag_line=f"[ACK#{reference}]")


def _forgery(cast: Cast, _received: Received) -> bytes:
    """Spain's key is registered, so its signature is good: it just is not France's."""
    france = formataddr((cast["fr"].name, cast["fr"].address))
    draft = cast["es"].draft("[REQUEST EU] Please send us the list", "Urgent, please.\n")
    return cast["es"].send_off(replace(draft, sender=france))


def _stranger(cast: Cast, _received: Received) -> bytes:
    return cast["stranger"].write("[REQUEST ALL] Hello", "Is anybody there?\n", form=Form.PLAIN)


SCENES: Final = (
    Scene(
        "France asks Germany and Italy: urgent, in French, with a file",
        "fr",
        _request,
        (
            Expected("de", Word.REQUEST, "fr"),
            Expected("de-border", Word.REQUEST, "fr"),
            Expected("it", Word.REQUEST, "fr"),
            Expected("fr", Word.REQUEST),
        ),
    ),
    Scene(
        "Germany presses Reply (AW: ...)",
        "de",
        _reply,
        (
            Expected("fr", Word.REPLY, "de"),
            Expected("fr-ministry", Word.REPLY, "de"),
            Expected("de", Word.REPLY),
        ),
    ),
    Scene(
        "Italy acknowledges: an answer follows",
        "it",
        _acknowledgement,
        (Expected("fr", Word.ACK, "it"), Expected("it", Word.REPLY)),
    ),
    Scene(
        "Somebody with Spain's key writes as if he were France",
        "es",
        _forgery,
        (Expected("es", Word.HELP),),
        held=True,
    ),
    Scene("A stranger writes, unsigned", "stranger", _stranger, held=True),
)
