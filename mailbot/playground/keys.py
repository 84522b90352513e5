"""Throw-away OpenPGP keys, each alone in a GnuPG home of its own, used with the bare gpg command.

Nothing here is the robot's code: what these keys say of its mail, they say independently. Clear text goes through pipes
and memory only; keys have no passphrase, lie in a temporary folder, and are worth nothing.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mailbot.core.certificates import Fingerprint
from mailbot.core.mail import SignatureState

AT_ONCE: Final = 4  # homes worked on side by side; more gains nothing on two cores
DIGEST: Final = "SHA512"  # RFC 3156 §5 names it again beside the signature, as `micalg`

_ALWAYS: Final = (
    *("--batch", "--no-tty", "--yes", "--trust-model", "always", "--digest-algo", DIGEST),
    *("--no-auto-key-locate", "--disable-dirmngr", "--no-random-seed-file"),
    *("--status-fd", "2", "--logger-file", "/dev/null"),
)
# A socket in the home has 107 octets for its path, and this is the longest name gpg-agent gives one.
_LONGEST_HOME: Final = 107 - len("/S.gpg-agent.browser")

_ULTIMATE: Final = 6  # gpg's number for one's own keys

_PARAMETERS: Final = """\
%no-protection
Key-Type: eddsa
Key-Curve: ed25519
Key-Usage: cert,sign
Subkey-Type: ecdh
Subkey-Curve: cv25519
Subkey-Usage: encrypt
Name-Real: {name}
Name-Email: {address}
Expire-Date: 0
%commit
"""


class GpgFailed(Exception):
    """The gpg command could not do what it was told. Says what gpg complained of, never what it was given."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What gpg says of the signatures on something: none, exactly one, or what cannot be relied on."""

    state: SignatureState | None = None  # None: not signed
    fingerprint: Fingerprint | None = None  # the primary key of a good signature

    def is_by(self, fingerprint: Fingerprint) -> bool:
        """Whether it is one good signature by this key."""
        return self.state is SignatureState.GOOD and self.fingerprint == fingerprint


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What a key got out of an OpenPGP message; None where it could not open it."""

    octets: bytes | None = field(repr=False)
    verdict: Verdict = field(default_factory=Verdict)


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair in its home, and the certificates its owner has."""

    home: Path
    fingerprint: Fingerprint
    certificate: bytes = field(repr=False)  # armoured

    @classmethod
    def make(cls, home: Path, name: str, *addresses: str) -> "Key":
        """A new key in a new home; each address becomes a user ID, the first of them the primary one.

        Raises GpgFailed, and ValueError for a long path.
        """
        if len(os.fsencode(home)) > _LONGEST_HOME:
            raise ValueError(f"the path of this GnuPG home is too long for its agent's socket: {home}")
        home.mkdir(mode=0o700, parents=True)
        said = _gpg(home, "--generate-key", octets=_PARAMETERS.format(name=name, address=addresses[0]).encode())
        fingerprint = next(words[2] for words in said.words() if words[0] == "KEY_CREATED")
        for address in addresses[1:]:
            _gpg(home, "--quick-add-uid", fingerprint, f"{name} <{address}>")
        if addresses[1:]:  # else mail programs show the last as the signer
            _gpg(home, "--quick-set-primary-uid", fingerprint, f"{name} <{addresses[0]}>")
        return cls(home, fingerprint, _gpg(home, "--armor", "--export", fingerprint).output)

    def meet(self, *certificates: bytes) -> None:
        """Take these certificates, armoured."""
        _gpg(self.home, "--import", octets=b"\n".join(certificates))

    def believe(self, *fingerprints: Fingerprint) -> None:
        """Mark these keys as verified, so that mail programs that use this home ask no questions."""
        ownertrust = "".join(f"{fingerprint}:{_ULTIMATE}:\n" for fingerprint in fingerprints)
        _gpg(self.home, "--import-ownertrust", octets=ownertrust.encode())

    def sign(self, octets: bytes) -> bytes:
        """A detached armoured signature over exactly these octets."""
        return self._speak("--detach-sign", octets=octets)

    def clearsign(self, octets: bytes) -> bytes:
        """Signed and still readable as it stands."""
        return self._speak("--clearsign", octets=octets)

    def seal(self, octets: bytes, *recipients: Fingerprint, signed: bool = True) -> bytes:
        """An armoured message to these and to oneself, as mail programs do; signed in one with it (RFC 3156 §6.2)."""
        named = [word for fingerprint in (*recipients, self.fingerprint) for word in ("--recipient", fingerprint)]
        return self._speak(*(["--sign"] if signed else []), "--encrypt", *named, octets=octets)

    def unseal(self, message: bytes) -> Unsealed:
        """Open a message, encrypted or only signed."""
        said = _gpg(self.home, "--decrypt", octets=message, may_fail=True)
        facts = {words[0] for words in said.words()}
        opened = "DECRYPTION_OKAY" in facts if "BEGIN_DECRYPTION" in facts else "PLAINTEXT" in facts
        return Unsealed(said.output if opened else None, said.verdict())

    def verify(self, signed: bytes, signature: bytes) -> Verdict:
        """What a detached signature over these octets is worth."""
        memory = os.memfd_create("signature")
        try:
            os.write(memory, signature)
            path = f"/proc/self/fd/{memory}"
            said = _gpg(self.home, "--verify", path, "-", octets=signed, may_fail=True, pass_fds=(memory,))
        finally:
            os.close(memory)
        return said.verdict()

    def export_secret(self) -> bytes:
        """The secret key, armoured: for a mail program that is to play this person."""
        return _gpg(self.home, "--armor", "--export-secret-keys", self.fingerprint).output

    def end_agent(self) -> None:
        """End the gpg-agent of this home."""
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=False, capture_output=True)

    def _speak(self, *arguments: str, octets: bytes) -> bytes:
        return _gpg(self.home, "--armor", "--local-user", self.fingerprint, *arguments, octets=octets).output


def make_keys(folder: Path, names: Mapping[str, tuple[str, ...]]) -> dict[str, Key]:
    """A key in `folder` for each login, several at once; `names`: login -> name and addresses."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        keys = pool.map(lambda login: Key.make(folder / login, *names[login]), names)
        return dict(zip(names, keys, strict=True))


def introduce(keys: Iterable[Key]) -> None:
    """Everybody gets everybody's certificate, as if they had met."""
    keys = list(keys)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda key: key.meet(*(other.certificate for other in keys)), keys))


def end_agents(keys: Iterable[Key]) -> None:
    """End the agents of all these homes."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(Key.end_agent, keys))


# ---------------------------------------------------------------- the command


@dataclass(frozen=True, slots=True)
class _Said:
    output: bytes = field(repr=False)
    status: bytes

    def words(self) -> list[list[str]]:
        """The status lines, each as its words."""
        prefix = b"[GNUPG:] "
        lines = (line.removeprefix(prefix) for line in self.status.split(b"\n") if line.startswith(prefix))
        return [line.decode("utf-8", "replace").split(" ") for line in lines]

    def verdict(self) -> Verdict:
        states = [(state, words) for words in self.words() if (state := _STATES.get(words[0]))]
        signers = [words[-1] for words in self.words() if words[0] == "VALIDSIG"]
        match states:
            case []:
                return Verdict()
            case [(SignatureState.GOOD, _)] if len(signers) == 1:
                return Verdict(SignatureState.GOOD, signers[0])
            case [(state, _)] if state is not SignatureState.GOOD:
                return Verdict(state)
        return Verdict(SignatureState.UNVERIFIABLE)


_STATES: Final = {
    "GOODSIG": SignatureState.GOOD,
    "BADSIG": SignatureState.BAD,
    "ERRSIG": SignatureState.UNKNOWN,
    "EXPSIG": SignatureState.EXPIRED,
    "EXPKEYSIG": SignatureState.EXPIRED,
    "REVKEYSIG": SignatureState.REVOKED,
}


def _gpg(
    home: Path, *arguments: str, octets: bytes = b"", may_fail: bool = False, pass_fds: tuple[int, ...] = ()
) -> _Said:
    command = ["gpg", "--homedir", str(home), *_ALWAYS, *arguments]
    done = subprocess.run(command, input=octets, capture_output=True, check=False, pass_fds=pass_fds)
    said = _Said(done.stdout, done.stderr)
    if done.returncode and not may_fail:
        raise GpgFailed(f"gpg {arguments[0]}: {[words for words in said.words() if 'FAILURE' in words]}")
    return said
