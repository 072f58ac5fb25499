"""Serve for long, with faults and reloads, and see whether anything grows.

    python benchmarks/soak.py [--minutes 30] [--rate 100]

``gateway serve`` runs as a process of its own, with a Flask, a native, an ASGI and a
plain mount, and one that does wrong. A few clients ask them at a modest rate, over
keep-alive connections, and some of them leave in the middle of a response; the sources
of the Flask mount are edited and reloaded twice a minute. Every few seconds the
resident memory, the threads and the file descriptors of the server are looked at, in
moments without a connection or a reload.

The bars: no good answer fails; after the warm-up, a fifth of the time, the memory of
the last fifth is less than 5 % above that of the fifth after the warm-up (medians);
threads and file descriptors stay as many. Linux only, from ``/proc/PID``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

BAR_GROWTH = 0.05
CLIENTS = 4

FLASK = """
from flask import Flask, render_template_string, session
import models

def create_app():
    app = Flask(__name__)
    app.secret_key = "soak"

    @app.get("/")
    def index():
        session["n"] = session.get("n", 0) + 1
        return render_template_string("{{ name }} {{ n }}", name="flask", n=models.N)
    return app
"""
MODELS = "N = {}\nDATA = list(range(5000))\n"
NATIVE = """
from gateway import App, g

app = App(__name__)

@app.route("/", methods=["GET", "POST"])
def index():
    g.name = "native"
    return {"name": g.name}
"""
ASGI = """
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind.endswith("shutdown"):
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    part = {"type": "http.response.body", "body": b"a" * 512, "more_body": True}
    for _ in range(8):
        await send(part)
    await send({"type": "http.response.body", "body": b""})
"""
PLAIN = """
def application(environ, start_response):
    size = len(environ["wsgi.input"].read())
    body = b"plain %d" % size
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
FAULTY = """
import sys, threading
from gateway import App, AppContext

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/raise":
        raise ValueError("as always")
    if path == "/exit":
        sys.exit(1)
    if path == "/recurse":
        return application(environ, start_response)
    if path == "/push":
        AppContext(App("left")).push()
    if path == "/thread":
        threading.Thread(target=sum, args=([1],)).start()
    if path == "/none":
        return None
    if path == "/header":
        start_response("200 OK", [("X-Split", "a\\r\\nb")])
    if path == "/stream":
        start_response("200 OK", [])
        return stream()
    if path == "/cut":
        start_response("200 OK", [("Content-Length", "100")])
        return [b"short"]
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

def stream():
    for _ in range(10_000):
        yield b"x" * 8192
"""
FAULTS = ("raise", "exit", "recurse", "push", "thread", "none", "header", "cut")
BAD_HTTP = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    b"GET /plain/ HTTP/1.1\r\nHost: x\r\nX: ",
    b"\x16\x03\x01\r\n\r\n",
)
CONFIG = """
server: {threads: 8, idle_timeout: 60s}
admin: {token: soak}
mounts:
  flask: {app: "app:create_app", path: flask}
  native: {app: "app:app", path: native}
  asgi: {asgi: "app:application", path: asgi}
  plain: {app: "app:application", path: plain}
  faulty: {app: "app:application", path: faulty}
"""
SOURCES = {
    "gateway.yaml": CONFIG,
    "flask/app.py": FLASK,
    "flask/models.py": MODELS.format(0),
    "native/app.py": NATIVE,
    "asgi/app.py": ASGI,
    "plain/app.py": PLAIN,
    "faulty/app.py": FAULTY,
}


@dataclass
class Load:
    """What the clients do, and what has come of it."""

    port: int
    rate: float
    asked: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    # Held by a client while it asks, and by whoever looks at the server.
    quiet: list[threading.Lock] = field(
        default_factory=lambda: [threading.Lock() for _ in range(CLIENTS)]
    )

    def __post_init__(self) -> None:
        self.connections = [
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            for _ in range(CLIENTS)
        ]

    def run(self, number: int) -> None:
        chance = random.Random(number)
        connection = self.connections[number]
        while not self.stop.wait(chance.expovariate(self.rate / CLIENTS)):
            with self.quiet[number]:
                self.ask(connection, chance)
        connection.close()

    def ask(
        self, connection: http.client.HTTPConnection, chance: random.Random
    ) -> None:
        kind = chance.choices(["good", "fault", "leave", "bad"], [80, 14, 3, 3])[0]
        self.asked[kind] += 1
        try:
            if kind == "good":
                self.good(connection, chance)
            elif kind == "fault":
                self.fault(chance.choice(FAULTS))
            elif kind == "leave":
                self.raw(b"GET /faulty/stream HTTP/1.1\r\nHost: x\r\n\r\n")
            else:
                self.raw(chance.choice(BAD_HTTP))
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.failures.append(f"{kind}: {error!r}")

    def good(
        self, connection: http.client.HTTPConnection, chance: random.Random
    ) -> None:
        mount = chance.choice(("flask", "native", "asgi", "plain"))
        body = os.urandom(chance.choice((10, 1000, 600_000)))
        if mount == "plain":
            connection.request("POST", "/plain/", body=body)
        else:
            connection.request("GET", f"/{mount}/")
        response = connection.getresponse()
        text = response.read()
        expected = {"asgi": b"a" * 4096, "plain": b"plain %d" % len(body)}
        right = text == expected.get(mount, text) and mount[:1].encode() in text
        if response.status != 200 or not right:
            self.failures.append(f"{mount}: {response.status} {text[:60]!r}")

    def fault(self, name: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", f"/faulty/{name}")
        response = connection.getresponse()
        try:
            response.read()
        except http.client.IncompleteRead:
            assert name == "cut"
        connection.close()

    def raw(self, request: bytes) -> None:
        """Send it, look at the beginning of the answer, and leave."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as client:
            client.sendall(request)
            if request.endswith(b"\r\n\r\n"):
                client.recv(1000)


@dataclass(frozen=True)
class Sample:
    """The server at a moment: in KiB, and numbers."""

    second: float
    resident: int
    threads: int
    descriptors: int


def look(pid: int, second: float) -> Sample:
    status = Path(f"/proc/{pid}/status").read_text()
    return Sample(
        second,
        int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]),
        int(re.findall(r"Threads:\s+(\d+)", status)[0]),
        len(os.listdir(f"/proc/{pid}/fd")),
    )


def admin(port: int, method: str, path: str) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(
        method, f"/_gateway/{path}", headers={"Authorization": "Bearer soak"}
    )
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    if response.status != 200:
        raise SystemExit(f"{method} {path}: {response.status} {answer}")
    return answer  # type: ignore[no-any-return]


def settle(port: int) -> None:
    """Wait until replaced mounts are closed, and left responses have ended."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        mounts = admin(port, "GET", "status")["mounts"]
        assert isinstance(mounts, list)
        busy = sum(each["in_flight"] for each in mounts)  # This request is one.
        if busy <= 1 and all(each["state"] == "serving" for each in mounts):
            break
        time.sleep(0.05)
    time.sleep(0.3)


def soak(home: Path, pid: int, port: int, seconds: float, load: Load) -> list[Sample]:
    samples: list[Sample] = []
    reloads = 0
    every = min(10.0, seconds / 40)
    started = time.monotonic()
    reloaded = started
    while (now := time.monotonic() - started) < seconds:
        time.sleep(every)
        if time.monotonic() - reloaded >= min(30.0, seconds / 12):
            reloaded = time.monotonic()
            reloads += 1
            (home / "flask" / "models.py").write_text(MODELS.format(reloads))
            report = admin(port, "POST", "reload")
            if report["replaced"] != ["flask"]:
                load.failures.append(f"reload {reloads}: {report}")
        for lock in load.quiet:
            lock.acquire()
        try:
            for connection in load.connections:
                connection.close()  # It is opened again by the next request.
            settle(port)
            samples.append(look(pid, now))
        finally:
            for lock in load.quiet:
                lock.release()
    load.asked["reload"] = reloads
    return samples


def show(samples: list[Sample], load: Load) -> bool:
    fifth = max(len(samples) // 5, 1)
    print("  time   resident  threads  descriptors")
    for sample in samples[:: max(len(samples) // 20, 1)]:
        print(
            f"{sample.second / 60:5.1f}m {sample.resident / 1024:6.1f} MiB"
            f" {sample.threads:8} {sample.descriptors:12}"
        )
    warm = samples[fifth:]
    first = statistics.median(each.resident for each in warm[:fifth])
    last = statistics.median(each.resident for each in warm[-fifth:])
    growth = last / first - 1
    threads = sorted({each.threads for each in warm})
    descriptors = sorted({each.descriptors for each in warm})
    print(", ".join(f"{count} {kind}" for kind, count in sorted(load.asked.items())))
    print(f"failed or wrong: {len(load.failures)} (bar: 0)")
    for failure in load.failures[:5]:
        print(f"  {failure}")
    print(
        f"resident: {first / 1024:.1f} MiB after the warm-up, {last / 1024:.1f} MiB at "
        f"the end, {growth:+.1%} (bar: {BAR_GROWTH:.0%})"
    )
    print(f"threads: {threads}, file descriptors: {descriptors} (bar: one number each)")
    constant = len(threads) == len(descriptors) == 1
    return not load.failures and growth < BAR_GROWTH and constant


def run(home: Path, minutes: float, rate: float) -> bool:
    command = [sys.executable, "-m", "gateway", "serve", "--quiet", "--port", "0"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=home, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert server.stdout is not None
        lines = iter(server.stdout.readline, "")
        url = next((line for line in lines if line.startswith("Serving on")), None)
        if url is None:
            raise SystemExit((home / "log").read_text())
        load = Load(int(url.split()[2].rpartition(":")[2]), rate)
        threads = [
            threading.Thread(target=load.run, args=(number,))
            for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        try:
            samples = soak(home, server.pid, load.port, minutes * 60, load)
        finally:
            load.stop.set()
            for thread in threads:
                thread.join()
        return show(samples, load)
    finally:
        server.terminate()
        if server.wait(60) != 0:
            print(f"the server ended with {server.returncode}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=100, help="requests a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name, text in SOURCES.items():
            (home / name).parent.mkdir(exist_ok=True)
            (home / name).write_text(text)
        good = run(home, options.minutes, options.rate)
    print("ok" if good else "NOT ok")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
