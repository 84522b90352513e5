"""PARTIES, SUSPEND, RESUME: who is in the network, and who is left out for a time."""

from dataclasses import replace
from datetime import timedelta

from mailbot.core.decision import Event
from mailbot.core.records import Reason
from tests.core.cast import DIRECTORY, FR, IT, KNOWN, NOW, certificate, fingerprint, mail, network
from tests.core.cast import judge as decided
from tests.core.commands.office import give, objections, row_of, said, seeing, suspension

HARD = replace(DIRECTORY, parties={**DIRECTORY.parties, "IT": replace(IT, suspended=True)})


def test_a_party_is_suspended() -> None:
    decision = give("[SUSPENDRE fr]")
    (made,) = decision.suspended
    assert (made.party, made.since, made.ordered_by) == ("FR", NOW, "SEC")
    assert said(decision)[1]["party"] == {"code": "FR", "name": "FR in English"}
    assert (row_of(decision).event, row_of(decision).party) == (Event.SUSPENDED, "FR")


def test_an_alias_means_the_same_party() -> None:
    directory = replace(DIRECTORY, parties={**DIRECTORY.parties, "FR": replace(FR, aliases=("FX",))})
    (made,) = give("[SUSPEND FX]", known=replace(KNOWN, network=network(directory))).suspended
    assert made.party == "FR"


def test_what_cannot_be_suspended_is_said() -> None:
    already = seeing(suspensions={"FR": suspension("FR")})
    assert objections(give("[SUSPEND FR]", known=already)) == ["suspended already"]
    assert objections(give("[SUSPEND SEC]")) == ["secretariat"]
    assert objections(give("[SUSPEND XX]")) == ["unknown party"]
    configured = replace(KNOWN, network=network(HARD))
    assert objections(give("[SUSPEND IT]", known=configured)) == ["suspended in the configuration"]


def test_a_suspension_is_ended() -> None:
    known = seeing(suspensions={"FR": suspension("FR")})
    decision = give("[RESUME FR]", known=known)
    assert decision.resumed == ("FR",)
    assert row_of(decision).event is Event.RESUMED


def test_only_what_a_command_suspended_can_a_command_resume() -> None:
    assert objections(give("[RESUME FR]")) == ["not suspended"]
    configured = replace(KNOWN, network=network(HARD))
    assert objections(give("[RESUME IT]", known=configured)) == ["suspended in the configuration"]


def test_begun_and_ended_in_one_mail_is_nothing() -> None:
    decision = give("[SUSPEND FR]", "[RESUME FR]")
    assert (decision.suspended, decision.resumed) == ((), ())


def test_ended_and_begun_anew_is_both() -> None:
    decision = give("[RESUME FR]", "[SUSPEND FR]", known=seeing(suspensions={"FR": suspension("FR")}))
    assert ([s.party for s in decision.suspended], decision.resumed) == (["FR"], ("FR",))


def test_a_party_that_is_suspended_by_command_is_heard_no_more() -> None:
    """Its own directory entry, found by its signature, does not know of the database's suspensions."""
    suspended = replace(KNOWN.network, directory=DIRECTORY.suspending(frozenset({"FR"})))
    decision = decided(mail(), replace(KNOWN, network=suspended))
    assert decision.held is not None
    assert decision.held.reason is Reason.SENDER_SUSPENDED


def test_the_list_shows_what_needs_a_look() -> None:
    soon = replace(certificate(fingerprint("deskDE")), expires=NOW + timedelta(days=9))
    of = network(DIRECTORY, fingerprint("deskIT"))
    of = replace(of, certificates={**of.certificates, fingerprint("deskDE"): soon})
    known = replace(seeing(suspensions={"FR": suspension("FR")}), network=of)
    _, words = said(give("[PARTIES]", known=known))
    rows = {row["code"]: row for row in words["parties"]}
    assert list(rows) == ["DE", "EU", "FR", "IT", "SEC"]
    assert rows["IT"]["without_key"]
    assert rows["DE"]["key_ends"] == NOW + timedelta(days=9)
    assert (rows["FR"]["since"], rows["FR"]["by"]) == (NOW, "operator ops")
    assert (rows["DE"]["backups"], rows["DE"]["relays"]) == (1, 2)
