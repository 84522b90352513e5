"""What gpg's words about a signature are worth (libraries.md): anything unexpected is not good."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from mailbot.core.certificates import Fingerprint, Policy
from mailbot.core.mail import SignatureState
from mailbot.mail.listing import Listing
from mailbot.mail.packets import HASH_NAMES, SignatureFacts
from mailbot.mail.tamed import Answer, Line

_NO_PUBLIC_KEY = "9"  # ERRSIG's reason, GPG_ERR_NO_PUBKEY
_OUTCOMES = ("GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "BADSIG", "ERRSIG")
_GENUINE = {
    "GOODSIG": SignatureState.GOOD,
    "EXPSIG": SignatureState.EXPIRED,
    "EXPKEYSIG": SignatureState.EXPIRED,
    "REVKEYSIG": SignatureState.REVOKED,
}
_DOUBTS = ("ERROR", "NODATA", "UNEXPECTED", "BADARMOR", "DECRYPTION_FAILED")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One signature as gpg judged it."""

    state: SignatureState
    fingerprint: Fingerprint | None = None  # the signer's primary key; known only if the signature is genuine
    made_at: datetime | None = None  # as the signature says, UTC
    hashed: bytes = field(default=b"", repr=False)  # the hashed subpackets, for the replay key (trust.md 5)
    intended: tuple[Fingerprint, ...] = ()  # RFC 9580 §5.2.3.36
    micalg: str | None = None  # "pgp-sha512"

    @property
    def genuine(self) -> bool:
        """Whether the signature is over the document and by `fingerprint`, be it expired, revoked or weak."""
        return self.fingerprint is not None


UNVERIFIABLE = Verdict(SignatureState.UNVERIFIABLE)


def judge(answer: Answer, facts: SignatureFacts, listing: Listing, policy: Policy) -> Verdict:
    """The verdict on the one signature that this call of gpg verified."""
    verdict = Verdict(
        SignatureState.UNVERIFIABLE,
        made_at=facts.made_at,
        hashed=facts.hashed,
        intended=facts.intended,
        micalg=facts.micalg,
    )
    outcome = _only_outcome(answer)
    if outcome is None:
        return verdict
    if outcome.keyword in _GENUINE:
        return _genuine(verdict, answer, facts, listing, policy)
    return replace(verdict, state=_not_genuine(outcome, facts, policy))


def _only_outcome(answer: Answer) -> Line | None:
    """What became of the signature, if gpg saw one, said one thing of it, and nothing else went wrong."""
    status = answer.status
    outcomes = status.of(*_OUTCOMES)
    if answer.overflow or not status.sound or status.of(*_DOUBTS):
        return None
    return outcomes[0] if len(outcomes) == 1 == status.count("NEWSIG") else None


def _not_genuine(outcome: Line, facts: SignatureFacts, policy: Policy) -> SignatureState:
    if outcome.keyword == "BADSIG":
        return SignatureState.BAD
    if len(outcome.words) > 5 and outcome.words[5] == _NO_PUBLIC_KEY:
        return SignatureState.UNKNOWN
    # gpg refuses MD5 by itself, and then cannot say whether the signature is good.
    return SignatureState.WEAK if _weak_hash(facts, policy) else SignatureState.UNVERIFIABLE


def _weak_hash(facts: SignatureFacts, policy: Policy) -> bool:
    return HASH_NAMES.get(facts.hash_algorithm) not in policy.hashes


def _genuine(verdict: Verdict, answer: Answer, facts: SignatureFacts, listing: Listing, policy: Policy) -> Verdict:
    valid = answer.status.of("VALIDSIG")
    if len(valid) != 1 or len(valid[0].words) < 10:
        return verdict
    words = valid[0].words
    key, primary, made_at = words[0], words[-1], words[2]
    state = _GENUINE[answer.status.of(*_OUTCOMES)[0].keyword]
    if state is SignatureState.GOOD and answer.returncode != 0:
        return verdict
    if state is SignatureState.GOOD and (_weak_hash(facts, policy) or listing.weak(key, primary)):
        state = SignatureState.WEAK
    if not _agrees(words, facts) or primary not in listing.certificates:
        return verdict
    return replace(verdict, state=state, fingerprint=primary, made_at=datetime.fromtimestamp(int(made_at), UTC))


def _agrees(words: tuple[str, ...], facts: SignatureFacts) -> bool:
    """Whether gpg speaks of the very signature that we read: its time, hash and type (RFC 9580 §5.2.1)."""
    said = (words[2], words[7], words[8])
    made_at = int(facts.made_at.timestamp()) if facts.made_at else ""
    return said == (str(made_at), str(facts.hash_algorithm), f"{facts.type:02x}")
