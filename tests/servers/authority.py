"""A throw-away certification authority, and the certificates it gives to the tests' servers."""

import ssl
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.servers.programs import find_program


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate and its key; anybody may read them, they are worth nothing."""

    cert_file: Path
    key_file: Path

    def server_context(self) -> ssl.SSLContext:
        """For a server in Python."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert_file, self.key_file)
        return context


class Authority:
    """An authority whose files lie in a folder; `cert_file` is what a client is told to trust."""

    def __init__(self, folder: Path) -> None:
        """Make the authority's own certificate. Raises MissingServerError if openssl is missing."""
        self._folder = folder
        self._openssl = find_program("openssl", "openssl")
        self.cert_file = folder / "ca.pem"
        self._key_file = folder / "ca.key"
        extensions = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
        self._make(Certificate(self.cert_file, self._key_file), "mailbot test authority", extensions)

    @cached_property
    def localhost(self) -> Certificate:
        """For a server on this machine: localhost, 127.0.0.1."""
        return self.certificate("localhost", "DNS:localhost,IP:127.0.0.1")

    @cached_property
    def elsewhere(self) -> Certificate:
        """Genuine, but for another host: a client that verifies must refuse it."""
        return self.certificate("elsewhere.example", "DNS:elsewhere.example")

    def certificate(self, name: str, alternatives: str) -> Certificate:
        """A certificate for a name, valid for two days; `alternatives` as openssl's subjectAltName."""
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        signing = ["-CA", str(self.cert_file), "-CAkey", str(self._key_file)]
        self._make(made, name, [*signing, "-addext", f"subjectAltName={alternatives}"])
        return made

    def client_context(self) -> ssl.SSLContext:
        """For a client that trusts this authority and no other."""
        return ssl.create_default_context(cafile=str(self.cert_file))

    def _make(self, made: Certificate, name: str, more: list[str]) -> None:
        new_key = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        files = ["-keyout", str(made.key_file), "-out", str(made.cert_file)]
        command = [self._openssl, "req", *new_key, "-subj", f"/CN={name}", *files, *more]
        subprocess.run(command, check=True, capture_output=True)
        made.key_file.chmod(0o644)  # for servers that run as somebody else
