"""The table of a round as a file (RFC 4180), in the reader's language and as his spreadsheet reads it."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from mailbot.core.decision import Network
from mailbot.core.letters import party_words
from mailbot.core.records import Assurance
from mailbot.core.rounds.figures import local_time
from mailbot.core.rounds.records import Copy, Probe, Round, Standing
from mailbot.core.tags import Bilingual

COLUMNS: Mapping[str, Bilingual] = {
    "round": Bilingual("round", "test"),
    "party": Bilingual("party", "membre"),
    "name": Bilingual("name", "nom"),
    "state": Bilingual("state", "état"),
    "asked_at": Bilingual("asked at (UTC)", "demandé à (UTC)"),
    "asked_there": Bilingual("asked at (local time)", "demandé à (heure locale)"),
    "deadline": Bilingual("deadline (UTC)", "délai (UTC)"),
    "answered_at": Bilingual("answered at (UTC)", "répondu à (UTC)"),
    "minutes": Bilingual("minutes taken", "durée en minutes"),
    "assurance": Bilingual("assurance", "certitude"),
    "encrypted": Bilingual("answer encrypted", "réponse chiffrée"),
    "challenge": Bilingual("ping word quoted", "mot du test cité"),
    "by": Bilingual("answered by", "répondu par"),
    "address": Bilingual("address", "adresse"),
    "automatic": Bilingual("automatic reply", "réponse automatique"),
    "returns_on": Bilingual("back on", "de retour le"),
    "opened": Bilingual("read receipt", "accusé de lecture"),
    "failure": Bilingual("delivery failure", "échec de remise"),
}
STATES: Mapping[Standing, Bilingual] = {
    Standing.REACHED: Bilingual("reached", "joint"),
    Standing.LATE: Bilingual("late", "en retard"),
    Standing.UNCONFIRMED: Bilingual("unconfirmed", "non confirmé"),
    Standing.SILENT: Bilingual("no answer", "sans réponse"),
    Standing.UNDELIVERABLE: Bilingual("undeliverable", "non remis"),
    Standing.NO_CERTIFICATE: Bilingual("no valid key", "pas de clé valable"),
    Standing.MISSED: Bilingual("not asked: the robot was not at work", "pas demandé : le robot était arrêté"),
    Standing.SUSPENDED: Bilingual("left out: suspended", "laissé de côté : suspendu"),
    Standing.PLANNED: Bilingual("not asked yet", "pas encore demandé"),
}
_ASSURANCES: Mapping[Assurance, Bilingual] = {
    Assurance.SIGNED: Bilingual("signed", "signé"),
    Assurance.ADDRESS: Bilingual("registered address", "adresse enregistrée"),
    Assurance.TOKEN: Bilingual("token alone", "jeton seul"),
    Assurance.NONE: Bilingual("none", "aucune"),
}
_COPIES: Mapping[Copy, Bilingual] = {
    Copy.DESK: Bilingual("desk", "permanence"),
    Copy.BACKUP: Bilingual("backup", "suppléant"),
}
_YES, _NO = Bilingual("yes", "oui"), Bilingual("no", "non")
_BOM = b"\xef\xbb\xbf"  # without it Excel takes UTF-8 for something else


def table_of(round_: Round, network: Network, language: str) -> bytes:
    """One line for each party."""
    written = io.StringIO()
    # Excel separates columns by what separates a list in its user's language; in French a comma stands in numbers.
    writer = csv.writer(written, delimiter=";" if language == "fr" else ",", lineterminator="\r\n")
    writer.writerow(_in(words, language) for words in COLUMNS.values())
    for probe in round_.probes:
        writer.writerow(_safe(row_of(probe, round_, network, language)[column] for column in COLUMNS))
    return _BOM + written.getvalue().encode()


def row_of(probe: Probe, round_: Round, network: Network, language: str) -> Mapping[str, str]:
    """The cells of one party, by the names of COLUMNS."""
    answer, words = probe.answer, party_words(probe.party, network, language)
    return {
        "round": round_.label,
        "party": probe.party,
        "name": str(words["name"]),
        "state": _in(STATES[probe.standing], language),
        "asked_at": _utc(probe.sent_at),
        "asked_there": _there(probe),
        "deadline": _utc(probe.deadline),
        "answered_at": _utc(probe.reached_at or probe.answered_at),
        "minutes": _minutes(probe.took, language),
        "assurance": _in(_ASSURANCES[answer.assurance], language) if answer else "",
        "encrypted": _said(answer.encrypted if answer else None, language),
        "challenge": _said(answer.challenge_quoted if answer else None, language),
        "by": _in(_COPIES[answer.copy], language) if answer else "",
        "address": answer.sender if answer else "",
        "automatic": _utc(probe.automatic_at),
        "returns_on": probe.returns_on,
        "opened": _utc(probe.opened_at),
        "failure": probe.failure,
    }


def _in(words: Bilingual, language: str) -> str:
    return words.fr if language == "fr" else words.en


def _said(fact: bool | None, language: str) -> str:
    return "" if fact is None else _in(_YES if fact else _NO, language)


def _utc(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if at else ""


def _there(probe: Probe) -> str:
    return local_time(probe).strftime("%Y-%m-%d %H:%M:%S") if probe.sent_at else ""


def _minutes(took: timedelta | None, language: str) -> str:
    if took is None:
        return ""
    minutes = f"{took.total_seconds() / 60:.1f}"
    return minutes.replace(".", ",") if language == "fr" else minutes


def _safe(cells: Iterable[str]) -> Iterable[str]:
    """A cell that begins so would be worked out as a formula; an address is whatever its sender claims."""
    return (f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell for cell in cells)
