"""Real mail programs, driven in the playground. All in one process: they share its correspondence."""

from collections.abc import Iterator

import pytest

from tests.clients.correspondence import Correspondence, france_has_asked


@pytest.fixture(scope="session")
def correspondence() -> Iterator[Correspondence]:
    """France has asked Germany, which has Thunderbird, and Italy, which has neomutt."""
    with france_has_asked() as begun:
        yield begun
