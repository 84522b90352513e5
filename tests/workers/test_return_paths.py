"""Return paths on the wire, as the configuration asks for them: one for each recipient, and reports asked for."""

import re
from collections import Counter

import pytest

from tests.workers.plug import Plug

LOCAL = r"[a-z2-7]{16}"
FORMS = {
    "plus": rf"network\+b\.{LOCAL}\.{LOCAL}@hub\.example",
    "verp": rf"b-{LOCAL}-{LOCAL}@bounces\.hub\.example",
    "plain": r"network@hub\.example",
}


def sent(plug: Plug, setting: str) -> list[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    """Sender, recipient and their options of each mail that a request and its receipt are."""
    plug.begin(plug.mails[1])
    plug.config.write_text(plug.config.read_text().replace("[robot]\n", f"[robot]\n{setting}\n"))
    plug.run_until_idle(hours=0)
    assert len(plug.smtp.accepted) == 5
    return [(m.sender, m.recipients[0], m.sender_options, m.recipient_options[0]) for m in plug.smtp.accepted]


@pytest.mark.parametrize(
    ("style", "setting"),
    [
        ("plus", ""),
        ("plus", 'return_path = "plus"'),
        ("verp", 'return_path = "verp"\nreturn_domain = "bounces.hub.example"'),
        ("plain", 'return_path = "plain"'),
    ],
)
def test_each_recipient_has_a_return_path_of_its_own_in_the_configured_form(
    plugs: list[Plug], style: str, setting: str
) -> None:
    mails = sent(plugs[0], setting)
    senders = Counter(sender for sender, *_ in mails)
    assert all(re.fullmatch(FORMS[style], sender) for sender in senders), senders
    assert len(senders) == (1 if style == "plain" else len(mails))


def test_reports_are_asked_for_with_what_they_are_attributed_by(plugs: list[Plug]) -> None:
    mails = sent(plugs[0], "")
    for sender, recipient, of_mail, of_recipient in mails:
        tracking = sender.split(".")[1]
        assert {"RET=HDRS", f"ENVID={tracking}"} <= set(of_mail)
        assert {"NOTIFY=FAILURE,DELAY", f"ORCPT=rfc822;{recipient}"} <= set(of_recipient)
