"""OpenPGP of any shape at all: a value comes out, in good time, and nothing is France's that France did not sign.

What fails is named by its seed: `Grammar(seed)` makes it again. Longer by hand: tests/fuzz/bounded.py.
"""

import time
from collections import Counter
from collections.abc import Iterable

import pytest

from mailbot.core.mail import OpenedMail, SignatureState, Trouble
from mailbot.mail.gpg import Unsealed
from tests.fuzz.bounded import seeds
from tests.fuzz.packets import Grammar, pieces, without_literal
from tests.mail.mails import crlf, encrypted, header, opened, part, world

SHORT = 3_000
THROUGH = 10  # of so many one goes all the way, encrypted
SECONDS = 10


def unsealed(seed: int, octets: bytes, *, inside: bool) -> str:
    """What these octets turned out to be, after everything that must hold of any."""
    began = time.monotonic()
    gpg = world().gpg
    found = gpg._read(octets, None) if inside else gpg.unseal(octets)
    assert time.monotonic() - began < SECONDS, seed
    if isinstance(found, Trouble):
        return found
    return _kind(seed, found)


def _kind(seed: int, found: Unsealed) -> str:
    for verdict in found.verdicts:
        if verdict.genuine:
            assert verdict.fingerprint == world().france.fingerprint, seed
            assert crlf(found.data) in map(crlf, pieces().texts), seed
    states = {verdict.state for verdict in found.verdicts}
    return "good" if states == {SignatureState.GOOD} else "signed" if states else "unsigned"


def through(seed: int) -> OpenedMail:
    """The same octets in a whole mail, sealed to the robot or as they are."""
    grammar = Grammar(seed)
    inner = grammar.inside()
    armoured = without_literal(inner) if inner and grammar.chance(0.5) else grammar.armour(grammar.envelope())
    body = encrypted(armoured) if grammar.chance(0.5) else part("text/plain", armoured)
    mail = opened(header() + body)
    if mail.voucher:
        assert mail.voucher.fingerprint == world().france.fingerprint, seed
        assert "FORGED" not in mail.text, seed
    return mail


def judged(these: Iterable[int]) -> Counter[str]:
    seen: Counter[str] = Counter()
    for seed in these:
        seen[f"inside {unsealed(seed, Grammar(seed).inside(), inside=True)}"] += 1
        seen[f"outside {unsealed(seed, Grammar(seed).outside(), inside=False)}"] += 1
        if seed % THROUGH == 0:
            seen["vouched" if through(seed).voucher else "not vouched"] += 1
    return seen


def test_a_short_run() -> None:
    seen = judged(range(SHORT))
    # The grammar reaches what it is meant to reach; else all this proves nothing.
    for kind, least in {
        "inside good": 100, "inside signed": 100, "inside unsigned": 30, f"inside {Trouble.UNREADABLE}": 500,
        "outside good": 50, "outside unsigned": 50, f"outside {Trouble.CANNOT_DECRYPT}": 500,
        f"outside {Trouble.LIMITS}": 5, "vouched": 10, "not vouched": 50,
    }.items():  # fmt: skip
        assert seen[kind] >= least, (kind, seen)


@pytest.mark.fuzz
@pytest.mark.timeout(0)
def test_a_long_run() -> None:
    judged(seeds(SHORT))


def test_nothing_is_left_in_the_way_of_the_next() -> None:
    """After all of that the same gpg still opens a good mail."""
    good = world().france.sign_encrypt(b"Content-Type: text/plain\r\n\r\nx", [world().robot])
    assert opened(header() + encrypted(good)).voucher is not None
