"""The letters of the robot: which there are, which words each is given, and how they become text.

Every letter is a folder in `templates/` with one file for each language. Words that the core gives (extra ones do no harm,
a missing one is an error). Times are aware UTC datetimes, durations timedeltas, all strings plain text.

party    {"code": "DE", "name": "Germany"}: the name as Party.name(letter.language) has it; "" for an unknown party
part     {"code", "name", "state", "until"}: what became of one recipient; state is "passed on" or a records.Cause
         ("own party", "unknown party", "suspended", "no certificate"); until (time or None): how long it waits for the cause to be
         mended; None: it does not wait. An unknown party's code is as typed.
anchor   {"number": 1234, "hash": "9f86d0…"}: row number and head hash of the journal (trust.md 19)

word                type            meaning
reference           str             "2026-0042"
kind                str             what the exchange is: "request" or "information"
asker               party           who opened the exchange
author              party           who wrote this reply or acknowledgement
targets             list of str     codes as the author's tag has them: ["DE", "IT"], or ["ALL"]
urgency             str             "urgent" or "routine"
deadline            datetime        by when an answer is due
signed_at           datetime        when the author signed
received_at         datetime        when the robot got the mail
reply_code          str             of the exchange (trust.md 2)
took                timedelta       from passing on to this reply
closed              bool            the exchange was closed before
blind               bool            the author asked for it: signature and tag are left out
parts               list of part    recipient by recipient
anchor              anchor          (see above)
mismatch            bool            the outer subject said something else than the signed tag; the signed one counted

The writer itself adds `robot` {"name", "address", "control_address", "fingerprint"} to every letter, and `proof` (str) to those that
pass an author's words on: "signature" (his own travels along), "message" (attached as an OpenPGP message), "hub" (left out).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import BaseLoader, FileSystemLoader, StrictUndefined, meta, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailbot.mail.wording import clean_words, filters, wrap

_COVER = {"reference", "asker", "targets", "signed_at", "received_at", "reply_code"}
_RECEIPT = {"reference", "received_at", "parts", "anchor", "mismatch"}

LETTERS: Mapping[str, frozenset[str]] = {
    # What an author wrote is passed on with one of these as its cover note.
    "request": frozenset(_COVER | {"urgency", "deadline"}),
    "information": frozenset(_COVER | {"urgency"}),
    "reply": frozenset(_COVER | {"kind", "author", "took", "closed"}),
    "acknowledgement": frozenset(_COVER | {"kind", "author", "deadline", "closed"}),
    "closing": frozenset(_COVER | {"kind"}),
    # To the author, once it is done. `parts` of a reply or acknowledgement: the asker alone; of a closing: all that are told.
    "receipt": frozenset(_RECEIPT | {"kind", "targets", "urgency", "deadline", "blind"}),
    "receipt-reply": frozenset(_RECEIPT | {"kind", "asker", "took", "closed"}),
    "receipt-acknowledgement": frozenset(_RECEIPT | {"kind", "asker", "deadline", "closed"}),
    "receipt-closing": frozenset(_RECEIPT | {"kind"}),
    # The one answer to everything that failed before a verified signature (trust.md 14); quotes nothing.
    "notice": frozenset({"received_at"}),
    # Nobody signed the tag (trust.md 1). line: str, the tag as tags.write gives it, "[REQUEST IT,XX urgent]"; kind: str, one of
    # "request", "information", "reply", "acknowledgement", "closing"; parties: list of party (name "" if unknown), of a new request or
    # information; reference: str | None, of the others; urgency: str | None; word: str, one-time; until: datetime.
    "question": frozenset({"line", "kind", "parties", "reference", "urgency", "word", "until", "received_at"}),
    # The only letter that may go unsealed: holds nothing (trust.md 18). party: party, the reader's own.
    "waiting": frozenset({"party"}),
    # reason: str, "not yours" (no such exchange, or not the sender's: one wording, trust.md 10), "only the asker", "own exchange",
    # "deadline" (shortest, longest: timedelta), "nothing deliverable" (parts). The others' words are None or [].
    # line: str, the tag that was understood. reference: str | None.
    "refused": frozenset({"reason", "line", "reference", "received_at", "parts", "shortest", "longest"}),
    # This very mail was acted on before (trust.md 5).
    "replayed": frozenset({"received_at", "signed_at"}),
    # left: timedelta until the deadline, negative once it has passed; passed_on_at: datetime; acknowledged: bool;
    # backup: bool, the reader is a backup address.
    "reminder": frozenset(
        {"reference", "asker", "urgency", "deadline", "left", "passed_on_at", "reply_code", "acknowledged", "backup"}
    ),
    # A part waited too long; to the asker. part: part, its state the cause; since: datetime, when it began to wait.
    "expired": frozenset({"reference", "kind", "part", "since"}),
}

LANGUAGES = ("en", "fr")  # a reader of any other language gets the first
WRITER_WORDS = frozenset({"robot", "proof"})
# The only letters that may go unsealed to a mailbox without certificate: they hold nothing (trust.md 18).
PLAIN_ALLOWED = frozenset({"waiting"})


@dataclass(frozen=True, slots=True)
class Rendered:
    """A letter in one language; lines end in LF."""

    subject: str
    text: str
    html: str | None = None
    label: str = ""  # of the author's part, beside which the letter stands


class BrokenTemplate(Exception):
    """A letter cannot be made from its template. Says which, and what kind of error; never the words given."""


def find_templates() -> Path:
    """The letters that came with the program: among the wheel's resources, else at the top of the checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / "_resources" / "templates", package.parent / "templates"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError("the folder of the letters, templates, is missing: install mailbot again")


class Templates:
    """All letters, file by file from the operator's folder if they are there, else as packaged; each compiled once."""

    def __init__(self, override: Path | None = None) -> None:
        self.override = override
        loader = FileSystemLoader([folder for folder in (override, find_templates()) if folder])
        self._names = frozenset(loader.list_templates())
        self._loader = loader
        self._environments = {language: _environment(loader, language) for language in LANGUAGES}

    def render(self, letter: str, language: str, words: Mapping[str, object]) -> Rendered:
        """The letter with these words, every string in them cleaned. Raises BrokenTemplate."""
        try:
            return self.try_out(letter, language if language in LANGUAGES else LANGUAGES[0], words)
        except Exception as error:  # noqa: BLE001  # an operator's template may do anything wrong, and its error may quote the words
            raise BrokenTemplate(f"{letter}/{language}: {type(error).__name__}") from None

    def try_out(self, letter: str, language: str, words: Mapping[str, object]) -> Rendered:
        """The same, with whatever exception the template makes: for words that are no secret."""
        environment, given = self._environments[language], clean_words(words)
        head, body = _split(environment.get_template(f"{letter}/{language}.txt").render(given))
        html = f"{letter}/{language}.html"
        return Rendered(
            subject=head["Subject"],
            text=wrap(body),
            html=environment.get_template(html).render(given) if self.has(html) else None,
            label=head.get("Label", ""),
        )

    def has(self, name: str) -> bool:
        """Whether there was such a file, here or there, when the letters were looked for."""
        return name in self._names

    def words_used(self, name: str) -> frozenset[str]:
        """The words that a file asks for. Raises TemplateError if it cannot be read."""
        environment = self._environments[LANGUAGES[0]]
        source, _, _ = self._loader.get_source(environment, name)
        return frozenset(meta.find_undeclared_variables(environment.parse(source)))


def _environment(loader: BaseLoader, language: str) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html",), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(filters(language))
    return environment


def _split(rendered: str) -> tuple[dict[str, str], str]:
    """The lines `Name: value` before the first blank one, and the text. Raises ValueError for any other beginning."""
    head, _, body = rendered.partition("\n\n")
    return dict(line.split(": ", 1) for line in head.split("\n")), body
