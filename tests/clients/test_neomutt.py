"""Italy's officer at neomutt: reads a request that the robot relayed, checks both signatures, presses Reply."""

from dataclasses import dataclass

import pytest

from mailbot.core.records import PartStage
from mailbot.core.tags import Word
from mailbot.playground.reading import ReadMail
from tests.clients.correspondence import SUBJECT, TEXT, Correspondence
from tests.clients.neomutt import neomutt

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("clients")]

ANSWER = "Buonasera,\n\nla persona — Käse — è stata fermata a Fiumicino.\nFrom here\n.\n"


@dataclass(frozen=True)
class Played:
    """What the officer saw, and what came of the mail."""

    request: str
    ready: str  # the page on which the answer was sent
    sent: bytes
    passed_on: ReadMail
    receipt: str


@pytest.fixture(scope="module")
def played(correspondence: Correspondence) -> Played:
    """The officer's minute at the keyboard."""
    before = len(correspondence.stage.mailbox("fr"))
    with neomutt(correspondence.clients, correspondence.person("it")) as officer:
        request = officer.read("[REQUEST#")
        ready = officer.reply(ANSWER)
        officer.send()
        officer.leave()
        correspondence.await_stage("IT", PartStage.ANSWERED)
        correspondence.mails("it", 2)
        receipt = officer.read("[REPLY#")
    [sent] = correspondence.sent_by("it")
    return Played(request, ready, sent, correspondence.mails("fr", before + 1)[-1], receipt)
