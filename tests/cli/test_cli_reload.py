"""``gateway reload``, ``gateway status`` and SIGHUP, against a server that runs."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from processes import PYTHONPATH, Served, command, environment, get, run, serving

WriteFiles = Callable[[Mapping[str, str]], Path]

APP = """
import models
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [models.NAME.encode()]
"""
CONFIG = """
admin: {token: s3cret}
mounts:
  one: {app: "app:application", path: one}
  two: {app: "app:application", path: two}
"""


@pytest.fixture
def home(write_files: WriteFiles) -> Path:
    return write_files(
        {
            "gateway.yaml": CONFIG,
            **{f"{name}/app.py": APP for name in ("one", "two")},
            **{f"{name}/models.py": f"NAME = '{name}'" for name in ("one", "two")},
        }
    )


@pytest.fixture
def served(home: Path) -> Iterator[Served]:
    with serving(home) as process:
        yield process


class Log:
    """The standard error of a server, as it comes."""

    def __init__(self, served: Served) -> None:
        self.text = ""
        self._stream: Any = served.process.stderr
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._stream:
            self.text += line

    def wait_for(self, pattern: str) -> None:
        eventually(lambda: re.search(pattern, self.text), lambda: self.text)


def eventually(condition: Callable[[], Any], shown: Callable[[], Any] = str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, shown()
        time.sleep(0.02)


def page(url: str) -> str:
    """Return a page, whatever its status."""
    try:
        return get(url)
    except HTTPError as error:
        with error:
            return error.read().decode()


def wait_for_page(url: str, text: str) -> None:
    eventually(lambda: page(url) == text, lambda: page(url))


def port(served: Served) -> str:
    return served.url.rpartition(":")[2]


def ask(home: Path, served: Served, *arguments: str) -> Any:
    name, *more = arguments
    return run(home, name, "--port", port(served), *more)


def test_reload_says_what_it_has_done(home: Path, served: Served) -> None:
    (home / "one" / "models.py").write_text("NAME = 'new'")
    (home / "gateway.yaml").write_text(
        CONFIG + '  three: {app: "app:application", path: two}\n'
    )
    done = ask(home, served, "reload")
    assert (done.returncode, done.stderr) == (0, "")
    replaced, added, kept, seconds = done.stdout.splitlines()
    assert (replaced, added, kept) == ("replaced: one", "added: three", "kept: two")
    assert re.fullmatch(r"reloaded in [\d.]+ms", seconds)
    assert get(f"{served.url}/one/") == "new"
    assert get(f"{served.url}/three/") == "two"
    (home / "gateway.yaml").write_text("server: {threads: 2}" + CONFIG)
    done = ask(home, served, "reload")
    assert "removed: three\n" in done.stdout
    assert "needs a restart: the 'server:' section" in done.stdout


def test_shared_imports_need_a_restart(home: Path) -> None:
    config = CONFIG.replace("path: one", "path: one, imports: shared")
    (home / "gateway.yaml").write_text(config)
    with serving(home) as served:
        (home / "one" / "models.py").write_text("NAME = 'new'")
        done = ask(home, served, "reload")
        assert (
            "needs a restart: one (changed, but with 'imports: shared'" in done.stdout
        )
        assert get(f"{served.url}/one/") == "one"


def test_a_reload_tells_why_a_mount_goes_on_failing(home: Path) -> None:
    config = CONFIG.replace("path: one", "path: one, on_load_error: degrade")
    (home / "gateway.yaml").write_text(config)
    (home / "one" / "models.py").write_text("1 / 0")
    with serving(home, "-q") as served:
        done = ask(home, served, "reload")
    assert done.returncode == 0
    assert "did not load: one\n" in done.stdout
    assert "mount 'one' does not load: importing 'app' failed: Zero" in done.stdout


def test_a_reload_that_fails(home: Path, served: Served) -> None:
    (home / "one" / "models.py").write_text("def x(:")
    done = ask(home, served, "reload")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error: mount 'one': " in done.stderr
    assert 'models.py", line 1' in done.stderr
    assert done.stderr.endswith("nothing was reloaded: the mounts serve as before\n")
    assert "Traceback (most recent call last):\n  File" not in done.stderr
    assert get(f"{served.url}/one/") == "one"
    for text in (CONFIG.replace("path: two", "pat: two"), CONFIG + "  one: {}\n", "["):
        (home / "gateway.yaml").write_text(text + "\n#")
        broken = ask(home, served, "reload")
        assert broken.returncode == 1
        assert re.search(r"gateway\.yaml:\d+:\d+", broken.stderr)
    assert get(f"{served.url}/one/") == "one"


def test_status(home: Path, served: Served) -> None:
    done = ask(home, served, "status")
    assert (done.returncode, done.stderr) == (0, "")
    head, titles, one, two = done.stdout.splitlines()
    assert f"process {served.process.pid}, up for" in head
    assert titles.split()[:4] == ["STATE", "PREFIX", "HOST", "MOUNT"]
    assert one.split()[:9] == [
        "serving",
        "/one",
        "-",
        "one",
        "wsgi",
        "0",
        "0",
        "0",
        "1",
    ]
    assert two.endswith("two app:application")
    ask(home, served, "reload")
    assert "the last reload, 20" in ask(home, served, "status").stdout
    (home / "one" / "models.py").write_text("1 / 0")
    ask(home, served, "reload")
    assert re.search(r"failed:\n .*ZeroDiv", ask(home, served, "status").stdout)
    found = json.loads(ask(home, served, "status", "--json").stdout)
    assert [mount["name"] for mount in found["mounts"]] == ["one", "two"]
    assert found["pid"] == served.process.pid


def test_status_shows_a_mount_that_does_not_load(home: Path) -> None:
    (home / "gateway.yaml").write_text("defaults: {on_load_error: degrade}" + CONFIG)
    (home / "one" / "models.py").write_text("1 / 0")
    assert run(home, "check").returncode == 1
    with serving(home, "-q") as served:
        assert "FAILED" in served.table[1]
        done = ask(home, served, "status")
        assert "mount 'one' does not load: " in done.stdout
        assert get(f"{served.url}/two/") == "two"
        assert "ZeroDivision" not in page(f"{served.url}/one/")


def test_a_token_that_is_wrong_or_missing(home: Path, served: Served) -> None:
    (home / "gateway.yaml").write_text(CONFIG.replace("s3cret", "wrong"))
    done = ask(home, served, "reload")
    assert done.returncode == 1
    assert "the gateway has another token than the file says" in done.stderr
    assert "wrong" not in done.stderr
    (home / "gateway.yaml").write_text(CONFIG.replace("{token: s3cret}", ""))
    done = ask(home, served, "reload")
    assert done.returncode == 1
    assert "'admin:' has no token, and a reload needs one" in done.stderr
    assert ask(home, served, "status").returncode == 0


def test_a_gateway_that_was_started_without_a_token_or_an_admin(home: Path) -> None:
    (home / "gateway.yaml").write_text(CONFIG.replace("{token: s3cret}", ""))
    with serving(home) as served:
        (home / "gateway.yaml").write_text(CONFIG)
        assert "was started without a token" in ask(home, served, "reload").stderr
    (home / "gateway.yaml").write_text(CONFIG.replace("admin: {token: s3cret}", ""))
    with serving(home) as served:
        done = ask(home, served, "status")
        assert done.returncode == 1
        assert "has no 'admin:' section" in done.stderr
        (home / "gateway.yaml").write_text(CONFIG)
        done = ask(home, served, "status")
        assert "was started before 'admin:' was in its file" in done.stderr


def test_nothing_listens_there(home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = str(free.getsockname()[1])
        for name in ("reload", "status"):
            done = run(home, name, "--port", number)
            assert done.returncode == 1
            assert f"nothing listens on 127.0.0.1:{number}: start" in done.stderr
        # Whether this machine has IPv6 or not.
        done = run(home, "status", "--host", "::", "--port", number)
        assert re.search(rf"(on |error: )\[::1\]:{number}[: ]", done.stderr)
    (home / "gateway.yaml").write_text("server: {port: 0}" + CONFIG)
    assert "name it with --port" in run(home, "status").stderr


def test_a_server_that_is_none_of_http(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client = server.accept()[0]
            client.sendall(b"220 mail.example.org\r\n")
            client.close()

        thread = threading.Thread(target=answer)
        thread.start()
        done = run(home, "status", "--port", str(server.getsockname()[1]))
        thread.join()
    assert done.returncode == 1
    assert "does not answer: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_hang_up_reloads(home: Path, served: Served) -> None:
    log = Log(served)
    (home / "one" / "models.py").write_text("NAME = 'new'")
    served.process.send_signal(signal.SIGHUP)
    log.wait_for("INFO replaced: one\n")
    assert get(f"{served.url}/one/") == "new"
    (home / "one" / "models.py").write_text("1 / 0")
    served.process.send_signal(signal.SIGHUP)
    log.wait_for("ERROR nothing was reloaded")
    assert "models.py" in log.text
    assert get(f"{served.url}/one/") == "new"
    served.process.terminate()
    assert served.process.wait(10) == 0


def test_a_hang_up_while_it_loads_reloads_after_it(home: Path) -> None:
    begun = home / "begun"
    slow = f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\n"
    (home / "one" / "models.py").write_text(f"NAME = 'old'\n{slow}time.sleep(1)\n")

    def hang_up() -> None:
        eventually(begun.exists)
        (home / "one" / "models.py").write_text("NAME = 'new'")
        (pid,) = (home / "pid").read_text().split()
        os.kill(int(pid), signal.SIGHUP)

    (home / "one" / "app.py").write_text(
        f"import os, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))\n{APP}"
    )
    thread = threading.Thread(target=hang_up)
    thread.start()
    with serving(home) as served:
        thread.join()
        eventually(lambda: get(f"{served.url}/one/") == "new")


def test_the_end_of_its_terminal_ends_it(home: Path) -> None:
    main, inner = pty.openpty()
    process = subprocess.Popen(
        command("serve", "--port", "0"),
        cwd=home,
        env=environment(),
        stdin=inner,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    os.close(inner)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Serving on"):
                break
        os.close(main)
        process.send_signal(signal.SIGHUP)
        # In good order either way; 129 if it came just before the server's handlers.
        assert process.wait(10) in (0, 128 + signal.SIGHUP)
    finally:
        process.kill()
        process.communicate()


def test_what_is_saved_is_served(home: Path) -> None:
    pytest.importorskip("watchfiles", reason="component not installed: watchfiles")
    with serving(home, "--reload") as served:
        log = Log(served)
        before = json.loads(ask(home, served, "status", "--json").stdout)
        time.sleep(0.5)
        (home / "one" / "models.py").write_text("NAME = 'new'")
        eventually(lambda: get(f"{served.url}/one/") == "new", lambda: log.text)
        (home / "one" / "models.py").write_text("NAME = '<b>'\ndef x(:")
        eventually(lambda: "SyntaxError" in page(f"{served.url}/one/"))
        broken = page(f"{served.url}/one/")
        assert "models.py&quot;, line 2" in broken
        assert "<b>" not in broken
        assert get(f"{served.url}/two/") == "two"
        (home / "one" / "models.py").write_text("NAME = 'right'")
        eventually(lambda: page(f"{served.url}/one/") == "right", lambda: log.text)
        (home / "gateway.yaml").write_text(
            CONFIG + '  three: {app: "app:application", path: two}\n'
        )
        eventually(lambda: page(f"{served.url}/three/") == "two", lambda: log.text)
        after = json.loads(ask(home, served, "status", "--json").stdout)
        assert before["mounts"][1]["generation"] == after["mounts"][1]["generation"]
        served.process.terminate()
        assert served.process.wait(10) == 0
        log.wait_for("INFO added: three")
        assert "while serving" not in log.text  # nothing was a mount's doing


def test_a_folder_that_is_made_anew_is_watched_again(home: Path) -> None:
    pytest.importorskip("watchfiles", reason="component not installed: watchfiles")
    with serving(home, "--reload", "-q") as served:
        log = Log(served)
        (home / "two").rename(home / "aside")
        log.wait_for("'two' is no folder that exists")
        # The others are watched meanwhile; the file is what has to be put right.
        assert get(f"{served.url}/two/") == "two"
        for name in ("new", "newer"):
            (home / "aside" / "models.py").write_text(f"NAME = '{name}'")
            shutil.copytree(home / "aside", home / "two")
            wait_for_page(f"{served.url}/two/", name)
            (home / "two" / "models.py").write_text(f"NAME = '{name} edited'")
            wait_for_page(f"{served.url}/two/", f"{name} edited")
            shutil.rmtree(home / "two")


def test_saving_what_is_shared_asks_for_a_restart(home: Path) -> None:
    pytest.importorskip("watchfiles", reason="component not installed: watchfiles")
    config = CONFIG.replace("path: one", "path: one, imports: shared")
    (home / "gateway.yaml").write_text(config)
    with serving(home, "--reload", "-q") as served:
        log = Log(served)
        time.sleep(0.5)
        (home / "one" / "models.py").write_text("NAME = 'new'")
        log.wait_for("WARNING needs a restart: one ")


def test_in_development_it_starts_with_what_is_broken(home: Path) -> None:
    pytest.importorskip("watchfiles", reason="component not installed: watchfiles")
    (home / "one" / "models.py").write_text("1 / 0")
    with serving(home, "--reload", "-q") as served:
        log = Log(served)
        assert "ZeroDivisionError" in page(f"{served.url}/one/")
        time.sleep(0.5)
        (home / "two" / "models.py").write_text("NAME = 'new'")
        wait_for_page(f"{served.url}/two/", "new")
        # Once, however often it is tried.
        assert log.text.count("error: mount 'one'") == 1
        (home / "one" / "models.py").write_text("1 +")
        log.wait_for("error: mount 'one': importing 'app' failed: SyntaxError")
    with serving(home, "--reload", "-q", "--host", "0.0.0.0") as served:
        assert "not available now" in page(f"{served.url}/one/")
        assert "ZeroDivisionError" not in page(f"{served.url}/one/")


def test_without_watchfiles_the_extra_is_named(home: Path) -> None:
    (home / "watchfiles.py").write_text("raise ImportError('not installed')")
    done = run(home, "serve", "--reload", PYTHONPATH=f"{home}:{PYTHONPATH}")
    assert done.returncode == 1
    assert "needs the extra 'reload'" in done.stderr


def test_threads_that_a_reload_leaves_are_told(home: Path) -> None:
    poll = "\nimport threading, time\ndef poll(): time.sleep(60)\n"
    start = "threading.Thread(target=poll, name='poller', daemon=True).start()\n"
    (home / "one" / "app.py").write_text(APP + poll + start)
    with serving(home) as served:
        log = Log(served)
        (home / "one" / "app.py").write_text(APP)
        assert ask(home, served, "reload").stdout.startswith("replaced: one\n")
        log.wait_for(r"WARNING mount one: it is closed, but threads of it live on")
        line = (
            "mount 'one' was closed, and its thread poller (mounts.one.app.poll, "
            "daemon) lives on: end it in the function that 'shutdown:' names\n"
        )
        eventually(lambda: line in ask(home, served, "status").stdout)
        assert line in ask(home, served, "reload").stdout
