"""What the doctor takes for a reference, and where it says that it stands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.proof.doctor.headers import in_headers
from gateway.proof.doctor.markup import in_html
from gateway.proof.doctor.openapi import in_json
from gateway.proof.doctor.references import Reference, clipped
from gateway.proof.doctor.safety import may_change_something
from gateway.proof.doctor.scripts import in_script, in_style
from gateway.proof.doctor.targets import PublicURLError, Target, Targets
from gateway.site import MountPoint


def pairs(references: Any) -> list[tuple[str, str]]:
    return [(each.kind, each.url) for each in references]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<a href=/a>", [("link", "/a")]),
        ("<A HREF=' /a?x=1&amp;y=2 '>", [("link", "/a?x=1&y=2")]),
        ("<area href=/a>", [("link", "/a")]),
        ("<a name=top><a href=''>", []),
        ("<script src=/a.js></script>", [("asset", "/a.js")]),
        ("<link rel='STYLESHEET preload' href=/a.css>", [("asset", "/a.css")]),
        ("<link rel=alternate href=/feed>", [("relation", "/feed")]),
        ("<link rel=preconnect href=//fonts>", []),
        ("<link rel=icon>", []),
        ("<img src=/a.png alt=/b>", [("asset", "/a.png")]),
        (
            "<img srcset='/a.png 1x, /b.png 200w,/c.png'>",
            [("asset", "/a.png"), ("asset", "/b.png"), ("asset", "/c.png")],
        ),
        ("<source srcset='/a.webp'>", [("asset", "/a.webp")]),
        ("<video src=/v poster=/p>", [("asset", "/v"), ("asset", "/p")]),
        ("<iframe src=/f></iframe>", [("asset", "/f")]),
        ("<object data=/o></object><embed src=/e>", [("asset", "/o"), ("asset", "/e")]),
        ("<svg><use xlink:href='/i.svg#a'/></svg>", [("asset", "/i.svg#a")]),
        ("<form action=/save method=post>", [("form", "/save")]),
        (
            "<button formaction=/b><input formaction=/i>",
            [("form", "/b"), ("form", "/i")],
        ),
        ("<meta http-equiv=Refresh content='0; URL=/next'>", [("refresh", "/next")]),
        ("<meta http-equiv=refresh content=5>", []),
        ("<meta http-equiv=refresh content='5;url=\"/q\"'>", [("refresh", "/q")]),
        ("<base href=/b/>", [("base", "/b/")]),
        ("<p style='background: url(/bg.png)'>", [("asset", "/bg.png")]),
        ("<style>@import '/a.css'; p{}</style>", [("asset", "/a.css")]),
        ("<p hx-get=/h data-hx-post=/p>", [("request", "/h"), ("request", "/p")]),
        ("<p data-url=/d data-title='a / b' data-host=//x>", [("data", "/d")]),
        ("<script>fetch('/api')</script>", [("script", "/api")]),
        ("<p onclick=\"location.href='/c'\">", [("script", "/c")]),
        ("<script type=text/template>fetch('/api')</script>", []),
        ("<redoc spec-url=/openapi.json></redoc>", [("API", "/openapi.json")]),
        ("<!-- <a href=/a> --><textarea></textarea>", []),
        ("<a href=/unclosed", []),
        # SGML's marked sections; Internet Explorer's are comments as well.
        ("<a href=/a><![no[ <b> ]]><a href=/b>", [("link", "/a"), ("link", "/b")]),
        ("<![if !IE]><a href=/a><![endif]>", [("link", "/a")]),
        ("<a href=/a><![CDATA[ <a href=/b>", [("link", "/a")]),
        ("<a href=/first href=/second>", [("link", "/first")]),
    ],
)
def test_html(html: str, expected: list[tuple[str, str]]) -> None:
    assert pairs(in_html(html)) == expected


def test_a_reference_tells_its_line_and_its_tag() -> None:
    page = "<html>\n<style>\np { color: red }\nq { background: url(/q.png) }\n</style>"
    (style,) = in_html(page)
    assert (style.line, style.text) == (4, "url(/q.png)")
    (link,) = in_html("<p>\n\n<a\n   class=x href='/a'>a</a>")
    assert (link.line, link.text) == (3, "<a class=x href='/a'>")


def test_a_base_holds_for_what_follows_it_and_only_the_first_one_counts() -> None:
    page = "<base href=/one/><base href=/two/><a href=a><style>p{x:url(b)}</style>"
    base, link, style = in_html(page)
    assert (base.kind, base.url) == ("base", "/one/")
    assert (link.base, style.base) == ("/one/", "/one/")


def test_a_long_tag_is_clipped() -> None:
    assert len(clipped("x" * 1000)) == 160
    assert clipped("a\n  b") == "a b"


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        ("a{b:url( '/a b.png' )}", ["/a b.png"]),
        ('@import url("/a.css") print;', ["/a.css"]),
        ('@IMPORT "/a.css";', ["/a.css"]),
        ("/* url(/no) */ a{b:url(/yes)}", ["/yes"]),
        ("a{b:url(data:image/png;base64,AA==)}", ["data:image/png;base64,AA=="]),
        ("a{b:url('')}", []),
    ],
)
def test_style_sheets(css: str, expected: list[str]) -> None:
    assert [each.url for each in in_style(css)] == expected


def test_comments_do_not_shift_the_lines_of_a_style_sheet() -> None:
    (reference,) = in_style("/* one\ntwo */\na{b:url(/c)}", 10)
    assert reference.line == 12


@pytest.mark.parametrize(
    "code",
    [
        "fetch('/api/x')",
        "await fetch( `/api/x` )",
        'axios.get("/api/x")',
        "new EventSource('/api/x')",
        "xhr.open('POST', '/api/x')",
        "$.getJSON('/api/x')",
        "location = '/api/x'",
        "window.location.href='/api/x'",
        "location.assign('/api/x')",
        "import x from '/api/x'",
        "import('/api/x')",
    ],
)
def test_scripts(code: str) -> None:
    assert pairs(in_script(code)) == [("script", "/api/x")]


@pytest.mark.parametrize(
    "code",
    ["fetch('x')", "fetch(`/a/${id}`)", "'/a'", "prefetch('/a')", "fetch('/a b')"],
)
def test_what_is_no_address_in_a_script(code: str) -> None:
    assert pairs(in_script(code)) == []


def test_swagger_and_redoc_name_the_description_of_the_api() -> None:
    swagger = "const ui = SwaggerUIBundle({\n  url: '/openapi.json',\n})"
    (reference,) = in_script(swagger)
    assert (reference.kind, reference.url) == ("API", "/openapi.json")
    assert reference.line == 2
    assert pairs(in_script("Redoc.init('/openapi.json')")) == [("API", "/openapi.json")]


def test_headers() -> None:
    headers = [
        ("Location", "/a"),
        ("LINK", '</style.css>; rel=preload; as=style, <?page=2>; rel="next"'),
        ("Content-Location", "/c"),
        ("Refresh", "3; url=/r"),
        ("X-Other", "/x"),
        ("HX-Redirect", "/h"),
        ("HX-Location", '{"path": "/h"}'),
    ]
    assert pairs(in_headers(302, headers)) == [
        ("redirect", "/a"),
        ("relation", "/style.css"),
        ("relation", "?page=2"),
        ("relation", "/c"),
        ("refresh", "/r"),
        ("redirect", "/h"),
    ]
    assert pairs(in_headers(201, headers[:1])) == [("relation", "/a")]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"openapi": "3.1.0", "paths": {"/a/{b}": {"get": {}}}}, ["/"]),
        (
            {"openapi": "3.1.0", "paths": {"/p": {"post": {}}, "/g": {"get": {}}}},
            ["/g"],
        ),
        (
            {"openapi": "3.1.0", "servers": [{"url": "/v1/"}, {"url": "https://x"}]},
            ["/v1/", "https://x/"],
        ),
        ({"openapi": "3.1.0", "servers": [{"url": "https://{host}"}, 7]}, []),
        (
            {"swagger": "2.0", "basePath": "/v2", "paths": {"/g": {"get": {}}}},
            ["/v2/g"],
        ),
        ({"swagger": "2.0", "host": "h", "schemes": ["http"]}, ["http://h/"]),
        ({"swagger": "2.0", "host": "h"}, ["//h/"]),
        ({"swagger": "2.0", "basePath": 7}, []),
        ({"paths": {}}, []),
        ([], []),
    ],
)
def test_descriptions_of_apis(document: Any, expected: list[str]) -> None:
    assert [each.url for each in in_json(json.dumps(document))] == expected


def test_the_line_of_a_server_and_what_is_no_json() -> None:
    text = '{"openapi": "3.1.0",\n "servers": [\n  {"url": "/v1"}]}'
    (reference,) = in_json(text)
    assert (reference.line, reference.text) == (3, 'servers: {"url": "/v1"}')
    assert list(in_json("{")) == []
    assert list(in_json("[" * 100_000)) == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/logout", True),
        ("/accounts/sign-out/", True),
        ("/LogOut", True),
        ("/notes/3/delete", True),
        ("/notes/deleteAll", True),
        ("/x?action=remove&id=3", True),
        ("/user%2Dlogoff", True),
        ("/notes/", False),
        ("/login", False),
        ("/deleted-scenes", False),
        ("/static/logout.css", False),
        ("/resetting", False),
    ],
)
def test_what_a_get_might_change(url: str, expected: bool) -> None:
    assert may_change_something(url) is expected


POINTS = [
    MountPoint("portal", "", None, ""),
    MountPoint("notes", "/notes", None, ""),
    MountPoint("shop", "", "shop.example.com", ""),
    MountPoint("team", "/x", "*.team.example.com", ""),
]


def target(
    url: str, base: str = "", public: str = "https://example.com"
) -> Target | None:
    targets = Targets(POINTS, public)
    reference = Reference("link", url, 1, "", base)
    return targets.of(f"{targets.root('notes')}deep/page", reference)


@pytest.mark.parametrize(
    ("url", "mount"),
    [
        ("", "notes"),
        ("x", "notes"),
        ("../..", "portal"),
        ("/notes", "notes"),
        ("/notesy", "portal"),
        ("/n%6ftes/x", "notes"),
        ("/notes/../x", "portal"),
        ("//example.com/notes/", "notes"),
        ("https://EXAMPLE.com:443/notes/", "notes"),
        ("https://shop.example.com/", "shop"),
        ("https://a.b.team.example.com/x", "team"),
        ("/é", "portal"),
    ],
)
def test_where_a_reference_leads(url: str, mount: str) -> None:
    found = target(url)
    assert found is not None
    assert (found.mount, found.wrong) == (mount, None)


@pytest.mark.parametrize(
    "url",
    [
        *("mailto:a@b", "javascript:void(0)", "data:,x", "https://other.org/"),
        *("https://example.com:8443/", "http://[", "https://x.shop.example.com/"),
    ],
)
def test_what_is_no_address_of_the_gateway(url: str) -> None:
    assert target(url) is None


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("http://example.com/notes/", "scheme"),
        ("http://shop.example.com/", "scheme"),
        ("http://example.com:443/notes/", "scheme"),
        ("http://localhost:8000/", "address"),
        ("http://127.0.0.1/x", "address"),
        ("https://[::1]:5000/x", "address"),
        ("http://0.0.0.0:5000/x", "address"),
    ],
)
def test_an_address_that_misses_the_gateway(url: str, wrong: str) -> None:
    found = target(url)
    assert found is not None
    assert (found.wrong, found.mount) == (wrong, None)


def test_https_is_meant_wherever_it_stands() -> None:
    assert target("https://example.com/", public="http://example.com") is None


def test_what_is_passed_by() -> None:
    targets = Targets(POINTS, passed=["/_gateway"])
    for url, known in (("/_gateway/x", False), ("/_gateway", False), ("/_gate", True)):
        found = targets.of("https://localhost/", Reference("link", url, 1, ""))
        assert (found is not None) is known


def test_another_port_of_the_machine_that_the_gateway_is_reached_on() -> None:
    found = target("http://localhost:5000/x", public="http://localhost:8080")
    assert found is not None
    assert found.wrong == "address"


def test_a_base_comes_before_the_page() -> None:
    found = target("x?q=1#f", base="/")
    assert found is not None
    assert (found.mount, found.url) == ("portal", "https://example.com/x?q=1")


def test_roots() -> None:
    targets = Targets([*POINTS, MountPoint("u", "/ü", None, "")], "http://[::1]:8080/")
    assert targets.root("portal") == "http://[::1]:8080/"
    assert targets.root("shop") == "http://shop.example.com:8080/"
    assert targets.root("team") == "http://doctor.team.example.com:8080/x/"
    assert targets.root("u") == "http://[::1]:8080/%C3%BC/"


def test_a_root_is_no_other_mounts() -> None:
    points = [MountPoint("a", "/a", None, ""), MountPoint("b", "", "localhost", "")]
    root = Targets(points).root("a")
    assert root == "https://127.0.0.1/a/"
    found = Targets(points).of(root, Reference("link", "x", 1, ""))
    assert found is not None
    assert (found.mount, found.wrong) == ("a", None)


@pytest.mark.parametrize(
    "url",
    ["localhost", "ftp://x", "https://", "https://x/apps", "https://x:0", "http://["],
)
def test_what_is_no_public_url(url: str) -> None:
    with pytest.raises(PublicURLError, match="write scheme and host"):
        Targets(POINTS, url)
