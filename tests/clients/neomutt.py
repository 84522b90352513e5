"""An officer at the keyboard of neomutt, with the configuration that `mailbot demo --keep` writes."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailbot.playground.people import Person
from mailbot.playground.programs import start_neomutt
from tests.clients.terminal import Terminal
from tests.servers.programs import find_program

_INDEX, _COMPOSE = "q:Quit", "y:Send"  # how the first lines of two of its pages begin
_END_OF_MAIL = "[-- End of PGP/MIME"


class Neomutt:
    """What the officer does, one method a step. A step ends when the next one can begin."""

    def __init__(self, terminal: Terminal) -> None:
        """It has just been started in this terminal."""
        self._terminal = terminal

    def read(self, outer_subject: str) -> str:
        """Open the mail in whose line of the list this stands; everything that is shown of it."""
        listed = self._terminal.wait_for(outer_subject)
        [line] = [line for line in listed.splitlines() if outer_subject in line]
        self._terminal.type(line.split()[0])  # its number
        self._answer("Jump to message", "Enter", "Enter")
        return self._terminal.wait_for(_END_OF_MAIL)

    def reply(self, text: str) -> str:
        """Press Reply, write above the quoted text, and leave the editor; the page on which the mail is then sent."""
        self._terminal.press("r")
        self._answer("To: ", "Enter")
        self._answer("Subject: ", "Enter")
        self._answer("Include message in reply?", "y")
        self._write_above_quoted(text)
        return self._terminal.wait_for(_COMPOSE)

    def send(self) -> None:
        """Send the mail as it is."""
        self._terminal.press("y")
        self._terminal.wait_for("Mail sent")

    def leave(self) -> None:
        """Back to the list."""
        self._terminal.press("i")
        self._terminal.wait_for(_INDEX)

    def _write_above_quoted(self, text: str) -> None:
        """In nano, whose first lines are the header."""
        self._terminal.wait_for("GNU nano")
        self._terminal.press("C-w")
        self._answer("Search", "wrote:", "Enter", "Home")
        self._terminal.type(text)
        self._terminal.press("C-x")
        self._answer("Save modified buffer?", "y")
        self._answer("File Name to Write", "Enter")

    def _answer(self, question: str, *keys: str) -> None:
        self._terminal.wait_for(question)
        self._terminal.press(*keys)


@contextmanager
def neomutt(clients: Path, person: Person) -> Iterator[Neomutt]:
    """neomutt of this person; `clients`: what `hand_over` wrote. A failure is told with what stands on the screen."""
    find_program("neomutt", "neomutt")
    editor = f"{find_program('nano', 'nano')} --ignorercfiles"
    with tempfile.TemporaryDirectory(prefix="mb") as home:
        environment = {"HOME": home, "TMPDIR": home, "EDITOR": editor}
        with Terminal(start_neomutt(clients, person), environment) as terminal:
            yield Neomutt(terminal)
