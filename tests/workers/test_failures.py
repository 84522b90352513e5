"""One thing that cannot be done keeps no other from being done, and says nothing of what it was about."""

import logging

import pytest

from mailbot.store.engine import Clash, StoreUnavailable
from mailbot.workers.failures import Unable, survive


def broken() -> int:
    raise ValueError("CANARY")


def beaten() -> int:
    raise Clash


@pytest.mark.parametrize("fault", [StoreUnavailable("the disk"), Unable("the disk")])
def test_a_broken_world_stops_everything(fault: Exception) -> None:
    def step() -> int:
        raise fault

    with pytest.raises(type(fault)):
        survive("a list", step)


def test_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert [survive("a list", step) for step in (lambda: 2, broken, beaten, lambda: 1)] == [2, 0, 0, 1]
    [said] = caplog.messages
    assert said.startswith("a list failed: ValueError at ")
    assert "CANARY" not in caplog.text
