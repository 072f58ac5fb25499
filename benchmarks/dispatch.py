"""Dispatch and context against Werkzeug's DispatcherMiddleware, in one run.

    python benchmarks/dispatch.py

Prints, for the same bare callable: Werkzeug's dispatcher alone; ours with a context
pushed, torn down and dropped for each request; and ours at 10 and at 100,000 mounts.
Every figure is the median over interleaved rounds, with the smallest and the largest.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any
from wsgiref.util import setup_testing_defaults

from werkzeug.middleware.dispatcher import DispatcherMiddleware

from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.table import Route, Table
from gateway.loaders.foreign import ForeignApplication
from gateway.mount import Mount

HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "2")]

# Werkzeug's dispatcher walks a path from its end, so its time depends on the depth.
PATHS = ["/", "/page", "/notes/42", "/notes/42/edit"]


def bare(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", HEADERS)
    return [b"ok"]


def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
    return None


def werkzeug(count: int) -> Callable[..., Any]:
    return DispatcherMiddleware(bare, {f"/app{n}": bare for n in range(count)})


def ours(count: int) -> Callable[..., Any]:
    def mount(number: int) -> Callable[..., Any]:
        name = f"app{number}"
        return Mount(
            name,
            f"/{name}",
            None,
            kind="wsgi",
            source="bare",
            application=ForeignApplication(name, {}),
            wsgi=bare,
        ).serve

    return Dispatcher(Table([Route(None, f"/app{n}", mount(n)) for n in range(count)]))


def environs(numbers: list[int]) -> list[dict[str, Any]]:
    made = []
    for turn, number in enumerate(numbers):
        path = f"/app{number}" + PATHS[turn // 10 % len(PATHS)]
        environ: dict[str, Any] = {"PATH_INFO": path, "SCRIPT_NAME": ""}
        setup_testing_defaults(environ)
        # What a browser sends through waitress is about this many keys.
        environ.update({f"HTTP_X_HEADER_{n}": "value" for n in range(12)})
        made.append(environ)
    return made


def seconds(application: Callable[..., Any], requests: list[dict[str, Any]]) -> float:
    """Serve each of *requests* from a fresh copy, as a server would hand it over.

    Werkzeug's dispatcher changes the environ that it is given, so both get copies that
    are made outside the measured time: a few at a time, because a server's environ has
    just been made too, and is still in the processor's cache.
    """
    total = 0.0
    for start in range(0, len(requests), 20):
        copies = [environ.copy() for environ in requests[start : start + 20]]
        started = perf_counter()
        for environ in copies:
            application(environ, start_response)
        total += perf_counter() - started
    return total / len(requests)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--requests", type=int, default=5_000)
    options = parser.parse_args()
    ten = environs([n % 10 for n in range(options.requests)])
    spread = environs([n * 37 % 100_000 for n in range(options.requests)])
    runs = {
        "Werkzeug's DispatcherMiddleware, 10 mounts": (werkzeug(10), ten),
        "ours, 10 mounts": (ours(10), ten),
        "ours, 100,000 mounts, the same 10 asked": (large := ours(100_000), ten),
        "ours, 100,000 mounts, all asked in turn": (large, spread),
    }
    gc.collect()
    gc.freeze()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, (application, requests) in runs.items():
            times[name].append(seconds(application, requests))
    for name, values in times.items():
        middle = statistics.median(values) * 1e6
        print(
            f"{name:<44} {middle:6.2f} us"
            f"  ({min(values) * 1e6:.2f} to {max(values) * 1e6:.2f})"
        )
    names = list(times)

    def ratio(over: str, under: str) -> list[float]:
        pairs = zip(times[over], times[under], strict=True)
        return sorted(a / b for a, b in pairs)

    passed = True
    for text, over, under, bar in [
        ("ours / Werkzeug's, at 10 mounts", names[1], names[0], 2.5),
        ("100,000 mounts / 10 mounts, the same asked", names[2], names[1], 1.1),
        ("100,000 mounts, all asked / 10 mounts", names[3], names[1], None),
    ]:
        ratios = ratio(over, under)
        middle = statistics.median(ratios)
        low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
        verdict = ""
        if bar is not None:
            passed = passed and middle <= bar
            verdict = f"  bar {bar}: {'met' if middle <= bar else 'MISSED'}"
        print(f"{text:<44} {middle:5.2f}x (80 %: {low:.2f} to {high:.2f}){verdict}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
