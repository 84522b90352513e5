"""The mailbox against Dovecot and the playground's server, against servers that lie, and over a wire that breaks."""

import contextlib
import hashlib
import itertools
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import pytest
from imapclient.exceptions import LoginError

from mailbot.core.decision import Folder
from mailbot.core.mail import IncomingMail
from mailbot.playground.accounts import Store
from mailbot.playground.imap import ImapServer
from mailbot.wire import imap
from mailbot.wire.access import Credential, ImapAccess, Mechanism, SecretUnavailable, Tls
from mailbot.wire.imap import Disconnected, LoginRefused, Mailbox, MailboxFailure, MailboxRefused, Oversized
from mailbot.wire.imapsession import Session
from tests.servers.authority import Authority
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.wire.peers import Dialogue, ScriptedServer, Wire, eventually

CANARY = b"canary-8c1f"
_numbers = itertools.count(1)


def mail(text: str = "hello", size: int = 0) -> bytes:
    """A mail, padded to about that many octets."""
    body = b"".join(b"%060d\r\n" % number for number in range(size // 62))
    return f"From: desk@fr.example\r\nSubject: {text}\r\n\r\n".encode() + CANARY + b"\r\n" + body


@dataclass
class Account:
    """An empty account of its own on some server, and how the robot reaches it."""

    access: ImapAccess
    deliver: Callable[[bytes], object]
    mails: Callable[[str], list[bytes]]

    @property
    def mailbox(self) -> Mailbox:
        return Mailbox(self.access)


@pytest.fixture(scope="session")
def addresses(dovecot: Dovecot) -> Iterator[str]:
    """Accounts made beforehand: Dovecot looks at its list of users once a second at most."""
    made = [dovecot.add(f"robot{number}@mailbot.example") for number in range(100)]

    def known() -> bool:
        with contextlib.suppress(LoginError), dovecot.login(made[-1]):
            return True
        return False

    eventually(known, "Dovecot knows the accounts")
    return iter(made)


def dovecot_account(dovecot: Dovecot, address: str) -> Account:
    access = ImapAccess(
        host="localhost",
        port=dovecot.imaps_port,
        tls=Tls.IMPLICIT,
        ca_file=str(dovecot.authority.cert_file),
        credential=Credential(address, lambda: PASSWORD),
        patience=10,
    )
    return Account(access, partial(dovecot.deliver, address), partial(dovecot.mails, address))


@pytest.fixture
def account(dovecot: Dovecot, addresses: Iterator[str]) -> Account:
    return dovecot_account(dovecot, next(addresses))


def playground_account(server: ImapServer, authority: Authority) -> Account:
    login = f"robot{next(_numbers)}"
    server.store.add(login, PASSWORD, f"{login}@mailbot.example")
    access = ImapAccess(
        host="localhost",
        port=server.port,
        tls=Tls.IMPLICIT,
        ca_file=str(authority.cert_file),
        credential=Credential(login, lambda: PASSWORD),
        patience=10,
    )
    store = server.store
    return Account(
        access,
        partial(store.deliver, login),
        lambda folder: [one.octets for one in store.mails(login, folder)],
    )


@pytest.fixture(params=["dovecot", "playground"])
def either(request: pytest.FixtureRequest) -> Account:
    """An account on the real server, and one on the playground's."""
    if request.param == "dovecot":
        account: Account = request.getfixturevalue("account")
        return account
    return playground_account(request.getfixturevalue("playground_imap"), request.getfixturevalue("authority"))


def octets(arrivals: list[imap.Arrival]) -> list[bytes]:
    return [one.octets for _, one in arrivals if isinstance(one, IncomingMail)]


def uids(arrivals: list[imap.Arrival]) -> list[int]:
    return [uid for uid, _ in arrivals]


# ---------------------------------------------------------------- fetching


def test_mails_come_oldest_first_with_their_exact_octets(either: Account) -> None:
    mails = [mail("one"), b"Subject: lone LF kept away\r\n\r\n.dot\r\n\r\n\xff\xfe 8 bit\r\n", mail("three")]
    for each in mails:
        either.deliver(each)
    with either.mailbox as mailbox:
        arrivals = mailbox.fetch_new()
        digests = [one.digest for _, one in arrivals]
    assert [each[-len(sent) :] for each, sent in zip(octets(arrivals), mails, strict=True)] == mails
    assert digests == [hashlib.sha256(each).hexdigest() for each in octets(arrivals)]


def test_an_empty_inbox_gives_nothing(either: Account) -> None:
    with either.mailbox as mailbox:
        assert mailbox.fetch_new() == []


def test_mail_that_somebody_has_seen_or_marked_deleted_is_still_to_be_done(account: Account, dovecot: Dovecot) -> None:
    account.deliver(mail())
    assert account.access.credential
    with dovecot.login(account.access.credential.username) as person:
        person.select_folder("INBOX")
        person.add_flags(person.search(), ["\\Seen", "\\Deleted"])
    with account.mailbox as mailbox:
        assert len(mailbox.fetch_new()) == 1


def test_fetching_does_not_mark_a_mail_as_seen(account: Account, dovecot: Dovecot) -> None:
    account.deliver(mail())
    with account.mailbox as mailbox:
        mailbox.fetch_new()
    assert account.access.credential
    with dovecot.login(account.access.credential.username) as person:
        person.select_folder("INBOX", readonly=True)
        assert person.search(["UNSEEN"]) == [1]


def test_a_batch_is_limited_in_number_and_what_is_not_filed_comes_again(either: Account) -> None:
    for number in range(5):
        either.deliver(mail(str(number)))
    with either.mailbox as mailbox:
        first = mailbox.fetch_new(limit=2)
        again = mailbox.fetch_new(limit=2)
        others = mailbox.fetch_new(limit=2, passing_over=uids(first))
    assert uids(first) == uids(again) == [1, 2]
    assert uids(others) == [3, 4]


def test_a_batch_is_limited_in_octets_but_holds_one_mail_at_least(
    either: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "BATCH_OCTETS", 5000)
    for size in (2000, 2000, 2000, 9000, 0):
        either.deliver(mail("sized", size))
    with either.mailbox as mailbox:
        seen: list[int] = []
        batches = []
        while arrivals := mailbox.fetch_new(passing_over=seen):
            batches.append(len(arrivals))
            seen += uids(arrivals)
    assert batches in ([2, 1, 1, 1], [2, 1, 2])  # Dovecot adds a header or two


def test_of_a_mail_that_is_too_large_only_the_header_is_fetched(either: Account) -> None:
    either.deliver(mail("large", 200_000))
    either.deliver(mail("small"))
    access = replace(either.access, largest=100_000)
    with Mailbox(access) as mailbox:
        (_, large), (_, small) = mailbox.fetch_new()
        (_, again), _ = mailbox.fetch_new()
    assert isinstance(large, Oversized)
    assert isinstance(small, IncomingMail)
    assert large.size >= 200_000
    assert large.header.endswith(b"Subject: large\r\n\r\n")
    assert again == large


def test_a_header_of_a_megabyte_is_cut_at_64_kib(either: Account) -> None:
    either.deliver(b"X-Long: x\r\n" + b" y" * 80 + b"\r\n" + b"X-More: z\r\n" * 50_000 + b"\r\nbody\r\n")
    with Mailbox(replace(either.access, largest=1000)) as mailbox:
        ((_, one),) = mailbox.fetch_new()
    assert isinstance(one, Oversized)
    assert len(one.header) == imap.HEADER_OCTETS


def test_a_mail_of_30_mib_comes_whole_and_quickly(account: Account) -> None:
    large = mail("large", 30 * 1024 * 1024)
    account.deliver(large)
    with account.mailbox as mailbox:
        began = time.monotonic()
        ((_, one),) = mailbox.fetch_new()
        took = time.monotonic() - began
    assert isinstance(one, IncomingMail)
    assert one.octets.endswith(large)
    assert took < 10


def test_more_mails_than_one_line_of_a_search_could_name(playground_imap: ImapServer, authority: Authority) -> None:
    """imaplib gives up at a line of a million octets: SEARCH ALL would end for good at 150,000 mails."""
    account = playground_account(playground_imap, authority)
    one = mail()
    for _ in range(170_000):
        account.deliver(one)
    with account.mailbox as mailbox:
        assert len(mailbox.fetch_new(limit=10)) == 10


# ---------------------------------------------------------------- filing


def test_mails_are_filed_and_leave_inbox(either: Account) -> None:
    for text in ("done", "held", "dropped", "later"):
        either.deliver(mail(text))
    with either.mailbox as mailbox:
        fetched = mailbox.fetch_new()
        folders = [Folder.DONE, Folder.HELD, Folder.DROPPED]
        mailbox.file_away(zip(uids(fetched), folders, strict=False))
        assert octets(mailbox.fetch_new()) == octets(fetched)[3:]
    assert [either.mails(folder) for folder in folders] == [[one] for one in octets(fetched)[:3]]


def test_filing_twice_does_no_harm(either: Account) -> None:
    either.deliver(mail())
    with either.mailbox as mailbox:
        filing = [(uid, Folder.DONE) for uid in uids(mailbox.fetch_new())]
        mailbox.file_away(filing)
        mailbox.file_away(filing)
        mailbox.file_away([])
    assert len(either.mails("Done")) == 1


def test_two_robots_file_the_same_mail_once(either: Account) -> None:
    either.deliver(mail())
    with either.mailbox as one, either.mailbox as other:
        filing = [(uid, Folder.DONE) for uid in uids(one.fetch_new())]
        assert uids(other.fetch_new()) == uids(one.fetch_new())
        one.file_away(filing)
        other.file_away(filing)
        assert other.fetch_new() == []
    assert len(either.mails("Done")) == 1


def test_a_folder_that_somebody_removed_is_made_again(either: Account) -> None:
    either.deliver(mail())
    with either.mailbox as mailbox:
        fetched = mailbox.fetch_new()
        with either.mailbox as other:
            assert other._session
            other._session.delete_folder("Done")
        mailbox.file_away([(uid, Folder.DONE) for uid in uids(fetched)])
    assert len(either.mails("Done")) == 1


def test_folders_may_have_any_name(either: Account) -> None:
    either.deliver(mail())
    names = {Folder.DONE: "Erledigt/Geprüft & gut", Folder.HELD: 'sur "attente"', Folder.DROPPED: "Πίσω\\σελίδα"}
    with Mailbox(replace(either.access, folders=names)) as mailbox:
        mailbox.file_away([(uid, Folder.DONE) for uid in uids(mailbox.fetch_new())])
    with Mailbox(replace(either.access, folders=names)) as again:
        assert again.fetch_new() == []
    with Mailbox(replace(either.access, inbox=names[Folder.DONE])) as look:
        assert len(look.fetch_new()) == 1


def test_a_folder_name_cannot_carry_a_command(either: Account) -> None:
    either.deliver(mail())
    names = {folder: f"{folder}\r\nX1 DELETE INBOX\r\n" for folder in Folder}
    with contextlib.suppress(MailboxFailure), Mailbox(replace(either.access, folders=names)) as mailbox:
        mailbox.file_away([(uid, Folder.DONE) for uid in uids(mailbox.fetch_new())])
    with either.mailbox as mailbox:
        assert mailbox._session
        commands = [name for _, _, name in mailbox._session.list_folders() if "X1" in name]
        assert len(mailbox.fetch_new()) + len(commands) in {1, 3}  # refused, or taken as the odd name that it is


def test_check_sees_missing_folders_and_makes_none(either: Account) -> None:
    for _ in range(2):
        mailbox = either.mailbox
        assert mailbox.missing_folders() == ("Done", "Held", "Dropped")
        mailbox.close()
    with either.mailbox as mailbox:
        pass
    assert mailbox.missing_folders() == ()
    mailbox.close()


def test_without_move_mails_are_copied_marked_and_expunged_alone(account: Account, dovecot: Dovecot) -> None:
    """A person's own mark stays: a plain EXPUNGE would remove that mail too."""
    account.deliver(mail("filed"))
    account.deliver(mail("marked by a person"))
    assert account.access.credential
    with account.mailbox as mailbox:
        assert mailbox._session
        offered = mailbox._session.capabilities()
        mailbox._session._cached_capabilities = tuple(c for c in offered if c != b"MOVE")
        fetched = mailbox.fetch_new()
        with dovecot.login(account.access.credential.username) as person:
            person.select_folder("INBOX")
            person.add_flags([uids(fetched)[1]], ["\\Deleted"])
        mailbox.file_away([(uids(fetched)[0], Folder.DONE)])
        mailbox.file_away([(uids(fetched)[0], Folder.DONE)])
    assert account.mails("Done") == octets(fetched)[:1]
    assert account.mails("INBOX") == octets(fetched)[1:]


# ---------------------------------------------------------------- logging in


def failure(access: ImapAccess) -> MailboxFailure:
    """What connecting fails with."""
    with pytest.raises(MailboxFailure) as caught, Mailbox(access):
        pass
    return caught.value


def told(problem: MailboxFailure) -> tuple[type, str, str]:
    return type(problem), problem.step, problem.reason


def test_a_wrong_password_is_refused_and_nothing_repeats_it(either: Account) -> None:
    assert either.access.credential
    forgotten: list[bool] = []
    wrong = replace(either.access.credential, read=lambda: "wr0ng-s3cret", forget=lambda: forgotten.append(True))
    problem = failure(replace(either.access, credential=wrong))
    assert told(problem) == (LoginRefused, "login", "refused")
    assert "s3cret" not in repr(problem) + str(problem) + repr(problem.__context__ and problem.__cause__)
    assert forgotten == [True]


def no_secret() -> str:
    raise SecretUnavailable("no such file")


@pytest.mark.parametrize("read", [no_secret, lambda: "", lambda: "a\r\nA1 DELETE INBOX", lambda: "a\0b"])
def test_without_a_usable_password_nothing_is_sent(account: Account, read: Callable[[], str]) -> None:
    with Wire(account.access.port) as wire:
        access = replace(account.access, port=wire.port, credential=Credential("robot", read))
        assert told(failure(access)) == (LoginRefused, "login", "secret")


@pytest.mark.parametrize("password", ["schön & grün", "пароль", 'quo"te\\slash', "with space {5}", "a" * 200])
def test_passwords_of_any_letters(playground_imap: ImapServer, authority: Authority, password: str) -> None:
    account = playground_account(playground_imap, authority)
    login = f'odd "name" é {next(_numbers)}'
    playground_imap.store.add(login, password)
    with Mailbox(replace(account.access, credential=Credential(login, lambda: password))) as mailbox:
        assert mailbox.fetch_new() == []


def test_login_is_used_where_the_server_knows_no_plain() -> None:
    """And quotes the name, which imaplib does not: it would run as a command's next word."""

    def script(client: Dialogue) -> None:
        client.say("* OK hello")
        tag = client.hear().split()[0]
        client.say("* CAPABILITY IMAP4rev1", f"{tag} OK done")
        heard.append(client.hear())
        client.say(f"{heard[0].split()[0]} NO wrong")

    heard: list[str] = []
    with ScriptedServer(script) as server:
        credential = Credential('a "b" c', lambda: 'p"\\w')
        access = ImapAccess(host="localhost", port=server.port, tls=Tls.NONE, credential=credential, patience=5)
        assert told(failure(access)) == (LoginRefused, "login", "refused")
        tongue_tied = replace(access, credential=Credential("robot", lambda: "grün"))
        assert told(failure(tongue_tied)) == (LoginRefused, "login", "mechanism")
    assert heard[0].split(" ", 1)[1] == 'LOGIN "a \\"b\\" c" "p\\"\\\\w"'


def test_xoauth2(either: Account, request: pytest.FixtureRequest) -> None:
    assert either.access.credential
    login = either.access.credential.username
    if either.access.port == (dovecot := request.getfixturevalue("dovecot")).imaps_port:
        dovecot.tokens["good-token"] = login
    else:
        request.getfixturevalue("playground_store").account(login).token = "good-token"
    forgotten: list[bool] = []
    bearer = Credential(login, lambda: "good-token", Mechanism.XOAUTH2, lambda: forgotten.append(True))
    with Mailbox(replace(either.access, credential=bearer)) as mailbox:
        assert mailbox.fetch_new() == []
    assert forgotten == []
    stale = replace(bearer, read=lambda: "stale-token")
    assert told(failure(replace(either.access, credential=stale))) == (LoginRefused, "login", "refused")
    assert forgotten == [True]


Answer = Callable[[Dialogue, str, str], None]


def answering(*answers: Answer, greeting: str = "* PREAUTH hello") -> Callable[[Dialogue], None]:
    """A script: greeting and CAPABILITY as usual, then an answer for each command, given its tag and its text."""

    def script(client: Dialogue) -> None:
        client.say(greeting)
        rest = iter(answers)
        while True:
            tag, command = client.hear().split(" ", 1)
            if command == "CAPABILITY":
                client.say("* CAPABILITY IMAP4rev1 IDLE MOVE UIDPLUS", f"{tag} OK done")
            elif command == "LOGOUT":
                client.say("* BYE", f"{tag} OK done")
            else:
                next(rest)(client, tag, command)

    return script


def test_a_server_with_troubles_of_its_own_is_not_a_wrong_password() -> None:
    def unavailable(client: Dialogue, tag: str, _: str) -> None:
        client.say(f"{tag} NO [UNAVAILABLE] user database is away")

    with ScriptedServer(answering(unavailable, greeting="* OK hello")) as server:
        access = ImapAccess(host="localhost", port=server.port, tls=Tls.NONE, credential=Credential("r", lambda: "p"))
        assert told(failure(access)) == (Disconnected, "login", "unavailable")


def test_a_connection_lost_during_login_is_not_a_wrong_password() -> None:
    """imapclient calls it a LoginError."""
    with ScriptedServer(answering(lambda client, _tag, _command: client.cut(), greeting="* OK hello")) as server:
        access = ImapAccess(host="localhost", port=server.port, tls=Tls.NONE, credential=Credential("r", lambda: "p"))
        assert told(failure(access)) == (Disconnected, "login", "connection")


# ---------------------------------------------------------------- TLS


def test_starttls(dovecot: Dovecot, account: Account) -> None:
    account.deliver(mail())
    with Mailbox(replace(account.access, port=dovecot.port, tls=Tls.STARTTLS)) as mailbox:
        assert mailbox._session
        assert mailbox._session._imap.sock.version() in {"TLSv1.2", "TLSv1.3"}
        assert len(mailbox.fetch_new()) == 1


def test_an_unknown_authority_is_refused(account: Account, dovecot: Dovecot) -> None:
    access = replace(account.access, ca_file=None)
    assert told(failure(access)) == (Disconnected, "connect", "certificate")
    assert told(failure(replace(access, port=dovecot.port, tls=Tls.STARTTLS))) == (
        Disconnected,
        "connect",
        "certificate",
    )


def test_a_certificate_for_another_host_is_refused(authority: Authority) -> None:
    with ImapServer(Store(), tls=authority.elsewhere.server_context(), implicit_tls=True) as server:
        account = playground_account(server, authority)
        assert told(failure(account.access)) == (Disconnected, "connect", "certificate")


def test_an_authority_file_that_is_missing_is_told(account: Account) -> None:
    problem = failure(replace(account.access, ca_file="/nowhere/ca.pem"))
    assert isinstance(problem, Disconnected)


def strip_starttls(client: Dialogue) -> None:
    client.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello")
    while True:
        tag = client.hear().split()[0]
        client.say("* CAPABILITY IMAP4rev1 AUTH=PLAIN", f"{tag} OK done")


def refuse_starttls(client: Dialogue) -> None:
    client.say("* OK hello")
    while True:
        tag, command = client.hear().split(" ", 1)
        if command == "STARTTLS":
            client.say(f"{tag} NO not today")
        else:
            client.say("* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN", f"{tag} OK done")


def pretend_logged_in(client: Dialogue) -> None:
    """PREAUTH in clear: STARTTLS is not allowed any more, so a careless client goes on without."""
    client.say("* PREAUTH welcome")
    while True:
        tag = client.hear().split()[0]
        client.say("* CAPABILITY IMAP4rev1 STARTTLS IDLE MOVE", f"{tag} OK done")


@pytest.mark.parametrize("script", [strip_starttls, refuse_starttls, pretend_logged_in])
def test_somebody_on_the_way_who_takes_starttls_out_learns_no_password(script: Callable[[Dialogue], None]) -> None:
    asked: list[bool] = []
    with ScriptedServer(script) as server:

        def read() -> str:
            asked.append(True)
            return PASSWORD

        credential = Credential("robot", read)
        access = ImapAccess(host="localhost", port=server.port, tls=Tls.STARTTLS, credential=credential, patience=5)
        problem = failure(access)
    assert isinstance(problem, MailboxFailure)
    assert problem.step == "connect"
    assert asked == []


def test_what_is_slipped_in_behind_starttls_is_thrown_away(authority: Authority) -> None:
    """Octets sent in clear in one piece with the answer must not be read as if they had come encrypted."""

    def script(client: Dialogue) -> None:
        client.say("* OK hello")
        tag = client.hear().split()[0]
        client.say("* CAPABILITY IMAP4rev1 STARTTLS", f"{tag} OK done")
        tag = client.hear().split()[0]
        client.say(f"{tag} OK begin", "* CAPABILITY IMAP4rev1 AUTH=INJECTED")
        client.begin_tls(authority.localhost.server_context())
        tag = client.hear().split()[0]
        client.say("* CAPABILITY IMAP4rev1 AUTH=GENUINE", f"{tag} OK done")
        client.stay()

    with ScriptedServer(script) as server:
        access = ImapAccess(
            host="localhost", port=server.port, tls=Tls.STARTTLS, ca_file=str(authority.cert_file), patience=5
        )
        session = Session(access)
        assert session._imap.capabilities == ("IMAP4REV1", "AUTH=GENUINE")
        session.shutdown()


# ---------------------------------------------------------------- waiting


def waiting(mailbox: Mailbox, stop: threading.Event, seconds: float = 30.0) -> tuple[threading.Thread, list[float]]:
    """Wait in a thread; when it is over, how long it took."""
    took: list[float] = []

    def work() -> None:
        began = time.monotonic()
        with contextlib.suppress(MailboxFailure):
            mailbox.wait(seconds, stop)
        took.append(time.monotonic() - began)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread, took


def test_a_new_mail_ends_the_wait(either: Account) -> None:
    with either.mailbox as mailbox:
        assert mailbox.fetch_new() == []
        thread, took = waiting(mailbox, threading.Event())
        time.sleep(0.3)
        either.deliver(mail())
        thread.join(10)
        assert took
        assert took[0] < 5
        assert len(mailbox.fetch_new()) == 1


def test_a_mail_that_came_before_the_wait_began_ends_it_at_once(either: Account) -> None:
    """It is announced in one piece with `+ idling`, where imapclient does not see it."""
    with either.mailbox as mailbox:
        assert mailbox.fetch_new() == []
        either.deliver(mail())
        began = time.monotonic()
        mailbox.wait(30, threading.Event())
        assert time.monotonic() - began < 5
        assert len(mailbox.fetch_new()) == 1


def test_as_many_mails_as_were_filed_are_news(either: Account) -> None:
    """The server counts as many mails as before, and yet they are others."""
    either.deliver(mail())
    with either.mailbox as mailbox:
        mailbox.file_away([(uid, Folder.DONE) for uid in uids(mailbox.fetch_new())])
        either.deliver(mail())
        began = time.monotonic()
        mailbox.wait(30, threading.Event())
        assert time.monotonic() - began < 5


def test_the_stop_signal_ends_the_wait_within_a_second_or_so(either: Account) -> None:
    stop = threading.Event()
    with either.mailbox as mailbox:
        thread, took = waiting(mailbox, stop)
        time.sleep(0.1)
        stop.set()
        thread.join(10)
        assert took
        assert took[0] < 3
        assert mailbox.fetch_new() == []


def test_waiting_is_never_longer_than_the_polling_time(either: Account) -> None:
    with Mailbox(replace(either.access, poll_seconds=0.2)) as mailbox:
        for _ in range(3):
            began = time.monotonic()
            mailbox.wait(30, threading.Event())
            assert 0.15 < time.monotonic() - began < 2
        assert mailbox.fetch_new() == []


def test_without_idle_the_mailbox_is_polled(account: Account) -> None:
    with Mailbox(replace(account.access, poll_seconds=0.2)) as mailbox:
        assert mailbox._session
        offered = mailbox._session.capabilities()
        mailbox._session._cached_capabilities = tuple(c for c in offered if c != b"IDLE")
        began = time.monotonic()
        mailbox.wait(30, threading.Event())
        assert 0.15 < time.monotonic() - began < 2
        stop = threading.Event()
        stop.set()
        mailbox.wait(30, stop)
        assert mailbox.fetch_new() == []


def selected(client: Dialogue, tag: str, _command: str) -> None:
    client.say("* 0 EXISTS", "* 0 RECENT", "* OK [UIDVALIDITY 7] fine", f"{tag} OK [READ-WRITE] selected")


def ready(client: Dialogue, tag: str, _command: str) -> None:
    client.say(f"{tag} OK done")


def listed(client: Dialogue, tag: str, command: str) -> None:
    client.say(f'* LIST () "/" {command.rsplit(maxsplit=1)[-1]}', f"{tag} OK done")


CONNECTED = (listed, listed, listed, selected)


def scripted(port: int) -> ImapAccess:
    return ImapAccess(host="localhost", port=port, tls=Tls.NONE, patience=2)


def test_news_before_the_server_agrees_to_idle() -> None:
    def idle(client: Dialogue, tag: str, _command: str) -> None:
        client.say("* OK one moment", "* 1 EXISTS", "+ idling")
        assert client.hear() == "DONE"
        client.say(f"{tag} OK done")

    with ScriptedServer(answering(*CONNECTED, idle)) as server, Mailbox(scripted(server.port)) as mailbox:
        began = time.monotonic()
        mailbox.wait(30, threading.Event())
        assert time.monotonic() - began < 1


def test_where_idle_is_refused_the_mailbox_is_polled() -> None:
    def idle(client: Dialogue, tag: str, _command: str) -> None:
        client.say(f"{tag} NO too many idlers")

    with ScriptedServer(answering(*CONNECTED, idle, selected)) as server, Mailbox(scripted(server.port)) as mailbox:
        began = time.monotonic()
        mailbox.wait(1.2, threading.Event())
        mailbox.wait(0.3, threading.Event())
        assert 1.2 < time.monotonic() - began < 5
        assert mailbox.fetch_new() == []


def test_a_server_that_repeats_itself_does_not_keep_us_busy() -> None:
    """Some say the number of mails again at each IDLE, some say "still here" all the time."""

    def idle(client: Dialogue, tag: str, _command: str) -> None:
        client.say("+ idling", "* 0 EXISTS", "* OK Still here")
        with contextlib.suppress(EOFError):
            assert client.hear() == "DONE"
        client.say(f"{tag} OK done")

    with ScriptedServer(answering(*CONNECTED, idle)) as server, Mailbox(scripted(server.port)) as mailbox:
        began = time.monotonic()
        mailbox.wait(1.5, threading.Event())
        assert time.monotonic() - began > 1.2


def test_a_server_that_ends_idle_by_itself_does_not_keep_us_busy() -> None:
    def idle(client: Dialogue, tag: str, _command: str) -> None:
        client.say("+ idling", f"{tag} OK enough of it")
        client.stay()

    with ScriptedServer(answering(*CONNECTED, idle)) as server:
        mailbox = Mailbox(scripted(server.port))
        mailbox.connect()
        with pytest.raises(MailboxFailure):
            mailbox.wait(30, threading.Event())


# ---------------------------------------------------------------- connections that break


def test_a_server_that_restarts_during_the_wait(dovecot: Dovecot, account: Account) -> None:
    with account.mailbox as mailbox:
        thread, took = waiting(mailbox, threading.Event())
        time.sleep(0.3)
        dovecot.restart()
        thread.join(10)
        assert took
        assert took[0] < 8
        with pytest.raises(Disconnected):
            mailbox.fetch_new()
    account.deliver(mail())
    with account.mailbox as mailbox:
        assert len(mailbox.fetch_new()) == 1


def test_a_connection_cut_during_the_wait_is_told_at_once(either: Account) -> None:
    """imapclient would say "nothing new" at once, for ever."""
    with Wire(either.access.port) as wire:
        mailbox = Mailbox(replace(either.access, port=wire.port))
        mailbox.connect()
        cutting = threading.Timer(0.3, wire.cut)
        cutting.start()
        began = time.monotonic()
        with pytest.raises(Disconnected) as caught:
            mailbox.wait(30, threading.Event())
        assert time.monotonic() - began < 3
        assert caught.value.step == "wait"


def test_idle_that_dies_without_a_word_is_found_out_by_the_poll(either: Account) -> None:
    with Wire(either.access.port) as wire:
        mailbox = Mailbox(replace(either.access, port=wire.port, poll_seconds=0.5, patience=1))
        mailbox.connect()
        wire.swallow()
        either.deliver(mail())
        began = time.monotonic()
        with pytest.raises(Disconnected) as caught:
            mailbox.wait(30, threading.Event())
        assert caught.value.reason == "timeout"
        assert time.monotonic() - began < 5
        with pytest.raises(Disconnected):  # imapclient's object is dead now, and so is ours
            mailbox.fetch_new()
    with either.mailbox as mailbox:
        assert len(mailbox.fetch_new()) == 1


def test_a_connection_cut_in_the_middle_of_a_mail_gives_no_half_mail(either: Account) -> None:
    either.deliver(mail("first"))
    either.deliver(mail("large", 500_000))
    with Wire(either.access.port) as wire:
        mailbox = Mailbox(replace(either.access, port=wire.port))
        mailbox.connect()
        wire.cut_after = 100_000
        with pytest.raises(Disconnected) as caught:
            mailbox.fetch_new()
        assert told(caught.value) == (Disconnected, "fetch", "connection")
    with either.mailbox as mailbox:
        assert len(mailbox.fetch_new()) == 2


def test_a_connection_cut_while_filing_can_be_filed_again(either: Account) -> None:
    either.deliver(mail())
    with Wire(either.access.port) as wire:
        mailbox = Mailbox(replace(either.access, port=wire.port))
        mailbox.connect()
        filing = [(uid, Folder.DONE) for uid in uids(mailbox.fetch_new())]
        wire.cut_after = 0
        with pytest.raises(Disconnected):
            mailbox.file_away(filing)
    with either.mailbox as mailbox:
        mailbox.file_away([(uid, Folder.DONE) for uid in uids(mailbox.fetch_new())])
        assert mailbox.fetch_new() == []
    assert len(either.mails("Done")) == 1


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert told(failure(scripted(port))) == (Disconnected, "connect", "connection")


def test_a_server_that_accepts_and_says_nothing() -> None:
    with ScriptedServer(Dialogue.stay) as server:
        access = replace(scripted(server.port), patience=0.3)
        assert told(failure(access)) == (Disconnected, "connect", "timeout")


def test_new_numbers_for_all_mails_end_the_connection(playground_imap: ImapServer, authority: Authority) -> None:
    """UIDVALIDITY changed: a UID given before may name another mail now."""
    account = playground_account(playground_imap, authority)
    account.deliver(mail())
    assert account.access.credential
    with account.mailbox as mailbox:
        mailbox.fetch_new()
        inbox = playground_imap.store.account(account.access.credential.username).folder("INBOX")
        assert inbox
        inbox.renumber()
        with pytest.raises(Disconnected) as caught:
            mailbox.fetch_new()
        assert caught.value.reason == "renumbered"


def test_a_mailbox_that_may_only_be_read_is_told() -> None:
    def examined(client: Dialogue, tag: str, _command: str) -> None:
        client.say("* 0 EXISTS", "* OK [UIDVALIDITY 7] fine", f"{tag} OK [READ-ONLY] selected")

    with ScriptedServer(answering(listed, listed, listed, examined)) as server:
        assert told(failure(scripted(server.port))) == (MailboxRefused, "folders", "read-only")


def test_a_move_that_the_server_refuses_is_told_with_nothing_of_its_words() -> None:
    def one_mail(client: Dialogue, tag: str, _command: str) -> None:
        client.say("* 1 EXISTS", "* OK [UIDVALIDITY 7] fine", f"{tag} OK [READ-WRITE] selected")

    def over_quota(client: Dialogue, tag: str, _command: str) -> None:
        client.say(f"{tag} NO [OVERQUOTA] {CANARY.decode()}")

    def found(client: Dialogue, tag: str, _command: str) -> None:
        client.say("* SEARCH 1", f"{tag} OK done")

    script = answering(listed, listed, listed, one_mail, over_quota, found, listed, over_quota)
    with ScriptedServer(script) as server:
        mailbox = Mailbox(scripted(server.port))
        mailbox.connect()
        with pytest.raises(MailboxFailure) as caught:
            mailbox.file_away([(1, Folder.DONE)])
    assert told(caught.value) == (MailboxRefused, "file", "refused")
    assert CANARY.decode() not in str(caught.value)


def test_a_server_without_move_and_uidplus_is_refused() -> None:
    def script(client: Dialogue) -> None:
        client.say("* PREAUTH hello")
        while True:
            tag = client.hear().split()[0]
            client.say("* CAPABILITY IMAP4rev1 IDLE", f"{tag} OK done")

    with ScriptedServer(script) as server:
        assert told(failure(scripted(server.port))) == (MailboxRefused, "folders", "no MOVE")


NONSENSE = [
    b"\x00\xff\r\n",
    b"* 1 FETCH (UID\r\n",
    b"* 1 FETCH (UID one RFC822.SIZE two)\r\n",
    b"* 1 FETCH (UID 1 RFC822.SIZE 5 BODY[] {99999999}\r\nshort",
    b"+ go on\r\n",
    b"* BYE off\r\n",
    b"A9 OK somebody else's\r\n",
    b"* " + b"9" * 1_100_000 + b"\r\n",
    b"* 1 FETCH NIL\r\n",
    b"* 1 FETCH (" + b"(" * 3000 + b"\r\n",
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_ends_the_connection_and_nothing_of_it_shows(nonsense: bytes) -> None:
    def one_mail(client: Dialogue, tag: str, _command: str) -> None:
        client.say("* 1 EXISTS", "* OK [UIDVALIDITY 7] fine", f"{tag} OK [READ-WRITE] selected")

    def babble(client: Dialogue, tag: str, _command: str) -> None:
        client.say_raw(nonsense)
        client.say(f"{tag} OK done")
        client.cut()

    with ScriptedServer(answering(*CONNECTED, one_mail, babble)) as server:
        mailbox = Mailbox(scripted(server.port))
        mailbox.connect()
        with pytest.raises(MailboxFailure) as caught:  # noqa: PT012 - at the first look, or when the lie is found out
            mailbox.fetch_new()
            mailbox.fetch_new()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# ---------------------------------------------------------------- manners


def test_nothing_of_a_mail_or_a_password_is_logged(either: Account, caplog: pytest.LogCaptureFixture) -> None:
    """imapclient's own connection writes every octet it reads."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("imapclient").setLevel(logging.DEBUG)
    either.deliver(mail())
    with either.mailbox as mailbox:
        (arrival,) = mailbox.fetch_new()
        mailbox.file_away([(arrival[0], Folder.DONE)])
    assert CANARY.decode() not in caplog.text
    assert PASSWORD not in caplog.text
    assert CANARY.decode() not in repr(arrival)
    assert PASSWORD not in repr(either.access)


def test_commands_do_not_wait_for_nagle(either: Account) -> None:
    """45 ms each, if they do; TCP_NODELAY lets hundreds pass in a second."""
    with either.mailbox as mailbox:
        assert mailbox._session
        assert mailbox._session.socket().getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_closing_is_always_possible(either: Account) -> None:
    mailbox = either.mailbox
    mailbox.close()
    mailbox.connect()
    mailbox.close()
    mailbox.close()
    with pytest.raises(Disconnected) as caught:
        mailbox.fetch_new()
    assert caught.value.reason == "closed"
    mailbox.connect()  # and so is connecting again
    assert mailbox.fetch_new() == []
    mailbox.close()
