"""``gateway doctor``: what it prints, its JSON and its exit codes."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from composing import configured
from doctor_site import Page, serving

from gateway.cli.group import gateway

ESCAPES: dict[str, Page] = {
    "/": "<a href=/own>\n<a href=/own>\n<a href=/gone>",
    "/own": "own",
}


def write(folder: Path, pages: Mapping[str, Page], more: str = "") -> None:
    mounts = 'app: {app: "app:application", path: app}' + more
    configured(folder, mounts, {"app/app.py": serving(pages)})


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        gateway, ["doctor", "-c", str(folder / "gateway.yaml"), *arguments]
    )


def test_findings_by_mount_with_their_cure(tmp_path: Path) -> None:
    write(tmp_path, ESCAPES)
    result = run(tmp_path)
    assert result.exit_code == 1, result.output
    lines = result.output.splitlines()
    cure = (
        "      cure: put SCRIPT_NAME (in ASGI the scope's root_path) in front of it, "
        "or write it relative to the page; or give the mount a 'host:' of its own "
        "instead of a prefix"
    )
    assert lines[:-1] == [
        "app (wsgi) at /app, 1 page, 3 references",
        "  error (link): the link /own leaves the mount: no mount is there, and "
        "/app/own answers 200",
        "      at /app/ line 1 and 1 more place: <a href=/own>",
        cure,
        "  warning (link): the link /gone leaves the mount: no mount is there; nor "
        "does this mount have it, as far as a GET tells",
        "      at /app/ line 3: <a href=/gone>",
        cure,
        "",
    ]
    assert lines[-1].startswith("1 mount: 1 error, 1 warning, 0 notes (")


def test_what_is_clean(tmp_path: Path) -> None:
    write(tmp_path, {"/": "<p>"}, "\nold: {redirect: /app}")
    result = run(tmp_path, "--strict")
    assert result.exit_code == 0
    assert result.output.splitlines()[:4] == [
        "app (wsgi) at /app, 1 page, 0 references: nothing found",
        "",
        "old (redirect) at /old, 0 pages, 0 references",
        "  remark: a redirect leads where the file says: nothing to read",
    ]
    assert "2 mounts: 0 errors, 0 warnings, 0 notes" in result.output


def test_warnings_fail_where_they_should(tmp_path: Path) -> None:
    write(tmp_path, {"/": "<a href=/gone>"})
    assert run(tmp_path).exit_code == 0
    assert run(tmp_path, "--strict").exit_code == 1


def test_json_is_the_same_snapshot(tmp_path: Path) -> None:
    write(tmp_path, ESCAPES)
    result = run(tmp_path, "--json")
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert report["passes"] is False
    (mount,) = report["mounts"]
    assert (mount["mount"], mount["pages"], mount["references"]) == ("app", 1, 3)
    error, warning = mount["findings"]
    assert error["spot"] == {"page": "/app/", "line": 1, "text": "<a href=/own>"}
    assert (error["places"], warning["severity"]) == (2, "warning")


def test_many_that_are_alike_are_cut_short(tmp_path: Path) -> None:
    own = {f"/{number}": "own" for number in range(12)}
    tags = "".join(f"<a href={path}>" for path in own)
    write(tmp_path, {"/": tags, **own})
    result = run(tmp_path)
    assert result.output.count("error (link)") == 8
    assert "  and 4 more like it: --json lists them all" in result.output
    assert result.output.count("cure:") == 1
    assert (
        len(json.loads(run(tmp_path, "--json").output)["mounts"][0]["findings"]) == 12
    )


def test_one_mount_fewer_pages_and_another_url(tmp_path: Path) -> None:
    write(tmp_path, {"*": "<a href=a><a href=b>"}, "\nold: {redirect: /app}")
    result = run(tmp_path, "app", "--pages", "1", "--url", "http://apps.example.com")
    assert result.exit_code == 0
    assert "remark: stopped after 1 page: --pages and --seconds" in result.output
    assert "old" not in result.output


def test_a_further_start(tmp_path: Path) -> None:
    write(tmp_path, {"/": "<p>", "/admin": "<a href=/own>", "/own": "own"})
    assert run(tmp_path).exit_code == 0
    result = run(tmp_path, "--start", "/app/admin", "--start", "app/own")
    assert result.exit_code == 1
    assert "at /app/admin line 1: <a href=/own>" in result.output
    result = run(
        tmp_path, "--start", "https://localhost/app/admin", "--start", "/app/x"
    )
    assert "at /app/admin line 1: <a href=/own>" in result.output
    assert "remark: /app/x, which was to start from, answers 404" in result.output


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    pages: dict[str, Page] = {
        "/": "<a href='/own\x1b[31m' title='\x07\u202e'>",
        "/own\x1b[31m": "own",
    }
    write(tmp_path, pages)
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "\\x1b[31m" in result.output
    assert "\\u202e" in result.output
    assert not set(result.output) & {"\x1b", "\x07", "\u202e"}


def test_what_fails_in_an_application_stays_off_the_terminal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, {"/": (500, {}, "")})
    result = run(tmp_path)
    assert "warning (broken): /app/ answers 500" in result.output
    assert caplog.records == []
    assert logging.getLogger("gateway").propagate


@pytest.mark.parametrize(
    ("mounts", "arguments", "code", "words"),
    [
        ("a: {redirect: /b, stat: 1}", [], 2, "stat"),
        ('a: {app: "nowhere:app"}', [], 1, "nowhere"),
        ("a: {redirect: /b}", ["b"], 2, "there is no mount 'b'"),
        ("a: {redirect: /b}", ["--url", "b"], 2, "is not where a gateway is reached"),
        ("a: {redirect: /b}", ["--start", "/b"], 2, "no mount serves '/b'"),
        (
            "a: {redirect: /b, prefix: /}",
            ["--start", "http://b/"],
            2,
            "no mount serves",
        ),
        ("a: {redirect: /b}", ["--pages", "0"], 2, "pages"),
        ("a: {redirect: /b}", ["--seconds", "0"], 2, "seconds"),
        ("a: {redirect: /b}", ["--seconds", "inf"], 2, "seconds"),
        ("a: {redirect: /b}", ["--seconds", "nan"], 2, "seconds"),
    ],
    ids=[
        "config",
        "load",
        "mount",
        "url",
        "start",
        "elsewhere",
        "pages",
        "seconds",
        "inf",
        "nan",
    ],
)
def test_what_cannot_be_examined(
    tmp_path: Path, mounts: str, arguments: list[str], code: int, words: str
) -> None:
    configured(tmp_path, mounts, {})
    result = run(tmp_path, *arguments)
    assert result.exit_code == code
    assert words in result.output
    assert "Traceback" not in result.output
