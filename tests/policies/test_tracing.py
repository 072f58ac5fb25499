"""``tracing: otel``: a span for each request, seen by OpenTelemetry's own SDK."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from composing import configured, get
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from werkzeug.test import Client, create_environ

from gateway.config.load import load_config
from gateway.errors import MissingExtraError
from gateway.lifecycle import Gateway
from gateway.policies.record import Recorder
from gateway.policies.tracing import TracingPolicy, _Headers
from gateway.testing.served import as_served

APP = """
from opentelemetry import trace
from gateway import subrequest

def application(environ, start_response):
    kind = environ["PATH_INFO"]
    if kind == "/boom":
        raise ValueError("boom")
    if kind == "/ask":
        with subrequest("/b/") as answer:
            text = answer.text
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [text.encode()]
    start_response("503 No" if kind == "/busy" else "200 OK", [])

    def steps():
        with trace.get_tracer("app").start_as_current_span("step"):
            yield environ.get("HTTP_TRACEPARENT", "none").encode()
    return steps()
"""
MOUNTS = """
root: {app: app:application, path: app, prefix: /}
a: {app: app:application, path: app, prefix: /team/a}
b: {app: app:application, path: app}
"""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
LOCAL = {"REMOTE_ADDR": "192.0.2.1"}


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """The process has one provider, which may be set once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> InMemorySpanExporter:
    exporter.clear()
    return exporter


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    spec = load_config(configured(tmp_path, MOUNTS, {"app/app.py": APP}))
    server = replace(spec.server, tracing="otel")
    with Gateway(replace(spec, server=server)) as gateway:
        yield gateway


def of_gateway(spans: InMemorySpanExporter) -> list[ReadableSpan]:
    return [
        span
        for span in spans.get_finished_spans()
        if span.instrumentation_scope and span.instrumentation_scope.name == "gateway"
    ]


def asked(gateway: Gateway, path: str, **options: Any) -> Any:
    return get(as_served(gateway), path, environ_base=LOCAL, **options)


@pytest.mark.parametrize(
    ("path", "name", "route"),
    [
        ("/", "GET /", "/"),
        ("/x/y", "GET /", "/"),
        ("/team/a/1", "GET /team/a", "/team/a"),
        ("/b/1?q=secret", "GET /b", "/b"),
    ],
)
def test_a_span_for_each_request(
    gateway: Gateway, spans: Any, path: str, name: str, route: str
) -> None:
    asked(gateway, path, headers={"User-Agent": "test"})
    (span,) = of_gateway(spans)
    assert (span.name, span.kind) == (name, SpanKind.SERVER)
    mount = {"/": "root", "/team/a": "a", "/b": "b"}[route]
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": route,
        "gateway.mount": mount,
        "url.scheme": "http",
        "url.path": path.partition("?")[0],
        "server.address": "localhost",
        "server.port": 80,
        "network.protocol.version": "1.1",
        "client.address": "192.0.2.1",
        "user_agent.original": "test",
    }
    assert span.status.status_code is StatusCode.UNSET
    assert span.parent is None


def test_what_the_application_makes_is_below_it(gateway: Gateway, spans: Any) -> None:
    client = Client(gateway)
    answer = client.get("/b/")
    text = answer.text
    answer.close()
    step, span = spans.get_finished_spans()
    assert (step.name, span.name) == ("step", "GET /b")
    assert step.parent.span_id == span.context.span_id
    # What is asked of others by these headers is below it, too.
    ids = f"{span.context.trace_id:032x}-{span.context.span_id:016x}"
    assert text.startswith(f"00-{ids}-")
    assert span.end_time >= step.end_time


def test_the_clients_trace_goes_on(gateway: Gateway, spans: Any) -> None:
    asked(gateway, "/b/", headers={"Traceparent": f"00-{TRACE}-{PARENT}-01"})
    (span,) = of_gateway(spans)
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT


def test_a_subrequest_is_below_the_request(gateway: Gateway, spans: Any) -> None:
    answer = asked(gateway, "/team/a/ask")
    inner, outer = of_gateway(spans)
    assert (inner.name, inner.kind) == ("GET /b", SpanKind.INTERNAL)
    assert (outer.name, outer.kind) == ("GET /team/a", SpanKind.SERVER)
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
    assert f"-{inner.context.span_id:016x}-" in answer.text


def test_an_error_is_one_of_the_span(gateway: Gateway, spans: Any) -> None:
    asked(gateway, "/b/boom")
    asked(gateway, "/b/busy")
    boom, busy = of_gateway(spans)
    assert boom.status.status_code is busy.status.status_code is StatusCode.ERROR
    assert boom.attributes["error.type"] == "ValueError"  # type: ignore[index]
    assert boom.events[0].attributes["exception.message"] == "boom"  # type: ignore[index]
    assert busy.attributes["error.type"] == "503"  # type: ignore[index]


def test_what_leads_nowhere_has_no_route(tmp_path: Path, spans: Any) -> None:
    spec = load_config(configured(tmp_path, "b: {redirect: /x}", {}))
    server = replace(spec.server, tracing="otel", access_log="off")
    with Gateway(replace(spec, server=server)) as gateway:
        asked(gateway, "/none", method="BREW")
    (span,) = of_gateway(spans)
    assert span.name == "HTTP"
    assert span.attributes is not None
    assert "http.route" not in span.attributes
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.attributes["http.response.status_code"] == 404
    assert span.status.status_code is StatusCode.UNSET


def test_propagators_see_the_headers_of_a_request() -> None:
    headers = _Headers()
    environ = create_environ(headers={"X-B3-TraceId": "1", "Uber": "2"})
    assert {"x-b3-traceid", "uber", "host"} == set(headers.keys(environ))
    assert headers.get(environ, "X-B3-TraceId") == ["1"]
    assert headers.get(environ, "none") is None


def test_what_has_no_port_and_no_status(gateway: Gateway, spans: Any) -> None:
    environ = create_environ("/b/")
    environ["SERVER_PORT"] = ""  # a Unix socket

    def cancelled(environ: Any, start_response: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Recorder(TracingPolicy(cancelled), ())(
            environ,
            lambda *args: lambda data: None,  # type: ignore[arg-type]
        )
    (span,) = of_gateway(spans)
    assert span.attributes is not None
    assert "server.port" not in span.attributes
    assert "http.response.status_code" not in span.attributes
    assert span.attributes["error.type"] == "KeyboardInterrupt"


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    spec = load_config(configured(tmp_path, "b: {redirect: /x}", {}))
    server = replace(spec.server, tracing="otel")
    with pytest.raises(MissingExtraError, match=r"wsgi-gateway\[otel\]"):
        Gateway(replace(spec, server=server))
