"""What every test may ask for: the real servers.

A server that is not installed raises MissingServerError in its fixture, so its tests fail; none is ever skipped.
"""

from tests.servers.fixtures import (
    _bad_smtp,
    authority,
    bad_smtp,
    dovecot,
    playground_imap,
    playground_smtp,
    playground_store,
    postfix,
    postgres,
    postgres_url,
)

__all__ = [
    "_bad_smtp",
    "authority",
    "bad_smtp",
    "dovecot",
    "playground_imap",
    "playground_smtp",
    "playground_store",
    "postfix",
    "postgres",
    "postgres_url",
]
