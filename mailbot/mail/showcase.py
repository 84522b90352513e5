"""An invented network in an invented night: what previews, proofreading and tests show of digest and report.

Nothing in it is drawn by chance: the same words and the same pictures each time.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

from babel import Locale

from mailbot.core.certificates import Certificate
from mailbot.core.decision import Network
from mailbot.core.parties import SECRETARIAT, Address, Directory, Operator, Party, Right, Role
from mailbot.core.postings import Posting, State
from mailbot.core.records import Cause, Exchange, HeldMail, HeldState, Part, PartStage, Reason, Terms
from mailbot.core.report import Period, ReportFacts
from mailbot.core.roll import Move
from mailbot.core.rounds.records import Probe, ProbeStage, Round, RoundStage
from mailbot.core.situation import Situation
from mailbot.core.tags import Urgency, Word
from mailbot.core.tallies import Answers, Tallies
from mailbot.core.troubles import Alarm, Ringing

NIGHT = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
CODES = (
    "AL AD AM AT AZ BE BA BG HR CY CZ DK EE EU FI FR GE DE GR HU IS IE IT LV LI LT LU MT MD MC ME NL MK NO PL PT RO UA"
    " GB"
).split()
_ROBOT = "0123456789ABCDEF" * 2 + "01234567"
_CALM = Situation(
    at=NIGHT,
    since=NIGHT - timedelta(days=1),
    sent_at=NIGHT - timedelta(minutes=9),
    mailbox_at=NIGHT - timedelta(seconds=20),
    journal_head=(20_519, "9f86d081884c7d65" * 4),
)


@cache
def network() -> Network:
    """39 parties with their secretariat and an operator; two certificates need somebody."""
    parties = {code: _party(code) for code in CODES}
    office = Address("secretariat@network.example", Role.DESK, (fingerprint("SEC"),), party=SECRETARIAT)
    names = {"en": "Secretariat", "fr": "Secrétariat"}
    rights = frozenset({Right.SECRETARIAT})
    signers = frozenset({fingerprint("SEC")})
    parties[SECRETARIAT] = Party(SECRETARIAT, names, "en", "Europe/Paris", (office,), signers, rights=rights)
    watch = Address("operator@hub.example", Role.OPERATOR, (fingerprint("OP"),), "Night watch")
    directory = Directory(parties, (Operator(watch, "en", frozenset({fingerprint("OP")})),))
    certificates = {f: _certificate(f) for f in (*directory.fingerprints(), _ROBOT)}
    certificates[fingerprint("PT")] = replace(_certificate(fingerprint("PT")), expires=NIGHT - timedelta(days=3))
    certificates[fingerprint("MT")] = replace(_certificate(fingerprint("MT")), expires=NIGHT + timedelta(days=41))
    return Network(directory, certificates, Terms(), "network@hub.example", "control@hub.example", _ROBOT)


def calm() -> tuple[Situation, Network]:
    """Nothing needs anybody."""
    whole = {f: _certificate(f) for f in network().certificates}
    reached = [replace(round_, probes=tuple(map(_reached, round_.probes))) for round_ in rounds(NIGHT, 4)]
    return replace(_CALM, rounds=tuple(reached)), replace(network(), certificates=whole)


def busy() -> tuple[Situation, Network]:
    """Nearly everything does."""
    return replace(
        _CALM,
        exchanges=tuple(_requests()),
        open_exchanges=9,
        held=tuple(_held_mails()),
        failures=tuple(_failures()),
        rounds=rounds(NIGHT, 7),
        queued=4,
        oldest=NIGHT - timedelta(minutes=12),
        retried=1,
        going=12,
        going_at=NIGHT + timedelta(days=4),
        suspended=("AZ",),
    ), network()


def first() -> tuple[Situation, Network]:
    """The first morning of a robot: no ping yet, no journal to speak of."""
    whole = calm()[1]
    return replace(_CALM, sent_at=None, mailbox_at=None, journal_head=(0, "")), whole


def broken() -> tuple[Situation, Network]:
    """The robot itself is in trouble."""
    ends = {_ROBOT: replace(_certificate(_ROBOT), expires=NIGHT + timedelta(days=20))}
    known = {**calm()[1].certificates, **ends}
    since = NIGHT - timedelta(hours=2)
    ringing = tuple(Ringing(alarm, "", since) for alarm in Alarm if alarm is not Alarm.DATABASE)
    queued = replace(
        _CALM, ringing=ringing, queued=1200, oldest=NIGHT - timedelta(hours=7), clock_doubted=True, journal_broken=812
    )
    return queued, replace(network(), certificates=known)


# ---------------------------------------------------------------- half a year


def half_year() -> tuple[ReportFacts, Network]:
    """A report as a meeting would get it."""
    period, end = Period(date(2026, 1, 1), date(2026, 6, 30)), datetime(2026, 6, 24, tzinfo=UTC)
    began = datetime(2025, 3, 3, tzinfo=UTC)
    moves = [Move(began, code, joined=True) for code in CODES if code != "MK"]
    moves.append(Move(datetime(2026, 3, 2, tzinfo=UTC), "MK", joined=True))
    away, again = datetime(2026, 2, 11, 2, tzinfo=UTC), datetime(2026, 4, 12, 2, tzinfo=UTC)
    facts = ReportFacts(
        at=NIGHT,
        period=period,
        rounds=rounds(end, 13, timedelta(days=13, hours=9)),
        tallies=_tallies(),
        moves=tuple(moves),
        absences=(
            (away, away + timedelta(minutes=23)),
            (again, again + timedelta(minutes=6)),
        ),
        watched_from=began,
        journal_head=_CALM.journal_head,
    )
    return facts, network()


def quiet_week() -> tuple[ReportFacts, Network]:
    """A report of a network that has hardly begun."""
    period = Period(date(2026, 11, 16), date(2026, 11, 22))
    return ReportFacts(at=NIGHT, period=period), network()


def _tallies() -> Tallies:
    months = {date(2026, month, 1): (9 + 7 * month % 11, 2 + 5 * month % 4) for month in range(1, 7)}
    pairs = {("FR", "DE"): 14, ("DE", "FR"): 11, ("NL", "BE"): 8, ("IT", "FR"): 6, ("EU", "PL"): 5, ("GB", "IE"): 4}
    pairs |= {(CODES[n], CODES[n + 9]): 1 + n % 3 for n in range(12)}
    return Tallies(months, pairs, {Urgency.URGENT: _heard(74, 4), Urgency.ROUTINE: _heard(58, 60)})


def _heard(asked: int, hours: int) -> Answers:
    """All but a few answered, most of them well before the deadline."""
    drawn = [int(fingerprint(f"answer {n}")[:8], 16) / 16**8 for n in range(asked - asked // 12)]
    times = tuple(timedelta(minutes=8 + share**3 * hours * 80) for share in drawn)
    return Answers(asked, times, sum(took <= timedelta(hours=hours) for took in times))


# ---------------------------------------------------------------- people


def fingerprint(name: str) -> str:
    """Forty digits that are nobody's."""
    return hashlib.sha256(name.encode()).hexdigest()[:40].upper()


def _party(code: str) -> Party:
    names = {language: _country(code, language) for language in ("en", "fr")}
    language = "fr" if code in {"FR", "BE", "IT", "LU", "MC", "RO", "EU"} else "en"
    desk = Address(f"desk@police-{code.lower()}.example", Role.DESK, (fingerprint(code),), party=code)
    backup = Address(f"night@police-{code.lower()}.example", Role.BACKUP, (fingerprint(code),), party=code)
    addresses = (desk, backup) if int(fingerprint(code)[:2], 16) % 3 else (desk,)
    return Party(code, names, language, "Europe/Paris", addresses, frozenset({fingerprint(code)}))


def _country(code: str, language: str) -> str:
    return str(Locale(language).territories[code])


def _certificate(number: str) -> Certificate:
    made = NIGHT - timedelta(days=400)
    return Certificate(number, (), "ed25519", made, None, False, False, None, can_encrypt=True, can_sign=True)


# ---------------------------------------------------------------- pings


def rounds(until: datetime, number: int, apart: timedelta = timedelta(days=4, hours=7)) -> tuple[Round, ...]:
    """So many rounds, the last of which has just ended; oldest first."""
    ended = [until - timedelta(hours=5) - apart * back for back in range(number - 1, -1, -1)]
    return tuple(_round(count + 31, started) for count, started in enumerate(ended))


def _round(number: int, started: datetime) -> Round:
    deadline = started + timedelta(hours=4)
    probes = tuple(_probe(number, code, started, deadline) for code in CODES)
    return Round(number, started, deadline, SECRETARIAT, probes, True, stage=RoundStage.CLOSED, closed_at=deadline)


def _probe(number: int, code: str, started: datetime, deadline: datetime) -> Probe:
    """Most answer within the hour, some need the reminder, and now and then one is not there."""
    drawn = int(fingerprint(f"{number} {code}")[:8], 16) / 16**8
    probe = Probe(number, code, "", "", ProbeStage.SENT, started, deadline, "Europe/Paris", True, sent_at=started)
    if drawn < 0.02 or (code == "PT" and number > 34):
        return replace(probe, stage=ProbeStage.UNDELIVERABLE, failure="5.1.1") if drawn < 0.008 else probe
    answered = started + (timedelta(hours=6) if drawn > 0.97 else timedelta(minutes=2 * 2 ** (drawn * 6)))
    if drawn < 0.035:
        return replace(probe, stage=ProbeStage.UNCONFIRMED, answered_at=answered)
    return replace(probe, stage=ProbeStage.REACHED, answered_at=answered, reached_at=answered)


def _reached(probe: Probe) -> Probe:
    at = probe.reached_at or probe.due_at + timedelta(minutes=20)
    return replace(probe, stage=ProbeStage.REACHED, answered_at=at, reached_at=min(at, probe.deadline))


# ---------------------------------------------------------------- the night's work


def _requests() -> Iterator[Exchange]:
    late, soon = NIGHT - timedelta(hours=3), NIGHT + timedelta(hours=1, minutes=25)
    answered = NIGHT - timedelta(hours=5)
    yield _request(42, "FR", late, Urgency.URGENT, _part("DE", PartStage.ANSWERED, answered), _part("IT"))
    parts = (_part("FR", PartStage.ACKNOWLEDGED), _part("PT", PartStage.WAITING, cause=Cause.NO_CERTIFICATE))
    yield _request(47, "NL", soon, Urgency.URGENT, *parts)
    yield _request(45, "EU", NIGHT + timedelta(days=2), Urgency.ROUTINE, *(_part(code) for code in ("AT", "PL", "GR")))


def _request(number: int, asker: str, deadline: datetime, urgency: Urgency, *parts: Part) -> Exchange:
    opened = deadline - (timedelta(hours=4) if urgency is Urgency.URGENT else timedelta(days=3))
    reference, code = f"2026-{number:04}", f"R-7K3Q9-{number:05}"
    return Exchange(reference, Word.REQUEST, asker, parts, urgency, opened, deadline, code, "0" * 64)


def _part(
    party: str,
    stage: PartStage = PartStage.PASSED_ON,
    answered_at: datetime | None = None,
    cause: Cause | None = None,
) -> Part:
    return Part(party, stage, cause, answered_at=answered_at)


def _held_mails() -> Iterator[HeldMail]:
    rows = (
        (12, Reason.NOT_SIGNED, HeldState.WAITING, "desk@police-be.example", "BE", 3, 12_300),
        (14, Reason.TAG_NOT_SIGNED, HeldState.ASKED, "desk@police-at.example", "AT", 1, 48_100),
        (15, Reason.UNTAGGED, HeldState.WAITING, "newsletter@shop.example", None, 87, 2_400_000),
    )
    for number, reason, state, sender, party, days, size in rows:
        held_at = NIGHT - timedelta(days=days, minutes=17)
        yield HeldMail(number, fingerprint(str(number)), reason, state, held_at, sender, party, size)


def _failures() -> Iterator[Posting]:
    at = NIGHT - timedelta(hours=8)
    for number, letter, party, status in ((7, "reply", "AL", "5.1.1"), (9, "probe", "PT", "4.4.1")):
        yield Posting(
            id=number,
            recipient=f"desk@police-{party.lower()}.example",
            purpose="relay",
            letter=letter,
            author="FR",
            reference="2026-0039" if letter == "reply" else None,
            party=party,
            urgent=False,
            state=State.REFUSED if status.startswith("5") else State.EXPIRED,
            attempts=1,
            created_at=at,
            due_at=at,
            settled_at=at,
            last_status=status,
            message_id=f"<{number}@hub.example>",
        )
