"""What the robot does with OpenPGP: unseal, verify, seal, and look at certificates. GnuPG does the cryptography.

The structure of a message is read by packets.py and what gpg says by verdicts.py; only a message of exactly the
expected structure, judged in exactly one way, counts (trust.md 3, libraries.md).
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
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
_NO_SECRET_KEY = 17
_NAMELESS_MOST = 16  # recipients without name that are tried one by one


# A home is made by one process, and only read afterwards. With locks two calls at once now and then wait 50 ms for each
# other, or one of them fails: "lockfile disappeared".
_WITHOUT_LOCKS = ("--lock-never",)

Beside = Callable[..., "Future[Answer]"]
"""Does a call on another thread."""


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
    """GnuPG in the robot's working home. Threads may share one: each call is a process of its own."""

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
        self._passphrase = passphrase
        self.gpg = TamedGPG(home, passphrase, allowance, _WITHOUT_LOCKS)
        self._awake = False
        self._ring = home / "pubring.kbx"
        self._listed: tuple[tuple[int, ...], Listing] | None = None

    def move(self, home: Path) -> None:
        """Go on in another home with the same robot's key; what was begun ends in the old one."""
        self.gpg = TamedGPG(home, self._passphrase, self.gpg.allowance, _WITHOUT_LOCKS)
        self._ring = home / "pubring.kbx"
        self._listed = None
        if self._awake:
            self.wake()

    def wake(self) -> None:
        """Start the agent, before two calls at once would each start one: they take no locks."""
        self._awake = True
        self.gpg.ask(["--list-secret-keys", self.robot])

    # ------------------------------------------------------------ opening

    def unseal(self, ciphertext: bytes, beside: Beside | None = None) -> Unsealed | Trouble:
        """Open one layer of encryption, armoured or not, and judge the signature inside.

        With `beside`, which does a call on another thread, the signature is verified while the message is opened: a
        third sooner, for a third more work. Raises GpgFailure if it is not the mail's fault: no agent, no key, a wrong
        passphrase; and if time ran out.
        """
        try:
            packets = packets_of(ciphertext)
            envelope = read_envelope(packets, self.bounds)
        except Malformed:
            return Trouble.CANNOT_DECRYPT
        except TooMuch:
            return Trouble.LIMITS
        # What is more is refused below, and must not fill the memory here.
        most = self.bounds.decompressed(len(packets))
        checking = beside(self.gpg.ask, ["--decrypt", f"--max-output={most}"], packets) if beside else None
        unwrapped = self._unwrap(packets, envelope)
        return unwrapped if isinstance(unwrapped, Trouble) else self._read(unwrapped, checking)

    def _unwrap(self, packets: bytes, envelope: Envelope) -> bytes | Trouble:
        answer = self.gpg.ask(["--unwrap", "--decrypt"], packets)
        for alone in () if answer.well else _messages_to_one_alone(answer, envelope):
            answer = self.gpg.ask(["--unwrap", "--decrypt"], alone)
            if answer.well:
                break
        if answer.overflow:
            return Trouble.LIMITS
        if _decrypted(answer):
            return answer.output
        if self.robot and _broken_world(answer, {key.key_id for key in self._robot().keys}):
            answer.require("decrypt")
        return Trouble.CANNOT_DECRYPT

    def _read(self, unwrapped: bytes, checking: "Future[Answer] | None") -> Unsealed | Trouble:
        try:
            message = read_message(unwrapped, self.bounds)
        except Malformed:
            return Trouble.UNREADABLE
        except TooMuch:
            return Trouble.LIMITS
        if not message.signatures:
            return Unsealed(message.literal)
        return self._judge_inside(unwrapped, message, checking)

    def _judge_inside(self, unwrapped: bytes, message: Message, checking: "Future[Answer] | None") -> Unsealed:
        good = self._good_verdict(message, checking.result()) if checking else None
        verdicts = (good,) if good else self._verdicts(message.literal, message.signatures)
        if len(verdicts) == 1 and verdicts[0].genuine:
            signature = armour(bytes(message.signatures[0].raw), Label.SIGNATURE)
            return Unsealed(message.literal, verdicts, signature)
        if len(verdicts) == 1 and verdicts[0].state in {SignatureState.BAD, SignatureState.UNVERIFIABLE}:
            verdicts = (self._verify_in_place(unwrapped, message) or verdicts[0],)
        return Unsealed(message.literal, verdicts, message=armour(unwrapped, Label.MESSAGE))

    def _good_verdict(self, message: Message, answer: Answer) -> Verdict | None:
        """What gpg said when it decrypted and verified in one, if that is beyond doubt: it gave the very octets that
        were read here, and the one signature over them as octets is good. All else is judged step by step.
        """
        facts = _document_signature(message.signatures[0], message.literal)
        if facts is None or facts.type != BINARY or len(message.signatures) != 1 or answer.output != message.literal:
            return None
        verdict = judge(answer, facts, self._listing(), self.policy)
        return verdict if verdict.state is SignatureState.GOOD and verdict.genuine else None

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
        if not share or len(groups) < 2 or self.names_readers:
            return [self._seal_alone(entity, group) for group in groups]
        copies, batches = list[Sealed](), deque(_batches(groups, self.bounds.recipients))
        while batches:
            batch = batches.popleft()
            try:
                heads, tail = self._split(self._sign_encrypt(entity, [key for keys in batch for key in keys]), batch)
            except (Malformed, TooMuch):  # a packet that cannot be told apart: a call for each
                copies += [self._seal_alone(entity, group) for group in batch]
                continue
            if not batches:
                entity = b""  # 25 MiB of it need not wait for the armour
            copies += armour_shared(heads, tail)
        return copies

    @cached_property
    def names_readers(self) -> bool:
        """Whether this gpg writes into a signature for whom it is (RFC 9580 §5.2.3.36): a tail that copies share would
        then name every reader to every other. GnuPG 2.2.40 and 2.4.7 do not, and have no option for it.
        """
        unsealed = self.unseal(self._sign_encrypt(b"", [self._encryption_key(self.robot)]))
        return isinstance(unsealed, Trouble) or any(verdict.intended for verdict in unsealed.verdicts)

    def _seal_alone(self, entity: bytes, group: Sequence[Subkey]) -> Sealed:
        packets = self._sign_encrypt(entity, group)
        try:
            heads, tail = self._split(packets, [group])
        except (Malformed, TooMuch):
            heads, tail = [packets], b""
        del packets, entity
        return armour_shared(heads, tail)[0]

    def _split(self, packets: bytes, groups: Sequence[Sequence[Subkey]]) -> tuple[list[bytes], bytes]:
        # Two keys with one key ID have two session keys; split_sealed expects one for each ID, and refuses.
        return split_sealed(packets, [[key.key_id for key in group] for group in groups], self.bounds)

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
        """A message to the robot alone, unsigned and without armour: for what must not lie as it came."""
        return self._encrypt(octets, [self._encryption_key(self.robot)], [])

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

    def known(self, fingerprint: Fingerprint) -> bytes:
        """The packets of a certificate; empty if the keyring has none of that fingerprint."""
        return self.gpg.ask(["--export", fingerprint]).output if fingerprint in self._listing().listed else b""

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


def _batches(groups: Sequence[Sequence[Subkey]], most: int) -> Iterator[list[Sequence[Subkey]]]:
    """The groups in their order, together as many as one message may have keys for."""
    batch, keys = list[Sequence[Subkey]](), 0
    for group in groups:
        if batch and keys + len(group) > most:
            yield batch
            batch, keys = [], 0
        batch.append(group)
        keys += len(group)
    yield batch


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


def _messages_to_one_alone(answer: Answer, envelope: Envelope) -> Iterator[bytes]:
    """The message with one session key at a time: the one that is ours opens.

    gpg tries the robot's key on every recipient without name, and then ends with 2 although it decrypted. GnuPG 2.2
    says DECRYPTION_KEY behind the recipient that it was; 2.4 behind all of them, so that the nameless are tried.
    """
    tried = [line.keyword for line in answer.status.of("ENC_TO", "DECRYPTION_KEY")]
    if len(tried) < 3 or tried.count("ENC_TO") != len(envelope.session_keys) or "DECRYPTION_KEY" not in tried:
        return
    likely = envelope.session_keys[tried.index("DECRYPTION_KEY") - 1]
    nameless = [packet for packet in envelope.session_keys if packet is not likely and packet.body[1:9] == bytes(8)]
    for opening in (likely, *nameless[:_NAMELESS_MOST]):
        yield bytes(opening.raw) + bytes(envelope.sealed.raw)


def _broken_world(answer: Answer, own: Collection[KeyId]) -> bool:
    """Whether a message could not be decrypted for a reason that is not in the message."""
    status = answer.status
    no_secret_key = {word for line in status.of("NO_SECKEY") for word in line.words}
    reported = {line.words[0]: line.words for line in status.of("ERROR", "FAILURE") if line.words}
    codes = {int(word) & _CODE for words in reported.values() for word in words if word.isdecimal()}
    # GnuPG 2.4 says NO_SECKEY of a damaged message too, and beside it what was the matter.
    is_missing = "pkdecrypt_failed" not in reported or _NO_SECRET_KEY in codes
    if (no_secret_key.intersection(own) and is_missing) or status.of("NEED_PASSPHRASE"):
        return True
    return any(code in _BROKEN_WORLD or code & _SYSTEM_ERROR for code in codes)


def _same_text(output: bytes, message: Message) -> bool:
    """Whether gpg's output is the literal; of text it changes the line endings, and only those."""
    if message.form == "b":
        return output == message.literal
    return output.replace(b"\r", b"") == message.literal.replace(b"\r", b"")
