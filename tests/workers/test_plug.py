"""The plug pulled before and after every outside call: a process killed by SIGKILL, and a second one that goes on.

Desks: DE's answer to a request of FR, a new request of FR, IT to be reminded. Orders: a held mail is dropped, a
certificate announced, a ping round begins. Digest: it is due. What comes of a play with a kill must be what comes of
one without: the same mails, the same state, the same journal.
"""

import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from tests.sharing import show
from tests.workers.plug import ANSWER, SECOND, Played, Plug, Scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # the first test waits for all the plays


class Point(NamedTuple):
    """Where a robot is killed."""

    kill: str
    call: str
    nth: int = 1
    scene: Scene = Scene.DESKS

    def __str__(self) -> str:
        return f"{self.kill} {self.call}" + (f", call {self.nth}" if self.nth > 1 else "")


USUAL = {scene: Point("", "", scene=scene) for scene in Scene}  # nobody is killed
_ROUND_ABOUT = ("before", "after")
_ONE_MAIL = ("open", "seal", "record")
_ONCE = ("claim", "connect to the server")  # in a play; of what is done for each mail, the second time
_ORDERS = ("record of probes", "record of a challenge", "move of a dropped mail", "end of its wish")
_SEND = ("claim", "connect to the server", "DATA", "octets and final dot", "settle")

POINTS = [
    *(Point(kill, call) for call in ("connect to the mailbox", "fetch", "count the tries") for kill in _ROUND_ABOUT),
    *(Point(kill, call) for call in _ONE_MAIL for kill in _ROUND_ABOUT),
    *(Point("after", call, 2) for call in _ONE_MAIL),  # when one mail is recorded, but not moved
    *(Point("after", "last statement of the record", nth) for nth in (1, 2)),
    *(Point(kill, "move") for kill in _ROUND_ABOUT),
    *(Point(kill, "tick's record") for kill in _ROUND_ABOUT),
    *(Point(kill, call, 1 if call in _ONCE else 2) for call in _SEND for kill in _ROUND_ABOUT),
    Point("amid", "octets and final dot", 2),
    Point("after", "last statement of settle", 2),
    *(Point(kill, call, scene=Scene.ORDERS) for call in _ORDERS for kill in _ROUND_ABOUT),
    *(Point(kill, "record of the digest", scene=Scene.DIGEST) for kill in _ROUND_ABOUT),
]
# Between the end of a mail on its way to the server and our COMMIT that it was taken.
WINDOW = {
    Point("after", "octets and final dot", 2),
    Point("before", "settle", 2),
    Point("after", "last statement of settle", 2),  # not committed
}

Plays = Mapping[tuple[str, Point], Played]


@pytest.fixture(scope="session")
def plays(plugs: list[Plug]) -> Plays:
    """Every play, on both databases side by side."""
    with ThreadPoolExecutor(len(plugs)) as both:
        return dict(pair for pairs in both.map(_play_all, plugs) for pair in pairs)


def _play_all(plug: Plug) -> list[tuple[tuple[str, Point], Played]]:
    return [
        ((plug.database.name, point), plug.play(**point._asdict()) if point.kill else plug.play(point.scene))
        for point in (*USUAL.values(), *POINTS)
    ]


def _table(found: Plays, names: list[str]) -> list[str]:
    width = max(len(str(point)) for point in POINTS) + 2
    lines = ["killed".ljust(width) + "".join(name.ljust(40) for name in names)]
    return lines + [
        str(point).ljust(width)
        + "".join(_cell(found[name, point], _usual(found, name, point)).ljust(40) for name in names)
        for point in POINTS
    ]


def _usual(found: Plays, name: str, point: Point) -> Played:
    return found[name, USUAL[point.scene]]


def _cell(play: Played, usual: Played) -> str:
    ended = "killed" if play.code == -signal.SIGKILL else f"ended with {play.code}"
    same = "all as usual" if play.outcome == usual.outcome else "NOT AS USUAL"
    return f"{ended}, {same}, {len(play.repeated)} repeated"


@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
def test_what_comes_of_it_when_nobody_is_killed(
    request: pytest.FixtureRequest, database: str, plays: Plays, plugs: list[Plug]
) -> None:
    show(request.node, "the plug pulled everywhere", _table(plays, [plug.database.name for plug in plugs]))
    [plug] = [plug for plug in plugs if plug.database.name == database]
    play = plays[database, USUAL[Scene.DESKS]]
    outcome = play.outcome
    assert (outcome.sound, outcome.owed, outcome.held) == (True, 0, ())
    assert outcome.filed == {"INBOX": 0, "Done": 2, "Held": 0, "Dropped": 0}
    [second, first] = outcome.exchanges
    assert first[1:] == ("open", "DE answered 0", "IT passed on 1")
    assert second[1:] == ("open", "DE passed on 0", "IT passed on 0")
    assert outcome.delivered == {
        ("desk@fr.example", f"[REPLY#{first[0]}]"): 1,
        ("ministry@fr.example", f"[REPLY#{first[0]}]"): 1,
        ("desk@de.example", f"[REPLY#{first[0]}]"): 1,  # its receipt
        ("desk@it.example", f"[REQUEST#{first[0]}]"): 1,  # the reminder
        ("desk@fr.example", f"[REQUEST#{second[0]}]"): 1,  # the receipt
        **{(f"{box}@de.example", f"[REQUEST#{second[0]}]"): 1 for box in ("desk", "police", "border")},
        ("desk@it.example", f"[REQUEST#{second[0]}]"): 1,
    }
    assert plug.texts(play.accepted) == {
        *((f"{box}@fr.example", ANSWER) for box in ("desk", "ministry")),
        *((f"{box}@de.example", SECOND) for box in ("desk", "police", "border")),
        ("desk@it.example", SECOND),
    }


@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
def test_what_comes_of_orders_and_of_a_digest(database: str, plays: Plays) -> None:
    orders, digest = (plays[database, USUAL[scene]].outcome for scene in (Scene.ORDERS, Scene.DIGEST))
    assert (orders.sound, orders.owed, orders.held) == (True, 0, ())
    assert orders.filed == {"INBOX": 0, "Done": 2, "Held": 0, "Dropped": 1}
    assert orders.rounds == (("P-1", "running", *(f"{code} sent" for code in ("DE", "ES", "FR", "IT"))),)
    for recipient, subject, mails in (("es", "[PING#…]", 1), ("fr", "[PING#…]", 1), ("it", "[KEY]", 2)):
        assert orders.delivered[f"desk@{recipient}.example", subject] == mails
    probes = [mail for mail in plays[database, USUAL[Scene.ORDERS]].accepted if b"Subject: [PING#" in mail.octets]
    assert len({mail.sender for mail in probes} - {""}) == len(probes)  # a return path of its own for each
    assert all("NOTIFY=FAILURE,DELAY" in options for mail in probes for options in mail.recipient_options)
    assert (digest.sound, digest.owed) == (True, 0)
    assert digest.delivered["secretariat@network.example", "[DIGEST]"] == 1


@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_nothing_is_lost_and_nothing_happens_twice(point: Point, database: str, plays: Plays) -> None:
    play = plays[database, point]
    assert play.code == -signal.SIGKILL, "the robot was not killed there"
    assert play.outcome == _usual(plays, database, point).outcome


@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_only_a_mail_that_the_server_took_is_sent_again_and_it_is_the_same(
    point: Point, database: str, plays: Plays
) -> None:
    repeated = plays[database, point].repeated
    assert len(repeated) == (1 if point in WINDOW else 0)
    assert all(len(mails) == 2 and mails[0] == mails[1] for mails in repeated)
