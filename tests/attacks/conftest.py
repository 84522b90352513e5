"""The arena, and the list of attacks with what came of each at the end of the run."""

from collections.abc import Iterator, Mapping

import pytest

from tests import sharing
from tests.attacks.arena import Arena, begin
from tests.attacks.attack import told
from tests.attacks.forging import spoilt_keys
from tests.attacks.network import gathered, new_world, short_folder
from tests.keys import Person
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
from tests.stories.world import Cast


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """One line for each attack."""
    if call.when == "call" and (line := told(item, failed=call.excinfo is not None)):
        sharing.show(item, "attacks", [line])


@pytest.fixture(scope="session")
def spoilt() -> Mapping[str, Person]:
    """Officers of Spain whose keys are pinned, though they are dead or weak."""
    return spoilt_keys()


@pytest.fixture(scope="session")
def cast() -> Iterator[Cast]:
    """Everybody, with keys."""
    with short_folder() as folder, gathered(folder / "people") as people:
        yield people


@pytest.fixture(scope="module")
def settings() -> str:
    """What stands in the configuration beside the usual; a file of attacks may have its own."""
    return ""


@pytest.fixture(scope="module")
def arena(
    cast: Cast, spoilt: Mapping[str, Person], settings: str, dovecot: Dovecot, postfix: Postfix
) -> Iterator[Arena]:
    """The network of one file, on Dovecot and Postfix."""
    with short_folder() as folder:
        arena = begin(new_world(folder, cast, spoilt, settings, dovecot, postfix))
        try:
            yield arena
        finally:
            arena.close()
