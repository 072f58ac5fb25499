"""Requests per second through ``gateway serve``, beside waitress alone.

    python benchmarks/server.py [--rounds 5] [--seconds 4] [--engine granian]

Needs ``wrk`` (apt-get install wrk). The same Flask application, and the same bare WSGI
callable, are served by ``gateway serve`` with its default policies (the access log goes
to a file that is thrown away) and by waitress alone, both with 8 threads, each in a
process of its own. The two take turns, so that what else the machine does meets both;
the median of the rounds counts, and the lowest and the highest are shown.

The bars, gateway against waitress: a Flask application at 8 connections at least 1.0x
the requests per second, at 64 at least 1.2x; a bare callable at 64 at least 3x. With
``--engine``, the gateway on that engine against the gateway on its default one.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

THREADS = 8

FLASK = """
from flask import Flask

application = Flask(__name__)

@application.get("/")
def index():
    return "Hello, World!"
"""
BARE = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, World!"]
"""
CONFIG = """
server: {{threads: {threads}, connection_limit: 200}}
mounts:
  {name}: {{prefix: /, app: "{name}_app:application", path: .}}
"""
WAITRESS = """
import logging, sys
from importlib import import_module
from waitress.server import create_server
logging.getLogger("waitress").setLevel(logging.ERROR)
application = import_module(sys.argv[1]).application
server = create_server(
    application, host="127.0.0.1", port=0, threads=int(sys.argv[2]),
    connection_limit=200,
)
print(f"Serving on http://127.0.0.1:{server.effective_port}", flush=True)
server.run()
"""


@dataclass(frozen=True)
class Comparison:
    """The gateway beside another server."""

    name: str
    application: str
    connections: int
    bar: float


COMPARISONS = [
    Comparison("Flask", "flask", 8, 1.0),
    Comparison("Flask", "flask", 64, 1.2),
    Comparison("bare callable", "bare", 64, 3.0),
]


@contextmanager
def serving(command: list[str], home: Path) -> Iterator[str]:
    """Run a server; yield its URL."""
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=home, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert server.stdout is not None
        lines = iter(server.stdout.readline, "")
        line = next((each for each in lines if each.startswith("Serving on")), None)
        if line is None:
            raise SystemExit(
                f"{command[1:4]} did not start:\n{(home / 'log').read_text()}"
            )
        yield line.split()[2]
    finally:
        server.terminate()
        server.wait(30)


def gateway(home: Path, application: str, engine: str | None) -> list[str]:
    """Return the command that serves *application* through the gateway."""
    config = home / f"{application}.yaml"
    config.write_text(CONFIG.format(threads=THREADS, name=application))
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0"]
    command += ["--config", str(config)]
    return command if engine is None else [*command, "--engine", engine]


def waitress(application: str) -> list[str]:
    """Return the command that serves *application* with waitress alone."""
    return [sys.executable, "-c", WAITRESS, f"{application}_app", str(THREADS)]


def measure(url: str, connections: int, seconds: float) -> float:
    """Return the requests per second of one run of wrk."""
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}", f"{url}/"],
        capture_output=True,
        text=True,
        check=True,
    )
    wrong = re.search(r"Non-2xx.*|Socket errors:.*", done.stdout)
    if wrong and not wrong[0].endswith("timeout 0"):
        print(f"  {wrong[0]}")
    found = re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


def compare(
    home: Path,
    each: Comparison,
    first: list[str],
    second: list[str],
    options: argparse.Namespace,
) -> tuple[list[float], list[float]]:
    """Let two servers take turns; return the requests per second of each round."""
    rates: tuple[list[float], list[float]] = ([], [])
    with ExitStack() as stack:
        urls = [
            stack.enter_context(serving(command, home)) for command in (first, second)
        ]
        for url in urls:
            measure(url, each.connections, 1)
        for _ in range(options.rounds):
            for url, found in zip(urls, rates, strict=True):
                found.append(measure(url, each.connections, options.seconds))
    return rates


def shown(rates: list[float]) -> str:
    return f"{statistics.median(rates):7,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--engine", help="measure this engine against the default one")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed: apt-get install wrk")
    good = True
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "flask_app.py").write_text(FLASK)
        (home / "bare_app.py").write_text(BARE)
        for each in COMPARISONS:
            if options.engine is None:
                first, second = (
                    gateway(home, each.application, None),
                    waitress(each.application),
                )
                names, bar = ("gateway", "waitress"), each.bar
            else:
                first = gateway(home, each.application, options.engine)
                second = gateway(home, each.application, None)
                names, bar = (options.engine, "default"), 2.0
            rates = compare(home, each, first, second, options)
            ratio = statistics.median(rates[0]) / statistics.median(rates[1])
            good = good and ratio >= bar
            print(
                f"{each.name}, {each.connections} connections: "
                f"{ratio:.2f}x (bar: {bar:g}x)"
            )
            for name, found in zip(names, rates, strict=True):
                print(f"  {name:9} {shown(found)} requests/s")
    print("ok" if good else "NOT ok")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
