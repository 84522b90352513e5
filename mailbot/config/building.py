"""Sections -> Config: what was read and found good, put into the forms of the parts that use it."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from mailbot.config.configuration import Config, Robot
from mailbot.config.forms import NETWORK_KINDS
from mailbot.config.secrets import Read, from_credential, from_environment, from_file
from mailbot.config.sections import (
    File,
    ImapSection,
    MailboxSection,
    OAuth2Section,
    OperatorSection,
    PartySection,
    PingSection,
    RelaySection,
    RobotSection,
    SecretariatSection,
    SendSection,
    SmtpSection,
    StoreSection,
    TrustSection,
)
from mailbot.core.certificates import Policy
from mailbot.core.decision import Folder
from mailbot.core.parties import SECRETARIAT, Address, Directory, Operator, Party, Relay, Right, Role
from mailbot.core.quotas import Quotas
from mailbot.core.records import Terms
from mailbot.core.reporting import Reporting
from mailbot.core.retention import Retention
from mailbot.core.retry import Patience
from mailbot.core.rounds.terms import PingTerms
from mailbot.core.tags import Urgency, Word
from mailbot.core.troubles import AlarmTerms
from mailbot.mail.countries import country_names
from mailbot.mail.headers import DELIVERY_FIELDS
from mailbot.mail.limits import MIB, Limits
from mailbot.mail.return_path import Style
from mailbot.mail.writing import Share
from mailbot.wire.access import Credential, ImapAccess, Mechanism, SecretUnavailable, SmtpAccess, Tls
from mailbot.wire.oauth2 import Provider, Tokens

DATABASE = "mailbot.sqlite"

_IMAP_PORTS = {Tls.IMPLICIT: 993, Tls.STARTTLS: 143, Tls.NONE: 143}
_SMTP_PORTS = {Tls.IMPLICIT: 465, Tls.STARTTLS: 587, Tls.NONE: 25}


def build(path: Path, file: File) -> Config:
    """The configuration that this file means; relative paths begin at its folder."""
    return _Builder(path.parent.absolute()).config(path, file)


class _Builder:
    def __init__(self, base: Path) -> None:
        self.base = base

    def config(self, path: Path, file: File) -> Config:
        state_dir = self.path(file.robot.state_dir)
        delays = file.retry.delays
        return Config(
            path=path.absolute(),
            robot=self.robot(file.robot),
            directory=directory(file),
            terms=Terms(**_given(file.terms)),
            imap=self.imap(file.imap),
            smtp=self.smtp(file.smtp, file.robot),
            limits=_limits(file),
            quotas=Quotas(**_given(file.limits, Quotas)),
            policy=_policy(file.trust),
            patience=Patience(**_given(file.retry) | ({"delays": tuple(delays)} if delays else {})),
            retention=Retention(**_given(file.retention)),
            reporting=_reporting(file),
            ping=_ping(file.ping),
            commands={Word(name.upper()): frozenset(rights) for name, rights in _given(file.commands).items()},
            delivery_fields=tuple(file.imap.delivery_fields or DELIVERY_FIELDS),
            state_dir=state_dir,
            keys_dir=self.path(file.robot.keys_dir),
            templates_dir=self.path(file.templates.dir) if file.templates.dir else None,
            secret_files=tuple(dict.fromkeys(self.path(written) for written in _secret_files(file))),
            read_store_url=self.store_url(file.store, state_dir),
            alarms=AlarmTerms(**_present({n: v for n, v in _given(file.alarms).items() if n != "smtp"})),
            second_smtp=self.smtp(file.alarms.smtp, file.robot) if file.alarms.smtp else None,
            metrics_file=self.path(file.metrics.textfile) if file.metrics.textfile else None,
            metrics_port=file.metrics.port,
            handover=self.path(file.send.handover) if file.send.handover else None,
            read_send_url=self.send_url(file.send),
        )

    def path(self, written: str) -> Path:
        """Absolute; `..` and links are left as they are."""
        return self.base / written

    def file(self, written: str | None) -> str | None:
        return str(self.path(written)) if written else None

    def robot(self, section: RobotSection) -> Robot:
        return Robot(
            name=section.name,
            address=section.address,
            control_address=section.control_address,
            language=section.language,
            fingerprint=section.fingerprint,
            gnupg_home=self.path(section.gnupg_home),
            passphrase=self.secret(section, "passphrase") or _no_passphrase,
            return_path=section.return_path or Style.PLUS,
            return_domain=section.return_domain or "",
            share=section.share or Share.EXCHANGE,
            also_opens=tuple(section.also_opens),
        )

    # ------------------------------------------------------------ servers

    def imap(self, section: ImapSection) -> ImapAccess:
        names = _given(section.folders)
        folders = {folder: names.get(folder.name.lower(), folder.value) for folder in Folder}
        given = {
            "inbox": section.folders.inbox,
            "poll_seconds": section.poll_seconds,
            "largest": section.max_mail_mib and section.max_mail_mib * MIB,
        }
        return ImapAccess(**self.access(section, _IMAP_PORTS), folders=folders, **_present(given))

    def smtp(self, section: SmtpSection, robot: RobotSection) -> SmtpAccess:
        given = {"connections": section.connections, "dot_patience": section.final_answer_seconds}
        ehlo_name = section.ehlo_name or robot.address.rpartition("@")[2]
        return SmtpAccess(**self.access(section, _SMTP_PORTS), ehlo_name=ehlo_name, **_present(given))

    def access(self, section: ImapSection | SmtpSection, ports: dict[Tls, int]) -> dict[str, Any]:
        """What both kinds of server have."""
        return {
            "host": section.host,
            "port": section.port or ports[section.tls],
            "tls": section.tls,
            "ca_file": self.file(section.ca_file),
            "credential": self.credential(section),
        } | _present({"patience": section.timeout_seconds})

    def credential(self, section: ImapSection | SmtpSection) -> Credential | None:
        if section.username is None:
            return None
        if section.oauth2:
            tokens = Tokens(self.provider(section.oauth2))
            return Credential(section.username, tokens.read, Mechanism.XOAUTH2, tokens.forget)
        password = self.secret(section, "password")
        return Credential(section.username, password) if password else None

    def provider(self, section: OAuth2Section) -> Provider:
        return Provider(
            token_url=section.token_url,
            client_id=section.client_id,
            client_secret=self.secret(section, "client_secret"),
            refresh_token=self.secret(section, "refresh_token"),
            scope=section.scope or "",
            ca_file=self.file(section.ca_file),
        )

    # ------------------------------------------------------------ secrets

    def secret(self, section: BaseModel, stem: str) -> Read | None:
        """How to read the secret of this name; None if the section does not say where it is."""
        if written := getattr(section, stem + "_file"):
            return from_file(self.path(written))
        if name := getattr(section, stem + "_env", None):
            return from_environment(name)
        if name := getattr(section, stem + "_credential"):
            return from_credential(name)
        return None

    def store_url(self, section: StoreSection, state_dir: Path) -> Callable[[], str]:
        read = self.secret(section, "url")
        written = section.url or _sqlite(state_dir / DATABASE)
        return (lambda: self.absolute_url(read())) if read else (lambda: self.absolute_url(written))

    def send_url(self, section: SendSection) -> Callable[[], str] | None:
        written, read = section.url, self.secret(section, "url")
        return read or ((lambda: written) if written else None)

    def absolute_url(self, written: str) -> str:
        """The URL, a SQLite file's relative path made absolute. Raises SecretUnavailable, quoting nothing."""
        try:
            url = make_url(written)
        except (ArgumentError, ValueError):
            raise SecretUnavailable("the URL of the database cannot be read") from None
        if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":memory:", "file:")):
            return written
        return _sqlite(self.path(url.database))


def _sqlite(database: Path) -> str:
    return URL.create("sqlite", database=str(database)).render_as_string(hide_password=False)


def _no_passphrase() -> None:
    """The robot's secret key has none."""


def _secret_files(file: File) -> Iterator[str]:
    servers = (file.imap, file.smtp, *([file.alarms.smtp] if file.alarms.smtp else []))
    sections = (file.robot, file.store, file.send, *servers, *(server.oauth2 for server in servers))
    for section in sections:
        for stem in ("passphrase", "password", "client_secret", "refresh_token", "url"):
            if written := getattr(section, f"{stem}_file", None):
                yield written


# ---------------------------------------------------------------- plain values


def _given(section: BaseModel, form: type[Any] | None = None) -> dict[str, Any]:
    """The settings that the file has; the defaults of the others stand in the forms they are for.

    `form`: of a section that is for several forms, the one whose fields are meant.
    """
    names = type(section).model_fields if form is None else [field.name for field in fields(form)]
    return _present({name: getattr(section, name) for name in names})


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _limits(file: File) -> Limits:
    section = file.limits
    given = {
        "size": section.mail_mib and section.mail_mib * MIB,
        "parts": section.parts,
        "depth": section.depth,
        "seconds": section.seconds_per_mail,
        "memory": section.memory_mib and section.memory_mib * MIB,
    }
    return Limits(**_present(given))


def _policy(section: TrustSection) -> Policy:
    given = _given(section)
    return Policy(**given | ({"hashes": tuple(section.hashes)} if section.hashes else {}))


def _ping(section: PingSection) -> PingTerms:
    given: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in _given(section).items()}
    return PingTerms(**given)


def _reporting(file: File) -> Reporting:
    digest = file.digest
    given = {
        "at": digest.at,
        "time_zone": digest.time_zone or file.secretariat.time_zone,
        "readers": None if digest.readers is None else frozenset(digest.readers),
        "only_if_needed": digest.only_if_needed,
        "pairs_from": file.report.pairs_from,
        "retention": Retention(**_given(file.retention)),
    }
    reporting = Reporting(**_present(given))
    return reporting if digest.daily else replace(reporting, at=None)


# ---------------------------------------------------------------- people


def directory(file: File) -> Directory:
    """Everybody who is registered."""
    parties = [_secretariat(file.secretariat), *map(_party, file.parties)]
    operators = tuple(map(_operator, file.operators))
    return Directory({party.code: party for party in parties}, operators, frozenset(file.keys.struck_out))


def _party(section: PartySection) -> Party:
    desks = (_mailbox(desk, Role.DESK, section) for desk in section.desks)
    backups = (_mailbox(backup, Role.BACKUP, section) for backup in section.backups)
    return Party(
        code=section.code,
        names=section.name.model_dump() if section.name else country_names(section.code),
        language=section.language,
        time_zone=section.time_zone,
        addresses=(*desks, *backups),
        signers=frozenset(section.certificates + section.signers),
        relays=tuple(_relay(relay, section.code) for relay in section.relays),
        aliases=tuple(section.aliases),
        suspended=section.suspended,
    )


def _mailbox(section: MailboxSection, role: Role, party: PartySection) -> Address:
    encrypt_to = tuple(section.encrypt_to or party.certificates)
    return Address(section.address, role, encrypt_to, party=party.code)


def _relay(section: RelaySection, code: str) -> Relay:
    return Relay(
        mailbox=Address(section.address, Role.RELAY, tuple(section.certificates), section.name, code),
        signers=frozenset(section.certificates),
        kinds=frozenset(section.kinds or NETWORK_KINDS),
        urgencies=frozenset(section.urgencies or Urgency),
    )


def _secretariat(section: SecretariatSection) -> Party:
    encrypt_to = tuple(section.certificates)
    return Party(
        code=SECRETARIAT,
        names=section.name.model_dump(),
        language=section.language,
        time_zone=section.time_zone,
        addresses=tuple(Address(a, Role.DESK, encrypt_to, party=SECRETARIAT) for a in section.addresses),
        signers=frozenset(section.certificates + section.signers),
        rights=frozenset({Right.SECRETARIAT}),
    )


def _operator(section: OperatorSection) -> Operator:
    mailbox = Address(section.address, Role.OPERATOR, tuple(section.certificates), section.name)
    return Operator(mailbox, section.language, frozenset(section.certificates))
