"""Gateways that mix up the frameworks' own contexts: caught by that claim alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from flask import globals as flask_globals
from proof_site import (
    Breaks,
    break_inside,
    break_mount,
    evidence,
    found,
    quick_proof,
    statuses,
    write_app,
    write_gateway,
)

from gateway.config.load import load_config
from gateway.mount import Mount
from gateway.proof.report import Report
from gateway.types import WSGIApplication

FLASK = """
    from flask import Flask, g

    def create_app():
        app = Flask(__name__)

        @app.get("/")
        def index():
            g.seen = True
            return "x"

        return app
"""

NATIVE = FLASK.replace("from flask import Flask", "from gateway import App as Flask")


def proof(home: Path, source: str = FLASK) -> Report:
    """The proof of two mounts, of which only the second one is broken."""
    mounts = {}
    for name in ("one", "broken"):
        write_app(home / name, source)
        mounts[name] = {"app": "app:create_app", "path": name}
    file = write_gateway(home, mounts, server={"drain_timeout": "1s"})
    report = quick_proof(load_config(file))
    assert statuses(report, "one")["framework"] == "proven"
    assert {mount for mount, _, _ in found(report)} <= {"broken"}
    return report


def breaking_app(change: Any) -> Breaks:
    """Break a mount: its framework's application object is changed."""

    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        # The witness holds what the mount would call.
        (app,) = (
            cell.cell_contents
            for cell in getattr(wsgi, "__closure__", ()) or ()
            if hasattr(cell.cell_contents, "full_dispatch_request")
        )
        change(app)
        return wsgi

    return breaks


def test_a_flask_context_that_stays_on_the_thread(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Leaking(Mount):
        def _compose(self, wsgi: WSGIApplication, native: bool) -> WSGIApplication:
            apps: list[Any] = []
            breaking_app(apps.append)(self, wsgi)
            serve = super()._compose(wsgi, native)

            def call(environ: Any, start_response: Any) -> Iterable[bytes]:
                body = serve(environ, start_response)
                flask_globals._cv_app.set(apps[0].app_context())
                return body

            return call

    break_mount(monkeypatch, Leaking)
    report = proof(tmp_path)
    assert {claim for _, claim, _ in found(report)} == {"framework"}
    assert ("broken", "framework", "restored") in found(report)
    assert "flask.app_ctx is a AppContext and was not set" in (
        evidence(report, "broken", "restored")
    )


def test_one_flask_g_for_all_requests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def share(app: Any) -> None:
        namespace = app.app_ctx_globals_class()
        app.app_ctx_globals_class = lambda: namespace

    break_inside(monkeypatch, breaking_app(share))
    report = proof(tmp_path)
    assert found(report) == {("broken", "framework", "g")}
    assert any("it was the g that" in each.evidence for each in report.violations)


@pytest.mark.parametrize("times", [0, 2])
def test_flask_teardown_that_does_not_run_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, times: int
) -> None:
    def change(app: Any) -> None:
        teardown = app.do_teardown_appcontext

        def several(*args: Any) -> None:
            for _ in range(times):
                teardown(*args)

        app.do_teardown_appcontext = several

    break_inside(monkeypatch, breaking_app(change))
    report = proof(tmp_path)
    assert found(report) == {("broken", "framework", "teardown")}
    assert evidence(report, "broken", "teardown").endswith(f"ran {times} times")


def test_the_application_of_another_mount(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    apps: dict[str, Any] = {}

    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        breaking_app(lambda app: apps.update({mount.name: app}))(mount, wsgi)
        if mount.name == "broken":
            apps["broken"].wsgi_app = apps["one"].wsgi_app
        return wsgi

    break_inside(monkeypatch, breaks, "one", "broken")
    report = proof(tmp_path)
    assert found(report) == {
        ("broken", "framework", "app"),
        ("broken", "framework", "config"),
    }


@pytest.mark.parametrize("source", [FLASK, NATIVE], ids=["flask", "native"])
def test_the_request_of_another_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    def change(app: Any) -> None:
        first: list[Any] = []
        request_class = app.request_class

        def make(environ: Any) -> Any:
            first.append(request_class(environ))
            return first[0]

        app.request_class = make

    break_inside(monkeypatch, breaking_app(change))
    report = proof(tmp_path, source)
    assert found(report) == {("broken", "framework", "request")}


@pytest.mark.parametrize("source", [FLASK, NATIVE], ids=["flask", "native"])
def test_a_prefix_that_gets_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            return wsgi({**environ, "SCRIPT_NAME": ""}, start_response)

        return call

    break_inside(monkeypatch, breaks)
    assert found(proof(tmp_path, source)) == {("broken", "framework", "prefix")}
