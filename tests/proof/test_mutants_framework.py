"""Gateways that mix up the frameworks' own contexts: caught by that claim alone."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import Context, copy_context
from pathlib import Path
from typing import Any, cast

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
from gateway.config.spec import GatewaySpec
from gateway.globals import current_app
from gateway.loaders import asgi_runner
from gateway.loaders.asgi import AsgiBridge
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


ASGI = """
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x"})
"""


@pytest.fixture
def asgi_site(tmp_path: Path) -> GatewaySpec:
    mounts = {}
    for name in ("one", "broken"):
        write_app(tmp_path / name, ASGI)
        mounts[name] = {"asgi": "app:app", "path": name}
    return load_config(write_gateway(tmp_path, mounts, server={"drain_timeout": "1s"}))


def in_broken() -> bool:
    """Whether this is in a call of the mount that is to be broken."""
    return current_app.name == "broken"


def test_a_task_without_the_context_of_its_call(
    monkeypatch: pytest.MonkeyPatch, asgi_site: GatewaySpec
) -> None:
    def copied() -> Context:
        return Context() if in_broken() else copy_context()

    monkeypatch.setattr(asgi_runner, "copy_context", copied)
    report = quick_proof(asgi_site)
    # Whose environment variables it is to see stands in the context, too.
    assert found(report) == {
        ("broken", "framework", "context"),
        ("broken", "env", "own"),
    }
    assert evidence(report, "broken", "context") == (
        "before the view no AppContext of the gateway was on top"
    )
    assert statuses(report, "one")["framework"] == "proven"


def test_a_task_in_the_context_of_another_call(
    monkeypatch: pytest.MonkeyPatch, asgi_site: GatewaySpec
) -> None:
    def copied() -> Context:
        if not in_broken():
            return copy_context()
        own = current_app._get_current_object()
        return first.setdefault(own, copy_context()).copy()

    first: dict[Any, Context] = {}
    monkeypatch.setattr(asgi_runner, "copy_context", copied)
    report = quick_proof(asgi_site)
    assert found(report) == {("broken", "framework", "context")}
    assert evidence(report, "broken", "context").startswith("before the view another")


def test_a_request_at_the_application_of_another_mount(
    monkeypatch: pytest.MonkeyPatch, asgi_site: GatewaySpec
) -> None:
    def breaks(mount: Mount, wsgi: Any) -> WSGIApplication:
        (bridges[mount.name],) = (
            cell.cell_contents
            for cell in wsgi.__closure__
            if isinstance(cell.cell_contents, AsgiBridge)
        )
        return cast(WSGIApplication, wsgi)

    def call(self: AsgiBridge, environ: Any, start_response: Any) -> Iterable[bytes]:
        called = bridges["one"] if in_broken() else self
        return right(called, environ, start_response)

    bridges: dict[str, AsgiBridge] = {}
    right = AsgiBridge.__call__
    monkeypatch.setattr(AsgiBridge, "__call__", call)
    break_inside(monkeypatch, breaks, "one", "broken")
    report = quick_proof(asgi_site)
    assert found(report) == {("broken", "framework", "app")}
    assert evidence(report, "broken", "app") == (
        "before the view the application was another object than the mount's own"
    )
