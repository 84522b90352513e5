"""What a case measured: rounds, medians, spread, and whether the target is met."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of several rounds, and how far they lie apart."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, rounds: Sequence[float]) -> "Spread":
        """Of one round at least."""
        return cls(median(rounds), min(rounds), max(rounds))


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table. With `raw` the value is a ratio: ours divided by the yardstick of the same rounds."""

    case: str
    title: str
    unit: str  # of `ours` and `raw`: "ms", "s", "%", "MB", "a second"
    ours: tuple[float, ...]  # one for each round
    raw: tuple[float, ...] = ()  # the bare gpg, measured beside it
    target: float | None = None  # at most; of the ratio if there is `raw`, else of `ours`
    yardstick: str = ""  # what `raw` is
    notes: tuple[str, ...] = field(default=())

    @property
    def value(self) -> Spread:
        """What the target is about. The ratio is of medians: both saw the same quiet and busy moments."""
        mine = Spread.of(self.ours)
        if not self.raw:
            return mine
        yardstick = median(self.raw)
        return Spread(mine.median / yardstick, mine.least / yardstick, mine.most / yardstick)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None: there is none."""
        return None if self.target is None else self.value.median <= self.target
