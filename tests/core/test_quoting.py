"""What an officer writes below the quoted text, where Thunderbird leaves his cursor, counts as if it stood above."""

import pytest

from mailbot.core.quoting import below_quoted
from mailbot.core.records import PartStage, Stage
from tests.core.cast import DE, FR, exchange, judge, mail, remembering

SUBJECT = "Re: [REQUEST#2026-0041 FR>DE,IT urgent] Traveller"
WROTE = "On 11/23/26 08:37, Network hub wrote:\n"
QUOTED = "> URGENT REQUEST from France (FR)\n>\n> Reply code:  R-7K3Q9-F2MXR\n\n>\n> Where is he?\n"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "introduction",
    [WROTE, "", "Am 23.11.26 um 08:37 schrieb\nNetwork hub:\n", "\n\nLe 23/11/2026, Network hub a écrit :\n\n"],
)
def test_below_is_what_follows_the_last_quoted_line(introduction: str, end: str) -> None:
    text = f"{introduction}{QUOTED}\n[ACK#2026-0041]\nSoon.\n".replace("\n", end)
    assert below_quoted(text).split() == ["[ACK#2026-0041]", "Soon."]


@pytest.mark.parametrize(
    "text",
    [
        "[ACK#2026-0041]\n",
        f"We look.\n\n{WROTE}{QUOTED}\n[ACK#2026-0041]\n",  # he has begun above
        f"{WROTE}{QUOTED}Which one?\n> more\n[ACK#2026-0041]\n",  # he answers line by line
        f"{WROTE}> a\r[ACK#2026-0041]\n> b\u2028[ACK#2026-0041]\n> c\x85[ACK#2026-0041]\n> d\f[ACK#2026-0041]\n",
        f"{WROTE}{QUOTED}",
    ],
)
def test_nothing_is_below(text: str) -> None:
    assert not below_quoted(text).strip()


@pytest.mark.parametrize("subject", [SUBJECT, ""])
def test_acknowledgement_below_the_quoted_request(subject: str) -> None:
    text = f"{WROTE}{QUOTED}\n[ACK#2026-0041]\n\nWe look.\n"
    decision = judge(mail(DE.desks[0], subject, text, outer="Re: [REQUEST#2026-0041]"), remembering(exchange()))
    part = decision.exchanges[0].part("DE")
    assert part and part.stage is PartStage.ACKNOWLEDGED


def test_closing_below_the_quoted_reply() -> None:
    text = f"{WROTE}{QUOTED}\n[CLOSE#2026-0041]\n"
    decision = judge(mail(FR.desks[0], "Re: [REPLY#2026-0041 DE>FR] Traveller", text), remembering(exchange()))
    assert decision.exchanges[0].stage is Stage.CLOSED


def test_another_exchange_below_is_asked_about() -> None:
    text = f"{WROTE}{QUOTED}\n[ACK#2026-0040]\n"
    decision = judge(mail(DE.desks[0], SUBJECT, text), remembering(exchange()))
    assert decision.held
    assert not decision.exchanges


@pytest.mark.parametrize("line", ["[REQUEST IT]", "[PING ALL]", "[SUSPEND FR]"])
def test_nothing_but_acknowledging_and_closing_is_read_below(line: str) -> None:
    decision = judge(mail(DE.desks[0], SUBJECT, f"{WROTE}{QUOTED}\n{line}\n"), remembering(exchange()))
    part = decision.exchanges[0].part("DE")
    assert part and part.stage is PartStage.ANSWERED
