"""An officer at Thunderbird, on a screen that nobody sees: what he does there, and what it shows him."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailbot.playground.people import Person
from mailbot.playground.programs import Servers
from tests.clients.marionette import Marionette
from tests.clients.profile import write_profile
from tests.clients.screen import Screen
from tests.clients.terminal import oneself
from tests.servers.programs import Program, find_program, short_folder, wait_until

SECONDS_TO_START: Final = 60.0
SECONDS_TO_SEND: Final = 30.0
_LIBRARY: Final = Path(__file__).with_suffix(".js")
_ENTER: Final = "\ue007"  # how WebDriver writes the key
_CONTROL, _HOME = "\ue009", "\ue011"


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
        windows: list[str] = []
        with suppress(Exception):
            windows = self._inside.call("windows")
        return "\n".join([f"Thunderbird's screen is kept in {picture.name}, its windows are:", *windows])


@contextmanager
def thunderbird(clients: Path, person: Person, servers: Servers) -> Iterator[Thunderbird]:
    """Thunderbird of this person; `clients`: what `hand_over` wrote. A failure is told with what it shows and said."""
    program_file = find_program("thunderbird", "thunderbird")
    with ExitStack() as closing:
        screen = closing.enter_context(Screen())
        folder = short_folder(oneself())
        (folder / "home").mkdir()
        write_profile(folder / "profile", person, servers)
        inside = ["--no-remote", "--marionette", "--remote-allow-system-access"]
        command = [program_file, "--profile", str(folder / "profile"), *inside]
        program = Program([*_environment(folder, screen), *command], folder, oneself())
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
