"""Nobody reads what is not theirs, and nobody learns from his mail who else reads it."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mailbot.playground.reading import ReadMail
from tests.attacks.arena import Arena
from tests.attacks.attack import attack
from tests.attacks.forging import hand, header, multipart, part, sealed, words
from tests.attacks.packets import dearmoured
from tests.keys import run

WORDS = "Where is he?"
RELAYS = ("police@de.example", "border@de.example", "ministry@fr.example", "BKA", "Bundespolizei", "Ministère")


def told(mail: ReadMail) -> str:
    """All that the robot itself says in a mail, inside and outside."""
    return f"{mail.headers}\n{mail.subject}\n{mail.cover}"


@attack("6", "each reader's mail names nobody else, no address, no key, no relay, inside or outside")
def test_a_reader_who_wants_to_know_who_else_reads(arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write("[REQUEST DE,IT,ES] x", WORDS))
    readers = {"de", "de-police", "de-border", "it", "es"}
    assert seen.readers(WORDS) == readers
    for login in readers | {"fr"}:
        for mail in seen.got[login]:
            others = [person for other, person in arena.world.people.items() if other != login]
            said = told(mail)
            assert not [person for person in others if person.address in said]
            assert not [person for person in others if person.key.fingerprint in said.replace(" ", "")]
            assert not [name for name in RELAYS if name in said and arena.person(login).address not in name]


@attack("6", "codes stand in the protected subject and the cover note; outside kind and reference alone")
def test_a_server_that_reads_subjects(arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write("[REQUEST DE,IT urgent] Traveller", WORDS))
    mail = seen.only("it")
    assert re.fullmatch(r"\[REQUEST#2026-\d{4}\]", mail.outer_subject)
    assert "FR>DE,IT" in mail.subject
    assert "Traveller" in mail.subject


@attack("6", "blind: the author's signature and tag are left out, no target is named but the reader")
def test_a_reader_of_a_blind_request(arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write("[REQUEST DE,IT blind] Traveller", WORDS))
    for login, code in (("de", "DE"), ("it", "IT")):
        mail = seen.only(login)
        assert mail.text.strip() == WORDS
        assert (mail.author_signature.state, mail.author_subject) == (None, "")
        inside = arena.person(login).key.unseal(_armour(seen.raw[login][0])).octets or b""
        other = {"DE": b"IT", "IT": b"DE"}[code]
        assert not re.search(rb"[,> ]" + other + rb"[],\s]", inside), f"{login} sees {other!r}"
        assert "the hub vouches for it" in " ".join(mail.cover.split())


@attack("6", "what stands in the outer To, Cc and Bcc is copied nowhere")
def test_copies_named_outside(arena: Arena) -> None:
    octets = arena.person("fr").write("[REQUEST IT] x", WORDS)
    fields = b"Cc: desk@es.example\r\nBcc: secretariat@network.example, informer@elsewhere.example\r\n"
    seen = arena.play(fields + b"Resent-Bcc: desk@de.example\r\n" + octets)
    assert seen.readers(WORDS) == {"it"}
    everything = b"".join(octets for mails in seen.raw.values() for octets in mails)
    assert b"informer" not in everything
    inside = arena.person("it").key.unseal(_armour(seen.raw["it"][0])).octets or b""
    assert b"informer" not in inside
    assert b"bcc" not in inside.lower()


@attack("6", "file names, boundaries and parameters of one reader's mail say nothing of another")
def test_a_hostile_file_name(arena: Arena) -> None:
    name = "x%22%3B%20bcc=%22desk@es.example%0D%0ABcc:%20desk@es.example"
    file = part("application/octet-stream", "content", f"Content-Disposition: attachment; filename*=utf-8''{name}")
    whole = multipart("mixed", words(WORDS), file, fields='; protected-headers="v1"')
    octets = b"Subject: [REQUEST IT] x\r\n" + whole
    seen = arena.play(sealed(hand(arena.person("fr")), octets, arena.hub, "desk@fr.example"))
    assert seen.readers(WORDS) == {"it"}
    assert seen.got["es"] == []
    head = seen.raw["it"][0].partition(b"\r\n\r\n")[0]
    assert b"bcc" not in head.lower()


# ---------------------------------------------------------------- trust.md 7


@attack("7", "one session key in front of each copy, nobody else's fingerprint, subpacket 35 included")
@pytest.mark.parametrize("share", ["exchange"])
def test_the_packets_of_a_shared_copy(share: str, arena: Arena) -> None:
    """Read by gpg --list-packets, outside and, once opened, inside."""
    seen = arena.play(arena.person("fr").write("[REQUEST DE,IT,ES] x", WORDS))
    prints = {login: person.key.fingerprint for login, person in arena.world.people.items()}
    for login in ("de", "de-police", "it", "es"):
        message = dearmoured(seen.raw[login][0])
        dumped = run(arena.person("stranger").key.home, "--list-packets", "--verbose", octets=message, rc=None).stdout
        assert dumped.count(b":pubkey enc packet:") == 1
        assert dumped.count(b":encrypted data packet:") == 1
        inside = run(arena.person(login).key.home, "--unwrap", "--decrypt", octets=message).stdout
        shown = run(arena.person("stranger").key.home, "--list-packets", "--verbose", octets=inside).stdout
        assert b"subpkt 35" not in shown
        for other, fingerprint in prints.items():
            named = any(text in dumped + shown for text in (fingerprint.encode(), fingerprint[-16:].encode()))
            assert not named or other == login, f"{login}'s copy names {other}"


@attack("7", "handed on under another's address it still says whom it is for: exchange and parties stand in the note")
def test_a_copy_handed_on_to_another(arena: Arena) -> None:
    """Italy seals the hub's own words to Spain: the hub's signature is good, and says that they are Germany's."""
    seen = arena.play(arena.person("fr").write("[REQUEST DE,IT] x", WORDS))
    inside = run(arena.person("it").key.home, "--unwrap", "--decrypt", octets=dearmoured(seen.raw["it"][0])).stdout
    italy = hand(arena.person("it"))
    handed = italy.encrypt(inside, [hand(arena.person("es")).key], "--no-literal", "--compress-algo=none")
    unsealed = arena.person("es").key.unseal(handed)
    assert unsealed.verdict.is_by(arena.hub.fingerprint)
    assert b"FR>DE,IT" in (unsealed.octets or b"")
    assert b"from FR to DE, IT" in (unsealed.octets or b"")


@contextmanager
def commands() -> Iterator[list[str]]:
    """Every word of every command that this process starts in the block. The hook stays; it then does nothing."""
    heard: list[str] = []
    active = True

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if active and event == "subprocess.Popen":
            heard.extend(map(str, arguments[1]))  # type: ignore[call-overload]

    sys.addaudithook(hook)
    try:
        yield heard
    finally:
        active = False


@attack("7", "no session key, passphrase, subject or address stands in any command's arguments, the log, the database")
def test_somebody_who_lists_processes(arena: Arena, caplog: pytest.LogCaptureFixture) -> None:
    with commands() as heard:
        arena.play(arena.person("fr").write("[REQUEST DE,IT] Traveller", WORDS))
    said = " ".join(heard)
    assert "--homedir" in said
    for secret in ("session-key", "Traveller", WORDS, "desk@", "--passphrase "):
        assert secret not in said
    assert WORDS not in caplog.text
    database = b"".join(path.read_bytes() for path in (arena.world.folder / "state").glob("mailbot.sqlite*"))
    assert WORDS.encode() not in database
    assert b"Traveller" not in database


# ---------------------------------------------------------------- trust.md 18, network.md §4


@attack("18", "the EU, whose key has lapsed, hears that something waits, and no more; France is told who lacks it")
def test_a_party_whose_key_has_expired(arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write("[REQUEST EU,IT] Traveller", WORDS))
    assert seen.readers(WORDS) == {"it"}
    [notice] = seen.got["eu"]
    assert not notice.encrypted
    octets = seen.raw["eu"][0].decode()
    for secret in ("Traveller", WORDS, "FR", "France", "2026-"):
        assert secret not in octets.partition("\r\n\r\n")[2]
    assert "do not send a key" in octets
    assert "on the number you know" in octets
    assert "Union européenne (EU)" in seen.only("fr").cover.replace("\xa0", " ")


@attack("18", "no plain copy, whatever is asked: there is no way to ask for one")
def test_a_sender_who_asks_for_a_copy_in_clear(arena: Arena) -> None:
    for tag in ("[REQUEST EU plain] x", "[REQUEST EU share=never] x", "[REQUEST EU]"):
        fields = header("desk@fr.example", tag, "X-Encrypt: no", "Prefer-Encrypt: nopreference")
        france = hand(arena.person("fr"))
        octets = sealed(france, words(WORDS, subject=tag), arena.hub, "desk@fr.example")
        seen = arena.play(fields + octets[octets.index(b"Content-Type: multipart/encrypted") :])
        assert seen.readers(WORDS) == set()
        assert all(mail.text == "" for mail in seen.got["eu"])


# ---------------------------------------------------------------- trust.md 8 and 20: what the robot itself sends


@attack("8", "no Autocrypt outside; From, Reply-To, Subject and Date are protected by the robot's own signature")
def test_a_server_that_changes_the_robots_headers(arena: Arena) -> None:
    seen = arena.play(arena.person("fr").write("[REQUEST IT] x", WORDS))
    octets = seen.raw["it"][0]
    assert b"autocrypt" not in octets.partition(b"\r\n\r\n")[0].lower()
    inside = arena.person("it").key.unseal(_armour(octets))
    assert inside.verdict.is_by(arena.hub.fingerprint)
    head = (inside.octets or b"").partition(b"\r\n\r\n")[0]
    for name in (b"From:", b"Reply-To:", b"Subject:", b"Date:"):
        assert re.search(rb"(?m)^" + name, head), name


SMUGGLED = "first\r\n.\r\nMAIL FROM:<a@evil.example>\r\nRCPT TO:<desk@es.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nx"


@attack("20", "one mail to one reader: no dot, CR or command in somebody's words ends ours")
@pytest.mark.parametrize("end", ["\r\n.\r\n", "\n.\n", "\r.\r", "\r\n.\n", "\n.\r\n"])
def test_smtp_commands_in_the_text(end: str, arena: Arena) -> None:
    text = f"{end.encode().hex()}\r\n" + SMUGGLED.replace("\r\n.\r\n", end)
    entity = b"Subject: [REQUEST IT] x\r\n" + part('text/plain; charset=utf-8; protected-headers="v1"', "")
    octets = sealed(hand(arena.person("fr")), entity + text.encode() + b"\r\n..\r\n.\r\n", arena.hub, "desk@fr.example")
    seen = arena.play(octets)
    assert seen.reached == {"it", "fr"}
    assert len(seen.got["it"]) == 1
    assert seen.got["es"] == []


@attack("20", "the smuggled second mail comes to nothing: it is signed by nobody")
def test_a_mail_smuggled_behind_another_on_its_way_in(arena: Arena) -> None:
    """Whatever a server takes for the end of a mail, what stands behind it has no signature of anybody's."""
    genuine = arena.person("fr").write("[REQUEST IT] x", WORDS)
    forged = header("desk@de.example", "[REQUEST ALL] x") + words("I am Germany")
    seen = arena.play(genuine + b"\r\n.\r\n" + forged)
    assert seen.readers("I am Germany") == set()
    assert seen.readers(WORDS) == {"it"}


def _armour(mail: bytes) -> bytes:
    return mail[mail.index(b"-----BEGIN PGP MESSAGE") :]
