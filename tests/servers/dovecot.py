"""Dovecot, Debian's own, unprivileged: IMAP with every way to log in, LMTP for putting mail in, SASL for Postfix."""

import grp
import re
import shutil
import signal
import socket
from typing import BinaryIO, Self

from imapclient import IMAPClient

from tests.servers.authority import Authority
from tests.servers.programs import (
    Program,
    answers,
    find_program,
    free_ports,
    ordinary_user,
    short_folder,
    wait_until,
)
from tests.servers.tokens import TokenServer

PASSWORD = "correct horse"

_CONFIGURATION = """
protocols = imap lmtp
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/run
instance_name = mailbot-tests
log_path = /dev/stderr
default_internal_user = {user.name}
default_internal_group = {group}
default_login_user = {user.name}
first_valid_uid = 1
first_valid_gid = 1
postmaster_address = postmaster@mailbot.example
recipient_delimiter = +
mail_location = maildir:~/Maildir
mail_fsync = never
mail_max_userip_connections = 1000

ssl = yes
ssl_cert = <{certificate.cert_file}
ssl_key = <{certificate.key_file}

disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = {folder}/users/%Lu
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2
}}
userdb {{
  driver = passwd-file
  args = {folder}/users/%Lu
}}

service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0  # else a wrong password makes everybody on this address wait for seconds
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap-urlauth-login {{
  chroot =
}}
service auth {{
  inet_listener sasl {{
    port = {sasl}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}

namespace inbox {{
  inbox = yes
  separator = /
  mailbox Drafts {{
    auto = subscribe
    special_use = \\Drafts
  }}
  mailbox Sent {{
    auto = subscribe
    special_use = \\Sent
  }}
  mailbox Trash {{
    auto = subscribe
    special_use = \\Trash
  }}
}}
"""

_OAUTH2 = """
tokeninfo_url = {url}
introspection_mode = auth
username_attribute = username
active_attribute = active
active_value = true
"""


class Dovecot:
    """A Dovecot with accounts of its own. Mail to `a+x@d` reaches `a@d`; every account has the password PASSWORD.

    Tests share it: each adds an account for itself.
    """

    host = "127.0.0.1"

    def __init__(self, authority: Authority) -> None:
        """Prepare it, not yet started. Raises MissingServerError."""
        program = find_program("/usr/sbin/dovecot", "dovecot-core")
        find_program("/usr/lib/dovecot/imap", "dovecot-imapd")
        find_program("/usr/lib/dovecot/lmtp", "dovecot-lmtpd")
        self.authority = authority
        self._user = ordinary_user("nobody")
        self._folder = short_folder(self._user)
        self._oauth2 = TokenServer()
        self.tokens = self._oauth2.tokens
        """OAuth2 token -> login; may be changed at any time."""
        self.addresses: set[str] = set()
        """Every address that mail is taken for, in lower case."""
        self.port, self.imaps_port, self.lmtp_port, self.sasl_port = free_ports(4)
        self._write_configuration()
        self._program = Program([program, "-F", "-c", str(self._folder / "conf")], self._folder, self._user)

    def __enter__(self) -> Self:
        """Start."""
        self._oauth2.__enter__()
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """End and leave nothing behind."""
        self._program.remove()
        self._oauth2.__exit__()

    # ---- alive, dead, silent ----

    def start(self) -> None:
        """Start, or start again on the same ports with the same mail; returns when it answers."""
        self._program.start(lambda: answers(self.port, b"* OK"))

    def stop(self) -> None:
        """End in order: connections get a BYE."""
        self._program.stop()

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End at once, without a word to anybody; `start` brings it back."""
        self._program.kill()

    def freeze(self) -> None:
        """Fall silent: connections stay open and nothing answers."""
        self._program.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self._program.signal(signal.SIGCONT)

    @property
    def log(self) -> str:
        """What it logged."""
        return self._program.said

    # ---- accounts and mail ----

    def add(self, address: str, *aliases: str) -> str:
        """An account, empty, with more addresses for the same mailbox; any of them is a login. Returns the address."""
        home = self._folder / "mail" / address
        shutil.rmtree(home, ignore_errors=True)
        for name in {address, *aliases}:
            line = f"{name}:{{PLAIN}}{PASSWORD}:{self._user.uid}:{self._user.gid}::{home}::\n"
            (self._folder / "users" / name.lower()).write_text(line)
            self.addresses.add(name.lower())
        return address

    def login(self, address: str) -> IMAPClient:
        """A client that has logged in, over a verified TLS connection."""
        client = IMAPClient("localhost", self.imaps_port, ssl_context=self.authority.client_context(), timeout=10)
        client.login(address, PASSWORD)
        return client

    def deliver(self, address: str, octets: bytes, sender: str = "somebody@desk.example") -> None:
        """Put a mail into an account by LMTP, as Postfix does; nobody answers mail without `sender`.

        Raises RuntimeError if Dovecot refuses it.
        """
        stuffed = re.sub(rb"(?m)^\.", b"..", octets)
        end = b".\r\n" if stuffed.endswith(b"\n") else b"\r\n.\r\n"
        with (
            socket.create_connection((self.host, self.lmtp_port), 10) as connection,
            connection.makefile("rb") as lines,
        ):
            _expect(lines, b"2")
            for command in (b"LHLO localhost", f"MAIL FROM:<{sender}>".encode(), f"RCPT TO:<{address}>".encode()):
                connection.sendall(command + b"\r\n")
                _expect(lines, b"2")
            connection.sendall(b"DATA\r\n")
            _expect(lines, b"3")
            connection.sendall(stuffed + end)
            _expect(lines, b"2")

    def mails(self, address: str, folder: str = "INBOX") -> list[bytes]:
        """The mails in a folder of an account, oldest first; none if there is no such folder."""
        with self.login(address) as client:
            if not client.folder_exists(folder):
                return []
            client.select_folder(folder, readonly=True)
            found = client.fetch(client.search(), ["BODY.PEEK[]"])
            return [found[uid][b"BODY[]"] for uid in sorted(found)]

    def wait(self, address: str, count: int, folder: str = "INBOX", seconds: float = 15.0) -> list[bytes]:
        """Wait until that many mails are in the folder. Raises TimeoutError."""
        with self.login(address) as client:
            wait_until(
                lambda: client.folder_exists(folder) and client.folder_status(folder)[b"MESSAGES"] >= count,
                f"{count} mails in {folder} of {address}",
                seconds,
                pause=0.03,
            )
        return self.mails(address, folder)

    def _write_configuration(self) -> None:
        group = grp.getgrgid(self._user.gid).gr_name
        text = _CONFIGURATION.format(
            folder=self._folder,
            user=self._user,
            group=group,
            certificate=self.authority.localhost,
            imap=self.port,
            imaps=self.imaps_port,
            lmtp=self.lmtp_port,
            sasl=self.sasl_port,
        )
        (self._folder / "conf").write_text(text)
        (self._folder / "oauth2").write_text(_OAUTH2.format(url=self._oauth2.url))
        (self._folder / "users").mkdir()  # a file for each: Dovecot looks only once a second whether a file has grown


def _expect(lines: BinaryIO, code: bytes) -> None:
    while (line := lines.readline())[3:4] == b"-":
        pass
    if not line.startswith(code):
        raise RuntimeError(f"LMTP answered {line!r}")
