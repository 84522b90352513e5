"""Read receipts in no standard form: what old Outlook, Exchange and Notes wrote into a plain text, and nothing else.

What is looked for is the form of the whole text, not a word in it: the few lines that name a mail, and one sentence.
"""

import re

LONGEST = 2_000  # characters of such a text
_FEWEST, _MOST = 2, 5  # lines that name a mail
_READ = re.compile(
    r"\bread\b|\bopened\b|\bdisplayed\b|deleted|gelesen|gelöscht|\blue?\b|supprimé|leíd[oa]|lid[oa]\b|elimina[dt][oa]"
    r"|letto|gelezen|verwijderd|läst|lästes|borttag|læst|lest\b|slettet|luettu|poistettu|przeczytan|odczytan|usunięt"
    r"|přečten|odstraněn|elolvas|törölt|citit|șters|διαβάστηκε|αναγνώσ|прочитан|удален",
    re.IGNORECASE,
)
_NOTES = (
    ("your document", "was received by", "at"),
    ("ihr dokument", "wurde empfangen von", "um"),
    ("votre document", "a été reçu par", "à"),
)


def is_receipt(text: str, subject: str) -> bool:
    """Whether a text with LF line ends is one of these from its first to its last line."""
    if len(text) > LONGEST:
        return False
    lines = [" ".join(line.split()) for line in text.split("\n") if line.strip()]
    return _is_outlooks(lines, subject) or _is_notes(lines)


def _is_outlooks(lines: list[str], subject: str) -> bool:
    """`Your message`, To, Subject and Sent, `was read on …`; and a word in front of that subject is the mail's own."""
    if not _FEWEST + 2 <= len(lines) <= _MOST + 2:
        return False
    first, *named, last = lines
    about = " ".join(subject.partition(":")[2].split())
    is_about = bool(about) and any(line.partition(":")[2].strip() == about for line in named)
    told = bool(_READ.search(last)) and any(c.isdigit() for c in last)
    return ":" not in first and all(":" in line for line in named) and is_about and told


def _is_notes(lines: list[str]) -> bool:
    """`Your document:`, `was received by:` and `at:`, each with what it says on the same line or the next."""
    labels = tuple(label for line in lines if (label := line.partition(":")[0].strip().lower()) in _LABELS)
    return labels in _NOTES and len(lines) <= 2 * len(labels)


_LABELS = frozenset(label for labels in _NOTES for label in labels)
