"""Memory of 20 small Flask apps: one gateway against 20 waitress processes.

    python benchmarks/memory.py [--apps 20]

Every app is its own folder with its own ``app.py`` and ``models.py``. Each way is
served for real and asked for a page of every app; then the proportional set size (PSS:
shared pages are divided among those who share them) of all its processes is added up.
Linux only, from ``/proc/PID/smaps_rollup``.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

BAR_MB = 55.0

APP = """
from flask import Flask, g, render_template_string
import models

def create_app():
    app = Flask(__name__)

    @app.get("/")
    def index():
        g.items = models.items()
        page = "<h1>{{ name }}</h1>{% for i in g.items %}{{ i }} {% endfor %}"
        return render_template_string(page, name=models.NAME)
    return app
"""

ALONE = """
import sys
from waitress import create_server
sys.path.insert(0, sys.argv[1])
from app import create_app
server = create_server(create_app(), host="127.0.0.1", port=0, threads=4)
print("Serving on http://127.0.0.1:%s" % server.effective_port, flush=True)
server.run()
"""


def write_apps(home: Path, count: int) -> list[str]:
    names = [f"app{number:02}" for number in range(count)]
    for name in names:
        (home / name).mkdir()
        (home / name / "app.py").write_text(APP)
        (home / name / "models.py").write_text(
            f'NAME = "{name}"\n\ndef items():\n    return list(range(10))\n'
        )
    mounts = "".join(
        f"  {name}: {{app: 'app:create_app', path: {name}}}\n" for name in names
    )
    (home / "gateway.yaml").write_text(f"server: {{threads: 4}}\nmounts:\n{mounts}")
    return names


def start(stack: ExitStack, *command: str) -> tuple[int, str]:
    """Start a server, and return its process id and its URL."""
    process = stack.enter_context(
        subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
    )
    stack.callback(process.terminate)
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.match(r"Serving on (\S+)", line):
            return process.pid, found[1]
    raise SystemExit(f"{command} did not start")


def ask(url: str, name: str) -> None:
    with urlopen(url, timeout=20) as response:
        assert name in response.read().decode(), url


def pss(pid: int) -> float:
    """Return the proportional set size of a process, in MB of 10**6 bytes."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.M)
    assert found
    return int(found[1]) * 1024 / 1e6


def one_gateway(home: Path, names: list[str]) -> float:
    with ExitStack() as stack:
        pid, url = start(
            stack,
            *("-m", "gateway", "serve", "-q", "--port", "0"),
            *("-c", str(home / "gateway.yaml")),
        )
        for name in names * 3:
            ask(f"{url}/{name}/", name)
        time.sleep(0.5)
        return pss(pid)


def many_processes(home: Path, names: list[str]) -> float:
    with ExitStack() as stack:
        started = [start(stack, "-c", ALONE, str(home / name)) for name in names]
        for (_, url), name in zip(started * 3, names * 3, strict=True):
            ask(url, name)
        time.sleep(0.5)
        return sum(pss(pid) for pid, _ in started)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--apps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        names = write_apps(home, options.apps)
        ours = sorted(one_gateway(home, names) for _ in range(options.rounds))
        theirs = many_processes(home, names)
    middle = ours[len(ours) // 2]
    print(
        f"one gateway, {options.apps} Flask apps:    {middle:6.1f} MB PSS"
        f"  ({ours[0]:.1f} to {ours[-1]:.1f})"
        f"  bar {BAR_MB:.0f}: {'met' if middle <= BAR_MB else 'MISSED'}"
    )
    print(f"{options.apps} waitress processes:          {theirs:6.1f} MB PSS")
    return 0 if middle <= BAR_MB else 1


if __name__ == "__main__":
    sys.exit(main())
