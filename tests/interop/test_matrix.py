"""What the robot seals opens and verifies with GnuPG, Sequoia and RNP; what they make opens in the robot.

Each cell of the matrix at the end of the run has three marks: the program opens what the robot sealed and finds its
signature good; the robot opens what the program made and knows who signed; the signature that the robot passes on with
it is good for the program again. A dash: the program itself has no such key.
"""

import base64
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from email import message_from_bytes

import pytest

from mailbot.core.decision import Moment
from mailbot.core.mail import Content, IncomingMail, Letter, OpenedMail, SignatureState
from mailbot.core.parties import Address, Role
from mailbot.core.tags import Tag, Word
from mailbot.mail.gpg import Gpg
from mailbot.mail.opening import open_mail
from mailbot.mail.return_path import ReturnPath, Style
from mailbot.mail.samples import samples
from mailbot.mail.templates import Templates
from mailbot.mail.writing import Robot, Writer
from tests import sharing
from tests.core.cast import NOW
from tests.interop.programs import (
    PROGRAMS,
    Form,
    Member,
    Program,
    Sequoia,
    Unable,
    dressed,
    made_by_rnp,
    made_by_sequoia,
)
from tests.keys import Person, export, make_key, run
from tests.mail.mails import crlf, header, multipart, part

USUAL = Form()
ENTITY = b"Content-Type: text/plain; charset=utf-8\r\n\r\n[REQUEST DE]\r\n\r\nWo ist er? \xc3\x9c\r\n"


def by_gpg(algorithm: str) -> Callable[[], Member]:
    """A key of that kind, as gpg names it: primary/encryption subkey."""

    def make() -> Member:
        key = make_key(f"Desk <desk@{algorithm.replace('/', '-').lower()}.example>", algorithm)
        return Member(key.fingerprint, key.public, export(key.home, key.fingerprint, secret=True))

    return make


KINDS: Mapping[str, Callable[[], Member]] = {
    "ed25519/cv25519": by_gpg("ed25519/cv25519"),
    "RSA 2048": by_gpg("rsa2048/rsa2048"),
    "RSA 3072": by_gpg("rsa3072/rsa3072"),
    "RSA 4096, one key for all": by_gpg("rsa4096"),
    "NIST P-256": by_gpg("nistp256/nistp256"),
    "NIST P-384": by_gpg("nistp384/nistp384"),
    "NIST P-521": by_gpg("nistp521/nistp521"),
    "Brainpool P-256": by_gpg("brainpoolP256r1/brainpoolP256r1"),
    "Brainpool P-384": by_gpg("brainpoolP384r1/brainpoolP384r1"),
    "Brainpool P-512": by_gpg("brainpoolP512r1/brainpoolP512r1"),
    "sq's own": made_by_sequoia,
    "rnp's own": made_by_rnp,
}
MISSING = {(kind, Sequoia) for kind in KINDS if kind.startswith("Brainpool")}  # not in its Nettle


@functools.cache
def member(kind: str) -> Member:
    return KINDS[kind]()


@functools.cache
def hub() -> Person:
    """The robot; its keyring has everybody."""
    robot = Person.named("Hub of the matrix <hub@network.example>")
    for kind in KINDS:
        run(robot.key.home, "--import", octets=member(kind).public)
    return robot


@functools.cache
def gpg() -> Gpg:
    return Gpg(hub().key.home, hub().fingerprint)


@functools.cache
def sealed() -> Mapping[str, bytes]:
    """Kind -> the armour in its copy of one letter, whose encrypted part all copies share."""
    author = member("ed25519/cv25519")
    signature = run(hub().key.home, "--armor", "--detach-sign", octets=ENTITY).stdout
    boxes = tuple(Address(f"d{n}@x.example", Role.DESK, (member(kind).fingerprint,)) for n, kind in enumerate(KINDS))
    writer = Writer(
        robot=Robot("Hub", "hub@network.example", "control@network.example", hub().fingerprint, "network.example"),
        gpg=gpg(),
        templates=Templates(),
        return_path=ReturnPath(Style.PLUS, "hub@network.example", b"s" * 32),
    )
    letter = Letter(
        "request",
        "en",
        boxes,
        Tag(Word.REQUEST, reference="2026-0042", origin="FR", targets=("DE",)),
        samples("en")["request"]["urgent"],
        content=Content(ENTITY, signature, "pgp-sha512"),
        author=author.fingerprint,
    )
    mails = {mail.recipient: mail for mail in writer.write(letter, Moment(NOW, "2026-0042", b"\7" * 32))}
    assert len({mail.tail for mail in mails.values()}) <= 3, "shared, but for the alignments of base64"
    return {kind: _armour_of(mails[box.address].octets) for kind, box in zip(KINDS, boxes, strict=True)}


def _armour_of(mail: bytes) -> bytes:
    payload = message_from_bytes(mail).get_payload(1)
    armour = payload.get_payload(decode=True)  # type: ignore[union-attr]
    assert isinstance(armour, bytes)
    return armour


def opened(message: bytes, form: Form = USUAL) -> OpenedMail:
    """What the robot makes of a PGP/MIME mail with this message in it."""
    body, in_base64 = dressed(message, form)
    fields = ("Content-Transfer-Encoding: base64",) * in_base64
    armour = part('application/octet-stream; name="encrypted.asc"', body, *fields)
    version = part("application/pgp-encrypted", "Version: 1\r\n")
    mail = multipart("encrypted", version, armour, fields='; protocol="application/pgp-encrypted"')
    return open_mail(IncomingMail(header() + mail, "0" * 64), gpg(), b"r" * 32)


@pytest.fixture
def using() -> Iterator[Callable[[type[Program], str], Program]]:
    """A program with the key of a kind, ended after the test."""
    with ExitStack() as stack:
        yield lambda program, kind: stack.enter_context(closing(program(member(kind), hub().key.public)))


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize("kind", KINDS)
def test_keys(kind: str, using: Callable[[type[Program], str], Program], request: pytest.FixtureRequest) -> None:
    cells = []
    for program in PROGRAMS:
        if (kind, program) in MISSING:
            with pytest.raises(Unable):
                using(program, kind).seal(ENTITY, hub().fingerprint, Form())
            cells.append("---")
            continue
        _works_with(using(program, kind), kind)
        cells.append("yes yes yes")
    sharing.show(request.node, _title(), [_row(kind, cells)])


def _works_with(program: Program, kind: str) -> None:
    assert b"URGENT REQUEST from France" in program.open(sealed()[kind]), "what the robot sealed"
    mail = opened(program.seal(ENTITY, hub().fingerprint, Form()))
    assert (mail.encrypted, mail.trouble, mail.text) == (True, None, "[REQUEST DE]\n\nWo ist er? Ü\n")
    (signature,) = mail.signatures
    assert (signature.state, signature.fingerprint) == (SignatureState.GOOD, member(kind).fingerprint)
    assert mail.content
    assert mail.content.signature
    assert program.check(mail.content.entity, mail.content.signature), "its own signature, as it is passed on"


@functools.cache
def _title() -> str:
    names = [f"{program.name} {program.version()}" for program in PROGRAMS]
    return f"interoperability: {', '.join(names)}; opens ours, ours opens, signature kept"


def _row(what: str, cells: list[str]) -> str:
    return f"{what:28}" + "".join(f"{program.name}: {cell:14}" for program, cell in zip(PROGRAMS, cells, strict=True))


# ---------------------------------------------------------------- forms

COATS = ("armour", "armour without checksum", "binary")


@pytest.mark.parametrize("compression", ["none", "zip", "zlib", "bzip2"])
def test_forms(
    compression: str, using: Callable[[type[Program], str], Program], request: pytest.FixtureRequest
) -> None:
    cells = []
    for program in PROGRAMS:
        maker = using(program, "ed25519/cv25519")
        for coat in COATS:
            form = Form(compression, coat)
            mail = opened(maker.seal(ENTITY, hub().fingerprint, form), form)
            assert [s.state for s in mail.signatures] == [SignatureState.GOOD], form
            assert mail.text.startswith("[REQUEST DE]")
        cells.append("yes yes yes")
    sharing.show(request.node, "interoperability: armoured, without checksum, binary", [_row(compression, cells)])


def test_inline_from_each_program(using: Callable[[type[Program], str], Program]) -> None:
    """An armoured text in the body of a mail, as old plug-ins and webmail make it."""
    for program in PROGRAMS:
        armour = using(program, "ed25519/cv25519").seal(b"[REQUEST DE]\r\n\r\nhello\r\n", hub().fingerprint, Form())
        mail = open_mail(IncomingMail(header() + part("text/plain", crlf(armour)), "0" * 64), gpg(), b"r" * 32)
        assert [s.state for s in mail.signatures] == [SignatureState.GOOD], program.name
        assert mail.text.startswith("[REQUEST DE]")


def test_what_the_robot_seals_is_opened_without_its_armour(using: Callable[[type[Program], str], Program]) -> None:
    """A gateway may decode it; and a program may not know checksums."""
    armour = sealed()["ed25519/cv25519"]
    body = armour.replace(b"\r\n", b"\n").partition(b"\n\n")[2].partition(b"\n=")[0]
    for program in PROGRAMS:
        assert b"URGENT REQUEST" in using(program, "ed25519/cv25519").open(base64.b64decode(body))
