"""A flood: whoever sends it is held and told once; nobody else waits longer than his share."""

import zlib
from datetime import timedelta

import pytest

from mailbot.core.records import Reason
from mailbot.playground.composing import Subjects
from tests.attacks.arena import Arena
from tests.attacks.attack import attack
from tests.attacks.forging import crlf, encrypted, hand, header, multipart, part, rearmoured, sealed, words
from tests.attacks.packets import dearmoured
from tests.stories.world import ADDRESS

FRANCE = "desk@fr.example"
WORDS = "Where is he?"


@pytest.fixture(scope="module")
def settings() -> str:
    """Small numbers, so that a flood is soon one. Each party is used for one quota."""
    return """\
[limits]
requests_per_hour = 4
urgent_per_hour = 2
all_per_day = 1
answers_per_hour = 3
volume_mib_per_day = 1
letters_per_hour = 2
"""


def requests(arena: Arena, login: str, tag: str, count: int, text: str = WORDS) -> list[bytes]:
    return [arena.person(login).write(f"{tag} {number}", text) for number in range(count)]


@attack("20", "four pass, the others are held, and France is told once; an hour later it may ask again")
def test_a_flood_of_requests(arena: Arena) -> None:
    seen = arena.play(*requests(arena, "fr", "[REQUEST IT]", 9))
    assert seen.reasons == [Reason.OVER_QUOTA] * 5
    assert len(seen.got["it"]) == 4
    assert sorted(seen.tags("fr")) == ["HELP"] + ["REQUEST"] * 4
    with arena.later(timedelta(hours=1)):
        assert arena.play(*requests(arena, "fr", "[REQUEST IT]", 1)).readers(WORDS) == {"it"}


@attack("20", "one passes, the others are held: ALL has a ration of its own")
def test_a_flood_to_all(arena: Arena) -> None:
    seen = arena.play(*requests(arena, "de", "[INFO ALL]", 3))
    assert seen.reasons == [Reason.OVER_QUOTA] * 2
    assert len(seen.got["it"]) == 1


@attack("20", "two pass, the others are held: urgent has a ration of its own")
def test_a_flood_of_urgent_requests(arena: Arena) -> None:
    seen = arena.play(*requests(arena, "it", "[REQUEST FR urgent]", 4))
    assert seen.reasons == [Reason.OVER_QUOTA] * 2
    assert len(seen.got["fr"]) == 2


@attack("20", "held: recipients times octets are rationed, a few huge mails are a flood as well")
def test_a_flood_of_octets(arena: Arena) -> None:
    seen = arena.play(*requests(arena, "es", "[REQUEST FR,IT]", 2, text="x" * 70 * 5000))
    assert seen.reasons == [Reason.OVER_QUOTA]
    assert '"quota":"volume"' in seen.facts("mail held")


@attack("20", "two letters, then silence; every mail is held: who asks for refusals gets few")
@pytest.mark.parametrize("kind", ["refusals", "questions"])
def test_a_flood_that_asks_for(kind: str, arena: Arena) -> None:
    sec = arena.person("sec")
    if kind == "refusals":
        mails = [sec.write("[REQUEST XX] x", WORDS) for _ in range(5)]
        seen = arena.play(*mails)
        assert len(seen.got["sec"]) == 2
        assert len(seen.held) == 3
    else:
        # A new hour for the secretariat's letters.
        with arena.later(timedelta(hours=2)):
            mails = [sec.write("[REQUEST IT] x", WORDS, subjects=Subjects.OUTSIDE) for _ in range(5)]
            seen = arena.play(*mails)
            assert seen.tags("sec") == ["CONFIRM"] * 2
            assert len(seen.held) == 5


@attack("20", "the reply is passed on within the first turns, however many mails of France wait")
def test_a_flood_in_front_of_somebody_elses_mail(arena: Arena) -> None:
    """A hundred and fifty of France's lie before it in the mailbox, none of which is worth anything."""
    flood = header(FRANCE, "[REQUEST IT] x") + words(WORDS)
    arena.look()
    for number in range(150):
        arena.world.dovecot.deliver(ADDRESS, flood + b"%d\r\n" % number)
    arena.world.dovecot.deliver(ADDRESS, arena.person("it").write("[STATUS] x", WORDS))
    arena.work()
    seen = arena.look()
    parties = [row.party for row in seen.rows if row.party]
    assert "IT" in parties[:3]
    assert parties.count("FR") >= 150


@attack("20", "held: a message for six hundred readers, or one that unpacks to a gigabyte, is not opened")
@pytest.mark.parametrize("bomb", ["session keys", "compression"])
def test_a_bomb_of(bomb: str, arena: Arena) -> None:
    italy = hand(arena.person("it"))
    message = dearmoured(italy.sign_encrypt(words(WORDS, subject="[REQUEST ES] x"), [arena.hub]))
    if bomb == "session keys":
        head = message[: message[1] + 2]
        assert message[0] in {0x84, 0x85, 0xC1}
        length = 2 + message[1] if message[0] == 0x84 else 3 + int.from_bytes(message[1:3])
        head = message[:length]
        armour = rearmoured(head * 600 + message)
    else:
        zeros = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = b"".join(zeros.compress(bytes(1 << 20)) for _ in range(200)) + zeros.flush()
        packet = b"\xc8\xff" + (len(packed) + 1).to_bytes(4) + b"\x01" + packed
        armour = italy.encrypt(packet, [arena.hub], "--no-literal", "--compress-algo=none")
    seen = arena.play(header("desk@it.example") + encrypted(crlf(armour)))
    assert (seen.reasons, seen.readers(WORDS)) == ([Reason.LIMITS], set())


@attack("20", "held: a thousand parts and one, or a hundred levels and one, are not read")
@pytest.mark.parametrize("shape", ["parts", "levels"])
def test_too_many(shape: str, arena: Arena) -> None:
    if shape == "parts":
        whole = multipart("mixed", *[part("text/plain", "x")] * 1001)
    else:
        whole = words(WORDS)
        for level in range(101):
            whole = multipart("mixed", whole, boundary=f"l{level}")
    seen = arena.play(sealed(hand(arena.person("it")), whole, arena.hub, "desk@it.example"))
    assert seen.reasons == [Reason.LIMITS]


@attack("20", "refused, and told why: between 15 minutes and 30 days")
@pytest.mark.parametrize("deadline", ["5m", "31d"])
def test_a_deadline_of(deadline: str, arena: Arena) -> None:
    with arena.later(timedelta(hours=3) if deadline == "5m" else timedelta(hours=5)):
        seen = arena.play(arena.person("it").write(f"[REQUEST ES deadline={deadline}] x", WORDS))
    assert seen.readers(WORDS) == set()
    assert "15 minutes and 30 days" in " ".join(seen.only("it").cover.split()).replace("\xa0", " ")
