"""A unit converter as one WSGI callable (PEP 3333), with the gateway's context."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from gateway import current_app, g, request

import config
import models

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

OWNER = "legacy"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


def application(
    environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Answer one request."""
    g.started = time.perf_counter()
    g.marks = []
    g.status = "200 OK"
    path = environ.get("PATH_INFO", "")
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        g.status = "405 Method Not Allowed"
        return answer(start_response, TEXT, "Only GET and HEAD are answered here.\n")
    if path in ("", "/"):
        return answer(start_response, HTML, page())
    if path == "/stream":
        start_response("200 OK", [("Content-Type", TEXT)])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else stream()
    if path == "/healthz":
        return answer(start_response, TEXT, "ok")
    if path == "/whoami":
        return answer(start_response, "application/json", json.dumps(whoami()))
    g.status = "404 Not Found"
    return answer(start_response, TEXT, f"There is no {request.path} here.\n")


def answer(start_response: StartResponse, kind: str, text: str) -> list[bytes]:
    """Finish with *text*; a HEAD gets its length only (RFC 9110, section 9.3.2)."""
    body = text.encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
    if g.status.startswith("405"):
        headers.append(("Allow", "GET, HEAD"))
    start_response(g.status, headers)
    return [] if request.method == "HEAD" else [body]


def mark(what: str) -> None:
    """Note in this request's ``g`` how long it has taken so far."""
    g.marks.append((what, (time.perf_counter() - g.started) * 1000))


def page() -> str:
    """Return the page with the converter, and with what the context knows."""
    mark("found the page")
    value = request.args.get("value", config.FIRST_VALUE)
    name = request.args.get("unit", config.FIRST_UNIT)
    unit = models.UNITS.get(name, models.UNITS[config.FIRST_UNIT])
    mark("read the query")
    try:
        result = result_table(models.reckon(models.read_number(value), unit), unit)
    except models.NotANumber as problem:
        g.status = "422 Unprocessable Content"
        result = (
            f'<p class="problem" id="problem" role="alert">{escape(str(problem))}</p>'
        )
    mark("reckoned")
    bad = g.status.startswith("422")
    return config.PAGE.substitute(
        title=escape(config.TITLE),
        root=escape(own_path("/")),
        stream=escape(own_path("/stream")),
        value=escape(value),
        invalid='aria-invalid="true" aria-describedby="problem"' if bad else "",
        options=unit_options(unit),
        result=result,
        context=rows(context_facts()),
        marks=mark_rows(),
    )


def own_path(path: str) -> str:
    """Return *path* of this application as a browser has to ask for it."""
    # A path, not only its last part: the bare prefix has no slash to be relative to.
    return str(request.script_root).rstrip("/") + path


def unit_options(chosen: models.Unit) -> str:
    """Return the choices of the form, by kind."""
    groups: dict[str, list[str]] = {}
    for unit in models.UNITS.values():
        selected = " selected" if unit is chosen else ""
        option = f"<option{selected}>{escape(unit.name)}</option>"
        groups.setdefault(unit.kind, []).append(option)
    return "\n".join(
        f'<optgroup label="{escape(kind)}">{"".join(options)}</optgroup>'
        for kind, options in groups.items()
    )


def result_table(found: list[tuple[models.Unit, str]], chosen: models.Unit) -> str:
    """Return the table of what was reckoned."""
    lines = [
        f"<tr{' class=chosen' if unit is chosen else ''}>"
        f'<td class="number">{number}</td>'
        f'<th scope="row">{escape(unit.plural)}</th></tr>'
        for unit, number in found
    ]
    return (
        f'<table class="result"><caption>{escape(chosen.kind)}</caption><thead>'
        '<tr><th scope="col" class="number">makes</th><th scope="col">of</th></tr>'
        f"</thead><tbody>{''.join(lines)}</tbody></table>"
    )


def context_facts() -> list[tuple[str, str]]:
    """Return what the context of this request holds, as pairs of texts."""
    arguments = ", ".join(f"{key}={text}" for key, text in request.args.items())
    return [
        ("current_app.name", current_app.name),
        ("request.script_root", request.script_root or "(empty)"),
        ("request.path", request.path),
        ("request.args", arguments or "(none)"),
        ("names in g", ", ".join(sorted(g))),
        ("thread", threading.current_thread().name),
        ("process", str(os.getpid())),
    ]


def rows(pairs: list[tuple[str, str]]) -> str:
    """Return *pairs* as rows of a table."""
    return "\n".join(
        f'<tr><th scope="row">{escape(key)}</th><td>{escape(text)}</td></tr>'
        for key, text in pairs
    )


def mark_rows() -> str:
    """Return the marks of this request as rows of a table."""
    return rows([(what, f"{passed:.3f} ms") for what, passed in g.marks])


def stream() -> Iterator[bytes]:
    """Yield five lines, each counting on in the ``g`` of the request.

    The context lives until the server has closed the body, so it is there in every
    step.
    """
    g.count = 0
    for _ in range(5):
        g.count += 1
        yield f"line {g.count} of 5 from {current_app.name}\n".encode()


def whoami() -> dict[str, object]:
    """Tell which modules this app was built from."""
    around = Path(__file__).resolve().parents[1]
    modules = {
        "app": (__file__, OWNER),
        "models": (models.__file__, models.OWNER),
        "config": (config.__file__, config.OWNER),
    }
    return {
        "app": "legacy",
        "title": config.TITLE,
        "modules": {
            name: {
                "file": Path(os.path.relpath(file, around)).as_posix(),
                "owner": owner,
            }
            for name, (file, owner) in modules.items()
        },
    }
