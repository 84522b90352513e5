"""Hands the playground over to real mail programs: keys to import, and a neomutt configuration for each account."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mailbot.playground.keys import Key
from mailbot.playground.people import Person

_NEOMUTT = """\
# Start with: {start}
set realname = "{person.name}"
set from = "{person.address}"
set folder = "imap://127.0.0.1:{servers.imap_port}/"
set spoolfile = "+INBOX"
set record = "+Sent"
set imap_user = "{person.login}"
set imap_pass = "{servers.password}"
set smtp_url = "smtp://{person.login}@127.0.0.1:{servers.smtp_port}/"
set smtp_pass = "{servers.password}"
set smtp_authenticators = "plain"
set ssl_starttls = no
set ssl_force_tls = no
set imap_idle = yes
set mail_check = 5
set timeout = 5
set edit_headers = yes

set crypt_use_gpgme = yes
set pgp_default_key = "{person.key.fingerprint}"
set crypt_autosign = yes
set crypt_autoencrypt = yes
set crypt_verify_sig = yes
set crypt_protected_headers_read = yes
set crypt_protected_headers_write = yes
set crypt_protected_headers_subject = "..."
alias hub {person.hub.address}
"""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where a mail program connects, without TLS: the playground is reachable from this machine alone."""

    imap_port: int
    smtp_port: int
    password: str  # of every account


def hand_over(folder: Path, people: Mapping[str, Person], robot: Key, servers: Servers) -> None:
    """Write into `folder`: each one's secret key, everybody's certificates, and a neomutt configuration for each."""
    folder.mkdir(mode=0o700)
    everybody = [robot, *(person.key for person in people.values())]
    (folder / "certificates.asc").write_bytes(b"\n".join(key.certificate for key in everybody))
    for person in people.values():
        (folder / f"{person.login}.secret.asc").write_bytes(person.key.export_secret())
        person.key.believe(*(key.fingerprint for key in everybody))
        text = _NEOMUTT.format(person=person, servers=servers, start=start_neomutt(folder, person))
        (folder / f"{person.login}.neomuttrc").write_text(text)


def start_neomutt(folder: Path, person: Person) -> str:
    """The command line."""
    return f"GNUPGHOME={person.key.home} neomutt -F {folder / f'{person.login}.neomuttrc'}"


def explain(folder: Path, people: Mapping[str, Person], robot: Key, servers: Servers, console: Console) -> None:
    """How to connect."""
    table = Table("user name", "address", "party", "secret key to import", title="Accounts", title_justify="left")
    for person in people.values():
        table.add_row(person.login, person.address, person.party, f"{person.login}.secret.asc")
    console.print(table)
    first = next(iter(people.values()))
    lines = f"""\
IMAP: 127.0.0.1 port {servers.imap_port}. SMTP: 127.0.0.1 port {servers.smtp_port}.
Connection security: none. Authentication: normal password. Every account's password: {servers.password}
Keys: {folder}. Import your own and certificates.asc, and accept them as verified.
Write to {first.hub.address}, whose key is {robot.fingerprint}
neomutt: {start_neomutt(folder, first)}"""
    console.print(lines, soft_wrap=True, highlight=False)
