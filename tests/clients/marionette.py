"""A small client of Marionette, the protocol by which Mozilla's programs are driven from outside.

A packet is `length:JSON`. A command is [0, number, name, parameters], its answer [1, number, error, result].
Source: remote/marionette/message.sys.mjs and driver.sys.mjs of Mozilla.
"""

import json
import socket
from pathlib import Path
from typing import Any, Self


class ScriptFailed(Exception):
    """Thunderbird could not do what it was told; says why, and where in the script."""


class Marionette:
    """One session; whatever is run sees Thunderbird's windows from inside, as its own code does."""

    def __init__(self, port: int, library: Path, seconds: float) -> None:
        """`library`: functions in JavaScript that `call` knows by name; `seconds`: how long one of them may take."""
        self._library = library
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=seconds + 5)
        self._stream = self._connection.makefile("rb")
        self._number = 0
        self._receive()  # its greeting
        self._command("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"unhandledPromptBehavior": "ignore"}}})
        self._command("WebDriver:SetTimeouts", {"script": int(seconds * 1000)})
        self._command("Marionette:SetContext", {"value": "chrome"})

    def __enter__(self) -> Self:
        """Nothing to do: it is connected."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Hang up."""
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self._connection.close()

    def call(self, name: str, *arguments: Any) -> Any:
        """What a function of the library gives; awaited if need be. Raises ScriptFailed."""
        script = f"{self._library.read_text('utf-8')}\nreturn {name}(...arguments);"
        return self._command(
            "WebDriver:ExecuteScript",
            {"script": script, "args": arguments, "sandbox": None, "filename": self._library.name, "line": 0},
        )["value"]

    def type(self, text: str) -> None:
        """Press the key of each character, one after the other."""
        self._act([move for key in text for move in (_down(key), _up(key))])

    def press(self, *keys: str) -> None:
        """Press these keys together."""
        self._act([*map(_down, keys), *map(_up, reversed(keys))])

    def handles(self) -> list[str]:
        """A handle for each open window."""
        found: list[str] = self._command("WebDriver:GetWindowHandles", {})
        return found

    def switch(self, handle: str) -> None:
        """Let what follows happen in this window."""
        self._command("WebDriver:SwitchToWindow", {"handle": handle, "focus": True})

    def _act(self, moves: list[dict[str, str]]) -> None:
        actions = [{"type": "key", "id": "keyboard", "actions": moves}]
        self._command("WebDriver:PerformActions", {"actions": actions})

    def _command(self, name: str, parameters: dict[str, Any]) -> Any:
        self._number += 1
        octets = json.dumps([0, self._number, name, parameters]).encode()
        self._connection.sendall(b"%d:%b" % (len(octets), octets))
        _, number, error, result = self._receive()
        assert number == self._number
        if error:
            raise ScriptFailed(f"{name}: {error['error']}: {error['message']}\n{error['stacktrace']}")
        return result

    def _receive(self) -> Any:
        digits = b""
        while not digits.endswith(b":"):
            octet = self._stream.read(1)
            if not octet:
                raise ScriptFailed("Thunderbird hung up")
            digits += octet
        return json.loads(self._stream.read(int(digits[:-1])))


def _down(key: str) -> dict[str, str]:
    return {"type": "keyDown", "value": key}


def _up(key: str) -> dict[str, str]:
    return {"type": "keyUp", "value": key}
