"""Counts requests for Prometheus, by mount (extra ``metrics``)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from gateway.errors import MissingExtraError
from gateway.policies.record import RequestRecord

if TYPE_CHECKING:
    from prometheus_client import Metric

# In seconds: from a page out of a cache to one that nobody waits for any more.
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

_MULTIPROCESS: Final = "PROMETHEUS_MULTIPROC_DIR"

_CLASSES: Final = frozenset("12345")


class RequestMetrics:
    """The counts of one gateway, in a registry of their own.

    The labels are the names of mounts and classes of status codes, so clients cannot
    make them many. Where ``PROMETHEUS_MULTIPROC_DIR`` is set, the counts are those of
    all the worker processes that share it.

    :raises MissingExtraError: prometheus-client is not installed.
    """

    def __init__(self) -> None:
        try:
            from prometheus_client import (
                CollectorRegistry,
                Counter,
                Gauge,
                Histogram,
            )
        except ImportError as error:
            raise MissingExtraError("server.metrics", "metrics") from error
        self.is_multiprocess = _MULTIPROCESS in os.environ
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "gateway_requests",
            "Requests answered, by class of their status.",
            ("mount", "status"),
            registry=registry,
        )
        self._duration = Histogram(
            "gateway_request_duration_seconds",
            "Time from a request's arrival at the gateway to the end of its body.",
            ("mount",),
            registry=registry,
            buckets=_BUCKETS,
        )
        self._errors = Counter(
            "gateway_request_errors",
            "Requests whose application has raised an error.",
            ("mount",),
            registry=registry,
        )
        self._in_flight = Gauge(
            IN_FLIGHT,
            IN_FLIGHT_HELP,
            ("mount",),
            registry=None,
            multiprocess_mode="livesum",
        )
        # Finding a child by its labels takes longer than counting with it.
        self._children: dict[tuple[str, str], tuple[Counter, Histogram]] = {}

    def enter(self, mount: str) -> None:
        """Count a request that a mount begins to serve, where processes add them up."""
        self._in_flight.labels(mount).inc()

    def observe(self, record: RequestRecord) -> None:
        """Count a request that is over."""
        mount = record.mount
        key = (mount, record.status[0])
        children = self._children.get(key)
        if children is None:
            status = f"{key[1]}xx" if key[1] in _CLASSES else "none"
            children = self._children[key] = (
                self._requests.labels(mount, status),
                self._duration.labels(mount),
            )
        children[0].inc()
        children[1].observe(record.seconds)
        if record.error is not None:
            self._errors.labels(mount).inc()
        if self.is_multiprocess and record.prefix is not None:
            self._in_flight.labels(mount).dec()

    def collect(self) -> Iterable[Metric]:
        """Return what was counted, for a registry."""
        return _of_all_processes() if self.is_multiprocess else self._registry.collect()


IN_FLIGHT: Final = "gateway_requests_in_flight"
IN_FLIGHT_HELP: Final = "Requests that a mount is serving."


def _of_all_processes() -> Iterator[Metric]:
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    files = MultiProcessCollector(CollectorRegistry())  # type: ignore[no-untyped-call]
    for metric in files.collect():  # type: ignore[no-untyped-call]
        # What applications count with the same library is there, too, and is theirs.
        if metric.name.startswith("gateway_"):
            yield metric
