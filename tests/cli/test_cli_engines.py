"""The gateway in other servers: isolation, limits, signals, forks; real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import environment, get, run, serving

WriteFiles = Callable[[Mapping[str, str]], Path]

FLASK = """
import os, pathlib, time
from contextvars import ContextVar
import gateway
from flask import Flask, g, request

app = Flask(__name__)
seen = ContextVar("seen", default="nothing")
forked = []

@app.get("/")
def index():
    before = f"{'mine' in g} {'mine' in gateway.g} {seen.get()}"
    value = request.args["value"]
    g.mine = gateway.g.mine = value
    seen.set(value)
    time.sleep(0.01)
    name = gateway.current_app.config["NAME"]
    own = f"{name} {os.environ['MINE']}"
    return f"{before} {g.mine} {gateway.g.mine} {seen.get()} {own}"

@app.get("/pid")
def pid():
    return str(os.getpid())

@app.get("/forked")
def forked_():
    return repr([each == os.getpid() for each in forked])

@app.get("/slow")
def slow():
    def body():
        for each in range(4):
            yield f"{each}"
            time.sleep(0.15)
    pathlib.Path(os.environ["GATEWAY_HOME_"], "begun").touch()
    return body()

def reopen():
    assert gateway.current_app.config["NAME"] == os.environ["MINE"]
    forked.append(os.getpid())

def close():
    with open(os.path.join(os.environ["GATEWAY_HOME_"], "closed"), "a") as file:
        file.write(f"{os.getpid()} ")
"""
BARE = """
import os
def application(environ, start_response):
    if environ["PATH_INFO"] == "/write":
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"written ")
        return iter([b"", b"and returned"])
    if environ["PATH_INFO"] == "/late":
        def late():
            start_response("202 Accepted", [("X-Late", "yes")])
            yield b""
            yield b"late"
        return late()
    if environ["PATH_INFO"] == "/raises":
        def raises():
            start_response("200 OK", [])
            raise RuntimeError("before the first part")
            yield b""
        return raises()
    if environ["PATH_INFO"] == "/read":
        size = len(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [str(size).encode()]
    if environ["PATH_INFO"] == "/hang":
        import time
        from pathlib import Path
        while not Path(os.environ["GATEWAY_HOME_"], "go_on").exists():
            time.sleep(0.02)
    if environ["PATH_INFO"] == "/server":
        start_response("200 OK", [])
        return [environ["SERVER_SOFTWARE"].encode()]
    start_response("200 OK", [])
    secret = "SECRET_OF_THE_PROCESS" in environ
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    scheme = environ["wsgi.url_scheme"]
    path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
    return [f"{path} {secret} {forwarded} {scheme}".encode("latin-1")]
"""
ASGI = """
import os

async def app(scope, receive, send):
    global begun
    if scope["type"] == "lifespan":
        await receive()
        begun = os.getpid()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        body = str(begun == os.getpid()).encode()
        await send({"type": "http.response.body", "body": body})
"""
CONFIG = """
server: {max_body: 1KiB, drain_timeout: 5s, workers: 2}
admin: {token: a-token-for-this-test}
defaults: {env: {GATEWAY_HOME_: "${GATEWAY_HOME}"}}
mounts:
  one: &mount
    app: app:app
    path: app
    on_fork: app:reopen
    shutdown: app:close
    config: {NAME: first}
    env: {MINE: first}
  two: {app: "app:app", path: app, config: {NAME: second}, env: {MINE: second}}
  full: {app: "app:app", path: app, max_concurrency: 1}
  bare: {app: "bare:application", path: bare}
  api: {asgi: "main:app", path: api}
""".replace("&mount\n", "\n")


@pytest.fixture
def home(write_files: WriteFiles) -> Path:
    """A folder with a configuration and its applications."""
    return write_files(
        {
            "gateway.yaml": CONFIG,
            "app/app.py": FLASK,
            "bare/bare.py": BARE,
            "api/main.py": ASGI,
        }
    )


GTHREAD = ("--engine", "gunicorn", "--worker-class", "gthread")
GEVENT = ("--engine", "gunicorn", "--worker-class", "gevent")
GRANIAN = ("--engine", "granian", "--workers", "1")
OURS = {"gthread": GTHREAD, "gevent": GEVENT, "granian": GRANIAN}
FOREIGN = {
    "gunicorn": [
        *("gunicorn", "-b", "127.0.0.1:0", "-w", "2", "--threads", "4"),
        *("--no-control-socket", "--preload", "gateway.wsgi:application"),
    ],
    "uwsgi": [
        *("pyuwsgi", "--http-socket", "127.0.0.1:0", "--master", "-p", "2"),
        *("--threads", "4", "--need-app", "--die-on-term"),
        *("--module", "gateway.wsgi:application"),
    ],
}


@contextmanager
def engine(name: str, home: Path) -> Iterator[str]:
    """Serve in one of the engines, and end it in good order."""
    if name in OURS:
        with serving(home, *OURS[name]) as served:
            yield served.url
            served.process.terminate()
            assert served.process.communicate(timeout=15) is not None
            assert served.process.returncode == 0
        return
    program = Path(sys.executable).with_name(FOREIGN[name][0])
    if not program.exists():
        pytest.skip(f"component not installed: {program.name}")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, *FOREIGN[name][1:]],
            cwd=home,
            env=environment(PYTHONHOME="") | _virtual(),
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{_port(process, home / 'log')}"
    finally:
        process.terminate()
        process.wait(15)


def _virtual() -> dict[str, str]:
    # An embedded interpreter has to be told where its packages are.
    paths = [environment()["PYTHONPATH"], *(each for each in sys.path if each)]
    return {"PYTHONPATH": os.pathsep.join(paths)}


def _port(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 15
    found = None
    while found is None:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
        found = re.search(
            r"(?:Listening at|bound to).*127\.0\.0\.1:(\d+)", log.read_text()
        )
    return found[1]


@pytest.mark.parametrize("name", [*OURS, *FOREIGN])
def test_contexts_are_apart(name: str, home: Path) -> None:
    def ask(number: int) -> None:
        mount, own = (("one", "first"), ("two", "second"))[number % 2]
        answer = get(f"{url}/{mount}/?value={number}")
        assert answer == f"False False nothing {number} {number} {number} {own} {own}"

    with engine(name, home) as url, ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(80)))
        assert get(f"{url}/api/") == "True"  # its lifespan began where it serves
        expected = "[]" if name == "granian" else "[True]"
        assert get(f"{url}/one/forked") == expected


@pytest.mark.parametrize("name", ["granian", "gthread"])
def test_what_pep_3333_promises(name: str, home: Path) -> None:
    with engine(name, home) as url:
        assert get(f"{url}/bare/write") == "written and returned"
        with urllib.request.urlopen(f"{url}/bare/late") as response:
            assert response.status == 202
            assert response.headers["X-Late"] == "yes"
            assert response.read() == b"late"
        assert status(f"{url}/bare/raises") == 500
        assert status(f"{url}/bare/read", b"x" * 1025) == 413
        assert status(f"{url}/bare/read", iter([b"x" * 700] * 2)) == 413
        assert status(f"{url}/bare/read", iter([b"x" * 700])) == 200
        headers = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"}
        request = urllib.request.Request(f"{url}/bare/caf%C3%A9//x", headers=headers)
        with urllib.request.urlopen(request) as response:
            assert response.read().decode() == "/bare/café//x False None http"
        request = urllib.request.Request(f"{url}/one/pid", method="HEAD")
        with urllib.request.urlopen(request) as response:
            assert int(response.headers["Content-Length"]) > 0
            assert response.read() == b""


def status(url: str, data: bytes | Iterator[bytes] | None = None) -> int:
    try:
        with urllib.request.urlopen(url, data, timeout=10) as response:
            code: int = response.status
            return code
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("name", OURS)
def test_a_request_in_flight_is_finished(name: str, home: Path) -> None:
    with (
        ThreadPoolExecutor(1) as pool,
        serving(home, "--quiet", *OURS[name]) as served,
    ):
        answer = pool.submit(get, f"{served.url}/full/slow")
        until((home / "begun").exists)
        if name == "granian":  # the others have a second process
            assert status(f"{served.url}/full/pid") == 503
        served.process.terminate()
        assert answer.result(10) == "0123"
        served.process.communicate(timeout=15)
        assert served.process.returncode == 0
    closed = set((home / "closed").read_text().split())
    # Where the mounts were loaded before the fork, they are closed there, too. The
    # second process may not have begun yet when the signal comes.
    assert len(closed) == 1 if name == "granian" else len(closed) >= 2


def test_requests_that_hang_hold_up_no_others_with_granian(home: Path) -> None:
    options = (*GRANIAN, "--threads", "4")
    with ThreadPoolExecutor(3) as pool, serving(home, *options) as served:
        # The name that it has when threads take turns; granian's own has a capital.
        assert get(f"{served.url}/bare/server") == "granian"
        hanging = [pool.submit(get, f"{served.url}/bare/hang") for _ in range(3)]
        began = time.monotonic()
        for _ in range(50):
            assert get(f"{served.url}/bare/").startswith("/bare/")
            request = urllib.request.Request(f"{served.url}/bare/read", b"x" * 1000)
            with urllib.request.urlopen(request, timeout=15) as response:
                assert response.read() == b"1000"
        assert time.monotonic() - began < 10
        assert not any(each.done() for each in hanging)
        (home / "go_on").touch()
        assert all(each.result(15).startswith("/bare/hang") for each in hanging)
        served.process.terminate()
        served.process.communicate(timeout=15)
        assert served.process.returncode == 0


@pytest.mark.parametrize("name", OURS)
def test_the_lines_of_the_last_requests_are_written(name: str, home: Path) -> None:
    with serving(home, *OURS[name]) as served:
        for number in range(5):
            get(f"{served.url}/bare/last{number}")
        served.process.terminate()
        _, log = served.process.communicate(timeout=15)
    # Those of two processes may change places: each writes its own, a little late.
    assert sorted(re.findall(r"GET /bare/last(\d)", log)) == list("01234")


@pytest.mark.parametrize("name", OURS)
def test_a_hangup_reloads(name: str, home: Path) -> None:
    with serving(home, *OURS[name]) as served:
        code, text = reloaded_over_http(served.url)
        # It would reach one of gunicorn's processes only.
        assert code == (200 if name == "granian" else 422)
        assert ("send SIGHUP" in text) == (name != "granian")
        before = get(f"{served.url}/one/pid")
        source = home / "app" / "app.py"
        source.write_text(
            FLASK.replace("str(os.getpid())", "'new ' + str(os.getpid())")
        )
        served.process.send_signal(signal.SIGHUP)
        until(lambda: get(f"{served.url}/one/pid").startswith("new"))
        # granian's processes replace the mounts in place, gunicorn's are replaced.
        same = get(f"{served.url}/one/pid") == f"new {before}"
        assert same == (name == "granian")
        served.process.terminate()
        served.process.communicate(timeout=15)
        assert served.process.returncode == 0


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def reloaded_over_http(url: str) -> tuple[int, str]:
    request = urllib.request.Request(
        f"{url}/_gateway/reload",
        method="POST",
        headers={"Authorization": "Bearer a-token-for-this-test"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_process_ends_with_its_parent(home: Path) -> None:
    with serving(home, *GRANIAN) as served:
        child = int(get(f"{served.url}/one/pid"))
        served.process.kill()
        served.process.communicate(timeout=15)
    until(lambda: not Path(f"/proc/{child}").exists())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_mount_that_closes_a_stream_closes_nobody_elses(
    method: str, home: Path
) -> None:
    source = BARE.replace("import os\n", "import sys\nsys.stderr.close()\n")
    (home / "bare" / "bare.py").write_text(source.replace('f"{path}', 'f"{is_open()}'))
    with (home / "bare" / "bare.py").open("a") as file:
        file.write("def is_open():\n    return not sys.stderr.closed\n")
    first = f"import multiprocessing\nmultiprocessing.set_start_method({method!r})"
    with serving(home, *GRANIAN, first=first) as served:
        assert get(f"{served.url}/bare/").startswith("True ")


@pytest.mark.parametrize("name", OURS)
def test_what_does_not_load_is_told(name: str, home: Path) -> None:
    (home / "app" / "app.py").write_text("1 / 0")
    result = run(home, "serve", "--port", "0", *OURS[name])
    assert result.returncode == 1
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "mount 'one'" in result.stderr
    assert "arbiter.py" not in result.stderr


@pytest.mark.parametrize("name", ["gthread", "granian"])
def test_an_address_that_is_taken(name: str, home: Path) -> None:
    with serving(home, "-q") as served:
        port = served.url.rpartition(":")[2]
        result = run(home, "serve", "--port", port, *OURS[name])
        assert result.returncode == 1
        assert "cannot listen on 127.0.0.1:" in result.stderr
        assert "Traceback" not in result.stderr


def test_a_fork_that_fails(home: Path) -> None:
    source = FLASK.replace("assert gateway", "1 / 0\n    assert gateway")
    (home / "app" / "app.py").write_text(source)
    result = run(home, "serve", "--port", "0", *GTHREAD)
    assert result.returncode == 3
    assert "its 'on_fork:' failed: ZeroDivisionError" in result.stderr
    assert "mount 'one'" in result.stderr


def test_settings_without_effect_are_told(home: Path) -> None:
    result = run(home, "serve", "--debug", *GRANIAN, "--worker-class", "gevent")
    assert result.returncode == 2
    assert (
        "'server.worker_class' has no effect with the engine granian" in result.stderr
    )
    assert "--debug needs the engine waitress" in result.stderr
    for options, told in ((GEVENT, True), (GTHREAD, False)):
        result = run(home, "serve", "--debug", *options, "--threads", "2")
        assert ("'server.threads' has no effect" in result.stderr) is told


@pytest.mark.parametrize("config", ["nowhere.yaml", "gateway.yaml"])
def test_the_module_for_other_servers_tells_what_is_wrong(
    config: str, home: Path
) -> None:
    (home / "app" / "app.py").write_text("1 / 0")
    result = subprocess.run(
        [sys.executable, "-c", "import gateway.wsgi"],
        cwd=home,
        env=environment(GATEWAY_CONFIG=config),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert result.returncode == 3
    assert "gateway/wsgi.py" not in result.stderr
    wrong = "there is no such file" if config == "nowhere.yaml" else "ZeroDivisionError"
    assert wrong in result.stderr


def test_serve_names_the_extra_of_an_engine(home: Path) -> None:
    script = (
        "import sys; sys.modules['granian'] = None; sys.modules['gunicorn'] = None\n"
        "from gateway.cli import main; main()"
    )
    for name in ("granian", "gunicorn"):
        result = subprocess.run(
            [sys.executable, "-c", script, "serve", "--engine", name],
            cwd=home,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert result.returncode == 1
        assert f"pip install 'wsgi-gateway[{name}]'" in result.stderr
