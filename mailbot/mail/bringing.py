"""Certificates that somebody brings, as a file or by mail: looked at and put together in a passing home.

Nothing is trusted here and nothing imported into the working home: what comes out is one certificate, cleaned by gpg of
everything that does not belong to it, for others to decide about.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from mailbot.core.certificates import Certificate, Fingerprint, Policy
from mailbot.core.pins import Attached
from mailbot.mail.armour import Label, armour
from mailbot.mail.homes import passing
from mailbot.mail.keyfiles import Refusal, key_packets, scan
from mailbot.mail.limits import TooMuch
from mailbot.mail.listing import list_keyring
from mailbot.mail.mime import Part
from mailbot.mail.packets import Malformed, PacketType, read_signature, split
from mailbot.mail.tamed import EVEN_FROM_THE_FUTURE, GpgFailure, TamedGPG

MOST = 3  # key blocks of one mail that are looked at
_LARGEST = 256 * 1024  # octets of one of them
_PACKETS_MOST = 2000
_REVOCATION = 0x20  # of a primary key, RFC 9580 §5.2.1
_LABELS = (Label.CERTIFICATE, Label.SECRET_KEY)  # who attaches his secret key must hear of it

Known = Callable[[Fingerprint], bytes]
"""The packets of a certificate of the working home; empty if it has none of that fingerprint."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Exactly one public certificate."""

    certificate: Certificate
    octets: bytes = field(repr=False)  # armoured


# ---------------------------------------------------------------- exactly one


def take_one(octets: bytes, policy: Policy | None = None, known: Known | None = None) -> Taken | Refusal:
    """The one certificate in these octets, armoured or not, put together with what is known of it."""
    packets = key_packets(octets)
    if isinstance(packets, Refusal):
        return packets
    with passing() as home:
        gpg = TamedGPG(home)
        scanned = scan(gpg, packets, policy)
        if isinstance(scanned, Refusal):
            return scanned
        if len(scanned) != 1:
            return Refusal.SEVERAL if scanned else Refusal.UNREADABLE
        fingerprint = scanned[0].fingerprint
        return _together(gpg, fingerprint, (known(fingerprint) if known else b"", packets), policy)


def _together(
    gpg: TamedGPG, fingerprint: Fingerprint, pieces: tuple[bytes, ...], policy: Policy | None
) -> Taken | Refusal:
    for packets in pieces:
        if packets:
            gpg.ask([*EVEN_FROM_THE_FUTURE, "--import"], packets)
    certificate = list_keyring(gpg, policy).certificates.get(fingerprint)
    exported = gpg.ask(["--export", fingerprint])
    if certificate is None or not exported.well or not exported.output:
        return Refusal.UNREADABLE
    return Taken(certificate, armoured(exported.output))


def armoured(packets: bytes) -> bytes:
    """A certificate as a text file."""
    return armour(packets, Label.CERTIFICATE).replace(b"\r\n", b"\n")


def look_at(octets: bytes, policy: Policy, known: Known) -> Attached:
    """A key block of a mail."""
    try:
        taken = take_one(octets, policy, known)
    except GpgFailure:
        return Attached(None, refusal=Refusal.UNREADABLE.value)
    if isinstance(taken, Refusal):
        return Attached(None, refusal=taken.value)
    return Attached(taken.certificate, taken.octets)


# ---------------------------------------------------------------- revocations


def revoked_by(octets: bytes, policy: Policy, known: Known, pinned: dict[Fingerprint, Certificate]) -> list[Attached]:
    """The pinned certificates that these octets, a certificate or a revocation alone, validly revoke (trust.md 12)."""
    packets = key_packets(octets)
    if isinstance(packets, Refusal):
        return []
    about = _revoked_in(packets)
    named = [f for f, c in pinned.items() if not c.revoked and any(f == n or f.endswith(n) for n in about)]
    return [attached for fingerprint in named if (attached := _revoked(fingerprint, packets, policy, known))]


def _revoked(fingerprint: Fingerprint, packets: bytes, policy: Policy, known: Known) -> Attached | None:
    """gpg marks it as revoked only if its own key, or one that it named, signed so."""
    with passing() as home:
        taken = _together(TamedGPG(home), fingerprint, (known(fingerprint), packets), policy)
    if isinstance(taken, Refusal) or not taken.certificate.revoked:
        return None
    return Attached(taken.certificate, taken.octets)


def _revoked_in(packets: bytes) -> set[str]:
    """Whom the revocations in there name as their maker: fingerprints, or key IDs, which are the ends of those."""
    found = set[str]()
    with suppress(Malformed, TooMuch):
        for packet in split(packets, _PACKETS_MOST):
            if packet.type == PacketType.SIGNATURE:
                facts = read_signature(packet.body)
                if facts.type == _REVOCATION:
                    found |= {name for name in (facts.issuer, facts.issuer_id) if name}
    return found


# ---------------------------------------------------------------- in a mail


def key_blocks(payload: Part) -> tuple[bytes, ...]:
    """The key blocks in what is acted on: attached, or in its text."""
    found: list[bytes] = []
    for leaf in payload.leaves():
        if len(found) < MOST and leaf.end - leaf.body <= 2 * _LARGEST:
            found += _blocks_of(leaf)
    return tuple(dict.fromkeys(found))[:MOST]


def _blocks_of(leaf: Part) -> Iterator[bytes]:
    named = leaf.filename.lower().endswith((".asc", ".gpg", ".pgp", ".key", ".rev"))
    is_key = leaf.type == "application/pgp-keys"
    if not (named or is_key or leaf.type in ("text/plain", "application/octet-stream")):
        return
    octets = leaf.decoded()
    armoured_ones = [block for label in _LABELS if (block := _between(octets, label.encode()))]
    if armoured_ones:
        yield from armoured_ones
    elif (is_key or named) and octets[:1] >= b"\x80":
        yield octets


def _between(octets: bytes, label: bytes) -> bytes | None:
    """From the first beginning to the last end; what lies between may be several."""
    last = b"-----END " + label + b"-----"
    begin, end = octets.find(b"-----BEGIN " + label + b"-----"), octets.rfind(last)
    return octets[begin : end + len(last)] + b"\n" if 0 <= begin < end else None
