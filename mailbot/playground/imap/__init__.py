"""The playground's IMAP server: IMAP4rev1 over the accounts in memory, for the demo, mail programs and tests.

Written because no embeddable server held: they announced late, mixed up answers during a concurrent expunge, or lacked
MOVE and UIDPLUS. It is held to the same tests as Dovecot (tests/wire/test_imap_servers.py). Loopback only.

    server.py    listens; reads commands, answers them
    commands.py  the table of commands
    login.py, folders.py, mails.py    what each command does
    session.py   one connection: its lines, its open folder, what its client has been told
    syntax.py    how commands are written
    search.py    the keys of SEARCH
    parts.py     what FETCH shows of a mail
"""

from mailbot.playground.imap.server import ImapServer

__all__ = ["ImapServer"]
