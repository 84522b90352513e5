"""The tag of a subject: parse() and write(), inverse to each other, and the one table of words that both obey.

network.md §3 is the specification. Whatever a mail may hold is answered with a value, never with an exception, and in
time linear in its length. What a problem says quotes the sender: it belongs in an answer, sealed, never in a log.
"""

import binascii
import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

RAW_LOOKED_AT = 65_536  # octets of a raw header value
SUBJECT_LOOKED_AT = 16_384  # characters of a decoded subject; what lies beyond is cut off
TAG_LONGEST = 4_096  # characters between the brackets: 450 of the longest party codes
LEADING_MOST = 100  # tags at the head of a body; whoever is handed as many was sent too many
DEADLINE_LONGEST = timedelta(days=366)  # a sane size; what is allowed stands in trust.md 20

ALL = "ALL"


# ---------------------------------------------------------------- the forms


class Word(StrEnum):
    """The English word of each kind of mail and of each command."""

    REQUEST = "REQUEST"
    INFO = "INFO"
    REPLY = "REPLY"
    ACK = "ACK"
    CLOSE = "CLOSE"
    CONFIRM = "CONFIRM"
    PING = "PING"
    HELP = "HELP"
    STATUS = "STATUS"
    DIGEST = "DIGEST"
    REPORT = "REPORT"
    PARTIES = "PARTIES"
    KEY = "KEY"
    SUSPEND = "SUSPEND"
    RESUME = "RESUME"
    HELD = "HELD"
    RELEASE = "RELEASE"
    DROP = "DROP"
    RESEND = "RESEND"
    SHARE = "SHARE"


class Urgency(StrEnum):
    """How soon an answer is needed; no urgency in a tag leaves it to the configuration."""

    URGENT = "urgent"
    ROUTINE = "routine"


@dataclass(frozen=True, slots=True)
class Options:
    """What a tag may add to its kind; None and False mean that the tag does not say."""

    urgency: Urgency | None = None
    deadline: timedelta | None = None  # whole minutes
    language: str | None = None  # "en" or "fr"
    blind: bool = False
    share: bool = False
    reason: str | None = None  # why a certificate is replaced: "compromised" (trust.md 11)


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag, understood. It says what was written, not who wrote it: `origin` proves nothing."""

    word: Word
    reference: str | None = None  # "2026-0042"
    token: str | None = None  # "7K3Q-9F2M-XR4T"
    origin: str | None = None  # the party code before ">"
    targets: tuple[str, ...] = ()  # party codes as written, upper-case, each once; or (ALL,)
    arguments: tuple[str, ...] = ()  # "PING", "2026-01-01..2026-06-30", "H-12", a fingerprint
    options: Options = Options()

    @property
    def number(self) -> str | None:
        """What stands after the `#`."""
        return self.reference or self.token

    @property
    def is_command(self) -> bool:
        """Whether it is for the control address; a PING with a token answers a probe, every other starts a round."""
        return GRAMMAR[self.word].command and self.token is None


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a subject says. At most one of `tag`, `problem` and `cut` is there; none: no tag of ours.

    `rest` is the free text after the tag, and the whole text where there is no tag. `problem` (`problem_fr` in French)
    says why a tag of ours could not be read, what was expected, with an example. `cut` is a hint, worth no more than a
    threading header: kind and number of a tag whose end a mail program cut off; it has no targets and no options.
    `word` is what could be understood of a tag with a problem.
    """

    tag: Tag | None
    rest: str = ""
    problem: str | None = None
    problem_fr: str | None = None
    cut: Tag | None = None
    word: Word | None = None

    @property
    def is_command(self) -> bool:
        """Whether it is for the control address, well written or not."""
        if self.tag:
            return self.tag.is_command
        return self.word is not None and GRAMMAR[self.word].command


class Bilingual(NamedTuple):
    """The same words in both working languages."""

    en: str
    fr: str


def _same(text: str) -> Bilingual:
    return Bilingual(text, text)


# ---------------------------------------------------------------- text made plain

_SPACES = [*range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F]
_SPACES += [0x205F, 0x3000, 0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0]  # ideographic, Hangul fillers, blank Braille
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_CLEANING = dict.fromkeys(_CONTROLS) | dict.fromkeys(_SPACES, " ") | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")

_DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0xFE58], "-")  # what word processors make of a hyphen
_INVISIBLE = dict.fromkeys([0x34F, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])  # joiner, variation selectors
_SEPARATOR = re.compile(r" *([#>,;=-]|\.{2,}) *")


def _clean(text: str) -> str:
    """Without control characters, direction marks and lone surrogates; every kind of space is a space."""
    return text.translate(_CLEANING).strip()


def _plain(text: str) -> str:
    """The inside of a tag in its simplest letters: full-width made ASCII, the invisible gone, single spaces."""
    simple = unicodedata.normalize("NFKC", text.translate(_CLEANING)).translate(_DASHES | _INVISIBLE)
    visible = "".join(letter for letter in simple if unicodedata.category(letter) != "Cf")
    return " ".join(visible.split())


def _fold(word: str) -> str:
    """A keyword for comparison: upper-case, without accents. Party codes are never folded: DÉ is not DE."""
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter)
    ).upper()


def _tight(text: str) -> str:
    """Plain text without the spaces round its separators."""
    return _SEPARATOR.sub(lambda mark: {";": ","}.get(mark[1], mark[1][:2]), _plain(text))


# ---------------------------------------------------------------- numbers and values

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENIENT = str.maketrans("OIL", "011", "- ")


def new_token(random_octets: bytes) -> str:
    """A token of the first 60 bits given. Raises ValueError if there are fewer: it must be impossible to guess."""
    if len(random_octets) < 8:
        raise ValueError("a token needs 60 random bits")
    bits = int.from_bytes(random_octets[:8]) >> 4
    symbols = "".join(_CROCKFORD[bits >> shift & 31] for shift in range(55, -1, -5))
    return f"{symbols[:4]}-{symbols[4:8]}-{symbols[8:]}"


def read_token(text: str) -> str | None:
    """A token in its canonical form, read as leniently as Crockford asks: any case, O as 0, I and L as 1."""
    symbols = _short(text).upper().translate(_LENIENT)
    if len(symbols) != 12 or not set(symbols) <= set(_CROCKFORD):
        return None
    return f"{symbols[:4]}-{symbols[4:8]}-{symbols[8:]}"


def write_reference(year: int, number: int) -> str:
    """`2026-0042`. Raises ValueError for what read_reference() would not read."""
    text = f"{year:04d}-{number:04d}"
    if read_reference(text) != text:
        raise ValueError("a reference is a year and a number from 1 to 999999999")
    return text


def next_reference(reference: str, steps: int) -> str:
    """The reference that many numbers later in the same year."""
    year, _, number = reference.partition("-")
    return write_reference(int(year), int(number) + steps)


def read_reference(text: str) -> str | None:
    """A reference in its canonical form: year, hyphen, four digits or more."""
    found = re.fullmatch(r"([0-9]{4})-([0-9]{4,9})", _short(text))
    return f"{found[1]}-{int(found[2]):04d}" if found and int(found[2]) else None


def read_party(text: str) -> str | None:
    """A party code, upper-case: 2-8 ASCII letters and digits, a letter first, no keyword. Aliases are not resolved."""
    code = _short(text)
    code = code.upper() if code.isascii() else ""
    return code if re.fullmatch(r"[A-Z][A-Z0-9]{1,7}", code) and code not in RESERVED else None


def read_duration(text: str) -> timedelta | None:
    """`30m`, `4h` or `2d` (French `2j`): above zero, at most DEADLINE_LONGEST."""
    found = re.fullmatch(r"([0-9]{1,6}) ?(M|MIN|H|D|J)", _short(text).upper())
    if not found:
        return None
    duration = int(found[1]) * _UNITS[found[2]]
    return duration if timedelta() < duration <= DEADLINE_LONGEST else None


def write_duration(duration: timedelta) -> str:
    """The shortest exact form, in the largest unit that divides it: a day is `1d`, 90 minutes are `90m`."""
    unit = next((unit for unit in "DH" if not duration % _UNITS[unit]), "M")
    return f"{duration // _UNITS[unit]}{unit.lower()}"


_UNITS = {
    "M": timedelta(minutes=1),
    "MIN": timedelta(minutes=1),
    "H": timedelta(hours=1),
    "D": timedelta(days=1),
    "J": timedelta(days=1),
}


def _short(text: str) -> str:
    """Tight text, or nothing where it is longer than any number, code or value."""
    return _tight(text) if len(text) <= 200 else ""


def _read_language(text: str) -> str | None:
    return text.lower() if text.lower() in {"en", "fr"} else None


def _read_reason(text: str) -> str | None:
    return "compromised" if _fold(text) in {"COMPROMISED", "COMPROMISE", "COMPROMIS"} else None


def _read_ping(text: str) -> str | None:
    return Word.PING.value if _fold(text) == Word.PING else None


def read_held(text: str) -> str | None:
    """The number of a held mail in its canonical form, `H-12`."""
    found = re.fullmatch(r"[Hh][- ]?([0-9]{1,9})", text)
    return f"H-{int(found[1])}" if found and int(found[1]) else None


def _read_fingerprint(text: str) -> str | None:
    digits = text.replace(" ", "").upper()
    return digits if re.fullmatch(r"[0-9A-F]{40}|[0-9A-F]{64}", digits) else None


def _read_period(text: str) -> str | None:
    """First and last day, both included."""
    found = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.\.([0-9]{4}-[0-9]{2}-[0-9]{2})", text)
    try:
        return text if found and date.fromisoformat(found[1]) <= date.fromisoformat(found[2]) else None
    except ValueError:
        return None


# ---------------------------------------------------------------- the table


class Part(StrEnum):
    """What a tag may hold beside its word and its options."""

    REFERENCE = "reference"
    TOKEN = "token"
    ORIGIN = "origin"
    TARGETS = "targets"
    ARGUMENT = "argument"


class Reach(StrEnum):
    """How many parties a tag may name."""

    NONE = "none"
    ONE = "one"
    SEVERAL = "several"
    ALL = "all"  # several, or ALL


class Option(StrEnum):
    """The options, by the names of the fields of Options that they fill."""

    URGENCY = "urgency"
    DEADLINE = "deadline"
    LANGUAGE = "language"
    BLIND = "blind"
    SHARE = "share"
    REASON = "reason"


@dataclass(frozen=True, slots=True)
class OptionSyntax:
    """How an option is written: a name alone, which means `value`, or `name=` and what `read` understands."""

    option: Option
    names: Bilingual
    example: Bilingual
    value: object = None
    read: Callable[[str], object | None] | None = None

    def meaning(self, value: str | None) -> object | None:
        """What it means; None if it lacks its value, has one too many, or the value cannot be read."""
        if self.read:
            return self.read(value or "")
        return self.value if value is None else None


@dataclass(frozen=True, slots=True)
class Argument:
    """The shape of a kind's argument: `read` gives its canonical form, or None."""

    read: Callable[[str], str | None]
    expected: Bilingual


Form = frozenset[Part]


@dataclass(frozen=True, slots=True)
class Syntax:
    """One row of the table of kinds; parse(), write() and HELP all come from it.

    `forms` lists every set of parts that makes sense together, the likeliest first. Names without accents need no row.
    """

    names: Bilingual
    command: bool
    forms: tuple[Form, ...]
    options: frozenset[Option]
    example: Bilingual
    meaning: Bilingual
    reach: Reach = Reach.NONE
    argument: Argument | None = None

    def allows(self, part: Part) -> bool:
        """Whether some form has that part."""
        return any(part in form for form in self.forms)

    def requires(self, part: Part) -> bool:
        """Whether every form has that part."""
        return all(part in form for form in self.forms)


def _forms(*forms: str) -> tuple[Form, ...]:
    return tuple(frozenset(Part(name) for name in form.split()) for form in forms)


_ALONE = _forms("")
_TARGETS = _forms("targets")
_ARGUMENT = _forms("argument")
_NUMBERED = _forms("reference", "reference targets", "reference origin targets")
_NEW = _forms("targets", "origin targets") + _NUMBERED
# An officer who edits REQUEST into ACK leaves the rest of the tag as it was: all of it must stay readable.
_MAIL = frozenset({Option.URGENCY, Option.DEADLINE, Option.LANGUAGE, Option.BLIND})
_PING = frozenset({Option.URGENCY, Option.DEADLINE, Option.LANGUAGE, Option.SHARE})
_ORDER = frozenset({Option.LANGUAGE})

# fmt: off
_ROUND = Argument(_read_ping, _same("PING"))
_ROUND_OR_NUMBER = Argument(_read_ping, Bilingual("PING or a reference", "PING ou une référence"))
_HELD = Argument(read_held, Bilingual("the number of a held mail: H-12", "le numéro d'un courriel retenu : H-12"))
_PERIOD = Argument(_read_period, Bilingual("a period: 2026-01-01..2026-06-30", "une période : 2026-01-01..2026-06-30"))
_FINGERPRINT = Argument(_read_fingerprint, Bilingual(
    "the full fingerprint, 40 hexadecimal digits", "l'empreinte complète, 40 chiffres hexadécimaux"))

GRAMMAR: Mapping[Word, Syntax] = MappingProxyType({
    Word.REQUEST: Syntax(
        Bilingual("REQUEST", "DEMANDE"), command=False, forms=_NEW, reach=Reach.ALL, options=_MAIL,
        example=Bilingual("[REQUEST DE,IT urgent]", "[DEMANDE DE,IT urgent]"),
        meaning=Bilingual("a request to the parties named; with a number, a mail of that exchange",
                          "une demande aux membres nommés ; avec un numéro, un courriel de cet échange")),
    Word.INFO: Syntax(
        _same("INFO"), command=False, forms=_NEW, reach=Reach.ALL, options=_MAIL,
        example=Bilingual("[INFO ALL]", "[INFO TOUS]"),
        meaning=Bilingual("information for the parties named, or for everybody else",
                          "une information pour les membres nommés, ou pour tous les autres")),
    Word.REPLY: Syntax(
        Bilingual("REPLY", "RÉPONSE"), command=False, forms=_NUMBERED, reach=Reach.ALL, options=_MAIL,
        example=Bilingual("[REPLY#2026-0042]", "[RÉPONSE#2026-0042]"),
        meaning=Bilingual("the answer to a request", "la réponse à une demande")),
    Word.ACK: Syntax(
        Bilingual("ACK", "ACCUSÉ"), command=False, forms=_NUMBERED, reach=Reach.ALL, options=_MAIL,
        example=Bilingual("[ACK#2026-0042]", "[ACCUSÉ#2026-0042]"),
        meaning=Bilingual("received, an answer follows", "bien reçu, la réponse suivra")),
    Word.CLOSE: Syntax(
        Bilingual("CLOSE", "CLÔTURE"), command=False, forms=_NUMBERED, reach=Reach.ALL, options=_MAIL,
        example=Bilingual("[CLOSE#2026-0042]", "[CLÔTURE#2026-0042]"),
        meaning=Bilingual("the party that asked needs nothing more", "le membre qui a demandé n'attend plus rien")),
    Word.CONFIRM: Syntax(
        Bilingual("CONFIRM", "CONFIRMER"), command=False, forms=_forms("token", ""), options=_ORDER,
        example=Bilingual("[CONFIRM#7K3Q-9F2M-XR4T]", "[CONFIRMER#7K3Q-9F2M-XR4T]"),
        meaning=Bilingual("the signed answer to a question of the robot, with its one-time word",
                          "la réponse signée à une question du robot, avec son mot à usage unique")),
    Word.PING: Syntax(
        _same("PING"), command=True, forms=_forms("targets", "token"), reach=Reach.ALL, options=_PING,
        example=Bilingual("[PING FR,DE deadline=2h]", "[PING FR,DE délai=2h]"),
        meaning=Bilingual("starts a ping test; with a token, acknowledges one",
                          "lance un test de joignabilité ; avec un jeton, y répond")),
    Word.HELP: Syntax(
        Bilingual("HELP", "AIDE"), command=True, forms=_ALONE, options=_ORDER,
        example=Bilingual("[HELP]", "[AIDE]"),
        meaning=Bilingual("how to write to the robot", "comment écrire au robot")),
    Word.STATUS: Syntax(
        Bilingual("STATUS", "ÉTAT"), command=True, forms=_forms("", "reference", "argument"), options=_ORDER,
        argument=_ROUND_OR_NUMBER,
        example=Bilingual("[STATUS 2026-0042]", "[ÉTAT 2026-0042]"),
        meaning=Bilingual("how the network stands; STATUS PING: the last ping test; with a number: that exchange",
                          "l'état du réseau ; ÉTAT PING : le dernier test ; avec un numéro : cet échange")),
    Word.DIGEST: Syntax(
        Bilingual("DIGEST", "BILAN"), command=True, forms=_ALONE, options=_ORDER,
        example=Bilingual("[DIGEST]", "[BILAN]"),
        meaning=Bilingual("the daily digest, now", "le bilan quotidien, tout de suite")),
    Word.REPORT: Syntax(
        Bilingual("REPORT", "RAPPORT"), command=True, forms=_ARGUMENT, argument=_PERIOD, options=_ORDER,
        example=Bilingual("[REPORT 2026-01-01..2026-06-30 lang=fr]", "[RAPPORT 2026-01-01..2026-06-30 langue=fr]"),
        meaning=Bilingual("the state of the network over a period", "l'état du réseau sur une période")),
    Word.PARTIES: Syntax(
        Bilingual("PARTIES", "MEMBRES"), command=True, forms=_ALONE, options=_ORDER,
        example=Bilingual("[PARTIES]", "[MEMBRES]"),
        meaning=Bilingual("the parties and their contact points", "les membres et leurs points de contact")),
    Word.KEY: Syntax(
        Bilingual("KEY", "CLÉ"), command=True, forms=_forms("", "targets argument"), reach=Reach.ONE,
        argument=_FINGERPRINT, options=_ORDER | {Option.REASON},
        example=Bilingual("[KEY FR 0123 4567 89AB CDEF 0123 4567 89AB CDEF 0123 4567]",
                          "[CLÉ FR 0123 4567 89AB CDEF 0123 4567 89AB CDEF 0123 4567]"),
        meaning=Bilingual("asks for the robot's certificate, announces yours or, with a fingerprint, confirms one",
                          "demande le certificat du robot, annonce le vôtre ou, avec une empreinte, en confirme un")),
    Word.SUSPEND: Syntax(
        Bilingual("SUSPEND", "SUSPENDRE"), command=True, forms=_TARGETS, reach=Reach.ONE, options=_ORDER,
        example=Bilingual("[SUSPEND FR]", "[SUSPENDRE FR]"),
        meaning=Bilingual("sends a party nothing until RESUME", "n'envoie plus rien à un membre jusqu'à RÉTABLIR")),
    Word.RESUME: Syntax(
        Bilingual("RESUME", "RÉTABLIR"), command=True, forms=_TARGETS, reach=Reach.ONE, options=_ORDER,
        example=Bilingual("[RESUME FR]", "[RÉTABLIR FR]"),
        meaning=Bilingual("ends a suspension", "met fin à une suspension")),
    Word.HELD: Syntax(
        Bilingual("HELD", "RETENUS"), command=True, forms=_ALONE, options=_ORDER,
        example=Bilingual("[HELD]", "[RETENUS]"),
        meaning=Bilingual("the mails held back, with the reason", "les courriels retenus, avec le motif")),
    Word.RELEASE: Syntax(
        Bilingual("RELEASE", "LIBÉRER"), command=True, forms=_ARGUMENT, argument=_HELD, options=_ORDER,
        example=Bilingual("[RELEASE H-12]", "[LIBÉRER H-12]"),
        meaning=Bilingual("judges a held mail again, with today's keys",
                          "juge à nouveau un courriel retenu, avec les clés d'aujourd'hui")),
    Word.DROP: Syntax(
        Bilingual("DROP", "SUPPRIMER"), command=True, forms=_ARGUMENT, argument=_HELD, options=_ORDER,
        example=Bilingual("[DROP H-12]", "[SUPPRIMER H-12]"),
        meaning=Bilingual("gives a held mail up", "abandonne un courriel retenu")),
    Word.RESEND: Syntax(
        Bilingual("RESEND", "RENVOYER"), command=True, forms=_forms("reference targets"), reach=Reach.SEVERAL,
        options=_ORDER,
        example=Bilingual("[RESEND 2026-0042 DE]", "[RENVOYER 2026-0042 DE]"),
        meaning=Bilingual("sends an exchange to a party again", "envoie de nouveau un échange à un membre")),
    Word.SHARE: Syntax(
        Bilingual("SHARE", "PARTAGER"), command=True, forms=_ARGUMENT, argument=_ROUND, options=_ORDER,
        example=Bilingual("[SHARE PING]", "[PARTAGER PING]"),
        meaning=Bilingual("sends the last ping result to all contact points",
                          "envoie le résultat du dernier test à tous les points de contact")),
})

OPTIONS: tuple[OptionSyntax, ...] = (
    OptionSyntax(Option.URGENCY, _same("urgent"), _same("urgent"), value=Urgency.URGENT),
    OptionSyntax(Option.URGENCY, _same("routine"), _same("routine"), value=Urgency.ROUTINE),
    OptionSyntax(Option.DEADLINE, Bilingual("deadline", "délai"), Bilingual("deadline=4h", "délai=4h"),
                 read=read_duration),
    OptionSyntax(Option.LANGUAGE, Bilingual("lang", "langue"), Bilingual("lang=fr", "langue=fr"), read=_read_language),
    OptionSyntax(Option.BLIND, Bilingual("blind", "aveugle"), Bilingual("blind", "aveugle"), value=True),
    OptionSyntax(Option.SHARE, Bilingual("share", "partager"), Bilingual("share", "partager"), value=True),
    OptionSyntax(Option.REASON, Bilingual("reason", "motif"), Bilingual("reason=compromised", "motif=compromis"),
                 read=_read_reason),
)
# fmt: on

_ALL_NAMES = frozenset({ALL, "TOUS"})
_WORDS: Mapping[str, Word] = {_fold(name): word for word, syntax in GRAMMAR.items() for name in syntax.names}
_OPTION_NAMES: Mapping[str, OptionSyntax] = {_fold(name): syntax for syntax in OPTIONS for name in syntax.names}
RESERVED: frozenset[str] = _ALL_NAMES | _WORDS.keys() | _OPTION_NAMES.keys()  # refused as party codes


# ---------------------------------------------------------------- reading one tag


class _Inside(NamedTuple):
    """The inside of a bracket that begins with one of our words, cut into items."""

    word: Word
    number: str | None  # what stands after "#"
    items: list[str]


_INSIDE = re.compile(r"([^ #,>]{1,20})(?:#([^ ]*))?([ ,>].*)?")
_VALUE_UNIT = re.compile(r"(=[0-9]{1,6}) (?=(?:m|min|h|d|j)(?:[ ,]|$))", re.IGNORECASE)


def _take_apart(inside: str) -> _Inside | None:
    """None for a foreign bracket: our word must come first, and no letter, digit, hyphen or colon right after it."""
    found = _INSIDE.fullmatch(_tight(inside))
    word = _WORDS.get(_fold(found[1])) if found else None
    if found is None or word is None:
        return None
    items = _VALUE_UNIT.sub(r"\1", found[3] or "").split()
    number = found[2]
    if number is not None and GRAMMAR[word].allows(Part.TOKEN):
        number, items = _join_token(number, items)
    return _Inside(word, number, items)


def _join_token(number: str, items: list[str]) -> tuple[str, list[str]]:
    """A token may be written with spaces for hyphens."""
    for count in range(3):
        joined = "".join((number, *items[:count]))
        if read_token(joined):
            return joined, items[count:]
    return number, items


def _read(inside: _Inside) -> Parsed:
    """The tag, or what the sender must be told."""
    draft = _Draft(Tag(inside.word))
    if inside.number is not None:
        draft.take_number(inside.number)
    for item in inside.items:
        draft.take_item(item)
    draft.take_argument()
    if not draft.faults:
        draft.check_form()
    return _problem(inside.word, *draft.faults) if draft.faults else Parsed(draft.tag)


def _certain(inside: _Inside) -> Tag | None:
    """Kind and number of a tag without end. A reference at the very end may have lost digits: it is not certain."""
    syntax, number = GRAMMAR[inside.word], inside.number or ""
    followed = bool(inside.items) and inside.items[0][0].isalnum()
    token = read_token(number) if syntax.allows(Part.TOKEN) else None
    reference = read_reference(number) if syntax.allows(Part.REFERENCE) and followed else None
    return Tag(inside.word, reference=reference, token=token) if token or reference else None


@dataclass(slots=True)
class _Draft:
    """A tag while its items are read one after another; `faults` is what the sender must be told."""

    tag: Tag
    unplaced: list[str] = field(default_factory=list)
    faults: list[Bilingual] = field(default_factory=list)

    @property
    def syntax(self) -> Syntax:
        return GRAMMAR[self.tag.word]

    def take_number(self, text: str) -> None:
        """What stands after the `#`."""
        token = read_token(text) if self.syntax.allows(Part.TOKEN) else None
        if token:
            self.tag = replace(self.tag, token=token)
        elif not self.take_reference(text):
            expected = [part for part in (Part.REFERENCE, Part.TOKEN) if self.syntax.allows(part)]
            name = _name(expected[0], self.syntax) if expected else Bilingual("expected here", "attendu ici")
            self.fault("{} is not {}", "{} n'est pas {}", _quote("#" + text), name)

    def take_item(self, item: str) -> None:
        """One item between spaces: options, a reference, the parties, else a piece of the argument."""
        names = [name for name in item.split(",") if name and not self.take_option(name)]
        rest = ",".join(names)
        if rest and not self.take_reference(rest) and not self.take_targets(rest):
            self.unplaced.append(rest)

    def take_option(self, text: str) -> bool:
        name, equals, value = text.partition("=")
        syntax = _OPTION_NAMES.get(_fold(name))
        if not (equals or syntax):
            return False
        if syntax and syntax.option in self.syntax.options:
            self.set_option(syntax, text, syntax.meaning(value if equals else None))
        else:
            self.not_understood(text)
        return True

    def set_option(self, syntax: OptionSyntax, text: str, value: Any) -> None:
        before = getattr(self.tag.options, syntax.option)
        if value is None:
            self.fault("{} cannot be read; write {}", "{} est illisible ; écrivez {}", _quote(text), syntax.example)
        elif before and before != value:
            self.fault("{} contradicts what stands before it", "{} contredit ce qui précède", _quote(text))
        else:
            self.tag = replace(self.tag, options=replace(self.tag.options, **{syntax.option.value: value}))

    def take_reference(self, text: str) -> bool:
        reference = read_reference(text) if self.syntax.allows(Part.REFERENCE) else None
        if reference is None or self.tag.reference not in {None, reference}:
            return False
        self.tag = replace(self.tag, reference=reference)
        return True

    def take_targets(self, text: str) -> bool:
        if self.tag.targets or not self.syntax.allows(Part.TARGETS):
            return False
        origin, mark, names = text.rpartition(">")
        targets = tuple(dict.fromkeys(self.party(name) for name in names.split(",")))
        self.tag = replace(self.tag, origin=self.party(origin) if mark else None, targets=targets)
        self.check_parties()
        return True

    def party(self, name: str) -> str:
        """ALL or the code; anything else as it was written, with the fault noted."""
        code = ALL if _fold(name) in _ALL_NAMES else read_party(name)
        if code is None:
            self.fault("{} is no party code", "{} n'est pas un code de membre", _quote(name or ">"))
        return code or name

    def check_parties(self) -> None:
        if ALL in self.tag.targets and self.syntax.reach is not Reach.ALL:
            self.fault("it is not for ALL: name the party", "il ne vaut pas pour TOUS : nommez le membre")
        elif ALL in self.tag.targets and len(self.tag.targets) > 1:
            # The secretariat is no part of ALL; naming both reads as if it were.
            self.fault("ALL stands alone; write to SEC separately", "TOUS reste seul ; écrivez à SEC séparément")
        elif self.syntax.reach is Reach.ONE and len(self.tag.targets) > 1:
            self.fault("it is for one party at a time", "il vaut pour un seul membre à la fois")
        if self.tag.origin == ALL:
            self.fault("{} is no party code", "{} n'est pas un code de membre", _quote(ALL))

    def take_argument(self) -> None:
        text = " ".join(self.unplaced)
        canonical = self.syntax.argument.read(text) if self.syntax.argument else None
        if canonical:
            self.tag = replace(self.tag, arguments=(canonical,))
        elif text:
            self.not_understood(text)

    def check_form(self) -> None:
        """Only parts that make sense together; measured against the form that comes nearest."""
        tag, syntax = self.tag, self.syntax
        values = (tag.reference, tag.token, tag.origin, tag.targets, tag.arguments)  # in the order of Part
        held = frozenset(part for part, value in zip(Part, values, strict=True) if value)
        nearest = min(syntax.forms, key=lambda form: (len(form ^ held), len(held - form)))
        for part in sorted(nearest - held):
            self.fault("this is missing: {}", "il manque : {}", _name(part, syntax))
        for part in sorted(held - nearest):
            self.fault("this does not belong here: {}", "ceci n'a pas sa place ici : {}", _name(part, syntax))

    def not_understood(self, text: str) -> None:
        expected = _expected(self.syntax)
        self.fault("{} was not understood ({})", "{} n'a pas été compris ({})", _quote(text), expected)

    def fault(self, en: str, fr: str, *fillings: Bilingual) -> None:
        in_english, in_french = (filling.en for filling in fillings), (filling.fr for filling in fillings)
        self.faults.append(Bilingual(en.format(*in_english), fr.format(*in_french)))


# ---------------------------------------------------------------- what a sender is told

_UNCLOSED = Bilingual("its closing bracket “]” is missing", "son crochet fermant « ] » manque")
_TWO_TAGS = Bilingual(
    "the subject holds another tag that says something else; write one tag only",
    "l'objet contient une autre balise qui dit autre chose ; n'en écrivez qu'une",
)
_PART_NAMES: Mapping[Part, Bilingual] = {
    Part.REFERENCE: Bilingual("a reference, such as 2026-0042", "une référence, comme 2026-0042"),
    Part.TOKEN: Bilingual("a token, such as #7K3Q-9F2M-XR4T", "un jeton, comme #7K3Q-9F2M-XR4T"),
    Part.ORIGIN: Bilingual("a party before “>”", "un membre avant « > »"),
    Part.TARGETS: Bilingual("whom it is for, such as DE,IT", "à qui il s'adresse, comme DE,IT"),
}


def _problem(word: Word, *faults: Bilingual) -> Parsed:
    """What was understood, the first faults with what was expected, and an example."""
    syntax, told = GRAMMAR[word], faults[:3]
    en, fr = "; ".join(fault.en for fault in told), " ; ".join(fault.fr for fault in told)
    return Parsed(
        None,
        problem=f"{syntax.names.en} was understood ({syntax.meaning.en}), but {en}. Example: {syntax.example.en}",
        problem_fr=f"{syntax.names.fr} a été compris ({syntax.meaning.fr}), mais {fr}. Exemple : {syntax.example.fr}",
        word=word,
    )


def _quote(text: str) -> Bilingual:
    text = text if len(text) <= 40 else text[:40] + "…"
    return Bilingual(f"“{text}”", f"« {text} »")


def _name(part: Part, syntax: Syntax) -> Bilingual:
    return syntax.argument.expected if syntax.argument and part is Part.ARGUMENT else _PART_NAMES[part]


def _expected(syntax: Syntax) -> Bilingual:
    """What may stand after the word: the argument, parties, options."""
    options = [option.example for option in OPTIONS if option.option in syntax.options]
    argument = [syntax.argument.expected] if syntax.argument else []
    commas = [Bilingual("parties with commas", "des membres séparés par des virgules")]
    parts = argument + (commas if syntax.reach in {Reach.SEVERAL, Reach.ALL} else []) + options
    return Bilingual(
        "expected: " + ", ".join(part.en for part in parts), "attendu : " + ", ".join(part.fr for part in parts)
    )


# ---------------------------------------------------------------- finding tags


class _Found(NamedTuple):
    """A bracket that begins with one of our words."""

    inside: _Inside
    parsed: Parsed
    closed: bool
    end: int

    @property
    def label(self) -> bool:
        """A word alone that makes no tag: as likely a list's label, such as [Info]. It decides nothing."""
        return self.parsed.tag is None and self.inside.number is None and not self.inside.items


_BRACKET = re.compile(rf"[\[［]([^\[\]［］]{{0,{TAG_LONGEST}}})([\]］]?)")


def _find(text: str) -> Iterator[_Found]:
    for bracket in _BRACKET.finditer(text):
        inside = _take_apart(bracket[1])
        if inside:
            closed = bool(bracket[2])
            yield _Found(inside, _read(inside) if closed else _problem(inside.word, _UNCLOSED), closed, bracket.end())


@lru_cache(maxsize=16)  # one mail's subjects are read five times on its way
def parse(subject: str) -> Parsed:
    """Find our tag anywhere in a decoded subject, whatever prefixes and foreign brackets stand round it.

    A tag that cannot be read is a problem, unless a good one stands before it, or it is a word alone and a good one
    stands after it. Of two good tags the first decides if they mean the same, else that is a problem.
    """
    text = _clean(subject[:SUBJECT_LOOKED_AT])
    unread: list[_Found] = []
    brackets = _find(text)
    for found in brackets:
        if found.parsed.tag:
            return _settle(text, found, found.parsed.tag, unread, brackets)
        unread.append(found)
    return _explain(text, unread[0]) if unread else Parsed(None, text)


def _settle(text: str, first: _Found, tag: Tag, unread: list[_Found], later: Iterator[_Found]) -> Parsed:
    """The first good tag, if nothing before it or after it makes it doubtful."""
    doubtful = next((found for found in unread if not found.label), None)
    if doubtful:
        return replace(doubtful.parsed, rest=text)
    if any(other.parsed.tag and not _echoes(tag, other.parsed.tag) for other in later):
        return replace(_problem(tag.word, _TWO_TAGS), rest=text)
    return Parsed(tag, text[first.end :].strip())


def _echoes(first: Tag, later: Tag) -> bool:
    """Whether a later tag means the same: it is equal, or what Reply left standing of the same exchange.

    `[ACK#2026-0042] Re: [REQUEST#2026-0042 FR>DE]` is how an officer acknowledges by hand.
    """
    if first == later:
        return True
    same_exchange = first.reference is not None and first.reference == later.reference
    return same_exchange and not first.is_command and later.word in {first.word, Word.REQUEST, Word.INFO}


def _explain(text: str, found: _Found) -> Parsed:
    cut = None if found.closed else _certain(found.inside)
    return Parsed(None, text, cut=cut) if cut else replace(found.parsed, rest=text)


_LEADING = re.compile(
    rf"[\s\u200b-\u200f\u2060\ufeff]*[\[［]([^\[\]［］]{{1,{TAG_LONGEST}}})[\]］][^\S\r\n]*(?:\r\n|\r|\n|\Z)"
)
_NEW_PARAGRAPH = re.compile(r"(?>\r\n|\r|\n)[^\S\r\n]*[\r\n>]")  # a blank or a quoted line


def leading_tags(body: str) -> tuple[tuple[Parsed, ...], str]:
    """The lines at the head of a signed body that hold just a tag each, and the body after them.

    A tag too long for its line may go on in the next. Quoted lines, foreign brackets and text end the search; a tag
    that cannot be read is a problem. At most LEADING_MOST are read. Without any, the body comes back as it was.
    """
    found: list[Parsed] = []
    end = 0
    while len(found) < LEADING_MOST and (line := _LEADING.match(body, end)):
        inside = None if _NEW_PARAGRAPH.search(line[1]) else _take_apart(line[1])
        if inside is None:
            break
        found.append(_read(inside))
        end = line.end()
    return tuple(found), re.sub(r"\A(?:[^\S\r\n]*[\r\n])+", "", body[end:]) if found else body


# ---------------------------------------------------------------- writing


def write(tag: Tag) -> str:
    """The canonical English form, `[REQUEST#2026-0042 FR>DE,IT urgent]`; parse() gives the same tag back.

    Raises ValueError for a tag that the table of kinds does not allow, so that nothing else can get into a subject.
    """
    head = f"{tag.word}#{tag.number}" if tag.number else tag.word
    targets = (f"{tag.origin}>" if tag.origin else "") + ",".join(tag.targets)
    text = f"[{' '.join(filter(None, (head, targets, *tag.arguments, *_written(tag.options))))}]"
    if parse(text) != Parsed(tag):
        raise ValueError(f"no {tag.word} tag can hold this")
    return text


def write_command(word: Word, argument: str, language: str) -> str:
    """`[RELEASE H-12]`, or `[LIBÉRER H-12]`, for a letter in that language to propose; parse() gives the same tag."""
    names, english = GRAMMAR[word].names, write(Tag(word, arguments=(argument,)))
    return english.replace(word, names.fr, 1) if language == "fr" else english


def _written(options: Options) -> tuple[str, ...]:
    return (
        options.urgency or "",
        f"deadline={write_duration(options.deadline)}" if options.deadline else "",
        f"lang={options.language}" if options.language else "",
        "blind" if options.blind else "",
        "share" if options.share else "",
        f"reason={options.reason}" if options.reason else "",
    )


# ---------------------------------------------------------------- decoding a raw header value

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_ENCODED_WORD = re.compile(
    r"=\?([A-Za-z0-9._:+-]{1,40})(?:\*[A-Za-z0-9-]{0,20})?"  # the language suffix: RFC 2231 §5
    r"\?([BbQq])\?((?:(?!\?=|=\?(?!=)).)*)\?=",  # stops at the next word's beginning, which keeps the search linear
    re.DOTALL,
)
# Codecs that hang or warn on hostile octets, or are no charset.
_NO_CHARSETS = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape"})
# What is commonly sent under the name of a smaller charset.
_LARGER = {"ascii": "utf-8", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030"}


def decode_subject(raw: bytes | str, read: Callable[[bytes, str], str] | None = None) -> str:
    """A raw header value as text: unfolded, RFC 2047 decoded, control characters and direction marks taken out.

    Adjacent encoded words of one charset are joined as octets first, so that a character split between two comes out
    whole. A charset that is unknown or a lie is replaced by UTF-8, else Windows-1252, unless `read` is given, which
    makes text of octets and the name of a charset. Spaces of any kind become spaces.
    """
    octets = raw if isinstance(raw, bytes) else _octets(raw[:RAW_LOOKED_AT])
    text = _FOLD.sub("", _in_charset(octets[:RAW_LOOKED_AT], charset=""))
    return _clean(_decode_words(text, read or _in_charset))


def _octets(text: str) -> bytes:
    """What Python's email parser made of 8-bit octets, undone."""
    return re.sub("[\ud800-\udc7f\udd00-\udfff]", "\ufffd", text).encode("utf-8", "surrogateescape")


def _decode_words(text: str, read: Callable[[bytes, str], str]) -> str:
    decoded: list[str] = []
    charset, octets, end = "", bytearray(), 0
    for word in _ENCODED_WORD.finditer(text):
        gap = text[end : word.start()]
        adjacent = end > 0 and not gap.strip()  # RFC 2047 §6.2: the space between two encoded words is no text
        if not adjacent or word[1].lower() != charset:
            decoded += read(bytes(octets), charset), "" if adjacent else gap
            charset, octets = word[1].lower(), bytearray()
        octets += _word_octets(word[2], word[3])
        end = word.end()
    return "".join((*decoded, read(bytes(octets), charset), text[end:]))


def _word_octets(encoding: str, text: str) -> bytes:
    if encoding in "Qq":
        return binascii.a2b_qp(text.encode(), header=True)
    symbols = re.sub(r"[^A-Za-z0-9+/]", "", text)
    symbols = symbols[: len(symbols) - (len(symbols) % 4 == 1)]
    return binascii.a2b_base64(symbols + "=" * (-len(symbols) % 4))


def _in_charset(octets: bytes, charset: str) -> str:
    known = _codec(charset)
    for codec in (known or "utf-8", "utf-8"):
        try:
            return octets.decode(codec)
        except UnicodeDecodeError as fault:
            sure = known == "utf-8" or not octets[: fault.start].isascii()
            if codec == "utf-8" and sure and fault.reason == "unexpected end of data":  # cut in its last character
                return octets.decode(codec, "replace")
        except (LookupError, ValueError):  # no text encoding (zlib, hex), or a codec with errors of its own
            continue
    return octets.decode("cp1252", "replace")


def _codec(charset: str) -> str | None:
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        return None
    return None if name in _NO_CHARSETS else _LARGER.get(name, name)
