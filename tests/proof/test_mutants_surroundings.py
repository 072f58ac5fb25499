"""Gateways that mix up what else mounts have of their own, each caught by its claim."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from proof_site import (
    PLAIN,
    break_inside,
    evidence,
    found,
    plain_gateway,
    quick_proof,
    write_app,
    write_gateway,
)

from gateway import generation, lifecycle
from gateway.config.load import load_config
from gateway.config.spec import GatewaySpec
from gateway.framework.helpers import has_app_context
from gateway.isolation import audit, environ, environ_overlay, environ_threads, process
from gateway.isolation.modules import Namespace
from gateway.loaders import modules
from gateway.mount import Mount
from gateway.policies import cookies
from gateway.site import Mounted
from gateway.types import WSGIApplication

NAMES = ["one", "broken", "two"]


def claims(violated: set[tuple[str, str, str]]) -> set[str]:
    return {claim for _, claim, _ in violated}


# Environment variables


def with_env(home: Path) -> GatewaySpec:
    """Mounts with a variable of the same name, but the last one, which has none."""
    mounts = {}
    for name in NAMES:
        write_app(home / name, PLAIN)
        mounts[name] = {"app": "app:app", "path": name, "env": {"WHOSE": name}}
    del mounts["two"]["env"]
    return load_config(write_gateway(home, mounts))


def test_one_environment_for_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environ_overlay, "overlay_of", lambda application: None)
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert found(report) == {
        (name, "env", check) for name in NAMES for check in ("unshared", "unleaked")
    }
    assert evidence(report, "one", "unleaked") == (
        "the process showed a variable that was set in the mount"
    )
    assert not [name for name in os.environ if name.startswith("GATEWAY_PROOF")]


def test_two_mounts_with_one_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shared: list[Any] = []

    def mounted(point: Any, site: Any, namespace: Any, variables: Any) -> Mounted:
        if point.name != "two":
            shared.append(variables)
            variables = shared[0]
        return Mounted(point, site, namespace, variables)

    monkeypatch.setattr(generation, "Mounted", mounted)
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert found(report) == {("one", "env", "unshared"), ("broken", "env", "unshared")}
    assert evidence(report, "broken", "unshared").endswith("that mount 'one' had set")


def test_the_variables_of_another_mount(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def overlay(values: Any, *rest: Any) -> Any:
        return environ_overlay.Overlay(values and {"WHOSE": "one"}, *rest)

    monkeypatch.setattr(environ, "Overlay", overlay)
    report = quick_proof(with_env(tmp_path))
    assert found(report) == {("broken", "env", "values")}
    assert evidence(report, "broken", "values") == (
        "at entry WHOSE had the value that mount 'one' is given"
    )


def test_variables_that_are_not_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def overlay(values: Any, name: str, *rest: Any) -> Any:
        return environ_overlay.Overlay({} if name == "broken" else values, name, *rest)

    monkeypatch.setattr(environ, "Overlay", overlay)
    report = quick_proof(with_env(tmp_path))
    assert found(report) == {("broken", "env", "values")}
    assert "had not the value" in evidence(report, "broken", "values")


def test_threads_that_do_not_know_whose_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(overlay: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    monkeypatch.setattr(environ_threads, "run_as", run)
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert found(report) == {(name, "env", "own") for name in NAMES}
    assert evidence(report, "one", "own").startswith("in a thread that it had started")


# Modules


def test_one_module_in_two_mounts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        first, own = latest("one"), latest("broken")
        sys.modules[own] = sys.modules[first]
        return wsgi

    def latest(mount: str) -> str:
        """The name of the module that was loaded last for a mount."""
        return [
            name
            for name in sys.modules
            if name.startswith(f"mounts.{mount}") and name.endswith(".app")
        ][-1]

    break_inside(monkeypatch, breaks)
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert ("broken", "modules", "own") in found(report)
    assert claims(found(report)) == {"modules"}
    assert evidence(report, "one", "own") == (
        "its 'app' is the same module object as 'app' of mount 'broken'"
    )


@pytest.fixture
def no_app_left() -> Iterator[None]:
    yield
    del sys.modules["app"]


@pytest.mark.usefixtures("no_app_left")
def test_a_module_that_the_whole_process_can_import(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        (name, *_) = (
            name
            for name in sys.modules
            if name.startswith("mounts.broken") and name.endswith(".app")
        )
        sys.modules["app"] = sys.modules[name]
        return wsgi

    break_inside(monkeypatch, breaks)
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert found(report) == {("broken", "modules", "unleaked")}
    assert "the whole process has 'app'" in evidence(report, "broken", "unleaked")


def test_names_that_lead_to_another_mount(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def misled() -> Any:
        right = current()
        if right is None or not right.package.startswith("mounts.broken"):
            return right
        return namespaces["one"]

    namespaces: dict[str, Namespace] = {}
    original = modules._namespace

    def namespace(name: str, *args: Any) -> Namespace:
        namespaces[name] = original(name, *args)
        return namespaces[name]

    monkeypatch.setattr(modules, "_namespace", namespace)
    current = process.current
    monkeypatch.setattr(process, "current", misled)
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert found(report) == {("broken", "modules", "named")}
    assert evidence(report, "broken", "named").endswith(f"from {tmp_path}/one/app.py")


def test_names_that_lead_to_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Failing:
        def find_spec(self, name: str, *args: Any) -> None:
            current = process.current()
            called = has_app_context() and current is not None
            if called and name == "app" and current.package.startswith("mounts.broken"):
                raise AttributeError("no finder")

    spec = plain_gateway(tmp_path, NAMES)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Failing()])
    report = quick_proof(spec)
    assert found(report) == {("broken", "modules", "named")}
    text = "a shared library could not import 'app': AttributeError: no finder"
    assert evidence(report, "broken", "named") == text


def test_modules_from_the_folder_of_another_mount(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    original = modules._namespace

    def namespace(name: str, folder: Path, *args: Any) -> Namespace:
        wrong = tmp_path / "one" if name == "broken" else folder
        return original(name, wrong, *args)

    monkeypatch.setattr(modules, "_namespace", namespace)
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert found(report) == {("broken", "modules", "files")}
    # Once, though the reload has loaded it again.
    (told,) = report.violations
    assert told.evidence.endswith("folder of mount 'one'")


# Cookies


def test_cookies_as_the_applications_set_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(lifecycle, "plan_cookies", lambda mounts: {})
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert found(report) == {
        ("one", "cookies", "own"),
        ("one", "cookies", "unshared"),
        ("broken", "cookies", "own"),
        ("broken", "cookies", "unshared"),
        ("broken", "cookies", "clash"),
        ("two", "cookies", "clash"),
    }
    assert evidence(report, "broken", "clash") == (
        "its cookie 'gateway-proof' for localhost/ took the place of the one that "
        "mount 'one' had set"
    )


def test_cookies_of_a_neighbour_let_through(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def plan(mounts: Any) -> Any:
        # Its cookies go to the whole host, and keep their name.
        return {name: each for name, each in planned(mounts).items() if name != "root"}

    planned = lifecycle.plan_cookies
    monkeypatch.setattr(lifecycle, "plan_cookies", plan)
    monkeypatch.setattr(cookies, "own_cookies", lambda header, plan, script: header)
    for name in ("root", "below"):
        write_app(tmp_path / name, PLAIN)
    mounts = {
        "root": {"app": "app:app", "path": "root", "prefix": "/"},
        "below": {"app": "app:app", "path": "below"},
    }
    report = quick_proof(load_config(write_gateway(tmp_path, mounts)))
    assert found(report) == {("below", "cookies", "unshared")}
    assert evidence(report, "below", "unshared") == (
        "it was shown the cookie of mount 'root'"
    )


def test_cookies_that_lose_their_way_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def plan(mounts: Any) -> Any:
        plans = planned(mounts)
        return {**plans, "broken": _Forgetful(plans["broken"])}

    planned = lifecycle.plan_cookies
    monkeypatch.setattr(lifecycle, "plan_cookies", plan)
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert found(report) == {("broken", "cookies", "own")}


class _Forgetful:
    """A plan that knows none of its mount's cookies again."""

    def __init__(self, plan: Any) -> None:
        self._plan = plan

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plan, name)

    def inside(self, name: str) -> str | None:
        return None


# What a process has only once


def test_what_loading_changed_is_left_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(audit, "put_back", lambda change, before: change)
    write_app(tmp_path / "broken", "import os\nos.chdir('/')\n" + PLAIN_TOP)
    write_app(tmp_path / "one", PLAIN)
    mounts = {name: {"app": "app:app", "path": name} for name in ("one", "broken")}
    report = quick_proof(load_config(write_gateway(tmp_path, mounts)))
    assert found(report) == {("broken", "state", "put back")}
    assert evidence(report, "broken", "put back") == (
        f"working directory ({tmp_path} -> /) was not put back"
    )


PLAIN_TOP = """
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"x"]
"""
