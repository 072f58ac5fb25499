"""Reload one of three mounts again and again while clients ask all of them.

    python benchmarks/reload.py [--reloads 1000]

``gateway serve`` runs as a process of its own. Two threads of keep-alive clients go
round its three mounts and check each answer, while the sources of one, a small Flask
application, are edited and ``POST /_gateway/reload`` is sent. The bars: no answer fails
or is wrong; the resident memory after the last reload is within 10 % of that after the
50th; as many modules are there as before; the median reload takes 50 ms at most.
Linux only, from ``/proc/PID/status``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

BAR_SECONDS = 0.050
BAR_GROWTH = 0.10
SETTLED = 50

NOTES = """
from flask import Flask, render_template_string
import models, views

def create_app():
    app = Flask(__name__)
    app.register_blueprint(views.views)

    @app.get("/")
    def index():
        return render_template_string("{{ name }} {{ n }}", name="notes", n=models.N)
    return app
"""
VIEWS = """
from flask import Blueprint, jsonify
import models

views = Blueprint("views", __name__)

@views.get("/items")
def items():
    return jsonify(models.ITEMS)
"""
MODELS = "from dataclasses import dataclass\n\nN = {}\nITEMS = list(range(10))\n"
SHOP = """
from flask import Flask

def create_app():
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "shop")
    return app
"""
PLAIN = """
import gc, sys

def application(environ, start_response):
    body = b"plain"
    if environ["PATH_INFO"] == "/modules":
        gc.collect()
        body = str(len(sys.modules)).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
CONFIG = """
admin: {token: benchmark}
mounts:
  notes: {app: "app:create_app", path: notes}
  shop: {app: "app:create_app", path: shop}
  plain: {app: "app:application", path: plain}
"""


class Clients:
    """Two threads that ask the mounts in turn, each over one connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked = 0
        self.failures: list[str] = []
        self.oldest = self.newest = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(2)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.connect()
        first = connection.sock
        while not self._stop.is_set():
            for mount in ("notes", "shop", "plain"):
                # An answer may be as old as the last reload that was done when it was
                # asked for, and as new as the newest sources when it came.
                oldest = self.oldest
                try:
                    connection.request("GET", f"/{mount}/")
                    response = connection.getresponse()
                    text = response.read().decode()
                except (OSError, http.client.HTTPException) as error:
                    self.failures.append(repr(error))
                    connection.close()
                    continue
                self.asked += 1
                if response.status != 200 or not self._right(mount, text, oldest):
                    self.failures.append(f"{mount}: {response.status} {text[:60]}")
        if connection.sock is not first:
            self.failures.append("a connection was closed")
        connection.close()

    def _right(self, mount: str, text: str, oldest: int) -> bool:
        if mount != "notes":
            return text == mount
        number = re.fullmatch(r"notes (\d+)", text)
        return number is not None and oldest <= int(number[1]) <= self.newest


def ask(port: int, method: str, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, headers={"Authorization": "Bearer benchmark"})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"{method} {path}: {response.status} {text}")
    return text


def resident(pid: int) -> int:
    """Return the resident memory of a process, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0])


def settled_modules(port: int) -> int:
    """Return how many modules there are once the replaced mounts are closed."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        mounts = json.loads(ask(port, "GET", "/_gateway/status"))["mounts"]
        if all(mount["state"] == "serving" for mount in mounts):
            break
        time.sleep(0.05)
    return int(ask(port, "GET", "/plain/modules"))


def write(home: Path) -> None:
    for name, text in {
        "gateway.yaml": CONFIG,
        "notes/app.py": NOTES,
        "notes/views.py": VIEWS,
        "notes/models.py": MODELS.format(0),
        "shop/app.py": SHOP,
        "plain/app.py": PLAIN,
    }.items():
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text(text)


def run(home: Path, reloads: int) -> bool:
    command = [sys.executable, "-m", "gateway", "serve", "--quiet", "--port", "0"]
    server = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        lines = iter(server.stdout.readline, "")
        url = next(line for line in lines if line.startswith("Serving on")).split()[2]
        return measure(home, server.pid, int(url.rpartition(":")[2]), reloads)
    finally:
        server.terminate()
        server.wait(60)


def measure(home: Path, pid: int, port: int, reloads: int) -> bool:
    for path in ("/notes/", "/shop/", "/plain/"):
        ask(port, "GET", path)
    ask(port, "POST", "/_gateway/reload")
    modules = settled_modules(port)
    seconds: list[float] = []
    at_settled = 0
    with Clients(port) as clients:
        for number in range(1, reloads + 1):
            (home / "notes" / "models.py").write_text(MODELS.format(number))
            clients.newest = number
            report = json.loads(ask(port, "POST", "/_gateway/reload"))
            if report["replaced"] != ["notes"]:
                clients.failures.append(f"reload {number}: {report}")
            clients.oldest = number
            seconds.append(report["seconds"])
            if number == min(SETTLED, reloads):
                at_settled = resident(pid)
        at_last = resident(pid)
    after = settled_modules(port)
    return show(clients, seconds, at_settled, at_last, modules, after)


def show(
    clients: Clients,
    seconds: list[float],
    at_settled: int,
    at_last: int,
    before: int,
    after: int,
) -> bool:
    median = statistics.median(seconds)
    growth = at_last / at_settled - 1
    print(f"{len(seconds)} reloads, {clients.asked} answers")
    print(f"failed or wrong: {len(clients.failures)} (bar: 0)")
    for failure in clients.failures[:5]:
        print(f"  {failure}")
    print(
        f"reload: median {median * 1000:.1f} ms (bar: {BAR_SECONDS * 1000:.0f}), "
        f"longest {max(seconds) * 1000:.1f} ms"
    )
    print(
        f"resident: {at_settled / 1024:.1f} MiB after the {SETTLED}th, "
        f"{at_last / 1024:.1f} MiB after the last, {growth:+.1%} (bar: 10 %)"
    )
    print(f"modules: {before} before, {after} after")
    return (
        not clients.failures
        and median <= BAR_SECONDS
        and growth <= BAR_GROWTH
        and before == after
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reloads", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write(home)
        good = run(home, options.reloads)
    print("ok" if good else "NOT ok")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
