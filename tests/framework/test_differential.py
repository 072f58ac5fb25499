"""The same application under Flask and under ours, over made-up requests.

Whatever Flask answers, ours answers: status, headers, body. The one deliberate
difference is that a 204 or a 304 has no Content-Type here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask
import itsdangerous
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twins import EXAMPLES, PATHS, Asked, Browser, build

import gateway

SEGMENT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
METHODS = ["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]
MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\n'
    b'Content-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\nxyz\r\n'
    b"--b--\r\n"
)
BODIES = [
    (b"", ""),
    (b"a=1&a=2&%C3%A4=%ff", "application/x-www-form-urlencoded"),
    (b'{"a": [1, "\xc3\xa4"]}', "application/json"),
    (b"{broken", "application/json"),
    (b"plain", "text/plain; charset=utf-8"),
    (b'{"vendor": 1}', "application/vnd.api+json"),
    (MULTIPART, "multipart/form-data; boundary=b"),
    (b"--b\r\nbroken", "multipart/form-data; boundary=b"),
    (b"x=" + b"y" * 3000, "application/x-www-form-urlencoded"),
]
HEADERS: dict[str, Any] = {
    "Host": st.sampled_from(
        [
            *["example.com", "a.example.com:8080", "EXAMPLE.com", "münchen.example"],
            *["a..b", "\x8a", "", "[::1]:5000", "example.com:x", "evil.test"],
        ]
    ).map(lambda host: host.encode().decode("latin1")),
    "Accept": st.just("application/json"),
    "Range": st.sampled_from(["bytes=0-2", "bytes=-2", "bytes=99-", "chunks=1"]),
    "If-None-Match": st.sampled_from(['"tag"', "*", 'W/"x"']),
    "If-Modified-Since": st.just("Wed, 01 Jan 2090 00:00:00 GMT"),
    "Upgrade": st.just("websocket"),
    "X-Forwarded-Host": st.just("evil.test"),
    "Cookie": st.sampled_from(["session=forged", "a=b; session=", '"', "x" * 50]),
}


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    path = draw(st.sampled_from(PATHS) | st.lists(SEGMENT, max_size=4).map("/".join))
    if draw(st.integers(0, 4)) == 0:
        path = f"/types/{draw(st.integers(0, 22))}"
    body, content_type = draw(st.sampled_from(BODIES))
    return Asked(
        method=draw(st.sampled_from(METHODS)),
        path=path,
        query=draw(
            st.sampled_from(["", "", "q=1&q=2", "stop", "q=%3Cb%3E", "number=3"])
        ),
        root=draw(st.sampled_from(["", "", "/root", "/r/s"])),
        headers=draw(st.fixed_dictionaries({}, optional=HEADERS)),
        body=body,
        content_type=content_type,
        scheme=draw(st.sampled_from(["http", "https"])),
    )


CONFIGS: list[dict[str, Any]] = [
    {},
    {"MAX_CONTENT_LENGTH": 100, "SESSION_COOKIE_SAMESITE": "Lax"},
    {"TRUSTED_HOSTS": ["example.com", ".example.com"], "MAX_FORM_PARTS": 1},
    {"SERVER_NAME": "example.com", "subdomain_matching": True},
    {"SESSION_REFRESH_EACH_REQUEST": False, "TRAP_BAD_REQUEST_ERRORS": True},
    {"SESSION_COOKIE_NAME": "own", "SESSION_COOKIE_SECURE": True, "MAX_FORM_PARTS": 5},
    {"DEBUG": True, "PROVIDE_AUTOMATIC_OPTIONS": False, "MAX_FORM_MEMORY_SIZE": 500},
    {"SECRET_KEY_FALLBACKS": ["old"], "APPLICATION_ROOT": "/root"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twins")
    (folder / "templates").mkdir()
    (folder / "static").mkdir()
    (folder / "templates/page.html").write_text(
        "{% extends 'base.html' %}{% block body %}{{ name|twice if name }} {{ extra }} "
        "{{ g.steps }} {{ url_for('static', filename='file.txt') }} {{ config.DEBUG }} "
        "{{ session.get('name') }} {{ {'a': '<'}|tojson }}{% endblock %}"
    )
    (folder / "templates/base.html").write_text("<p>{% block body %}{% endblock %}")
    (folder / "static/file.txt").write_text("0123456789")
    return folder


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: "-".join(config) or "-")
@settings(
    max_examples=EXAMPLES // len(CONFIGS),
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
    ],
)
@given(requests=st.lists(asked(), min_size=1, max_size=12))
@pytest.mark.filterwarnings("ignore:Current server name:UserWarning")
def test_both_answer_the_same(
    config: dict[str, Any],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    requests: list[Asked],
) -> None:
    # One clock for both, so that the signatures of the cookies are equal too.
    monkeypatch.setattr(
        itsdangerous.TimestampSigner, "get_timestamp", lambda self: 1_700_000_000
    )
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: 1_700_000_000)
    theirs = Browser(build(flask, folder, **config))
    ours = Browser(build(gateway, folder, **config))
    for request in requests:
        expected = theirs.send(request)
        status, headers, body = expected
        if status[:3] in ("204", "304"):
            headers = [
                (name, value) for name, value in headers if name != "Content-Type"
            ]
        assert ours.send(request) == (status, headers, body), request
