"""Who gives the commands of a mail, and whether he signed them."""

from dataclasses import replace
from datetime import datetime

from mailbot.core.commands.command import Asker
from mailbot.core.decision import Case, Intent, Network, TagSource
from mailbot.core.letters import answer_boxes
from mailbot.core.mail import OpenedMail
from mailbot.core.parties import Correspondent

_SIGNED = frozenset({TagSource.BODY, TagSource.PROTECTED})


def is_signed(intent: Intent) -> bool:
    """Whether the commands are their signer's words; the outer subject is nobody's (trust.md 1)."""
    return intent.speaker is not None and intent.tag_source in _SIGNED


def is_for_control(opened: OpenedMail, network: Network) -> bool:
    """Whether the control address was meant and not the network's: by what the servers delivered it to, else by To and
    Cc. If that is both or neither, nobody knows (network.md §7).
    """
    headers = opened.protected if opened.protected and opened.protected.to else opened.outer
    for addresses in (opened.outer.delivered_to, headers.to):
        named = network.addresses & {address.casefold() for address in addresses}
        if len(named) == 1:
            return named == {network.control_address.casefold()}
    return False


def asker_of(intent: Intent, now: datetime) -> Asker | None:
    """Whoever signed the mail; None: nobody did."""
    speaker, voucher = intent.speaker, intent.opened.voucher
    if speaker is None:
        return None
    return Asker(
        name=_name(speaker),
        language=_wished_language(intent) or speaker.language,
        rights=speaker.rights,
        signed_at=(voucher and voucher.made_at) or now,
        party=speaker.party,
        is_desk=speaker.party is not None and speaker.relay is None,
        facts={
            "mail": intent.opened.digest,
            "signer": (voucher and voucher.fingerprint) or "",
            "tag_source": intent.tag_source.value if intent.tag_source else "none",
        },
    )


def answerable_asker(case: Case) -> Asker | None:
    """The same, with the mailboxes that he is answered at; None: there are none that mail can be sealed to.

    A genuine command that headers outside call a machine's is obeyed all the same, but not answered (trust.md 15).
    """
    asker, boxes = asker_of(case.intent, case.now), answer_boxes(case)
    return replace(asker, boxes=boxes) if asker and (boxes or case.opened.by_machine) else None


def _name(speaker: Correspondent) -> str:
    if speaker.operator:
        return f"operator {speaker.operator.mailbox.name or speaker.operator.mailbox.address}"
    return f"{speaker.code} relay {speaker.relay.mailbox.name}" if speaker.relay else speaker.code or ""


def _wished_language(intent: Intent) -> str | None:
    """All commands of a mail are answered in one letter, and so in one language: the first that is asked for."""
    wished = (parsed.tag.options.language for parsed in intent.commands if parsed.tag)
    return next(filter(None, wished), None)
