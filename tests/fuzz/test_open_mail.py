"""open_mail() and thousands of mails from a grammar: no exception, nothing slow, nobody's words become France's.

A mail that fails is named by its seed: `grammar.mail(seed)` makes it again. Longer by hand: tests/fuzz/bounded.py; what
that finds becomes a mail of tests/families.
"""

import time
import unicodedata
from collections import Counter

import pytest

from mailbot.core.mail import OpenedMail, Trouble
from mailbot.mail.limits import Limits
from mailbot.mail.mime import read_tree
from mailbot.mail.opening import open_mail
from tests.fuzz import grammar
from tests.fuzz.bounded import seeds
from tests.mail.mails import OWN, REPLAY_KEY, incoming, world

SHORT = 1_500
SECONDS = 10


def judged(seed: int) -> OpenedMail:
    """The mail of this seed, opened, with everything that must hold of any mail at all."""
    octets = grammar.mail(seed)
    began = time.monotonic()
    mail = open_mail(incoming(octets), world().gpg, REPLAY_KEY, own=OWN)
    assert time.monotonic() - began < SECONDS, seed
    # The border in open_mail is for what nobody has thought of; what a grammar finds is to be thought of.
    assert mail.trouble is not Trouble.UNREADABLE or mail.sealed, seed
    for word in (mail.outer.sender, mail.outer.message_id, *mail.outer.references, *mail.outer.to):
        assert word.isprintable(), seed
    assert not {unicodedata.category(c) for c in mail.outer.subject} & {"Cc", "Cs", "Zl", "Zp"}, seed
    if mail.voucher:
        assert mail.content is not None, seed
        assert _authored(mail.content.entity, with_attachments=bool(mail.attached)), seed
        assert "UNSIGNED" not in mail.text, seed
    return mail


def _authored(entity: bytes, *, with_attachments: bool) -> bool:
    """Whether France signed all of it; attachments that were sealed by themselves come with their signatures."""
    known = grammar.corpus().entities
    if not with_attachments:
        return entity in known
    first, *files = read_tree(entity, Limits()).children
    text = first.children[0] if first.type == "multipart/signed" else first
    kinds = [file.type for file in files]
    signatures = kinds[1::2] == ["application/pgp-signature"] * (len(files) // 2)
    return text.octets in known and signatures and all(file.decoded() in grammar.corpus().signed for file in files[::2])


def test_a_short_run() -> None:
    seen = Counter(_kind(judged(seed)) for seed in range(SHORT))
    # The grammar reaches what it is meant to reach; else all this proves nothing.
    assert seen["vouched"] > SHORT // 20
    assert seen["signed in part, or badly"] > SHORT // 200
    assert seen["cannot be decrypted"] > SHORT // 100
    assert seen["plain"] > SHORT // 10
    assert seen["machine"] > SHORT // 10


@pytest.mark.fuzz
@pytest.mark.timeout(0)
def test_a_long_run() -> None:
    for seed in seeds(SHORT):
        judged(seed)


def _kind(mail: OpenedMail) -> str:
    if mail.voucher:
        return "vouched"
    if mail.signatures:
        return "signed in part, or badly"
    if mail.sealed:
        return "encrypted, unsigned" if mail.encrypted else "cannot be decrypted"
    return "plain" if mail.mail_class == "person" else "machine"
