"""An operator closes an exchange at the shell: whoever had it is told by the hub, and nobody else."""

from mailbot.core.commands.closing import CLOSE_FOR_THE_ASKER
from mailbot.core.commands.command import Asker, Order, Outcome
from mailbot.core.commands.obeying import carry_out
from mailbot.core.decision import Event, Network
from mailbot.core.parties import Right
from mailbot.core.records import Exchange, Part, PartStage, Stage
from mailbot.core.sight import Sight
from mailbot.core.tags import Tag, Word
from tests.core.cast import DE, DIRECTORY, FR, IT, MOMENT, NETWORK, NOW, exchange, network, readers_of


def close(found: Exchange | None, of: Network = NETWORK) -> Outcome:
    sight = Sight(exchanges={found.reference: found} if found else {})
    asker = Asker("shell:alice", "en", frozenset(Right), NOW)
    return carry_out(Order(Tag(Word.CLOSE, reference="2026-0041"), asker, of, MOMENT, sight), CLOSE_FOR_THE_ASKER)


def test_the_asker_and_who_got_it_are_told() -> None:
    waiting = Part("EU", PartStage.WAITING)
    outcome = close(exchange(parts=(*exchange().parts, waiting)))
    (closed,) = outcome.decision.exchanges
    assert (closed.stage, closed.closed_at) == (Stage.CLOSED, NOW)
    assert readers_of(outcome.decision, "closed") == {p.desks[0].address for p in (FR, DE, IT)}
    assert {letter.language: letter.words["own"] for letter in outcome.decision.letters} == {"fr": True, "en": False}
    assert (outcome.event, outcome.reference, outcome.party) == (Event.CLOSED, "2026-0041", "FR")
    assert [ordered.object for ordered in outcome.decision.ordered] == ["exchange 2026-0041"]


def test_no_letter_names_another_target() -> None:
    for letter in close(exchange()).decision.letters:
        (reader,) = letter.mailboxes
        others = {"DE", "IT"} - {reader.party}
        assert not others & set(str(letter.words).replace("'", " ").split())


def test_who_is_suspended_is_not_told() -> None:
    outcome = close(exchange(), network(DIRECTORY.suspending(frozenset({"DE"}))))
    assert readers_of(outcome.decision, "closed") == {p.desks[0].address for p in (FR, IT)}


def test_closed_or_unknown_it_cannot_be_closed() -> None:
    assert close(exchange().close(NOW)).facts["why"] == "closed"
    assert close(None).facts["why"] == "not yours"
