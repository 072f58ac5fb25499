"""``gateway health`` and the lines that ``gateway serve`` logs."""

from __future__ import annotations

import json
import logging
import re
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from processes import get, run, serving

from gateway.cli.log_lines import LogLines

WriteFiles = Callable[[Mapping[str, str]], Path]

APP = """
import pathlib

def application(environ, start_response):
    if environ["PATH_INFO"] == "/boom":
        raise ValueError("boom")
    ill = (pathlib.Path(__file__).parent / "ill").exists()
    start_response("503 No" if ill else "200 OK", [("Content-Type", "text/plain")])
    return [b"x"]
"""
CONFIG = """
server: {access_log: json}
admin:
mounts:
  one: {app: "app:application", path: one, probe: /}
  two: {app: "app:application", path: two, probe: /, on_load_error: degrade}
"""


def test_health_of_a_server_and_its_log(write_files: WriteFiles) -> None:
    files = {"one/app.py": APP, "two/app.py": APP, "gateway.yaml": CONFIG}
    home = write_files(files)
    with serving(home) as served:
        port = served.url.rpartition(":")[2]

        def health(*arguments: str) -> tuple[int, str]:
            done = run(home, "health", "--port", port, *arguments)
            return done.returncode, done.stdout + done.stderr

        def health_at_last(code: int, *arguments: str) -> str:
            # An answer of a mount counts for a moment.
            deadline = time.monotonic() + 10
            while (found := health(*arguments))[0] != code:
                assert time.monotonic() < deadline, found
            return found[1]

        assert health() == (0, "ready\n")
        assert health("--quiet") == (0, "")
        assert health("--live") == (0, "alive\n")
        (home / "two" / "ill").touch()
        text = health_at_last(1, "--mount", "two")
        assert re.fullmatch(r"unready\nmount 'two': probe: / answered 503.*\n", text)
        assert health("--mount", "one") == (0, "ready\n")
        code, text = health()
        assert (code, text.splitlines()[0]) == (0, "degraded")
        (home / "one" / "ill").touch()
        assert health_at_last(1).splitlines()[0] == "unready"
        metrics = get(f"{served.url}/_gateway/metrics").splitlines()
        assert 'gateway_requests_queued{mount="_admin"} 0.0' in metrics
        assert 'gateway_requests_rejected_total{mount="_admin"} 0.0' in metrics
        code, text = health("--mount", "ones")
        assert code == 1
        assert text == "error: there is no mount 'ones': did you mean 'one'?\n"
        request = urllib.request.Request(
            f"{served.url}/one/boom", headers={"X-Request-ID": "r1"}
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)
        caught.value.close()
        assert caught.value.headers["X-Request-ID"] == "r1"
        served.process.send_signal(signal.SIGTERM)
        errors = served.process.communicate(timeout=20)[1]
    lines = [json.loads(line) for line in errors.splitlines()]
    ours = [line for line in lines if line["request_id"] == "r1"]
    assert [line["logger"] for line in ours] == ["gateway.mount", "gateway.access"]
    assert ours[0]["exception"].endswith("ValueError: boom")
    assert ours[0]["mount"] == ours[1]["mount"] == "one"
    assert ours[1]["status"] == 500


def test_nothing_listens(write_files: WriteFiles) -> None:
    home = write_files({"gateway.yaml": CONFIG, "one/app.py": APP})
    done = run(home, "health", "--port", "1")
    assert done.returncode == 1
    assert "nothing listens on 127.0.0.1:1" in done.stderr
    done = run(home, "health", "--live", "--mount", "one")
    assert done.returncode == 2


def record(name: str, message: str, **extra: str) -> logging.LogRecord:
    try:
        raise ValueError("why")
    except ValueError:
        exc_info = sys.exc_info() if name == "gateway.mount" else None
    made = logging.LogRecord(name, logging.ERROR, "x.py", 1, message, (), exc_info)
    made.__dict__.update(extra)
    return made


def test_a_line_of_text_has_the_request_id() -> None:
    lines = LogLines()
    told = lines.format(record("gateway.mount", "failed", request_id="r1"))
    assert re.match(r"[\d-]+ [\d:,]+ ERROR \[r1\] failed\nTraceback", told)
    assert lines.format(record("gateway", "x", request_id="-")).endswith("ERROR x")
    assert lines.format(record("gateway", "x")).endswith("ERROR x")
    # There it is the last field.
    line = lines.format(record("gateway.access", "GET r1", request_id="r1"))
    assert line.endswith("ERROR GET r1")


def test_a_line_of_json() -> None:
    lines = LogLines()
    lines.as_json = True
    told = json.loads(lines.format(record("gateway", "a\n\u2028b")))
    assert re.fullmatch(r"20[\d-]+T[\d:.]+\+00:00", told.pop("time"))
    assert told == {
        "level": "ERROR",
        "logger": "gateway",
        "mount": "-",
        "request_id": "-",
        "message": "a\n\u2028b",
    }
