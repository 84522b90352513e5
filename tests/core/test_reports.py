"""A report is believed if its return path vouches, adds to what is known, and is never answered (trust.md 16)."""

from dataclasses import replace

import pytest

from mailbot.core.decision import Decision, Event, Folder, Intent
from mailbot.core.judgement import decide
from mailbot.core.mail import REPORTS, Bounce, BouncedRecipient, MailClass, OpenedMail
from mailbot.core.postings import Hint, Posting, Report, Reported, Returned, State
from tests.core.cast import KNOWN, MOMENT, NETWORK, exchange, intent_of, mail
from tests.core.posts import posting

TRACKING = "abcdefghijklmnop"


def recipient(action: str, status: str = "5.1.1", diagnostic: str = "smtp; 550 secret words") -> BouncedRecipient:
    return BouncedRecipient("desk@de.example", action, status, status.startswith("5"), diagnostic)


def report(*recipients: BouncedRecipient, envelope_id: str | None = TRACKING, **changed: object) -> OpenedMail:
    failed = not recipients or any(r.action == "failed" for r in recipients)
    made_by = MailClass.BOUNCE if failed else MailClass.DELIVERY_REPORT
    bounce = Bounce(recipients, "<1@hub.example>", envelope_id) if recipients else None
    plain = mail(subject="", outer="[REQUEST#2026-0041] Undelivered", signatures=(), encrypted=False)
    return replace(plain, mail_class=made_by, rule="delivery status", answerable=False, bounce=bounce, **changed)  # type: ignore[arg-type]


def judged(
    opened: OpenedMail, about: Posting | None = None, *, hint: Hint = Hint.RETURN_PATH, vouched: bool = True
) -> Decision:
    intent: Intent = replace(intent_of(opened), returned_to=TRACKING)
    returned = Returned(about or posting(), hint, vouched)
    return decide(intent, replace(KNOWN, returned=returned, exchange=exchange(), addressed=exchange()), MOMENT)


@pytest.mark.parametrize(
    ("recipients", "claim"),
    [
        ((recipient("failed"),), (Report.UNDELIVERABLE, "5.1.1")),
        ((recipient("failed", "4.4.1"),), (Report.UNDELIVERABLE, "4.4.1")),  # it was tried for days
        ((recipient("delayed", "4.4.1"),), (Report.DELAYED, "4.4.1")),
        ((recipient("relayed", "2.1.9"),), (Report.RELAYED, "2.1.9")),
        ((recipient("expanded", "2.1.5"),), (Report.RELAYED, "2.1.5")),
        ((recipient("delivered", "2.0.0"),), (Report.DELIVERED, "2.0.0")),
        ((recipient("failed"), recipient("delivered", "2.0.0")), (Report.DELIVERED, "2.0.0")),
        ((recipient("strange", "2.0.0"),), (Report.DELAYED, "2.0.0")),
        ((), (Report.UNDELIVERABLE, "")),  # a daemon gave it back, in no form at all
    ],
)
def test_believed_report_is_written_beside_its_mail(
    recipients: tuple[BouncedRecipient, ...], claim: tuple[Report, str]
) -> None:
    decision = judged(report(*recipients))
    assert decision.reports == (Reported(1, *claim),)
    assert decision.folder is Folder.DONE
    (entry,) = decision.entries
    assert entry.event is (Event.BOUNCED if claim[0] is Report.UNDELIVERABLE else Event.NOTED)
    assert (entry.reference, entry.party) == ("2026-0041", "DE")
    assert (entry.facts["report"], entry.facts["status"], entry.facts["believed"]) == (*claim, "yes")
    assert "secret words" not in repr(decision)


@pytest.mark.parametrize(
    ("opened", "hint", "vouched"),
    [
        (report(recipient("failed")), Hint.RETURN_PATH, False),
        (report(recipient("failed")), Hint.ENVELOPE_ID, False),
        (report(recipient("failed")), Hint.MESSAGE_ID, False),
        (report(recipient("failed"), envelope_id="ponmlkjihgfedcba"), Hint.RETURN_PATH, True),
    ],
    ids=["forged HMAC", "envelope id", "message id", "speaks of another mail"],
)
def test_report_without_proof_is_only_noted(opened: OpenedMail, hint: Hint, vouched: bool) -> None:
    decision = judged(opened, hint=hint, vouched=vouched)
    assert not decision.reports
    (entry,) = decision.entries
    assert entry.event is Event.NOTED
    assert (entry.facts["believed"], entry.facts["attributed_by"]) == ("no", hint)


def test_envelope_id_may_come_back_in_capitals() -> None:
    assert judged(report(recipient("failed"), envelope_id=TRACKING.upper())).reports


@pytest.mark.parametrize("known", Report)
def test_what_was_reported_before_is_only_outweighed(known: Report) -> None:
    again = judged(report(recipient("relayed")), posting(reported=known))
    assert bool(again.reports) is (known is Report.DELAYED)
    assert again.entries


@pytest.mark.parametrize("state", State)
def test_no_report_changes_an_exchange_or_a_retry(state: State) -> None:
    decision = judged(report(recipient("failed")), posting(state=state))
    assert not decision.exchanges
    assert not decision.followed_up


@pytest.mark.parametrize("made_by", sorted(REPORTS))
@pytest.mark.parametrize("vouched", [True, False])
@pytest.mark.parametrize("action", ["failed", "delayed", "delivered"])
def test_what_looks_like_a_report_is_never_answered(made_by: MailClass, vouched: bool, action: str) -> None:
    """Not even with a tag, a registered sender and a quoted subject of ours in it."""
    tagged = report(recipient(action), text="[REQUEST DE]\n\nquoted\n")
    assert not judged(replace(tagged, mail_class=made_by), vouched=vouched).letters
    unknown = decide(intent_of(tagged), KNOWN, MOMENT)
    assert not unknown.letters and unknown.entries[0].event is Event.NOTED


def test_report_about_nothing_of_ours_is_noted() -> None:
    decision = decide(intent_of(report(recipient("failed"))), replace(KNOWN, network=NETWORK), MOMENT)
    (entry,) = decision.entries
    assert entry.facts == {"mail": "d" * 64, "class": "bounce", "rule": "delivery status"}
    assert not decision.reports
