"""The ordered reasons to go no further with a mail. The first rule that objects decides: order matters."""

from collections.abc import Callable

from mailbot.core.decision import Case
from mailbot.core.destination import names_only_others
from mailbot.core.kinds.kind import Kind
from mailbot.core.mail import Signature, SignatureState, Trouble
from mailbot.core.records import Reason

Rule = Callable[[Case, Kind], Reason | None]


def examine(case: Case, kind: Kind) -> Reason | None:
    """The first objection to acting on this mail, or None."""
    for rule in RULES if kind.gated else ():
        objection = rule(case, kind)
        if objection:
            return objection
    return None


def could_be_opened(case: Case, kind: Kind) -> Reason | None:
    return _TROUBLES[case.opened.trouble] if case.opened.trouble else None


def is_signed_once_over_everything(case: Case, kind: Kind) -> Reason | None:
    """Exactly one good signature, over all that is acted on, inside the encryption (trust.md 3, libraries.md)."""
    signatures = case.opened.signatures
    if not signatures:
        return Reason.NOT_SIGNED
    if len(signatures) > 1:
        return Reason.BAD_SIGNATURE
    return _objection_to(signatures[0])


def signer_is_pinned(case: Case, kind: Kind) -> Reason | None:
    return None if case.speaker or kind.proof else Reason.UNKNOWN_SIGNER


def signer_is_the_sender(case: Case, kind: Kind) -> Reason | None:
    """A registered From address must be the signer's own; an unregistered one proves nothing either way."""
    if case.intent.resident is None or case.speaker is None or case.intent.resident.same_side(case.speaker):
        return None
    return Reason.NOT_THE_SENDER


def sender_is_not_suspended(case: Case, kind: Kind) -> Reason | None:
    code = case.speaker.code if case.speaker else None
    party = case.network.directory.party(code) if code else None
    return Reason.SENDER_SUSPENDED if party and party.suspended else None


def sender_may(case: Case, kind: Kind) -> Reason | None:
    """A relay signs replies and acknowledgements only; operators belong to no party and write no network mail."""
    speaker = case.speaker
    if kind.proof:
        return None
    if speaker is None or (speaker.operator and not kind.operators) or (speaker.relay and not kind.relays):
        return Reason.NOT_ALLOWED
    return None


def is_fresh(case: Case, kind: Kind) -> Reason | None:
    """The signature is neither too old nor from the future (trust.md 4)."""
    voucher, terms = case.opened.voucher, case.terms
    if voucher is None or voucher.made_at is None:
        return Reason.STALE
    if voucher.made_at > case.now + terms.clock_tolerance:
        return Reason.FROM_THE_FUTURE
    limit = terms.control_signature_age if kind.command else terms.signature_age
    return Reason.STALE if voucher.made_at < case.now - limit else None


def is_meant_for_the_robot(case: Case, kind: Kind) -> Reason | None:
    """Signed words that name only others were signed for others (trust.md 4)."""
    return Reason.NOT_MEANT_FOR_US if names_only_others(case.opened, case.network) else None


def is_new(case: Case, kind: Kind) -> Reason | None:
    return Reason.REPLAYED if case.known.replayed else None


def is_encrypted_if_it_must_be(case: Case, kind: Kind) -> Reason | None:
    return Reason.NOT_ENCRYPTED if kind.sealed and not case.opened.encrypted else None


def tag_is_understood(case: Case, kind: Kind) -> Reason | None:
    return Reason.BAD_TAG if case.intent.tag_problem else None


def has_readable_text(case: Case, kind: Kind) -> Reason | None:
    """Outlook may hide the text in a winmail.dat, which few can read: what is to be passed on must be plain."""
    return Reason.NO_TEXT if kind.sealed and case.opened.text_hidden else None


RULES: tuple[Rule, ...] = (
    could_be_opened,
    is_signed_once_over_everything,
    signer_is_pinned,
    signer_is_the_sender,
    sender_is_not_suspended,
    is_fresh,
    is_meant_for_the_robot,
    is_new,
    is_encrypted_if_it_must_be,
    tag_is_understood,
    sender_may,
    has_readable_text,
)

_TROUBLES = {
    Trouble.UNREADABLE: Reason.UNREADABLE,
    Trouble.TOO_LARGE: Reason.TOO_LARGE,
    Trouble.CANNOT_DECRYPT: Reason.CANNOT_DECRYPT,
    Trouble.LIMITS: Reason.LIMITS,
}

_STATES = {
    SignatureState.BAD: Reason.BAD_SIGNATURE,
    SignatureState.UNVERIFIABLE: Reason.BAD_SIGNATURE,
    SignatureState.UNKNOWN: Reason.UNKNOWN_SIGNER,
    SignatureState.EXPIRED: Reason.EXPIRED_SIGNATURE,
    SignatureState.REVOKED: Reason.REVOKED_KEY,
    SignatureState.WEAK: Reason.WEAK_SIGNATURE,
}


def _objection_to(signature: Signature) -> Reason | None:
    if signature.state is not SignatureState.GOOD:
        return _STATES[signature.state]
    return None if signature.vouches and signature.inside else Reason.PARTLY_SIGNED
