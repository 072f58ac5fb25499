"""``static:`` mounts: which files are served, how, and which are not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import pytest
from composing import PLAIN, composed, get, run_alone, text, write
from werkzeug.test import create_environ

from gateway.lifecycle import Gateway
from gateway.servers.waitress import running

TEXT = "0123456789"
FILES = {
    "public/a.txt": TEXT,
    "public/index.html": "<h1>root</h1>",
    "public/docs/index.html": "<h1>docs</h1>",
    "public/docs/page.html": "<p>page</p>",
    "public/empty.txt": "",
    "public/bare/file.txt": "no index",
    "public/übermut/größe.txt": "groß",
    "public/a:b/index.html": "colon",
    "public/überall/index.html": "everywhere",
    "public/style.css": "a { }",
    "public/.env": "SECRET",
    "public/.git/config": "SECRET",
    "public/docs/.htpasswd": "SECRET",
    "public/.well-known/security.txt": "Contact: us",
    "public/.well-known/.env": "SECRET",
    "public/docs/.well-known/x": "SECRET",
    "public/.well-known.bak/x": "SECRET",
    "secret.txt": "SECRET",
    "publicity.txt": "SECRET",
}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with composed(tmp_path, "assets: {static: public}", FILES) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/a.txt", TEXT, 'text/plain; charset="utf-8"'),
        ("/", "<h1>root</h1>", 'text/html; charset="utf-8"'),
        ("/docs/", "<h1>docs</h1>", 'text/html; charset="utf-8"'),
        ("/docs/page.html", "<p>page</p>", 'text/html; charset="utf-8"'),
        ("/docs/../a.txt", TEXT, 'text/plain; charset="utf-8"'),
        ("/style.css", "a { }", 'text/css; charset="utf-8"'),
        ("/empty.txt", "", 'text/plain; charset="utf-8"'),
        ("/übermut/größe.txt", "groß", 'text/plain; charset="utf-8"'),
        ("/.well-known/security.txt", "Contact: us", 'text/plain; charset="utf-8"'),
    ],
)
def test_files_are_served(gateway: Gateway, path: str, body: str, kind: str) -> None:
    response = get(gateway, "/assets" + quote(path))
    assert response.status == "200 OK"
    assert response.text == body
    assert response.headers["Content-Type"] == kind
    assert response.headers["Content-Length"] == str(len(body.encode()))
    assert response.headers["Cache-Control"] == "max-age=60, public"
    assert "Access-Control-Allow-Origin" not in response.headers
    same = {"X-Request-ID": response.headers["X-Request-ID"]}
    head = get(gateway, "/assets" + quote(path), method="HEAD", headers=same)
    assert head.data == b""
    assert dict(head.headers) == dict(response.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/none.txt",
        "/a.txt/",
        "/a.txt/more",
        "/docs/none/",
        "/bare",
        "/bare/",
        "//a.txt",
        "/docs//page.html",
        "/%2e%2e/secret.txt",
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/docs/..%5c..%5csecret.txt",
        "/%252e%252e/secret.txt",
        "/../publicity.txt",
        "/%FF%FE",
        "/" + "x" * 5000,
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/docs/.htpasswd",
        "/.well-known",
        "/.well-known/",
        "/.well-known/.env",
        "/docs/.well-known/x",
        "/.well-known.bak/x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_nothing_else_is(gateway: Gateway, path: str, method: str) -> None:
    response = get(gateway, "/assets" + path, method=method)
    assert response.status_code == 404
    assert "SECRET" not in response.text


@pytest.mark.parametrize("path", ["", "/../secret.txt", "/.env", "/..", "/\0"])
def test_nothing_else_is_without_a_dispatcher_in_front_either(
    gateway: Gateway, path: str
) -> None:
    environ = create_environ() | {"SCRIPT_NAME": "/assets", "PATH_INFO": path}
    statuses = []

    def start(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(status)

    body = list(gateway.mounts["assets"].serve(environ, start))
    assert statuses == ["404 Not Found"]
    assert b"SECRET" not in b"".join(body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_not_allowed(gateway: Gateway, method: str) -> None:
    response = get(gateway, "/assets/a.txt", method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"
    assert response.data == b""


def test_a_folder_without_its_slash_is_redirected_below_the_prefix(
    gateway: Gateway,
) -> None:
    for path, target in (
        ("/assets", "/assets/"),
        ("/assets/docs", "/assets/docs/"),
        ("/assets/docs/index.html", "/assets/docs/"),
        ("/assets/index.html", "/assets/"),
        ("/assets/a:b", "/assets/a%3Ab/"),
        ("/assets/%C3%BCberall", "/assets/%C3%BCberall/"),
    ):
        response = get(gateway, path)
        assert response.status_code in (302, 308)
        assert urljoin(path, response.headers["Location"]) == target
        assert get(gateway, target).status_code == 200
    # It also holds below a prefix of the server's.
    response = get(gateway, "/assets/docs", environ_overrides={"SCRIPT_NAME": "/outer"})
    assert urljoin("/outer/assets/docs", response.headers["Location"]) == (
        "/outer/assets/docs/"
    )


def test_what_the_client_has_is_not_sent_again(gateway: Gateway) -> None:
    first = get(gateway, "/assets/a.txt")
    etag, date = first.headers["ETag"], first.headers["Last-Modified"]
    for headers in (
        {"If-None-Match": etag},
        {"If-Modified-Since": date},
        {"If-None-Match": etag, "If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"If-None-Match": etag, "Range": "bytes=0-1"},
    ):
        response = get(gateway, "/assets/a.txt", headers=headers)
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == etag
    for headers in (
        {"If-None-Match": '"other"'},
        {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"If-Modified-Since": "nonsense"},
        {"If-None-Match": '"other"', "If-Modified-Since": date},
    ):
        assert get(gateway, "/assets/a.txt", headers=headers).text == TEXT


@pytest.mark.parametrize(
    ("wanted", "body", "shown"),
    [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=4-", "456789", "bytes 4-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-30", TEXT, "bytes 0-9/10"),
        ("bytes=8-100", "89", "bytes 8-9/10"),
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=9-9", "9", "bytes 9-9/10"),
        ("bytes=-1", "9", "bytes 9-9/10"),
        ("BYTES = 1-2", "12", "bytes 1-2/10"),
    ],
)
def test_ranges(gateway: Gateway, wanted: str, body: str, shown: str) -> None:
    response = get(gateway, "/assets/a.txt", headers={"Range": wanted})
    assert response.status_code == 206
    assert response.text == body
    assert response.headers["Content-Range"] == shown
    assert response.headers["Content-Length"] == str(len(body))
    assert response.headers.getlist("Content-Length") == [str(len(body))]


@pytest.mark.parametrize(
    "wanted", ["bytes=10-", "bytes=10-20", "bytes=99999999999999999999-"]
)
def test_a_range_behind_the_end(gateway: Gateway, wanted: str) -> None:
    response = get(gateway, "/assets/a.txt", headers={"Range": wanted})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */10"
    assert response.data == b""


@pytest.mark.parametrize(
    "wanted",
    ["", "bytes", "bytes=", "bytes=a-b", "bytes=5-2", "bytes=0-1,4-5", "lines=0-1"],
)
def test_a_range_that_is_not_understood_is_ignored(
    gateway: Gateway, wanted: str
) -> None:
    response = get(gateway, "/assets/a.txt", headers={"Range": wanted})
    assert (response.status_code, response.text) == (200, TEXT)


def test_a_range_of_an_empty_file_and_of_head(gateway: Gateway) -> None:
    headers = {"Range": "bytes=0-"}
    assert get(gateway, "/assets/empty.txt", headers=headers).status_code == 416
    # RFC 9110, 14.2: the field only counts for GET.
    response = get(gateway, "/assets/a.txt", method="HEAD", headers=headers)
    assert (response.status_code, response.headers["Content-Length"]) == (200, "10")


def test_a_download_is_resumed_only_if_the_file_is_still_the_same(
    gateway: Gateway, tmp_path: Path
) -> None:
    first = get(gateway, "/assets/a.txt")
    etag, date = first.headers["ETag"], first.headers["Last-Modified"]
    for condition in (etag, date):
        headers = {"Range": "bytes=5-", "If-Range": condition}
        assert get(gateway, "/assets/a.txt", headers=headers).text == "56789"
    for condition in (f"W/{etag}", '"other"', "Thu, 01 Jan 1970 00:00:00 GMT", "x"):
        headers = {"Range": "bytes=5-", "If-Range": condition}
        assert get(gateway, "/assets/a.txt", headers=headers).text == TEXT
    (tmp_path / "public" / "a.txt").write_text("changed and longer")
    os.utime(tmp_path / "public" / "a.txt", (2_000_000_000, 2_000_000_000))
    for condition in (etag, date):
        headers = {"Range": "bytes=5-", "If-Range": condition}
        response = get(gateway, "/assets/a.txt", headers=headers)
        assert (response.status_code, response.text) == (200, "changed and longer")


def test_what_changes_on_disk_is_seen_at_once(gateway: Gateway, tmp_path: Path) -> None:
    assert text(gateway, "/assets/a.txt") == TEXT
    (tmp_path / "public" / "a.txt").write_text(TEXT * 1000)
    response = get(gateway, "/assets/a.txt")
    assert response.text == TEXT * 1000
    assert response.headers["Content-Length"] == "10000"
    (tmp_path / "public" / "new.txt").write_text("new")
    assert text(gateway, "/assets/new.txt") == "new"
    (tmp_path / "public" / "new.txt").unlink()
    assert get(gateway, "/assets/new.txt").status_code == 404


def test_links_are_followed(gateway: Gateway, tmp_path: Path) -> None:
    public = tmp_path / "public"
    # As a Kubernetes ConfigMap is laid out: the data is in a hidden folder.
    write(public, {"..data/settings.js": "let a"})
    (public / "settings.js").symlink_to("..data/settings.js")
    (public / "elsewhere").symlink_to(tmp_path)
    (public / "nowhere.txt").symlink_to("none")
    (public / "loop").symlink_to("loop")
    assert text(gateway, "/assets/settings.js") == "let a"
    assert text(gateway, "/assets/elsewhere/secret.txt") == "SECRET"
    for path in ("/..data/settings.js", "/nowhere.txt", "/loop"):
        assert get(gateway, f"/assets{path}").status_code == 404


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    write(tmp_path, {"v1/a.txt": "one"})
    (tmp_path / "now").symlink_to("v1")
    with composed(tmp_path, "assets: {static: now}") as gateway:
        assert text(gateway, "/assets/a.txt") == "one"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_is_no_file_is_not_there(gateway: Gateway, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "public" / "pipe")
    assert get(gateway, "/assets/pipe").status_code == 404


def test_a_compressed_copy_is_sent_to_those_who_take_it(
    gateway: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "public" / "a.txt.gz").write_bytes(b"gz")
    response = get(gateway, "/assets/a.txt", headers={"Accept-Encoding": "gzip"})
    assert (response.headers["Content-Encoding"], response.data) == ("gzip", b"gz")
    assert response.headers["Vary"] == "Accept-Encoding"
    assert text(gateway, "/assets/a.txt") == TEXT


def test_every_file_is_closed(tmp_path: Path) -> None:
    write(tmp_path, {"public/a.txt": TEXT * 100_000})
    code = """
        import gc, warnings
        from pathlib import Path
        from composing import composed, get
        from werkzeug.test import Client
        with composed(Path.cwd(), "assets: {static: public}") as gateway:
            for headers in ({}, {"Range": "bytes=5-9"}, {"Range": "bytes=9999999-"}):
                for method in ("GET", "HEAD", "POST"):
                    get(gateway, "/assets/a.txt", method=method, headers=headers)
            # A client that vanishes.
            response = Client(gateway).get("/assets/a.txt")
            next(iter(response.response))
            response.close()
        gc.collect()
        held = [f for f in gc.get_objects() if type(f).__name__ == "BufferedReader"
                and "a.txt" in str(f.name) and not f.closed]
        print(held)
        """
    assert run_alone(code, tmp_path) == "[]\n"


def test_a_real_server_sends_every_byte(gateway: Gateway, tmp_path: Path) -> None:
    content = os.urandom(1_500_000)
    (tmp_path / "public" / "large.bin").write_bytes(content)
    spec = replace(gateway.spec.server, port=0, threads=2)
    with (
        running(gateway, spec) as server,
        closing(HTTPConnection(*server.address, timeout=10)) as connection,
    ):
        for headers, expected in (
            ({}, content),
            ({"Range": "bytes=1000000-"}, content[1_000_000:]),
            ({"Range": "bytes=0-0"}, content[:1]),
            ({"Range": "bytes=9999999-"}, b""),
        ):
            connection.request("GET", "/assets/large.bin", headers=headers)
            assert connection.getresponse().read() == expected
        connection.request("HEAD", "/assets/large.bin")
        assert connection.getresponse().read() == b""
        connection.request("POST", "/assets/a.txt", body=b"x")
        response = connection.getresponse()
        assert (response.status, response.read()) == (405, b"")
        connection.request("GET", "/assets/a.txt")
        assert connection.getresponse().read() == TEXT.encode()


def test_without_whitenoise_the_error_names_the_extra(tmp_path: Path) -> None:
    write(tmp_path, {"site/public/a.txt": "a", "site/app.py": PLAIN})
    code = """
        import sys
        from pathlib import Path
        from composing import failures
        sys.modules["whitenoise"] = None  # as if it were not installed
        mounts = "assets: {static: public}\\nbroken: {app: app:none}"
        for error in failures(Path("site").absolute(), mounts):
            print(error)
        """
    first, second = run_alone(code, tmp_path).splitlines()
    assert first == (
        "mount 'assets': a static: mount needs the extra 'static', which is not "
        "installed: pip install 'wsgi-gateway[static]'"
    )
    assert second.startswith("mount 'broken': 'app' (")
