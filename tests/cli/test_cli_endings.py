"""The end of each command, also of applications that do not want to end."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from processes import command, environment, get, run, serving

WriteFiles = Callable[[Mapping[str, str]], Path]

PLAIN = """
import threading, time
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"served"]
def close():
    pass
"""
FOREVER = "threading.Thread(target=time.sleep, args=(60,), name='poller').start()\n"
POOL = """
from concurrent.futures import ThreadPoolExecutor
import atexit
pool = ThreadPoolExecutor()
pool.submit(int).result()
atexit.register(lambda: print("the exit function ran", flush=True))
"""
STUCK = "def close():\n    time.sleep(60)\n"
CONFIG = """
server: {drain_timeout: 2s}
mounts:
  first: {app: "first:application", shutdown: "first:close"}
  stuck: {app: "stuck:application", shutdown: "stuck:close"}
"""


@pytest.fixture
def one(write_files: WriteFiles) -> Callable[[str], Path]:
    """Write a configuration of one mount, whose module is a plain one and more."""

    def write(more: str, key: str = "") -> Path:
        config = f"mounts: {{shop: {{app: 'app:application', prefix: / {key}}}}}\n"
        return write_files({"gateway.yaml": config, "app.py": PLAIN + more})

    return write


@pytest.mark.parametrize("arguments", [["check"], ["call", "/"], ["prove"]])
def test_a_thread_of_an_application_does_not_keep_the_process(
    arguments: list[str], one: Callable[[str], Path]
) -> None:
    result = run(one(FOREVER), *arguments)
    assert result.returncode == 0
    # A proof loads each mount a second time, for its reload.
    told = r"cut off at the end of the process: 'poller'(, 'poller')?\. Threads of"
    assert re.search(told, result.stderr)
    assert result.stdout.splitlines()[-1:] != []


def test_a_thread_of_an_application_does_not_keep_the_server(
    one: Callable[[str], Path],
) -> None:
    with serving(one(FOREVER)) as served:
        assert get(served.url) == "served"
        started = time.monotonic()
        served.process.terminate()
        errors = served.process.communicate(timeout=10)[1]
        seconds = time.monotonic() - started
    assert served.process.returncode == 0
    assert seconds < 5
    assert "'poller'" in errors.splitlines()[-1]


def test_the_exit_code_is_kept(one: Callable[[str], Path]) -> None:
    result = run(one(FOREVER + "raise ValueError('at import')"), "check")
    assert result.returncode == 1
    assert "ValueError: at import" in result.stderr
    assert "'poller'" in result.stderr


def test_idle_threads_of_a_pool_end_by_themselves(one: Callable[[str], Path]) -> None:
    result = run(one(POOL), "check")
    # As the mount is closed, and so beside what the command has to say.
    assert (result.returncode, result.stderr) == (0, "the exit function ran\n")
    assert result.stdout.endswith("everything loads.\n")


def test_a_shutdown_that_hangs_is_cut_off_and_the_others_have_theirs(
    write_files: WriteFiles,
) -> None:
    closing = "def close():\n    print('first is closed', flush=True)\n"
    home = write_files(
        {"gateway.yaml": CONFIG, "first.py": PLAIN + closing, "stuck.py": PLAIN + STUCK}
    )
    with serving(home, "-q") as served:
        assert get(f"{served.url}/first/") == "served"
        started = time.monotonic()
        served.process.terminate()
        output, errors = served.process.communicate(timeout=10)
        seconds = time.monotonic() - started
    assert 1.5 < seconds < 6
    assert output == "first is closed\n"
    assert re.search(r"WARNING mount stuck: still closing after [12]\.\ds: cut", errors)
    assert served.process.returncode == 1
    for arguments in (["check"], ["call", "/first"]):
        result = run(home, *arguments)
        assert result.returncode == 0
        assert "mount stuck: still closing after 2.0s" in result.stderr


def test_a_blocking_call_in_an_asgi_mount_is_cut_off(write_files: WriteFiles) -> None:
    asgi = """
        import asyncio, pathlib, time
        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                raise RuntimeError("not known")
            pathlib.Path("begun").touch()
            await asyncio.to_thread(time.sleep, 60)
        """
    config = "server: {drain_timeout: 1s}\nmounts: {api: {asgi: 'main:app'}}\n"
    home = write_files({"gateway.yaml": config, "main.py": asgi})
    with serving(home, "-q") as served:
        curl = subprocess.Popen(["curl", "-s", f"{served.url}/api/"])
        while not (home / "begun").exists():
            time.sleep(0.02)
        started = time.monotonic()
        served.process.terminate()
        errors = served.process.communicate(timeout=20)[1]
        seconds = time.monotonic() - started
        curl.wait(timeout=10)
    assert seconds < 10
    assert "cut off at the end of the process: 'asyncio_0'" in errors
    assert served.process.returncode == 1


SWALLOWING = """
try:
    print("loading", flush=True)
    time.sleep(20)
except BaseException:
    print("swallowed", flush=True)
"""


@pytest.mark.parametrize(
    ("more", "printed"), [(SWALLOWING, "swallowed\n"), ("", "")], ids=["swallowed", ""]
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_loading_ends_it(
    number: signal.Signals, more: str, printed: str, one: Callable[[str], Path]
) -> None:
    more = more or "print('loading', flush=True)\ntime.sleep(20)\n"
    process = subprocess.Popen(
        command("serve", "--port", "0"),
        cwd=one(more),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(number)
        output = process.communicate(timeout=10)
    finally:
        process.kill()
        process.communicate()
    assert output == (printed, "")
    assert process.returncode == 128 + number


def test_nohup_is_respected(one: Callable[[str], Path]) -> None:
    process = subprocess.Popen(
        ["nohup", *command("serve", "--port", "0")],
        cwd=one("print('loading', flush=True)\ntime.sleep(0.5)\n"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGHUP)
        for line in process.stdout:
            if line.startswith("Serving on"):
                break
        assert get(line.split()[2]) == "served"
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_the_log_survives_an_application_that_configures_logging(
    one: Callable[[str], Path],
) -> None:
    configuring = """
import logging, logging.config
logging.config.dictConfig({
    "version": 1,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "loggers": {"gateway": {"level": "CRITICAL", "handlers": ["null"]}},
    "root": {"handlers": ["null"]},
})
"""
    with serving(one(configuring)) as served:
        assert get(served.url) == "served"
        served.process.terminate()
        errors = served.process.communicate(timeout=10)[1]
    assert errors.count('"GET / HTTP/1.1" 200') == 1


def test_what_connects_while_loading_is_served_after_it(
    one: Callable[[str], Path],
) -> None:
    with serving(one("")) as served:
        port = served.url.rpartition(":")[2]
    home = one("from pathlib import Path\nPath('begun').touch()\ntime.sleep(1)\n")
    process = subprocess.Popen(
        command("serve", "-q", "--port", port),
        cwd=home,
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    try:
        while not (home / "begun").exists():
            time.sleep(0.02)
        assert get(served.url) == "served"
        process.terminate()
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
