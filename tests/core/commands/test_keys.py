"""KEY: what may be announced, when it may be confirmed, and the directory that comes of it (trust.md 11 and 12)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailbot.core.certificates import Certificate
from mailbot.core.decision import Decision, Event, Known, Network
from mailbot.core.mail import Signature
from mailbot.core.parties import Address
from mailbot.core.pins import (
    Amendments,
    Attached,
    Pin,
    Proposal,
    ProposalState,
    Renewals,
    Retirement,
    Revocation,
    amended,
    hashed,
)
from tests.core.cast import (
    DE,
    DIRECTORY,
    FR,
    IT,
    KNOWN,
    NETWORK,
    NOW,
    OPERATOR,
    ROBOT,
    certificate,
    judge,
    mail,
    signed_by,
)
from tests.core.commands.office import OFFICE, WATCH, answer_of, give, objections, seeing

OLD, NEW = FR.desks[0].encrypt_to[0], "F" * 40
SUBKEY, OTHER = "5" * 40, "E" * 40
GERMAN = DE.desks[0].encrypt_to[0]
DAY = timedelta(days=1)


def new(**changed: object) -> Certificate:
    return replace(certificate(NEW), subkeys=(SUBKEY,), **changed)  # type: ignore[arg-type]


def with_key(brought: Certificate | None, known: Network = NETWORK, **renewals: Any) -> Known:
    attached = (Attached(brought, b"octets"),) if brought else ()
    return replace(seeing(attached=attached, renewals=Renewals(**renewals)), network=known)


def announce(brought: Certificate, known: Network = NETWORK, **renewals: Any) -> Decision:
    return give("[KEY]", sender=FR.desks[0], known=with_key(brought, known, **renewals))


def proposal(state: ProposalState = ProposalState.PROVED, **changed: object) -> Proposal:
    made = Proposal("FR", OLD, NEW, state, NOW - DAY, NOW - DAY, b"octets", hashed("7K3Q-9F2M-XR4T"), number=7)
    return replace(made, **changed)  # type: ignore[arg-type]


def addresses(decision: Decision, template: str) -> set[str]:
    return {box.address for letter in decision.letters if letter.template == template for box in letter.mailboxes}


# ---------------------------------------------------------------- announced


def test_an_announcement_changes_nothing_and_all_addresses_of_the_party_hear_of_it() -> None:
    decision = announce(new())
    [made] = decision.proposals
    assert (made.party, made.current, made.fingerprint, made.state) == ("FR", OLD, NEW, ProposalState.ANNOUNCED)
    assert addresses(decision, "key-notice") == {"desk@fr.example", "police@fr.example"}
    assert (decision.pinned, decision.retired, decision.brought) == ((), (), ())


def network(**changed: Any) -> Network:
    return replace(NETWORK, **changed)


def amendments(*, retired: tuple[str, tuple[str, ...]] | None = None, revoked: str = "") -> Renewals:
    gone = (Retirement("IT", retired[0], NOW - 99 * DAY, NOW - DAY, retired[1]),) if retired else ()
    ended = (Revocation("IT", revoked, NOW - DAY),) if revoked else ()
    return Renewals(amendments=Amendments(retirements=gone, revocations=ended))


GERMANY_HAS = {**NETWORK.certificates, GERMAN: replace(certificate(GERMAN), subkeys=(SUBKEY,))}
TAKEN: dict[str, tuple[Certificate, Network, Renewals]] = {
    "another's subkey": (new(), network(certificates=GERMANY_HAS), Renewals()),
    "another's subkey as primary": (
        certificate(SUBKEY),
        network(certificates=GERMANY_HAS),
        Renewals(),
    ),
    "another's primary": (certificate(GERMAN), NETWORK, Renewals()),
    "another's, whose file is missing": (
        certificate(GERMAN),
        network(certificates={f: c for f, c in NETWORK.certificates.items() if f != GERMAN}),
        Renewals(),
    ),
    "another's primary as subkey": (replace(new(), subkeys=(GERMAN,)), NETWORK, Renewals()),
    "the robot's": (certificate(ROBOT), NETWORK, Renewals()),
    "the robot's next": (new(), network(also_opens=frozenset({NEW})), Renewals()),
    "the robot's as subkey": (replace(new(), subkeys=(ROBOT,)), NETWORK, Renewals()),
    "retired": (new(), NETWORK, amendments(retired=(NEW, ()))),
    "a subkey of a retired one": (new(), NETWORK, amendments(retired=(OTHER, (SUBKEY,)))),
    "revoked": (new(), NETWORK, amendments(revoked=NEW)),
    "struck out": (new(), network(directory=replace(DIRECTORY, struck_out=frozenset({NEW}))), Renewals()),
    "a struck-out subkey": (new(), network(directory=replace(DIRECTORY, struck_out=frozenset({SUBKEY}))), Renewals()),
}


@pytest.mark.parametrize("case", TAKEN)
def test_keys_in_use_elsewhere_or_given_up_are_refused(case: str) -> None:
    brought, known, renewals = TAKEN[case]
    seen = replace(seeing(attached=(Attached(brought, b"octets"),), renewals=renewals), network=known)
    decision = give("[KEY]", sender=FR.desks[0], known=seen)
    assert objections(decision) == ["key taken"]
    assert decision.proposals == ()
    line = f"[KEY FR {brought.fingerprint}]"
    introduced = give(line, known=seen)
    assert (objections(introduced), introduced.pinned) == (["key taken"], ()), "nor does the secretariat bring it in"


@pytest.mark.parametrize(
    "flaw",
    [
        {"expires": NOW},
        {"created": NOW + DAY},
        {"weak": True},
        {"revoked": True},
        {"can_encrypt": False},
        {"encrypts_until": NOW},
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused(flaw: dict[str, object]) -> None:
    assert objections(announce(new(**flaw))) == ["unusable key"]
    assert objections(give(f"[KEY FR {NEW}]", known=with_key(new(**flaw)))) == ["unusable key"]


@pytest.mark.parametrize("sender", [FR.desks[0], FR.relays[0].mailbox, WATCH, OFFICE], ids=lambda box: box.address)
def test_everybody_who_is_registered_gets_the_robots_certificate(sender: Address) -> None:
    decision = give("[KEY]", sender=sender, known=with_key(None, network(own={ROBOT: b"certificate\n"})))
    assert objections(decision) == [None]
    assert [file.name for file in answer_of(decision).attachments] == [f"{ROBOT}.asc"]


def test_who_may_not_announce() -> None:
    assert objections(give("[KEY]", sender=WATCH, known=with_key(new()))) == ["operator's key"]
    two = replace(seeing(attached=(Attached(new(), b"1"), Attached(certificate(OTHER), b"2"))), network=NETWORK)
    assert objections(give("[KEY]", sender=FR.desks[0], known=two)) == ["one key"]
    assert objections(announce(new(), proposals=(proposal(),))) == ["announced already"]


def test_a_second_announcement_freezes_both_and_the_secretariat_hears_of_it() -> None:
    decision = announce(new(), proposals=(proposal(fingerprint=OTHER),))
    assert {(p.fingerprint, p.state) for p in decision.proposals} == {
        (OTHER, ProposalState.FROZEN),
        (NEW, ProposalState.FROZEN),
    }
    assert addresses(decision, "key-notice") == {"desk@fr.example", "police@fr.example", "desk@sec.example"}
    assert [entry.event for entry in decision.entries][-1] is Event.KEY_FROZEN


def test_its_own_certificate_that_mail_programs_attach_announces_nothing() -> None:
    decision = announce(NETWORK.certificates[OLD])
    assert (decision.proposals, decision.brought) == ((), ())
    later = announce(replace(NETWORK.certificates[OLD], expires=NOW + 700 * DAY))
    assert [brought.fingerprint for brought in later.brought] == [OLD], "a later end is merged"


# ---------------------------------------------------------------- proved


def prove(word: str, signature: Signature, state: ProposalState = ProposalState.CHALLENGED) -> tuple[Proposal, ...]:
    answer = mail(FR.desks[0], subject="Re: [KEY]", text=f"{word}\n", signatures=(signature,))
    return judge(answer, replace(KNOWN, candidate=proposal(state))).proposals


def test_possession_is_proved_by_the_word_signed_with_the_new_key() -> None:
    [moved] = prove("7K3Q-9F2M-XR4T", signed_by(NEW))
    assert moved.state is ProposalState.PROVED
    assert prove("7K3Q-9F2M-XR4S", signed_by(NEW)) == (), "another word"
    assert prove("7K3Q-9F2M-XR4T", signed_by(OLD)) == (), "signed with the old key"
    for state in ProposalState:
        if state is not ProposalState.CHALLENGED:
            assert prove("7K3Q-9F2M-XR4T", signed_by(NEW), state) == (), state


# ---------------------------------------------------------------- confirmed

LINE = f"[KEY FR {NEW}]"


def confirm(*proposals: Proposal, line: str = LINE, sender: Address | None = None) -> Decision:
    known = with_key(None, proposals=proposals)
    return give(line, known=known) if sender is None else give(line, sender=sender, known=known)


def test_a_proved_one_takes_the_place_of_the_old_one_which_signs_for_a_while() -> None:
    decision = confirm(proposal())
    [pin], [gone] = decision.pinned, decision.retired
    assert (pin.party, pin.fingerprint, pin.replaces, pin.ordered_by) == ("FR", NEW, (OLD,), "SEC")
    assert (gone.fingerprint, gone.until) == (OLD, NOW + timedelta(days=14))
    assert [moved.state for moved in decision.proposals] == [ProposalState.CONFIRMED]
    assert addresses(decision, "key-notice") == {"desk@fr.example", "police@fr.example"}


@pytest.mark.parametrize("line", [LINE, LINE.replace("]", " reason=compromised]")])
def test_of_a_stolen_one_there_is_no_overlap(line: str) -> None:
    [gone] = confirm(proposal(compromised=line == LINE), line=line).retired
    assert gone.until == NOW


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (ProposalState.ANNOUNCED, "not proved"),
        (ProposalState.CHALLENGED, "not proved"),
        (ProposalState.FROZEN, "frozen"),
    ],
)
def test_what_is_not_proved_is_not_confirmed(state: ProposalState, why: str) -> None:
    decision = confirm(proposal(state))
    assert (objections(decision), decision.pinned) == ([why], ())


def test_only_the_full_fingerprint_of_what_was_announced_by_who_may() -> None:
    assert objections(confirm()) == ["not announced"]
    assert objections(confirm(proposal(), line=f"[KEY DE {NEW}]")) == ["not announced"]
    assert objections(confirm(proposal(), line=f"[KEY FR {OTHER}]")) == ["not announced"]
    assert objections(confirm(proposal(), line=f"[KEY FR {OLD}]")) == ["in use already"]
    assert objections(confirm(proposal(), line=f"[KEY XX {NEW}]")) == ["unknown party"]
    for short in (NEW[-16:], NEW[-8:], NEW[:-1]):
        assert confirm(proposal(), line=f"[KEY FR {short}]").pinned == ()
    for sender in (OPERATOR.mailbox, FR.desks[0], IT.desks[0]):
        assert objections(confirm(proposal(), sender=sender)) == ["not allowed"]


def test_what_the_secretariat_brings_itself_settles_everything_else() -> None:
    frozen = (proposal(ProposalState.FROZEN), proposal(ProposalState.FROZEN, fingerprint=OTHER, number=8))
    decision = give(LINE, known=with_key(new(), proposals=frozen))
    assert [pin.fingerprint for pin in decision.pinned] == [NEW]
    assert [moved.state for moved in decision.proposals] == [ProposalState.ENDED] * 2
    another = give(LINE, known=with_key(certificate(OTHER), proposals=(proposal(),)))
    assert (objections(another), another.pinned) == (["another key"], ())


# ---------------------------------------------------------------- the directory that comes of it

PIN = Pin("FR", NEW, (OLD,), NOW, "SEC")


def signs(made: Amendments, at: timedelta, which: str) -> bool:
    return amended(DIRECTORY, made, NOW + at).signer(which) is not None


def test_mail_is_sealed_to_the_new_one_and_the_old_one_signs_until_the_overlap_ends() -> None:
    made = Amendments(pins=(PIN,), retirements=(Retirement("FR", OLD, NOW, NOW + 14 * DAY),))
    directory = amended(DIRECTORY, made, NOW)
    assert directory.parties["FR"].desks[0].encrypt_to == (NEW,)
    assert OLD not in directory.sealed_to()
    assert [(signs(made, at, OLD), signs(made, at, NEW)) for at in (DAY, 14 * DAY)] == [(True, True), (False, True)]
    assert made.next_change(NOW) == NOW + 14 * DAY


def test_what_the_configuration_refuses_or_its_owner_revoked_signs_nothing_whatever_was_confirmed() -> None:
    revoked = Amendments(pins=(PIN,), revocations=(Revocation("FR", NEW, NOW),))
    assert not signs(revoked, DAY, NEW)
    struck = replace(DIRECTORY, struck_out=frozenset({NEW}))
    assert amended(struck, Amendments(pins=(PIN,)), NOW).signer(NEW) is None


def test_whoever_changed_the_configuration_since_is_right() -> None:
    """The old one stands nowhere any more: the pin has no place to take."""
    french = replace(FR, addresses=(replace(FR.desks[0], encrypt_to=(OTHER,)),), signers=frozenset({OTHER}))
    changed = replace(DIRECTORY, parties={**DIRECTORY.parties, "FR": french})
    directory = amended(changed, Amendments(pins=(PIN,)), NOW)
    assert directory.signer(NEW) is None
    assert directory.parties["FR"].desks[0].encrypt_to == (OTHER,)


def test_a_party_without_any_has_its_first() -> None:
    bare = replace(FR, addresses=(replace(FR.desks[0], encrypt_to=()),), signers=frozenset(), relays=())
    empty = replace(DIRECTORY, parties={**DIRECTORY.parties, "FR": bare})
    directory = amended(empty, Amendments(pins=(replace(PIN, replaces=()),)), NOW)
    assert directory.signer(NEW) is not None
    assert directory.parties["FR"].desks[0].encrypt_to == (NEW,)


# ---------------------------------------------------------------- the robot's next one

ROBOTS = f"[KEY ROBOT {NEW}]"
CHANGING = network(also_opens=frozenset({NEW}), own={ROBOT: b"old\n", NEW: b"new\n"})


def test_everybody_is_told_of_the_robots_next_key_once_the_secretariat_confirmed_it() -> None:
    decision = give(ROBOTS, known=with_key(None, CHANGING))
    told = [letter for letter in decision.letters if letter.template == "robot-key"]
    reached = {box.address for letter in told for box in letter.mailboxes}
    assert {"desk@fr.example", "police@fr.example", "night@de.example", WATCH.address, OFFICE.address} <= reached
    assert {file.name for letter in told for file in letter.attachments} == {f"{NEW}.asc"}


def test_nobody_else_confirms_it_and_nothing_else_is_confirmed() -> None:
    for sender in (WATCH, FR.desks[0]):
        assert objections(give(ROBOTS, sender=sender, known=with_key(None, CHANGING))) == ["not allowed"]
    assert objections(give(ROBOTS, known=with_key(None))) == ["not announced"]
    assert objections(give(f"[KEY ROBOT {OTHER}]", known=with_key(None, CHANGING))) == ["not announced"]
