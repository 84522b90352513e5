"""Where the time of one mail goes: each step of a request to one desk, the median of several."""

from collections import defaultdict
from dataclasses import dataclass
from statistics import median

from mailbot.bench.inside import opened
from mailbot.bench.spans import STEPS, Spans
from mailbot.bench.stage import Stage
from mailbot.core.charts import Bar, Bars, Tone

_WARM = 3  # rounds that do not count


@dataclass(frozen=True, slots=True)
class Profile:
    """Milliseconds; steps that run at the same time count each, so that together they may be more than the whole."""

    steps: dict[str, float]
    whole: float  # from the first octet of the fetch until the last server's 250

    def chart(self) -> Bars:
        """As a picture."""
        bars = (Bar(step, (took,), f"{took:.1f} ms") for step, took in self.steps.items())
        return Bars((*bars, Bar("the whole", (self.whole,), f"{self.whole:.1f} ms")), {Tone.CALM: "milliseconds"})


def profile(stage: Stage, rounds: int) -> Profile:
    """2 KiB to one desk, receipt included, on a robot that is warm."""
    took: dict[str, list[float]] = defaultdict(list)
    wholes = []
    with Spans().watching() as spans, stage.play() as play, opened(play) as robot:
        for number in range(rounds + _WARM):
            seen = robot.round(spans)
            if number < _WARM:
                continue
            wholes.append(max(span.end for span in seen) - min(span.begin for span in seen))
            for step in STEPS:
                took[step].append(sum(span.own for span in seen if span.step == step))
    return Profile({step: 1000 * median(took[step]) for step in STEPS}, 1000 * median(wholes))
