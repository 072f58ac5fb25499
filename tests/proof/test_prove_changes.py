"""What mounts change of the process, in a proof: remarks, and claims where strict."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from proof_site import found, one_app, quick_proof, row, statuses

from gateway.cli.group import gateway
from gateway.config.spec import GatewaySpec
from gateway.proof.report import Report

LOADING = """
    import os
    os.chdir("/")

    def app(environ, start_response):
        start_response("200 OK", [])
        return []
"""
SERVING = """
    import os

    def app(environ, start_response):
        os.umask(0o077)
        start_response("200 OK", [])
        return []
"""
CHANGED = "umask (0022 -> 0077)"


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    umask = os.umask(0o022)
    yield
    os.umask(umask)


def remarks(report: Report) -> dict[str, tuple[str, ...]]:
    return {mount.mount: mount.remarks for mount in report.mounts}


def strict(spec: GatewaySpec, *names: str) -> GatewaySpec:
    mounts = [replace(each, strict=each.name in names) for each in spec.mounts]
    return replace(spec, mounts=tuple(mounts))


def test_what_loading_changes_is_a_remark(tmp_path: Path) -> None:
    report = quick_proof(one_app(tmp_path, LOADING))
    assert report.proven
    assert remarks(report) == {
        "odd": ("changed working directory while it was loaded",),
        "plain": (),
    }
    (note,) = report.notes
    assert note.startswith(f"mount odd changed working directory ({tmp_path} -> /) ")
    assert os.getcwd() == str(tmp_path)


def test_of_mounts_that_are_left_out_nothing_is_told(tmp_path: Path) -> None:
    report = quick_proof(one_app(tmp_path, LOADING), "plain")
    assert remarks(report) == {"plain": ()}
    assert not any("working directory" in note for note in report.notes)


def test_what_serving_changes_is_of_one_that_was_served(tmp_path: Path) -> None:
    report = quick_proof(one_app(tmp_path, SERVING))
    assert report.proven
    assert remarks(report) == {"odd": (), "plain": ()}
    assert report.notes == (
        f"one of odd, plain changed {CHANGED} while serving: give each file its mode "
        "when it is made",
    )


def test_served_alone_it_is_a_remark_of_that_mount(tmp_path: Path) -> None:
    report = quick_proof(one_app(tmp_path, SERVING), "odd")
    assert report.proven
    assert remarks(report) == {"odd": ("changed umask while serving",)}
    assert any(note.startswith(f"mount odd changed {CHANGED}") for note in report.notes)


def test_a_mount_that_changes_nothing_is_told_nothing(tmp_path: Path) -> None:
    report = quick_proof(strict(one_app(tmp_path, SERVING), "plain"), "plain")
    assert report.proven
    assert remarks(report) == {"plain": ()}


def test_alone_a_strict_mount_violates_the_claim(tmp_path: Path) -> None:
    report = quick_proof(strict(one_app(tmp_path, SERVING), "odd"), "odd")
    assert found(report) == {("odd", "state", "strict")}
    assert statuses(report, "odd")["state"] == "violated"
    (violation,) = report.violations
    assert violation.evidence.startswith(f"{CHANGED}: give each file its mode")


def test_one_of_strict_mounts_violates_the_claim(tmp_path: Path) -> None:
    report = quick_proof(strict(one_app(tmp_path, SERVING), "odd", "plain"))
    assert found(report) == {("one of odd, plain", "state", "strict")}
    assert not report.proven


def test_no_strict_mount_is_blamed_for_what_another_may_have_done(
    tmp_path: Path,
) -> None:
    report = quick_proof(strict(one_app(tmp_path, SERVING), "plain"))
    assert report.proven
    assert any(CHANGED in note for note in report.notes)


def test_the_command_prints_it(tmp_path: Path) -> None:
    one_app(tmp_path, SERVING, strict=True)
    arguments = ["prove", "odd", "--requests", "2"]
    result = CliRunner().invoke(gateway, [*arguments, "-c", f"{tmp_path}/gateway.yaml"])
    assert result.exit_code == 1
    assert row(result.output, "state") == ["VIOLATED (1)"]
    assert f"VIOLATED odd, state (strict): {CHANGED}: give each file" in result.output
    assert f"note: mount odd changed {CHANGED} while serving" in result.output
