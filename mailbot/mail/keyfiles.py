"""Key files: what certificates lie in one, found out without importing or trusting anything in it."""

from enum import StrEnum

from mailbot.core.certificates import Certificate, Policy
from mailbot.mail.armour import Label, NotArmour, blocks, is_armoured
from mailbot.mail.listing import count_certificates, odd_characters, read_listing
from mailbot.mail.tamed import EVEN_FROM_THE_FUTURE, TamedGPG

_LARGEST = 1024 * 1024  # octets; a certificate with hundreds of strangers' signatures is smaller


class Refusal(StrEnum):
    """Why a key file is not taken."""

    UNREADABLE = "unreadable"
    TOO_LARGE = "too large"
    SECRET = "secret key"  # noqa: S105 - the reason, no secret
    CONTROL_CHARACTERS = "control characters in a user ID"
    TWICE = "the same certificate twice"
    SEVERAL = "more than one certificate"


def key_packets(octets: bytes) -> bytes | Refusal:
    """The packets of a key file, armoured or not."""
    if len(octets) > _LARGEST:
        return Refusal.TOO_LARGE
    if not is_armoured(octets):
        return octets
    try:
        found = blocks(octets)
    except NotArmour:
        return Refusal.UNREADABLE
    labels = {label for label, _ in found}
    if labels == {Label.CERTIFICATE}:
        return b"".join(packets for _, packets in found)
    return Refusal.SECRET if Label.SECRET_KEY in labels else Refusal.UNREADABLE


def scan(gpg: TamedGPG, packets: bytes, policy: Policy | None = None) -> tuple[Certificate, ...] | Refusal:
    """The certificates in these packets, as far as their own signatures hold them together.

    A user ID with control characters is refused: programs less careful than this one take it for something else
    (libraries.md).
    """
    answer = gpg.ask([*EVEN_FROM_THE_FUTURE, "--with-sig-check", "--show-keys"], packets)
    if not answer.well:
        return Refusal.UNREADABLE
    try:
        listed = read_listing(answer.output, policy).listed.values()
    except (ValueError, LookupError):
        return Refusal.UNREADABLE
    if any(one.secret for one in listed):
        return Refusal.SECRET
    if any(odd_characters(user_id) for one in listed for user_id in one.user_ids):
        return Refusal.CONTROL_CHARACTERS
    if count_certificates(answer.output) != len(listed):
        return Refusal.TWICE
    return tuple(one.certificate() for one in listed)
