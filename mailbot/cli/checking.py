"""What `check` tests: reality, part by part. Every finding has an id and a hint."""

import asyncio
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from datetime import datetime

from sqlalchemy import Engine

from mailbot.cli.style import damaged, too_old
from mailbot.config import Config
from mailbot.core.certificates import Certificate
from mailbot.core.digest import addressees
from mailbot.core.findings import Finding, Severity
from mailbot.core.parties import Directory
from mailbot.core.validity import EXPIRY_WARNING, end_of, flaw_in_use
from mailbot.mail.gpg import GpgFailure
from mailbot.mail.proofreading import proofread
from mailbot.pictures.paper import REMEDY
from mailbot.store.clock import lead_of
from mailbot.store.engine import StoreUnavailable, open_store
from mailbot.store.migrations import SchemaTooNew, SchemaTooOld, check_schema
from mailbot.store.soundness import Damaged, end_of_journal, file_of, require_sound
from mailbot.wire.reachable import imap_findings, smtp_findings
from mailbot.wiring import Keys, clock, open_keys

_NOT_YET = "Nothing to do before the first start: `mailbot run` and `mailbot once` make it."

Look = Callable[[Config], Iterator[Finding]]


def check_everything(config: Config) -> list[Finding]:
    """All findings, in the order of LOOKS."""
    return [finding for look in LOOKS for finding in look(config)]


def permissions(config: Config) -> Iterator[Finding]:
    yield from config.secret_file_findings()


def templates(config: Config) -> Iterator[Finding]:
    yield from proofread(config.templates_dir)


def members(config: Config) -> Iterator[Finding]:
    """Everything may be right with a network of nobody."""
    if not config.directory.members():
        hint = "Add a section [[parties]] for each; config.example.toml shows one."
        yield Finding("parties.none", "there are no parties yet", hint, Severity.WARNING, str(config.path))


def database(config: Config) -> Iterator[Finding]:
    if not config.state_dir.is_dir():
        yield Finding("store.empty", "there is no state folder yet", _NOT_YET, Severity.WARNING, str(config.state_dir))
        return
    try:
        engine = open_store(config.store_url)
        try:
            yield from _soundness(engine)
            yield from _clock(engine, config)
        finally:
            engine.dispose()
    except SchemaTooOld as problem:
        yield too_old(problem) if problem.version else _no_database()
    except Damaged as problem:
        yield damaged(problem)
    except SchemaTooNew as problem:
        yield Finding("store.newer", str(problem), "Run the newer mailbot, or restore a backup.")
    except (StoreUnavailable, OSError, ValueError) as problem:
        yield Finding(
            "store.unavailable", f"the database cannot be used: {problem}", "See [store] url, disk and server."
        )


def _soundness(engine: Engine) -> Iterator[Finding]:
    if file := file_of(engine):
        require_sound(file)
    check_schema(engine)
    for found in end_of_journal(engine).findings:
        hint = "`mailbot journal verify` tells more. Compare with receipts; restore a backup."
        yield Finding("journal.broken", f"journal row {found.number}: {found.what}", hint)


def _clock(engine: Engine, config: Config) -> Iterator[Finding]:
    apart = abs(lead_of(engine, clock))
    if apart > config.terms.clock_tolerance:
        said = f"this machine's clock and the database's are {apart.total_seconds():.0f} s apart"
        yield Finding("clock.apart", said, "Set both by NTP: until they agree no reminder is sent.")


def _no_database() -> Finding:
    return Finding("store.empty", "the database has not been made yet", _NOT_YET, Severity.WARNING)


def certificates(config: Config) -> Iterator[Finding]:
    try:
        found = list(_certificates(config))
    except (GpgFailure, OSError) as problem:
        found = [Finding("gpg.failure", f"gpg cannot be used: {problem}", "Are gpg and gpg-agent installed?")]
    yield from found


def _certificates(config: Config) -> Iterator[Finding]:
    """As mails amended them; as configured where the database is out of order, which is told apart."""
    try:
        with open_keys(config) as keys:
            yield from certificate_findings(keys, clock())
    except (SchemaTooOld, SchemaTooNew, Damaged, StoreUnavailable, ValueError):
        with open_keys(config, alone=True) as keys:
            yield from certificate_findings(keys, clock())


def certificate_findings(keys: Keys, now: datetime) -> Iterator[Finding]:
    """What is wrong with key files, and with certificates in use."""
    known, directory = keys.known, keys.network.directory
    yield from keys.keyring.findings
    for folder, fingerprints in sorted(directory.pins().items()):
        for fingerprint in sorted(fingerprints & known.keys()):
            yield from _look_at(folder, known[fingerprint], directory, now)
    if keys.network.robot in known:
        yield from _look_at("the robot", known[keys.network.robot], directory, now)


def reporting(config: Config) -> Iterator[Finding]:
    readers = addressees(config.directory, config.reporting.readers)
    if config.reporting.at and not any(box.encrypt_to for box in readers):
        hint = "Give the secretariat or an operator a certificate, or write [digest] daily = false."
        yield Finding("digest.nobody", "nobody can be sent the daily digest", hint, Severity.WARNING)
    if find_library("pango-1.0") is None:
        yield Finding("report.pdf", "reports come without PDF", REMEDY, Severity.WARNING)


def imap(config: Config) -> Iterator[Finding]:
    yield from imap_findings(config.imap)


def smtp(config: Config) -> Iterator[Finding]:
    yield from asyncio.run(smtp_findings(config.smtp))


LOOKS: tuple[Look, ...] = (permissions, members, templates, database, certificates, reporting, imap, smtp)


def _look_at(whose: str, certificate: Certificate, directory: Directory, now: datetime) -> Iterator[Finding]:
    place = f"{whose} {certificate.fingerprint}"
    flaw = flaw_in_use(certificate, directory, now)
    if flaw:
        hint = "Mail to it waits, and what it signs is held, until a usable one is pinned; ask its owner for it."
        yield Finding(f"keys.{flaw.name.lower().replace('_', '-')}", f"the certificate is {flaw}", hint, place=place)
        return
    ends = end_of(certificate)
    if ends and ends - now <= EXPIRY_WARNING:
        hint = "Ask its owner to extend it, and put the extended certificate into the keys folder."
        days = (ends - now).days
        yield Finding("keys.expires-soon", f"the certificate expires in {days} days", hint, Severity.WARNING, place)
