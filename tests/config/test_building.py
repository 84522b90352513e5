"""What the settings become: the core's directory, the wire's access, paths, and secrets read when they are needed."""

import os
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from mailbot.config import Config, load
from mailbot.config.sections import LimitsSection, TermsSection, TrustSection
from mailbot.core.certificates import Fingerprint, Policy
from mailbot.core.decision import Folder
from mailbot.core.findings import Severity
from mailbot.core.parties import Role
from mailbot.core.quotas import Quotas
from mailbot.core.records import Terms
from mailbot.core.tags import Urgency, Word
from mailbot.mail.limits import MIB
from mailbot.mail.return_path import Style
from mailbot.mail.writing import Share
from mailbot.wire.access import Mechanism, SecretUnavailable, Tls
from tests.config.files import A, B, C, D, E, changed

NAME = 'name = "Hub"'
PASSWORD = 'password_file = "imap-password"'
SECOND_DESK = '{ address = "desk@gb.example" }'


def loaded(tmp_path: Path, *changes: tuple[str, str]) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(changed(*changes), encoding="utf-8")
    return load(path)


def with_section(tmp_path: Path, text: str) -> Config:
    return loaded(tmp_path, ("[smtp]", f"{text}\n[smtp]"))


# ---------------------------------------------------------------- the directory


def test_a_mailbox_is_sealed_to_the_partys_certificates_or_its_own(tmp_path: Path) -> None:
    own = f'{{ address = "desk@gb.example", encrypt_to = ["{E}"] }}, {{ address = "night@GB.example" }}'
    first, second = loaded(tmp_path, (SECOND_DESK, own)).directory.parties["GB"].desks
    assert (first.encrypt_to, second.encrypt_to) == ((E,), (D,))
    assert (second.address, second.role, second.party) == ("night@gb.example", Role.DESK, "GB")


def test_signers_are_pinned_beside_the_certificates_and_not_sealed_to(tmp_path: Path) -> None:
    party = loaded(tmp_path, ('code = "FR"', f'code = "fr"\nsigners = ["{E.lower()}"]')).directory.parties["FR"]
    assert party.signers == {C, E}
    assert party.desks[0].encrypt_to == (C,)


def test_backups_and_relays_belong_to_their_party(tmp_path: Path) -> None:
    added = f'[[parties.backups]]\naddress = "night@fr.example"\n[[parties.relays]]\ncertificates = ["{E}"]'
    party = loaded(tmp_path, ("[[parties.relays]]", added)).directory.parties["FR"]
    [backup], [relay] = party.backups, party.relays
    assert (backup.address, backup.role, backup.party, backup.encrypt_to) == (
        "night@fr.example",
        Role.BACKUP,
        "FR",
        (C,),
    )
    assert (relay.mailbox.name, relay.mailbox.role, relay.mailbox.party) == ("Police", Role.RELAY, "FR")
    assert relay.mailbox.encrypt_to == (E,)
    assert relay.signers == {E}


@pytest.mark.parametrize(
    ("written", "kinds"),
    [
        ("", {Word.REQUEST, Word.INFO, Word.REPLY, Word.ACK, Word.CLOSE}),
        ('kinds = ["request", "information"]', {Word.REQUEST, Word.INFO}),
        ('kinds = ["Reply", "acknowledgement", "closing"]', {Word.REPLY, Word.ACK, Word.CLOSE}),
        ('kinds = ["INFO", "ack", "Close"]', {Word.INFO, Word.ACK, Word.CLOSE}),
    ],
)
def test_kinds_are_words_of_the_network_or_of_its_tags(tmp_path: Path, written: str, kinds: set[Word]) -> None:
    [relay] = loaded(tmp_path, ('name = "Police"', f'name = "Police"\n{written}')).directory.parties["FR"].relays
    assert relay.kinds == kinds
    assert relay.urgencies == set(Urgency)


def test_who_is_pinned_is_found_by_fingerprint(tmp_path: Path) -> None:
    directory = loaded(tmp_path).directory
    owners: dict[Fingerprint, str | None] = {A: "SEC", B: None, C: "FR", D: "GB"}
    for fingerprint, code in owners.items():
        correspondent = directory.signer(fingerprint)
        assert correspondent is not None
        assert correspondent.code == code


def test_what_is_struck_out_signs_no_more(tmp_path: Path) -> None:
    directory = with_section(tmp_path, f'[keys]\nstruck_out = ["{C}"]').directory
    assert directory.struck_out == {C}
    assert directory.signer(C) is None


def test_spaces_in_a_fingerprint_do_not_matter(tmp_path: Path) -> None:
    spaced = "cccc cccc cccc cccc cccc  cccc cccc cccc cccc cccc"
    assert loaded(tmp_path, (C, spaced)).directory.parties["FR"].signers == {C}


# ---------------------------------------------------------------- terms and limits


def test_every_term_can_be_set_and_no_other() -> None:
    assert set(TermsSection.model_fields) == {field.name for field in fields(Terms)}


def test_what_is_set_counts_and_the_rest_stays(tmp_path: Path) -> None:
    text = '[terms]\nurgent_deadline = "90m"\ndefault_urgency = "urgent"\n[limits]\nmail_mib = 200\ndepth = 7\n'
    config = with_section(tmp_path, text + '[retry]\ndelays = ["20s", "1h"]\ngive_up_after = "2d"')
    assert config.terms == Terms(urgent_deadline=timedelta(minutes=90), default_urgency=Urgency.URGENT)
    assert (config.limits.size, config.limits.depth, config.limits.parts) == (200 * MIB, 7, 1000)
    assert config.patience.delays == (timedelta(seconds=20), timedelta(hours=1))
    assert (config.patience.give_up_after, config.patience.spread) == (timedelta(days=2), 0.2)


def test_quotas_and_what_is_too_weak_can_be_set(tmp_path: Path) -> None:
    text = '[limits]\nrequests_per_hour = 7\nparts = 9\n[trust]\nmin_rsa_bits = 3072\nhashes = ["sha512"]'
    config = with_section(tmp_path, text)
    assert config.quotas == Quotas(requests_per_hour=7)
    assert config.limits.parts == 9
    assert config.policy == Policy(3072, ("sha512",))


def test_every_quota_can_be_set() -> None:
    assert {field.name for field in fields(Quotas)} <= set(LimitsSection.model_fields)
    assert {field.name for field in fields(Policy)} == set(TrustSection.model_fields)


def test_the_robots_settings_arrive(tmp_path: Path) -> None:
    text = f'{NAME}\nreturn_path = "VERP"\nreturn_domain = "B.Hub.example"\nshare = "never"\nlanguage = "fr"'
    robot = loaded(tmp_path, (NAME, text)).robot
    assert (robot.return_path, robot.return_domain, robot.share) == (Style.VERP, "b.hub.example", Share.NEVER)
    assert (robot.language, robot.domain) == ("fr", "hub.example")


# ---------------------------------------------------------------- servers


@pytest.mark.parametrize(
    ("tls", "imap", "smtp"), [("implicit", 993, 465), ("starttls", 143, 587), ("none", 143, 25)], ids=str
)
def test_the_usual_port_is_that_of_the_way_it_is_protected(tmp_path: Path, tls: str, imap: int, smtp: int) -> None:
    config = loaded(
        tmp_path,
        ("imap.hub.example", "localhost"),
        ("smtp.hub.example", "127.0.0.1"),
        ('tls = "implicit"', f'tls = "{tls}"'),
        ('tls = "starttls"', f'tls = "{tls}"'),
    )
    assert (config.imap.port, config.smtp.port) == (imap, smtp)
    assert config.imap.tls is config.smtp.tls is Tls(tls)


def test_servers_get_what_was_set(tmp_path: Path) -> None:
    imap = 'port = 1993\nca_file = "ca.pem"\ntimeout_seconds = 5\npoll_seconds = 7\nmax_mail_mib = 3\n'
    folders = '[imap.folders]\ninbox = "Robot"\nheld = "Robot/Held"'
    smtp = 'tls = "starttls"\nport = 2525\nca_file = "/etc/ca.pem"\nehlo_name = "Robot.example"\nconnections = 4\n'
    config = loaded(
        tmp_path, (PASSWORD, f"{PASSWORD}\n{imap}{folders}"), ('tls = "starttls"', smtp + "final_answer_seconds = 9")
    )
    assert config.imap.ca_file == str(tmp_path / "ca.pem")
    assert (config.imap.port, config.imap.patience, config.imap.poll_seconds) == (1993, 5, 7)
    assert (config.imap.largest, config.imap.inbox) == (3 * MIB, "Robot")
    assert config.imap.folders == {Folder.DONE: "Done", Folder.HELD: "Robot/Held", Folder.DROPPED: "Dropped"}
    assert (config.smtp.port, config.smtp.ca_file, config.smtp.ehlo_name) == (2525, "/etc/ca.pem", "robot.example")
    assert (config.smtp.connections, config.smtp.dot_patience, config.smtp.credential) == (4, 9, None)


def test_the_robots_domain_is_the_usual_greeting(tmp_path: Path) -> None:
    assert loaded(tmp_path).smtp.ehlo_name == "hub.example"


def test_tokens_take_the_place_of_a_password(tmp_path: Path) -> None:
    text = '[imap.oauth2]\ntoken_url = "http://127.0.0.1:1/"\nclient_id = "x"\nclient_secret_file = "client"'
    config = loaded(tmp_path, (PASSWORD, text))
    assert config.imap.credential
    assert config.imap.credential.mechanism is Mechanism.XOAUTH2
    assert config.secret_files == (tmp_path / "client",)
    with pytest.raises(SecretUnavailable, match="client: No such file"):
        config.imap.credential.secret()


# ---------------------------------------------------------------- secrets


def password(config: Config) -> str:
    assert config.imap.credential
    return config.imap.credential.secret()


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_password_is_read_from_its_file_each_time(tmp_path: Path, end: str) -> None:
    config = loaded(tmp_path)
    with pytest.raises(SecretUnavailable, match="imap-password: No such file"):
        password(config)
    (tmp_path / "imap-password").write_bytes(f" pässword {end}".encode())
    assert password(config) == " pässword "
    (tmp_path / "imap-password").write_bytes(b"another")
    assert password(config) == "another"


def test_a_password_that_is_no_text_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "imap-password").write_bytes(b"s3cret\xff")
    with pytest.raises(SecretUnavailable) as caught:
        password(loaded(tmp_path))
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__


def test_a_password_is_read_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = loaded(tmp_path, (PASSWORD, 'password_env = "MAILBOT_TEST_PASSWORD"'))
    monkeypatch.delenv("MAILBOT_TEST_PASSWORD", raising=False)
    with pytest.raises(SecretUnavailable, match="MAILBOT_TEST_PASSWORD is not set"):
        password(config)
    monkeypatch.setenv("MAILBOT_TEST_PASSWORD", "from outside")
    assert password(config) == "from outside"


def test_a_password_is_read_from_a_systemd_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = loaded(tmp_path, (PASSWORD, 'password_credential = "imap"'))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SecretUnavailable, match="CREDENTIALS_DIRECTORY is not set"):
        password(config)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "imap").write_text("from systemd\n")
    assert password(config) == "from systemd"
    assert config.secret_files == ()


def test_a_passphrase_is_read_when_it_is_needed_and_none_is_none(tmp_path: Path) -> None:
    assert loaded(tmp_path).robot.passphrase() is None
    config = loaded(tmp_path, (NAME, f'{NAME}\npassphrase_file = "passphrase"'))
    (tmp_path / "passphrase").write_text("open sesame\n")
    assert config.robot.passphrase() == "open sesame"
    assert config.secret_files == (tmp_path / "passphrase", tmp_path / "imap-password")


def test_no_secret_is_shown(tmp_path: Path) -> None:
    (tmp_path / "imap-password").write_text("s3cret")
    (tmp_path / "url").write_text("postgresql://u:s3cret@h/d")
    config = with_section(tmp_path, '[store]\nurl_file = "url"')
    assert password(config) == "s3cret"
    assert config.store_url == "postgresql://u:s3cret@h/d"
    assert "s3cret" not in f"{config!r} {config}"


# ---------------------------------------------------------------- paths and the store


def test_relative_paths_begin_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f'{NAME}\nstate_dir = "var/state"\nkeys_dir = "/srv/keys"\ngnupg_home = "~/robot"'
    loaded(tmp_path, (NAME, text))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/of-the-robot")
    config = load(Path("config.toml"))
    assert config.path == tmp_path / "config.toml"
    assert (config.state_dir, config.keys_dir) == (tmp_path / "var/state", Path("/srv/keys"))
    assert config.robot.gnupg_home == Path("/home/of-the-robot/robot")
    assert config.templates_dir is None
    assert with_section(tmp_path, '[templates]\ndir = "letters"').templates_dir == tmp_path / "letters"


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("", "sqlite:///{}/state/mailbot.sqlite"),
        ("sqlite:///db/x.sqlite", "sqlite:///{}/db/x.sqlite"),
        ("sqlite:////srv/x.sqlite", "sqlite:////srv/x.sqlite"),
        ("postgresql://robot@db.example/mailbot", "postgresql://robot@db.example/mailbot"),
    ],
)
def test_the_store_is_where_it_was_said(tmp_path: Path, written: str, url: str) -> None:
    config = with_section(tmp_path, f'[store]\nurl = "{written}"' if written else "")
    assert config.store_url == url.format(tmp_path)


def test_a_url_in_a_file_that_cannot_be_read_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("s3cret, no URL")
    with pytest.raises(SecretUnavailable) as caught:
        _ = with_section(tmp_path, '[store]\nurl_file = "url"').store_url
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


# ---------------------------------------------------------------- who else can read the secrets


def said(config: Config) -> list[tuple[str, str]]:
    base = config.path.parent
    return [(f.id, str(Path(f.place).relative_to(base))) for f in config.secret_file_findings()]


def test_a_secret_for_the_robot_alone_is_as_it_should_be(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    (tmp_path / "imap-password").touch(0o600)
    (tmp_path / "gnupg").mkdir(0o700)
    assert said(config) == []


def test_a_missing_secret_is_an_error(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    assert said(config) == [("secret-file.unreadable", "imap-password")]
    assert config.secret_file_findings()[0].severity is Severity.ERROR


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_secret_that_others_can_use_is_told(tmp_path: Path, mode: int) -> None:
    config = loaded(tmp_path)
    (tmp_path / "imap-password").touch()
    (tmp_path / "imap-password").chmod(mode)
    [finding] = config.secret_file_findings()
    assert (finding.id, finding.severity) == ("secret-file.permissions", Severity.WARNING)
    assert f"{mode:04o}" in finding.message
    assert "chmod 0600" in finding.hint


def test_folders_that_others_can_enter_are_told(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    (tmp_path / "imap-password").touch(0o600)
    for name in ("gnupg", "state"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o755)
    assert said(config) == [("secret-file.permissions", "gnupg"), ("secret-file.permissions", "state")]


def test_a_secret_of_somebody_else_is_told(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    (tmp_path / "imap-password").touch(0o600)
    os.chown(tmp_path / "imap-password", 65534, 65534)
    assert said(config) == [("secret-file.owner", "imap-password")]
