"""An officer at Thunderbird, on a screen that nobody sees. It has the settings of a new profile; what is set here is the
account, and that nothing is asked or fetched from elsewhere at the first start."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mailbot.playground.people import Person
from mailbot.playground.programs import Servers
from tests.clients.marionette import Marionette
from tests.clients.screen import Screen
from tests.clients.terminal import oneself
from tests.servers.programs import Program, find_program, short_folder, wait_until

SECONDS_TO_START: Final = 60.0
SECONDS_TO_SEND: Final = 30.0
_LIBRARY: Final = Path(__file__).with_suffix(".js")
_ENTER: Final = "\ue007"  # how WebDriver writes the key
_CONTROL, _HOME = "\ue009", "\ue011"
_KEY_ID = 16  # digits at the end of a fingerprint

_QUIET: Final[Mapping[str, str | int | bool]] = {
    "app.donation.eoy.version.viewed": 999,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "mail.inappnotifications.enabled": False,
    "mail.provider.enabled": False,
    "mail.rights.version": 1,
    "mail.spellcheck.inline": False,  # which languages there are depends on the machine
    "mailnews.start_page.enabled": False,
    "marionette.port": 0,
    "network.proxy.type": 1,  # nobody listens there: nothing is fetched
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
}


@dataclass(frozen=True)
class Shown:
    """What the window shows of a mail."""

    subject: str
    text: str
    attachments: list[str]
    signature: str  # verified, mismatch, unknown ...
    encryption: str


@dataclass(frozen=True)
class Written:
    """What the window to write in shows before the mail is sent."""

    to: list[str]
    subject: str
    signs: bool
    encrypts: bool
    text: str


class Thunderbird:
    """What the officer does, one method a step. A step ends when the next one can begin."""

    def __init__(self, marionette: Marionette, screen: Screen) -> None:
        """It has just been started."""
        self._inside = marionette
        self._screen = screen

    def set_up(self, person: Person, servers: Servers, clients: Path) -> None:
        """The person's key, everybody's certificates, and the password, as he gave them once."""
        secret = (clients / f"{person.login}.secret.asc").read_text()
        certificates = (clients / "certificates.asc").read_text()
        self._inside.call("importKeys", secret, person.key.fingerprint, certificates)
        for origin in ("imap://127.0.0.1", "smtp://127.0.0.1"):
            self._inside.call("rememberPassword", origin, person.login, servers.password)
        self._inside.call("fillScreen")

    def read(self, message_id: str) -> Shown:
        """Double-click on this mail in the list."""
        self._inside.call("openMail", message_id.strip("<>"))
        return Shown(**self._inside.call("shown"))

    def security(self) -> tuple[list[str], bytes]:
        """What the panel behind the OpenPGP button says of the open mail, and a picture of the screen with it."""
        said: list[str] = self._inside.call("openSecurityPanel")
        picture = self._screen.picture()
        self._inside.call("closeSecurityPanel")
        return said, picture

    def save_decrypted(self) -> bytes:
        """The open mail as its menu's decrypted copy, saved: for the author's own signature, which it does not show."""
        with tempfile.TemporaryDirectory(prefix="mb") as folder:
            path = Path(folder, "copy.eml")
            self._inside.call("saveDecrypted", str(path))
            return path.read_bytes()

    def reply(self, text: str, *, at_the_top: bool = False) -> Written:
        """Press Reply and write where the cursor stands, or first of all; send it."""
        [main] = self._inside.handles()
        self._inside.call("pressReply")
        self._inside.switch(next(handle for handle in self._inside.handles() if handle != main))
        self._inside.call("beginToWrite")
        if at_the_top:
            self._inside.press(_CONTROL, _HOME)
        self._inside.type(text.replace("\n", _ENTER))
        written = Written(**self._inside.call("written"))
        self._inside.call("pressSend")
        self._inside.switch(main)
        wait_until(lambda: self._inside.handles() == [main], "sent", SECONDS_TO_SEND, 0.1)
        return written

    def explain(self) -> str:
        """What it shows now; the picture is kept in a file."""
        with tempfile.NamedTemporaryFile(prefix="thunderbird-", suffix=".png", delete=False) as picture:
            picture.write(self._screen.picture())
        words = "?"
        with suppress(Exception):
            words = "\n".join(self._inside.call("otherWindows"))
        return f"Thunderbird's screen: {picture.name}\nits windows: {words}"


@contextmanager
def thunderbird(clients: Path, person: Person, servers: Servers) -> Iterator[Thunderbird]:
    """Thunderbird of this person; `clients`: what `hand_over` wrote. A failure is told with what it shows and said."""
    with ExitStack() as closing:
        screen = closing.enter_context(Screen())
        folder = short_folder(oneself())
        (folder / "home").mkdir()
        _write_profile(folder / "profile", person, servers)
        program = Program([*_environment(folder, screen), *_command(folder)], folder, oneself())
        program.start(lambda: True)
        closing.callback(program.remove)
        officer = None
        try:
            officer = Thunderbird(closing.enter_context(_connected(folder / "profile")), screen)
            officer.set_up(person, servers, clients)
            yield officer
        except BaseException as problem:
            problem.add_note(officer.explain() if officer else "Thunderbird does not answer")
            problem.add_note(f"Thunderbird said:\n{program.said[-3000:]}")
            raise


def _command(folder: Path) -> list[str]:
    program = find_program("thunderbird", "thunderbird")
    return [program, "--profile", str(folder / "profile"), "--no-remote", "--marionette", "--remote-allow-system-access"]


def _environment(folder: Path, screen: Screen) -> list[str]:
    """No more of ours than the path to programs; as root it works as well."""
    given = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "home"),
        "DISPLAY": screen.display,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "NO_AT_BRIDGE": "1",  # no search for assistive technology on a bus that is not there
        "MOZ_CRASHREPORTER_DISABLE": "1",
    }
    return ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in given.items())]


def _connected(profile: Path) -> Marionette:
    """It writes the port that it listens on into its profile."""
    port = profile / "MarionetteActivePort"
    wait_until(lambda: port.is_file() and port.read_text().strip().isdigit(), "Thunderbird's start", SECONDS_TO_START)
    return Marionette(int(port.read_text()), _LIBRARY, SECONDS_TO_START)


def _write_profile(folder: Path, person: Person, servers: Servers) -> None:
    folder.mkdir()
    settings = {**_QUIET, **_account(person, servers)}
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings.items())
    (folder / "user.js").write_text("".join(lines))


def _account(person: Person, servers: Servers) -> dict[str, Any]:
    """What the account's dialogs write: IMAP, SMTP, the key, and that every mail is signed and encrypted."""
    clear, password = 0, 3  # nsMsgSocketType.plain, nsMsgAuthMethod.passwordCleartext
    groups: dict[str, dict[str, Any]] = {
        "mail.accountmanager": {"accounts": "account1,account2", "defaultaccount": "account1"},
        "mail.account.account1": {"identities": "id1", "server": "server1"},
        "mail.account.account2": {"server": "server2"},
        "mail.server.server1": {
            "type": "imap",
            "name": person.address,
            "hostname": "127.0.0.1",
            "port": servers.imap_port,
            "userName": person.login,
            "socketType": clear,
            "authMethod": password,
            "login_at_startup": False,  # its password comes a moment later
        },
        "mail.server.server2": {"type": "none", "name": "Local Folders", "hostname": "Local Folders", "userName": "nobody"},
        "mail.smtp": {"defaultserver": "smtp1"},
        "mail.smtpserver.smtp1": {
            "hostname": "127.0.0.1",
            "port": servers.smtp_port,
            "username": person.login,
            "try_ssl": clear,
            "authMethod": password,
        },
        "mail.identity.id1": {
            "fullName": person.name,
            "useremail": person.address,
            "smtpServer": "smtp1",
            "valid": True,
            "openpgp_key_id": person.key.fingerprint[-_KEY_ID:],
            "sign_mail": True,
            "encryptionpolicy": 2,
        },
    }
    named = {f"{group}.{name}": value for group, values in groups.items() for name, value in values.items()}
    return {**named, "mail.smtpservers": "smtp1", "mail.accountmanager.localfoldersserver": "server2"}
