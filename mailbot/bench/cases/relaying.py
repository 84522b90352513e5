"""One request, from the moment that its mail is announced to the server's 250: to one desk, and to everybody."""

from collections.abc import Iterator

from mailbot.bench.measures import Measure
from mailbot.bench.stage import Play, Stage
from mailbot.bench.witness import said, taken

_WARM = 2  # rounds that do not count


def one(stage: Stage, rounds: int) -> Iterator[Measure]:
    """To one desk; the receipt is sent too, but not waited for."""
    asker, target, *_ = stage.network.parties
    with stage.play() as play, play.robot():
        sealed, text = play.sealed(), stage.network.entity("[REQUEST#2026-0001]", 2048)
        ours, raw = [], []
        for _ in stage.rounds(rounds + _WARM):
            raw.append(play.pair(sealed, text, [target]))
            ours.append(_relayed(play, f"REQUEST {target.code}", target.address, 1, 2))
            raw.append(play.pair(sealed, text, [target]))
    yield Measure(
        "relay-one",
        f"2 KiB from {asker.code} to one desk: announced by IMAP until the 250",
        "ms",
        tuple(1000 * seconds for seconds in ours[_WARM:]),
        tuple(1000 * seconds for seconds in raw[2 * _WARM :]),
        target=2.5,
        yardstick="one decrypt+verify, one sign+encrypt",
    )


def everybody(stage: Stage, rounds: int) -> Iterator[Measure]:
    """To all the others, receipt included."""
    _, *others = stage.network.parties
    with stage.play() as play, play.robot():
        sealed, text = play.sealed(), stage.network.entity("[REQUEST#2026-0001]", 2048)
        ours, raw = [], []
        for _ in stage.rounds(rounds + _WARM):
            raw.append(play.pair(sealed, text, others))
            ours.append(_relayed(play, "REQUEST ALL", None, len(others) + 1, len(others) + 1))
            raw.append(play.pair(sealed, text, others))
    yield Measure(
        f"all-{len(others)}",
        f"2 KiB to ALL of {len(others)} desks, and the receipt: announced until the last 250",
        "ms",
        tuple(1000 * seconds for seconds in ours[_WARM:]),
        tuple(1000 * seconds for seconds in raw[2 * _WARM :]),
        target=4.0,
        yardstick=f"one decrypt+verify, one sign+encrypt to {len(others)} in one call",
    )


def _relayed(play: Play, tag: str, address: str | None, count: int, expected: int) -> float:
    """Seconds until `count` mails for this address, or anybody, are accepted; returns when all are, and it idles."""
    mail, start = play.network.request(play.network.parties[0], tag), play.witness.now
    play.box.put(mail)
    announced = play.witness.wait(start, said("EXISTS")).at
    accepted = play.witness.wait(start, taken(address), count).at
    play.witness.wait(start, taken(), expected)
    play.witness.wait(start, said("IDLE"))
    return accepted - announced
