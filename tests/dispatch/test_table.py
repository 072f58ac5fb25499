from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dispatch.table import Route, Table
from gateway.paths import remove_dot_segments

segments = st.sampled_from(["a", "b", "ab", "a.b", "", ".", "..", "...", ".a", "é"])
paths = st.lists(segments, max_size=6).map(lambda parts: "/" + "/".join(parts))
prefixes = st.lists(st.sampled_from(["a", "b", "ab", "a.b", "é"]), max_size=3).map(
    lambda parts: "".join("/" + part for part in parts)
)
hosts = st.sampled_from([None, "a.test", "b.a.test", "*.a.test", "*.test", "other"])
asked = st.sampled_from(
    ["", "a.test", "b.a.test", "c.b.a.test", "test", "x.test", "other", "[::1]"]
)


def naive_dot_segments(path: str) -> str:
    """Resolve dot segments by the buffers of RFC 3986, 5.2.4, letter by letter."""
    given_path, result = path, ""
    while given_path:
        if given_path.startswith("/./"):
            given_path = given_path[2:]
        elif given_path == "/.":
            given_path = "/"
        elif given_path.startswith("/../"):
            given_path, result = given_path[3:], result[: max(result.rfind("/"), 0)]
        elif given_path == "/..":
            given_path, result = "/", result[: max(result.rfind("/"), 0)]
        else:
            end = given_path.find("/", 1)
            end = len(given_path) if end < 0 else end
            result, given_path = result + given_path[:end], given_path[end:]
    return result


def naive_resolve(
    routes: list[Route[int]], host: str, path: str
) -> tuple[int, str] | None:
    """Look at every route, and rank those that match."""
    path = naive_dot_segments(path) if path else path

    def host_rank(pattern: str | None) -> tuple[int, int] | None:
        if pattern is None:
            return (0, 0)
        if pattern.startswith("*."):
            return (1, len(pattern)) if host.endswith(pattern[1:]) else None
        return (2, 0) if host == pattern else None

    matching = [
        (rank, len(route.prefix), route)
        for route in routes
        if (rank := host_rank(route.host)) is not None
        and (path == route.prefix or path.startswith(route.prefix + "/"))
    ]
    if not matching:
        return None
    _, _, best = max(matching, key=lambda match: match[:2])
    return best.target, path[len(best.prefix) :]


@given(st.lists(st.tuples(hosts, prefixes), unique=True, max_size=12), asked, paths)
def test_resolve_agrees_with_looking_at_every_route(
    pairs: list[tuple[str | None, str]], host: str, path: str
) -> None:
    routes = [Route(h, prefix, number) for number, (h, prefix) in enumerate(pairs)]
    found = Table(routes).resolve(host, path)
    expected = naive_resolve(routes, host, path)
    rest = remove_dot_segments(path)[len(found.prefix) :] if found else ""
    assert (found and (found.target, rest)) == expected


@given(paths)
def test_dot_segments_are_resolved_as_rfc_3986_says(path: str) -> None:
    resolved = remove_dot_segments(path)
    assert resolved == naive_dot_segments(path)
    assert not {".", ".."} & set(resolved.split("/"))
    assert remove_dot_segments(resolved) == resolved


@pytest.mark.parametrize(
    ("path", "target", "rest"),
    [
        ("/api", "api", ""),
        ("/api/", "api", "/"),
        ("/api/x", "api", "/x"),
        ("/apix", "root", "/apix"),
        ("/api/v2", "v2", ""),
        ("/api/v2x", "api", "/v2x"),
        ("/api//v2", "api", "//v2"),
        ("//api", "root", "//api"),
        ("/", "root", "/"),
        ("", "root", ""),
        ("/api/../admin", "admin", ""),
        ("/admin/../api/x", "api", "/x"),
        ("/api/..", "root", "/"),
        ("/../../api/.", "api", "/"),
        ("/api/...", "api", "/..."),
        ("/.well-known/x", "root", "/.well-known/x"),
    ],
)
def test_the_longest_prefix_on_a_segment_boundary_serves(
    path: str, target: str, rest: str
) -> None:
    table = Table(
        [
            Route(None, "", "root"),
            Route(None, "/api", "api"),
            Route(None, "/api/v2", "v2"),
            Route(None, "/admin", "admin"),
        ]
    )
    found = table.resolve("", path)
    assert found is not None
    assert found.target == target
    assert (path and remove_dot_segments(path))[len(found.prefix) :] == rest


def test_a_host_without_a_matching_prefix_falls_through() -> None:
    table = Table(
        [
            Route("a.test", "/only", "exact"),
            Route("*.test", "/wild", "wild"),
            Route("*.b.test", "/wild", "nearer"),
            Route(None, "/any", "any"),
        ]
    )

    def target(host: str, path: str) -> str | None:
        found = table.resolve(host, path)
        return found.target if found else None

    assert target("a.test", "/only") == "exact"
    assert target("a.test", "/wild") == "wild"
    assert target("x.b.test", "/wild") == "nearer"
    assert target("a.test", "/any") == "any"
    assert target("b.other", "/any") == "any"
    assert target("b.other", "/wild") is None
    assert target("test", "/wild") is None


def test_two_routes_for_the_same_place_are_refused() -> None:
    with pytest.raises(ValueError, match="two routes for any host: /a"):
        Table([Route(None, "/a", 1), Route(None, "/a", 2)])


def test_an_empty_table_serves_nothing() -> None:
    assert Table[int]([]).resolve("", "/") is None
