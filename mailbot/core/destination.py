"""Whom signed words were meant for: a text that somebody signed for another is not his mail to us (trust.md 4).

Only what is signed says so: protected To and Cc, and the Intended Recipient Fingerprints of the signature. A signed tag
or a reply code binds a text to us as well; they are looked at where the mail is acted on.
"""

from mailbot.core.decision import Network
from mailbot.core.mail import OpenedMail
from mailbot.core.parties import Directory

_MOST = 10  # of each, in the journal


def names_only_others(opened: OpenedMail, network: Network) -> bool:
    """Whether its author named somebody, and not the robot."""
    voucher, protected = opened.voucher, opened.protected
    if voucher and voucher.intended and not {network.robot, *network.also_opens} & {*voucher.intended}:
        return True
    named = {address.casefold() for address in protected.to} if protected else set()
    return bool(named) and not named & network.addresses


def meant_for(opened: OpenedMail, directory: Directory) -> str:
    """Whom its author named, for the journal: addresses, and parties or fingerprints; empty if nobody."""
    voucher, protected = opened.voucher, opened.protected
    addresses = protected.to[:_MOST] if protected else ()
    intended = voucher.intended[:_MOST] if voucher else ()
    owners = ((fingerprint, directory.signer(fingerprint)) for fingerprint in intended)
    return ", ".join((*addresses, *((owner and owner.code) or fingerprint for fingerprint, owner in owners)))
