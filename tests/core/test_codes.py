"""Reply codes: found however people quote them, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbot.core.codes import MOST, new_reply_code, reply_codes


@given(st.binary(min_size=32, max_size=32), st.text(max_size=40), st.text(max_size=40))
def test_a_code_is_found_in_any_text(chance: bytes, before: str, after: str) -> None:
    code = new_reply_code(chance)
    assert code in reply_codes(f"{before} {code.lower()}\n{after}")


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("> > Code: R-7K3Q9-F2MXR.", ("R-7K3Q9-F2MXR",)),
        ("r-7k3q9-f2mxr R-7K3Q9-F2MXR", ("R-7K3Q9-F2MXR",)),
        ("R-OIL00-OIL00", ("R-01100-01100",)),
        ("XR-7K3Q9-F2MXR R-7K3Q9-F2MXRX R-7K3Q9-F2MX", ()),
        ("", ()),
    ],
)
def test_codes_as_people_quote_them(text: str, codes: tuple[str, ...]) -> None:
    assert reply_codes(text) == codes


def test_a_flood_of_codes_is_cut() -> None:
    flood = " ".join(f"R-{n:05d}-00000" for n in range(1000))
    assert len(reply_codes(flood)) == MOST
