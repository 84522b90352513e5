"""The fast way of sealing and the plain one: whatever the readers' keys and programs, they read the same octets."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailbot.mail.armour import dearmour
from mailbot.mail.packets import split
from tests.interop.programs import PROGRAMS, Program, Unable
from tests.interop.test_matrix import KINDS, MISSING, gpg, hub, member

READERS = [(kind, program) for kind in KINDS for program in PROGRAMS if (kind, program) not in MISSING]


@pytest.fixture(scope="module")
def programs() -> Iterator[dict[tuple[str, type[Program]], Program]]:
    """One for each reader, kept for all examples."""
    with ExitStack() as stack:
        yield {
            (kind, program): stack.enter_context(closing(program(member(kind), hub().key.public)))
            for kind, program in READERS
        }


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    readers=st.lists(st.sampled_from(READERS), min_size=2, max_size=6, unique=True),
    stranger=st.sampled_from(READERS),
    entity=st.one_of(st.binary(max_size=300), st.builds(bytes, st.integers(1, 200_000))),
)
def test_both_ways_are_read_alike(
    readers: list[tuple[str, type[Program]]],
    stranger: tuple[str, type[Program]],
    entity: bytes,
    programs: dict[tuple[str, type[Program]], Program],
) -> None:
    groups = [[member(kind).fingerprint] for kind, _ in readers]
    split_copies = [copy.octets for copy in gpg().seal(entity, groups)]
    plain_copies = [copy.octets for copy in gpg().seal(entity, groups, share=False)]
    assert len({_encrypted(copy) for copy in split_copies}) == 1, "one encryption"
    assert len({_encrypted(copy) for copy in plain_copies}) == len(readers), "one for each"
    for reader, split_copy, plain_copy in zip(readers, split_copies, plain_copies, strict=True):
        assert programs[reader].open(split_copy) == programs[reader].open(plain_copy) == entity
        if stranger[0] != reader[0]:
            with pytest.raises(Unable):
                programs[stranger].open(split_copy)


def _encrypted(copy: bytes) -> bytes:
    session_key, encrypted = split(dearmour(copy), 2)
    assert session_key.type == 1, "one reader's, and nobody else's"
    return encrypted.body
