"""What is an escape and what is none, decided by how the addresses answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from composing import configured
from doctor_site import Page, diagnose, diagnose_file, found, of, only, serving

from gateway.proof.doctor.ask import Answer
from gateway.proof.doctor.reading import references
from gateway.proof.doctor.references import Reference

PORTAL: dict[str, Page] = {"/": "<p>portal", "/about": "<p>about the portal"}


def page(*tags: str) -> str:
    return "<html>" + "\n".join(tags)


def test_a_mount_that_stays_inside_is_clean(tmp_path: Path) -> None:
    app: dict[str, Page] = {
        "/": page(
            "<a href=/app/a>", "<a href=b>", "<img src='/app/a.png'>", "<a href='#x'>"
        ),
        "/a": "<a href=../app/>",
        "/b": (302, {"Location": "/app/a"}, ""),
        "/a.png": "png",
    }
    diagnosis = diagnose(tmp_path, {"root": PORTAL, "app": app})
    assert found(diagnosis, "app") == found(diagnosis, "root") == []
    assert diagnosis.passes(strict=True)
    mount = of(diagnosis, "app")
    assert (mount.pages, mount.references, mount.remarks) == (2, 6, ())


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        ("<a href=/own>", "link"),
        ("<link rel=stylesheet href=/own>", "asset"),
        ("<form action=/own>", "form"),
        ("<meta http-equiv=refresh content='0;url=/own'>", "refresh"),
        ("<p hx-get=/own>", "request"),
    ],
)
def test_what_the_mount_itself_would_answer_is_an_escape(
    tmp_path: Path, tag: str, kind: str
) -> None:
    app: dict[str, Page] = {"/": page("", tag), "/own": "own"}
    diagnosis = diagnose(tmp_path, {"app": app})
    finding = only(diagnosis, "app")
    assert (finding.severity, finding.kind, finding.places) == ("error", kind, 1)
    assert finding.message.endswith(
        "/own leaves the mount: no mount is there, and /app/own answers 200"
    )
    assert finding.spot is not None
    assert (str(finding.spot), finding.spot.text) == ("/app/ line 2", tag)
    assert "put SCRIPT_NAME" in finding.cure
    assert "'host:'" in finding.cure
    assert not diagnosis.passes()


def test_the_classic_that_another_mount_is_asked_for_it(tmp_path: Path) -> None:
    app: dict[str, Page] = {
        "/": page("<link rel=stylesheet href=/static/app.css>"),
        "/static/app.css": (200, {"Content-Type": "text/css"}, "p{}"),
    }
    diagnosis = diagnose(tmp_path, {"root": PORTAL, "app": app})
    finding = only(diagnosis, "app")
    assert finding.severity == "error"
    assert "mount root answers 404 there, and /app/static/app.css" in finding.message


def test_what_both_have_is_an_escape_too_but_for_the_front_page(tmp_path: Path) -> None:
    app: dict[str, Page] = {"/": page("<a href=/about>", "<a href=/>"), "/about": "<p>"}
    diagnosis = diagnose(tmp_path, {"root": PORTAL, "app": app})
    about, home = of(diagnosis, "app").findings
    assert (about.severity, home.severity) == ("error", "warning")
    assert "front page of mount root, and not to that of this mount" in home.message
    assert "mount_url('root')" in home.message


def test_links_to_other_mounts_are_fine(tmp_path: Path) -> None:
    portal: dict[str, Page] = {"/": page("<a href=/app/>", "<a href='/app/b'>")}
    app: dict[str, Page] = {"/": page("<a href=/other/x>"), "/b": "<p>"}
    other: dict[str, Page] = {"/": "<p>", "/x": "<p>"}
    diagnosis = diagnose(tmp_path, {"root": portal, "app": app, "other": other})
    assert diagnosis.passes(strict=True)


MEANT = """
    from gateway import mount_url

    def application(environ, start_response):
        if environ["PATH_INFO"] not in ("/", "/about"):
            start_response("404 Not Found", [])
            return []
        start_response("200 OK", [("Content-Type", "text/html")])
        links = [mount_url("portal"), mount_url("portal", "/about")]
        return ["".join(f"<a href='{link}'>" for link in links).encode()]
"""


def test_links_made_with_mount_url_are_meant(tmp_path: Path) -> None:
    mounts = """
        portal: {app: "app:application", path: portal, prefix: /}
        app: {app: "app:application", path: app}
    """
    files = {"portal/app.py": serving(PORTAL), "app/app.py": MEANT}
    diagnosis = diagnose_file(configured(tmp_path, mounts, files))
    assert found(diagnosis, "app") == []


def test_what_nobody_answers_is_a_warning(tmp_path: Path) -> None:
    app: dict[str, Page] = {"/": page("<a href=/gone>")}
    diagnosis = diagnose(tmp_path, {"app": app})
    finding = only(diagnosis, "app")
    assert finding.severity == "warning"
    assert "no mount is there; nor does this mount have it" in finding.message
    assert diagnosis.passes()
    assert not diagnosis.passes(strict=True)
    diagnosis = diagnose(tmp_path / "two", {"root": PORTAL, "app": app})
    assert "mount root answers 404 there; nor" in only(diagnosis, "app").message


def test_an_answer_to_every_path_proves_nothing(tmp_path: Path) -> None:
    app: dict[str, Page] = {
        "*": page("<a href=/any>", "<script src=/a.js></script>"),
        "/a.js": (200, {"Content-Type": "text/javascript"}, "1"),
    }
    diagnosis = diagnose(tmp_path, {"app": app})
    assert found(diagnosis, "app") == [("error", "asset"), ("warning", "link")]


def test_what_only_looks_like_an_address_takes_proof(tmp_path: Path) -> None:
    app: dict[str, Page] = {
        "/": page(
            "<script>fetch('/own'); fetch('/gone')</script>",
            "<p data-url=/own data-path=/gone>",
        ),
        "/own": "own",
    }
    diagnosis = diagnose(tmp_path, {"app": app})
    assert found(diagnosis, "app") == [("warning", "script"), ("warning", "data")]
    for finding in of(diagnosis, "app").findings:
        assert finding.message.startswith("what looks like an address in")


def test_redirects_and_link_headers(tmp_path: Path) -> None:
    app: dict[str, Page] = {
        "/": (302, {"Location": "/login"}, ""),
        "/login": (200, {"Link": "</own>; rel=next", "Refresh": "1; /own"}, "<p>"),
        "/own": "own",
    }
    diagnosis = diagnose(tmp_path, {"app": app})
    # What the redirect was meant to lead to is read as well.
    assert found(diagnosis, "app") == (
        [("error", "redirect"), ("error", "refresh"), ("warning", "relation")]
    )
    redirect = of(diagnosis, "app").findings[0]
    assert redirect.spot is not None
    assert (str(redirect.spot), redirect.spot.text) == ("/app/", "Location: /login")


def test_one_finding_for_all_places_of_an_address(tmp_path: Path) -> None:
    app: dict[str, Page] = {
        "/": page("<a href=/own>", "<a href=a>"), "/a": page("<a href=/own>"),
        "/own": page("<a href=/own>"),
    }  # fmt: skip
    finding = only(diagnose(tmp_path, {"app": app}), "app")
    assert finding.places == 3
    assert finding.spot is not None
    assert finding.spot.page == "/app/"


def test_style_sheets_and_scripts_are_read(tmp_path: Path) -> None:
    app: dict[str, Page] = {
        "/": page("<link rel=stylesheet href=a.css>", "<script src=a.js></script>"),
        "/a.css": (200, {"Content-Type": "text/css"}, "p{}\nq{b:url(/a.png)}"),
        "/a.js": (200, {"Content-Type": "text/javascript"}, "fetch('/data')"),
        "/a.png": "png",
        "/data": "data",
    }
    asset, script = of(diagnose(tmp_path, {"app": app}), "app").findings
    assert asset.spot is not None
    assert (asset.severity, str(asset.spot)) == ("error", "/app/a.css line 2")
    assert (script.severity, script.kind) == ("warning", "script")


def test_a_base_is_blamed_for_what_it_leads_astray(tmp_path: Path) -> None:
    app: dict[str, Page] = {
        "/": page("<base href=/>", "<a href=a>", "<img src=b>", "<a href=/app/a>"),
        "/a": "<p>",
        "/b": "b",
    }
    findings = of(diagnose(tmp_path, {"app": app}), "app").findings
    assert {each.kind for each in findings} == {"base"}
    assert {each.message.split(" leaves")[0] for each in findings} == {
        "the page's base /"
    }


def test_hard_coded_schemes_and_servers(tmp_path: Path) -> None:
    app: dict[str, Page] = {
        "/": page(
            "<script src=http://localhost/app/a.js></script>",
            "<img src=http://127.0.0.1:8000/a.png>",
            "<a href=http://localhost:5000/>",
            "<a href=https://elsewhere.org/app>",
            "<script>fetch('http://localhost:5000/x')</script>",
        ),
    }
    findings = of(diagnose(tmp_path, {"app": app}), "app").findings
    assert [(each.severity, each.kind) for each in findings] == (
        [("error", "asset")] * 2 + [("warning", "link"), ("warning", "script")]
    )
    assert "has another scheme than its page" in findings[0].message
    assert "names a server on the visitor's own machine" in findings[1].message


def test_addresses_built_from_the_request_are_fine(tmp_path: Path) -> None:
    source = """
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        home = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}"
        return [f"<a href='{home}{environ['SCRIPT_NAME']}/a'>".encode()]
    """
    config = configured(
        tmp_path, 'app: {app: "app:application", path: app}', {"app/app.py": source}
    )
    for public in ("https://apps.example.com", "http://localhost:8080"):
        diagnosis = diagnose_file(config, public=public)
        assert found(diagnosis, "app") == []
        assert of(diagnosis, "app").references == 2


def test_a_mount_in_front_of_the_root_mounts_own(tmp_path: Path) -> None:
    portal: dict[str, Page] = {"/": page("<a href=/app/x>"), "/app/x": "<p>own"}
    diagnosis = diagnose(tmp_path, {"root": portal, "app": {"/": "<p>"}})
    finding = only(diagnosis, "root")
    assert (finding.severity, finding.cure) == ("error", "")
    assert "mount app, which is in front of what this mount has" in finding.message
    both = diagnose(tmp_path / "two", {"root": portal, "app": {"/x": "<p>"}})
    assert found(both, "root") == [("warning", "link")]


def test_a_mount_in_front_of_a_part_of_another_one(tmp_path: Path) -> None:
    app: dict[str, Page] = {"/": page("<a href=/app/in/x>"), "/in/x": "<p>own"}
    inner = """
        inner: {app: "app:application", path: root, prefix: /app/in}
    """
    diagnosis = diagnose(tmp_path, {"root": PORTAL, "app": app}, more=inner)
    finding = only(diagnosis, "app")
    assert (finding.severity, finding.cure) == ("error", "")
    assert "mount inner, which is in front" in finding.message


def test_links_to_the_gateways_own_pages_are_passed_by(tmp_path: Path) -> None:
    app = {"app/app.py": serving({"/": page("<a href=/_gateway/>")})}
    config = configured(tmp_path, 'app: {app: "app:application", path: app}', app)
    config.write_text(config.read_text() + "admin: {prefix: /_gateway}\n")
    assert found(diagnose_file(config), "app") == []


def test_a_root_that_refuses_the_host_is_told(tmp_path: Path) -> None:
    diagnosis = diagnose(tmp_path, {"app": {"*": (400, {}, "bad host")}})
    (remark,) = of(diagnosis, "app").remarks
    assert remark.endswith(
        "it answers 400: where it serves certain hosts only, --url tells which"
    )


def test_a_long_address_is_clipped(tmp_path: Path) -> None:
    app: dict[str, Page] = {"/": page(f"<a href=/{'x' * 9999}>")}
    finding = only(diagnose(tmp_path, {"app": app}), "app")
    assert len(finding.message) < 400


def test_a_prefix_that_is_there_twice(tmp_path: Path) -> None:
    app: dict[str, Page] = {
        "/": page("<a href=/app/app/x?y=1>", "<link rel=canonical href=/app/app/>"),
        "/x": "<p>",
    }
    link, relation = of(diagnose(tmp_path, {"app": app}), "app").findings
    assert (link.severity, relation.severity) == ("error", "warning")
    assert link.message == "/app/app/x?y=1 has the prefix twice: /app/x?y=1 answers 200"


def test_redirects_in_a_circle(tmp_path: Path) -> None:
    app: dict[str, Page] = {"/": (302, {"Location": "/app"}, "")}
    diagnosis = diagnose(tmp_path, {"app": app})
    assert "redirected in a circle" in only(diagnosis, "app").message
    assert of(diagnosis, "app").remarks == (
        "no page was found from its root on: it answers 302",
    )
    cookie: dict[str, Page] = {
        "/": (302, {"Location": "/app/", "Set-Cookie": "a=b; Secure; HttpOnly"}, "")
    }
    assert found(diagnose(tmp_path / "two", {"app": cookie}), "app") == []


def test_what_a_get_may_change_is_not_asked_for(tmp_path: Path) -> None:
    source = """
    asked = []

    def application(environ, start_response):
        assert environ["REQUEST_METHOD"] == "GET"
        assert "logout" not in environ["PATH_INFO"], "asked"
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b"<a href=/app/logout><a href=/logout><a href=/other/logout>"]
    """
    mounts = """
        app: {app: "app:application", path: app}
        other: {app: "app:application", path: app}
    """
    diagnosis = diagnose_file(configured(tmp_path, mounts, {"app/app.py": source}))
    assert found(diagnosis, "app") == [("warning", "link"), ("note", "link")]
    for finding in of(diagnosis, "app").findings:
        assert "was not asked, as a GET of it may change something" in finding.message
    assert of(diagnosis, "app").remarks == (
        "not asked for, as a GET there may change something: /app/logout, /logout, "
        "/other/logout",
    )


def test_what_fails_is_told(tmp_path: Path) -> None:
    source = """
    def application(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/":
            start_response("200 OK", [("Content-Type", "text/html")])
            return [b"<a href=raises><a href=late><a href=quits>"
                    b"<a href=odd><a href=text><a href=timeout>"]
        if path in ("/odd", "/text"):
            status = "odd" if path == "/odd" else "200 OK"
            start_response(status, [("Content-Type", "text/html")])
            return ["no bytes", "either"]
        if path == "/late":
            start_response("200 OK", [("Content-Type", "text/html")])
            return late()
        raise ENDS.get(path, ValueError)

    class Timeout(BaseException): ...

    ENDS = {"/quits": SystemExit, "/timeout": Timeout}

    def late():
        yield b"<a href=/app/here>"
        raise ValueError
    """
    config = configured(
        tmp_path, 'app: {app: "app:application", path: app}', {"app/app.py": source}
    )
    diagnosis = diagnose_file(config)
    assert {(each.severity, each.kind) for each in of(diagnosis, "app").findings} == (
        {("warning", "broken")}
    )
    assert [each.message.split(",")[0] for each in of(diagnosis, "app").findings] == [
        f"/app/{page} answers 500"
        for page in ("raises", "quits", "odd", "text", "timeout", "here")
    ]


def test_a_page_that_cannot_be_read_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reading(answer: Answer) -> Iterator[Reference]:
        if "<p>riddle" in answer.text:
            raise RecursionError("too deep")
        return references(answer)

    monkeypatch.setattr("gateway.proof.doctor.crawl.references", reading)
    app: dict[str, Page] = {
        "/": "<a href=riddle><a href=other>",
        "/riddle": "<p>riddle",
        "/other": "<a href=/x>",
        "/x": "<p>",
    }
    assert found(diagnose(tmp_path, {"app": app}), "app") == [
        ("error", "link"),
        ("warning", "broken"),
    ]


def test_limits(tmp_path: Path) -> None:
    app: dict[str, Page] = {
        "*": page("<a href=?a=1>", *(f"<a href={n}>" for n in range(9)))
    }
    diagnosis = diagnose(tmp_path, {"app": app}, pages=3)
    assert of(diagnosis, "app").pages == 3
    (remark,) = of(diagnosis, "app").remarks
    assert remark.startswith("stopped after 3 pages: --pages")
    assert of(diagnose(tmp_path / "d", {"app": app}, depth=0), "app").pages == 1
    (late,) = of(diagnose(tmp_path / "s", {"app": app}, seconds=-1), "app").remarks[:1]
    assert late.startswith("stopped after -1 s")
    long: dict[str, Page] = {"/": page("x" * 500, "<a href=/own>"), "/own": "own"}
    assert found(diagnose(tmp_path / "l", {"app": long}, size=100), "app") == []
    sheets = " ".join(f"url({number}.css)" for number in range(9))
    files: dict[str, Page] = {"*": (200, {"Content-Type": "text/css"}, sheets)}
    (remark, _) = of(diagnose(tmp_path / "f", {"app": files}, pages=1), "app").remarks
    assert remark.startswith("stopped after 5 files")
    calendar: dict[str, Page] = {"/": page(*(f"<a href=?day={n}>" for n in range(50)))}
    assert of(diagnose(tmp_path / "c", {"app": calendar}), "app").pages == 5


HANGS = """
    import threading
    from builtins import gateway_test_gate as gate

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/hangs":
            gate.wait()
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b"<a href=/own><a href=hangs>"]
"""


def test_a_mount_that_hangs_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr("builtins.gateway_test_gate", gate, raising=False)
    mounts = """
        app: {app: "app:application", path: app}
        plain: {app: "app:application", path: plain}
    """
    files = {"app/app.py": HANGS, "plain/app.py": serving(PORTAL)}
    config = configured(tmp_path, mounts, files)
    try:
        diagnosis = diagnose_file(config, seconds=0.2, grace=0.1)
    finally:
        gate.set()
    assert of(diagnosis, "app").remarks == (
        "GET /app/hangs does not end, so the rest of the mount was not read",
    )
    assert of(diagnosis, "plain").pages == 1


def test_a_stream_without_end_is_left(tmp_path: Path) -> None:
    source = """
    closed = []

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/closed":
            start_response("200 OK", [("Content-Type", "text/html")])
            return [b"<a href=/closed>" if closed else b"<p>"]
        kind = "text/event-stream" if environ["PATH_INFO"] == "/events" else "text/html"
        start_response("200 OK", [("Content-Type", kind)])
        return forever()

    def forever():
        yield b"<a href=events><a href=closed>"
        try:
            while True:
                yield b"x" * 1000
        finally:
            closed.append(True)
    """
    config = configured(
        tmp_path, 'app: {app: "app:application", path: app}', {"app/app.py": source}
    )
    finding = only(diagnose_file(config, size=5000), "app")
    assert "/closed leaves the mount" in finding.message


def test_redirect_static_and_host_mounts(tmp_path: Path) -> None:
    files = {
        "public/index.html": "<a href=/a.txt><a href=a.txt>",
        "public/a.txt": "a",
        "app/app.py": serving({"/": "<a href=/x>", "/x": "<p>"}),
    }
    mounts = """
        old: {redirect: /public}
        public: {static: public}
        app: {app: "app:application", path: app, host: "*.example.com"}
    """
    diagnosis = diagnose_file(configured(tmp_path, mounts, files))
    assert of(diagnosis, "old").remarks == (
        "a redirect leads where the file says: nothing to read",
    )
    assert found(diagnosis, "public") == [("error", "link")]
    assert found(diagnosis, "app") == []
    assert of(diagnosis, "app").pages == 2


def test_odd_answers(tmp_path: Path) -> None:
    app: dict[str, Page] = {
        "/": (200, {"Content-Type": "text/html; charset=big5"}, "<a href=b><a href=c>"),
        "/b": (200, {"Content-Type": "text/html; charset=nonsense"}, "<a href=//x>"),
        "/c": (200, {"Content-Encoding": "br"}, "<a href=/b>"),
        "//d": "<a href=e>",
        "/e": (200, {"Content-Type": "text/html; charset=idna"}, "<a href=f>\x80"),
        "/f": "<![no[ section ]]>",
    }  # fmt: skip
    diagnosis = diagnose(tmp_path, {"app": app})
    assert found(diagnosis, "app") == []
    assert of(diagnosis, "app").pages == 3


def test_descriptions_of_apis_are_judged_by_their_servers(tmp_path: Path) -> None:
    document = '{"openapi": "3.1.0", "paths": {"/items": {"get": {}}}}'
    app: dict[str, Page] = {
        "/": page("<script>SwaggerUIBundle({url: '/openapi.json'})</script>",
                  "<a href=openapi.json>"),
        "/openapi.json": (200, {"Content-Type": "application/json"}, document),
        "/items": "items",
    }  # fmt: skip
    ui, server = of(diagnose(tmp_path, {"app": app}), "app").findings
    assert (ui.severity, ui.kind) == (server.severity, server.kind) == ("error", "API")
    assert server.spot is not None
    assert server.spot.text == "no servers, so the paths start at /"
