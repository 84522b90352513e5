"""What the robot does with OpenPGP: unseal, verify, seal, and look at certificates. GnuPG does the cryptography.

The structure of a message is read by packets.py and what gpg says by verdicts.py; only a message of exactly the
expected structure, judged in exactly one way, counts (trust.md 3, libraries.md).
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mailbot.core.certificates import Certificate, Fingerprint, Policy
from mailbot.core.mail import SignatureState, Trouble
from mailbot.mail.armour import Label, Sealed, armour, armour_shared
from mailbot.mail.clearsigned import read_clearsigned
from mailbot.mail.keyfiles import Refusal, key_packets, scan
from mailbot.mail.limits import TooMuch
from mailbot.mail.listing import Listed, Listing, Subkey, list_keyring
from mailbot.mail.packets import (
    BINARY,
    TEXT,
    Bounds,
    Envelope,
    KeyId,
    Malformed,
    Message,
    Packet,
    SignatureFacts,
    packets_of,
    read_envelope,
    read_message,
    read_signature,
    read_signatures,
    split_sealed,
)
from mailbot.mail.tamed import Allowance, Answer, GpgFailure, TamedGPG
from mailbot.mail.verdicts import UNVERIFIABLE, Verdict, judge

__all__ = ["Cleared", "Gpg", "GpgFailure", "NoUsableKey", "Refusal", "Sealed", "Unsealed", "Verdict"]

# libgpg-error codes that are never a mail's fault: bad passphrase, timeout, no agent,
# agent error, no pinentry, pinentry error, cancelled, no passphrase; and everything about the connection to the agent.
_BROKEN_WORLD = frozenset({11, 62, 77, 78, 85, 86, 99, 177, *range(257, 282)})
_CODE, _SYSTEM_ERROR = 0xFFFF, 0x8000  # the upper bits name the part of GnuPG that said it


class NoUsableKey(GpgFailure):
    """A certificate that was to be sealed to is not in the keyring, or cannot be encrypted to now."""

    def __init__(self, fingerprint: Fingerprint) -> None:
        super().__init__(f"no usable encryption key: {fingerprint}")
        self.fingerprint = fingerprint


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What lay inside one layer of encryption."""

    data: bytes = field(repr=False)  # the literal, octet for octet: a MIME entity, or text for inline PGP
    verdicts: tuple[Verdict, ...] = ()  # one for each signature inside
    signature: bytes | None = field(default=None, repr=False)  # armoured, detached, genuine over `data`
    message: bytes | None = field(default=None, repr=False)  # signed inside, but no `signature`: the message, armoured


@dataclass(frozen=True, slots=True)
class Cleared:
    """A clearsigned text: what was signed (CRLF, no white space at the ends of lines), and by whom."""

    data: bytes = field(repr=False)
    verdicts: tuple[Verdict, ...]


class Gpg:
    """GnuPG in the robot's working home; one for each worker thread."""

    def __init__(
        self,
        home: Path,
        robot: Fingerprint,
        passphrase: str | None = None,
        *,
        bounds: Bounds | None = None,
        allowance: Allowance | None = None,
        policy: Policy | None = None,
    ) -> None:
        """`robot` is the primary fingerprint of the secret key there, empty to look at mail without one.

        Raises OSError or ValueError without gpg.
        """
        self.robot = robot
        self.bounds = bounds or Bounds()
        self.policy = policy or Policy()
        self.gpg = TamedGPG(home, passphrase, allowance)
        self._ring = home / "pubring.kbx"
        self._listed: tuple[tuple[int, ...], Listing] | None = None

    # ------------------------------------------------------------ opening

    def unseal(self, ciphertext: bytes) -> Unsealed | Trouble:
        """Open one layer of encryption, armoured or not, and judge the signature inside.

        Raises GpgFailure if it is not the mail's fault: no agent, no key, a wrong passphrase; and if time ran out.
        """
        try:
            packets = packets_of(ciphertext)
            envelope = read_envelope(packets, self.bounds)
        except Malformed:
            return Trouble.CANNOT_DECRYPT
        except TooMuch:
            return Trouble.LIMITS
        unwrapped = self._unwrap(packets, envelope)
        return unwrapped if isinstance(unwrapped, Trouble) else self._read(unwrapped)

    def _unwrap(self, packets: bytes, envelope: Envelope) -> bytes | Trouble:
        answer = self.gpg.ask(["--unwrap", "--decrypt"], packets)
        if not answer.well and (alone := _message_to_us_alone(answer, envelope)):
            answer = self.gpg.ask(["--unwrap", "--decrypt"], alone)
        if answer.overflow:
            return Trouble.LIMITS
        if _decrypted(answer):
            return answer.output
        if self.robot and _broken_world(answer, {key.key_id for key in self._robot().keys}):
            answer.require("decrypt")
        return Trouble.CANNOT_DECRYPT

    def _read(self, unwrapped: bytes) -> Unsealed | Trouble:
        try:
            message = read_message(unwrapped, self.bounds)
        except Malformed:
            return Trouble.UNREADABLE
        except TooMuch:
            return Trouble.LIMITS
        if not message.signatures:
            return Unsealed(message.literal)
        return self._judge_inside(unwrapped, message)

    def _judge_inside(self, unwrapped: bytes, message: Message) -> Unsealed:
        verdicts = self._verdicts(message.literal, message.signatures)
        if len(verdicts) == 1 and verdicts[0].genuine:
            signature = armour(bytes(message.signatures[0].raw), Label.SIGNATURE)
            return Unsealed(message.literal, verdicts, signature)
        if len(verdicts) == 1 and verdicts[0].state in {SignatureState.BAD, SignatureState.UNVERIFIABLE}:
            verdicts = (self._verify_in_place(unwrapped, message) or verdicts[0],)
        return Unsealed(message.literal, verdicts, message=armour(unwrapped, Label.MESSAGE))

    def _verify_in_place(self, unwrapped: bytes, message: Message) -> Verdict | None:
        """The verdict on a signature that only verifies where it stands: gpg takes no text line of more than 19,995
        characters out of a file, but does out of a message.
        """
        facts = _document_signature(message.signatures[0], message.literal)
        answer = self.gpg.ask(["--decrypt"], unwrapped)
        if facts is None or not _same_text(answer.output, message):
            return None
        return judge(answer, facts, self._listing(), self.policy)

    # ------------------------------------------------------------ verifying

    def verify(self, signed: bytes, signature: bytes) -> tuple[Verdict, ...]:
        """The verdicts on a detached signature over exactly these octets; more than one signature verifies nothing.

        Raises GpgFailure if the keyring cannot be read, or time ran out.
        """
        try:
            return self._verdicts(signed, read_signatures(signature, self.bounds))
        except (Malformed, TooMuch):
            return (UNVERIFIABLE,)

    def _verdicts(self, signed: bytes, signatures: Sequence[Packet]) -> tuple[Verdict, ...]:
        facts = _document_signature(signatures[0], signed)
        if len(signatures) != 1 or facts is None:
            return (UNVERIFIABLE,) * len(signatures)
        # The packet alone: nothing else that a signature file may hold ever reaches gpg.
        answer = self.gpg.ask(["--verify", "-"], bytes(signatures[0].raw), signed)
        return (judge(answer, facts, self._listing(), self.policy),)

    def verify_clear(self, text: bytes) -> Cleared:
        """The verdicts on the one clearsigned block in the text; what stands around it was signed by nobody."""
        try:
            signed, signature = read_clearsigned(text)
        except Malformed:
            return Cleared(b"", (UNVERIFIABLE,))
        return Cleared(signed, self.verify(signed, signature))

    # ------------------------------------------------------------ sealing

    def seal(self, entity: bytes, recipients: Sequence[Sequence[Fingerprint]], *, share: bool = True) -> list[Sealed]:
        """Sign as the robot and encrypt: for each group of certificates one armoured message that this group alone
        opens. With `share` all copies have one session key and one long tail (speed.md); the same text only.

        Raises NoUsableKey, or GpgFailure with the reason but no content.
        """
        groups = [[self._encryption_key(fingerprint) for fingerprint in group] for group in recipients]
        if share and len(groups) > 1:
            with suppress(Malformed, TooMuch):  # a packet that cannot be told apart: a call for each
                return self._seal_shared(entity, groups)
        return [self._seal_alone(entity, group) for group in groups]

    def _seal_shared(self, entity: bytes, groups: Sequence[Sequence[Subkey]]) -> list[Sealed]:
        return self._armoured(self._sign_encrypt(entity, [key for group in groups for key in group]), groups)

    def _seal_alone(self, entity: bytes, group: Sequence[Subkey]) -> Sealed:
        packets = self._sign_encrypt(entity, group)
        try:
            return self._armoured(packets, [group])[0]
        except (Malformed, TooMuch):
            return armour_shared([packets], b"")[0]

    def _armoured(self, packets: bytes, groups: Sequence[Sequence[Subkey]]) -> list[Sealed]:
        # Two keys with one key ID have two session keys; split_sealed expects one for each ID, and refuses.
        heads, tail = split_sealed(packets, [[key.key_id for key in group] for group in groups], self.bounds)
        return armour_shared(heads, tail)

    def _sign_encrypt(self, entity: bytes, keys: Sequence[Subkey]) -> bytes:
        return self._encrypt(entity, keys, ["--sign", f"--local-user={self.robot}"])

    def _encrypt(self, octets: bytes, keys: Sequence[Subkey], options: Sequence[str]) -> bytes:
        if not keys:
            raise GpgFailure("encrypt: to nobody")
        # The exclamation mark: this very key, and not one that gpg would rather take.
        recipients = [f"--recipient={fingerprint}!" for fingerprint in dict.fromkeys(key.fingerprint for key in keys)]
        answer = self.gpg.ask([*options, *recipients, "--encrypt"], octets).require("encrypt")
        if answer.status.count("END_ENCRYPTION") != 1 or answer.status.of("INV_RECP", "FAILURE"):
            raise GpgFailure("encrypt: gpg did not say that it did")
        if "--sign" in options and not self._signed_by_robot(answer):
            raise GpgFailure("sign: not with the robot's key")
        return answer.output

    def _signed_by_robot(self, answer: Answer) -> bool:
        created = answer.status.of("SIG_CREATED")
        return len(created) == 1 and created[0].words[-1] in {key.fingerprint for key in self._robot().keys}

    def _encryption_key(self, fingerprint: Fingerprint) -> Subkey:
        listed = self._listing().listed.get(fingerprint)
        key = listed.encryption_key(datetime.now(UTC)) if listed else None
        if key is None:
            raise NoUsableKey(fingerprint)
        return key

    # ------------------------------------------------------------ the robot's own

    def seal_to_self(self, octets: bytes) -> bytes:
        """An armoured message to the robot alone, unsigned: for what came in clear and must not lie so."""
        return armour(self._encrypt(octets, [self._encryption_key(self.robot)], []), Label.MESSAGE)

    def open_own(self, octets: bytes) -> bytes:
        """What `seal_to_self` sealed. Raises GpgFailure if it cannot be opened."""
        unsealed = self.unseal(octets)
        if isinstance(unsealed, Trouble):
            raise GpgFailure(f"open own: {unsealed}")
        return unsealed.data

    # ------------------------------------------------------------ certificates

    def certificates(self) -> dict[Fingerprint, Certificate]:
        """Everything in the keyring; asked of gpg again only when the keyring has changed. Raises GpgFailure."""
        return dict(self._listing().certificates)

    def _listing(self) -> Listing:
        facts = self._ring.stat()
        state = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        if self._listed is None or self._listed[0] != state:
            self._listed = (state, list_keyring(self.gpg, self.policy))
        return self._listed[1]

    def _robot(self) -> Listed:
        listed = self._listing().listed.get(self.robot)
        if listed is None:
            raise GpgFailure("the robot's certificate is not in its keyring")
        return listed

    def scan(self, octets: bytes) -> tuple[Certificate, ...] | Refusal:
        """The certificates in a key file, armoured or not; nothing is imported, nothing in it is trusted."""
        packets = key_packets(octets)
        return packets if isinstance(packets, Refusal) else scan(self.gpg, packets, self.policy)


def _document_signature(packet: Packet, signed: bytes) -> SignatureFacts | None:
    """The facts of a signature over this document; None if it is damaged, or over something else.

    Of a text gpg hashes no CR at a line's end, however many there are. So anybody could add one that makes another
    mail under the same signature, hides a boundary or a blank line, and is no replay: a text with a bare CR counts as
    signed by nobody.
    """
    try:
        facts = read_signature(packet.body)
    except Malformed:
        return None
    if facts.type == TEXT and signed.count(b"\r") != signed.count(b"\r\n"):
        return None
    return facts if facts.type in {BINARY, TEXT} else None


def _decrypted(answer: Answer) -> bool:
    """Whether gpg decrypted, and found the integrity code in order (EFAIL): it says so of packets 18 and 20 alike."""
    status = answer.status
    if not answer.well or status.of("DECRYPTION_FAILED", "BADMDC", "NODATA", "UNEXPECTED"):
        return False
    return all(status.count(word) == 1 for word in ("DECRYPTION_INFO", "DECRYPTION_OKAY", "GOODMDC"))


def _message_to_us_alone(answer: Answer, envelope: Envelope) -> bytes | None:
    """The message without the session keys that did not open it.

    gpg tries the robot's key on every recipient without name, and then ends with 2 although it decrypted.
    """
    tried = [line.keyword for line in answer.status.of("ENC_TO", "DECRYPTION_KEY")]
    if len(tried) < 3 or tried.count("ENC_TO") != len(envelope.session_keys) or "DECRYPTION_KEY" not in tried:
        return None
    opening = envelope.session_keys[tried.index("DECRYPTION_KEY") - 1]
    return bytes(opening.raw) + bytes(envelope.sealed.raw)


def _broken_world(answer: Answer, own: Collection[KeyId]) -> bool:
    """Whether a message could not be decrypted for a reason that is not in the message."""
    status = answer.status
    no_secret_key = {word for line in status.of("NO_SECKEY") for word in line.words}
    codes = {int(word) & _CODE for line in status.of("ERROR", "FAILURE") for word in line.words if word.isdecimal()}
    if no_secret_key.intersection(own) or status.of("NEED_PASSPHRASE"):
        return True
    return any(code in _BROKEN_WORLD or code & _SYSTEM_ERROR for code in codes)


def _same_text(output: bytes, message: Message) -> bool:
    """Whether gpg's output is the literal; of text it changes the line endings, and only those."""
    if message.form == "b":
        return output == message.literal
    return output.replace(b"\r", b"") == message.literal.replace(b"\r", b"")
