"""``/metrics``: what was counted, and what is to be read off the gateway right now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from gateway._version import __version__
from gateway.lifecycle import Gateway
from gateway.policies.metrics import IN_FLIGHT, IN_FLIGHT_HELP, RequestMetrics

if TYPE_CHECKING:
    from prometheus_client import Metric


def exposition(
    gateway: Gateway, metrics: RequestMetrics, accept: str
) -> tuple[bytes, str]:
    """Return the metrics of *gateway* as text, and its media type.

    :param accept: the Accept header of who asks: OpenMetrics has a form of its own.
    """
    from prometheus_client.exposition import choose_encoder

    encode, media_type = choose_encoder(accept)
    everything: Any = _Everything(gateway, metrics)
    return encode(everything), media_type


class _Everything:
    """What takes the place of a registry: it is asked once."""

    def __init__(self, gateway: Gateway, metrics: RequestMetrics) -> None:
        self._gateway = gateway
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield from self._metrics.collect()
        if not self._metrics.is_multiprocess:
            # Of this process alone: the next time another one may answer.
            yield from _of_this_process(self._gateway)


def _of_this_process(gateway: Gateway) -> Iterator[Metric]:
    members = gateway.members
    running: Counter[str] = Counter()
    for mount in (*(each.mount for each in members.values()), *gateway.draining):
        running[mount.name] += mount.in_flight
    yield _gauge(IN_FLIGHT, IN_FLIGHT_HELP, running.items())
    yield _gauge(
        "gateway_mount_up",
        "Whether a mount has loaded.",
        ((name, each.failure is None) for name, each in members.items()),
    )
    yield _gauge(
        "gateway_mount_load_seconds",
        "How long a mount took to load.",
        ((name, each.mount.load_seconds) for name, each in members.items()),
    )
    loads = gateway.shares.loads()
    yield _gauge(
        "gateway_requests_queued",
        "Requests that wait for their mount's turn.",
        ((name, load.queued) for name, load in loads.items()),
    )
    yield _counter(
        "gateway_requests_rejected",
        "Requests answered with 503, as their mount's queue was full or too slow.",
        "mount",
        ((name, load.rejected) for name, load in loads.items()),
    )
    yield _counter(
        "gateway_slow_requests",
        "Requests that have outlasted their mount's slow_after.",
        "mount",
        gateway.slow_requests.items(),
    )
    yield _counter(
        "gateway_reloads",
        "Reloads, by how they ended.",
        "result",
        gateway.reload_counts.items(),
    )
    yield from _of_the_gateway(gateway)


def _of_the_gateway(gateway: Gateway) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

    yield InfoMetricFamily("gateway", "The gateway.", value={"version": __version__})
    yield GaugeMetricFamily(
        "gateway_start_time_seconds",
        "When the gateway was started, in seconds since the epoch.",
        value=gateway.started,
    )


def _gauge(name: str, text: str, values: Iterable[tuple[str, float]]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, text, labels=("mount",))
    for mount, value in values:
        family.add_metric((mount,), value)
    return family


def _counter(
    name: str, text: str, label: str, values: Iterable[tuple[str, float]]
) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, text, labels=(label,))
    for labelled, value in values:
        family.add_metric((labelled,), value)
    return family
