from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dispatch.hosts import parse_host


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("", ""),
        ("example.com", "example.com"),
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("example.com:8080", "example.com"),
        ("example.com:", "example.com"),
        ("localhost", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("my_service:80", "my_service"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("[::1]", "[::1]"),
        ("[::1]:8080", "[::1]"),
        ("[0:0:0:0:0:0:0:1]", "[::1]"),
        ("[2001:DB8::A]", "[2001:db8::a]"),
        ("a" * 255, "a" * 255),
    ],
)
def test_a_good_host_is_reduced_to_its_name(value: str, host: str) -> None:
    assert parse_host(value) == host


@pytest.mark.parametrize(
    "value",
    [
        "exa mple.com",
        "example.com:80:80",
        "example.com:port",
        "example.com:99999",
        "example.com/path",
        "user@example.com",
        "a..b",
        ".example.com",
        "-",
        "example.com\r\nX: y",
        "example.com\n",
        "b\xfccher.example",
        "exam%70le.com",
        "a,b",
        "<script>",
        "[::1",
        "::1",
        "[::zz]",
        "[1.2.3.4]",
        "[::1]x",
        "a" * 300,
        ":80",
    ],
)
def test_nonsense_is_refused(value: str) -> None:
    assert parse_host(value) is None


@given(st.text())
def test_what_passes_is_a_plain_name(value: str) -> None:
    host = parse_host(value)
    if host:
        assert host.isascii()
        assert host == host.lower()
        assert not set(host) & set(" /?#@,\\<>\"'%")
        assert parse_host(host) == host
