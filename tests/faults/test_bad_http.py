"""Bad HTTP to a live server: refused, and no mount answers for another."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from fault_server import Served, serve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HERE = Path(__file__).parent

# As many requests as the ordinary suite has time for.
EXAMPLES = int(os.environ.get("BAD_HTTP_EXAMPLES", "1000"))

CONFIG = """
server: {threads: 4, drain_timeout: 5s, idle_timeout: 2s, max_body: 64KiB}
mounts:
  root: {app: "echo:create", path: app, prefix: /, args: {name: root}}
  one: {app: "echo:create", path: app, args: {name: one}}
  inner: {app: "echo:create", path: app, prefix: /one/inner, args: {name: inner}}
  other: {app: "echo:create", path: app, host: other.test, args: {name: other}}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("bad-http")
    (home / "app").mkdir()
    shutil.copy(HERE / "echo.py", home / "app")
    (home / "gateway.yaml").write_text(CONFIG)
    with serve(home, "--quiet") as served:
        yield served
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(20) == 0
        # None of it was unexpected.
        log = served.log.read_text()
        assert "Traceback" not in log, log[-3000:]


def exchange(served: Served, request: bytes, quiet: float = 5) -> bytes:
    """Send *request*, and return what comes back until the connection is closed.

    :param quiet: after so many seconds of silence nothing more is waited for.
    """
    received = b""
    with served.connect() as client, suppress(ConnectionError, TimeoutError):
        client.sendall(request)
        client.settimeout(quiet)
        while chunk := client.recv(65536):
            received += chunk
    return received


def statuses(received: bytes) -> list[int]:
    return [
        int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) [A-Z]", received)
    ]


def seen(received: bytes) -> list[dict[str, str]]:
    """Return what the mounts have seen."""
    found = re.findall(rb'\{"mount": .*?\}', received)
    return [json.loads(each) for each in found]


HOST = b"Host: one.test\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CLOSE = b"Connection: close\r\n"
SMUGGLED = b"GET /one/smuggled HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"\r\n"


def post(headers: bytes, body: bytes = b"0\r\n\r\n" + SMUGGLED) -> bytes:
    return b"POST /one/ HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body


REFUSED = {
    # Two ways to tell where a request ends.
    "cl-te": post(b"Content-Length: 5\r\n" + CHUNKED),
    "te-cl": post(CHUNKED + b"Content-Length: 5\r\n"),
    "cl-cl": post(b"Content-Length: 5\r\nContent-Length: 6\r\n"),
    "cl-cl-equal": post(b"Content-Length: 5\r\nContent-Length: 5\r\n"),
    "cl-list": post(b"Content-Length: 5, 5\r\n"),
    "cl-plus": post(b"Content-Length: +5\r\n"),
    "cl-minus": post(b"Content-Length: -5\r\n"),
    "cl-hex": post(b"Content-Length: 0x5\r\n"),
    "cl-underscore": post(b"Content-Length: 1_0\r\n"),
    "cl-words": post(b"Content-Length: 5 5\r\n"),
    "cl-empty": post(b"Content-Length:\r\n"),
    "cl-huge": post(b"Content-Length: " + b"9" * 5000 + b"\r\n"),
    "cl-name-underscore": post(b"Content_Length: 5\r\nContent-Length: 0\r\n"),
    "te-te": post(CHUNKED + CHUNKED),
    "te-twice": post(b"Transfer-Encoding: chunked, chunked\r\n"),
    "te-identity": post(b"Transfer-Encoding: identity, chunked\r\n"),
    "te-not-last": post(b"Transfer-Encoding: chunked, identity\r\n"),
    "te-comma": post(b"Transfer-Encoding: chunked,\r\n"),
    "te-quoted": post(b'Transfer-Encoding: "chunked"\r\n'),
    "te-empty": post(b"Transfer-Encoding:\r\n"),
    "te-parameter": post(b"Transfer-Encoding: chunked;a=b\r\n"),
    "te-vertical-tab": post(b"Transfer-Encoding: \x0bchunked\r\n"),
    "te-nbsp": post(b"Transfer-Encoding: \xa0chunked\r\n"),
    "te-nul": post(b"Transfer-Encoding: chunked\0\r\n"),
    "te-folded": post(b"Transfer-Encoding:\r\n chunked\r\n"),
    "te-name-space": post(b"Transfer-Encoding : chunked\r\n"),
    "te-name-tab": post(b"Transfer-Encoding\t: chunked\r\n"),
    "te-name-before": post(b"X: y\r\n Transfer-Encoding: chunked\r\n"),
    "te-name-underscore": post(b"Transfer_Encoding: chunked\r\nContent-Length: 0\r\n"),
    "te-first-space": b"POST /one/ HTTP/1.1\r\n " + CHUNKED + HOST + b"\r\n0\r\n\r\n",
    "te-bare-lf": post(b"X: y\nTransfer-Encoding: chunked\r\n"),
    "te-bare-cr": post(b"X: y\rTransfer-Encoding: chunked\r\n"),
    "te-1.0": post(CHUNKED + b"Connection: keep-alive\r\n").replace(b"1.1", b"1.0", 1),
    "te-1.2": post(CHUNKED + b"Connection: keep-alive\r\n").replace(b"1.1", b"1.2", 1),
    # Chunks.
    "chunk-size-words": post(CHUNKED, b"5 \r\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "chunk-size-sign": post(CHUNKED, b"+5\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "chunk-size-prefix": post(CHUNKED, b"0x5\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "chunk-bare-lf": post(CHUNKED, b"5\nhello\n0\n\n\r\n" + SMUGGLED),
    "chunk-extension-lf": post(CHUNKED, b"5;a\nb\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "chunk-extension-nul": post(CHUNKED, b"5;a=\0\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "chunk-longer": post(CHUNKED, b"5\r\nhello world\r\n0\r\n\r\n" + SMUGGLED),
    "chunk-extension-endless": post(CHUNKED, b"5;" + b"a" * 10_000),
    "chunk-trailer-endless": post(CHUNKED, b"0\r\nX: " + b"a" * 10_000),
    # The host.
    "host-none": b"GET /one/ HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "host-twice": b"GET /one/ HTTP/1.1\r\n"
    + HOST
    + CLOSE
    + b"Host: other.test\r\n\r\n",
    "host-twice-equal": b"GET /one/ HTTP/1.1\r\n" + HOST + HOST + CLOSE + b"\r\n",
    "host-absolute-none": b"GET http://one.test/one/ HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "host-absolute-twice": b"GET http://a/one/ HTTP/1.1\r\n"
    + HOST
    + HOST
    + CLOSE
    + b"\r\n",
    **{
        f"host-{number}": b"GET /one/ HTTP/1.1\r\nHost: %s\r\n" % host + CLOSE + b"\r\n"
        for number, host in enumerate(
            [
                *(b"a b", b"a/b", b"a@b", b"a,b", b"a\\b", b"<a>", b"a:b", b"a:99999"),
                *(b"[::1", b"::1", b"[1.2.3.4]", b"a..b", b".a", b"-a", b"%61", b"a;b"),
                *(
                    b"a?b",
                    b"a#b",
                    b"'a'",
                    b'"a"',
                    b"a" * 300,
                    b"\xe4",
                    b"a\0b",
                    b"a:+1",
                ),
            ]
        )
    },
    # The request line.
    "line-empty-version": b"GET /one/\r\n" + HOST + CLOSE + b"\r\n",
    "line-version-2": b"GET /one/ HTTP/2.0\r\n" + HOST + CLOSE + b"\r\n",
    "line-version-0.9": b"GET /one/ HTTP/0.9\r\n" + HOST + CLOSE + b"\r\n",
    "line-version-lower": b"GET /one/ http/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "line-version-long": b"GET /one/ HTTP/1.11\r\n" + HOST + CLOSE + b"\r\n",
    "line-space": b"GET  /one/ HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "line-space-after": b"GET /one/ HTTP/1.1 \r\n" + HOST + CLOSE + b"\r\n",
    "line-tab": b"GET\t/one/\tHTTP/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "line-words": b"GET /one/ x HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "line-cr": b"GET /one/ HTTP/1.1\r\r\n" + HOST + CLOSE + b"\r\n",
    "method-lower": b"get /one/ HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "method-colon": b"GET: /one/ HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "method-nul": b"G\0T /one/ HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "method-connect": b"CONNECT one.test:443 HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    **{
        f"target-{number}": b"GET %s HTTP/1.1\r\n" % target + HOST + CLOSE + b"\r\n"
        for number, target in enumerate(
            [
                *(b"one/", b"*", b"/one/\0", b"/one/%00", b"/one/\x01", b"/one/\xff"),
                *(b"/one/\tx", b"/one/#x", b"http:///one/", b"http://[::1/one/"),
                *(b"ftp://one.test/one/", b"http://a@b/one/", b"http://a b/one/"),
                *(b"http://a,b/one/", b"http:one", b"//one.test\0/", b"?x", b"%2Fone/"),
                *(b"file:///etc/passwd", b"http://one.test:99999/", b"http://\xe4/"),
            ]
        )
    },
    # Headers.
    "header-name-space": b"GET /one/ HTTP/1.1\r\n" + HOST + CLOSE + b"X Y: z\r\n\r\n",
    "header-name-empty": b"GET /one/ HTTP/1.1\r\n" + HOST + CLOSE + b": z\r\n\r\n",
    "header-no-colon": b"GET /one/ HTTP/1.1\r\n" + HOST + CLOSE + b"XYZ\r\n\r\n",
    "header-nul": b"GET /one/ HTTP/1.1\r\n" + HOST + CLOSE + b"X: a\0b\r\n\r\n",
    "header-control": b"GET /one/ HTTP/1.1\r\n" + HOST + CLOSE + b"X: a\x1bb\r\n\r\n",
    "header-folded": b"GET /one/ HTTP/1.1\r\n" + HOST + CLOSE + b"X: a\r\n b\r\n\r\n",
    "header-bare-lf": b"GET /one/ HTTP/1.1\n" + HOST + CLOSE + b"X: y\n\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_and_the_connection_closed(served: Served, name: str) -> None:
    received = exchange(served, REFUSED[name])
    assert statuses(received) == [400]
    assert not seen(received)


@pytest.mark.parametrize("coding", [b"gzip", b"identity", b"xchunked", b"chunked-x"])
def test_a_coding_that_is_not_known_is_not_implemented(
    served: Served, coding: bytes
) -> None:
    """RFC 9112, 6.1 asks for this 501; it is the only one there is."""
    received = exchange(served, post(b"Transfer-Encoding: " + coding + b"\r\n"))
    assert statuses(received) == [501]
    assert not seen(received)


def get(target: bytes, headers: bytes = HOST, version: bytes = b"1.1") -> bytes:
    return b"GET %s HTTP/%s\r\n%s\r\n" % (target, version, headers + CLOSE)


@pytest.mark.parametrize(
    ("target", "host", "mount", "header"),
    [
        (b"http://other.test/", b"one.test", "other", "other.test"),
        (b"http://other.test", b"one.test", "other", "other.test"),
        (b"HTTP://OTHER.test:80/x", b"one.test", "other", "OTHER.test:80"),
        (b"https://other.test/x?y", b"one.test", "other", "other.test"),
        (b"http://one.test/one/", b"other.test", "one", "one.test"),
        (b"http://one.test/one/", b"", "one", "one.test"),
        (b"http://[::1]:80/one/", b"other.test", "one", "[::1]:80"),
        (b"/one/http://other.test/", b"one.test", "one", "one.test"),
        (b"//other.test/", b"one.test", "root", "one.test"),
    ],
)
def test_the_targets_authority_is_the_host(
    served: Served, target: bytes, host: bytes, mount: str, header: str
) -> None:
    """RFC 9112, 3.2.2: whatever the Host header says."""
    (found,) = seen(exchange(served, get(target, b"Host: " + host + b"\r\n")))
    assert (found["mount"], found["host"]) == (mount, header)


def test_an_old_client_may_name_the_host_in_the_target_alone(served: Served) -> None:
    (found,) = seen(exchange(served, get(b"http://other.test/", b"", b"1.0")))
    assert found["mount"] == "other"


def test_options_of_the_server_are_no_mounts(served: Served) -> None:
    """RFC 9110, 9.3.7."""
    received = exchange(served, b"OPTIONS * HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")
    assert statuses(received) == [204]
    assert statuses(exchange(served, b"OPTIONS * HTTP/1.1\r\n" + CLOSE + b"\r\n")) == [
        400
    ]


DOTS = (b"..", b"%2e%2e", b"%2E.", b".%2e")
SLASHES = (b"/", b"%2f", b"%2F")


@pytest.mark.parametrize("slash", SLASHES)
@pytest.mark.parametrize("dots", DOTS)
def test_dots_lead_out_of_the_prefix_to_who_is_there(
    served: Served, dots: bytes, slash: bytes
) -> None:
    target = slash.join([b"/one/inner", dots, dots, b"one", b"x"])
    (found,) = seen(exchange(served, get(target)))
    assert (found["mount"], found["script"], found["path"]) == ("one", "/one", "/x")
    (found,) = seen(exchange(served, get(slash.join([b"/one", dots, dots, b"x"]))))
    assert (found["mount"], found["path"]) == ("root", "/x")


@pytest.mark.parametrize(
    "target",
    [
        *(b"/one/%252e%252e/x", b"/one/..%5c..%5cx", b"/one/%c0%ae%c0%ae/x"),
        *(b"/one/..;/x", b"/one/%uff0e%uff0e/x", b"/one/%e2%80%a5/x", b"/one/...//x"),
        *(b"/one/%zz", b"/one/%", b"/one/%e", b"/one/%ff%fe", b"/one/..%09/x"),
    ],
)
def test_what_only_looks_like_dots_stays_inside(served: Served, target: bytes) -> None:
    (found,) = seen(exchange(served, get(target)))
    path = unquote_to_bytes(target).decode("latin-1")
    assert found["mount"] == "one"
    assert found["script"] + found["path"] == path


def test_good_chunks_are_a_body(served: Served) -> None:
    body = b'5;a="b c"\r\nhello\r\n0\r\nTrailer: x\r\n\r\n'
    first, second = seen(exchange(served, post(CHUNKED, body + SMUGGLED)))
    assert (first["body"], first["chunked"]) == ("hello", None)
    assert second["path"] == "/smuggled"  # After a good body, it is the next request.


def test_large_heads_and_bodies_are_refused(served: Served) -> None:
    """Nothing is sent that is not read, so that the answer cannot get lost."""
    assert statuses(exchange(served, b"GET /".ljust(256 << 10, b"a"))) == [431]
    head = b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (50 << 10)
    assert statuses(exchange(served, head[: 256 << 10])) == [431]
    length = b"Content-Length: %d\r\n"
    assert statuses(exchange(served, post(length % (65536 + 1), b""))) == [413]
    (found,) = seen(exchange(served, post(CLOSE + length % 65536, b"x" * 65536)))
    assert len(found["body"]) == 65536
    chunk = b"10001\r\n".ljust(65536 + 1, b"x")
    assert statuses(exchange(served, post(CHUNKED, chunk))) == [413]


def test_many_headers_are_read(served: Served) -> None:
    headers = HOST + b"".join(b"X-%d: a\r\n" % number for number in range(5000))
    assert statuses(exchange(served, get(b"/one/", headers))) == [200]


def test_a_request_that_trickles_in_holds_nobody_and_ends(served: Served) -> None:
    """More of them than threads; ``idle_timeout`` bounds the whole of a head."""
    clients = [served.connect() for _ in range(20)]
    started = time.monotonic()
    ended: dict[socket.socket, bytes] = {}
    try:
        for client in clients:
            client.sendall(b"GET /one/ HTTP/1.1\r\n")
        while len(ended) < len(clients) and time.monotonic() - started < 15:
            for client in [each for each in clients if each not in ended]:
                client.settimeout(0.001)
                try:
                    client.sendall(b"X: y\r\n")
                    ended[client] = client.recv(1000)
                except TimeoutError:
                    pass
                except ConnectionError:
                    ended[client] = b""
            assert statuses(exchange(served, get(b"/one/"))) == [200]
            time.sleep(0.1)
    finally:
        for client in clients:
            client.close()
    assert len(ended) == len(clients)
    assert any(statuses(answer) == [408] for answer in ended.values())


# -- requests that nobody has thought of -----------------------------------------------

_PIECES = st.sampled_from(
    [
        *(b"GET", b"POST", b"OPTIONS", b"HEAD", b" ", b"/", b"/one/", b"/one/inner/"),
        *(b"..", b"%2e", b"%2f", b"%00", b"%", b"*", b"http://other.test", b"//", b"?"),
        *(b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\n", b"\r", b"\0", b"\t", b":", b","),
        *(b"Host: other.test\r\n", b"Host: one.test\r\n", b"Connection: close\r\n"),
        *(b"Content-Length: 5\r\n", b"Content-Length: ", b"Transfer-Encoding: "),
        *(b"chunked", b"\r\n\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"Expect: "),
        *(b"100-continue", b"hello", b"X-Forwarded-Host: other.test\r\n", b"\xff"),
    ]
)
_HOSTS = st.sampled_from([b"Host: one.test\r\n", b"Host: other.test\r\n", b""])
_TARGETS = st.lists(_PIECES | st.binary(max_size=3), max_size=6).map(b"".join)
_HEADERS = st.lists(_PIECES | st.binary(max_size=8), max_size=8).map(b"".join)
RAW = st.one_of(
    st.lists(_PIECES | st.binary(max_size=12), max_size=24).map(b"".join),
    st.tuples(
        st.sampled_from([b"GET ", b"POST ", b"OPTIONS "]),
        st.sampled_from([b"/", b"/one/", b"/one/inner/", b"http://other.test/", b""]),
        _TARGETS,
        st.sampled_from([b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"\r\n"]),
        _HOSTS,
        _HEADERS,
        st.sampled_from([b"\r\n\r\n", b"\r\n", b""]),
        st.binary(max_size=20),
    ).map(b"".join),
)


def names_of(found: dict[str, str]) -> set[str]:
    """Return who may answer for what a mount has seen, by the rules of the routes."""
    host = (found["host"] or "").rpartition(":")[0] or found["host"] or ""
    if host.lower().rstrip(".") == "other.test":
        return {"other"}
    path = found["script"] + found["path"]
    if (path + "/").startswith("/one/inner/"):
        return {"inner"}
    return {"one"} if (path + "/").startswith("/one/") else {"root"}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == 1000,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(request=RAW)
def test_no_request_breaks_it_or_gets_what_is_anothers(
    served: Served, request: bytes
) -> None:
    # Whatever it is, it is followed by one that ends the connection.
    received = exchange(served, request + b"\r\n\r\n" + get(b"/one/end"), quiet=0.5)
    for status in statuses(received):
        assert status < 500 or status == 501
    if 501 in statuses(received):
        assert b"transfer-encoding" in request.lower()
    for found in seen(received):
        assert found["mount"] in names_of(found)
        assert ".." not in found["path"].split("/")
    assert served.process.poll() is None
