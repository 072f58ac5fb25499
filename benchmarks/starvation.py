"""A fast mount beside mounts that hang, through the gateway and through waitress alone.

    python benchmarks/starvation.py [--rounds 5] [--seconds 4]

Mount A sleeps a second in each request and is asked over 64 connections at once; mount
B answers at once and is asked by 4 keep-alive clients; mount C does as A. Server and
clients are processes of their own. A round measures B alone, B beside A, and B beside A
and C, one after the other, so that what else the machine does meets all three; the
ratios are made within a round, and their median counts.

The bars, for ``gateway serve`` with 8 threads and its default limits: B's p99 beside
the others is at most 1.2x its p99 alone, its requests per second at least 0.9x, and the
gateway's own health page answers within 50 ms. The same is shown for waitress with
Werkzeug's DispatcherMiddleware, which has no bar.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

THREADS = 8
HANGING = 64
CLIENTS = 4
BAR_P99 = 1.2
BAR_RATE = 0.9
BAR_HEALTH = 0.050

APPS = """
import time

def fast(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
    return [b"fast"]

def slow(environ, start_response):
    time.sleep(1)
    return fast(environ, start_response)
"""
CONFIG = f"""
server: {{threads: {THREADS}, connection_limit: 400}}
admin: {{}}
mounts:
  a: {{app: "apps:slow", path: .}}
  b: {{app: "apps:fast", path: .}}
  c: {{app: "apps:slow", path: .}}
"""
PLAIN = f"""
import logging
from waitress.server import create_server
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from apps import fast, slow
logging.getLogger("waitress").setLevel(logging.ERROR)
server = create_server(
    DispatcherMiddleware(fast, {{"/a": slow, "/b": fast, "/c": slow}}),
    host="127.0.0.1", port=0, threads={THREADS}, connection_limit=400,
)
print(f"Serving on http://127.0.0.1:{{server.effective_port}}", flush=True)
server.run()
"""


# -- the clients, in processes of their own -------------------------------------------


def ask_for(port: int, path: str, clients: int, seconds: float) -> None:
    """Ask over keep-alive connections; print p99, in seconds, and rate as JSON."""
    import selectors
    import socket

    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    selector = selectors.DefaultSelector()
    sent: dict[socket.socket, float] = {}
    times: list[float] = []
    refused = 0
    for _ in range(clients):
        connection = socket.create_connection(("127.0.0.1", port))
        selector.register(connection, selectors.EVENT_READ)
        sent[connection] = time.perf_counter()
        connection.sendall(request)
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        for key, _ in selector.select(end - now):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            answer = connection.recv(65536)
            now = time.perf_counter()
            if answer.startswith(b"HTTP/1.1 200"):
                times.append(now - sent[connection])
            else:
                refused += 1
                if not answer:
                    raise SystemExit("a connection was closed")
            sent[connection] = now
            connection.sendall(request)
    # Whoever still waits has waited for at least so long.
    times += [end - start for start in sent.values() if end - start > 0.5]
    times.sort()
    p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
    found = {"p99": p99, "rate": len(times) / seconds, "refused": refused}
    print(json.dumps(found))


def clients(port: int, path: str, number: int, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--ask", path, "--port", str(port)]
    command += ["--clients", str(number), "--seconds", str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


# -- the measuring --------------------------------------------------------------------


@dataclass(frozen=True)
class Sight:
    """What was seen of mount B, or of the health page, in a phase of a round."""

    p99: float
    rate: float
    health: float


@contextmanager
def serving(command: list[str], home: Path) -> Iterator[int]:
    """Run a server; yield its port."""
    server = subprocess.Popen(
        command,
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        lines = iter(server.stdout.readline, "")
        line = next((each for each in lines if each.startswith("Serving on")), None)
        if line is None:
            raise SystemExit(f"{command[1:4]} did not start")
        yield int(line.split()[2].rpartition(":")[2])
    finally:
        server.terminate()
        server.wait(60)


def phase(port: int, hanging: list[str], health: str | None, seconds: float) -> Sight:
    """Measure B for some seconds while the mounts *hanging* are asked."""
    while time_of(port, "/b/") > 0.1:
        pass  # What the last phase has left in the queue is not done yet.
    around = [clients(port, path, HANGING, seconds + 2) for path in hanging]
    if around:
        time.sleep(1)  # Until they have all connected.
    asking = clients(port, "/b/", CLIENTS, seconds)
    slowest = 0.0
    while asking.poll() is None:
        time.sleep(0.25)
        if health is not None and asking.poll() is None:
            slowest = max(slowest, time_of(port, health))
    found = json.loads(asking.communicate()[0])
    for each in around:
        each.communicate()
    return Sight(found["p99"], found["rate"], slowest)


def time_of(port: int, path: str) -> float:
    """Return how long one answer takes, over a connection of its own."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    if status != 200:
        raise SystemExit(f"{path} answered {status}")
    return time.perf_counter() - started


def health_page(port: int) -> str:
    """Return the page that tells whether the gateway is alive."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/_gateway/livez")
    found = connection.getresponse().status == 200
    connection.close()
    return "/_gateway/livez" if found else "/_gateway/status"


PHASES: dict[str, list[str]] = {
    "alone": [],
    "beside A": ["/a/"],
    "beside A and C": ["/a/", "/c/"],
}


def rounds(
    port: int, health: str | None, options: argparse.Namespace
) -> dict[str, list[Sight]]:
    """Return what was seen in each phase of all rounds."""
    phase(port, [], health, 1)
    seen: dict[str, list[Sight]] = {name: [] for name in PHASES}
    for _ in range(options.rounds):
        for name, hanging in PHASES.items():
            seen[name].append(phase(port, hanging, health, options.seconds))
    return seen


def spread(values: list[float], form: str) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def show(title: str, seen: dict[str, list[Sight]]) -> bool:
    """Print the phases; tell whether they are within the bars."""
    print(title)
    good = True
    for name, sights in seen.items():
        alone = seen["alone"]
        p99s = [each.p99 * 1000 for each in sights]
        rates = [each.rate for each in sights]
        print(f"  B {name}:")
        print(f"    p99 {spread(p99s, ',.2f')} ms, {spread(rates, ',.0f')} requests/s")
        if name != "alone":
            slower = [s.p99 / a.p99 for s, a in zip(sights, alone, strict=True)]
            fewer = [s.rate / a.rate for s, a in zip(sights, alone, strict=True)]
            print(
                f"    of alone: p99 {spread(slower, '.2f')}x (bar: {BAR_P99}x)", end=""
            )
            print(f", requests {spread(fewer, '.2f')}x (bar: {BAR_RATE}x)")
            good = good and statistics.median(slower) <= BAR_P99
            good = good and statistics.median(fewer) >= BAR_RATE
        health = [each.health * 1000 for each in sights]
        if any(health):
            print(f"    health page, slowest: {spread(health, '.1f')} ms", end="")
            print(f" (bar: {BAR_HEALTH * 1000:.0f})")
            good = good and statistics.median(health) <= BAR_HEALTH * 1000
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--clients", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask is not None:
        ask_for(options.port, options.ask, options.clients, options.seconds)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "apps.py").write_text(APPS)
        (home / "gateway.yaml").write_text(CONFIG)
        gateway = [sys.executable, "-m", "gateway", "serve", "--port", "0"]
        with serving(gateway, home) as port:
            health = health_page(port)
            good = show(f"gateway serve ({health}):", rounds(port, health, options))
        with serving([sys.executable, "-c", PLAIN], home) as port:
            options.rounds = min(options.rounds, 2)
            show("waitress, DispatcherMiddleware:", rounds(port, None, options))
    print("ok" if good else "NOT ok")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
