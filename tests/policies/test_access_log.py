"""The access log: what a line says, what it cannot be made to say, what it costs."""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from composing import composed, configured, get
from werkzeug.test import Client, create_environ

from gateway.config.load import load_config
from gateway.lifecycle import Gateway
from gateway.policies.access_log import AccessLog, write_json, write_text
from gateway.policies.record import RECORD, Recorder
from gateway.servers.waitress import running

APP = """
class Closing:
    def __init__(self, pieces):
        self.pieces = pieces
    def __iter__(self):
        return iter(self.pieces)
    def close(self):
        raise ValueError("close")


def application(environ, start_response):
    kind = environ["PATH_INFO"]
    if kind == "/raises":
        raise ValueError("before")
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    if kind == "/late":
        raise ValueError("after")
    if kind == "/stream":
        return iter([b"one", b"four", b""])
    if kind == "/middle":
        def steps():
            yield b"12345"
            raise ValueError("middle")
        return steps()
    if kind == "/tuple":
        return (b"12", b"34")
    if kind == "/write":
        write(b"written ")
        return [b"returned"]
    if kind == "/close":
        return Closing([b"123"])
    return [b"a list", b" of two"]
"""

START: Any = lambda *args: lambda data: None  # noqa: E731

LINE = re.compile(
    r'(?P<client>\S+) "(?P<method>\S+) (?P<url>\S+) (?P<protocol>\S+)" '
    r"(?P<status>\S+) (?P<sent>\d+) (?P<mount>\S+) (?P<time>\d+\.\d)ms "
    r"(?P<id>\S+)"
)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Turn the log on; gives what returns and forgets its lines."""
    caplog.set_level(logging.INFO, "gateway.access")

    def take() -> list[str]:
        found = [
            record.getMessage()
            for record in caplog.records
            if record.name == "gateway.access"
        ]
        caplog.clear()
        for line in found:
            assert LINE.fullmatch(line), line
            assert line.isascii()
        return found

    return take


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Any]:
    mounts = """
        app: {app: app:application}
        old: {redirect: /app}
        """
    with composed(tmp_path, mounts, {"app.py": APP}) as gateway:
        yield gateway


def shown(line: str, *names: str) -> tuple[str, ...]:
    match = LINE.fullmatch(line)
    assert match is not None
    return tuple(match[name] for name in names)


@pytest.mark.parametrize(
    ("path", "status", "sent", "mount"),
    [
        ("/app/", "200", "13", "app"),
        ("/app/tuple", "200", "4", "app"),
        ("/app/stream", "200", "7", "app"),
        ("/app/write", "200", "16", "app"),
        ("/app", "308", None, "-"),
        ("/old/x", "307", "0", "old"),
        ("/none", "404", None, "-"),
    ],
)
def test_a_line_says_what_was_answered(
    gateway: Any, lines: Any, path: str, status: str, sent: str | None, mount: str
) -> None:
    client = {"REMOTE_ADDR": "192.0.2.1"}
    response = get(gateway, path, environ_overrides=client)
    (line,) = lines()
    assert shown(line, "client", "method", "url", "protocol") == (
        "192.0.2.1",
        "GET",
        path,
        "HTTP/1.1",
    )
    if sent is None:
        sent = str(len(response.data))
        assert sent != "0"
    assert shown(line, "status", "sent", "mount") == (status, sent, mount)


def test_a_body_that_is_closed_early_counts_what_was_sent(
    gateway: Any, lines: Any
) -> None:
    response = Client(gateway).get("/app/stream")
    assert lines() == []
    assert next(iter(response.response)) == b"one"
    response.close()
    (line,) = lines()
    assert shown(line, "status", "sent", "mount") == ("200", "3", "app")


def test_an_error_in_the_middle_of_a_body_is_a_line_too(lines: Any) -> None:
    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        environ[RECORD].mount = "app"
        start_response("200 OK", [])
        yield b"12345"
        raise ValueError("middle")

    body: Any = AccessLog(application)(create_environ(), START)
    assert next(body) == b"12345"
    with pytest.raises(ValueError, match="middle"):
        next(body)
    assert lines() == []
    body.close()
    body.close()
    assert shown(lines()[0], "status", "sent", "mount") == ("200", "5", "app")
    assert lines() == []
    # PEP 3333 has no place for it, but it does no harm.
    assert list(body) == []


def test_an_error_while_closing_is_a_line_too(gateway: Any, lines: Any) -> None:
    body = gateway(create_environ("/app/close"), START)
    assert list(body) == [b"123"]
    body.close()
    assert shown(lines()[0], "status", "sent") == ("200", "3")


def test_an_error_that_nobody_answers_for_is_a_line_without_a_status(
    lines: Any,
) -> None:
    def application(environ: Any, start_response: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        AccessLog(application)(create_environ("/x"), START)
    assert shown(lines()[0], "url", "status", "sent", "mount") == ("/x", "-", "0", "-")


def test_a_body_that_cannot_be_closed_ends_all_the_same(lines: Any) -> None:
    def application(environ: Any, start_response: Any) -> tuple[bytes, ...]:
        start_response("200 OK", [])
        return (b"12", b"34")

    body: Any = AccessLog(application)(create_environ(), START)
    assert list(body) == [b"12", b"34"]
    body.close()
    assert shown(lines()[0], "status", "sent") == ("200", "4")


def test_the_status_is_the_one_that_the_client_got(lines: Any) -> None:
    sent: list[str] = []

    def server(status: str, headers: Any, exc_info: Any = None) -> Any:
        if sent and exc_info:
            raise exc_info[1]
        sent.append(status)
        return sent.append

    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield b"x"
        try:
            raise ValueError("too late")
        except ValueError as error:
            start_response("500 No", [], (ValueError, error, error.__traceback__))

    body: Any = AccessLog(application)(create_environ(), server)
    assert next(body) == b"x"
    with pytest.raises(ValueError, match="too late"):
        next(body)
    body.close()
    assert shown(lines()[0], "status") == ("200",)


def test_a_second_status_counts_where_the_server_took_it(lines: Any) -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        error = ValueError()
        start_response("500 No", [], (ValueError, error, None))
        return [b""]

    AccessLog(application)(create_environ(), START)
    assert shown(lines()[0], "status") == ("500",)


def test_a_body_that_is_none_is_the_applications_error(lines: Any) -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])

    with pytest.raises(TypeError):
        AccessLog(application)(create_environ("/x"), START)
    assert shown(lines()[0], "url", "status") == ("/x", "200")


EVIL = '" 200 0 - 0.0ms\r\nforged "GET / HTTP/1.1" 200 5 app 1.0ms \x1b[31m\u2028'


@pytest.mark.parametrize("where", ["path", "query", "method", "client", "protocol"])
def test_no_part_of_a_request_can_forge_a_line(
    gateway: Any, lines: Any, where: str
) -> None:
    raw = EVIL.encode().decode("latin-1")
    environ = create_environ("/app/")
    key = {
        "path": "PATH_INFO",
        "query": "QUERY_STRING",
        "method": "REQUEST_METHOD",
        "client": "REMOTE_ADDR",
        "protocol": "SERVER_PROTOCOL",
    }[where]
    environ[key] = f"/app/{raw}" if where == "path" else raw
    # What the user says of himself is not in the line at all.
    environ["REMOTE_USER"] = environ["HTTP_USER_AGENT"] = raw
    environ["HTTP_REFERER"] = raw
    list(gateway(environ, START))
    (line,) = lines()
    assert not set(line) & set("\r\n\x1b")
    assert shown(line, "status", "mount") == ("200", "app")
    assert "%0D%0Aforged" in line
    assert line.count('"') == 2


def test_what_is_not_known_is_a_dash(gateway: Any, lines: Any) -> None:
    environ = create_environ("/app/ü?ä=%20")
    environ["REMOTE_ADDR"] = ""  # a Unix socket
    del environ["SERVER_PROTOCOL"]
    list(gateway(environ, START))
    (line,) = lines()
    assert shown(line, "client", "url", "protocol") == (
        "-",
        "/app/%C3%BC?%C3%A4=%20",
        "-",
    )


def test_addresses_of_either_version(gateway: Any, lines: Any) -> None:
    get(gateway, "/app/", environ_overrides={"REMOTE_ADDR": "fe80::1%eth0"})
    assert shown(lines()[0], "client") == ("fe80::1%eth0",)


def test_the_prefix_that_the_gateway_is_mounted_at_is_shown(
    gateway: Any, lines: Any
) -> None:
    get(gateway, "/app/x", environ_overrides={"SCRIPT_NAME": "/outer"})
    assert shown(lines()[0], "url") == ("/outer/app/x",)


def test_off_it_does_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "gateway.access")
    given = create_environ()
    body = [b"x"]

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any: ...

    def application(environ: Any, start: Any) -> Any:
        assert environ is given
        assert start is start_response
        assert RECORD not in environ
        return body

    assert AccessLog(application)(given, start_response) is body
    assert caplog.records == []


def test_the_servers_environ_is_not_changed(gateway: Any, lines: Any) -> None:
    environ = create_environ("/app/")
    before = dict(environ)
    gateway(environ, START)
    assert environ == before
    assert len(lines()) == 1


def test_requests_over_a_real_server(gateway: Any, lines: Any) -> None:
    spec = replace(gateway.spec.server, port=0, threads=2)
    with running(gateway, spec) as server:
        for request in (
            b"GET /app/%0D%0AX?a=%22b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"GET /app/stream HTTP/1.0\r\n\r\n",
            b"GET /app/raises HTTP/1.0\r\n\r\n",
            b"GET /app/late HTTP/1.0\r\n\r\n",
            b"GET /app/middle HTTP/1.0\r\n\r\n",
            b"GET /%00 HTTP/1.0\r\n\r\n",
            b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n",
        ):
            with closing(socket.create_connection(server.address, 10)) as client:
                client.sendall(request)
                while client.recv(4096):
                    pass
    found = [shown(line, "url", "protocol", "status", "mount") for line in lines()]
    assert found == [
        ("/app/%0D%0AX?a=%22b", "HTTP/1.1", "200", "app"),
        ("/app/stream", "HTTP/1.0", "200", "app"),
        ("/app/raises", "HTTP/1.0", "500", "app"),
        ("/app/late", "HTTP/1.0", "500", "app"),
        ("/app/middle", "HTTP/1.0", "200", "app"),
        ("/%00", "HTTP/1.0", "400", "-"),
        ("/", "HTTP/1.0", "400", "-"),
    ]


def objects(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    found = [each for each in caplog.records if each.name == "gateway.access"]
    return [json.loads(record.getMessage()) for record in found]


@contextmanager
def in_style(folder: Path, style: str) -> Iterator[Gateway]:
    spec = load_config(
        configured(folder, "app: {app: app:application}", {"app.py": APP})
    )
    server = replace(spec.server, access_log=style)  # type: ignore[arg-type]
    with Gateway(replace(spec, server=server)) as gateway:
        yield gateway


def test_json(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.access")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X-Request-ID": "r1", "Traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    with in_style(tmp_path, "json") as gateway:
        get(
            gateway,
            "/app/stream?a=b",
            environ_base={"REMOTE_ADDR": "192.0.2.1"},
            headers=headers,
        )
        list(gateway(create_environ("/app/raises"), START))
        list(gateway(create_environ("/none"), START))
    served, failed, nowhere = objects(caplog)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:]{8}\.\d{3}\+00:00", served.pop("time"))
    assert 0 < served.pop("duration_ms") < 10_000
    assert served == {
        "level": "INFO",
        "logger": "gateway.access",
        "client": "192.0.2.1",
        "method": "GET",
        "url": "/app/stream?a=b",
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes": 7,
        "mount": "app",
        "request_id": "r1",
        "trace_id": trace,
    }
    assert (failed["status"], failed["error"]) == (500, "ValueError")
    assert (nowhere["status"], nowhere["mount"]) == (404, "-")
    assert "trace_id" not in nowhere


def test_json_of_a_request_without_a_status(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.access")

    def application(environ: Any, start_response: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        AccessLog(application, write_json)(create_environ("/x"), START)
    (line,) = objects(caplog)
    assert (line["status"], line["error"]) == (None, "KeyboardInterrupt")
    assert line["request_id"] == "-"


@pytest.mark.parametrize(
    "key", ["PATH_INFO", "QUERY_STRING", "REQUEST_METHOD", "REMOTE_ADDR"]
)
def test_no_part_of_a_request_can_forge_an_object(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    caplog.set_level(logging.INFO, "gateway.access")
    evil = '/app/"}\r\n{"status": 200, "mount": "admin"} \x1b[31m\u2028'
    environ = create_environ("/app/")
    environ[key] = evil.encode().decode("latin-1")
    with in_style(tmp_path, "json") as gateway:
        list(gateway(environ, START))
    (record,) = [each for each in caplog.records if each.name == "gateway.access"]
    line = record.getMessage()
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["mount"] == "app"


@pytest.mark.parametrize("style", ["off", "json", "text"])
def test_what_is_off_writes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, style: str
) -> None:
    # The logger's level counts, too, also where other things are told of a request.
    caplog.set_level(
        logging.INFO if style == "off" else logging.WARNING, "gateway.access"
    )
    write = {"json": write_json, "text": write_text}.get(style)
    with in_style(tmp_path, style) as gateway:
        assert get(gateway, "/app/").status_code == 200
        if write is not None:
            assert get(Recorder(gateway, (write,)), "/app/").status_code == 200
    assert caplog.records == []


def test_a_sink_that_fails_spoils_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"x"]

    def sink(record: Any) -> None:
        raise ValueError("full")

    assert get(Recorder(application, (sink, write_text)), "/").data == b"x"
    assert "a request was not recorded" in caplog.text


class Lines(logging.Handler):
    """A handler that takes lines, and records where it has to."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.records: list[logging.LogRecord] = []

    def write_access(self, message: str) -> None:
        self.lines.append(message)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def writing() -> Iterator[Lines]:
    """Give the only handler of the gateway's log."""
    above = logging.getLogger("gateway")
    before = above.handlers, above.propagate, above.level
    above.handlers, above.propagate = [found := Lines()], False
    above.setLevel(logging.INFO)
    yield found
    above.handlers, above.propagate = before[:2]
    above.setLevel(before[2])


@contextmanager
def changed(logger: logging.Logger, name: str, value: Any) -> Iterator[None]:
    before = getattr(logger, name)
    setattr(logger, name, value)
    yield
    setattr(logger, name, before)


def test_a_handler_that_writes_lines_gets_no_records(gateway: Any) -> None:
    with writing() as writer:
        get(gateway, "/app/")
    assert len(writer.lines) == 1
    assert LINE.fullmatch(writer.lines[0])
    assert not writer.records


def test_whoever_looks_for_records_finds_them(gateway: Any) -> None:
    access, above = logging.getLogger("gateway.access"), logging.getLogger("gateway")
    with writing() as writer:
        other = Lines()
        for logger, name, value in (
            (access, "handlers", [other]),
            (access, "filters", [lambda record: True]),
            (above, "handlers", [writer, other]),
            (above, "propagate", True),
        ):
            with changed(logger, name, value):
                get(gateway, "/app/")
        writer.addFilter(lambda record: record.mount == "app")
        get(gateway, "/app/")
        assert not writer.lines
        assert [record.mount for record in writer.records] == ["app"] * 5
        assert all(LINE.fullmatch(record.getMessage()) for record in writer.records)
        assert len(other.records) == 2
        writer.filters.clear()
        writer.setLevel(logging.WARNING)
        get(gateway, "/app/")
        with changed(access, "propagate", False):
            get(gateway, "/app/")
        writer.setLevel(logging.NOTSET)
        with changed(access, "disabled", True):
            get(gateway, "/app/")
        assert len(writer.records) == 5
        assert not writer.lines
