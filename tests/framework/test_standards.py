"""PEP 3333, checked by others: werkzeug's lint middleware and wsgiref's validator."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest
from twins import PATHS, build
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import Client

import gateway
from gateway import App

METHODS = ["GET", "HEAD", "POST", "OPTIONS", "DELETE"]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    folder = tmp_path_factory.mktemp("twins")
    (folder / "templates").mkdir()
    (folder / "static").mkdir()
    (folder / "templates/page.html").write_text("{{ name }}")
    (folder / "static/file.txt").write_text("0123456789")
    app: App = build(gateway, folder)
    return app


def _paths() -> Iterator[str]:
    for path in PATHS:
        if path.startswith("/") and not path.startswith("//"):
            yield path
    for kind in range(22):
        if kind != 18:  # an invalid status, which the view asks for
            yield f"/types/{kind}"
    yield "/abort/304"


@pytest.mark.parametrize("wrap", [LintMiddleware, validator], ids=["lint", "validate"])
# Where the lint is stricter than the standard: a relative Location (RFC 9110, 10.2.2),
# and a HEAD response with the Content-Length of GET's (RFC 9110, 8.6).
@pytest.mark.filterwarnings("ignore:Absolute URLs required")
@pytest.mark.parametrize("method", METHODS)
def test_every_answer_is_valid(
    app: App, method: str, wrap: Callable[[Any], Any]
) -> None:
    if wrap is LintMiddleware and method == "HEAD":
        warnings.filterwarnings("ignore", "Content-Length and the number of bytes")
    client = Client(wrap(app))
    for path in _paths():
        if path == "/abort/799":
            continue
        answer = client.open(
            path, method=method, errors_stream=io.StringIO(), buffered=True
        )
        assert answer.status_code >= 200, path
        if method == "HEAD":
            assert answer.data == b""


def test_paths_with_a_root(app: App, tmp_path: Path) -> None:
    client = Client(LintMiddleware(app))
    answer = client.get("/", base_url="http://h.test/root")
    assert answer.text == "http://h.test/root/ http://h.test/root/"
