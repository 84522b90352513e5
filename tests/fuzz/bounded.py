"""How long generated mails go on: seconds in CI; by hand `FUZZ_SECONDS=3600 FUZZ_SEED=100000 pytest tests/fuzz`."""

import os
import time
from collections.abc import Iterator
from itertools import count

SECONDS = 45.0  # of each long run in CI, which has three minutes for all of tests/fuzz


def seeds(first: int) -> Iterator[int]:
    """One seed after the other until the time is over; the same ones in every run that has as much time."""
    over = time.monotonic() + float(os.environ.get("FUZZ_SECONDS", SECONDS))
    for seed in count(int(os.environ.get("FUZZ_SEED", first))):
        if time.monotonic() > over:
            return
        yield seed
