"""Whether the mail servers let us in: what `mailbot check` finds out by trying."""

from mailbot.core.findings import Finding, Severity
from mailbot.wire.access import Access, ImapAccess, SmtpAccess
from mailbot.wire.imap import Mailbox, MailboxFailure
from mailbot.wire.smtp import Postman

HINTS = {
    "connection": "Is the server running, are host and port right, does a firewall stand between?",
    "timeout": "The server accepts connections but does not answer; look at its log.",
    "tls": 'The server does not offer TLS as `tls` says: try "implicit" or "starttls", and the port that goes with it.',
    "certificate": "The server's certificate is not for this host, or from an authority we do not know: set `ca_file`.",
    "login": "User name or password is not accepted, or there is none: look at `username` and the password's source.",
    "secret": "The password or token cannot be read; see the findings about secrets.",
    "mechanism": "The server offers no way to log in that fits the password; look at its configuration.",
    "unavailable": "The server cannot check passwords at the moment; its administrator should know.",
    "read-only": "The robot must be able to move mail out of INBOX: give it the right to write.",
    "no MOVE": "The robot needs a server with MOVE or UIDPLUS; every one of the last fifteen years has them.",
    "refused": "The server said no; its log says why.",
}


def imap_findings(access: ImapAccess) -> tuple[Finding, ...]:
    """Connects, logs in, looks for the folders; changes nothing."""
    mailbox = Mailbox(access)
    try:
        missing = mailbox.missing_folders()
    except MailboxFailure as problem:
        word = "login" if (problem.step, problem.reason) == ("login", "refused") else problem.reason
        return (_unreachable("imap", access, word),)
    finally:
        mailbox.close()
    return tuple(_missing(access, name) for name in missing)


async def smtp_findings(access: SmtpAccess) -> tuple[Finding, ...]:
    """Connects and logs in; sends nothing."""
    postman = Postman(access)
    trouble = await postman.connect()
    await postman.close()
    return (_unreachable("smtp", access, trouble.status),) if trouble else ()


def _unreachable(protocol: str, access: Access, word: str) -> Finding:
    return Finding(
        id=f"{protocol}.{word.lower().replace(' ', '-')}",
        message=f"{protocol.upper()} at {access.host}:{access.port} does not work: {word}",
        hint=HINTS.get(word, "The server's log should say more."),
        place=f"[{protocol}]",
    )


def _missing(access: ImapAccess, name: str) -> Finding:
    if name == access.inbox:
        return Finding("imap.inbox", f"there is no folder {name}", "Look at `inbox` in [imap.folders].", place="[imap]")
    hint = "The robot makes it when it starts."
    return Finding("imap.folder", f"the folder {name} does not exist yet", hint, Severity.WARNING, "[imap]")
