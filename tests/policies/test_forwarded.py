"""Forwarding headers: believed from trusted proxies only, and only clean ones."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policies_site import Answer, Served, built, serving

from gateway.policies.client import client_address, is_forwarded
from gateway.policies.forwarded import ForwardedPolicy

MOUNTS = """
a: {app: app:application, path: a}
inside: {app: app:application, path: a, allow: 10.0.0.0/8}
limited: {app: app:application, path: a, rate_limit: 1/hour}
"""
ADMIN = "admin: {allow: [10.0.0.0/8]}"


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Served]]:
    """Gateways that trust none, one and two proxies."""
    folder = tmp_path_factory.mktemp("sites")
    with (
        serving(folder / "0", MOUNTS, top=ADMIN) as none,
        serving(folder / "1", MOUNTS, top=ADMIN, server="trusted_hops: 1") as one,
        serving(folder / "2", MOUNTS, top=ADMIN, server="trusted_hops: 2") as two,
    ):
        yield {0: none, 1: one, 2: two}


def ask(
    sites: Mapping[int, Served], trusted: int, path: str = "/a/", **headers: str
) -> Answer:
    named = {f"X_Forwarded_{name}": value for name, value in headers.items()}
    return sites[trusted].ask(path, **named)


def shown(sites: Mapping[int, Served], trusted: int, **headers: str) -> dict[str, str]:
    answer = ask(sites, trusted, **headers)
    assert answer.status == 200
    assert answer.shown["forwarded"] in ("[]", "['gateway.forwarded']")
    return answer.shown


@pytest.mark.parametrize(
    ("trusted", "value", "address"),
    [
        (0, "10.1.2.3", "127.0.0.1"),
        (1, "10.1.2.3", "10.1.2.3"),
        (1, "6.6.6.6, 10.1.2.3", "10.1.2.3"),
        (1, "6.6.6.6 ,\t10.1.2.3 ", "10.1.2.3"),
        (2, "6.6.6.6, 10.1.2.3, 10.9.9.9", "10.1.2.3"),
        (2, "10.1.2.3", "10.1.2.3"),
        (1, "10.1.2.3:4711", "10.1.2.3"),
        (1, "[2001:DB8::1]:4711", "2001:db8::1"),
        (1, "[2001:db8::1]", "2001:db8::1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "::ffff:10.1.2.3", "10.1.2.3"),
        (1, "", "127.0.0.1"),
        (1, "10.1.2.3,", "127.0.0.1"),
        (1, "unknown", "127.0.0.1"),
        (1, "_hidden", "127.0.0.1"),
        (1, "10.1.2.300", "127.0.0.1"),
        (1, "fe80::1%eth0", "127.0.0.1"),
        (1, "10.1.2.3:99999999", "127.0.0.1"),
        (1, "10.1.2.3<script>", "127.0.0.1"),
        (1, "1" * 5000, "127.0.0.1"),
    ],
)
def test_for(
    sites: Mapping[int, Served], trusted: int, value: str, address: str
) -> None:
    found = shown(sites, trusted, For=value)
    assert found["REMOTE_ADDR"] == address


@pytest.mark.parametrize(
    ("trusted", "value", "scheme"),
    [
        (0, "https", "http"),
        (1, "https", "https"),
        (1, "HTTPS", "https"),
        (1, "http, https", "https"),
        (1, "https, http", "http"),
        (2, "https, http", "https"),
        (1, "wss", "http"),
        (1, "javascript", "http"),
    ],
)
def test_proto(
    sites: Mapping[int, Served], trusted: int, value: str, scheme: str
) -> None:
    assert shown(sites, trusted, Proto=value)["wsgi.url_scheme"] == scheme


@pytest.mark.parametrize(
    ("value", "host", "name", "port"),
    [
        ("shop.example.org", "shop.example.org", "shop.example.org", "80"),
        ("evil.com, shop.example.org:8443", "shop.example.org:8443", None, "8443"),
        ("[::1]:8443", "[::1]:8443", "[::1]", "8443"),
        ("evil.com/path", None, None, None),
        ("evil.com:http", None, None, None),
        ("evil.com:99999", None, None, None),
        ("user@evil.com", None, None, None),
        ("evil.com<script>", None, None, None),
        ("", None, None, None),
    ],
)
def test_host(
    sites: Mapping[int, Served],
    value: str,
    host: str | None,
    name: str | None,
    port: str | None,
) -> None:
    found = shown(sites, 1, Host=value)
    own = f"127.0.0.1:{sites[1].address[1]}"
    assert found["HTTP_HOST"] == (host or own)
    if name is not None:
        assert found["SERVER_NAME"] == name
    assert port is None or found["SERVER_PORT"] == port
    own = f"127.0.0.1:{sites[0].address[1]}"
    assert shown(sites, 0, Host=value)["HTTP_HOST"] == own


def test_the_default_port_is_that_of_the_scheme(sites: Mapping[int, Served]) -> None:
    found = shown(sites, 1, Host="shop.example.org", Proto="https")
    assert found["SERVER_PORT"] == "443"


@pytest.mark.parametrize(
    ("value", "prefix"),
    [
        ("/pre", "/pre"),
        ("/pre/", "/pre"),
        ("/pre/fix", "/pre/fix"),
        ("/caf%C3%A9", "/caf\u00c3\u00a9"),
        ("/", ""),
        ("", ""),
        ("//evil.com", ""),
        ("/\\evil.com", ""),
        ("/%2F%2Fevil.com", ""),
        ("/%5Cevil.com", ""),
        ("https://evil.com", ""),
        ("evil.com", ""),
        ("/a//b", ""),
        ("/a/../b", ""),
        ("/%2e%2e/b", ""),
        ("/a%0d%0aSet-Cookie: x", ""),
        ("/a?b", ""),
        ("/a#b", ""),
        ("/a%", ""),
        ("/" + "a" * 5000, ""),
    ],
)
def test_prefix(sites: Mapping[int, Served], value: str, prefix: str) -> None:
    assert shown(sites, 1, Prefix=value)["SCRIPT_NAME"] == f"{prefix}/a"
    redirect = ask(sites, 1, "/a", Prefix=value)
    assert redirect.status == 308
    expected = prefix.replace("\u00c3\u00a9", "%C3%A9")
    assert redirect.headers["Location"] == f"{expected}/a/"
    assert ask(sites, 0, "/a", Prefix=value).headers["Location"] == "/a/"


def test_allow_and_admin_go_by_the_client_that_is_named(
    sites: Mapping[int, Served],
) -> None:
    for path in ("/inside/", "/_gateway/status"):
        refused = 403 if path == "/inside/" else 404
        assert ask(sites, 1, path, For="10.1.2.3").status == 200
        assert ask(sites, 1, path, For="6.6.6.6, 10.1.2.3").status == 200
        assert ask(sites, 1, path, For="10.1.2.3, 6.6.6.6").status == refused
        # Nobody that is known, though the proxy is.
        assert ask(sites, 1, path, For="unknown").status == refused
        assert ask(sites, 1, path, Proto="https").status == refused
        # Nobody is trusted.
        assert ask(sites, 0, path, For="10.1.2.3").status == refused


def test_where_nobody_is_trusted_applications_see_none_of_it(
    sites: Mapping[int, Served],
) -> None:
    """A ProxyFix in one of them would believe it."""
    names = ("For", "Host", "Proto", "Port", "Prefix", "Ssl", "Scheme", "Anything")
    for name in (*(f"X_Forwarded_{each}" for each in names), "X_Real_IP", "Forwarded"):
        answer = sites[0].ask("/a/", **{name: "/claimed"})
        assert answer.shown["forwarded"] == "[]"


def test_local_clients_through_a_proxy_that_names_nobody(tmp_path: Path) -> None:
    mounts = "a: {app: app:application, path: a, allow: 127.0.0.0/8}"
    admin = "admin: {}"
    with serving(tmp_path, mounts, top=admin, server="trusted_hops: 1") as served:
        for path, refused in (("/a/", 403), ("/_gateway/status", 404)):
            assert served.ask(path).status == 200
            for name in ("Forwarded", "X-Real-Ip", "X-Forwarded-Port", "Via"):
                headers: dict[str, Any] = {name: "127.0.0.1"}
                assert served.ask(path, **headers).status == refused


def test_a_subrequest_is_asked_for_the_same_client(tmp_path: Path) -> None:
    asking = """
    from gateway import subrequest

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(subrequest("/inside/").status_code).encode()]
    """
    mounts = MOUNTS + "asking: {app: app:application, path: asking}"
    files = {"asking/app.py": asking}
    with serving(tmp_path, mounts, files, server="trusted_hops: 1") as served:
        for address, status in (("10.1.2.3", "200"), ("11.1.2.3", "403")):
            headers = {"X_Forwarded_For": address, "Via": "1.1 proxy"}
            assert served.ask("/asking/", **headers).text == status


def test_rate_limits_go_by_the_client_that_is_named(
    sites: Mapping[int, Served],
) -> None:
    first = [ask(sites, 1, "/limited/", For="192.0.2.1").status for _ in range(2)]
    other = [ask(sites, 1, "/limited/", For="192.0.2.2").status for _ in range(2)]
    assert first == other == [200, 429]
    # What the client has made up makes no other one of it.
    assert ask(sites, 1, "/limited/", For="1.2.3.4, 192.0.2.1").status == 429


def test_the_access_log_has_the_client_that_is_named(
    sites: Mapping[int, Served], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gateway.access")
    ask(sites, 1, For="192.0.2.7")
    assert caplog.records[-1].getMessage().startswith("192.0.2.7 ")


def test_a_header_in_several_lines_is_one(sites: Mapping[int, Served]) -> None:
    request = (
        "GET /a/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 10.1.2.3\r\n\r\n"
    )
    with closing(socket.create_connection(sites[1].address, timeout=10)) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"REMOTE_ADDR=10.1.2.3\n" in answer


def test_nothing_stands_around_the_dispatcher_without_trusted_hops(
    tmp_path: Path,
) -> None:
    with (
        built(tmp_path / "0", MOUNTS) as none,
        built(tmp_path / "1", MOUNTS, server="trusted_hops: 1") as one,
    ):
        assert type(one._wsgi) is ForwardedPolicy
        assert type(none._wsgi) is type(one._wsgi._application)


HEADERS = [f"HTTP_X_FORWARDED_{name}" for name in ("FOR", "PROTO", "HOST", "PREFIX")]


@given(
    st.dictionaries(
        st.sampled_from([*HEADERS, "HTTP_FORWARDED", "HTTP_X_REAL_IP"]),
        st.text(st.characters(max_codepoint=255), max_size=40)
        | st.text("/.%25ef:[],\\\r\n", max_size=20),
    ),
    st.integers(1, 3),
)
def test_whatever_is_sent_what_comes_out_is_clean(
    headers: dict[str, str], number: int
) -> None:
    seen: list[dict[str, Any]] = []

    def application(environ: Any, start: Any) -> list[bytes]:
        seen.append(environ)
        return []

    environ = {
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "own",
        "SCRIPT_NAME": "",
        **headers,
    }
    ForwardedPolicy(application, number)(environ, lambda *args: lambda data: None)
    (found,) = seen
    assert client_address(found) is not None
    assert found["wsgi.url_scheme"] in ("http", "https")
    prefix = found["SCRIPT_NAME"]
    assert prefix == "" or (prefix[0] == "/" and prefix[1:2] not in ("/", ""))
    for value in (prefix, found["HTTP_HOST"]):
        assert not set(value) & set("\r\n\\\0")
    assert not [name for name in found if name.startswith("HTTP_X_FORWARDED")]
    if headers:
        assert is_forwarded(found) == (found["REMOTE_ADDR"] == "127.0.0.1")
