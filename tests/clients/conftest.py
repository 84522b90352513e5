"""Real mail programs, driven in the playground, whose correspondence they share."""

from collections.abc import Iterator

import pytest

from tests.clients.correspondence import Correspondence, begun


@pytest.fixture(scope="session")
def correspondence() -> Iterator[Correspondence]:
    """Germany, which has Thunderbird, and Italy, which has neomutt, have a request and a ping."""
    with begun() as correspondence:
        yield correspondence
