"""TLS as a client wants it: verified, or not at all."""

import ssl


def client_context(ca_file: str | None) -> ssl.SSLContext:
    """Checks certificate and host name, TLS 1.2 or newer. With `ca_file` its authorities alone are believed.

    Raises OSError (ssl.SSLError is one) if the file cannot be used.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
