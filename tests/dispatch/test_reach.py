"""Which host to ask for a mount, beside others that have hosts to themselves."""

from __future__ import annotations

import pytest

from gateway.dispatch.reach import hosts_of, leading_host
from gateway.dispatch.table import Route, Table


@pytest.mark.parametrize(
    ("pattern", "labels", "hosts"),
    [
        (None, ("x",), ("localhost", "127.0.0.1", "x.invalid")),
        ("*.a.b", ("x",), ("x.a.b", "www.a.b", "a.b.a.b")),
        ("*.a.b", ("www", "x"), ("www.a.b", "x.a.b", "a.b.a.b")),
        ("a.b", ("x",), ("a.b",)),
    ],
)
def test_hosts_of_a_pattern(
    pattern: str | None, labels: tuple[str, ...], hosts: tuple[str, ...]
) -> None:
    assert hosts_of(pattern, *labels) == hosts


TABLE = Table(
    [
        Route(None, "/a", "a"),
        Route("one.test", "", "one"),
        Route("two.test", "/a/deep", "two"),
    ]
)


@pytest.mark.parametrize(
    ("hosts", "path", "host"),
    [
        (["one.test", "two.test"], "/a/", "two.test"),
        (["two.test", "three.test"], "/a/deep/er", "three.test"),
        (["two.test", "three.test"], "/a/deep/../x", "two.test"),
        (["one.test"], "/a/", "one.test"),
        (["three.test", "two.test"], "/b", "three.test"),
    ],
)
def test_the_first_host_that_leads_there(
    hosts: list[str], path: str, host: str
) -> None:
    assert leading_host(TABLE, "a", hosts, path) == host
