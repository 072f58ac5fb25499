"""gateway serve --debug: Werkzeug's debugger, in a process of its own."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import pytest
from processes import run, serving

WriteFiles = Callable[[Mapping[str, str]], Path]

NATIVE = """
import gateway
app = gateway.App(__name__)
@app.get("/boom")
def boom():
    gateway.g.mine = "native"
    1 / 0
"""
FLASK = """
import flask, gateway
app = flask.Flask(__name__)
@app.get("/boom")
def boom():
    gateway.g.mine = flask.g.mine = "flask"
    1 / 0
"""
BARE = """
import gateway, os
def application(environ, start_response):
    start_response("200 OK", [])
    gateway.g.mine = "bare"
    1 / 0
"""
CONFIG = """
mounts:
  native: {app: "app:app", path: native, env: {MINE: native}}
  flask: {app: "app:app", path: flask, env: {MINE: flask}}
  bare: {app: "app:application", path: bare, env: {MINE: bare}}
"""


@pytest.fixture
def home(write_files: WriteFiles) -> Path:
    """A folder with a configuration and applications that fail."""
    return write_files(
        {
            "gateway.yaml": CONFIG,
            "native/app.py": NATIVE,
            "flask/app.py": FLASK,
            "bare/app.py": BARE,
        }
    )


def page(url: str, opener: urllib.request.OpenerDirector, **headers: str) -> str:
    request = urllib.request.Request(url, headers=headers)
    try:
        with opener.open(request, timeout=10) as response:
            text: str = response.read().decode()
            return text
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def test_the_console_has_the_context_of_the_request(home: Path) -> None:
    with serving(home, "--debug") as served:
        assert served.process.stdout is not None
        pin = served.process.stdout.readline().removeprefix("Debugger PIN: ").strip()
        for mount in ("native", "flask", "bare"):
            jar = urllib.request.HTTPCookieProcessor(CookieJar())
            opener = urllib.request.build_opener(jar)
            url = f"{served.url}/{mount}/boom"
            shown = page(url, opener)
            assert "ZeroDivisionError" in shown
            secret = re.search(r'SECRET = "(\w+)"', shown)
            frames = re.findall(r'id="frame-(\d+)"', shown)
            assert secret is not None

            def ask(
                url: str = url,
                opener: urllib.request.OpenerDirector = opener,
                secret: str = secret[1],
                **query: str,
            ) -> str:
                query |= {"__debugger__": "yes", "s": secret}
                return page(f"{url}?{urlencode(query)}", opener)

            code = (
                "(gateway.g.mine, gateway.request.path, "
                "__import__('os').environ['MINE'])"
            )
            assert '"auth": true' in ask(cmd="pinauth", pin=pin)
            answer = re.sub("<[^>]+>", "", ask(cmd=code, frm=frames[-1]))
            assert answer.replace("&#39;", "'").splitlines()[1:] == [
                f"('{mount}', '/boom', '{mount}')"
            ]

        served.process.terminate()
        served.process.communicate(timeout=15)
        assert served.process.returncode == 0


def test_a_proxied_request_has_no_debugger(home: Path) -> None:
    with serving(home, "--debug", "-q") as served:
        opener = urllib.request.build_opener()
        for header in ("X-Forwarded-For", "Forwarded"):
            shown = page(f"{served.url}/bare/boom", opener, **{header: "for=1.2.3.4"})
            assert "500 Internal Server Error" in shown
            assert "ZeroDivisionError" not in shown
        served.process.terminate()
        served.process.communicate(timeout=15)


def test_other_machines_are_kept_out(home: Path) -> None:
    result = run(home, "serve", "--debug", "--host", "0.0.0.0", "--port", "0")
    assert result.returncode == 1
    assert "--debug runs whatever code its page is sent" in result.stderr
    assert "listen on 127.0.0.1" in result.stderr
