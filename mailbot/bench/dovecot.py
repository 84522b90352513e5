"""Dovecot, where the machine has it, as a server for this benchmark alone: loopback, a folder of its own, no root."""

import grp
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Self

_PROGRAM = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
_PATIENCE = 10.0  # seconds until it must answer

# Mail is not synced to the disk: what is measured is the robot, not the disk of somebody else's server.
_CONFIGURATION = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/run
instance_name = mailbot-bench
log_path = {folder}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{folder}/mail/%u
mail_fsync = never
ssl = no
disable_plaintext_auth = no
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
}}
service imap-urlauth-login {{
  chroot =
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"""


def is_installed() -> bool:
    """Whether this machine has Dovecot with IMAP."""
    return _PROGRAM is not None and Path("/usr/lib/dovecot/imap").exists()


class Dovecot:
    """Any account has this password. Raises OSError or TimeoutError when it does not start."""

    name = "Dovecot"

    def __init__(self) -> None:
        """Not yet started."""
        self.password = secrets.token_urlsafe(12)
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def __enter__(self) -> Self:
        """Start."""
        user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self._folder = Path(tempfile.mkdtemp(prefix="mb"))
        os.chown(self._folder, user.pw_uid, user.pw_gid)
        text = _CONFIGURATION.format(
            folder=self._folder,
            user=user.pw_name,
            group=grp.getgrgid(user.pw_gid).gr_name,
            uid=user.pw_uid,
            gid=user.pw_gid,
            port=self.port,
            password=self.password,
        )
        settings = self._folder / "conf"
        settings.write_text(text)
        os.chown(settings, user.pw_uid, user.pw_gid)
        root = os.getuid() == 0
        self._process = subprocess.Popen(
            [str(_PROGRAM), "-F", "-c", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            user=user.pw_uid if root else None,
            group=user.pw_gid if root else None,
            extra_groups=[] if root else None,
        )
        try:
            self._await_greeting()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        """End it and its children, and leave nothing behind."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _await_greeting(self) -> None:
        end = monotonic() + _PATIENCE
        while monotonic() < end and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                if connection.recv(100).startswith(b"* OK"):
                    return
            sleep(0.02)
        raise TimeoutError("Dovecot does not answer")
