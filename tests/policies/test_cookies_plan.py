"""Who is above whom, on which hosts; and names that every framework reads."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from cookies_site import Placed

from gateway.policies.cookies_plan import CookiePlan, plan_cookies


def plans(
    *mounts: tuple[str | None, str], cookies: str = "isolated"
) -> list[CookiePlan]:
    placed = [
        Placed(f"m{number}", prefix, host=host, cookies=cookies)
        for number, (host, prefix) in enumerate(mounts)
    ]
    made = plan_cookies(placed)
    return [made[mount.name] for mount in placed]


def test_the_modes() -> None:
    made = plan_cookies(
        [
            Placed("a", "/a"),
            Placed("b", "/b", cookies="namespaced"),
            Placed("c", "/c", cookies="shared"),
            Placed("d", "/dé"),
        ]
    )
    names = frozenset({"a.", "b.", "d."})
    assert made == {
        "a": CookiePlan("/a", "a.", names, True, False, True),
        "b": CookiePlan("/b", "b.", names, False, True, True),
        "d": CookiePlan("/d\xc3\xa9", "d.", names, True, False, True),
    }


ANY = None


@pytest.mark.parametrize(
    ("mounts", "above"),
    [
        ([(ANY, "")], []),
        ([(ANY, "/a"), (ANY, "/b")], []),
        ([(ANY, "/a"), (ANY, "/ab")], []),
        ([(ANY, ""), (ANY, "/a")], [0]),
        ([(ANY, "/a/b"), (ANY, "/a")], [1]),
        ([(ANY, ""), (ANY, "/a"), (ANY, "/a/b/c")], [0, 1]),
        ([("x.com", ""), ("x.com", "/a")], [0]),
        ([("x.com", ""), ("y.com", "/a")], []),
        # On x.com the second is in front of the first for its prefix only.
        ([(ANY, ""), ("x.com", "/a")], [0]),
        ([("*.x.com", ""), ("a.x.com", "/a")], [0]),
        ([("*.x.com", ""), ("x.com", "/a")], []),
        ([("*.x.com", ""), ("*.a.x.com", "/a")], [0]),
        ([("*.a.x.com", "/a"), ("*.x.com", "")], [1]),
        # On x.com the first is in front of all others.
        ([("x.com", ""), (ANY, "/a")], []),
        ([("x.com", ""), (ANY, "/a"), (ANY, "")], [2]),
        ([("x.com", ""), ("x.com", "/a"), (ANY, "")], [0]),
        ([("*.x.com", ""), ("a.x.com", "/a"), (ANY, "")], [0]),
        ([("a.x.com", ""), ("*.x.com", "/a"), (ANY, "")], [2]),
        # Below its own prefix: the rest of x.com is the third's.
        ([("x.com", "/a"), (ANY, "/a/b"), (ANY, "")], [2]),
        ([("x.com", "/a/b"), (ANY, "/a"), (ANY, "")], [1, 2]),
        # The wildcard covers only part of where the second is below the first.
        ([(ANY, ""), ("*.x.com", "/a"), ("b.x.com", "")], [0]),
    ],
)
def test_a_mount_above_another_on_its_host_is_namespaced(
    mounts: list[tuple[str | None, str]], above: list[int]
) -> None:
    made = plans(*mounts)
    assert [number for number, plan in enumerate(made) if plan.renames] == above
    assert all(plan.scoped for plan in made)


@pytest.mark.parametrize(
    ("mounts", "together"),
    [
        ([(ANY, "")], []),
        ([(ANY, "/a"), (ANY, "/b")], [0, 1]),
        ([("x.com", "/a"), ("y.com", "/b")], []),
        ([("x.com", ""), (ANY, "/b")], []),
        ([("x.com", "/a"), (ANY, "/b")], [0, 1]),
        ([("x.com", "/a"), ("*.x.com", "/b"), ("*.com", "/c")], [0, 1, 2]),
        ([("x.com", "/a"), ("*.x.com", "/b")], []),
    ],
)
def test_host_wide_cookies_are_namespaced_where_mounts_share_a_host(
    mounts: list[tuple[str | None, str]], together: list[int]
) -> None:
    made = plans(*mounts)
    found = [number for number, plan in enumerate(made) if plan.renames_host_wide]
    assert found == together


def test_a_shared_neighbour_counts_as_one() -> None:
    made = plan_cookies([Placed("a", ""), Placed("b", "/b", cookies="shared")])
    assert made["a"].renames
    assert made["a"].renames_host_wide
    assert made["a"].namespaces == {"a."}


@pytest.mark.parametrize("prefix", ["/a;b", "/a|b", "/x/[a]", "/^"])
def test_a_prefix_that_no_cookie_path_can_name_is_namespaced(prefix: str) -> None:
    assert plans((None, prefix))[0].renames


@pytest.mark.parametrize(
    ("mount", "namespace"),
    [
        ("notes", "notes."),
        ("My_App-2", "My_App-2."),
        ("v1.2", "v1%2E2."),
        ("http-api", "%68ttp-api."),
        ("HTTP-api", "%48TTP-api."),
        ("httpapi", "httpapi."),
        ("caf\u00e9 =;", "caf%C3%A9%20%3D%3B."),
    ],
)
def test_a_namespace_is_a_token_with_one_dot(mount: str, namespace: str) -> None:
    plan = plan_cookies([Placed(mount, "/x", cookies="namespaced")])[mount]
    assert plan.namespace == namespace
    for name in ("s", "__Host-s", "__Host-Http-s", "__Secure-s", "__Http-s", "Http-s"):
        assert plan.inside(plan.outside(name)) == name
        assert plan.inside(name) is None


@pytest.mark.parametrize("name", ["notes.session", "v1%2E2.session", "__Host-my-app.s"])
def test_every_framework_reads_namespaced_names(name: str) -> None:
    """Mounts with shared cookies are shown them as they are."""
    from django.http.cookie import parse_cookie as django_parser
    from starlette.requests import cookie_parser as starlette_parser
    from werkzeug.http import parse_cookie as werkzeug_parser

    header = f"a=1; {name}=x; b=2"
    expected = {"a": "1", name: "x", "b": "2"}
    assert django_parser(header) == expected
    assert starlette_parser(header) == expected
    assert werkzeug_parser(header).to_dict() == expected
    # Bottle's.
    parsed = SimpleCookie(header)
    assert {key: morsel.value for key, morsel in parsed.items()} == expected


def test_a_site_of_many_mounts_is_planned_in_no_time() -> None:
    mounts = [(f"h{number}.x.com", "") for number in range(150)]
    mounts += [(f"h{number}.x.com", "/a") for number in range(150)]
    made = plans(*mounts)
    assert [plan.renames for plan in made] == [True] * 150 + [False] * 150
