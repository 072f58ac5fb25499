"""Gateways whose configs are broken on purpose, caught by the claim on ``config``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from proof_site import break_inside, evidence, found, plain_gateway, quick_proof

from gateway.context import current_app_context
from gateway.mount import Mount
from gateway.proof.report import Report
from gateway.settings import Config
from gateway.types import WSGIApplication


class Configs:
    """Changes the configs of two mounts when both are made."""

    def __init__(self, change: Any) -> None:
        self.change = change
        self.applications: dict[str, Any] = {}

    def __call__(self, mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        self.applications[mount.name] = mount.application
        if len(self.applications) == 2:
            self.change(self.applications["one"], self.applications["broken"])
            # A reload makes two others.
            self.applications.clear()
        return wsgi


def proof(monkeypatch: pytest.MonkeyPatch, home: Path, breaks: Any) -> Report:
    break_inside(monkeypatch, breaks, "one", "broken")
    report = quick_proof(plain_gateway(home, ["one", "broken", "two"]))
    assert {claim for _, claim, _ in found(report)} == {"config"}
    assert "two" not in {mount for mount, _, _ in found(report)}
    return report


def test_one_config_for_two_mounts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def share(one: Any, broken: Any) -> None:
        broken.config = one.config

    report = proof(monkeypatch, tmp_path, Configs(share))
    assert found(report) == {
        ("one", "config", "own"),
        ("one", "config", "unshared"),
        ("broken", "config", "own"),
        ("broken", "config", "unshared"),
        ("broken", "config", "values"),
    }
    assert "same Config object as config of mount 'one'" in (
        evidence(report, "broken", "own")
    )
    assert "the marker of mount 'broken'" in evidence(report, "one", "unshared")


def test_one_list_deep_in_two_configs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def share(one: Any, broken: Any) -> None:
        broken.config["TAGS"][1]["deep"] = one.config["TAGS"][1]["deep"]

    report = proof(monkeypatch, tmp_path, Configs(share))
    assert found(report) == {("one", "config", "own"), ("broken", "config", "own")}
    assert evidence(report, "broken", "own") == (
        "config['TAGS'][1]['deep'] is the same list object as "
        "config['TAGS'][1]['deep'] of mount 'one'"
    )


def test_a_copy_of_another_config_at_each_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            application: Any = current_app_context.get().app
            application.config = Config("", application.config)
            return wsgi(environ, start_response)

        return wsgi if mount.name == "one" else call

    report = proof(monkeypatch, tmp_path, breaks)
    assert found(report) == {("broken", "config", "own")}
    assert evidence(report, "broken", "own").endswith("was the config of no mount")


def test_the_value_of_another_mount(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def swap(one: Any, broken: Any) -> None:
        broken.config["TITLE"] = one.config["TITLE"]

    report = proof(monkeypatch, tmp_path, Configs(swap))
    assert found(report) == {("broken", "config", "values")}
    assert evidence(report, "broken", "values") == (
        "at entry config['TITLE'] has the value that gateway.yaml gives to mount 'one'"
    )


def test_a_value_lost_and_a_value_of_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def lose(one: Any, broken: Any) -> None:
        del broken.config["TITLE"]
        broken.config["TAGS"] = "a secret"

    report = proof(monkeypatch, tmp_path, Configs(lose))
    assert found(report) == {("broken", "config", "values")}
    words = evidence(report, "broken", "values")
    assert "config['TITLE'], which gateway.yaml sets, is missing" in words
    assert "config['TAGS'] has not the value that gateway.yaml gives it" in words
    assert "secret" not in words


def test_what_one_mount_sets_shows_in_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Falling(Config):
        """What it has not itself, it takes from another."""

        below: Any = ()

        def __iter__(self) -> Any:
            yield from super().__iter__()
            yield from self.below

    def fall(one: Any, broken: Any) -> None:
        broken.config = Falling("", broken.config)
        broken.config.below = one.config

    report = proof(monkeypatch, tmp_path, Configs(fall))
    assert found(report) == {("broken", "config", "unshared")}
    assert "the marker of mount 'one'" in evidence(report, "broken", "unshared")
