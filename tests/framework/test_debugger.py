"""Werkzeug's debugger: it evaluates in the contexts of the request that failed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from werkzeug.debug import DebuggedApplication
from werkzeug.test import Client

from gateway import App, g, has_app_context, request


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_console_sees_the_request_that_failed(app: App) -> None:
    app.testing = False
    app.debug = True
    app.secret_key = "k"

    @app.get("/fail/<name>")
    def fail(name: str) -> str:
        g.secret = f"of {name}"
        raise ZeroDivisionError(request.path)

    debugged = DebuggedApplication(app, evalex=True, pin_security=False)
    client = Client(debugged)
    page = client.get("/fail/ann").text
    assert "ZeroDivisionError: /fail/ann" in page
    assert not has_app_context()
    frames: Any = re.findall(r'id="frame-(\d+)"', page)
    query = {"__debugger__": "yes", "frm": frames[-1], "s": debugged.secret}
    command = "from gateway import g, request; print(g.secret, request.path)"
    answer = client.get("/", query_string={**query, "cmd": command})
    assert "of ann /fail/ann" in answer.text
    assert not has_app_context()
