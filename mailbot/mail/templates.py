"""The letters of the robot: which there are, which words each is given, and how they become text.

A letter is a folder in `templates/` with a file for each language: `Subject: …` (and `Label: …`, the name of the
author's part), a blank line, the text. The core gives the words that LETTERS declares: one missing is an error, others
do no harm. Times are aware UTC datetimes, durations timedeltas; strings are plain text and are cleaned here.

party         {"code": "DE", "name": "Germany"}, the name in the letter's language, "" if there is no such party
part          {"code", "name", "state", "until"}: what became of one recipient. `state` is "passed on" or a
              records.Cause; until (datetime or None): how long it waits for the cause to be mended; None: it does not

reference     str            "2026-0042"
kind          str            what the exchange is, "request" or "information"; of `question`, `delayed` and
                             `undelivered` also "reply", "acknowledgement", "closing"
asker         party          who opened the exchange
author        party          who wrote this reply or acknowledgement
targets       list of str    codes as the author's tag has them, ["DE", "IT"] or ["ALL"]
parties       list of party  whom the questionable tag of a new exchange names; [] means ALL
urgency       str            "urgent" or "routine"; of `question` None where the tag does not say
deadline      datetime       by when an answer is due
left          timedelta      until then; negative once it has passed
signed_at     datetime       when the author signed
received_at   datetime       when the robot got his mail
passed_on_at  datetime       when the request went to the reader
since         datetime       when a part began to wait, or when a mail was written
until         datetime       how long a question is open
took          timedelta      from passing on to this reply
shortest      timedelta      the limits of a deadline; longest: likewise
reply_code    str            of the exchange (trust.md 2)
word          str            the question's one-time word (trust.md 1)
line          str            the tag that was understood, as tags.write() gives it; of `refused` also None
problem       str or None    why the tag could not be read, in the letter's language
reason        str            why nothing was done, one of REFUSALS
parts         list of part   recipient by recipient: the asker, of a reply or acknowledgement; of a closing all told
part          part           the one that waited in vain; its state is the cause
party         party          the reader's own; of `delayed` and `undelivered` the one that has not got the mail
why           str            a status code in our words, a postings.Hindrance
backups       str            what became of calling its backups, a deliveries.Backups
anchor        {"number": int, "hash": str}: row and head hash of the journal (trust.md 19)
at            datetime       of what a list shows
asked         list           exchanges of the reader's: {"reference", "kind", "urgent", "since", "deadline", "parts"},
                             each part a party with "state" (a records.PartStage) and "changed", since when
expected      list           exchanges that he got: the same with "asker", "state" and "changed", without parts
more          int            how many are left out
within        timedelta      how soon a receipt comes
rsa_bits      int            of the shortest RSA key that is taken
hashes        list of str    that a signature may use, ["SHA-256", "SHA-512"]
mismatch      bool           something unsigned said otherwise than the signed tag, which counted
closed        bool           the exchange was closed before
blind         bool           the author asked for it: his signature and tag were left out
acknowledged  bool           the reader said that he has it
backup        bool           the reader is a backup of the desk

The digest has words of its own, made in core/digest.py: lists of mappings, the parties in them as above. needs: "what"
(core/needs.py), "count", "parties", "at"; exchanges, ping, reach, held, failures, keys, health: what their names say;
more_exchanges, more_held, more_failures, more_keys: how many are not listed. So has the report, in core/report.py:
first and last are dates, presence is how much of the time the robot was there.

An answer has sections, a list of {"template", "line", "words"}: each is one of the letters answer-…, made with its own
words, and comes to the template as {"line", "subject", "text"}; line: the command as tags.write() gives it, or None.
The words of these letters are made in core/commands/: names that stand above mean the same there.

Of ping tests: token and challenge (None in a plain copy) of a probe; zone, the IANA name of the desk's time zone;
added, what the secretariat says in its own words, or ""; unconfirmed: something came that proves nothing. The words of
`ping-result` are made in core/rounds/result.py.

The writer adds `robot`, {"name", "address", "control_address", "fingerprint"}, and `proof`, how an author's signature
can be checked without the robot: "signature" (it travels along), "message" (attached), "hub" (it is left out); and
`pictures`, for a page: name -> {"source": where it finds the picture, "" if it could not be drawn, "alt": its words}.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, FileSystemLoader, StrictUndefined, meta, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailbot.mail.wording import clean_words, filters, spaced, wrap

_COVER = frozenset({"reference", "asker", "targets", "signed_at", "received_at", "reply_code"})
_RECEIPT = frozenset({"reference", "kind", "received_at", "parts", "anchor", "mismatch"})
_QUESTION = frozenset({"line", "kind", "parties", "reference", "urgency", "word", "until", "received_at"})
_REFUSED = frozenset({"reason", "line", "problem", "reference", "received_at", "parts", "shortest", "longest"})
_REMINDER = frozenset({"reference", "asker", "urgency", "deadline", "left", "passed_on_at", "reply_code"})
_PROBE = frozenset({"deadline", "zone", "challenge", "token", "urgent", "anchor"})
_THANKS = frozenset("counted late backup challenge_quoted encrypted took deadline received_at anchor".split())
_RESULT = frozenset(
    "label at started_at deadline running asked reached percent within median slowest counts rows change silent shared"
    " own anchor".split()
)
_DIGEST = frozenset(
    "at needs exchanges more_exchanges ping reach held more_held failures more_failures keys more_keys health"
    " anchor".split()
)

_REPORT = frozenset("at first last parties pings exchanges answers presence anchor".split())

LETTERS: Mapping[str, frozenset[str]] = {
    # Cover notes: an author's words are passed on with one of these.
    "request": _COVER | {"urgency", "deadline"},
    "information": _COVER | {"urgency"},
    "reply": _COVER | {"kind", "author", "took", "closed"},
    "acknowledgement": _COVER | {"kind", "author", "deadline", "closed"},
    "closing": _COVER | {"kind"},
    # To the author, once it is done.
    "receipt": _RECEIPT | {"targets", "urgency", "deadline", "blind"},
    "receipt-reply": _RECEIPT | {"asker", "took", "closed"},
    "receipt-acknowledgement": _RECEIPT | {"asker", "deadline", "closed"},
    "receipt-closing": _RECEIPT,
    # To the author, because it was not done.
    # The one answer to all that failed before a verified signature (trust.md 14).
    "notice": frozenset({"received_at", "rsa_bits", "hashes"}),
    "question": _QUESTION,  # nobody signed the tag (trust.md 1)
    "refused": _REFUSED,
    "replayed": frozenset({"received_at", "signed_at"}),  # this very mail was acted on before (trust.md 5)
    # Because time passed.
    "waiting": frozenset({"party"}),
    "reminder": _REMINDER | {"acknowledged", "backup"},
    "expired": frozenset({"reference", "kind", "part", "since"}),
    "overview": frozenset({"at", "asked", "expected", "more", "within", "anchor"}),  # once a day (trust.md 17)
    # Ping tests: to the desks and their backups, to who answered, to the secretariat.
    "probe": _PROBE | {"added"},
    "probe-reminder": _PROBE | {"left", "asked_at", "unconfirmed"},
    "probe-backup": _PROBE | {"left", "asked_at"},
    "probe-receipt": _THANKS,
    "ping-result": _RESULT,
    # To the secretariat and the operators.
    "digest": _DIGEST,
    "report": _REPORT,
    "alarm": frozenset({"begun", "ended", "anchor"}),
    # About certificates.
    "key-notice": frozenset({"what", "party", "own", "fingerprints", "until", "compromised"}),  # what: one of NOTICES
    "key-challenge": frozenset({"party", "fingerprint", "word", "until"}),
    "key-to-confirm": frozenset({"party", "fingerprint", "current", "compromised", "announced_at", "line"}),
    "expiring": frozenset({"party", "fingerprint", "user_id", "ends", "days"}),  # party: None of an operator's
    "robot-key": frozenset({"what", "fingerprint", "line"}),  # what: "confirm" or "told"
    "answer-key": frozenset({"what", "party", "fingerprint", "until"}),  # what: one of KEY_ANSWERS
    # To those who gave commands: `answer`, with one of the others in it for each command.
    "answer": frozenset({"sections", "received_at", "anchor"}),
    "answer-help": frozenset({"mail", "commands", "options", "within", "urgent", "routine"}),
    "answer-status": frozenset("at needs ping keys more_keys health open unanswered overdue held asked".split()),
    "answer-ping": frozenset("result label deadline asked left_out unknown running shortest longest mails".split()),
    "answer-exchange": frozenset("reference kind asker urgency opened_at deadline overdue closed_at parts".split()),
    "answer-parties": frozenset({"parties", "number"}),
    "answer-held": frozenset({"mails", "more"}),
    "answer-released": frozenset({"label", "result", "reason", "event", "reference", "drop"}),
    "answer-resent": frozenset({"reference", "parts", "sent"}),
    "answer-done": frozenset({"what", "party", "name", "count"}),
    "answer-not-done": frozenset({"reason", "line", "problem", "example", "what", "at"}),
    "closed": frozenset({"reference", "kind", "asker", "own", "reply_code"}),  # by an operator, for its asker
    # Because a mail of the reader's own does not get there.
    "delayed": frozenset({"reference", "kind", "party", "since"}),
    "undelivered": frozenset({"reference", "kind", "party", "since", "why", "backups"}),
}

REFUSALS = frozenset(
    {
        "not yours",  # no such exchange, or not the sender's: one wording for both (trust.md 10)
        "only the asker",
        "own exchange",
        "deadline",
        "nothing deliverable",
        "bad tag",
        "signature age",
        "relay",
        "not available",
        "no reader",
        "too late",
        "not confirmed",
        "suspended",
        "over quota",
        "no text",
        "not your ping",  # an unknown token, or another party's: one wording for both
    }
)

# Why a command was not obeyed.
OBJECTIONS = frozenset(
    {
        "not understood",
        "no command",
        "not signed",
        "not allowed",
        "not yours",  # no such exchange, or not the sender's: one wording for both (trust.md 10)
        "outdated",  # something that was signed later was acted on before (trust.md 17)
        "too many",
        "not available",
        "unknown party",
        "secretariat",
        "suspended already",
        "suspended in the configuration",
        "not suspended",
        "unknown held",
        "released",
        "dropped",
        "not kept",
        "original not kept",
        "failed again",
        "too much",
        "a command",
        "closed",
        "operator's key",
        "one key",
        "bad key",
        "unusable key",
        "key taken",
        "announced already",
        "another key",
        "in use already",
        "not announced",
        "not proved",
        "frozen",
    }
)

# What a party hears about its certificates.
NOTICES = ("announced", "frozen", "confirmed", "in use", "updated", "revoked")
KEY_ANSWERS = ("robot", "announced", "frozen", "updated", "confirmed", "robot confirmed")

LANGUAGES = ("en", "fr")  # a reader of any other language gets the first
WRITER_WORDS = frozenset({"robot", "proof", "pictures"})
# The only letters that may go unsealed to a mailbox without certificate: they hold nothing (trust.md 18). A plain copy
# of a probe has no challenge, and goes only to a party that never had a certificate.
PLAIN_ALLOWED = frozenset({"waiting", "probe", "probe-reminder", "probe-backup"})


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
        loader = FileSystemLoader([folder for folder in (override, find_templates()) if folder])
        self._names = frozenset(loader.list_templates())
        self._loader = loader
        self._environments = {language: _environment(loader, language) for language in LANGUAGES}

    def render(self, letter: str, language: str, words: Mapping[str, object]) -> Rendered:
        """The letter with these words, every string in them cleaned. Raises BrokenTemplate."""
        try:
            return self.try_out(letter, language if language in LANGUAGES else LANGUAGES[0], words)
        except Exception as error:  # noqa: BLE001 - whatever it is, it may quote the words
            raise BrokenTemplate(f"{letter}/{language}: {type(error).__name__}") from None

    def try_out(self, letter: str, language: str, words: Mapping[str, object]) -> Rendered:
        """The same, with whatever exception the template makes: for words that are no secret."""
        environment, given = self._environments[language], clean_words(words)
        sections = words.get("sections")
        if isinstance(sections, list):
            given["sections"] = [self._section(section, language, given) for section in sections]
        head, body = _split(environment.get_template(f"{letter}/{language}.txt").render(given))
        html = f"{letter}/{language}.html"
        return Rendered(
            subject=head["Subject"],
            text=wrap(body),
            html=spaced(environment.get_template(html).render(given), language) if self.has(html) else None,
            label=head.get("Label", ""),
        )

    def _section(self, section: Mapping[str, Any], language: str, frame: Mapping[str, object]) -> dict[str, object]:
        """A letter within a letter: `template` with its `words`, to which the frame's own are added."""
        given = {name: word for name, word in frame.items() if name in WRITER_WORDS} | clean_words(section["words"])
        name = f"{section['template']}/{language}.txt"
        head, body = _split(self._environments[language].get_template(name).render(given))
        return {"line": section["line"], "subject": head["Subject"], "text": body.strip("\n")}

    def has(self, name: str) -> bool:
        """Whether there was such a file, here or there, when the letters were looked for."""
        return name in self._names

    def parts(self) -> frozenset[str]:
        """The files that letters are put together from: what several of them say, the frame of pages."""
        return frozenset(name for name in self._names if name.partition("/")[0] not in LETTERS)

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
