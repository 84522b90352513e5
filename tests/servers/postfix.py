"""Postfix, Debian's own: an MX and two submission ports in front of Dovecot, on loopback, with a queue of its own.

It takes mail for Dovecot's accounts, refuses unknown users at RCPT (550 5.1.1), offers DSN, and writes real bounces:

    anybody@undeliverable.example   is taken at first and bounces afterwards
    anybody@deferred.example        is taken and stays in the queue, tried again and again
"""

import os
import shutil
import signal
import subprocess
from typing import Self

from tests.servers.dovecot import Dovecot
from tests.servers.programs import Program, User, answers, find_program, free_ports, look_old, short_folder
from tests.servers.recipients import RecipientServer

UNDELIVERABLE = "undeliverable.example"
DEFERRED = "deferred.example"

_MAIN = """
compatibility_level = 3.7
config_directory = {folder}/etc
queue_directory = {folder}/queue
data_directory = {folder}/data
meta_directory = /etc/postfix
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LANG=C

myhostname = mx.mailbot.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
mynetworks =
alias_maps =
local_recipient_maps =
notify_classes =
biff = no
local_header_rewrite_clients =
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
message_size_limit = 100000000
mailbox_size_limit = 0
recipient_delimiter = +

relay_domains = example
relay_recipient_maps = socketmap:inet:127.0.0.1:{recipients.port}:addresses, texthash:{folder}/etc/taken
relay_transport = lmtp:inet:127.0.0.1:{dovecot.lmtp_port}
transport_maps = texthash:{folder}/etc/transport
smtpd_relay_restrictions = permit_auth_destination, reject

queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 5s
delay_warning_time = {delay_warning}s

smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate.cert_file}
smtpd_tls_key_file = {certificate.key_file}
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{dovecot.sasl_port}
smtpd_sasl_security_options = noanonymous
"""

_MASTER = """
127.0.0.1:{mx} inet n - n - - smtpd
127.0.0.1:{submission} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt -o {login}
127.0.0.1:{submissions} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o {login}
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
pickup unix n - n 60 1 pickup
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
showq unix n - n - - showq
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
# A process of its own for each connection: one that is used again may hold a connection to a Dovecot that has been
# restarted since, and then refuses the first login (454 4.7.0).
_LOGIN = "max_use=1 -o smtpd_sasl_auth_enable=yes -o smtpd_relay_restrictions=permit_sasl_authenticated,reject"

_PRIVATE_QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "saved", "trace")
_FOLDERS_OF_POSTFIX = {f"queue/{name}": 0o700 for name in (*_PRIVATE_QUEUES, "private")}
_FOLDERS_OF_POSTFIX |= {"queue/maildrop": 0o1730, "queue/public": 0o2710, "data": 0o755}


class Postfix:
    """A Postfix that delivers to a Dovecot. Needs root, as Postfix does."""

    host = "127.0.0.1"

    def __init__(self, dovecot: Dovecot, *, delay_warning: int = 0) -> None:
        """Prepare it, not yet started; `delay_warning`: seconds after which a sender hears of a delay, 0: never.

        Raises MissingServerError if it is not installed, PermissionError if we are not root.
        """
        master = find_program("/usr/lib/postfix/sbin/master", "postfix")
        self._queue_program = find_program("/usr/sbin/postqueue", "postfix")
        if os.getuid() != 0:
            raise PermissionError("Postfix starts as root only: run these tests as root")
        root = User("root", 0, 0)
        self._folder = short_folder(root)
        self._configuration = self._folder / "etc"
        self.port, self.submission_port, self.submissions_port = free_ports(3)
        """MX, without TLS or login; submission with STARTTLS and login; the same with TLS from the start."""
        self._recipients = RecipientServer(dovecot.addresses)
        self._make_folders()
        self._write_configuration(dovecot, delay_warning)
        self._program = Program([master, "-s", "-c", str(self._configuration)], self._folder, root)

    def __enter__(self) -> Self:
        """Start."""
        self._recipients.__enter__()
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """End and leave nothing behind."""
        self._program.remove()
        self._recipients.__exit__()

    def start(self) -> None:
        """Start, or start again on the same ports with the same queue; returns when it answers."""
        self._program.start(lambda: answers(self.port, b"220"))

    def stop(self) -> None:
        """End in order."""
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

    def flush(self) -> None:
        """Try everything in the queue again now."""
        subprocess.run([self._queue_program, "-c", str(self._configuration), "-f"], check=True)

    @property
    def queue(self) -> list[str]:
        """What waits, one JSON object for each mail."""
        command = [self._queue_program, "-c", str(self._configuration), "-j"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()

    def empty_queue(self) -> None:
        """Forget everything that waits."""
        command = [self._queue_program.replace("postqueue", "postsuper"), "-c", str(self._configuration), "-d", "ALL"]
        subprocess.run(command, check=True, capture_output=True)

    @property
    def log(self) -> str:
        """What it logged."""
        return (self._folder / "log").read_text("utf-8", "replace")

    def _make_folders(self) -> None:
        """What `postfix check` makes in two seconds."""
        for name in ("etc", "queue", "queue/pid"):
            (self._folder / name).mkdir()
        for name, mode in _FOLDERS_OF_POSTFIX.items():
            made = self._folder / name
            made.mkdir()
            shutil.chown(made, "postfix", "postdrop")
            made.chmod(mode)

    def _write_configuration(self, dovecot: Dovecot, delay_warning: int) -> None:
        files = {
            "main.cf": _MAIN.format(
                folder=self._folder,
                dovecot=dovecot,
                recipients=self._recipients,
                certificate=dovecot.authority.localhost,
                delay_warning=delay_warning,
            ),
            "master.cf": _MASTER.format(
                mx=self.port, submission=self.submission_port, submissions=self.submissions_port, login=_LOGIN
            ),
            "taken": f"@{UNDELIVERABLE} OK\n@{DEFERRED} OK\n",
            "transport": f"{DEFERRED} smtp:[127.0.0.1]:1\n",  # port 1: connection refused
        }
        for name, text in files.items():
            path = self._configuration / name
            path.write_text(text.lstrip())
            look_old(path)
