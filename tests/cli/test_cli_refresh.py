"""``gateway serve --reload``: a page is loaded again with its mount."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from composing import composed, configured, text, write
from composing import get as ask
from processes import get, serving

from gateway.cli.refresh import Refreshing
from gateway.lifecycle import Gateway

WriteFiles = Callable[[Mapping[str, str]], Path]

APP = """
import models
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    script = environ.get("gateway.reload_script", "none")
    return [f"<p>{models.NAME}</p><script src='{script}'></script>".encode()]
"""
MOUNTS = """
a: {app: app:application, path: a}
b: {app: app:application, path: b}
accents: {app: app:application, path: b, prefix: /é}
there: {app: app:application, path: b, host: there.example.org, prefix: /a}
"""
FILES = {
    **{f"{name}/app.py": APP for name in "ab"},
    **{f"{name}/models.py": f"NAME = '{name}1'" for name in "ab"},
}
LOCAL = {"REMOTE_ADDR": "127.0.0.1"}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with composed(tmp_path, MOUNTS, FILES) as made:
        yield made


def mark(application: Any, path: str, host: str = "localhost") -> str:
    return text(
        application,
        "/_gateway/reload.txt",
        query_string={"path": path},
        base_url=f"http://{host}",
        environ_base=LOCAL,
    )


def test_a_mark_changes_with_its_mount_alone(gateway: Gateway, tmp_path: Path) -> None:
    refreshing = Refreshing(gateway)
    pages = [
        *(("/a/", "localhost"), ("/b/x/../y", "localhost"), ("/%C3%A9/", "localhost")),
        *(("/nowhere", "localhost"), ("nonsense", "localhost")),
        *(("/a/", "there.example.org"), ("/a/", "!"), ("/b/", "there.example.org")),
    ]
    before = [mark(refreshing, *page) for page in pages]
    assert before == [mark(refreshing, *page) for page in pages]
    # As many as there are mounts, and one for what is nowhere.
    assert len(set(before)) == 5
    write(tmp_path, {"a/models.py": "NAME = 'a2'"})
    gateway.reload()
    after = [mark(refreshing, *page) for page in pages]
    changed = [page for page, x, y in zip(pages, before, after, strict=True) if x != y]
    assert changed == [("/a/", "localhost"), ("/a/", "!")]
    configured(tmp_path, "b: {app: app:application, path: b}", {})
    gateway.reload()
    assert mark(refreshing, "/a/") == mark(refreshing, "/nowhere") not in after[0]
    assert mark(Refreshing(gateway), "/a/") != mark(refreshing, "/a/")


def test_pages_are_told_the_script_and_what_they_belong_to(gateway: Gateway) -> None:
    refreshing = Refreshing(gateway)
    page = text(refreshing, "/a/", environ_base=LOCAL)
    assert f"src='/_gateway/reload.js?seen={mark(refreshing, '/a/x')}'" in page
    script = ask(refreshing, "/_gateway/reload.js", environ_base=LOCAL)
    assert script.mimetype == "text/javascript"
    assert script.headers["Cache-Control"] == "no-store"
    assert 'new URL("reload.txt", script)' in script.text


@pytest.mark.parametrize(
    "environ", [{"REMOTE_ADDR": "192.0.2.1"}, {**LOCAL, "HTTP_X_FORWARDED_FOR": "::1"}]
)
def test_others_are_told_nothing(gateway: Gateway, environ: Any) -> None:
    refreshing = Refreshing(gateway)
    assert "src='none'" in text(refreshing, "/a/", environ_base=environ)
    for name in ("reload.js", "reload.txt"):
        answer = ask(refreshing, f"/_gateway/{name}", environ_base=environ)
        assert answer.status_code == 404


def test_it_is_where_admin_is(tmp_path: Path) -> None:
    file = configured(tmp_path, MOUNTS, FILES)
    file.write_text("admin: {prefix: /über}\n" + file.read_text())
    with Gateway.from_file(file) as gateway:
        refreshing = Refreshing(gateway)
        page = text(refreshing, "/a/", environ_base=LOCAL)
        assert "src='/%C3%BCber/reload.js?seen=" in page
        assert "location.reload" in text(
            refreshing, "/über/reload.js", environ_base=LOCAL
        )
        assert ask(refreshing, "/_gateway/reload.js").status_code == 404


def test_only_in_development(write_files: WriteFiles) -> None:
    pytest.importorskip("watchfiles", reason="component not installed: watchfiles")
    home = write_files({"gateway.yaml": "mounts: {a: {app: app:application}}", **FILES})
    for name in ("app.py", "models.py"):
        shutil.copy(home / "a" / name, home)
    with serving(home) as served:
        assert "src='none'" in get(f"{served.url}/a/")
        with pytest.raises(HTTPError, match="404"):
            get(f"{served.url}/_gateway/reload.js")
    (home / "models.py").write_text("NAME =")
    with serving(home, "--reload") as served:
        with pytest.raises(HTTPError, match="503") as caught:
            get(f"{served.url}/a/")
        page = caught.value.read().decode()
        caught.value.close()
        (script,) = re.findall('<script src="([^"]+)">', page)
        assert "location.reload" in get(served.url + script)


def test_a_browser_follows(write_files: WriteFiles, tmp_path: Path) -> None:
    """A real one: it is shown what is saved, and comes back from a mistake."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("component not installed: chromium")
    pytest.importorskip("watchfiles", reason="component not installed: watchfiles")
    # The page that a browser shows says so itself.
    seen = "<script>fetch('seen-' + document.querySelector('p').innerText)</script>"
    app = APP.replace("</script>", "</script>" + seen.replace("'", "`"))
    mounts = "mounts:\n" + "".join(
        f"  {n}: {{app: app:application, path: {n}}}\n" for n in "ab"
    )
    home = write_files({"gateway.yaml": mounts, **FILES, "a/app.py": app})
    log = home / "log"
    with serving(home, "--reload") as served, log.open("w") as lines:
        copy = subprocess.Popen(["cat"], stdin=served.process.stderr, stdout=lines)
        browser = subprocess.Popen(
            [
                *(chromium, "--headless=new", "--no-sandbox", "--disable-gpu"),
                *(
                    f"--user-data-dir={tmp_path / 'profile'}",
                    "--remote-debugging-port=0",
                ),
                f"{served.url}/a/",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def wait_for(line: str, after: int = 0) -> int:
            deadline = time.monotonic() + 15
            while True:
                found = log.read_text().find(line, after)
                if found >= 0:
                    return found
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)

        try:
            wait_for('"GET /a/seen-a1 ')
            (home / "b" / "models.py").write_text("NAME = 'b2'")
            wait_for("INFO replaced: b")
            (home / "a" / "models.py").write_text("NAME = 'a2'")
            wait_for('"GET /a/seen-a2 ')
            assert log.read_text().count('"GET /a/ HTTP/1.1" 200') == 2
            (home / "a" / "models.py").write_text("NAME =")
            place = wait_for('"GET /a/ HTTP/1.1" 503')
            (home / "a" / "models.py").write_text("NAME = 'a3'")
            wait_for('"GET /a/seen-a3 ', place)
        finally:
            browser.terminate()
            browser.wait()
            served.process.terminate()
            copy.wait()
