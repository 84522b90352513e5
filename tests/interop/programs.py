"""GnuPG, Sequoia and RNP as members use them: each with one reader's secret key and the certificates of the others."""

import base64
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.keys import ALWAYS, SAFE, end_home, fresh_home


class Unable(Exception):
    """The program does not do what was asked; its words are the text."""


@dataclass(frozen=True)
class Member:
    """Somebody's key, armoured."""

    fingerprint: str
    public: bytes = field(repr=False)
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Form:
    """How a program shall write a message."""

    compression: str = "none"
    coat: str = "armour"  # "armour", "armour without checksum", "binary"


class Program(ABC):
    """One of the three; with the key of one member, and the robot's certificate."""

    name: str

    def __init__(self, member: Member, robot: bytes) -> None:
        """Everything in a place of its own."""
        self.home, self.member, self.robot = fresh_home(), member, robot
        (self.home / "secret").write_bytes(member.secret)
        (self.home / "public").write_bytes(member.public)
        (self.home / "robot").write_bytes(robot)

    @classmethod
    @abstractmethod
    def version(cls) -> str:
        """As it names itself."""

    @abstractmethod
    def seal(self, octets: bytes, to: str, form: Form) -> bytes:
        """Signed by the member, encrypted to the robot, whose fingerprint is `to`; armoured or not. Raises Unable."""

    @abstractmethod
    def open(self, message: bytes) -> bytes:
        """The content, with a good signature of the robot's. Raises Unable."""

    @abstractmethod
    def check(self, signed: bytes, signature: bytes) -> bool:
        """Whether this is a good detached signature of the member's own."""

    def close(self) -> None:
        end_home(self.home)

    def _say(self, *command: str, octets: bytes = b"") -> tuple[bytes, str]:
        done = subprocess.run(command, input=octets, capture_output=True, check=False, cwd=self.home)
        said = done.stderr.decode("utf-8", "replace")
        if done.returncode:
            raise Unable(said)
        return done.stdout, said

    def _put(self, name: str, octets: bytes) -> str:
        (self.home / name).write_bytes(octets)
        return str(self.home / name)


class GnuPG(Program):
    name = "GnuPG"

    def __init__(self, member: Member, robot: bytes) -> None:
        super().__init__(member, robot)
        self._gpg("--import", octets=member.secret + b"\n" + robot)

    @classmethod
    def version(cls) -> str:
        return _version("gpg", "--version")

    def seal(self, octets: bytes, to: str, form: Form) -> bytes:
        coat = ["--armor"] * (form.coat != "binary")
        how = ["--compress-algo", form.compression, "--local-user", self.member.fingerprint, "--recipient", to]
        return self._gpg(*coat, *how, "--sign", "--encrypt", octets=octets)[0]

    def open(self, message: bytes) -> bytes:
        opened, said = self._gpg("--decrypt", octets=message)
        if "[GNUPG:] GOODSIG" not in said:
            raise Unable(said)
        return opened

    def check(self, signed: bytes, signature: bytes) -> bool:
        paths = self._put("signature", signature), self._put("signed", signed)
        return "[GNUPG:] GOODSIG" in self._gpg("--verify", *paths)[1]

    def _gpg(self, *words: str, octets: bytes = b"") -> tuple[bytes, str]:
        return self._say("gpg", "--homedir", str(self.home), *SAFE, *ALWAYS, "--status-fd", "2", *words, octets=octets)


class Sequoia(Program):
    name = "Sequoia"

    @classmethod
    def version(cls) -> str:
        return _version("sq", "--version")

    def seal(self, octets: bytes, to: str, form: Form) -> bytes:
        coat = ["--binary"] * (form.coat == "binary")
        how = ["--compression", form.compression, "--recipient-cert", "robot", "--signer-key", "secret"]
        return self._say("sq", "encrypt", *coat, *how, octets=octets)[0]

    def open(self, message: bytes) -> bytes:
        keys = ["--recipient-key", "secret", "--signer-cert", "robot", "--signatures", "1"]
        return self._say("sq", "decrypt", *keys, octets=message)[0]

    def check(self, signed: bytes, signature: bytes) -> bool:
        paths = self._put("signature", signature), self._put("signed", signed)
        self._say("sq", "verify", "--signer-cert", "public", "--detached", *paths)
        return True


class Rnp(Program):
    name = "RNP"

    def __init__(self, member: Member, robot: bytes) -> None:
        super().__init__(member, robot)
        for file in ("secret", "robot"):
            self._say("rnpkeys", "--homedir", str(self.home), "--notty", "--import-keys", file)

    @classmethod
    def version(cls) -> str:
        return _version("rnp", "--version")

    def seal(self, octets: bytes, to: str, form: Form) -> bytes:
        coat = ["--armor"] * (form.coat != "binary")
        squeeze = {"none": ["-z", "0"]}.get(form.compression, [f"--{form.compression}", "-z", "6"])
        who = ["-u", self.member.fingerprint, "-r", to]
        return self._rnp("-s", "-e", *coat, *squeeze, *who, self._put("text", octets))[0]

    def open(self, message: bytes) -> bytes:
        opened, said = self._rnp("-d", self._put("message", message))
        if "Good signature" not in said:
            raise Unable(said)
        return opened

    def check(self, signed: bytes, signature: bytes) -> bool:
        said = self._rnp("-v", "--source", self._put("signed", signed), self._put("signature", signature))[1]
        return "Good signature" in said

    def _rnp(self, *words: str) -> tuple[bytes, str]:
        home = ("--homedir", str(self.home), "--notty", "--password=", "--output", "-")
        return self._say("rnp", *home, *words)


PROGRAMS: Sequence[type[Program]] = (GnuPG, Sequoia, Rnp)


def without_checksum(armour: bytes) -> bytes:
    """RFC 9580 §6.1: the checksum may be left out."""
    return re.sub(rb"(?m)^=[A-Za-z0-9+/]{4}\r?\n", b"", armour)


def dressed(message: bytes, form: Form) -> tuple[bytes, bool]:
    """The message as it stands in a mail, and whether that is base64."""
    if form.coat == "binary":
        return base64.encodebytes(message), True
    return (without_checksum(message) if form.coat == "armour without checksum" else message), False


def made_by_sequoia() -> Member:
    """The key that sq makes if it is asked for no other."""
    home = fresh_home()
    path = home / "key"
    subprocess.run(
        ["sq", "key", "generate", "--userid", "Desk <desk@sq.example>", "--export", str(path)],
        capture_output=True,
        check=True,
        cwd=home,
    )
    secret = path.read_bytes()
    public = subprocess.run(["sq", "key", "extract-cert", str(path)], capture_output=True, check=True, cwd=home).stdout
    return Member(_fingerprint(public), public, secret)


def made_by_rnp() -> Member:
    """The key that rnpkeys makes if it is asked for no other."""
    home = fresh_home()
    common = ["rnpkeys", "--homedir", str(home), "--notty", "--password="]

    def say(*words: str) -> bytes:
        return subprocess.run([*common, *words], capture_output=True, check=True).stdout

    say("--generate-key", "--userid", "desk@rnp.example")
    public, secret = (say("--export-key", *kind, "desk@rnp.example", "--output", "-") for kind in ([], ["--secret"]))
    return Member(_fingerprint(public), public, secret)


def _fingerprint(public: bytes) -> str:
    shown = subprocess.run(
        ["gpg", *SAFE, "--with-colons", "--show-keys"], input=public, capture_output=True, check=True
    ).stdout.decode()
    return next(line.split(":")[9] for line in shown.splitlines() if line.startswith("fpr:"))


def _version(*command: str) -> str:
    assert shutil.which(command[0]), f"{command[0]} is missing"
    said = subprocess.run(command, capture_output=True, check=True, cwd=Path("/")).stdout.decode()
    found = re.search(r"\d+\.\d+(?:\.\d+)*", said)
    assert found
    return found[0]
