"""The cookie policy's rewriting, header by header, and its manners as middleware."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from cookies_site import Placed

from gateway.policies.cookies import CookiePolicy, outgoing_cookie, own_cookies
from gateway.policies.cookies_plan import CookiePlan, plan_cookies

PLANS = plan_cookies(
    [
        Placed("portal", ""),
        Placed("notes", "/notes"),
        Placed("links", "/links", cookies="namespaced"),
        Placed("legacy", "/legacy", cookies="shared"),
    ]
)
ALONE = plan_cookies([Placed("portal", "")])["portal"]


def sent(value: str, plan: str = "notes", outer: str = "") -> str | None:
    return outgoing_cookie(value, PLANS[plan], f"{outer}{PLANS[plan].prefix}")


def shown(header: str, plan: str = "notes") -> str:
    return own_cookies(header, PLANS[plan], PLANS[plan].prefix)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a=b", "a=b; Path=/notes"),
        ("a=b; Path=/", "a=b; Path=/notes"),
        ("a=b; path=/; HttpOnly", "a=b; path=/notes; HttpOnly"),
        ("a=b;PATH=/;Secure", "a=b;PATH=/notes;Secure"),
        ("a=b; \tPath\t = / ; Secure", "a=b; \tPath\t =/notes; Secure"),
        ("a=b; Path=/admin", "a=b; Path=/notes/admin"),
        ("a=b; Path=/admin/", "a=b; Path=/notes/admin/"),
        ("a=b; Path=//x", "a=b; Path=/notes//x"),
        # Beside the prefix, not below it (RFC 6265, 5.1.4).
        ("a=b; Path=/notesx", "a=b; Path=/notes/notesx"),
        ("a=b; Path=/Notes", "a=b; Path=/notes/Notes"),
        # No absolute path is no path (5.2.4).
        ("a=b; Path", "a=b; Path=/notes"),
        ("a=b; Path=", "a=b; Path=/notes"),
        ("a=b; Path=x", "a=b; Path=/notes"),
        ('a=b; Path="/"', "a=b; Path=/notes"),
        # The last counts (5.3).
        ("a=b; Path=/x; Path=/", "a=b; Path=/x; Path=/notes"),
        ("a=b; Path=/x; path=", "a=b; Path=/x; path=/notes"),
        ("a=b; Path=/; Path=/notes/x", "a=b; Path=/; Path=/notes/x"),
        # What looks like a path, but is none.
        ("path=/; Secure", "path=/; Secure; Path=/notes"),
        ("a=b; MyPath=/", "a=b; MyPath=/; Path=/notes"),
        ("a=Path=/", "a=Path=/; Path=/notes"),
        # No name; no value; nothing.
        ("=b", "=b; Path=/notes"),
        ("b", "b; Path=/notes"),
        ("a=", "a=; Path=/notes"),
        ("a=b;", "a=b;; Path=/notes"),
    ],
)
def test_a_path_is_limited_to_the_mount(given: str, expected: str) -> None:
    assert sent(given) == expected


@pytest.mark.parametrize(
    "value",
    [
        "a=b; Path=/notes",
        "a=b; Path=/notes/",
        "a=b; HttpOnly; Path=/notes/admin; Secure",
        "a=b; Path=/n%6Ftes",
        "__Host-a=b; Secure; Path=/",
    ],
)
def test_a_path_below_the_mount_is_left_alone(value: str) -> None:
    host_wide = value.replace("__Host-", "__Host-notes.")
    assert sent(value) == host_wide


ATTRIBUTES = (
    "; Expires=Thu, 01 Jan 1970 00:00:00 GMT;Max-Age=0 ;DOMAIN=.example.com"
    '; SameSite=None;  Secure; HttpOnly; Partitioned; Priority=High; odd; =x; ;q="a,b"'
)


@pytest.mark.parametrize(
    "value", ['"a b,c"', "a=b==", '"\\073\\""', "\xc3\xa0", "", " x "]
)
def test_values_and_attributes_are_kept_byte_for_byte(value: str) -> None:
    assert sent(f"a={value}{ATTRIBUTES}") == f"a={value}{ATTRIBUTES}; Path=/notes"
    assert sent(f"a={value}{ATTRIBUTES}", "links") == f"links.a={value}{ATTRIBUTES}"


def test_names_are_kept_apart() -> None:
    assert sent("session=x; Path=/", "portal") == "portal.session=x; Path=/"
    assert sent("session=x", "portal") == "portal.session=x"
    assert sent("\tsession =x; Path=/", "links") == "links.session=x; Path=/"
    # A mount that is alone on its host has nothing to be kept apart from.
    for value in ("session=x", "session=x; Path=/", "__Host-s=x; Path=/; Secure"):
        assert outgoing_cookie(value, ALONE, "") == value


@pytest.mark.parametrize(
    ("given", "notes", "portal"),
    [
        ("__Host-s", "__Host-notes.s", "__Host-portal.s"),
        ("__host-s", "__host-notes.s", "__host-portal.s"),
        ("__Host-Http-s", "__Host-Http-notes.s", "__Host-Http-portal.s"),
        ("__Secure-s", "__Secure-s", "__Secure-portal.s"),
        ("__Http-s", "__Http-s", "__Http-portal.s"),
        ("__Hosts", "__Hosts", "portal.__Hosts"),
        ("s__Host-", "s__Host-", "portal.s__Host-"),
    ],
)
def test_the_prefixes_that_browsers_enforce_stay_in_front(
    given: str, notes: str, portal: str
) -> None:
    attributes = "; Secure; HttpOnly; Path=/"
    path = attributes if notes.lower().startswith("__host-") else f"{attributes}notes"
    assert sent(f"{given}=1{attributes}") == f"{notes}=1{path}"
    assert sent(f"{given}=1{attributes}", "portal") == f"{portal}=1{attributes}"
    assert shown(f"{notes}=1") == shown(f"{portal}=1", "portal") == f"{given}=1"


def test_what_could_be_taken_for_a_neighbours_is_namespaced() -> None:
    assert sent("portal.theme=1; Path=/") == "notes.portal.theme=1; Path=/notes"
    assert sent("notes.theme=1") == "notes.notes.theme=1; Path=/notes"
    assert shown("notes.portal.theme=1; notes.notes.theme=2") == (
        "portal.theme=1; notes.theme=2"
    )
    # A neighbour with `shared` cookies has no namespace.
    assert sent("legacy.theme=1") == "legacy.theme=1; Path=/notes"
    assert shown("legacy.theme=1") == "legacy.theme=1"


def test_a_cookie_without_a_name_cannot_be_namespaced() -> None:
    assert sent("x", "links") is None
    assert sent("=x; Path=/", "portal") is None
    assert shown("x; =y; a=1") == "x; =y; a=1"
    assert shown("x; =y; links.a=1; links.=2; links.b", "links") == "a=1"


@pytest.mark.parametrize(
    "header",
    [
        "a=1",
        "a=1; b=2",
        "a=1;b=2;",
        ' a = 1 ;; b="x;y"; c',
        'a="portal=1"; portal=1; portalx.a=1',
        "a=\xc3\xa0; b=\xa0",
        "a=1, b=2; $Path=/; Path=/",
    ],
)
def test_what_needs_no_change_is_shown_as_it_came(header: str) -> None:
    assert shown(header) is header


@pytest.mark.parametrize(
    ("header", "mount", "expected"),
    [
        ("a=1; portal.session=2; b=3", "notes", "a=1; b=3"),
        (' portal.a=1;b="x;y" ;; c', "notes", 'b="x;y" ;; c'),
        ("portal.session=2; links.x=1; __Host-links.y=1", "notes", ""),
        ("__Secure-portal.s=1; a=\xc3\xa0", "notes", "a=\xc3\xa0"),
        # A __Host- cookie of its own would have its namespace.
        ("__Host-s=1; __Host-portal.s=2; __Host-notes.s=3", "notes", "__Host-s=3"),
        # What it was called while the mount was namespaced: it could not be deleted.
        ("notes.session=1; session=2", "notes", "session=2"),
        # The first of equal names has the longest path.
        ("session=1; a=2; session=3", "notes", "session=1; a=2"),
        (
            "session=1; Session=2; sess=3; session=4;",
            "notes",
            "session=1; Session=2; sess=3",
        ),
        ("session=0; portal.session=1; portal.a=2; x", "portal", "session=1; a=2"),
        ("portal.a=1; portal.a=2", "portal", "a=1; a=2"),
        ("__Host-portal.s=1; portal.__Host-s=2; __Host-s=3", "portal", "__Host-s=1"),
        (
            "portal. __Host-s=1; portal.\t__Host-s=2; portal.\x0b__Host-s=3",
            "portal",
            "",
        ),
        ('links.a = "x, y=z" ;links.b=', "links", 'a= "x, y=z" ; b='),
        ("session=0; portal.session=1; theme=dark", "links", ""),
        (" ; ;", "links", ""),
        (" ;portal.a=1; \t;", "notes", ""),
    ],
)
def test_only_its_own_cookies_are_shown(header: str, mount: str, expected: str) -> None:
    assert shown(header, mount) == expected


def test_equal_names_in_a_namespace_are_all_its_own() -> None:
    shown = own_cookies("portal.a=1; portal.a=2; a=3", PLANS["portal"], "/outer")
    assert shown == "a=1; a=2"


def test_alone_on_its_host_a_mount_is_shown_all() -> None:
    header = "a=1; a=2; __Host-a=3; x; notes.a=4"
    assert own_cookies(header, ALONE, "") is header


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/", "/outer/notes"),
        ("/admin", "/outer/notes/admin"),
        ("/outer/notes/admin", "/outer/notes/admin"),
        # Set by someone who did not know of the outer prefix.
        ("/notes/admin", "/outer/notes/admin"),
        ("/outer", "/outer/notes/outer"),
    ],
)
def test_below_an_outer_prefix(given: str, expected: str) -> None:
    assert sent(f"a=b; Path={given}", outer="/outer") == f"a=b; Path={expected}"
    assert sent("a=b; Path=/x", "portal", "/outer") == "portal.a=b; Path=/outer/x"
    assert sent("__Host-a=b; Secure; Path=/", "portal", "/outer") == (
        "__Host-portal.a=b; Secure; Path=/"
    )


@pytest.mark.parametrize(
    ("outer", "given", "expected"),
    [
        ("/a;b", "/", "/"),
        ("/a;b", "/x", "/"),
        ("/a/b|c/d", "/x", "/a"),
        ('/\xc3\xa9 "<%', "/x", "/%C3%A9%20%22%3C%25/notes/x"),
        ("/\xc3\xa9", "/\xc3\xa9/notes/x", "/\xc3\xa9/notes/x"),
        ("/\xc3\xa9", "/%c3%a9/notes/x", "/%c3%a9/notes/x"),
        ("/", "/", "//notes"),
    ],
)
def test_prefixes_of_any_spelling(outer: str, given: str, expected: str) -> None:
    assert sent(f"a=b; Path={given}", outer=outer) == f"a=b; Path={expected}"


def test_a_script_name_of_slashes_only_is_none() -> None:
    for value in ("a=b", "a=b; Path=/x"):
        assert outgoing_cookie(value, ALONE, "/") == value


def environ(**extra: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"SCRIPT_NAME": "/notes", "PATH_INFO": "/x", **extra}
    setup_testing_defaults(made)
    made.setdefault("QUERY_STRING", "")
    return made


class Server:
    """What the server is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.written: list[bytes] = []

    def start_response(self, *call: Any) -> Any:
        self.calls.append(call)
        return self.written.append


def policy(application: Any, plan: CookiePlan = PLANS["notes"]) -> Any:
    return CookiePolicy(application, plan)


@pytest.mark.parametrize("body", [[b"x"], (b"x",), iter([b"x"])])
def test_the_body_is_the_applications_own(body: Any) -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Set-Cookie", "a=b")])
        return body

    assert policy(application)(environ(), Server().start_response) is body


def test_headers_without_cookies_are_passed_as_they_are() -> None:
    headers = [("Content-Type", "text/plain"), ("Set-Cook", "a=b"), ("X-Abcdefgh", "1")]

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", headers)
        return []

    server = Server()
    policy(application)(environ(), server.start_response)
    assert server.calls == [("200 OK", headers)]
    assert server.calls[0][1] is headers


def test_many_cookies_in_any_spelling_keep_their_places() -> None:
    headers = [
        ("Set-Cookie", "a=1"),
        ("Content-Type", "text/plain"),
        ("set-cookie", "nameless"),
        ("SET-COOKIE", "b=2; Path=/"),
        ("Vary", "Cookie"),
        ("Set-Cookie", "a=3; Path=/deep"),
    ]
    before = list(headers)

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", headers)
        return []

    for _ in range(2):
        server = Server()
        policy(application, PLANS["portal"])(
            environ(SCRIPT_NAME=""), server.start_response
        )
        assert server.calls[0][1] == [
            ("Set-Cookie", "portal.a=1"),
            ("Content-Type", "text/plain"),
            ("SET-COOKIE", "portal.b=2; Path=/"),
            ("Vary", "Cookie"),
            ("Set-Cookie", "portal.a=3; Path=/deep"),
        ]
        assert headers == before


def test_start_response_is_passed_on_whole() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Set-Cookie", "a=b")])
        try:
            raise ValueError("late")
        except ValueError as error:
            info = (ValueError, error, None)
            write = start_response("500 Oops", [("Set-Cookie", "c=d")], info)
        write(b"written")
        return []

    server = Server()
    policy(application)(environ(), server.start_response)
    first, second = server.calls
    assert first == ("200 OK", [("Set-Cookie", "a=b; Path=/notes")])
    assert second[:2] == ("500 Oops", [("Set-Cookie", "c=d; Path=/notes")])
    assert str(second[2][1]) == "late"
    assert server.written == [b"written"]


def test_what_start_response_raises_reaches_the_application() -> None:
    def refuse(status: str, headers: Any, exc_info: Any = None) -> Any:
        raise exc_info[1]

    def application(environ: Any, start_response: Any) -> Any:
        start_response("500 Oops", [], (ValueError, ValueError("sent already"), None))
        return []

    with pytest.raises(ValueError, match="sent already"):
        policy(application)(environ(), refuse)


def test_it_keeps_to_the_protocol() -> None:
    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        assert "HTTP_COOKIE" not in environ
        start_response(
            "200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "a=b")]
        )
        yield b"x"

    checked = validator(policy(validator(application)))
    body = checked(environ(HTTP_COOKIE="portal.a=1"), Server().start_response)
    assert list(body) == [b"x"]
    body.close()  # type: ignore[attr-defined]


def test_the_application_sees_its_own_cookies_only() -> None:
    seen: list[str | None] = []

    def application(environ: Any, start_response: Any) -> Any:
        seen.append(environ.get("HTTP_COOKIE"))
        start_response("200 OK", [])
        return []

    for header in ("a=1; portal.b=2", "a=1", "portal.b=2", ""):
        policy(application)(environ(HTTP_COOKIE=header), Server().start_response)
    policy(application)(environ(), Server().start_response)
    assert seen == ["a=1", "a=1", None, "", None]


def test_the_prefix_is_the_one_that_the_call_came_with() -> None:
    """Applications that dispatch by themselves move segments to SCRIPT_NAME."""

    def application(environ: Any, start_response: Any) -> Any:
        environ["SCRIPT_NAME"] += "/inner"
        start_response("200 OK", [("Set-Cookie", "a=b; Path=/notes")])
        start_response("200 OK", [("Set-Cookie", "a=b; Path=/")])
        return []

    server = Server()
    policy(application)(environ(), server.start_response)
    assert [call[1][0][1] for call in server.calls] == ["a=b; Path=/notes"] * 2
