"""What mail programs break, mended, each by its name; nothing mended looks signed that is not."""

from base64 import encodebytes
from collections.abc import Callable
from urllib.parse import quote

import pytest

from mailbot.core.mail import Covers, OpenedMail, SignatureState, Trouble
from mailbot.mail.blind import without_author
from mailbot.mail.limits import Limits
from mailbot.mail.mime import read_tree
from mailbot.mail.repairs import mend_armour
from tests.keys import run
from tests.mail.mails import VERSION, encrypted, header, multipart, opened, part, protected_text, signed, world

EMPTY = part("text/plain", "\r\n")
EMPTY_HTML = part("text/html", "<html><head><style>p{}</style></head><body><p>&nbsp;</p></body></html>")
TEXT = part("text/plain; charset=utf-8", "Bonjour\r\n")


def armoured(text: bytes | None = None) -> bytes:
    """Signed by France and encrypted to the robot in one."""
    return world().france.sign_encrypt(protected_text() if text is None else text, [world().robot])


def binary(sealed: bytes) -> bytes:
    return run(world().robot.key.home, "--dearmor", octets=sealed).stdout


def asc(body: bytes, name: str = "encrypted.asc") -> bytes:
    return part("application/octet-stream", body, f'Content-Disposition: attachment; filename="{name}"')


def is_frances_request(mail: OpenedMail) -> bool:
    return (
        mail.voucher is not None
        and mail.voucher.fingerprint == world().france.fingerprint
        and (mail.subject, mail.text) == ("[REQUEST DE] Voyageur", "Bonjour\n")
    )


# ---------------------------------------------------------------- PGP/MIME taken apart (rows 1 and 2)

APART = "pgp mime taken apart"
SHAPES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "Exchange: mixed, with an empty text": (APART, lambda sealed: multipart("mixed", EMPTY, VERSION, asc(sealed))),
    "Exchange: mixed, with an empty HTML": (APART, lambda sealed: multipart("mixed", EMPTY_HTML, VERSION, asc(sealed))),
    "Exchange: the parts lost their types": (
        APART,
        lambda sealed: multipart(
            "mixed",
            EMPTY,
            part('application/octet-stream; name="PGPMIME Versions Identification"', "Version: 1\r\n"),
            asc(sealed, "ATT00002.bin"),
        ),
    ),
    "Proton: a text that explains it": (
        APART,
        lambda sealed: multipart(
            "mixed", part("text/plain", "This is an OpenPGP/MIME message\r\n"), VERSION, asc(sealed)
        ),
    ),
    "deeper, with a gateway's footer": (
        APART,
        lambda sealed: multipart("mixed", multipart("mixed", EMPTY, VERSION, asc(sealed), boundary="=_i"), TEXT),
    ),
    "base64 round the armour": (
        APART,
        lambda sealed: multipart(
            "mixed",
            VERSION,
            part("application/octet-stream", encodebytes(sealed), "Content-Transfer-Encoding: base64"),
        ),
    ),
    "no armour at all": (
        APART,
        lambda sealed: multipart(
            "mixed",
            VERSION,
            part("application/octet-stream", encodebytes(binary(sealed)), "Content-Transfer-Encoding: base64"),
        ),
    ),
    "Google Groups: a footer round it": (
        "footer round encryption",
        lambda sealed: multipart("mixed", encrypted(sealed, "=_i"), part("text/plain", "-- \r\nYou received this")),
    ),
    "the armour alone, as an attachment": (
        "armoured attachment alone",
        lambda sealed: multipart("mixed", EMPTY_HTML, asc(sealed)),
    ),
    "the armour alone, as the body": ("armoured attachment alone", asc),
    "of the first type's name, but the second part": (
        "armoured attachment alone",
        lambda sealed: part("application/pgp-encrypted", sealed),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_pgp_mime_taken_apart(shape: str) -> None:
    name, entity = SHAPES[shape]
    mail = opened(header() + entity(armoured()))
    assert mail.repairs == (name,)
    assert is_frances_request(mail)


def test_base64_round_the_armour_of_whole_pgp_mime_is_no_damage() -> None:
    sealed = part("application/octet-stream", encodebytes(armoured()), "Content-Transfer-Encoding: base64")
    mail = opened(header() + multipart("encrypted", VERSION, sealed, fields='; protocol="application/pgp-encrypted"'))
    assert mail.repairs == ()
    assert is_frances_request(mail)


def test_an_encrypted_attachment_to_a_text_stays_encrypted() -> None:
    """trust.md 3: only what is encrypted at the top of the mail is opened."""
    mail = opened(header() + multipart("mixed", TEXT, asc(armoured(), "list.pgp")))
    assert (mail.sealed, mail.text) == (False, "Bonjour\n")


# ---------------------------------------------------------------- inline PGP (rows 2, 3, 4)


def test_html_alone() -> None:
    lines = armoured(b"[REQUEST DE]\nBonjour\n").decode().replace("\n", "<br>\n")
    mail = opened(header() + part("text/html", f"<html><body><div>{lines}</div></body></html>"))
    assert mail.voucher is not None
    assert mail.repairs == ("inline PGP in HTML alone",)
    assert mail.text == "[REQUEST DE]\nBonjour\n"


def test_plain_before_html() -> None:
    sealed = armoured(b"Bonjour\n")
    html = part("text/html", b"<pre>" + sealed.replace(b"A", b"B") + b"</pre>")
    mail = opened(header() + multipart("alternative", part("text/plain", sealed), html))
    assert mail.voucher is not None
    assert mail.repairs == ()
    assert mail.text == "Bonjour\n"


def test_html_where_the_plain_text_only_says_so() -> None:
    html = part("text/html", b"<pre>" + armoured(b"Bonjour\n") + b"</pre>")
    mail = opened(header() + multipart("alternative", part("text/plain", "Please use HTML.\r\n"), html))
    assert mail.voucher is not None
    assert mail.text == "Bonjour\n"


# ---------------------------------------------------------------- every attachment encrypted by itself (row 3)

OPENED, CLOSED = "attachments encrypted by themselves", "encrypted attachments left out"
LIST = "Müller;Zoë\n".encode()


def partitioned(*attached: bytes, text: bytes | None = None) -> OpenedMail:
    return opened(header() + multipart("mixed", part("text/plain", text or armoured(b"Bonjour\n")), *attached))


def files_of(mail: OpenedMail) -> dict[str, bytes]:
    """The attachments that would be passed on."""
    assert mail.content is not None
    tree = read_tree(mail.content.entity, Limits())
    return {leaf.filename: leaf.decoded() for leaf in tree.leaves() if leaf.filename}


@pytest.mark.parametrize("form", [lambda sealed: sealed, binary], ids=["armour", "octets"])
@pytest.mark.parametrize("name", ["Übersicht d'août.csv", "list.csv"])
def test_attachments_encrypted_by_themselves_go_with_the_text(form: Callable[[bytes], bytes], name: str) -> None:
    sealed = encodebytes(form(armoured(LIST)))
    named = f"filename*=utf-8''{quote(name)}.pgp"
    attached = part("application/octet-stream", sealed, f"Content-Disposition: attachment; {named}",
                    "Content-Transfer-Encoding: base64")  # fmt: skip
    mail = partitioned(attached)
    assert mail.voucher is not None
    assert (mail.text, mail.repairs) == ("Bonjour\n", (OPENED,))
    files = files_of(mail)
    assert files[name] == LIST
    assert world().stranger.verify(LIST, files[f"{name}.sig.asc"]) == (world().france.fingerprint,)
    assert [(s.state, s.covers) for s in mail.attached] == [(SignatureState.GOOD, Covers.PART)]


def _by_another() -> bytes:
    return world().stranger.sign_encrypt(LIST, [world().robot])


def _by_the_same_long_ago() -> bytes:
    return world().france.sign_encrypt(LIST, [world().robot], "--faked-system-time", "20991231T000000!")


@pytest.mark.parametrize(
    "sealed",
    [
        _by_another,
        _by_the_same_long_ago,
        lambda: world().stranger.encrypt(LIST, [world().robot]),
        lambda: world().robot.sign_encrypt(LIST, [world().france]),
        lambda: b"-----BEGIN PGP MESSAGE-----\n\n!!!!\n-----END PGP MESSAGE-----\n",
    ],
    ids=["another signer", "another time", "nobody", "for somebody else", "damaged"],
)
def test_an_attachment_that_its_author_did_not_sign_goes_nowhere(sealed: Callable[[], bytes]) -> None:
    """trust.md 3: it could be anybody's ciphertext, and would seem to be the author's."""
    mail = partitioned(asc(sealed(), "list.csv.pgp"))
    assert (mail.text, mail.repairs, mail.attached) == ("Bonjour\n", (CLOSED,), ())
    assert files_of(mail) == {}


def test_attachments_of_a_text_that_nobody_signed_go_nowhere() -> None:
    mail = partitioned(asc(armoured(LIST), "a.pgp"), text=world().stranger.encrypt(b"Bonjour\n", [world().robot]))
    assert (mail.voucher, mail.content, mail.attached) == (None, None, ())


def test_an_attachment_in_clear_beside_inline_armour_is_left_out() -> None:
    mail = partitioned(part("application/pdf", "x", "Content-Disposition: attachment; filename=x.pdf"))
    assert mail.repairs == ("attachments outside the armour left out",)


def test_a_file_name_is_no_path() -> None:
    names = set(files_of(partitioned(asc(armoured(LIST), "../../etc/passwd.pgp"), asc(armoured(LIST), ".gpg"))))
    assert names == {"passwd", "passwd.sig.asc", "attachment", "attachment.sig.asc"}


def test_of_more_attachments_than_are_opened_the_others_are_left_out() -> None:
    sealed = armoured(LIST)
    mail = partitioned(*(asc(sealed, f"{n}.pgp") for n in range(22)))
    assert mail.repairs == (OPENED, CLOSED)
    assert len(mail.attached) == 20


def test_no_attachments_name_their_author_where_he_asked_that_none_should() -> None:
    mail = partitioned(asc(armoured(LIST), "list.csv.pgp"))
    assert mail.content is not None
    blinded = b"".join(without_author(mail.content.entity, Limits()))
    assert b"list.csv" in blinded
    assert b"PGP SIGNATURE" not in blinded


# ---------------------------------------------------------------- inline PGP in odd parts


def test_inline_armour_in_two_octets_a_character() -> None:
    sealed = part(
        "text/plain; charset=utf-16",
        encodebytes(armoured(b"Bonjour\n").decode().encode("utf-16")),
        "Content-Transfer-Encoding: base64",
    )
    assert opened(header() + sealed).text == "Bonjour\n"


def test_quoted_armour_is_no_armour() -> None:
    quoted = b"".join(b"> " + line for line in armoured().splitlines(keepends=True))
    mail = opened(header() + part("text/plain", b"Seen, thanks.\n\n" + quoted))
    assert not mail.sealed
    assert mail.text.startswith("Seen, thanks.")


# ---------------------------------------------------------------- damaged armour (row 4)


def _without_gap(block: bytes) -> bytes:
    return block.replace(b"-----\n\n", b"-----\nVersion: GnuPG v2\n", 1)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "quoted printable left in armour": lambda block: block.replace(b"=", b"=3D"),
    "no break spaces in armour": lambda block: block.replace(b"BEGIN PGP", b"BEGIN PGP").replace(b"\n", b"\xc2\xa0\n"),
    "spaces round armour lines": lambda block: b"".join(b" " + line for line in block.splitlines(keepends=True)),
    "no blank line in armour": _without_gap,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_armour(name: str) -> None:
    mail = opened(header() + part("text/plain", DAMAGE[name](armoured(b"Bonjour\n"))))
    assert name in mail.repairs
    assert mail.voucher is not None
    assert mail.text == "Bonjour\n"


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_armour_in_pgp_mime(name: str) -> None:
    mail = opened(header() + encrypted(DAMAGE[name](armoured())))
    assert name in mail.repairs
    assert is_frances_request(mail)


def test_everything_at_once() -> None:
    block = armoured(b"Bonjour\n").replace(b"-----\n\n", b"-----\nComment: a\n", 1).replace(b"=", b"=3D")
    block = b"".join(b"\xa0 " + line for line in block.splitlines(keepends=True))
    assert opened(header() + part("text/plain", block)).text == "Bonjour\n"


@pytest.mark.parametrize("size", range(40))
def test_sound_armour_is_left_as_it_is(size: int) -> None:
    """Whatever its padding, and whatever its checksum looks like."""
    block = world().robot.encrypt(bytes(size), [world().robot])
    for sound in (block, block.replace(b"\n", b"\r\n")):
        assert mend_armour(sound) == (sound, ())


def test_a_checksum_that_looks_quoted_is_left_as_it_is() -> None:
    block = b"-----BEGIN PGP MESSAGE-----\n\nAAAA\n=3Dxy\n-----END PGP MESSAGE-----\n"
    assert mend_armour(block) == (block, ())


def test_what_cannot_be_mended() -> None:
    mail = opened(header() + part("text/plain", b"-----BEGIN PGP MESSAGE-----\n\n!!!\n-----END PGP MESSAGE-----\n"))
    assert (mail.sealed, mail.trouble) == (True, Trouble.CANNOT_DECRYPT)


# ---------------------------------------------------------------- signed mail wrapped (row 6)


def test_signed_mail_taken_apart() -> None:
    octets = header() + signed(world().france, TEXT).replace(b"multipart/signed", b"multipart/mixed")
    mail = opened(octets)
    assert mail.repairs == ("signed mail taken apart",)
    assert mail.voucher is not None
    assert mail.content is not None
    assert mail.content.entity == TEXT


def test_a_text_in_front_is_a_lists_only_if_it_says_that_it_is_one() -> None:
    entity = multipart("mixed", part("text/plain", "list header"), signed(world().france, TEXT), part("text/html", "x"))
    mail = opened(header("List-Id: <l.example>") + entity)
    assert mail.repairs == ("list round signed mail",)
    assert mail.text == "Bonjour\n"
    assert mail.voucher is not None
    assert opened(header() + entity).voucher is None


def test_a_third_part_in_signed_mail_is_left_out() -> None:
    mail = opened(header() + signed(world().france, TEXT, part("text/plain", "[REQUEST ALL]")))
    assert mail.voucher is not None
    assert (mail.text, mail.repairs) == ("Bonjour\n", ("parts behind the signature left out",))


# ---------------------------------------------------------------- TNEF (row 21)


@pytest.mark.parametrize(
    ("text", "name"),
    [(TEXT, "winmail.dat passed on as it is"), (EMPTY, "text in winmail.dat alone")],
)
def test_winmail_dat(text: bytes, name: str) -> None:
    mail = opened(header() + multipart("mixed", text, part("application/ms-tnef; name=winmail.dat", "x")))
    assert mail.repairs == (name,)


# ---------------------------------------------------------------- no repair makes a signature


@pytest.mark.parametrize("shape", SHAPES)
def test_no_repair_makes_unsigned_content_look_signed(shape: str) -> None:
    """The same shapes, sealed by anybody at all: opened, and nobody's."""
    _, entity = SHAPES[shape]
    mail = opened(header() + entity(world().stranger.encrypt(protected_text(), [world().robot])))
    assert mail.encrypted
    assert (mail.signatures, mail.voucher, mail.content) == ((), None, None)
