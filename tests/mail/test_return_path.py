"""Return paths: read back, vouched for by their HMAC, and short enough for every server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.mail.return_path import LOCAL_MOST, ReturnPath, Style, base32

SECRET = b"s" * 32
TRACKING = base32(bytes(range(10)))
STYLES = {
    Style.PLUS: ReturnPath(Style.PLUS, "network@hub.example", SECRET),
    Style.VERP: ReturnPath(Style.VERP, "network@hub.example", SECRET, "bounces.hub.example"),
}


@pytest.mark.parametrize("path", STYLES.values(), ids=STYLES)
@given(chance=st.binary(min_size=10, max_size=32), recipient=st.emails())
def test_what_is_written_is_read_and_vouched_for(path: ReturnPath, chance: bytes, recipient: str) -> None:
    tracking = base32(chance)
    address = path.write(tracking, recipient)
    assert path.tracking_of(address) == path.tracking_of(f"<{address.upper()}>") == tracking
    assert path.vouches(address.upper(), recipient.upper())
    assert not path.vouches(address, "x" + recipient)
    assert len(address.partition("@")[0]) <= LOCAL_MOST
    assert address.isascii()


@pytest.mark.parametrize("path", STYLES.values(), ids=STYLES)
def test_a_changed_return_path_is_not_vouched_for(path: ReturnPath) -> None:
    address = path.write(TRACKING, "desk@fr.example")
    local, _, domain = address.partition("@")
    for at in range(len(local)):
        changed = f"{local[:at]}{'a' if local[at] != 'a' else 'b'}{local[at + 1 :]}@{domain}"
        assert not path.vouches(changed, "desk@fr.example")
    other = ReturnPath(path.style, path.address, b"t" * 32, path.domain)
    assert other.tracking_of(address) == TRACKING
    assert not other.vouches(address, "desk@fr.example")


def test_the_forms() -> None:
    assert STYLES[Style.PLUS].write(TRACKING, "a@b.example").startswith(f"network+b.{TRACKING}.")
    verp = STYLES[Style.VERP].write(TRACKING, "a@b.example")
    assert verp.startswith(f"b-{TRACKING}-")
    assert verp.endswith("@bounces.hub.example")
    plain = ReturnPath(Style.PLAIN, "network@hub.example", SECRET)
    assert plain.write(TRACKING, "a@b.example") == "network@hub.example"
    assert plain.tracking_of("network@hub.example") is None


@pytest.mark.parametrize("address", ["", "network@hub.example", "desk@fr.example", "network+b.x.y@hub.example", "\n"])
def test_other_addresses_are_none(address: str) -> None:
    for path in STYLES.values():
        assert path.tracking_of(address) is None
        assert not path.vouches(address, "desk@fr.example")


def test_the_first_return_path_among_addresses() -> None:
    path = STYLES[Style.PLUS]
    addresses = ("control@hub.example", path.write(TRACKING, "a@b.example"), "network@hub.example")
    assert path.first_tracking(addresses) == TRACKING
    assert path.first_tracking(addresses[:1]) is None


def test_no_room_and_weak_secrets_are_refused_at_start() -> None:
    with pytest.raises(ValueError, match="too long"):
        ReturnPath(Style.PLUS, f"{'n' * 29}@hub.example", SECRET)
    with pytest.raises(ValueError, match="secret"):
        ReturnPath(Style.PLUS, "network@hub.example", b"short")
    assert "ssss" not in repr(STYLES[Style.PLUS])
