"""The sections of the file: which settings there are, and of what form. What several must agree on stands in rules.py.

A setting that is left out is None here where the default is that of the part it is for; it is written nowhere twice.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from mailbot.config.forms import (
    AddressText,
    AskedCode,
    Code,
    CredentialName,
    Cron,
    DaysText,
    DelayText,
    Domain,
    DurationText,
    FieldName,
    FingerprintText,
    HashName,
    Host,
    Kind,
    Language,
    OfficeHoursText,
    PathText,
    PlainText,
    Port,
    RightText,
    Seconds,
    ShareText,
    SharingText,
    StyleText,
    TimeOfDay,
    TimeZone,
    TlsText,
    TokenUrl,
    UrgencyText,
)
from mailbot.core.certificates import Policy

_Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


# ---------------------------------------------------------------- the robot and its surroundings


class RobotSection(_Section):
    name: PlainText
    address: AddressText
    control_address: AddressText
    language: Language = "en"
    fingerprint: FingerprintText
    also_opens: list[FingerprintText] = []
    gnupg_home: PathText = "gnupg"
    passphrase_file: PathText | None = None
    passphrase_env: PlainText | None = None
    passphrase_credential: CredentialName | None = None
    state_dir: PathText = "state"
    keys_dir: PathText = "keys"
    return_path: StyleText | None = None
    return_domain: Domain | None = None
    share: ShareText | None = None


class OAuth2Section(_Section):
    token_url: TokenUrl
    client_id: PlainText
    client_secret_file: PathText | None = None
    client_secret_env: PlainText | None = None
    client_secret_credential: CredentialName | None = None
    refresh_token_file: PathText | None = None
    refresh_token_env: PlainText | None = None
    refresh_token_credential: CredentialName | None = None
    scope: str | None = None
    ca_file: PathText | None = None


class _ServerSection(_Section):
    host: Host
    port: Port | None = None
    tls: TlsText
    ca_file: PathText | None = None
    username: PlainText | None = None
    password_file: PathText | None = None
    password_env: PlainText | None = None
    password_credential: CredentialName | None = None
    oauth2: OAuth2Section | None = None
    timeout_seconds: Seconds | None = None


class FoldersSection(_Section):
    inbox: PlainText | None = None
    done: PlainText | None = None
    held: PlainText | None = None
    dropped: PlainText | None = None


class ImapSection(_ServerSection):
    folders: FoldersSection = FoldersSection()
    poll_seconds: Annotated[float, Field(ge=1, le=300)] | None = None  # a NAT forgets a silent connection soon
    max_mail_mib: Annotated[int, Field(ge=1, le=1024)] | None = None
    delivery_fields: Annotated[list[FieldName], Field(min_length=1)] | None = None


class SmtpSection(_ServerSection):
    ehlo_name: Domain | None = None
    connections: Annotated[int, Field(ge=1, le=20)] | None = None
    final_answer_seconds: Seconds | None = None


class StoreSection(_Section):
    url: str | None = None
    url_file: PathText | None = None
    url_credential: CredentialName | None = None


class SendSection(_Section):
    """`mailbot send` under a user of its own: a folder of both users, or a role of its own on PostgreSQL."""

    handover: PathText | None = None
    url: str | None = None
    url_file: PathText | None = None
    url_credential: CredentialName | None = None


class TemplatesSection(_Section):
    dir: PathText | None = None


class TermsSection(_Section):
    """core.records.Terms, each field under its own name."""

    urgent_deadline: DurationText | None = None
    routine_deadline: DurationText | None = None
    ping_deadline: DurationText | None = None
    shortest_deadline: DurationText | None = None
    longest_deadline: DurationText | None = None
    signature_age: DurationText | None = None
    control_signature_age: DurationText | None = None
    clock_tolerance: DurationText | None = None
    question_age: DurationText | None = None
    notice_interval: DurationText | None = None
    waiting_part_age: DurationText | None = None
    urgent_delay_warning: DurationText | None = None
    routine_delay_warning: DurationText | None = None
    longest_silence: DurationText | None = None
    receipt_within: DurationText | None = None
    overview_hour: Annotated[int, Field(ge=0, le=23)] | None = None
    key_overlap: DurationText | None = None
    proposal_age: DurationText | None = None
    default_urgency: UrgencyText | None = None


class LimitsSection(_Section):
    mail_mib: Annotated[int, Field(ge=1, le=1024)] | None = None
    parts: _Count | None = None
    depth: Annotated[int, Field(ge=1, le=200)] | None = None
    seconds_per_mail: Annotated[float, Field(ge=1, le=3600)] | None = None
    memory_mib: Annotated[int, Field(ge=1024, le=1024 * 1024)] | None = None  # libraries and threads take half of 1024
    # core.quotas.Quotas, each field under its own name.
    requests_per_hour: _Count | None = None
    urgent_per_hour: _Count | None = None
    all_per_day: _Count | None = None
    answers_per_hour: _Count | None = None
    volume_mib_per_day: _Count | None = None
    letters_per_hour: _Count | None = None


class AlarmsSection(_Section):
    """core.troubles.AlarmTerms, each field under its own name; and the second way out."""

    mailbox_after: DurationText | None = None
    server_after: DurationText | None = None
    database_after: DurationText | None = None
    outbox_after: DurationText | None = None
    schedule_after: DurationText | None = None
    key_before: DurationText | None = None
    again_after: DurationText | None = None
    calm_for: DurationText | None = None
    letters_per_hour: _Count | None = None
    smtp: SmtpSection | None = None


class MetricsSection(_Section):
    textfile: PathText | None = None
    port: Port | None = None


class TrustSection(_Section):
    """core.certificates.Policy, each field under its own name."""

    min_rsa_bits: Annotated[int, Field(ge=Policy().min_rsa_bits, le=16384)] | None = None
    hashes: Annotated[list[HashName], Field(min_length=1)] | None = None


class RetrySection(_Section):
    delays: Annotated[list[DelayText], Field(min_length=1)] | None = None
    give_up_after: DurationText | None = None
    spread: Annotated[float, Field(ge=0, lt=1)] | None = None


class RetentionSection(_Section):
    """core.retention.Retention, each field under its own name."""

    originals: DurationText | None = None
    abandoned: DurationText | None = None
    held: DurationText | None = None
    warning: DurationText | None = None


class DigestSection(_Section):
    daily: bool = True
    at: TimeOfDay | None = None
    time_zone: TimeZone | None = None
    readers: list[RightText] | None = None
    only_if_needed: bool | None = None


class PingSection(_Section):
    """core.rounds.terms.PingTerms, each field under its own name."""

    schedule: list[Cron] | None = None
    window: DurationText | None = None
    blackout: list[DaysText] | None = None
    parties: Annotated[list[AskedCode], Field(min_length=1)] | None = None
    share_scheduled: bool | None = None
    sharing: SharingText | None = None
    language: Language | None = None
    office_hours: OfficeHoursText | None = None


class ReportSection(_Section):
    pairs_from: _Count | None = None


class CommandsSection(_Section):
    """Who may give which command: rows of core.commands.rights.RIGHTS, each under its word in lower case."""

    ping: list[RightText] | None = None
    share: list[RightText] | None = None
    status: list[RightText] | None = None
    digest: list[RightText] | None = None
    report: list[RightText] | None = None
    parties: list[RightText] | None = None
    key: list[RightText] | None = None
    suspend: list[RightText] | None = None
    resume: list[RightText] | None = None
    held: list[RightText] | None = None
    release: list[RightText] | None = None
    drop: list[RightText] | None = None
    resend: list[RightText] | None = None


class KeysSection(_Section):
    struck_out: list[FingerprintText] = []


# ---------------------------------------------------------------- the people


class Names(_Section):
    en: PlainText
    fr: PlainText


class MailboxSection(_Section):
    """A desk or a backup."""

    address: AddressText
    encrypt_to: Annotated[list[FingerprintText], Field(min_length=1)] | None = None


class RelaySection(_Section):
    name: PlainText
    address: AddressText
    certificates: list[FingerprintText] = []
    kinds: Annotated[list[Kind], Field(min_length=1)] | None = None
    urgencies: Annotated[list[UrgencyText], Field(min_length=1)] | None = None


class _Member(_Section):
    language: Language
    time_zone: TimeZone
    certificates: list[FingerprintText] = []
    signers: list[FingerprintText] = []


class SecretariatSection(_Member):
    name: Names
    addresses: Annotated[list[AddressText], Field(min_length=1)]


class PartySection(_Member):
    name: Names | None = None  # of a country, what it is called anyway
    code: Code
    aliases: list[Code] = []
    suspended: bool = False
    desks: list[MailboxSection] = []  # that there is one is a rule of its own
    backups: list[MailboxSection] = []
    relays: list[RelaySection] = []


class OperatorSection(_Section):
    name: PlainText
    address: AddressText
    language: Language = "en"
    certificates: list[FingerprintText] = []


class File(_Section):
    """The whole file."""

    robot: RobotSection
    imap: ImapSection
    smtp: SmtpSection
    store: StoreSection = StoreSection()
    send: SendSection = SendSection()
    templates: TemplatesSection = TemplatesSection()
    terms: TermsSection = TermsSection()
    limits: LimitsSection = LimitsSection()
    trust: TrustSection = TrustSection()
    alarms: AlarmsSection = AlarmsSection()
    metrics: MetricsSection = MetricsSection()
    retry: RetrySection = RetrySection()
    retention: RetentionSection = RetentionSection()
    ping: PingSection = PingSection()
    digest: DigestSection = DigestSection()
    report: ReportSection = ReportSection()
    commands: CommandsSection = CommandsSection()
    keys: KeysSection = KeysSection()
    secretariat: SecretariatSection
    operators: list[OperatorSection] = []
    parties: list[PartySection] = []  # none yet, when the robot is set up
