"""``gateway prove``: its table, its JSON and its exit codes."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from proof_site import break_inside, one_app, plain_gateway, row, write_gateway

from gateway.cli.group import gateway
from gateway.context import AppGlobals, current_app_context
from gateway.mount import Mount
from gateway.types import WSGIApplication


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        gateway, ["prove", "-c", str(home / "gateway.yaml"), *arguments]
    )


def share_g(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = AppGlobals()

    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Any:
            current_app_context.get().g = shared
            return wsgi(environ, start_response)

        return call

    break_inside(monkeypatch, breaks, "two")


CLAIMS = [
    *["context", "g", "config", "stack", "teardown", "process", "framework"],
    *["cookies", "env", "modules", "state", "reload"],
]


def test_a_table_of_claims_and_a_line_of_totals(tmp_path: Path) -> None:
    plain_gateway(tmp_path, ["one", "two"])
    result = run(tmp_path, "--requests", "6")
    assert result.exit_code == 0, result.output
    heading, *rows, total = result.output.splitlines()
    assert heading.split() == ["CLAIM", "one", "two"]
    assert [line.split()[0] for line in rows] == ["kind", *CLAIMS, "answers"]
    assert row(result.output, "kind") == ["wsgi", "wsgi"]
    assert row(result.output, "context") == ["proven (26)"] * 2
    assert row(result.output, "framework") == ["n/a"] * 2
    assert row(result.output, "modules") == ["proven (1)"] * 2
    assert row(result.output, "answers") == ["6 x 200"] * 2
    assert total.startswith("Proven: 2 mounts, 52 requests on ")
    assert "of calls of 1 pair of mounts, PID " in total


def test_violations_are_listed_below_and_the_exit_code_is_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain_gateway(tmp_path, ["one", "two"])
    share_g(monkeypatch)
    result = run(tmp_path, "--requests", "12")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert row(result.output, "g") == ["proven (32)", "VIOLATED (31)"]
    assert any(
        line.startswith("VIOLATED two, request ") and ", g (new): at entry " in line
        for line in lines
    )
    # All requests but one had the g of the first; three of them are enough to read.
    assert "    and 28 more like it" in lines
    assert lines[-1].startswith("VIOLATED: 2 mounts, 64 requests")


def test_json_is_the_same_snapshot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain_gateway(tmp_path, ["one", "two"])
    share_g(monkeypatch)
    result = run(tmp_path, "--requests", "6", "--json")
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert report["proven"] is False
    assert [mount["mount"] for mount in report["mounts"]] == ["one", "two"]
    verdicts = report["mounts"][0]["verdicts"]
    assert [each["claim"] for each in verdicts] == CLAIMS
    assert verdicts[0] == {
        "claim": "context",
        "status": "proven",
        "count": 26,
        "reason": None,
    }
    assert verdicts[6]["reason"].startswith("its framework has no context")
    assert {each["mount"] for each in report["violations"]} == {"two"}
    assert {each["claim"] for each in report["violations"]} == {"g"}
    assert report["requests"] == 52


PROVE = [sys.executable, "-m", "gateway", "prove", "--json", "--requests", "2"]

WRITING = """
    import os
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", "print('from a process')"])

    def app(environ, start_response):
        os.write(1, b"past print\\n")
        print("kept from before", file=sys.__stdout__)
        start_response("200 OK", [])
        return []
"""


@pytest.mark.parametrize("closed", [(), (1,), (2,)], ids=["open", "no out", "no err"])
def test_what_applications_write_to_the_descriptor_stays_out_of_the_json(
    tmp_path: Path, closed: tuple[int, ...]
) -> None:
    one_app(tmp_path, WRITING)
    closing = "".join(f"os.close({each}); " for each in closed)
    command = f"import os; {closing}os.execv({sys.executable!r}, {PROVE!r})"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=tmp_path, capture_output=True, text=True
    )
    if not closed:
        assert json.loads(done.stdout)["proven"]
        assert done.returncode == 0
        for words in ("from a process", "past print", "kept from before"):
            assert words in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_timeline_tells_when_which_call_was_where(tmp_path: Path) -> None:
    plain_gateway(tmp_path, ["one", "two"])
    report = json.loads(run(tmp_path, "--requests", "4", "--json").output)
    spans = report["timeline"]
    assert len(spans) == report["requests"]
    assert len({span["context"] for span in spans}) == len(spans)
    assert {span["thread"] for span in spans} == set(range(1, report["threads"] + 1))
    assert {"plain", "nested", "from threads", "half-read"} < {
        span["act"] for span in spans
    }
    for span in spans:
        times = [mark["at"] for mark in span["marks"]]
        assert 0 < span["start"] == times[0] <= times[-1] == span["end"]
        assert times == sorted(times)
        assert span["marks"][0]["moment"] == "at entry"
    starts = [span["start"] for span in spans]
    assert starts == sorted(starts)


def test_one_mount_alone_says_what_it_cannot_show(tmp_path: Path) -> None:
    plain_gateway(tmp_path, ["one", "two"])
    result = run(tmp_path, "one", "--requests", "2")
    assert result.exit_code == 0
    assert row(result.output, "process") == ["n/a"]
    assert "note: process: one mount only is examined" in result.output
    assert "overlapping pair" not in result.output


def test_an_error_of_the_application_is_a_remark_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one_app(tmp_path, "def app(environ, start_response): 1 / 0")
    result = run(tmp_path, "--requests", "2")
    assert result.exit_code == 0
    assert row(result.output, "answers") == ["2 x 500", "2 x 200"]
    assert (
        "remark: odd: the application itself raised ZeroDivisionError (2)"
        in result.output.splitlines()
    )
    assert result.stderr == ""
    assert caplog.records == []
    assert logging.getLogger("gateway").propagate


@pytest.mark.parametrize(
    ("mounts", "arguments", "code", "words"),
    [
        ({"a": {"redirect": "/b", "stat": 1}}, [], 2, "stat"),
        ({"a": {"app": "nowhere:app"}}, [], 1, "nowhere"),
        ({"a": {"redirect": "/b"}}, ["b"], 2, "there is no mount 'b'"),
        ({"a": {"redirect": "/b"}}, ["--requests", "1"], 2, "requests"),
    ],
    ids=["config", "load", "mount", "requests"],
)
def test_what_cannot_be_examined(
    tmp_path: Path, mounts: Any, arguments: list[str], code: int, words: str
) -> None:
    write_gateway(tmp_path, mounts)
    result = run(tmp_path, *arguments)
    assert result.exit_code == code
    assert words in result.output
    assert "Traceback" not in result.output
