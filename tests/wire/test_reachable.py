"""What `check` says about mail servers."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from mailbot.core.findings import Finding, Severity
from mailbot.playground.accounts import Store
from mailbot.playground.imap import ImapServer
from mailbot.playground.smtp import SmtpServer
from mailbot.wire.access import Credential, ImapAccess, SmtpAccess, Tls
from mailbot.wire.imap import Mailbox
from mailbot.wire.reachable import imap_findings, smtp_findings
from tests.servers.authority import Authority
from tests.servers.dovecot import PASSWORD

_numbers = itertools.count(1)


@pytest.fixture
def imap(playground_imap: ImapServer, playground_store: Store, authority: Authority) -> ImapAccess:
    login = f"checked{next(_numbers)}"
    playground_store.add(login, PASSWORD)
    return ImapAccess(
        host="localhost",
        port=playground_imap.port,
        tls=Tls.IMPLICIT,
        ca_file=str(authority.cert_file),
        credential=Credential(login, lambda: PASSWORD),
        patience=5,
    )


@pytest.fixture
def smtp(playground_smtp: SmtpServer, playground_store: Store, authority: Authority) -> SmtpAccess:
    login = f"checked{next(_numbers)}"
    playground_store.add(login, PASSWORD)
    return SmtpAccess(
        host="localhost",
        port=playground_smtp.port,
        tls=Tls.STARTTLS,
        ca_file=str(authority.cert_file),
        credential=Credential(login, lambda: PASSWORD),
        ehlo_name="mailbot.example",
        patience=5,
    )


WRONG = Credential("checked", lambda: "wrong")


def ids(findings: tuple[Finding, ...]) -> list[str]:
    assert all(found.hint for found in findings)
    return [found.id for found in findings]


def test_a_mailbox_in_order(imap: ImapAccess) -> None:
    with Mailbox(imap):
        pass
    assert imap_findings(imap) == ()


def test_folders_that_are_missing(imap: ImapAccess) -> None:
    findings = imap_findings(imap)
    assert ids(findings) == ["imap.folder"] * 3
    assert {found.severity for found in findings} == {Severity.WARNING}
    assert ids(imap_findings(replace(imap, inbox="Elsewhere")))[0] == "imap.inbox"


def test_a_mailbox_out_of_reach(imap: ImapAccess) -> None:
    assert ids(imap_findings(replace(imap, port=1))) == ["imap.connection"]
    assert ids(imap_findings(replace(imap, ca_file=None))) == ["imap.certificate"]
    assert ids(imap_findings(replace(imap, credential=WRONG))) == ["imap.login"]
    assert ids(imap_findings(replace(imap, tls=Tls.STARTTLS, patience=0.5))) == ["imap.timeout"]


def smtp_ids(access: SmtpAccess) -> list[str]:
    return ids(asyncio.run(smtp_findings(access)))


def test_a_submission_server(smtp: SmtpAccess) -> None:
    assert smtp_ids(smtp) == []
    assert smtp_ids(replace(smtp, port=1)) == ["smtp.connection"]
    assert smtp_ids(replace(smtp, credential=WRONG)) == ["smtp.login"]
    assert smtp_ids(replace(smtp, ca_file=None)) == ["smtp.tls"]
