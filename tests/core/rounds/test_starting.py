"""Starting a round: a probe for each party, a copy for each desk, the challenge in sealed copies alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailbot.core.decision import Network
from mailbot.core.parties import Address, Role
from mailbot.core.rounds.records import Copy, Obstacle, ProbeStage, Standing
from mailbot.core.rounds.starting import Past, start_round
from mailbot.core.tags import Word, read_token
from tests.core.cast import DIRECTORY, FR, MOMENT, NETWORK, NOW, fingerprint, network, readers_of
from tests.core.rounds.ring import BEGUN, GIVEN, PAST, ROUND, begin, letter_to, order, probe_of, without_certificate

DESKS = {"desk@de.example", "desk@eu.example", "desk@fr.example", "desk@it.example"}


def test_all_means_everybody_but_the_secretariat() -> None:
    assert [probe.party for probe in ROUND.probes] == ["DE", "EU", "FR", "IT"]
    assert readers_of(BEGUN, "probe") == DESKS
    assert ROUND.to_all and ROUND.label == "P-12"


def test_named_parties_alone_by_code_or_alias_and_each_once() -> None:
    started = start_round(order("[PING FR,de,fr,XX deadline=2h]"), NETWORK, MOMENT, "SEC", "", PAST)
    assert started.round and [probe.party for probe in started.round.probes] == ["FR", "DE"]
    assert started.unknown == ("XX",)
    assert started.round.deadline == NOW + timedelta(hours=2)


def test_each_party_has_a_token_and_its_backups_another() -> None:
    tokens = [token for probe in ROUND.probes for token in (probe.token, probe.backup_token)]
    assert len(set(tokens)) == 8
    assert all(read_token(token) == token for token in tokens)
    assert letter_to("desk@fr.example").tag.token == probe_of("FR").token
    again = begin(moment=replace(MOMENT, seed=b"\x08" * 32)).rounds[0]
    assert not {probe.token for probe in again.probes} & set(tokens)


def test_every_copy_has_a_challenge_of_its_own_and_it_is_not_the_token() -> None:
    second = Address("second@fr.example", Role.DESK, FR.desks[0].encrypt_to, party="FR")
    party = replace(FR, addresses=(*FR.addresses, second))
    begun = begin("[PING FR]", network(replace(DIRECTORY, parties={**DIRECTORY.parties, "FR": party})))
    assert readers_of(begun, "probe") == {"desk@fr.example", "second@fr.example"}
    assert {letter.tag.token for letter in begun.letters} == {begun.rounds[0].probes[0].token}
    words = [challenge.word for challenge in begun.challenges]
    assert len(set(words)) == 2
    assert [letter.words["challenge"] for letter in begun.letters] == words
    assert {c.copy for c in begun.challenges} == {Copy.DESK}


def test_a_letter_says_by_when_and_in_whose_words() -> None:
    letter = letter_to("desk@fr.example")
    assert (letter.language, letter.purpose, letter.reference, letter.party) == ("fr", "probe", "P-12", "FR")
    assert letter.words["deadline"] == NOW + GIVEN
    assert letter.words["zone"] == "Europe/Paris"
    assert letter.words["added"] == "Hello desks"
    assert letter.words["anchor"] == {"number": 7, "hash": "abc"}
    assert letter.tag.word is Word.PING


def test_a_party_without_any_certificate_gets_a_plain_copy_without_challenge_and_without_our_words() -> None:
    begun = begin("[PING EU]", without_certificate("EU"))
    letter = letter_to("desk@eu.example", begun)
    assert letter.mailboxes[0].encrypt_to == ()
    assert (letter.words["challenge"], letter.words["added"]) == (None, "")
    assert begun.challenges == ()
    assert begun.rounds[0].probes[0].certified is False


@pytest.mark.parametrize("case", ["unusable", "once"])
def test_a_party_that_ever_had_a_certificate_gets_nothing_in_clear(case: str) -> None:
    """trust.md 18: who makes a certificate vanish must not make us write in clear."""
    net: Network = network(DIRECTORY, fingerprint("deskEU")) if case == "unusable" else without_certificate("EU")
    begun = begin("[PING EU]", net, past=replace(PAST, certified=frozenset({"EU"})))
    (probe,) = begun.rounds[0].probes
    assert begun.letters == ()
    assert (probe.certified, probe.stage, probe.obstacle) == (True, ProbeStage.UNSENT, Obstacle.NO_CERTIFICATE)


def test_a_suspended_party_is_left_out_and_listed_as_such() -> None:
    net = network(DIRECTORY.suspending(frozenset({"DE"})))
    begun = begin(net=net)
    assert readers_of(begun, "probe") == DESKS - {"desk@de.example"}
    assert probe_of("DE", begun.rounds[0]).standing is Standing.SUSPENDED
    assert "DE" not in [probe.party for probe in begun.rounds[0].asked]


@pytest.mark.parametrize(
    ("text", "why"),
    [("[PING FR deadline=5m]", "deadline"), ("[PING FR deadline=31d]", "deadline"), ("[PING XX]", "nobody")],
)
def test_what_cannot_be_started_says_why(text: str, why: str) -> None:
    started = start_round(order(text), NETWORK, MOMENT, "SEC", "", PAST)
    assert (started.round, started.why_not) == (None, why)
    assert started.decision.letters == ()


def test_nobody_is_left_if_all_are_suspended() -> None:
    net = network(DIRECTORY.suspending(frozenset({"DE"})))
    assert start_round(order("[PING DE]"), net, MOMENT, "SEC", "", PAST).why_not == "nobody"


def test_options_of_the_order() -> None:
    begun = begin("[PING ALL urgent share lang=fr deadline=2h]")
    round_ = begun.rounds[0]
    assert (round_.urgent, round_.share, round_.language, round_.asked_by) == (True, True, "fr", "SEC")
    assert all(letter.urgent for letter in begun.letters)
    assert letter_to("desk@de.example", begun).language == "en", "a probe is in its reader's language"


def test_a_round_beside_another_says_so() -> None:
    started = start_round(order("[PING FR]"), NETWORK, MOMENT, "SEC", "", Past(13, running=("P-12",)))
    assert started.round and started.running == ("P-12",)


def test_the_journal_names_who_was_asked() -> None:
    (entry,) = BEGUN.entries
    assert entry.reference == "P-12"
    assert entry.facts["sent"] == "DE, EU, FR, IT"
    assert "Hello" not in str(entry.facts)
