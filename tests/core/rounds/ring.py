"""A round among the people of tests/core/cast.py, and mails that answer it in every way."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from mailbot.core.decision import Decision, Known, Moment, Network
from mailbot.core.mail import Headers, Letter, MailClass, OpenedMail
from mailbot.core.parties import Address
from mailbot.core.rounds.records import Challenge, Copy, Hint, Probe, Round, Trail
from mailbot.core.rounds.starting import Past, start_round
from mailbot.core.tags import Tag, parse
from tests.core.cast import DIRECTORY, FR, KNOWN, MOMENT, NETWORK, NOW, judge, mail, network, signed_by

PAST = Past(next_number=12, journal_head=(7, "abc"))
GIVEN = timedelta(hours=4)


def order(text: str) -> Tag:
    tag = parse(text).tag
    assert tag
    return tag


def begin(text: str = "[PING ALL]", net: Network = NETWORK, moment: Moment = MOMENT, past: Past = PAST) -> Decision:
    """What starting such a round leads to."""
    return start_round(order(text), net, moment, "SEC", "Hello desks", past).decision


BEGUN = begin()
ROUND: Round = BEGUN.rounds[0]


def probe_of(party: str, round_: Round = ROUND) -> Probe:
    probe = round_.probe(party)
    assert probe
    return probe


def letter_to(address: str, decision: Decision = BEGUN) -> Letter:
    (letter,) = [letter for letter in decision.letters if letter.mailboxes[0].address == address]
    return letter


def challenge_to(address: str, decision: Decision = BEGUN) -> Challenge:
    (challenge,) = [challenge for challenge in decision.challenges if challenge.recipient == address]
    return challenge


def without_certificate(code: str) -> Network:
    """The network, in which this party never had any."""
    party = DIRECTORY.parties[code]
    bare = replace(party, signers=frozenset(), addresses=tuple(replace(a, encrypt_to=()) for a in party.addresses))
    return network(replace(DIRECTORY, parties={**DIRECTORY.parties, code: bare}))


# ---------------------------------------------------------------- what the store would find


def trail(hint: Hint, probe: Probe, value: str = "", copy: Copy = Copy.DESK) -> Trail:
    token = probe.backup_token if copy is Copy.BACKUP else probe.token
    return Trail(hint, token if hint is Hint.TOKEN else value, probe, copy)


def knowing(*trails: Trail, net: Network = NETWORK, **changed: object) -> Known:
    return replace(KNOWN, network=net, trails=trails, **changed)  # type: ignore[arg-type]


# ---------------------------------------------------------------- mails that answer


def answer(
    sender: Address = FR.desks[0],
    *,
    token: str = "",
    challenge: str = "",
    text: str = "",
    outer: str = "...",
    signed: bool = True,
    encrypted: bool = True,
    protects: bool = True,
    **changed: object,
) -> OpenedMail:
    """Somebody pressed Reply: the tag in the protected subject, the text quoted."""
    subject = f"Re: [PING#{token}] Ping test" if token and protects else ""
    quoted = f"{text}\n> Ping word:  {challenge}\n" if challenge else f"{text}\n"
    signatures = (signed_by(sender.encrypt_to[0]),) if signed else ()
    return mail(sender, subject, quoted, outer=outer, signatures=signatures, encrypted=encrypted, **changed)


def plain(sender: Address = FR.desks[0], *, token: str = "", text: str = "", **changed: object) -> OpenedMail:
    """The same, as a mail program without OpenPGP sends it."""
    outer = f"Re: [PING#{token}] Ping test" if token else "Re: your mail"
    opened = answer(sender, text=text, outer=outer, signed=False, encrypted=False, protects=False)
    return replace(opened, **changed)  # type: ignore[arg-type]


def from_address(address: str, opened: OpenedMail) -> OpenedMail:
    """The same mail from somewhere else; its signature, if any, stays."""
    protected = replace(opened.protected, sender=address) if opened.protected else None
    return replace(opened, outer=replace(opened.outer, sender=address), protected=protected)


def machine(mail_class: MailClass, subject: str = "Automatic reply", **changed: object) -> OpenedMail:
    """What a machine at France's desk sends."""
    opened = mail(FR.desks[0], "", "I am away.\n", outer=subject, signatures=(), encrypted=False)
    return replace(opened, mail_class=mail_class, answerable=False, protected=None, **changed)  # type: ignore[arg-type]


def after(decision: Decision) -> Probe:
    """The one probe that a decision changes."""
    (probe,) = decision.probes
    return probe


def at(moment: datetime) -> Moment:
    return Moment(moment, "2026-0042", b"\x09" * 32)


def judged(opened: OpenedMail, *trails: Trail, now: datetime = NOW + timedelta(minutes=7), **known: object) -> Decision:
    return judge(opened, knowing(*trails, **known), at(now))  # type: ignore[arg-type]


def templates(letters: Iterable[Letter]) -> list[str]:
    return [letter.template for letter in letters]


def headers(**fields: object) -> Headers:
    return Headers(**fields)  # type: ignore[arg-type]
