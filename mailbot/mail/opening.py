"""The path of a mail from octets to meaning: open_mail(). Whatever the mail is, a value comes out.

Encrypted at its top: opened first, then classified (trust.md 15). One layer of encryption, and what lies in it counts
only with the author's signature inside that same layer (trust.md 3). Where a mail has something signed or decrypted,
that alone is its text and content; what stands round it is left out, and named among the repairs.
"""

import hashlib
import hmac
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mailbot.core.mail import (
    Content,
    Covers,
    Headers,
    IncomingMail,
    MailClass,
    OpenedMail,
    Signature,
    Trouble,
)
from mailbot.core.tags import leading_tags, parse
from mailbot.mail.absence import return_date
from mailbot.mail.attachments import open_attachments, with_attachments
from mailbot.mail.bringing import key_blocks
from mailbot.mail.classification import Finding, OwnMarks, Sighting, asks_for_no_answer, classify
from mailbot.mail.content import as_entity, is_entity, signed_message
from mailbot.mail.gpg import Beside, Gpg, GpgFailure, Unsealed, Verdict
from mailbot.mail.headers import DELIVERY_FIELDS, protected_headers, read_headers
from mailbot.mail.limits import Limits, TooMuch
from mailbot.mail.mime import Part, read_head, read_tree, with_crlf
from mailbot.mail.shapes import (
    Clearsigned,
    Sealed,
    SignedPart,
    find_clearsigned,
    find_partly_signed,
    find_sealed,
    find_signed,
)
from mailbot.mail.text import shown_parts, written_text

_REPORTS = frozenset({MailClass.BOUNCE, MailClass.DELIVERY_REPORT, MailClass.FEEDBACK})


def open_mail(
    incoming: IncomingMail,
    gpg: Gpg,
    replay_key: bytes,
    limits: Limits | None = None,
    own: OwnMarks | None = None,
    delivery_fields: Sequence[str] = DELIVERY_FIELDS,
    *,
    beside: Beside | None = None,
) -> OpenedMail:
    """The mail after MIME and OpenPGP. No mail makes it raise; what cannot be read is UNREADABLE and has a trouble.

    Raises GpgFailure or OSError when the world is broken (no gpg, no agent, no secret key): such a mail must wait, not
    be judged. `replay_key` is the secret of trust.md 5; `delivery_fields` say which address a mail was delivered to;
    `beside` is for a mail that is alone: it is opened sooner, for more work.
    """
    opener = _Opener(gpg, replay_key, limits or Limits(), own or OwnMarks(), tuple(delivery_fields), beside)
    try:
        return opener.open(incoming)
    except (GpgFailure, OSError):
        raise
    except (TooMuch, MemoryError):
        return opener.give_up(incoming, Trouble.LIMITS)
    except Exception:  # noqa: BLE001 — the one border to parsers; hostile headers raise anything (libraries.md, trap 1)
        return opener.give_up(incoming, Trouble.UNREADABLE)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What an entity turned out to hold."""

    payload: Part | None  # what is acted on: its header fields are the protected ones, its text is the text
    signatures: tuple[Signature, ...] = ()
    content: Content | None = None
    repairs: tuple[str, ...] = ()
    attached: tuple[Signature, ...] = ()  # of attachments that were encrypted and signed by themselves
    sealed: bool = False
    trouble: Trouble | None = None

    @property
    def encrypted(self) -> bool:
        return self.sealed and self.trouble is None

    @property
    def is_guarded(self) -> bool:
        """Whether nobody on the way could write into the payload: encrypted, or signed as a whole and well."""
        return self.encrypted or any(s.vouches for s in self.signatures)

    def after(self, repairs: tuple[str, ...]) -> "_Reading":
        return replace(self, repairs=repairs + self.repairs)


@dataclass(frozen=True, slots=True)
class _Opener:
    """One mail on its way."""

    gpg: Gpg
    replay_key: bytes = field(repr=False)
    limits: Limits
    own: OwnMarks
    delivery_fields: tuple[str, ...]
    beside: Beside | None

    def open(self, incoming: IncomingMail) -> OpenedMail:
        if len(incoming.octets) > self.limits.size:
            return self.give_up(incoming, Trouble.TOO_LARGE)
        root = read_tree(_as_mail(incoming.octets), self.limits)
        return self._tell(incoming, root, self._read(root))

    def give_up(self, incoming: IncomingMail, trouble: Trouble) -> OpenedMail:
        """What is known of a mail that was not read: its header fields, if those can be."""
        try:
            head = read_head(_as_mail(incoming.octets[: 2 * self.limits.header_section]), self.limits)
            outer = read_headers(head.fields, self.limits, self.delivery_fields)
        except Exception:  # noqa: BLE001 — the same border: they may be what raised
            outer = Headers()
        return OpenedMail(
            digest=incoming.digest,
            size=len(incoming.octets),
            mail_class=MailClass.UNREADABLE,
            rule=str(trouble),
            answerable=False,
            outer=outer,
            protected=None,
            encrypted=False,
            sealed=False,
            signatures=(),
            trouble=trouble,
        )

    # ------------------------------------------------------------ OpenPGP

    def _read(self, root: Part) -> _Reading:
        """What stands outside: encrypted, signed, or signed with something encrypted in it."""
        if (sealed := find_sealed(root)) is not None:
            return self._unseal(sealed)
        reading = self._read_signed(root, unwrap=True)
        within = find_sealed(reading.payload) if reading.payload and reading.payload is not root else None
        if within is None:
            return reading
        outside = tuple(replace(s, inside=False) for s in reading.signatures)
        inner = self._unseal(within).after(reading.repairs)
        return replace(inner, signatures=outside + inner.signatures)

    def _unseal(self, sealed: Sealed) -> _Reading:
        unsealed = self.gpg.unseal(sealed.ciphertext, self.beside)
        if isinstance(unsealed, Trouble):
            return _Reading(None, repairs=sealed.repairs, sealed=True, trouble=unsealed)
        reading = self._read_unsealed(unsealed, sealed)
        return replace(reading, repairs=sealed.repairs + reading.repairs, sealed=True)

    def _read_unsealed(self, unsealed: Unsealed, sealed: Sealed) -> _Reading:
        entity, repairs = _entity_of(unsealed.data, sealed)
        root = read_tree(entity, self.limits)
        if not unsealed.verdicts:
            # A wrapper inside the encryption is no list's: whoever sealed it can have put it round anybody's words.
            return self._read_signed(root, unwrap=False).after(repairs)
        reading = self._read_combined(root, unsealed).after(repairs)
        return self._with_attachments(reading, sealed.beside) if sealed.beside else reading

    def _read_combined(self, root: Part, unsealed: Unsealed) -> _Reading:
        """Signed and encrypted in one (RFC 3156 §6.2): all that was decrypted is signed, whatever it looks like."""
        crlf = with_crlf(unsealed.data)
        signed = root.source if root.source == crlf else crlf  # the same octets need not lie there twice
        del crlf
        signatures = tuple(self._signature(verdict, signed, Covers.WHOLE) for verdict in unsealed.verdicts)
        detached = self._detached(unsealed, signed, root.octets)
        del signed
        if detached:
            return _Reading(root, signatures, Content(root.octets, detached, unsealed.verdicts[0].micalg))
        message = signed_message(unsealed.data, unsealed.signature) if unsealed.signature else unsealed.message
        return _Reading(root, signatures, Content(root.octets, message=message))

    def _detached(self, unsealed: Unsealed, signed: bytes, entity: bytes) -> bytes | None:
        """The detached signature, if it verifies over the entity as mail carries it."""
        signature = unsealed.signature
        if signature is None or signed != entity:
            return None
        genuine = signed == unsealed.data or all(v.genuine for v in self.gpg.verify(signed, signature))
        return signature if genuine else None

    def _with_attachments(self, reading: _Reading, beside: tuple[Part, ...]) -> _Reading:
        """Attachments that were encrypted by themselves go with the text that somebody signed, and with no other."""
        if reading.content is None or len(reading.signatures) != 1 or not reading.signatures[0].vouches:
            return reading
        found = list(open_attachments(beside, reading.signatures[0], self.gpg))
        opened = ("attachments encrypted by themselves",) if found else ()
        closed = ("encrypted attachments left out",) if len(found) < len(beside) else ()
        unsealed = [attachment.unsealed for attachment in found]
        return replace(
            reading,
            content=with_attachments(reading.content, found) if found else reading.content,
            attached=tuple(self._signature(u.verdicts[0], with_crlf(u.data), Covers.PART) for u in unsealed),
            repairs=reading.repairs + opened + closed,
        )

    def _read_signed(self, root: Part, *, unwrap: bool) -> _Reading:
        """RFC 3156 §5, or clearsigned, or neither."""
        if (signed := find_signed(root, unwrap=unwrap)) is not None:
            return self._read_signed_part(signed)
        if (cleared := find_clearsigned(root)) is not None:
            return self._read_clearsigned(root, cleared)
        partly = (s for part in find_partly_signed(root) for s in self._signatures(part, Covers.PART))
        return _Reading(root, tuple(partly))

    def _read_signed_part(self, signed: SignedPart) -> _Reading:
        octets = signed.part.octets
        verdicts = self.gpg.verify(octets, signed.signature)
        signatures = tuple(self._signature(v, octets, Covers.WHOLE) for v in verdicts)
        micalg = next((v.micalg for v in verdicts if v.micalg), None) or signed.micalg.lower() or None
        content = Content(octets, signed.signature, micalg)
        return _Reading(signed.part, signatures, content, signed.repairs)

    def _read_clearsigned(self, root: Part, found: Clearsigned) -> _Reading:
        cleared = self.gpg.verify_clear(found.block)
        if found.led_in:  # what a reader sees first is not the author's: the whole mail is acted on, or nothing
            partly = (self._signature(v, cleared.data, Covers.PART) for v in cleared.verdicts)
            return _Reading(root, tuple(partly))
        entity = as_entity(cleared.data, found.charset)
        signatures = tuple(self._signature(v, cleared.data, Covers.WHOLE) for v in cleared.verdicts)
        content = Content(entity, message=found.block)
        return _Reading(read_tree(entity, self.limits), signatures, content, found.repairs)

    def _signatures(self, signed: SignedPart, covers: Covers) -> list[Signature]:
        octets = signed.part.octets
        return [self._signature(verdict, octets, covers) for verdict in self.gpg.verify(octets, signed.signature)]

    def _signature(self, verdict: Verdict, signed: bytes, covers: Covers) -> Signature:
        return Signature(
            state=verdict.state,
            covers=covers,
            fingerprint=verdict.fingerprint,
            made_at=verdict.made_at,
            identity=self._identity(verdict, signed) if verdict.fingerprint else None,
            intended=verdict.intended,
        )

    def _identity(self, verdict: Verdict, signed: bytes) -> str:
        """The replay key (trust.md 5); every piece but the last is of known length, so that none passes for another."""
        signer = bytes.fromhex(verdict.fingerprint or "")
        known = len(signer).to_bytes(1, "big") + signer + hashlib.sha256(signed).digest() + verdict.hashed
        return hmac.digest(self.replay_key, known, hashlib.sha256).hex()

    # ------------------------------------------------------------ meaning

    def _tell(self, incoming: IncomingMail, root: Part, reading: _Reading) -> OpenedMail:
        outer = read_headers(root.fields, self.limits, self.delivery_fields)
        payload = reading.payload
        told = _told(payload)
        protected = protected_headers(payload, self.limits) if payload and reading.is_guarded else None
        opened = OpenedMail(
            digest=incoming.digest,
            size=len(incoming.octets),
            mail_class=MailClass.PERSON,
            rule="",
            answerable=False,
            outer=outer,
            protected=protected,
            encrypted=reading.encrypted,
            sealed=reading.sealed,
            signatures=reading.signatures,
            attached=reading.attached,
            text=written_text(payload, self.limits) if payload else "",
            content=reading.content,
            repairs=reading.repairs + told,
            text_hidden=told == (_HIDDEN,),
            trouble=reading.trouble,
            keys=key_blocks(payload) if payload else (),
        )
        return self._classified(opened, root, payload)

    def _classified(self, opened: OpenedMail, root: Part, payload: Part | None) -> OpenedMail:
        outside = self._sighting(root, opened.outer, opened)
        within = payload if payload and payload is not root else None
        inside = [self._sighting(within, read_headers(within.fields, self.limits), opened)] if within else []
        outer_finding = classify([outside])
        # trust.md 15: the outside cannot bury what somebody signed together with a tag.
        finding = classify(inside if inside and _has_signed_tag(opened) else [outside, *inside])
        persons = {finding.mail_class, outer_finding.mail_class} == {MailClass.PERSON}
        asks = any(asks_for_no_answer(sighting) for sighting in (outside, *inside))
        marked = outer_finding.mail_class not in {MailClass.PERSON, MailClass.LIST}
        opened = replace(opened, marked=marked)
        return _found(opened, finding, answerable=persons and not asks and bool(opened.sender))

    def _sighting(self, part: Part, headers: Headers, opened: OpenedMail) -> Sighting:
        robot = any(s.vouches and s.fingerprint == self.gpg.robot for s in opened.signatures)
        return Sighting(part, headers, self.limits, self.own, robot)


def _as_mail(octets: bytes) -> bytes:
    """With CRLF line ends, and without what files have in front: a mark of UTF-8, mbox's own line."""
    mail = with_crlf(_once_ended(octets)).removeprefix(BOM_UTF8).lstrip(b"\r\n")
    return mail.partition(b"\r\n")[2] if mail.startswith((b"From ", b">From ")) else mail


def _once_ended(octets: bytes) -> bytes:
    """Without the second CR that programs write which take CRLF for a line and its LF for a line end."""
    doubled = octets.count(b"\r\r\n") if b"\r\r\n" in octets[:1_000] else 0
    return octets.replace(b"\r\r\n", b"\r\n") if doubled and doubled == octets.count(b"\n") else octets


def _entity_of(data: bytes, sealed: Sealed) -> tuple[bytes, tuple[str, ...]]:
    """What was decrypted as a MIME entity: it is one, or (inline PGP) it is a text to make one of."""
    if is_entity(data, typed=sealed.inline):
        return with_crlf(data), ("MIME in inline PGP",) if sealed.inline else ()
    return as_entity(data, sealed.charset), ()


def _has_signed_tag(opened: OpenedMail) -> bool:
    """Whether the one who vouches for the mail signed a tag of ours with it (trust.md 1)."""
    if opened.voucher is None:
        return False
    subject = opened.protected.subject if opened.protected else ""
    return parse(subject).tag is not None or any(found.tag for found in leading_tags(opened.text)[0])


def _found(opened: OpenedMail, finding: Finding, *, answerable: bool) -> OpenedMail:
    opened = replace(opened, mail_class=finding.mail_class, rule=finding.rule, answerable=answerable)
    if finding.mail_class is MailClass.AUTOMATIC:
        return replace(opened, return_date=return_date(f"{opened.subject}\n{opened.text}", opened.outer.date))
    if finding.mail_class is MailClass.RECEIPT:
        return replace(opened, about=finding.sighting.disposed)
    if finding.mail_class not in _REPORTS:
        return opened
    opened = replace(opened, bounce=finding.sighting.bounce)
    # A report that quotes a mail of ours quotes its armour: that is no mail sealed to the robot.
    return opened if opened.encrypted else replace(opened, sealed=False, trouble=None)


_HIDDEN = "text in winmail.dat alone"


def _told(payload: Part | None) -> tuple[str, ...]:
    """What is no damage to mend, but must be known of: TNEF, in which Outlook hides text and attachments."""
    if payload is None or not any(_is_tnef(leaf) for leaf in payload.leaves()):
        return ()
    has_text = any(part.decoded(1_000).strip() for part in shown_parts(payload))
    return ("winmail.dat passed on as it is" if has_text else _HIDDEN,)


def _is_tnef(part: Part) -> bool:
    return part.type in {"application/ms-tnef", "application/vnd.ms-tnef"} or part.filename.lower() == "winmail.dat"
