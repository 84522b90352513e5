"""The vital signs for Prometheus: a file for its node exporter, a page on loopback, or both; off unless asked for."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, start_http_server, write_to_textfile

from mailbot.core.vitals import Sign


@dataclass(slots=True)
class Metrics:
    """What Prometheus sees of one robot. `port`: on 127.0.0.1."""

    textfile: Path | None = None
    port: int | None = None
    _registry: CollectorRegistry = field(default_factory=CollectorRegistry, init=False)
    _gauges: dict[str, Gauge] = field(default_factory=dict, init=False)
    _listening: bool = field(default=False, init=False)

    def publish(self, signs: Iterable[Sign]) -> None:
        """Show these from now on. A port that is taken, a folder that is full, is no reason to stop the robot."""
        for sign in signs:
            gauge = self._gauges.get(sign.name) or self._gauge(sign)
            gauge.set(sign.value)
        with suppress(OSError):
            if self.port and not self._listening:
                start_http_server(self.port, "127.0.0.1", self._registry)
                self._listening = True
            if self.textfile:
                write_to_textfile(str(self.textfile), self._registry)

    def _gauge(self, sign: Sign) -> Gauge:
        self._gauges[sign.name] = Gauge(f"mailbot_{sign.name}", sign.help, registry=self._registry)
        return self._gauges[sign.name]
