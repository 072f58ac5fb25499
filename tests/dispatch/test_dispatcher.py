from __future__ import annotations

from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.table import Route, Table
from gateway.paths import from_text


def echo(name: str) -> Any:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{name}|{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]

    return application


def dispatcher(*prefixes: str) -> Dispatcher:
    return Dispatcher(
        Table([Route(None, from_text(prefix), echo(prefix)) for prefix in prefixes])
    )


def get(application: Any, path: str, **extra: str) -> tuple[int, dict[str, str], str]:
    environ: dict[str, Any] = {"PATH_INFO": path, **extra}
    setup_testing_defaults(environ)
    environ["SCRIPT_NAME"] = extra.get("SCRIPT_NAME", "")
    before = dict(environ)
    answer: list[Any] = []
    body = b"".join(application(environ, lambda *args: answer.extend(args)))
    assert environ == before, "the server's environ was changed"
    return int(answer[0][:3]), dict(answer[1]), body.decode()


def test_the_prefix_moves_from_the_path_to_the_script_name() -> None:
    app = dispatcher("", "/notes")
    assert get(app, "/notes/1")[2] == "/notes|/notes|/1"
    assert get(app, "/other")[2] == "||/other"


def test_a_script_name_of_the_server_stays_in_front() -> None:
    app = dispatcher("", "/notes")
    assert get(app, "/notes/1", SCRIPT_NAME="/outer")[2] == "/notes|/outer/notes|/1"
    status, headers, _ = get(app, "", SCRIPT_NAME="/outer")
    assert (status, headers["Location"]) == (308, "/outer/")


def test_a_prefix_beyond_ascii_is_matched_in_its_bytes() -> None:
    app = dispatcher("/é")
    assert get(app, "/é/x".encode().decode("latin-1"))[0] == 200
    status, headers, _ = get(app, "/é".encode().decode("latin-1"))
    assert (status, headers["Location"]) == (308, "/%C3%A9/")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_bare_prefix_is_redirected_to_its_slash(method: str) -> None:
    status, headers, body = get(
        dispatcher("/notes"), "/notes", REQUEST_METHOD=method, QUERY_STRING="a=1&b=%20"
    )
    assert status == 308
    assert headers["Location"] == "/notes/?a=1&b=%20"
    assert bool(body) == (method == "GET")


def test_other_methods_reach_the_mount_with_an_empty_path() -> None:
    app = dispatcher("/notes")
    assert get(app, "/notes", REQUEST_METHOD="POST")[2] == "/notes|/notes|"


def test_an_empty_path_without_a_script_name_is_the_root() -> None:
    assert get(dispatcher(""), "")[2] == "||/"


def test_a_redirect_never_leads_to_another_host() -> None:
    _, headers, _ = get(dispatcher("", "/x"), "/x", SCRIPT_NAME="//evil.test")
    assert headers["Location"] == "/evil.test/x/"


def test_a_query_cannot_break_the_location_header() -> None:
    _, headers, _ = get(dispatcher("/x"), "/x", QUERY_STRING='a\r\nSet-Cookie: b="\xff')
    assert headers["Location"] == "/x/?a%0D%0ASet-Cookie:%20b=%22%FF"


def test_an_unknown_address_gets_a_404_that_names_no_internals() -> None:
    status, headers, body = get(dispatcher("/notes"), "/<secret>")
    assert status == 404
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert int(headers["Content-Length"]) == len(body.encode())
    assert "notes" not in body
    assert "secret" not in body


@pytest.mark.parametrize("path", ["/a\0b", "no-slash", "*"])
def test_a_path_that_is_none_is_a_bad_request(path: str) -> None:
    assert get(dispatcher(""), path)[0] == 400


def test_a_nonsense_host_is_a_bad_request() -> None:
    assert get(dispatcher(""), "/", HTTP_HOST="a b")[0] == 400


def test_http_1_1_without_a_host_is_a_bad_request() -> None:
    def status(protocol: str) -> int:
        environ: dict[str, Any] = {"SERVER_PROTOCOL": protocol}
        setup_testing_defaults(environ)
        environ["SERVER_PROTOCOL"] = protocol
        del environ["HTTP_HOST"]
        answers: list[Any] = []
        list(dispatcher("")(environ, lambda *args: answers.extend(args)))
        return int(answers[0][:3])

    assert status("HTTP/1.1") == 400
    assert status("HTTP/1.0") == 200


@given(st.text(st.characters(max_codepoint=255)), st.text(max_size=20))
def test_no_path_reaches_a_mount_through_the_prefix_of_another(
    tail: str, host: str
) -> None:
    app = dispatcher("/public", "/secret")
    status, _, body = get(app, "/public/" + tail, HTTP_HOST=host)
    if status == 200:
        mount, script_name, path = body.split("|", 2)
        assert script_name == mount
        assert not {".", ".."} & set(path.split("/"))
        # Through dots a path may name the other mount, and then it is that mount's.
        if mount == "/secret":
            assert ".." in tail
