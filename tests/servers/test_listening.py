"""The addresses that engines listen on, as they are told."""

from __future__ import annotations

import errno

import pytest

from gateway.config.schema import keys_of
from gateway.config.spec import ServerSpec
from gateway.servers.listening import cannot_listen, is_loopback, url_of


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("example.com", "http://example.com:80"),
    ],
)
def test_the_url_is_one_to_connect_to(host: str, url: str) -> None:
    assert url_of(host, 80) == url


@pytest.mark.parametrize(
    ("host", "told"), [("::1", "[::1]:80"), ("0.0.0.0", "0.0.0.0:80")]
)
def test_an_address_that_is_taken_is_told_as_in_a_url(host: str, told: str) -> None:
    given = {name: key.default_value() for name, key in keys_of("server").items()}
    spec = ServerSpec(**given | {"host": host, "port": 80})
    error = cannot_listen(spec, OSError(errno.EADDRINUSE, "in use"))
    assert str(error).startswith(f"cannot listen on {told}: ")


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("a name", False),
    ],
)
def test_whether_only_this_machine_reaches_it(host: str, local: bool) -> None:
    assert is_loopback(host) is local
