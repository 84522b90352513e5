"""The playground's IMAP server and Dovecot under the same tests: what the robot and mail programs rely on."""

import base64
import itertools
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from mailbot.playground.accounts import Store
from mailbot.playground.imap import ImapServer
from tests.servers.authority import Authority
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.wire.imap_dialogue import Answer, Dialogue


@dataclass(frozen=True)
class Served:
    """A server under test, the same from outside whichever it is."""

    name: str
    plain_port: int
    starttls_port: int
    tls_port: int
    add: Callable[[str], object]
    deliver: Callable[[str, bytes], object]
    let_token_in: Callable[[str, str], None]


@pytest.fixture(scope="module")
def playground(authority: Authority) -> Iterator[Served]:
    store, tls = Store(), authority.localhost.server_context()

    def let_token_in(login: str, token: str) -> None:
        store.account(login).token = token

    with (
        ImapServer(store) as plain,
        ImapServer(store, tls=tls) as starttls,
        ImapServer(store, tls=tls, implicit_tls=True) as implicit,
    ):
        yield Served(
            "playground",
            plain.port,
            starttls.port,
            implicit.port,
            lambda login: store.add(login, PASSWORD),
            store.deliver,
            let_token_in,
        )


@pytest.fixture(scope="module", params=["playground", "dovecot"])
def server(request: pytest.FixtureRequest) -> Served:
    if request.param == "playground":
        found: Served = request.getfixturevalue("playground")
        return found
    dovecot: Dovecot = request.getfixturevalue("dovecot")

    def let_token_in(login: str, token: str) -> None:
        dovecot.tokens[token] = login

    return Served("dovecot", dovecot.port, dovecot.port, dovecot.imaps_port, dovecot.add, dovecot.deliver, let_token_in)


_numbers = itertools.count(1)


@pytest.fixture
def login(server: Served) -> str:
    """A fresh account."""
    name = f"u{next(_numbers)}@suite.example"
    server.add(name)
    return name


@pytest.fixture
def client(server: Served, login: str) -> Iterator[IMAPClient]:
    """imapclient in the fresh account's INBOX."""
    with IMAPClient("127.0.0.1", server.plain_port, ssl=False, timeout=5) as client:
        client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else 45 ms for each command
        client.login(login, PASSWORD)
        client.select_folder("INBOX")
        yield client


@pytest.fixture
def dialogue(server: Served, login: str) -> Iterator[Dialogue]:
    """A bare connection in the fresh account's INBOX."""
    with entered(server, login) as dialogue:
        yield dialogue


def entered(server: Served, login: str, folder: str = "INBOX") -> Dialogue:
    dialogue = Dialogue(server.plain_port)
    assert dialogue.do(f'LOGIN {login} "{PASSWORD}"').status == "OK"
    assert dialogue.do(f"SELECT {folder}").status == "OK"
    return dialogue


def put(dialogue: Dialogue, octets: bytes, folder: str = "INBOX", flags: str = "") -> int:
    """APPEND; returns the UID."""
    answer = dialogue.do(f"APPEND {folder} ({flags}) {{{len(octets)}+}}\r\n".encode() + octets)
    assert answer.status == "OK"
    found = re.match(r"\[APPENDUID \d+ (\d+)\]", answer.text)
    assert found
    return int(found[1])


def body(answer: Answer) -> bytes:
    """The one literal (or string) that a FETCH of one mail brought."""
    [response] = answer.told("FETCH")
    if found := re.search(rb"\{(\d+)\}\r\n", response):
        return response[found.end() : found.end() + int(found[1])]
    found = re.search(rb'"(.*)"\)', response, re.DOTALL)
    assert found
    return found[1]


def small(number: int = 0) -> bytes:
    return f"From: a@suite.example\r\nSubject: mail {number}\r\n\r\nThis is mail {number}.\r\n".encode()


# ---- logging in ----


def plain(login: str, password: str) -> str:
    return base64.b64encode(f"\0{login}\0{password}".encode()).decode()


def bearer(login: str, token: str) -> str:
    return base64.b64encode(f"user={login}\1auth=Bearer {token}\1\1".encode()).decode()


def test_says_what_it_can_do(client: IMAPClient) -> None:
    wanted = {
        "IMAP4REV1",
        "IDLE",
        "UIDPLUS",
        "MOVE",
        "LITERAL+",
        "SPECIAL-USE",
        "NAMESPACE",
        "UNSELECT",
        "ID",
        "ENABLE",
    }
    assert wanted <= {capability.decode() for capability in client.capabilities()}


def test_wrong_password(server: Served, login: str) -> None:
    with Dialogue(server.plain_port) as dialogue:
        assert dialogue.do(f"LOGIN {login} wrong").status == "NO"
        assert dialogue.do(f"AUTHENTICATE PLAIN {plain(login, 'wrong')}").status == "NO"
        assert dialogue.do(f'LOGIN {login} "{PASSWORD}"').status == "OK"


def test_unknown_login(server: Served) -> None:
    with Dialogue(server.plain_port) as dialogue:
        assert dialogue.do(f'LOGIN nobody@suite.example "{PASSWORD}"').status == "NO"


def test_needs_login(server: Served) -> None:
    for command in ("SELECT INBOX", "LIST x *", "STATUS INBOX (MESSAGES)", "IDLE", "FETCH 1 FLAGS", "EXPUNGE"):
        with Dialogue(server.plain_port) as dialogue:
            assert dialogue.do(command).status == "BAD"


def test_password_as_a_literal(server: Served, login: str) -> None:
    with Dialogue(server.plain_port) as dialogue:
        dialogue.send(f"a LOGIN {{{len(login)}}}\r\n".encode())
        assert dialogue.response().startswith(b"+ ")
        dialogue.send(f"{login} {{{len(PASSWORD)}}}\r\n".encode())
        assert dialogue.response().startswith(b"+ ")
        dialogue.send(PASSWORD.encode() + b"\r\n")
        assert dialogue.answer(b"a").status == "OK"


def test_authenticate_plain_with_initial_response(server: Served, login: str) -> None:
    with Dialogue(server.plain_port) as dialogue:
        assert dialogue.do(f"AUTHENTICATE PLAIN {plain(login, PASSWORD)}").status == "OK"


def test_authenticate_plain_when_asked(server: Served, login: str) -> None:
    with Dialogue(server.plain_port) as dialogue:
        tag = dialogue.begin("AUTHENTICATE PLAIN")
        assert dialogue.response().startswith(b"+")
        dialogue.send(plain(login, PASSWORD).encode() + b"\r\n")
        assert dialogue.answer(tag).status == "OK"


def test_xoauth2(server: Served, login: str) -> None:
    server.let_token_in(login, "token-" + login)
    with IMAPClient("127.0.0.1", server.plain_port, ssl=False, timeout=5) as client:
        client.oauth2_login(login, "token-" + login)
        assert client.folder_exists("INBOX")


def test_xoauth2_with_a_stale_token(server: Served, login: str) -> None:
    server.let_token_in(login, "fresh-" + login)
    with IMAPClient("127.0.0.1", server.plain_port, ssl=False, timeout=5) as client, pytest.raises(LoginError):
        client.oauth2_login(login, "stale")
    with Dialogue(server.plain_port) as dialogue:
        tag = dialogue.begin(f"AUTHENTICATE XOAUTH2 {bearer(login, 'stale')}")
        assert dialogue.response().startswith(b"+ ")  # the reason, which wants an empty answer
        dialogue.send(b"\r\n")
        assert dialogue.answer(tag).status == "NO"


# ---- TLS ----


def test_implicit_tls(server: Served, login: str, authority: Authority) -> None:
    with IMAPClient("localhost", server.tls_port, ssl_context=authority.client_context(), timeout=5) as client:
        client.login(login, PASSWORD)


def test_starttls(server: Served, login: str, authority: Authority) -> None:
    with IMAPClient("localhost", server.starttls_port, ssl=False, timeout=5) as client:
        client.starttls(authority.client_context())
        client.login(login, PASSWORD)
        assert client.has_capability("IDLE")


def test_a_large_mail_over_starttls(server: Served, login: str, authority: Authority) -> None:
    octets = small() + b"x" * 76 * 1000 + b"\r\n"
    with Dialogue(server.starttls_port) as dialogue:
        dialogue.starttls(authority.client_context())
        assert dialogue.do(f'LOGIN {login} "{PASSWORD}"').status == "OK"
        assert dialogue.do("SELECT INBOX").status == "OK"
        put(dialogue, octets * 20)
        assert body(dialogue.do("FETCH 1 BODY.PEEK[]")) == octets * 20


def test_starttls_once_only(server: Served, authority: Authority) -> None:
    with Dialogue(server.starttls_port) as dialogue:
        dialogue.starttls(authority.client_context())
        assert dialogue.do("STARTTLS").status == "BAD"


# ---- mail in, mail out ----

ODDITIES = {
    "plain": small(),
    "no line end at the end": b"Subject: x\r\n\r\nno end",
    "8 bit": "Subject: é\r\n\r\nnaïve ÿ\r\n".encode("latin-1"),
    "dots": b"Subject: x\r\n\r\n.\r\n..\r\n.x\r\n",
    "no body": b"Subject: x\r\n\r\n",
    "no header": b"\r\nbody\r\n",
    "long line": b"Subject: x\r\n\r\n" + b"y" * 9000 + b"\r\n",
    "braces at a line's end": b"Subject: {5}\r\n\r\n{10+}\r\n{3}\r\n",
}


@pytest.mark.parametrize("octets", ODDITIES.values(), ids=ODDITIES)
def test_every_octet_is_kept(dialogue: Dialogue, octets: bytes) -> None:
    put(dialogue, octets)
    assert body(dialogue.do("FETCH 1 BODY.PEEK[]")) == octets
    assert f"RFC822.SIZE {len(octets)}".encode() in dialogue.do("FETCH 1 RFC822.SIZE").untagged[0]


def test_delivered_mail_is_shown(server: Served, login: str, dialogue: Dialogue) -> None:
    server.deliver(login, small(1))
    assert dialogue.do("NOOP").told("EXISTS") == [b"* 1 EXISTS"]
    assert body(dialogue.do("FETCH 1 BODY[]")).endswith(small(1))


def test_append_with_flags_and_date(dialogue: Dialogue) -> None:
    octets = small()
    command = f'APPEND INBOX (\\Seen $Label) "17-Jul-1996 02:44:25 -0700" {{{len(octets)}+}}\r\n'.encode()
    assert dialogue.do(command + octets).status == "OK"
    [response] = dialogue.do("FETCH 1 (FLAGS INTERNALDATE)").told("FETCH")
    assert b"\\Seen" in response
    assert b"$Label" in response
    day = re.search(rb'INTERNALDATE "(1\d)-Jul-1996 (\d\d):44:25 ([+-]\d\d)00"', response)
    assert day
    assert (int(day[1]) * 24 + int(day[2]) - int(day[3])) == 17 * 24 + 9


def test_append_waits_for_the_invitation(dialogue: Dialogue) -> None:
    tag = dialogue.begin(f"APPEND INBOX {{{len(small())}}}")
    assert dialogue.response().startswith(b"+ ")
    dialogue.send(small() + b"\r\n")
    assert dialogue.answer(tag).status == "OK"


def test_append_to_a_folder_that_is_not_there(dialogue: Dialogue) -> None:
    answer = dialogue.do(f"APPEND Nowhere {{{len(small())}+}}\r\n".encode() + small())
    assert answer.status == "NO"
    assert answer.text.startswith("[TRYCREATE]")


def test_uids_grow_and_are_not_used_again(dialogue: Dialogue) -> None:
    first = [put(dialogue, small(number), flags="\\Deleted") for number in range(3)]
    dialogue.do("EXPUNGE")
    later = put(dialogue, small())
    assert [first[0] + 1, first[0] + 2, first[0] + 3] == [first[1], first[2], later]
    status = dialogue.do("STATUS INBOX (UIDNEXT MESSAGES)").untagged[-1]
    assert b"UIDNEXT %d" % (later + 1) in status
    assert b"MESSAGES 1" in status


def test_uidvalidity_stays(server: Served, login: str, dialogue: Dialogue) -> None:
    def validity(answer: Answer) -> list[bytes]:
        return [found[0] for response in answer.untagged if (found := re.search(rb"UIDVALIDITY \d+", response))]

    first = validity(dialogue.do("SELECT INBOX"))
    with entered(server, login) as other:
        assert first == validity(other.do("EXAMINE INBOX")) != []


# ---- FETCH ----

NESTED = b"\r\n".join(
    [
        b"From: =?utf-8?Q?Zo=C3=AB?= <zoe@fr.example>",
        b'To: "Desk, DE" <de@de.example>, it@it.example',
        b"Subject: [REQUEST DE] a long",
        b" and folded subject",
        b"Date: Mon, 5 Jan 2026 10:00:00 +0100",
        b"Message-ID: <nested@fr.example>",
        b"In-Reply-To: <earlier@de.example>",
        b'Content-Type: multipart/mixed; boundary="outer"',
        b"MIME-Version: 1.0",
        b"",
        b"preamble",
        b"--outer",
        b"Content-Type: multipart/alternative; boundary=inner",
        b"",
        b"--inner",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Transfer-Encoding: 8bit",
        b"",
        b"na\xc3\xafve",
        b"--inner",
        b"Content-Type: text/html",
        b"",
        b"<p>naive</p>",
        b"",
        b"--inner--",
        b"",
        b"--outer",
        b"Content-Type: message/rfc822",
        b"",
        b"From: inner@it.example",
        b"Subject: inner",
        b"Content-Type: text/plain",
        b"",
        b"inner body",
        b"",
        b"--outer",
        b'Content-Type: application/pdf; name="a.pdf"',
        b'Content-Disposition: attachment; filename="a.pdf"',
        b"Content-Transfer-Encoding: base64",
        b"",
        b"JVBERi0=",
        b"--outer--",
        b"epilogue",
        b"",
    ]
)
HEADER, TEXT = NESTED[: NESTED.index(b"\r\n\r\n") + 4], NESTED[NESTED.index(b"\r\n\r\n") + 4 :]
INNER_HEADER = b"From: inner@it.example\r\nSubject: inner\r\nContent-Type: text/plain\r\n\r\n"

SECTIONS = {
    "": NESTED,
    "HEADER": HEADER,
    "TEXT": TEXT,
    "1.1": b"na\xc3\xafve",
    "1.2": b"<p>naive</p>\r\n",
    "1.1.MIME": b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
    "2": INNER_HEADER + b"inner body\r\n",
    "2.HEADER": INNER_HEADER,
    "2.TEXT": b"inner body\r\n",
    "2.1": b"inner body\r\n",
    "2.MIME": b"Content-Type: message/rfc822\r\n\r\n",
    "2.HEADER.FIELDS (SUBJECT)": b"Subject: inner\r\n\r\n",
    "3": b"JVBERi0=",
    "HEADER.FIELDS (MESSAGE-ID DATE)": (
        b"Date: Mon, 5 Jan 2026 10:00:00 +0100\r\nMessage-ID: <nested@fr.example>\r\n\r\n"
    ),
    "HEADER.FIELDS (SUBJECT)": b"Subject: [REQUEST DE] a long\r\n and folded subject\r\n\r\n",
    "HEADER.FIELDS (X-NONE)": b"\r\n",
    "HEADER.FIELDS.NOT (FROM TO SUBJECT DATE MESSAGE-ID IN-REPLY-TO CONTENT-TYPE)": b"MIME-Version: 1.0\r\n\r\n",
}


@pytest.mark.parametrize("section", SECTIONS)
def test_sections(dialogue: Dialogue, section: str) -> None:
    put(dialogue, NESTED)
    assert body(dialogue.do(f"FETCH 1 BODY.PEEK[{section}]")) == SECTIONS[section]


@pytest.mark.parametrize(("start", "length"), [(0, 10), (5, 20), (0, 100000), (100000, 5)])
def test_partial_fetch(dialogue: Dialogue, start: int, length: int) -> None:
    put(dialogue, NESTED)
    answer = dialogue.do(f"FETCH 1 BODY.PEEK[]<{start}.{length}>")
    assert f"BODY[]<{start}>".encode() in answer.untagged[0]
    assert body(answer) == NESTED[start : start + length]


def test_a_mail_without_parts_is_its_own_first(dialogue: Dialogue) -> None:
    put(dialogue, small(7))
    assert body(dialogue.do("FETCH 1 BODY.PEEK[1]")) == b"This is mail 7.\r\n"


def test_old_names_of_sections(dialogue: Dialogue) -> None:
    put(dialogue, NESTED)
    assert body(dialogue.do("FETCH 1 RFC822")) == NESTED
    assert body(dialogue.do("FETCH 1 RFC822.HEADER")) == HEADER
    assert body(dialogue.do("FETCH 1 RFC822.TEXT")) == TEXT


def test_envelope(client: IMAPClient) -> None:
    client.append("INBOX", NESTED)
    [found] = client.fetch(client.search(), ["ENVELOPE"]).values()
    envelope = found[b"ENVELOPE"]
    assert envelope.subject == b"[REQUEST DE] a long and folded subject"
    assert (envelope.message_id, envelope.in_reply_to) == (b"<nested@fr.example>", b"<earlier@de.example>")
    assert [str(address) for address in envelope.to] == ['"Desk, DE" <de@de.example>', "it@it.example"]
    assert envelope.from_ == envelope.sender == envelope.reply_to
    assert (envelope.from_[0].name, envelope.from_[0].mailbox) == (b"=?utf-8?Q?Zo=C3=AB?=", b"zoe")
    assert envelope.cc is None


def test_structure(dialogue: Dialogue) -> None:
    put(dialogue, NESTED)
    shown = dialogue.do("FETCH 1 BODYSTRUCTURE").untagged[0].decode().lower()
    for piece in (
        '(("text" "plain" ("charset" "utf-8") nil nil "8bit" 6 ',
        '("text" "html" ',
        '"alternative" ("boundary" "inner")',
        f'("message" "rfc822" nil nil nil "7bit" {len(SECTIONS["2"])} (',
        '"inner"',
        '("application" "pdf" ("name" "a.pdf") nil nil "base64" 8 nil ("attachment" ("filename" "a.pdf"))',
        '"mixed" ("boundary" "outer")',
    ):
        assert piece in shown


def test_structure_of_broken_mail_is_still_told(dialogue: Dialogue) -> None:
    broken = [
        b'Content-Type: multipart/mixed; boundary="never"\r\n\r\nno part\r\n',
        b"Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\nno boundary\r\n--x--\r\n",
        b"Content-Type: ;;;==\r\nFrom: <<>>,,@\r\nTo: undisclosed:;\r\n\r\nx\r\n",
        b"Content-Type: text/plain; charset*=utf-8''%E2%82%AC; name*0=a; name*1=b\r\n\r\nx\r\n",
        b"Content-Type: message/rfc822\r\n\r\n" * 90,
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(90)),
    ]
    for number, octets in enumerate(broken, 1):
        put(dialogue, octets)
        answer = dialogue.do(f"FETCH {number} (ENVELOPE BODY BODYSTRUCTURE)")
        assert (answer.status, len(answer.told("FETCH"))) == ("OK", 1)
        assert body(dialogue.do(f"FETCH {number} BODY[]")) == octets


def test_reading_marks_as_seen(dialogue: Dialogue) -> None:
    put(dialogue, small())
    assert b"\\Seen" not in dialogue.do("FETCH 1 (FLAGS BODY.PEEK[])").untagged[0]
    assert b"\\Seen" not in dialogue.do("FETCH 1 (FLAGS RFC822.SIZE ENVELOPE)").untagged[0]
    assert any(b"\\Seen" in response for response in dialogue.do("FETCH 1 BODY[]").untagged)
    assert b"\\Seen" in dialogue.do("FETCH 1 FLAGS").untagged[0]


def test_macros(dialogue: Dialogue) -> None:
    put(dialogue, small())
    shown = dialogue.do("FETCH 1 FULL").untagged[0]
    for item in (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY"):
        assert item in shown


def test_sets_of_numbers(dialogue: Dialogue) -> None:
    uids = [put(dialogue, small(number)) for number in range(5)]

    def numbers(answer: Answer) -> list[int]:
        return [int(response.split()[1]) for response in answer.told("FETCH")]

    assert numbers(dialogue.do("FETCH 2:3,5 UID")) == [2, 3, 5]
    assert numbers(dialogue.do("FETCH 4:* UID")) == [4, 5]
    assert numbers(dialogue.do("FETCH * UID")) == [5]
    assert numbers(dialogue.do("FETCH 3:2 UID")) == [2, 3]
    assert numbers(dialogue.do(f"UID FETCH {uids[1]}:{uids[2]} FLAGS")) == [2, 3]
    assert numbers(dialogue.do(f"UID FETCH {uids[4] + 7}:* FLAGS")) == [5]
    assert numbers(dialogue.do(f"UID FETCH {uids[4] + 7} FLAGS")) == []
    assert dialogue.do("FETCH 6 UID").status == "BAD"


def test_uid_fetch_always_tells_the_uid(dialogue: Dialogue) -> None:
    uid = put(dialogue, small())
    assert b"UID %d" % uid in dialogue.do(f"UID FETCH {uid} FLAGS").untagged[0]


# ---- flags ----


def test_store(dialogue: Dialogue) -> None:
    uid = put(dialogue, small())

    def flags() -> set[bytes]:
        found = re.search(rb"FLAGS \(([^)]*)\)", dialogue.do("FETCH 1 FLAGS").untagged[0])
        assert found
        return set(found[1].split()) - {b"\\Recent"}

    assert dialogue.do("STORE 1 +FLAGS (\\seen $Done)").told("FETCH")
    assert flags() == {b"\\Seen", b"$Done"}
    assert not dialogue.do("STORE 1 -FLAGS.SILENT (\\Seen)").told("FETCH")
    assert flags() == {b"$Done"}
    assert b"UID %d" % uid in dialogue.do(f"UID STORE {uid} FLAGS \\Flagged").told("FETCH")[0]
    assert flags() == {b"\\Flagged"}


def test_flags_reach_other_sessions(server: Served, login: str, dialogue: Dialogue) -> None:
    put(dialogue, small())
    with entered(server, login) as other:
        dialogue.do("STORE 1 +FLAGS (\\Flagged)")
        assert any(b"\\Flagged" in response for response in other.do("NOOP").told("FETCH"))


def test_examine_changes_nothing(server: Served, login: str) -> None:
    server.deliver(login, small())
    with Dialogue(server.plain_port) as dialogue:
        dialogue.do(f'LOGIN {login} "{PASSWORD}"')
        assert dialogue.do("EXAMINE INBOX").text.startswith("[READ-ONLY]")
        assert dialogue.do("FETCH 1 BODY[]").status == "OK"
        assert b"\\Seen" not in dialogue.do("FETCH 1 FLAGS").untagged[0]
        dialogue.do("STORE 1 +FLAGS (\\Deleted)")
        with entered(server, login) as other:
            assert not re.search(rb"Seen|Deleted", other.do("FETCH 1 FLAGS").untagged[0])


# ---- away with mail ----


def test_expunge(dialogue: Dialogue) -> None:
    for number in range(4):
        put(dialogue, small(number))
    dialogue.do("STORE 2,3 +FLAGS.SILENT (\\Deleted)")
    told = [int(response.split()[1]) for response in dialogue.do("EXPUNGE").told("EXPUNGE")]
    assert told in ([2, 2], [3, 2])
    assert body(dialogue.do("FETCH 2 BODY[]")) == small(3)


def test_uid_expunge_takes_the_named_only(dialogue: Dialogue) -> None:
    uids = [put(dialogue, small(number), flags="\\Deleted") for number in range(3)]
    assert dialogue.do(f"UID EXPUNGE {uids[1]}").told("EXPUNGE") == [b"* 2 EXPUNGE"]
    assert b"* SEARCH %d %d" % (uids[0], uids[2]) in dialogue.do("UID SEARCH ALL").untagged


def test_close_expunges_and_unselect_does_not(dialogue: Dialogue) -> None:
    for command, left in (("UNSELECT", b"MESSAGES 1"), ("CLOSE", b"MESSAGES 0")):
        if command == "UNSELECT":
            put(dialogue, small(), flags="\\Deleted")
        assert dialogue.do(command).untagged == []
        assert left in dialogue.do("STATUS INBOX (MESSAGES)").untagged[0]
        assert dialogue.do("FETCH 1 FLAGS").status == "BAD"
        dialogue.do("SELECT INBOX")


def test_move(dialogue: Dialogue) -> None:
    dialogue.do("CREATE Done")
    uids = [put(dialogue, small(number), flags="$Kept") for number in range(4)]
    answer = dialogue.do(f"UID MOVE {uids[0]}:{uids[1]},{uids[3]} Done")
    assert answer.status == "OK"
    codes = [found[0] for line in answer.untagged if (found := re.search(rb"COPYUID \d+ (\S+) (\S+)\]", line))]
    assert codes
    assert b"%d:%d,%d" % (uids[0], uids[1], uids[3]) in codes[0]
    assert len(answer.told("EXPUNGE")) == 3
    assert body(dialogue.do("FETCH 1 BODY.PEEK[]")) == small(2)
    assert b"MESSAGES 3" in dialogue.do("STATUS Done (MESSAGES)").untagged[-1]
    dialogue.do("SELECT Done")
    assert [body(dialogue.do(f"FETCH {number} BODY.PEEK[]")) for number in (1, 2, 3)] == [small(0), small(1), small(3)]
    assert b"$Kept" in dialogue.do("FETCH 1 FLAGS").untagged[0]


def test_move_by_number(dialogue: Dialogue) -> None:
    dialogue.do("CREATE Done")
    put(dialogue, small())
    assert dialogue.do("MOVE 1 Done").told("EXPUNGE") == [b"* 1 EXPUNGE"]


def test_move_of_what_is_gone_is_fine(client: IMAPClient) -> None:
    client.create_folder("Done")
    client.append("INBOX", small())
    [uid] = client.search()
    client.move([uid], "Done")
    client.move([uid], "Done")
    assert client.folder_status("Done")[b"MESSAGES"] == 1


def test_move_to_a_folder_that_is_not_there(dialogue: Dialogue) -> None:
    uid = put(dialogue, small())
    answer = dialogue.do(f"UID MOVE {uid} Nowhere")
    assert (answer.status, answer.text.startswith("[TRYCREATE]")) == ("NO", True)
    assert body(dialogue.do("FETCH 1 BODY.PEEK[]")) == small()


def test_copy(dialogue: Dialogue) -> None:
    dialogue.do("CREATE Kept")
    uid = put(dialogue, small(), flags="\\Flagged")
    answer = dialogue.do(f"UID COPY {uid} Kept")
    assert re.match(rf"\[COPYUID \d+ {uid} \d+\]", answer.text)
    date = dialogue.do("FETCH 1 INTERNALDATE").untagged[0]
    dialogue.do("SELECT Kept")
    assert b"\\Flagged" in dialogue.do("FETCH 1 FLAGS").untagged[0]
    assert dialogue.do("FETCH 1 INTERNALDATE").untagged[0] == date
    assert body(dialogue.do("FETCH 1 BODY.PEEK[]")) == small()


# ---- SEARCH ----


@pytest.fixture
def searched(dialogue: Dialogue) -> Dialogue:
    dated = '"02-Feb-2026 12:00:00 +0000"'
    mails = [
        (
            b"From: Anna <anna@fr.example>\r\nSubject: [REQUEST DE] cars\r\nDate: Sun, 1 Feb 2026 09:00:00 +0000\r\n",
            "\\Seen",
        ),
        (b"From: Bob <bob@de.example>\r\nTo: anna@fr.example\r\nSubject: =?utf-8?Q?R=C3=A9ponse?=\r\n", "\\Flagged"),
        (
            b"From: Carl <carl@it.example>\r\nCc: bob@de.example\r\nMessage-ID: <third@it.example>\r\n",
            "\\Deleted $Held",
        ),
    ]
    for number, (header, flags) in enumerate(mails, 1):
        octets = header + b"\r\n" + f"body {number} needle{number}\r\n".encode() * number * 10
        dialogue.do(f"APPEND INBOX ({flags}) {dated} {{{len(octets)}+}}\r\n".encode() + octets)
    return dialogue


SEARCHES = {
    "ALL": "1 2 3",
    "SEEN": "1",
    "UNSEEN": "2 3",
    "FLAGGED UNSEEN": "2",
    "DELETED": "3",
    "UNDELETED": "1 2",
    "UNANSWERED": "1 2 3",
    "KEYWORD $Held": "3",
    "UNKEYWORD $Held": "1 2",
    "FROM anna": "1",
    "FROM ANNA@FR.EXAMPLE": "1",
    "TO anna": "2",
    "CC bob": "3",
    'SUBJECT "[REQUEST DE]"': "1",
    "HEADER Message-ID <third@it.example>": "3",
    'HEADER Message-ID ""': "3",
    "BODY needle2": "2",
    "TEXT carl@it": "3",
    "NOT FROM anna": "2 3",
    "OR FROM anna FROM carl": "1 3",
    "OR (FROM anna SEEN) (FROM carl SEEN)": "1",
    "2:3": "2 3",
    "2:* UNSEEN": "2 3",
    "LARGER 400": "2 3",
    "SMALLER 400": "1",
    "SINCE 1-Feb-2026": "1 2 3",
    "BEFORE 2-Feb-2026": "",
    "ON 2-Feb-2026": "1 2 3",
    "SENTBEFORE 2-Feb-2026 FROM anna": "1",
    "SENTON 1-Feb-2026": "1",
    "UID 1:2": "1 2",
    "CHARSET UTF-8 FROM bob": "2",
}


@pytest.mark.parametrize("key", SEARCHES)
def test_search(searched: Dialogue, key: str) -> None:
    answer = searched.do(f"SEARCH {key}")
    assert (answer.status, [line.decode().split()[2:] for line in answer.told("SEARCH")]) == (
        "OK",
        [SEARCHES[key].split()],
    )


def test_a_search_sees_what_was_announced_before_it(server: Served, login: str, dialogue: Dialogue) -> None:
    server.deliver(login, small())
    first = dialogue.do("SEARCH ALL")
    assert (first.told("SEARCH"), first.told("EXISTS")) == ([b"* SEARCH"], [b"* 1 EXISTS"])  # a poll needs NOOP first
    assert dialogue.do("SEARCH ALL").told("SEARCH") == [b"* SEARCH 1"]


def test_search_in_a_literal_and_decoded(searched: Dialogue) -> None:
    word = "Réponse".encode()
    assert searched.do(b"SEARCH CHARSET UTF-8 SUBJECT {%d+}\r\n%b" % (len(word), word)).untagged == [b"* SEARCH 2"]


def test_search_in_an_unknown_charset(searched: Dialogue) -> None:
    answer = searched.do("SEARCH CHARSET X-KLINGON SUBJECT x")
    assert (answer.status, answer.text.startswith("[BADCHARSET")) == ("NO", True)


def test_search_needs_a_key_that_exists(searched: Dialogue) -> None:
    for wrong in ("SEARCH", "SEARCH COLOUR red", "SEARCH SUBJECT", "SEARCH SINCE yesterday"):
        assert searched.do(wrong).status == "BAD"


# ---- folders ----


def names(answer: Answer, kind: str = "LIST") -> set[str]:
    return {response.decode().rpartition(" ")[2].strip('"') for response in answer.told(kind)}


def test_folders_come_and_go(dialogue: Dialogue) -> None:
    assert dialogue.do("CREATE Done").status == "OK"
    assert dialogue.do("CREATE Done").status == "NO"
    assert dialogue.do("CREATE Archives/2026").status == "OK"
    assert {"INBOX", "Done", "Archives/2026"} <= names(dialogue.do('LIST "" *'))
    assert dialogue.do("RENAME Done Finished").status == "OK"
    assert dialogue.do("RENAME Done Finished").status == "NO"
    assert dialogue.do("DELETE Finished").status == "OK"
    assert dialogue.do("DELETE Finished").status == "NO"
    assert dialogue.do("DELETE INBOX").status == "NO"
    assert not {"Done", "Finished"} & names(dialogue.do('LIST "" *'))


def test_renaming_takes_what_is_below_along(dialogue: Dialogue) -> None:
    dialogue.do("CREATE A")
    dialogue.do("CREATE A/B")
    put(dialogue, small(), folder="A/B")
    assert dialogue.do("RENAME A Z").status == "OK"
    assert {"Z", "Z/B"} <= names(dialogue.do('LIST "" *'))
    assert b"MESSAGES 1" in dialogue.do("STATUS Z/B (MESSAGES)").untagged[0]


def test_patterns(dialogue: Dialogue) -> None:
    for name in ("Top", "Top/Sub", '"With space"'):
        dialogue.do(f"CREATE {name}")
    assert "Top/Sub" in names(dialogue.do('LIST "" Top*'))
    assert names(dialogue.do('LIST "" Top/%')) == {"Top/Sub"}
    assert "Top/Sub" not in names(dialogue.do('LIST "" %'))
    assert names(dialogue.do('LIST "" inbox')) == {"INBOX"}
    assert any(b'"With space"' in line for line in dialogue.do('LIST "" "With*"').untagged)
    assert b'"/"' in dialogue.do('LIST "" ""').untagged[0]


def test_special_use(client: IMAPClient) -> None:
    attributes = {name: set(flags) for flags, _, name in client.list_folders()}
    assert b"\\Sent" in attributes["Sent"]
    assert b"\\Drafts" in attributes["Drafts"]
    assert b"\\Trash" in attributes["Trash"]


def test_subscriptions(dialogue: Dialogue) -> None:
    dialogue.do("CREATE Read")
    assert "Read" not in names(dialogue.do('LSUB "" *'), "LSUB")
    assert dialogue.do("SUBSCRIBE Read").status == "OK"
    assert "Read" in names(dialogue.do('LSUB "" *'), "LSUB")
    assert dialogue.do("UNSUBSCRIBE Read").status == "OK"
    assert "Read" not in names(dialogue.do('LSUB "" *'), "LSUB")


def test_status(dialogue: Dialogue) -> None:
    put(dialogue, small())
    put(dialogue, small(), flags="\\Seen")
    shown = dialogue.do("STATUS INBOX (MESSAGES UNSEEN UIDNEXT UIDVALIDITY RECENT)").untagged[-1]
    assert b"MESSAGES 2" in shown
    assert b"UNSEEN 1" in shown


def test_select_of_a_folder_that_is_not_there_leaves_none_open(dialogue: Dialogue) -> None:
    assert dialogue.do("SELECT Nowhere").status == "NO"
    assert dialogue.do("FETCH 1 FLAGS").status == "BAD"


def test_namespace(dialogue: Dialogue) -> None:
    assert dialogue.do("NAMESPACE").untagged == [b'* NAMESPACE (("" "/")) NIL NIL']


def test_non_ascii_folder_names(client: IMAPClient) -> None:
    client.create_folder("Erledigt/Übung & Café")
    assert client.folder_exists("Erledigt/Übung & Café")
    assert client.folder_status("Erledigt/Übung & Café")[b"MESSAGES"] == 0


# ---- several sessions at once ----


def idling(dialogue: Dialogue) -> bytes:
    tag = dialogue.begin("IDLE")
    assert dialogue.response().startswith(b"+ ")
    return tag


def until_told(dialogue: Dialogue, word: bytes) -> bytes:
    while word not in (response := dialogue.response()):
        pass
    return response


def test_idle_announces_a_delivery(server: Served, login: str, dialogue: Dialogue) -> None:
    tag = idling(dialogue)
    server.deliver(login, small())
    assert until_told(dialogue, b"EXISTS") == b"* 1 EXISTS"
    server.deliver(login, small())
    assert until_told(dialogue, b"EXISTS") == b"* 2 EXISTS"
    dialogue.send(b"DONE\r\n")
    assert dialogue.answer(tag).status == "OK"


def test_idle_announces_what_another_session_does(server: Served, login: str, dialogue: Dialogue) -> None:
    for number in range(3):
        put(dialogue, small(number))
    with entered(server, login) as other:
        tag = idling(dialogue)
        other.do("STORE 2 +FLAGS (\\Deleted)")
        assert b"\\Deleted" in until_told(dialogue, b"FETCH")
        other.do("EXPUNGE")
        assert until_told(dialogue, b"EXPUNGE") == b"* 2 EXPUNGE"
        dialogue.send(b"DONE\r\n")
        assert dialogue.answer(tag).status == "OK"


def test_idle_misses_nothing_that_came_before_it(server: Served, login: str, dialogue: Dialogue) -> None:
    server.deliver(login, small())
    dialogue.begin("IDLE")
    assert until_told(dialogue, b"EXISTS") == b"* 1 EXISTS"


def test_idle_ends_with_done_only(dialogue: Dialogue) -> None:
    tag = idling(dialogue)
    dialogue.send(b"NOOP\r\n")
    assert dialogue.answer(tag).status == "BAD"


def test_bursts_are_announced(server: Served, login: str, dialogue: Dialogue) -> None:
    tag = idling(dialogue)
    for burst in range(1, 16 if server.name == "playground" else 4):
        for _ in range(2):
            server.deliver(login, small())
        while until_told(dialogue, b"EXISTS") != b"* %d EXISTS" % (burst * 2):
            pass
    dialogue.send(b"DONE\r\n")
    assert dialogue.answer(tag).status == "OK"


def test_numbers_hold_until_an_expunge_is_told(server: Served, login: str, dialogue: Dialogue) -> None:
    for number in range(4):
        put(dialogue, small(number))
    with entered(server, login) as other:
        dialogue.do("STORE 2 +FLAGS.SILENT (\\Deleted)")
        dialogue.do("EXPUNGE")
        for command in ("FETCH 1:4 FLAGS", "STORE 3 +FLAGS (\\Flagged)", "SEARCH ALL"):
            assert other.do(command).told("EXPUNGE") == []
        assert body(other.do("FETCH 4 BODY.PEEK[]")) == small(3)
        assert other.do("NOOP").told("EXPUNGE") == [b"* 2 EXPUNGE"]
        assert body(other.do("FETCH 3 BODY.PEEK[]")) == small(3)


def test_no_mail_is_taken_for_another_during_expunges(server: Served, login: str, dialogue: Dialogue) -> None:
    count = 30
    uids = [put(dialogue, small(number)) for number in range(count)]
    expected = {uid: small(number) for number, uid in enumerate(uids)}

    def remove() -> None:
        with entered(server, login) as other:
            for uid in uids[::2]:
                other.do(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
                other.do(f"UID EXPUNGE {uid}")

    remover = threading.Thread(target=remove)
    remover.start()
    try:
        for uid in uids:
            for response in dialogue.do(f"UID FETCH {uid} (UID BODY.PEEK[])").told("FETCH"):
                found = re.search(rb"UID (\d+) BODY\[\]", response)
                assert not found or expected[int(found[1])] in response
    finally:
        remover.join()
    dialogue.do("NOOP")
    assert b"MESSAGES %d" % (count // 2) in dialogue.do("STATUS INBOX (MESSAGES)").untagged[-1]


def test_many_sessions_at_once(server: Served, login: str) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with entered(server, login) as dialogue:
                for _ in range(5):
                    uid = put(dialogue, small(number))
                    answer = dialogue.do(f"UID FETCH {uid} BODY.PEEK[]")
                    assert [small(number) in response for response in answer.told("FETCH")] == [True]
        except BaseException as problem:  # noqa: BLE001 - a thread's failure is told by the main one
            failures.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with entered(server, login) as dialogue:
        assert b"MESSAGES 100" in dialogue.do("STATUS INBOX (MESSAGES)").untagged[-1]


def test_two_movers_lose_nothing(server: Served, login: str, dialogue: Dialogue) -> None:
    dialogue.do("CREATE Done")
    uids = [put(dialogue, small(number)) for number in range(20)]

    def move() -> None:
        with entered(server, login) as other:
            for uid in uids:
                other.do(f"UID MOVE {uid} Done")

    movers = [threading.Thread(target=move) for _ in range(2)]
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join()
    dialogue.do("SELECT INBOX")
    assert dialogue.do("SEARCH ALL").untagged == [b"* SEARCH"]
    dialogue.do("SELECT Done")
    moved = b"".join(dialogue.do("FETCH 1:* BODY.PEEK[]").untagged)
    assert all(small(number) in moved for number in range(20))  # Dovecot may keep one twice


# ---- bad input ----


@pytest.mark.parametrize(
    "wrong",
    [
        "NONSENSE",
        "FETCH",
        "FETCH 1",
        "FETCH x FLAGS",
        "FETCH 0 FLAGS",
        "UID",
        "UID NONSENSE 1",
        "FETCH 1 (FLAGS",
    ],
)
def test_nonsense_is_refused_and_the_session_goes_on(dialogue: Dialogue, wrong: str) -> None:
    put(dialogue, small())
    assert dialogue.do(wrong).status == "BAD"
    assert dialogue.do("NOOP").status == "OK"


def test_a_search_nested_very_deeply_does_no_harm(dialogue: Dialogue) -> None:
    dialogue.do("SEARCH " + "NOT " * 7000 + "SEEN")
    assert dialogue.do("NOOP").status == "OK"


def test_commands_in_one_breath(dialogue: Dialogue) -> None:
    put(dialogue, small())
    dialogue.send(b"a NOOP\r\nb FETCH 1 FLAGS\r\nc UID SEARCH ALL\r\n")
    responses: list[bytes] = []
    while sum(not response.startswith(b"*") for response in responses) < 3:  # Dovecot may change their order
        responses.append(dialogue.response())
    assert {response[:4] for response in responses if not response.startswith(b"*")} == {b"a OK", b"b OK", b"c OK"}
    assert any(response.startswith(b"* SEARCH") for response in responses)


def test_a_client_that_hangs_up_in_the_middle_harms_nobody(server: Served, login: str, dialogue: Dialogue) -> None:
    with entered(server, login) as other:
        other.send(b"a APPEND INBOX {1000+}\r\nonly this")
    with entered(server, login) as other:
        other.begin("IDLE")
    assert dialogue.do("NOOP").told("EXISTS") == []
    server.deliver(login, small())
    assert dialogue.do("STATUS INBOX (MESSAGES)").status == "OK"


def test_logout(dialogue: Dialogue) -> None:
    answer = dialogue.do("LOGOUT")
    assert (answer.status, answer.untagged[0].startswith(b"* BYE")) == ("OK", True)
    with pytest.raises(EOFError):
        dialogue.response()


# ---- as imapclient does it ----


def test_the_life_of_a_mail_with_imapclient(server: Served, login: str, client: IMAPClient) -> None:
    for folder in ("Done", "Held"):
        client.create_folder(folder)
    server.deliver(login, small(1))
    client.idle()
    client.idle_check(timeout=0.1)
    client.idle_done()
    [uid] = client.search(["ALL"])
    found = client.fetch([uid], ["BODY.PEEK[]", "RFC822.SIZE", "FLAGS", "INTERNALDATE"])[uid]
    assert found[b"BODY[]"].endswith(small(1))
    assert found[b"RFC822.SIZE"] == len(found[b"BODY[]"])
    client.move([uid], "Done")
    assert client.search() == []
    assert client.folder_status("Done", ["MESSAGES"])[b"MESSAGES"] == 1
    with pytest.raises(IMAPClientError):
        client.select_folder("Nowhere")


def test_many_mails_in_batches(server: Served, login: str, client: IMAPClient) -> None:
    client.create_folder("Done")
    for number in range(60):
        client.append("INBOX", small(number))
    uids = client.search()
    found = client.fetch(uids, ["BODY.PEEK[]"])
    assert [found[uid][b"BODY[]"] for uid in uids] == [small(number) for number in range(60)]
    client.move(uids, "Done")
    assert client.folder_status("Done")[b"MESSAGES"] == 60


def test_a_mail_of_five_megabytes(client: IMAPClient) -> None:
    octets = small() + b"A" * 74 + b"\r\n"
    octets += (b"A" * 76 + b"\r\n") * 64_000
    start = time.monotonic()
    client.append("INBOX", octets)
    [found] = client.fetch(client.search(), ["BODY.PEEK[]"]).values()
    assert found[b"BODY[]"] == octets
    assert time.monotonic() - start < 5
