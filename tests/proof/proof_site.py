"""Gateways for the prover to be tried on: real files, real applications."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from gateway import generation
from gateway.config.load import load_config
from gateway.config.spec import GatewaySpec
from gateway.mount import Mount
from gateway.proof.prove import prove
from gateway.proof.report import Report
from gateway.proof.schedule import Limits
from gateway.types import WSGIApplication

# A list for half of the requests, a stream for the others.
PLAIN = """
    from gateway import g

    requests = []

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        requests.append(environ)
        g.number = len(requests)
        if len(requests) % 2:
            return [b"a", b"list"]
        return (str(g.number).encode() for _ in range(3))
"""


def write_app(folder: Path, source: str) -> None:
    folder.mkdir()
    (folder / "app.py").write_text(dedent(source))


def write_gateway(home: Path, mounts: dict[str, Any], **more: Any) -> Path:
    file = home / "gateway.yaml"
    file.write_text(yaml.safe_dump({"mounts": mounts, **more}, sort_keys=False))
    return file


def plain_gateway(home: Path, names: Iterable[str], **more: Any) -> GatewaySpec:
    """A gateway of plain WSGI applications, each with a config of its own."""
    mounts = {}
    for name in names:
        write_app(home / name, PLAIN)
        config = {"TITLE": f"the {name}", "TAGS": ["shared", {"deep": [1]}]}
        mounts[name] = {"app": "app:app", "path": name, "config": config, **more}
    # Of calls that never end, closing the gateway waits for no longer.
    return load_config(write_gateway(home, mounts, server={"drain_timeout": "1s"}))


def one_app(home: Path, source: str, **more: Any) -> GatewaySpec:
    """A gateway of one application of its own and a plain one beside it."""
    write_app(home / "odd", source)
    write_app(home / "plain", PLAIN)
    mounts = {
        "odd": {"app": "app:app", "path": "odd", **more},
        "plain": {"app": "app:app", "path": "plain"},
    }
    return load_config(write_gateway(home, mounts))


def quick_proof(
    spec: GatewaySpec, *mounts: str, requests: int = 6, **limits: Any
) -> Report:
    return prove(spec, mounts, requests=requests, limits=replace(Limits(), **limits))


def found(report: Report) -> set[tuple[str, str, str]]:
    """What was violated: mount, claim and check."""
    return {(each.mount, each.claim, each.check) for each in report.violations}


def evidence(report: Report, mount: str, check: str) -> str:
    """The words of the first violation of a check."""
    return next(
        each.evidence
        for each in report.violations
        if (each.mount, each.check) == (mount, check)
    )


def statuses(report: Report, mount: str) -> dict[str, str]:
    """The verdicts about a mount, by claim."""
    (one,) = (each for each in report.mounts if each.mount == mount)
    return {verdict.claim: verdict.status for verdict in one.verdicts}


def not_proven(report: Report, mount: str) -> set[str]:
    """Return the claims about a mount that are not applicable; none is violated."""
    found = statuses(report, mount)
    assert "violated" not in found.values()
    return {claim for claim, status in found.items() if status == "not applicable"}


def row(output: str, claim: str) -> list[str]:
    """The cells of a claim in what the command has printed."""
    (line,) = (each for each in output.splitlines() if each.split()[:1] == [claim])
    return re.split("  +", line)[1:]


Breaks = Callable[[Mount, WSGIApplication], WSGIApplication]


def break_mount(
    monkeypatch: pytest.MonkeyPatch, mutant: type[Mount], *names: str
) -> None:
    """Have the gateway make a mount of a class that does it wrong.

    :param names: which mounts; by default the one that is called ``broken``.
    """

    def make(mount: str, *args: Any, **options: Any) -> Mount:
        chosen = mutant if mount in (names or ("broken",)) else Mount
        return chosen(mount, *args, **options)

    monkeypatch.setattr(generation, "Mount", make)


def break_inside(monkeypatch: pytest.MonkeyPatch, breaks: Breaks, *names: str) -> None:
    """Put *breaks* between a mount, where its context is pushed, and what it calls."""

    class Mutant(Mount):
        def _compose(self, wsgi: WSGIApplication, native: bool) -> WSGIApplication:
            return super()._compose(breaks(self, wsgi), native)

    break_mount(monkeypatch, Mutant, *names)


def outside(breaks: Breaks) -> type[Mount]:
    """Return a mount with *breaks* between it and the server."""

    class Mutant(Mount):
        def _compose(self, wsgi: WSGIApplication, native: bool) -> WSGIApplication:
            return breaks(self, super()._compose(wsgi, native))

    return Mutant


def break_outside(monkeypatch: pytest.MonkeyPatch, breaks: Breaks, *names: str) -> None:
    """Put *breaks* around a mount, where the server calls it."""
    break_mount(monkeypatch, outside(breaks), *names)


class Stepping:
    """A body around another one, with something done around each step."""

    def __init__(self, body: Any) -> None:
        self.body = body
        self.iterator = iter(body)
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk: bytes = next(self.iterator)
        except StopIteration:
            self.ended = True
            raise
        return chunk

    def close(self) -> None:
        close = getattr(self.body, "close", None)
        if close is not None:
            close()


def around_body(body_class: type[Stepping]) -> Breaks:
    """Break a mount: what is called returns its streams in a *body_class*."""

    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            body = wsgi(environ, start_response)
            return body if isinstance(body, list) else body_class(body)

        return call

    return breaks


def broken_proof(home: Path, **limits: Any) -> Report:
    """The proof of three mounts, of which only the one in the middle is broken."""
    report = quick_proof(plain_gateway(home, ["one", "broken", "two"]), **limits)
    for name in ("one", "two"):
        assert not_proven(report, name) == {"framework"}
    return report
