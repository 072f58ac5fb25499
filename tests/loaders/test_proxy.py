"""``proxy:`` mounts before real servers, good ones and broken ones, over sockets."""

from __future__ import annotations

import http.client
import io
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from composing import composed, failures
from proxy_support import SPEC, ask, proxied, raw_upstream, told, upstream
from werkzeug.test import create_environ, run_wsgi_app

from gateway.config.spec import ProxyTarget, ServerSpec
from gateway.lifecycle import Gateway
from gateway.loaders.proxy import Proxy, UpstreamError
from gateway.servers.waitress import WaitressServer, running


@pytest.fixture(scope="module")
def echoing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WaitressServer]:
    with upstream() as url, proxied(tmp_path_factory.mktemp("proxy"), url) as server:
        yield server


class TestRequest:
    def test_path_query_and_body_arrive(self, echoing: WaitressServer) -> None:
        seen = told(
            echoing, "/old/a%20b//c%C3%BC?x=1&y=%2F", method="POST", body=b"hello"
        )
        assert seen["method"] == "POST"
        assert seen["path"] == "/a b//c\xc3\xbc"
        assert seen["query"] == "x=1&y=%2F"
        assert seen["body"] == "hello"

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
    def test_every_method_arrives(self, echoing: WaitressServer, method: str) -> None:
        assert told(echoing, "/old/", method=method)["method"] == method

    def test_a_chunked_body_arrives(self, echoing: WaitressServer) -> None:
        def chunks() -> Iterator[bytes]:
            yield b"one "
            yield b"two"

        assert told(echoing, "/old/", method="POST", body=chunks())["body"] == "one two"

    def test_the_client_is_named(self, echoing: WaitressServer) -> None:
        sent = {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6"}
        seen = told(echoing, "/old/", headers={**sent, "Host": "shop.example"})
        headers = seen["headers"]
        assert headers["host"] == "shop.example"
        assert headers["via"] == "1.1 wsgi-gateway"
        # waitress lets an upstream see them only as its own REMOTE_ADDR and the like.
        assert "6.6.6.6" not in json.dumps(seen)

    def test_nothing_is_invented(self, echoing: WaitressServer) -> None:
        connection = http.client.HTTPConnection(*echoing.address, timeout=10)
        connection.putrequest("GET", "/old/", skip_accept_encoding=True)
        connection.endheaders()
        seen = json.loads(connection.getresponse().read())
        connection.close()
        names = {name.lower() for name, _ in seen["headers"]}
        assert not names & {"accept-encoding", "user-agent", "content-length"}

    def test_hop_by_hop_fields_stay_here(self, echoing: WaitressServer) -> None:
        sent = {
            "Connection": "close, X-Secret",
            "X-Secret": "1",
            "Keep-Alive": "timeout=5",
            "Proxy-Authorization": "Basic eA==",
            "TE": "trailers, deflate",
            "Upgrade": "h2c",
            "X-Kept": "yes",
        }
        headers = told(echoing, "/old/", headers=sent)["headers"]
        assert headers["x-kept"] == "yes"
        assert "te" not in headers
        gone = {"x-secret", "keep-alive", "proxy-authorization", "upgrade"}
        assert not gone & set(headers)

    def test_its_own_host_if_it_is_to_have_that(self, tmp_path: Path) -> None:
        with (
            upstream() as url,
            proxied(tmp_path, url, ", preserve_host: false") as server,
        ):
            headers = told(server, "/old/", headers={"Host": "shop.example"})["headers"]
        assert headers["host"] == url.removeprefix("http://")

    def test_below_a_path(self, tmp_path: Path) -> None:
        with upstream() as url, proxied(tmp_path, url + "/app/") as server:
            assert told(server, "/old/x")["path"] == "/app/x"
            assert told(server, "/old/")["path"] == "/app/"
            assert told(server, "/old", method="POST")["path"] == "/app"

    def test_a_body_without_a_length_is_passed_on_as_it_comes(self) -> None:
        # As gunicorn hands it over (wsgi.input_terminated).
        with upstream() as url:
            proxy = Proxy("legacy", ProxyTarget(url, 5, 5, True))
            environ = create_environ("/", method="POST")
            environ |= {
                "HTTP_TRANSFER_ENCODING": "chunked",
                "wsgi.input": io.BytesIO(b"x" * 200_000),
                "wsgi.input_terminated": True,
            }
            environ.pop("CONTENT_LENGTH", None)
            body, status, _ = run_wsgi_app(proxy, environ, buffered=True)
            seen = json.loads(b"".join(body))
            proxy.close()
        assert status == "200 OK"
        assert seen["body"] == "x" * 200_000

    def test_what_is_forwarded(self) -> None:
        heads: list[bytes] = []

        def serve(client: socket.socket) -> None:
            client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        def listen(client: socket.socket) -> None:
            serve(client)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"

            def accept() -> None:
                client, _ = listener.accept()
                with client:
                    heads.append(client.recv(65536))
                    listen(client)

            thread = threading.Thread(target=accept)
            thread.start()
            proxy = Proxy("legacy", ProxyTarget(url, 5, 5, True))
            environ = create_environ("/x", "https://shop.example:8443")
            environ |= {"SCRIPT_NAME": "/a b", "REMOTE_ADDR": "192.0.2.1"}
            _, status, _ = run_wsgi_app(proxy, environ, buffered=True)
            thread.join()
            proxy.close()
        assert status == "204 No Content"
        lines = heads[0].decode().split("\r\n")
        assert "X-Forwarded-For: 192.0.2.1" in lines
        assert "X-Forwarded-Proto: https" in lines
        assert "X-Forwarded-Host: shop.example:8443" in lines
        assert "X-Forwarded-Prefix: /a%20b" in lines


class TestResponse:
    @pytest.mark.parametrize(
        ("sent", "seen"),
        [
            ("/login?next=/x#top", "/old/login?next=/x#top"),
            ("{url}/login", "{own}/old/login"),
            ("{own}/login", "{own}/old/login"),
            # An application that has read X-Forwarded-Prefix.
            ("/old/login", "/old/login"),
            ("{own}/old", "{own}/old"),
            ("https://elsewhere.example/x", "https://elsewhere.example/x"),
            ("//elsewhere.example/x", "//elsewhere.example/x"),
            ("relative", "relative"),
            ("?page=2", "?page=2"),
            ("mailto:a@b.example", "mailto:a@b.example"),
            ("http://[::1", "http://[::1"),
            ("{url}", "{own}/old/"),
        ],
    )
    def test_locations_come_under_the_prefix(
        self, tmp_path: Path, sent: str, seen: str
    ) -> None:
        with upstream() as url, proxied(tmp_path, url) as server:
            fill = {"url": url, "own": server.url}
            query = urlencode({"status": 302, "h-Location": sent.format(**fill)})
            response, _ = ask(server, f"/old/?{query}")
            assert response.status == 302
            assert response.headers["Location"] == seen.format(**fill)

    def test_other_addresses(self, tmp_path: Path) -> None:
        with upstream() as url, proxied(tmp_path, url + "/app") as server:
            query = (
                "h-Content-Location=/app/x&h-Refresh=5;%20url=/app/y"
                "&h-Location=/elsewhere&h-Link=</app/z>"
            )
            response, _ = ask(server, f"/old/?{query}")
        assert response.headers["Content-Location"] == "/old/x"
        assert response.headers["Refresh"] == "5; url=/old/y"
        # What is not below its path cannot be had through the mount.
        assert response.headers["Location"] == "/elsewhere"

    def test_cookies_come_under_the_prefix(self, tmp_path: Path) -> None:
        query = (
            "h-Set-Cookie=a=1;%20Path=/app;%20HttpOnly&h-Set-Cookie=b=2;%20Path=/app/x"
            "&h-Set-Cookie=c=3;%20Domain=127.0.0.1&h-Set-Cookie=d=4;%20Domain=x.example"
        )
        with upstream() as url, proxied(tmp_path, url + "/app") as server:
            response, _ = ask(server, f"/old/?{query}")
        assert response.headers.get_all("Set-Cookie") == [
            "a=1; Path=/old; HttpOnly",
            "b=2; Path=/old/x",
            "c=3; Path=/old",
            "d=4; Domain=x.example; Path=/old",
        ]

    def test_hop_by_hop_fields_stay_there(self, tmp_path: Path) -> None:
        def serve(client: socket.socket) -> None:
            client.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close, X-Own\r\n"
                b"X-Own: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\nX-Kept: 1\r\n"
                b"\r\nok"
            )

        with raw_upstream(serve) as url, proxied(tmp_path, url) as server:
            response, body = ask(server, "/old/")
        assert body == b"ok"
        assert response.headers["X-Kept"] == "1"
        assert not {"X-Own", "Keep-Alive", "Upgrade"} & set(response.headers)

    def test_content_is_not_decoded(self, tmp_path: Path) -> None:
        # Not even gzip: whoever decodes would fail.
        def serve(client: socket.socket) -> None:
            client.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                b"Content-Length: 4\r\n\r\nplain"[:-1]
            )

        with raw_upstream(serve) as url, proxied(tmp_path, url) as server:
            response, body = ask(server, "/old/", headers={"Accept-Encoding": "gzip"})
        assert response.headers["Content-Encoding"] == "gzip"
        assert body == b"plai"

    @pytest.mark.parametrize("status", [204, 304])
    def test_a_status_without_content(
        self, echoing: WaitressServer, status: int
    ) -> None:
        response, body = ask(echoing, f"/old/?status={status}")
        assert response.status == status
        assert body == b""

    def test_head(self, echoing: WaitressServer) -> None:
        response, body = ask(echoing, "/old/", method="HEAD")
        assert response.status == 200
        assert body == b""
        assert int(response.headers["Content-Length"]) > 100

    def test_a_stream_arrives_as_it_comes(self, tmp_path: Path) -> None:
        seen = threading.Event()

        def serve(client: socket.socket) -> None:
            client.sendall(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"
            )
            assert seen.wait(10)
            client.sendall(b"3\r\ntwo\r\n0\r\n\r\n")

        with raw_upstream(serve) as url, proxied(tmp_path, url) as server:
            connection = http.client.HTTPConnection(*server.address, timeout=10)
            connection.request("GET", "/old/")
            response = connection.getresponse()
            first = response.read1()
            seen.set()
            rest = response.read()
            connection.close()
        assert (first, rest) == (b"one", b"two")

    def test_a_client_that_leaves_ends_the_exchange(self, tmp_path: Path) -> None:
        ended = threading.Event()

        def serve(client: socket.socket) -> None:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                while True:
                    client.sendall(b"x" * 65536)
            except OSError:
                ended.set()

        with raw_upstream(serve) as url, proxied(tmp_path, url) as server:
            client = socket.create_connection(server.address, timeout=10)
            client.sendall(b"GET /old/ HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(65536)
            client.close()
            assert ended.wait(10)

    def test_connections_are_kept(self, tmp_path: Path) -> None:
        ports: list[str] = []

        def port(environ: Any, start_response: Any) -> list[bytes]:
            ports.append(environ["REMOTE_PORT"])
            start_response("200 OK", [("Content-Length", "2")])
            return [b"ok"]

        with upstream(port) as url, proxied(tmp_path, url) as server:
            for _ in range(3):
                assert ask(server, "/old/")[1] == b"ok"
        assert len(set(ports)) == 1


class TestFailure:
    def test_refused(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with proxied(tmp_path, f"http://127.0.0.1:{port}") as server:
            response, body = ask(server, "/old/")
        assert response.status == 502
        assert b"does not answer" in body
        (record,) = [each for each in caplog.records if each.name == "gateway.proxy"]
        said = f"mount legacy: http://127.0.0.1:{port}: Connection refused"
        assert record.getMessage() == said

    def test_unknown_host(self, tmp_path: Path) -> None:
        with proxied(tmp_path, "http://nowhere.invalid") as server:
            assert ask(server, "/old/")[0].status == 502

    def test_silent(self, tmp_path: Path) -> None:
        over = threading.Event()
        with (
            raw_upstream(lambda client: over.wait(10) and None) as url,
            proxied(tmp_path, url, ", timeout: 100ms") as server,
        ):
            response, body = ask(server, "/old/", method="POST", body=b"x")
            over.set()
        assert response.status == 504
        assert b"takes too long" in body

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"nonsense\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            b"HTTP/1.1 abc OK\r\n\r\n",
        ],
    )
    def test_no_http(self, tmp_path: Path, answer: bytes) -> None:
        with (
            raw_upstream(lambda client: client.sendall(answer)) as url,
            proxied(tmp_path, url) as server,
        ):
            assert ask(server, "/old/")[0].status == 502

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
        ],
    )
    def test_an_answer_cut_off_is_cut_off(self, tmp_path: Path, answer: bytes) -> None:
        with (
            raw_upstream(lambda client: client.sendall(answer)) as url,
            proxied(tmp_path, url) as server,
            pytest.raises((http.client.IncompleteRead, ConnectionError)),
        ):
            ask(server, "/old/")

    def test_it_says_why_in_the_log(self) -> None:
        def serve(client: socket.socket) -> None:
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

        with raw_upstream(serve) as url:
            proxy = Proxy("legacy", ProxyTarget(url, 5, 5, True))
            body, _, _ = run_wsgi_app(proxy, create_environ("/"))
            with pytest.raises(UpstreamError, match=r"broke off in the middle"):
                list(body)
            proxy.close()

    def test_a_stale_connection_is_tried_again(self, tmp_path: Path) -> None:
        # It closes each second connection without an answer, as a server does whose
        # idle time is just over.
        turns = iter(range(100))

        def serve(client: socket.socket) -> None:
            if next(turns) % 2:
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        with raw_upstream(serve) as url, proxied(tmp_path, url) as server:
            assert ask(server, "/old/")[1] == b"ok"
            assert ask(server, "/old/", method="POST", body=b"x")[0].status == 502

    def test_an_answer_that_makes_no_sense_is_not_asked_for_again(
        self, tmp_path: Path
    ) -> None:
        asked = []

        def serve(client: socket.socket) -> None:
            asked.append(client)
            client.sendall(b"nonsense\r\n\r\n")

        with raw_upstream(serve) as url, proxied(tmp_path, url) as server:
            assert ask(server, "/old/")[0].status == 502
        assert len(asked) == 1

    def test_websockets_are_refused(self, echoing: WaitressServer) -> None:
        sent = {"Connection": "Upgrade", "Upgrade": "websocket"}
        response, body = ask(echoing, "/old/", headers=sent)
        assert response.status == 501
        assert b"WebSocket" in body

    def test_a_gateway_before_itself(self, tmp_path: Path) -> None:
        spec = ServerSpec(**{**vars_of(SPEC), "threads": 12})

        class Late:
            application: Any = None

            def __call__(self, environ: Any, start_response: Any) -> Any:
                return self.application(environ, start_response)

        late = Late()
        with running(late, spec) as server:
            # It gets the prefix again at each turn, as it has it in its own path.
            mounts = f"legacy: {{proxy: '{server.url}/old', prefix: /old}}"
            with composed(tmp_path, mounts) as gateway:
                late.application = gateway
                assert ask(server, "/old/")[0].status == 508


def vars_of(spec: ServerSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in spec.__slots__}


def test_a_probe_that_fails_keeps_it_from_serving(tmp_path: Path) -> None:
    with upstream() as url:
        (error,) = failures(
            tmp_path, f"legacy: {{proxy: '{url}', probe: '/?status=500'}}"
        )
    assert "500" in str(error)


def test_it_can_be_composed_by_hand(tmp_path: Path) -> None:
    with (
        upstream() as url,
        composed(tmp_path, f"legacy: {{proxy: '{url}'}}") as gateway,
    ):
        assert isinstance(gateway, Gateway)
        (mount,) = gateway.mounts.values()
        assert (mount.kind, mount.source) == ("proxy", url)
