"""Warnings to whoever has a certificate that ends: at 60, 30 and 7 days, each once, and never when it is too late."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mailbot.core.certificates import Certificate
from mailbot.core.decision import Event, Network
from mailbot.core.expiry import Expiring, expiring, notices, warning
from mailbot.core.parties import Directory
from tests.core.cast import DE, DIRECTORY, FR, NETWORK, NOW, OPERATOR, certificate, fingerprint

DAY = timedelta(days=1)
FRENCH, POLICE = FR.desks[0].encrypt_to[0], FR.relays[0].mailbox.encrypt_to[0]
OFFICER = fingerprint("officer")


def ending(*which: str, at: datetime | None = None, directory: Directory = DIRECTORY, **changed: object) -> Network:
    """The network in which these end then."""
    known: Mapping[str, Certificate] = {f: replace(certificate(f), expires=at, **changed) for f in which}  # type: ignore[arg-type]
    return replace(NETWORK, directory=directory, certificates={**NETWORK.certificates, **known})


def found(network: Network, now: datetime = NOW) -> dict[str, set[str]]:
    """Which end soon, and who hears of it."""
    return {one.certificate.fingerprint: {box.address for box in one.boxes} for one in expiring(network, now)}


def days_told(one: Expiring, now: datetime) -> list[str]:
    return [occasion.turn.split()[-1] for occasion in one.turns(now)]


@pytest.mark.parametrize(
    ("days", "due"),
    [(61, None), (60, ["60"]), (31, ["60"]), (30, ["60", "30"]), (8, ["60", "30"]), (7, ["60", "30", "7"]), (0, None)],
)
def test_at_sixty_thirty_and_seven_days(days: int, due: list[str] | None) -> None:
    one = next(expiring(ending(FRENCH, at=NOW + days * DAY), NOW), None)
    assert (days_told(one, NOW) if one else None) == due


def test_another_end_is_warned_of_anew() -> None:
    [first], [later] = (list(expiring(ending(FRENCH, at=NOW + days * DAY), NOW)) for days in (5, 55))
    assert not set(first.turns(NOW)) & set(later.turns(NOW))


def test_whoever_is_sealed_to_it_hears_of_it() -> None:
    assert found(ending(FRENCH, at=NOW + 9 * DAY)) == {FRENCH: {"desk@fr.example"}}
    assert found(ending(POLICE, at=NOW + 9 * DAY)) == {POLICE: {"police@fr.example"}}
    ops = OPERATOR.mailbox.encrypt_to[0]
    watched = replace(DIRECTORY, operators=(replace(OPERATOR, signers=frozenset({ops})),))
    assert found(ending(ops, at=NOW + 9 * DAY, directory=watched)) == {ops: {OPERATOR.mailbox.address}}


def test_of_an_officers_that_only_signs_the_desk_hears() -> None:
    officers = replace(FR, signers=FR.signers | {OFFICER})
    directory = replace(DIRECTORY, parties={**DIRECTORY.parties, "FR": officers})
    network = ending(OFFICER, at=NOW + 9 * DAY, directory=directory, can_encrypt=False)
    assert found(network) == {OFFICER: {"desk@fr.example"}}


def test_an_encryption_subkey_that_ends_sooner_counts() -> None:
    network = ending(FRENCH, at=NOW + 400 * DAY, encrypts_until=NOW + 9 * DAY)
    assert found(network) == {FRENCH: {"desk@fr.example"}}


def test_of_what_is_over_or_refused_nobody_is_warned() -> None:
    assert found(ending(FRENCH, at=NOW)) == {}
    refused = replace(DIRECTORY, struck_out=frozenset({FRENCH}))
    assert found(ending(FRENCH, at=NOW + 9 * DAY, directory=refused)) == {}


def test_the_warning_is_journalled_and_settles_those_before_it() -> None:
    network = ending(FRENCH, at=NOW + 9 * DAY)
    [one] = expiring(network, NOW)
    decision = warning(one, one.turns(NOW), network, NOW)
    assert decision.occasions == one.turns(NOW)
    [entry], [letter] = decision.entries, decision.letters
    assert (entry.event, entry.party) == (Event.KEY_EXPIRING, "FR")
    assert (letter.template, letter.language, letter.words["days"]) == ("expiring", "fr", 9)


def test_an_operator_asks_for_one_party_or_for_all_that_end_soon() -> None:
    german = DE.desks[0].encrypt_to[0]
    network = ending(FRENCH, at=NOW + 9 * DAY)
    germans = {german: replace(certificate(german), expires=NOW + 90 * DAY)}
    network = replace(network, certificates={**network.certificates, **germans})

    def told(*codes: str) -> set[str | None]:
        return {letter.party for letter in notices(network, NOW, frozenset(codes), "shell:alice").letters}

    assert told() == {"FR"}
    assert told("DE") == {"DE"}, "long before it ends, if it ends at all"
    assert told("FR", "DE") == {"FR", "DE"}
    assert told("IT") == set()
    assert notices(network, NOW, frozenset(), "shell:alice").occasions == (), "the usual ones come as well"
