"""Hardened units for systemd: one service, or receive and send under two users (trust.md 19)."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

WATCHDOG = 300  # seconds without a sign of life; a mail may take 120 of them


@dataclass(frozen=True, slots=True)
class Place:
    """Where the robot's folder is, and how it is started."""

    folder: Path

    @property
    def command(self) -> str:
        """The mailbot of this very Python."""
        script = Path(sys.executable).with_name("mailbot")
        if script.exists():
            return shlex.quote(str(script))
        return shlex.join([sys.executable, "-P", "-m", "mailbot"])

    @property
    def checkout(self) -> Path:
        """Where the package lies."""
        return Path(__file__).parents[2]


_SANDBOX = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
KeyringMode=private
UMask=0077
"""

_UNIT = """\
# {path}
[Unit]
Description={description}
Wants=network-online.target
After=network-online.target time-sync.target postgresql.service

[Service]
Type=notify
NotifyAccess=all
WatchdogSec={watchdog}
ExecStart={command} {verb} --config {folder}/config.toml
Environment=PYTHONPATH={checkout} PYTHONDONTWRITEBYTECODE=1
WorkingDirectory={folder}
User={user}
{group}Restart=always
RestartSec=5
TimeoutStopSec=60
{paths}{sandbox}
[Install]
WantedBy=multi-user.target
"""


def one_service(place: Place) -> str:
    """The unit of `mailbot run`."""
    return _unit(place, "mailbot", "run", "mailbot: the network's hub", [f"ReadWritePaths={place.folder}"])


def two_services(place: Place) -> str:
    """The units of `mailbot receive` and `mailbot send`; secrets of the sender are handed to it by systemd."""
    handover = "/var/lib/mailbot-handover"
    receive = _unit(
        place,
        "mailbot-receive",
        "receive",
        "mailbot: opens, decides, seals",
        [f"ReadWritePaths={place.folder} {handover}"],
        group="mailbot",
    )
    # Its user cannot enter the robot's folder: the configuration and the password come as credentials.
    send = _unit(
        place,
        "mailbot-send",
        "send",
        "mailbot: delivers what is sealed",
        [
            f"ReadWritePaths={handover}",
            f"InaccessiblePaths=-{place.folder}/gnupg -{place.folder}/state -{place.folder}/keys",
            f"LoadCredential=smtp-password:{place.folder}/secrets/smtp-password",
        ],
        group="mailbot",
    )
    return f"{_TWO_USERS.format(folder=place.folder, handover=handover)}\n{receive}\n{send}"


_TWO_USERS = """\
# Once, as root:
#   groupadd --force --system mailbot
#   useradd --system --gid mailbot --home-dir {folder} --shell /usr/sbin/nologin mailbot-receive
#   useradd --system --gid mailbot --home-dir / --shell /usr/sbin/nologin mailbot-send
#   install -d -o mailbot-receive -g mailbot -m 2770 {handover}
#   chown -R mailbot-receive {folder} && chmod 0711 {folder} && chgrp mailbot {folder}/config.toml
#   chmod 0640 {folder}/config.toml
# and in config.toml: [send] handover = "{handover}", [smtp] password_credential = "smtp-password"
# in the place of password_file. All other commands as mailbot-receive: CREDENTIALS_DIRECTORY=secrets mailbot check
"""


def _unit(place: Place, name: str, verb: str, description: str, paths: list[str], group: str = "") -> str:
    return _UNIT.format(
        path=f"/etc/systemd/system/{name}.service",
        description=description,
        watchdog=WATCHDOG,
        command=place.command,
        verb=verb,
        folder=place.folder,
        checkout=place.checkout,
        user=name,
        group=f"Group={group}\n" if group else "",
        paths="".join(f"{line}\n" for line in paths),
        sandbox=_SANDBOX,
    )
