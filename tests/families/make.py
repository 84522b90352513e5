"""Makes the mails of the families that need OpenPGP anew, from the keys that lie here: `python -m tests.families.make`.

All others were written by hand. The bytes in the folders are what is tested, not this.
"""

import sys
from base64 import encodebytes
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.families.clients import HUB, head
from tests.families.people import author
from tests.keys import run
from tests.mail.mails import VERSION, crlf, encrypted, multipart, part, signed

HERE = Path(__file__).parent
FRANCE, GERMANY = "Bureau France <desk@fr.example>", "Lagezentrum <desk@de.example>"
Mails = Iterator[tuple[str, bytes]]

EMPTY = part("text/plain; charset=us-ascii", "\r\n\r\n")
EMPTY_HTML = part(
    "text/html; charset=us-ascii",
    "<html><head><style>p{margin:0}</style></head><body><p class=MsoNormal><o:p>&nbsp;</o:p></p></body></html>",
)
TEXT = "Bonjour,\r\n\r\nle véhicule a été vu à Strasbourg.\r\n\r\nLa permanence\r\n"


def asc(body: bytes, name: str = "encrypted.asc", *fields: str) -> bytes:
    return part(
        f'application/octet-stream; name="{name}"', body, f'Content-Disposition: attachment; filename="{name}"', *fields
    )


def protected(text: str = TEXT, subject: str = "[REQUEST DE] Véhicule", *fields: str, kind: str = "") -> bytes:
    """An entity with protected headers, as RFC 9788 has them."""
    content = kind or 'text/plain; charset=utf-8; hp="cipher"'
    inside = (f"Subject: {subject}", "From: desk@fr.example", f"To: {HUB}", *fields, "Content-Transfer-Encoding: 8bit")
    return part(content, text, *inside)


def plain(text: str = f"[REQUEST DE]\r\n{TEXT}") -> bytes:
    return part("text/plain; charset=utf-8", text, "Content-Transfer-Encoding: 8bit")


def request() -> bytes:
    """Sealed by France: what the gateways get."""
    return author("fr").seal(protected())


def inline(text: str = f"[REQUEST DE]\r\n{TEXT}") -> bytes:
    return author("fr").seal(text.replace("\r\n", "\n").encode())


def base64(body: bytes) -> bytes:
    return encodebytes(body)


B64 = "Content-Transfer-Encoding: base64"


# ---------------------------------------------------------------- 1-7


def exchange() -> Mails:
    version = part(
        'application/pgp-encrypted; name="PGPMIME version identification"', encodebytes(b"Version: 1\r\n"),
        "Content-Description: PGP/MIME version identification", B64,
        'Content-Disposition: attachment; filename="PGPMIME version identification"; size=12',
    )  # fmt: skip
    lost = part('application/octet-stream; name="ATT00001.bin"', "Version: 1\r\n")
    footer = part("text/plain; charset=utf-8", "-- \r\nYou received this message because you are subscribed.\r\n")
    note = part("text/plain; charset=utf-8", "This is an OpenPGP/MIME encrypted message (RFC 2440 and 3156)\r\n")
    banner = part("text/plain; charset=utf-8", "ACHTUNG: Diese Nachricht kommt von außen.\r\n")
    binary = run(author("hub").home, "--dearmor", octets=request()).stdout
    yield (
        "exchange-mixed",
        head("exchange", FRANCE, "...")
        + multipart("mixed", EMPTY, version, asc(base64(request()), "encrypted.asc", B64)),
    )
    yield "exchange-html", head("outlook", FRANCE, "AW: ...") + multipart("mixed", EMPTY_HTML, version, asc(request()))
    yield (
        "exchange-lost-types",
        head("exchange", FRANCE, "...") + multipart("mixed", EMPTY, lost, asc(request(), "ATT00002.bin")),
    )
    yield (
        "exchange-banner",
        head("exchange", FRANCE, "[EXTERN] ...") + multipart("mixed", banner, version, asc(request())),
    )
    yield (
        "google-groups",
        head("gmail", FRANCE, "...", "List-ID: <desks.network.example>", "Precedence: list")
        + (multipart("mixed", encrypted(request(), "=_inner"), footer)),
    )
    yield "proton", head("proton", FRANCE, "...") + multipart("mixed", note, VERSION, asc(request()))
    yield "armour-alone", head("apple", FRANCE, "...") + asc(request())
    yield "armour-beside-nothing", head("apple", FRANCE, "...") + multipart("mixed", EMPTY_HTML, asc(request()))
    yield (
        "no-armour",
        head("exchange", FRANCE, "...")
        + multipart("mixed", version, part("application/octet-stream; name=msg.pgp", encodebytes(binary), B64)),
    )
    yield "whole", head("thunderbird", FRANCE, "...") + encrypted(request())
    yield (
        "nobody-signed-it",
        head("exchange", FRANCE, "...")
        + multipart("mixed", EMPTY, version, asc(author("stranger").encrypt(protected()))),
    )


def webmail() -> Mails:
    sealed = inline()
    lines = sealed.decode().replace("\n\n", "\nVersion: Mailvelope v5.1.1\nComment: https://mailvelope.com\n\n", 1)
    breaks = lines.replace("\n", "<br>\r\n")
    page = part("text/html; charset=utf-8", f'<div dir="ltr"><div>{breaks}</div></div>')
    table = part("text/html", f"<html><body><pre>{lines}</pre></body></html>")
    mime = author("fr").seal(protected(kind="text/plain; charset=utf-8"))
    tree = author("fr").seal(
        multipart("alternative", plain(), part("text/html; charset=utf-8", "<p>[REQUEST DE]</p><p>x</p>"))
    )
    yield (
        "text-and-html",
        head("mailvelope", FRANCE, "Demande")
        + multipart("alternative", part("text/plain; charset=utf-8", lines), page),
    )
    yield "html-alone", head("mailvelope", FRANCE, "Demande") + page
    yield (
        "html-preformatted",
        head("roundcube", FRANCE, "Demande")
        + multipart("alternative", part("text/plain", "Votre programme ne montre pas le HTML.\r\n"), table),
    )
    yield "mime-in-armour", head("roundcube", FRANCE, "Demande") + part("text/plain; charset=utf-8", mime)
    yield "tree-in-armour", head("roundcube", FRANCE, "Demande") + part("text/plain; charset=utf-8", tree)
    yield (
        "mutt-traditional",
        head("mutt", FRANCE, "Demande")
        + part('application/pgp; format=text; x-action=encrypt; charset="utf-8"', sealed),
    )


def by_itself() -> Mails:
    lists = "Nom;Prénom\nMüller;Zoë\n".encode()
    sealed, attached = inline(), asc(author("fr").seal(lists), "liste.csv.pgp")
    spliced = asc(author("stranger").seal(lists), "liste.csv.pgp")
    clear = part('application/pdf; name="plan.pdf"', "JVBERi0=", B64, "Content-Disposition: attachment")
    body = part("text/plain; charset=utf-8", sealed)
    yield (
        "words-in-front",
        head("k9", FRANCE, "Demande")
        + part("text/plain; charset=utf-8", b"[REQUEST ALL]\r\nUrgent !\r\n\r\n" + sealed + b"\r\n-- \r\nK-9\r\n"),
    )
    yield "attachments", head("enigmail", FRANCE, "Demande") + multipart("mixed", body, attached)
    yield "attachment-of-another", head("enigmail", FRANCE, "Demande") + multipart("mixed", body, spliced)
    yield "attachment-in-clear", head("k9", FRANCE, "Demande") + multipart("mixed", body, clear)
    yield (
        "pgp-desktop",
        head("pgpdesktop", FRANCE, "Demande")
        + multipart("mixed", body, asc(author("fr").seal(b"<html><body>x</body></html>"), "PGPexch.htm.pgp")),
    )
    yield (
        "attachment-alone-is-no-mail",
        head("outlook", FRANCE, "Liste")
        + multipart("mixed", part("text/plain; charset=utf-8", "Voir la pièce jointe.\r\n"), attached),
    )


def damaged() -> Mails:
    def mail(client: str, armour: bytes, kind: str = "text/plain; charset=utf-8") -> bytes:
        return head(client, FRANCE, "Demande") + part(kind, armour)

    sealed = inline()
    yield "quoted-printable", mail("exchange", sealed.replace(b"=", b"=3D"))
    yield "flowed", mail("k9", sealed.replace(b"\n", b" \n"), "text/plain; charset=utf-8; format=flowed")
    yield "indented", mail("gmail", b"".join(b" " + line for line in sealed.splitlines(keepends=True)))
    yield "no-break-spaces", mail("roundcube", sealed.replace(b"\n", b"\xc2\xa0\n"))
    marks = sealed.replace(b"PGP MESSAGE", b"PGP\xc2\xa0MESSAGE")
    yield "no-break-spaces-in-the-marks", mail("roundcube", marks)
    yield "no-gap", mail("outlook", sealed.replace(b"-----\n\n", b"-----\nVersion: GnuPG v2.0.22 (MingW32)\n", 1))
    yield "all-at-once", mail(
        "gmail",
        b"".join(b"\xc2\xa0 " + line for line in sealed.replace(b"-----\n\n", b"-----\nComment: a\n", 1)
                 .replace(b"=", b"=3D").splitlines(keepends=True)),
    )  # fmt: skip
    yield "in-pgp-mime", head("exchange", FRANCE, "...") + encrypted(request().replace(b"=", b"=3D"))
    yield "beyond-mending", mail("gmail", sealed[:200] + b"\n...\n-----END PGP MESSAGE-----\n")


def written_again() -> Mails:
    odd = (
        b'content-type:\ttext/plain;\r\n\tcharset="utf-8" ; format=flowed\r\nContent-Transfer-Encoding:  8BIT\r\n'
        b"X-Odd : 1\r\n\r\n[ACK#2025-0042]\r\nFrom here on, spaces  \r\n\tand tabs \r\n\r\n"
    )
    latin = part("text/plain; charset=iso-8859-1", "[ACK#2025-0042]\r\nReçu à midi\r\n".encode("latin-1"))
    quoted = part("text/plain; charset=utf-8", "[ACK#2025-0042]\r\nre=C3=A7u =\r\nici\r\n",
                  "Content-Transfer-Encoding: quoted-printable")  # fmt: skip
    whole = signed(author("fr"), odd, boundary="=_a b's(1)")
    yield "odd-but-signed", head("mutt", FRANCE, "[ACK#2025-0042]") + whole
    yield "eight-bits", head("kmail", FRANCE, "[ACK#2025-0042]") + signed(author("fr"), latin)
    yield "lf-on-disk", (head("mutt", FRANCE, "[ACK#2025-0042]") + whole).replace(b"\r\n", b"\n")
    yield (
        "mbox",
        b"From desk@fr.example Mon Mar 10 10:00:00 2025\n"
        + (head("mutt", FRANCE, "[ACK#2025-0042]") + whole).replace(b"\r\n", b"\n"),
    )
    altered = signed(author("fr"), quoted).replace(b"=C3=A7", "ç".encode()).replace(b" =\r\n", b" ")
    yield "encoded-again", head("exchange", FRANCE, "[ACK#2025-0042]") + altered.replace(b"quoted-printable", b"8bit")
    yield (
        "trailing-space-lost",
        head("gmail", FRANCE, "[ACK#2025-0042]") + whole.replace(b"spaces  \r\n", b"spaces\r\n"),
    )


def footers() -> Mails:
    entity = part("text/plain; charset=utf-8", "[ACK#2025-0042]\r\nreçu\r\n", "Content-Transfer-Encoding: 8bit")
    inner = signed(author("fr"), entity)
    footer = part("text/plain; charset=us-ascii", "_______________\r\ndesks mailing list\r\n[REQUEST ALL]\r\n",
                  "Content-Disposition: inline")  # fmt: skip
    lists = ("List-Id: Desks <desks.network.example>", "Precedence: list", "X-Mailman-Version: 2.1.39")
    subject = "[desks] [ACK#2025-0042]"
    yield "mailman", head("thunderbird", FRANCE, subject, *lists) + multipart("mixed", inner, footer)
    yield (
        "sympa-both-sides",
        head("evolution", FRANCE, subject, "List-Id: <desks.network.example>")
        + multipart("mixed", footer, inner, footer),
    )
    yield "gateway", head("claws", FRANCE, "[ACK#2025-0042]") + multipart("mixed", inner, footer)
    yield "gateway-added-nothing", head("exchange", FRANCE, "[ACK#2025-0042]") + multipart("mixed", inner)
    yield "in-front-is-an-attack", head("claws", FRANCE, "[ACK#2025-0042]") + multipart("mixed", footer, inner)
    yield (
        "attachment-added",
        head("claws", FRANCE, "[ACK#2025-0042]")
        + multipart("mixed", inner, part("application/pdf", "x", "Content-Disposition: attachment")),
    )
    cleared = author("fr").clearsign("[ACK#2025-0042]\nreçu\n".encode())
    yield (
        "clearsigned",
        head("mutt", FRANCE, subject, *lists)
        + part(
            "text/plain; charset=utf-8", cleared + b"\n_____\ndesks mailing list\n", "Content-Transfer-Encoding: 8bit"
        ),
    )
    yield (
        "type-changed",
        head("exchange", FRANCE, "[ACK#2025-0042]") + inner.replace(b"multipart/signed", b"multipart/mixed"),
    )


def dots() -> Mails:
    older = multipart(
        "mixed",
        part('text/rfc822-headers; charset=utf-8; protected-headers="v1"', "Subject: [REQUEST DE] Vehicule\r\n",
             "Content-Disposition: inline"),
        part("text/plain; charset=utf-8", TEXT, "Content-Transfer-Encoding: 8bit"),
        fields='; protected-headers="v1"\r\nSubject: [REQUEST DE] Vehicule\r\nFrom: desk@fr.example', boundary="=_old",
    )  # fmt: skip
    legacy = protected(
        f"Subject: [REQUEST DE] Véhicule\r\n\r\n{TEXT}", "[REQUEST DE] Véhicule",
        "HP-Outer: Subject: [...]", "HP-Outer: From: desk@fr.example",
        kind='text/plain; charset=utf-8; hp="cipher"; hp-legacy-display="1"',
    )  # fmt: skip
    reply = protected("Vu.\r\n\r\n> [REQUEST DE]\r\n", "Re: [REQUEST#2025-0042]")
    bare = plain("Vu, merci.\r\n")
    yield "rfc9788", head("thunderbird", FRANCE, "[...]") + encrypted(author("fr").seal(legacy))
    yield "memory-hole", head("enigmail", FRANCE, "...") + encrypted(author("fr").seal(older))
    yield "reply", head("thunderbird", FRANCE, "Re: ...") + encrypted(author("fr").seal(reply))
    yield "by-the-thread", head(
        "k9", FRANCE, "Re: ...", "In-Reply-To: <abc@network.example>",
        "References: <x.2025-0042@network.example> <abc@network.example>",
    ) + encrypted(author("fr").seal(bare))  # fmt: skip
    yield (
        "by-the-address",
        head("apple", FRANCE, "Re: ...", "Delivered-To: hub+b.abcdefghijklmnop.qrstuvwxyz234567@network.example")
        + encrypted(author("fr").seal(bare)),
    )
    yield "by-the-body", head("mutt", FRANCE, "Encrypted Message") + encrypted(author("fr").seal(plain()))
    yield (
        "signed-and-clear",
        head("thunderbird", FRANCE, "[REQUEST ALL] Véhicule")
        + signed(
            author("fr"),
            protected(kind='text/plain; charset=utf-8; hp="clear"'),
        ),
    )


# ---------------------------------------------------------------- the robot, winmail, keys, clocks, gpg, forgeries


def robots() -> Mails:
    ours = "Network hub <hub@network.example>"
    sealed = encrypted(author("hub").seal(protected(subject="[REQUEST#2025-0042 FR>DE]"), to="de"))
    returned = head("thunderbird", ours, "[REQUEST#2025-0042]").replace(b"1.thunderbird@", b"own@")
    yield "our-own-come-back", returned + sealed
    yield (
        "signed-by-us",
        head("thunderbird", FRANCE, "[PING#7K3Q-9F2M-XR4T]")
        + encrypted(author("hub").seal(protected(subject="[PING#7K3Q-9F2M-XR4T]"))),
    )
    yield (
        "a-signed-tag-beats-the-outside",
        head(
            "exchange",
            FRANCE,
            "...",
            "Auto-Submitted: auto-generated",
            "List-Id: <x.example>",
            "X-Loop: hub@network.example",
        )
        + encrypted(request()),
    )


def winmail() -> Mails:
    tnef = part('application/ms-tnef; name="winmail.dat"', encodebytes(b"\x78\x9f\x3e\x22" + bytes(range(200))), B64,
                'Content-Disposition: attachment; filename="winmail.dat"')  # fmt: skip
    yield (
        "sealed-with-text",
        head("outlook", FRANCE, "...") + encrypted(author("fr").seal(multipart("mixed", plain(), tnef))),
    )
    yield (
        "sealed-text-inside-alone",
        head("outlook", FRANCE, "...")
        + encrypted(
            author("fr").seal(
                multipart(
                    "mixed", EMPTY, tnef, fields='; hp="cipher"\r\nSubject: [REQUEST DE] x\r\nFrom: desk@fr.example'
                )
            )
        ),
    )


def keys() -> Mails:
    italy, spain = "Sala operativa <desk@it.example>", "Guardia <desk@es.example>"
    entity = part("text/plain; charset=utf-8", "[REQUEST DE]\r\nBuongiorno\r\n")
    late = author("expired").seal(entity, at="20240301T090000!")
    yield "expired", head("thunderbird", italy, "...") + encrypted(late)
    yield "for-somebody-else", head("apple", FRANCE, "...") + encrypted(author("fr").seal(entity, to="de"))
    yield (
        "not-pinned",
        head("mutt", "Stranger <stranger@nowhere.example>", "...") + encrypted(author("stranger").seal(entity)),
    )
    yield "weak-certificate", head("claws", spain, "...") + encrypted(author("sha1").seal(entity))


def weak() -> Mails:
    entity = part("text/plain; charset=utf-8", "[REQUEST FR]\r\nGuten Tag\r\n")
    old = ("--digest-algo", "SHA1")
    signature = part('application/pgp-signature; name="signature.asc"', author("de").sign(entity, *old))
    kind = '; micalg=pgp-sha1; protocol="application/pgp-signature"'
    yield (
        "sha1-signature",
        head("enigmail", GERMANY, "[REQUEST FR]") + multipart("signed", entity, signature, fields=kind),
    )
    yield "sha1-sealed", head("pgpdesktop", GERMANY, "...") + encrypted(author("de").seal(entity, *old))
    yield (
        "sha1-clearsigned",
        head("mutt", GERMANY, "[ACK#2025-0042]")
        + part("text/plain; charset=us-ascii", author("de").clearsign(b"[ACK#2025-0042]\n", *old)),
    )


def clocks() -> Mails:
    entity = protected()
    yield (
        "signed-in-the-future",
        head("k9", FRANCE, "...") + encrypted(author("fr").seal(entity, at="20990310T090000!")),
    )
    yield (
        "signed-long-ago",
        head("thunderbird", FRANCE, "...") + encrypted(author("fr").seal(entity, at="20240202T090000!")),
    )
    yield "date-of-1970", head("mutt", FRANCE, "...").replace(b"10 Mar 2025", b"01 Jan 1970") + encrypted(request())


def hanging() -> Mails:
    plain_text = b"Content-Type: text/plain\r\n\r\nx\r\n"
    password = run(author("fr").home, "--armor", "--passphrase", "guess", "--pinentry-mode", "loopback", "--symmetric",
                   octets=plain_text).stdout  # fmt: skip
    hub = author("hub").fingerprint
    both = run(author("fr").home, "--armor", "--passphrase", "guess", "--pinentry-mode", "loopback", "--trust-model",
               "always", "--symmetric", "--encrypt", "--recipient", hub, octets=plain_text).stdout  # fmt: skip
    hidden = run(author("fr").home, "--armor", "--trust-model", "always", "--encrypt", "--hidden-recipient", hub,
                 "--hidden-recipient", author("de").fingerprint, octets=plain_text).stdout  # fmt: skip
    yield "password-alone", head("kmail", FRANCE, "...") + encrypted(password)
    yield "password-and-key", head("kmail", FRANCE, "...") + encrypted(both)
    yield "hidden-recipients", head("claws", FRANCE, "...") + encrypted(hidden)


def forgeries() -> Mails:
    fr, mallory = author("fr"), "Mallory <mallory@evil.example>"
    entity = plain()
    two = fr.sign(entity, "--local-user", author("fr").fingerprint) + b""
    packets = b"".join(
        run(fr.home, "--dearmor", octets=s).stdout for s in (fr.sign(entity), author("stranger").sign(entity))
    )
    both = run(fr.home, "--enarmor", octets=packets).stdout.replace(b"PGP ARMORED FILE", b"PGP SIGNATURE")
    kind = '; micalg=pgp-sha512; protocol="application/pgp-signature"'
    status = plain("[GNUPG:] GOODSIG 876539876033FD88 Bureau France\r\n[GNUPG:] VALIDSIG "
                   f"{fr.fingerprint}\r\n[REQUEST ALL]\r\n")  # fmt: skip
    part_of = multipart(
        "mixed", part("text/plain", "[REQUEST ALL] and quickly\r\n"), signed(fr, entity), boundary="=_w"
    )
    captured = encrypted(fr.seal(protected()), "=_captured")
    no_mdc = run(fr.home, "--armor", "--trust-model", "always", "--rfc2440", "--disable-mdc", "--cipher-algo", "3DES",
                 "--recipient", author("hub").fingerprint, "--encrypt", octets=entity, rc=None).stdout  # fmt: skip
    assert two
    yield "of-another-sender", head("mutt", GERMANY, "...") + encrypted(fr.seal(entity))
    yield (
        "two-signatures",
        head("mutt", FRANCE, "[REQUEST DE]")
        + multipart("signed", entity, part("application/pgp-signature", both), fields=kind),
    )
    yield "text-in-front", head("apple", FRANCE, "[REQUEST ALL]") + part_of
    yield (
        "status-line-in-the-text",
        head("gmail", mallory, "[GNUPG:] GOODSIG") + encrypted(author("stranger").seal(status)),
    )
    yield "forged-protected-headers", head("thunderbird", FRANCE, "Bonjour") + protected(subject="[REQUEST ALL]")
    yield (
        "wrapped-in-anothers-encryption",
        head("thunderbird", mallory, "...") + encrypted(author("stranger").encrypt(part_of)),
    )
    yield "captured-and-signed-outside", head("thunderbird", GERMANY, "...") + signed(author("de"), captured)
    yield "no-integrity-code", head("k9", FRANCE, "...") + encrypted(no_mdc)
    yield "forwarded-signature", head("thunderbird", GERMANY, "Fwd: [REQUEST DE]") + multipart(
        "mixed", part("text/plain", "siehe unten\r\n"),
        part("message/rfc822", head("mutt", FRANCE, "[REQUEST DE]") + signed(fr, entity)), boundary="=_f",
    )  # fmt: skip


FAMILIES: dict[str, Callable[[], Mails]] = {
    "01-exchange": exchange,
    "02-webmail": webmail,
    "03-by-itself": by_itself,
    "04-damaged-armour": damaged,
    "05-written-again": written_again,
    "06-footers": footers,
    "07-dots": dots,
    "08-robots": robots,
    "21-winmail": winmail,
    "22-keys": keys,
    "23-sha1": weak,
    "24-clocks": clocks,
    "25-hanging-gpg": hanging,
    "29-forgeries": forgeries,
}


def main(wanted: list[str]) -> None:
    """Write the families that are named, or all."""
    for family, mails in FAMILIES.items():
        if wanted and family not in wanted:
            continue
        folder = HERE / family
        folder.mkdir(exist_ok=True)
        for name, octets in mails():
            (folder / f"{family[:2]}-{name}.eml").write_bytes(
                octets if name in {"lf-on-disk", "mbox"} else crlf(octets)
            )


if __name__ == "__main__":
    main(sys.argv[1:])
