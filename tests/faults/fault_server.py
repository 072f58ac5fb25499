"""One server process with every faulty mount, and a healthy one beside them."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fault_table import AT_LOAD, FAULTS, PROCESS

import gateway

HERE = Path(__file__).parent
PYTHONPATH = str(Path(gateway.__file__).parents[1])

CONFIG = """
server: {threads: 8, drain_timeout: 5s, idle_timeout: 20s, max_body: 1MiB}
admin: {token: of-the-tests}
defaults: {on_load_error: degrade}
mounts:
  healthy: {app: "healthy:application", path: healthy}
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; *cut* tells of a body that ended before its end."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    cut: bool


@dataclass(slots=True)
class Served:
    """The server process."""

    process: subprocess.Popen[str]
    address: tuple[str, int]
    log: Path

    def connect(self, timeout: float = 10) -> socket.socket:
        return socket.create_connection(self.address, timeout=timeout)

    def ask(self, path: str, body: bytes | None = None, timeout: float = 10) -> Answer:
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            connection.request("GET" if body is None else "POST", path, body=body)
            response = connection.getresponse()
            cut = False
            try:
                content = response.read()
            except http.client.IncompleteRead as error:
                content, cut = error.partial, True
            return Answer(response.status, response.getheaders(), content, cut)
        finally:
            connection.close()

    def healthy(self, path: str = "/healthy/") -> dict[str, Any]:
        answer = self.ask(path)
        assert answer.status == 200, answer
        return json.loads(answer.body)  # type: ignore[no-any-return]

    def admin(self, path: str) -> Any:
        connection = http.client.HTTPConnection(*self.address, timeout=10)
        authorization = {"Authorization": "Bearer of-the-tests"}
        connection.request("GET", f"/_gateway{path}", headers=authorization)
        try:
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
    return {**kept, "PYTHONPATH": PYTHONPATH}


@contextmanager
def serve(home: Path, *options: str) -> Iterator[Served]:
    log = home / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", "--port", "0", *options],
            cwd=home,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            found = (re.match(r"Serving on http://(\S+):(\d+)", line) for line in lines)
            match = next((each for each in found if each), None)
            assert match is not None, log.read_text()
            yield Served(process, (match[1], int(match[2])), log)
        finally:
            process.kill()


def write_faults(home: Path) -> None:
    for name in ("healthy", "misbehaving"):
        (home / name).mkdir()
        shutil.copy(HERE / f"{name}.py", home / name)
    mounts = [
        f'  {name}: {{app: "misbehaving:{name}", path: misbehaving, factory: '
        f"{'true' if name == 'raises_in_teardown' else 'false'}}}\n"
        for name in (*FAULTS, *PROCESS)
    ]
    for name, source in AT_LOAD.items():
        (home / name).mkdir()
        (home / name / "app.py").write_text(source)
        mounts.append(f'  {name}: {{app: "app:application", path: {name}}}\n')
    (home / "gateway.yaml").write_text(CONFIG + "".join(mounts))
