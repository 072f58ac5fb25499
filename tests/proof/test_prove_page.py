"""The proof as one HTML page: what is on it, and that nothing breaks out of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from proof_site import PLAIN, break_inside, plain_gateway, write_app, write_gateway

from gateway.cli.group import gateway
from gateway.context import AppGlobals, current_app_context
from gateway.mount import Mount
from gateway.proof.page.chart import MOST, draw
from gateway.proof.page.page import render
from gateway.proof.page.scenes import divide
from gateway.proof.report import (
    Mark,
    MountReport,
    Report,
    Span,
    StatusCount,
    Verdict,
    Violation,
)
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_VOID = {"meta", "input", "br", "link", "img"}


class Page(HTMLParser):
    """A page, taken apart; every tag has to be closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self._open, f"<{tag}/> is no HTML"
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of_class(self, name: str) -> list[dict[str, str | None]]:
        return [
            attributes
            for _, attributes in self.elements
            if name in (attributes.get("class") or "").split()
        ]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def call(
    start: float = 0.0,
    end: float | None = 1.0,
    *,
    mount: str = "one",
    request: int = 1,
    act: str = "plain",
    thread: int = 1,
    context: int | None = 1,
    moments: Sequence[tuple[str, float]] = (),
) -> Span:
    marks = [("at entry", start), *moments]
    if end is not None:
        marks.append(("at teardown", end))
    return Span(
        mount,
        request,
        act,
        thread,
        context,
        200,
        start,
        end,
        tuple(Mark(*mark) for mark in marks),
    )


def report_of(*timeline: Span, name: str = "one", text: str = "well") -> Report:
    mount = MountReport(
        mount=name,
        prefix="/" + name,
        host=None,
        kind="wsgi",
        verdicts=(Verdict("context", "proven", 1), Verdict("g", "violated", 1)),
        answers=(StatusCount(200, 1),),
        remarks=(text,),
    )
    return Report(
        mounts=(mount,),
        violations=(Violation(name, 1, "g", "empty", text),),
        notes=(text,),
        requests=1,
        threads=1,
        overlaps=0,
        mount_pairs=0,
        pid=1,
        seconds=1.0,
        timeline=timeline,
    )


def run(home: Path, *arguments: str) -> Result:
    config = str(home / "gateway.yaml")
    return CliRunner().invoke(gateway, ["prove", "-c", config, *arguments])


def test_the_page_shows_the_table_the_facts_and_every_call(tmp_path: Path) -> None:
    plain_gateway(tmp_path, ["one", "two"])
    file = tmp_path / "report.html"
    result = run(tmp_path, "--requests", "4", "--json", "--html", str(file))
    assert result.exit_code == 0, result.output
    assert result.stderr == f"The report is in {file}.\n"
    report = json.loads(result.stdout)
    page = Page(file.read_text(encoding="utf-8"))
    assert "Proven : 2 mounts, one process" in page.text
    assert f"PID {report['pid']}" in page.text
    assert len(page.of_class("proven")) == 2 * (
        len(report["mounts"][0]["verdicts"]) - 1
    )
    assert [each["title"] for each in page.of_class("na")] == [
        report["mounts"][0]["verdicts"][6]["reason"]
    ] * 2
    bars = page.of_class("bar")
    assert len(bars) == len(report["timeline"])
    assert len({bar["id"] for bar in bars}) == len(bars)
    titles = "\n".join(page.texts)
    for span in report["timeline"]:
        assert f"{span['mount']}, request {span['request']}: {span['act']}\n" in titles
        assert f"context {span['context']}, thread {span['thread']}\n" in titles


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    plain_gateway(tmp_path, ["one", "two"])
    file = tmp_path / "report.html"
    run(tmp_path, "--requests", "2", "--html", str(file))
    page = Page(file.read_text(encoding="utf-8"))
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "base"}
    attributes = {name for _, found in page.elements for name in found}
    assert not attributes & {"src", "style", "srcset", "action"}
    assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in file.read_text()
    assert "@import" not in file.read_text()
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    assert {"http-equiv": "Content-Security-Policy", "content": policy} in [
        found for _, found in page.elements
    ]


def test_violations_lead_to_their_calls(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shared = AppGlobals()

    def share_g(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def broken(
            environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            current_app_context.get().g = shared
            return wsgi(environ, start_response)

        return broken

    plain_gateway(tmp_path, ["one", "two"])
    break_inside(monkeypatch, share_g, "two")
    file = tmp_path / "report.html"
    assert run(tmp_path, "--requests", "4", "--html", str(file)).exit_code == 1
    page = Page(file.read_text())
    assert "VIOLATED : 2 mounts" in page.text
    assert len(page.of_class("violated")) == 1
    assert "at entry it was the g that request" in page.text
    assert re.search(r"and \d+ more like it", page.text)
    links = {(found["href"] or "")[1:] for tag, found in page.elements if tag == "a"}
    assert links == {bar["id"] for bar in page.of_class("broken")}


HOSTILE = (
    "</title><script>alert('1')</script>\"><img src=x onerror='a'>&amp;{{ 7 * 7 }}"
)


def test_a_call_of_a_mount_that_is_not_examined_is_of_the_one_that_was_meant(
    tmp_path: Path,
) -> None:
    for name in ("portal", "sub"):
        write_app(tmp_path / name, PLAIN)
    mounts = {
        "portal": {"app": "app:app", "path": "portal", "prefix": "/", "probe": "/sub/"},
        "sub": {"app": "app:app", "path": "sub"},
    }
    write_gateway(tmp_path, mounts)
    file = tmp_path / "report.html"
    result = run(tmp_path, "portal", "--requests", "2", "--html", str(file))
    assert result.exit_code == 1, result.output
    assert "the request was served by mount 'sub'" in result.output
    page = Page(file.read_text())
    assert page.of_class("broken")
    assert "sub, request" not in page.text


def test_what_comes_from_elsewhere_is_escaped() -> None:
    span = call(mount=HOSTILE, act="plain " + HOSTILE)
    text = render(report_of(span, name=HOSTILE, text=HOSTILE), HOSTILE, NOW)
    page = Page(text)
    assert not {"script", "img"} & {tag for tag, _ in page.elements}
    assert not any("onerror" in found for _, found in page.elements)
    # As a fact, a mount, evidence, a note, a remark, on a bar and in its words.
    assert page.text.count(HOSTILE) >= 9
    assert "alert('1')</script>" not in text


def test_what_no_page_can_hold_is_replaced() -> None:
    text = render(report_of(call(), text="a\x00b\x1b[31mc\udcffd\nö"), "x", NOW)
    text.encode("utf-8")
    assert "a\ufffdb\ufffd[31mc\\udcffd\nö" in text


def test_a_call_inside_a_call_is_in_a_lane_below() -> None:
    outer = call(0.0, 1.0, request=1)
    inner = call(0.2, 0.8, request=2)
    innermost = call(0.3, 0.5, request=3)
    later = call(0.6, 0.7, request=4)
    elsewhere = call(0.1, 0.9, request=5, thread=2)
    chart = draw([outer, inner, innermost, later, elsewhere])
    first, second = chart.rows
    assert (first.lanes, second.lanes) == (3, 1)
    tops = [bar.top for bar in first.bars]
    assert tops[0] < tops[1] < tops[2] == tops[3]
    assert second.top == first.top + first.height <= second.bars[0].top
    assert [(bar.left, bar.width) for bar in first.bars[:2]] == [(0, 100), (20, 60)]
    assert chart.most_alive == 4


def test_bodies_and_errors_are_marked_on_a_bar() -> None:
    streamed = call(
        moments=[("when the application returned", 0.25), ("at a body step", 0.5)]
    )
    raised = call(request=2, moments=[("when the application raised", 0.5)])
    at_once = call(request=3, moments=[("when the application returned", 0.5)])
    bars = [bar for row in draw([streamed, raised, at_once]).rows for bar in row.bars]
    assert [(bar.body, bar.failed) for bar in bars] == [
        (25, None),
        (None, 50),
        (None, None),
    ]
    page = Page(render(report_of(streamed, raised, at_once), "x", NOW))
    assert len(page.of_class("body")) == len(page.of_class("failed")) == 1


def test_a_call_that_did_not_end_goes_on_to_the_edge() -> None:
    endless, after = call(0.5, None), call(0.6, 1.5, request=2)
    chart = draw([endless, call(0.0, 0.2, request=3), after])
    first, second, third = chart.rows[0].bars
    assert second.left + second.width == pytest.approx(100)
    # Nothing may be drawn over it.
    assert third.top > second.top == first.top
    text = render(report_of(endless), "x", NOW)
    assert len(Page(text).of_class("endless")) == 1
    assert "and did not end" in text


def test_calls_without_a_context_are_not_alive() -> None:
    chart = draw([call(context=None), call(0.2, 0.4, request=2, thread=2)])
    assert chart.most_alive == 1
    assert "no context, thread 1" in render(report_of(call(context=None)), "x", NOW)


def test_of_many_calls_not_all_are_drawn_and_the_page_says_so() -> None:
    spans = [
        call(number / 100, number / 100 + 0.01, request=number)
        for number in range(MOST + 5)
    ]
    assert draw(spans).omitted == 5
    page = Page(render(report_of(*spans), "x", NOW))
    assert len(page.of_class("bar")) == MOST
    assert "The last 5 calls are not drawn" in page.text


def test_lines_stand_at_round_times() -> None:
    for length, last in (
        (1e-6, "0.001"),
        (0.0473, "40"),
        (0.7687, "600"),
        (61.0, "60000"),
    ):
        ticks = draw([call(0.0, length)]).ticks
        assert ticks[0] == (0, "0")
        assert ticks[-1][1] == last
        assert 2 <= len(ticks) <= 7


def test_acts_are_gathered_to_scenes() -> None:
    acts = ["plain", "after a reload", "raising at close", "half-read", "something new"]
    spans = [call(request=number, act=act) for number, act in enumerate(acts, 1)]
    assert [(scene.title, len(scene.spans)) for scene in divide(spans)] == [
        ("Waves", 1),
        ("Endings", 2),
        ("Reload", 1),
        ("Others", 1),
    ]


def test_a_proof_without_any_call_has_a_page() -> None:
    assert "No call was seen." in Page(render(report_of(), "x", NOW)).text


def test_where_no_page_can_be_written(tmp_path: Path) -> None:
    plain_gateway(tmp_path, ["one"])
    absent = run(tmp_path, "--html", str(tmp_path / "absent" / "report.html"))
    folder = run(tmp_path, "--html", str(tmp_path))
    assert absent.exit_code == folder.exit_code == 2
    assert "there is no folder" in absent.output
    assert "make it first" in absent.output
    assert "is a directory" in folder.output


# Measures in the browser, and puts what it has found where --dump-dom shows it.
_MEASURE = """<script>
document.querySelector('#z16').checked = MORE;
const found = [...document.querySelectorAll('.wide > svg')].every(chart => {
  const whole = chart.getBoundingClientRect();
  return [...chart.querySelectorAll('.bar')].every(bar => {
    const one = bar.querySelector('.whole').getBoundingClientRect();
    return one.width > 0 && one.left >= whole.left - 1 &&
      one.right <= whole.right + 1 && one.bottom <= whole.bottom;
  });
});
const root = document.documentElement;
const chart = document.querySelector('.wide > svg').getBoundingClientRect().width;
const alert = document.createElement('output');
alert.textContent = [found, root.scrollWidth <= innerWidth, chart > innerWidth].join();
document.body.append(alert);
</script>"""


@pytest.mark.parametrize(("more", "seen"), [("false", "false"), ("true", "true")])
def test_a_browser_draws_it_within_its_bounds(
    tmp_path: Path, more: str, seen: str
) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("component not installed: chromium")
    spans = [
        call(n / 50, n / 50 + 0.2, request=n, thread=n % 9 + 1, mount=f"m{n % 6}")
        for n in range(200)
    ]
    report = report_of(*spans)
    mounts = tuple(
        report_of(name=f"m{number}", text="x" * 300).mounts[0] for number in range(6)
    )
    report = Report(mounts, (), ("y" * 300,), 200, 9, 1, 15, 1, 1.0, report.timeline)
    text = render(report, "gateway.yaml", NOW)
    text = re.sub("<meta http-equiv[^>]*>", "", text)
    file = tmp_path / "report.html"
    file.write_text(
        text.replace("</body>", _MEASURE.replace("MORE", more) + "</body>"), "utf-8"
    )
    done = subprocess.run(
        [
            *(chromium, "--headless=new", "--no-sandbox", "--disable-gpu"),
            *("--window-size=1200,900", f"--user-data-dir={tmp_path / 'browser'}"),
            *("--dump-dom", file.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert f"<output>true,true,{seen}</output>" in done.stdout
