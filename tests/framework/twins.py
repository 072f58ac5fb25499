"""The same small application for two frameworks, and a request for both."""

# The framework is a parameter, so its decorators have no types here.
# mypy: disable-error-code="untyped-decorator,no-any-return"

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

#: How many examples are tried altogether; more find more, in more time.
EXAMPLES = int(os.environ.get("GATEWAY_DIFFERENTIAL_EXAMPLES", "320"))

#: What the application answers, and what it nearly does.
PATHS = [
    *["/", "/items/41", "/items/x", "/folder", "/folder/", "/folder//", "/pages/"],
    *["/pages/1", "/pages/2", "/say/a+b", "/path/a/b", "/own-options", "/any"],
    *["/page", "/file", "/echo", "/json", "/silent", "/key", "/login/ann"],
    *["/login/paul", "/who", "/logout", "/nested", "/flash/x", "/flashes"],
    *["/cookie/v", "/stream", "/abort/404", "/abort/410", "/abort/418", "/abort/799"],
    *["/abort/304", "/abort-response", "/fail/expected", "/fail/special", "/fail/x"],
    *["/build/index", "/build/missing", "/build/item", "/build/outer.index"],
    *["/de/part/", "/de/part", "/de/part/fail", "/de/part/inner/"],
    *["/de/part/inner/abort", "/de/part/missing", "/static/file.txt", "/static/none"],
    *["/static/../templates/page.html", "//", "//items//41", "", "items/41", "/ä/ß"],
]


class Words(BaseConverter):
    """Words with plus signs between them."""

    def to_python(self, value: str) -> list[str]:
        return value.split("+")

    def to_url(self, value: list[str]) -> str:
        return "+".join(value)


class Expected(Exception):
    """What the application has a handler for."""


class Special(Expected):
    """A subclass, for which the blueprint has one too."""


def build(lib: ModuleType, folder: Path, **config: Any) -> Any:
    """Return the application.

    :param lib: ``flask`` or ``gateway``.
    :param folder: has ``templates`` and ``static``.
    """
    app_class: Any = lib.Flask
    app = app_class(
        "twins",
        root_path=str(folder),
        instance_path=str(folder),
        subdomain_matching=config.pop("subdomain_matching", False),
    )
    app.config.update(SECRET_KEY="twin", PROPAGATE_EXCEPTIONS=False, **config)
    app.logger.disabled = True
    app.url_map.converters["words"] = Words
    _routes(app, lib)
    _state(app, lib)
    _failures(app, lib)
    _hooks(app, lib)
    app.register_blueprint(_blueprint(lib))
    return app


def _routes(app: Any, lib: Any) -> None:
    @app.route("/")
    def index() -> str:
        return f"{lib.request.url} {lib.url_for('index', _external=True)}"

    @app.get("/items/<int:number>")
    def item(number: int) -> dict[str, Any]:
        return {"number": number, "next": lib.url_for("item", number=number + 1)}

    @app.route("/folder/", methods=["GET", "POST"])
    def folder() -> str:
        return lib.request.method

    @app.route("/pages/", defaults={"page": 1})
    @app.route("/pages/<int:page>")
    def pages(page: int) -> str:
        return str(page)

    @app.get("/say/<words:words>")
    def say(words: list[str]) -> Any:
        return lib.jsonify(words=words, again=lib.url_for("say", words=words))

    @app.get("/path/<path:rest>")
    def path(rest: str) -> str:
        return lib.render_template_string("{{ rest }} {{ request.path }}", rest=rest)

    @app.route("/own-options", methods=["GET", "OPTIONS"])
    def own_options() -> str:
        return "mine"

    @app.put("/any")
    @app.delete("/any")
    def some() -> str:
        return str(lib.request.method)

    @app.get("/page")
    def page() -> str:
        return str(lib.render_template("page.html", name=lib.request.args.get("q")))

    @app.get("/file")
    def file() -> Any:
        return lib.send_file("static/file.txt", download_name="grüße.txt", etag="tag")

    @app.get("/types/<int:kind>")
    def types(kind: int) -> Any:
        made: list[Any] = [
            "text",
            b"bytes",
            bytearray(b"array"),
            [1, None],
            {"b": Decimal("1.5"), "a": UUID(int=7)},
            {"at": datetime(2024, 2, 29, 12, tzinfo=UTC)},
            ("created", 201),
            ("worded", "299 In Words"),
            ("headed", {"X-One": "1"}),
            ("both", 202, [("X-One", "1"), ("X-One", "2")]),
            ({"a": 1}, 203),
            lib.Response("made", mimetype="text/plain"),
            (lib.Response("changed", 418), 200, {"Content-Type": "a/b"}),
            iter(["a", "b"]),
            lambda environ, start: [start("207 Multi", [("X", "y")]), [b"wsgi"]][1],
            None,
            5,
            ("a", "b", "c", "d"),
            ("odd", "not a status"),
            lib.redirect("/elsewhere?ä=ö"),
            lib.make_response("x", 200, {"Cache-Control": "no-store"}),
            NotImplementedError,
        ]
        return made[kind % len(made)]


def _state(app: Any, lib: Any) -> None:
    @app.post("/echo")
    def echo() -> dict[str, Any]:
        request = lib.request
        return {
            "form": request.form.to_dict(flat=False),
            "files": {key: file.filename for key, file in request.files.items()},
            "args": request.args.to_dict(flat=False),
            "type": request.mimetype,
            "length": len(request.get_data()),
            "host": request.host,
            "root": request.script_root,
            "full": request.full_path,
            "secure": request.is_secure,
            "endpoint": request.endpoint,
        }

    @app.post("/json")
    def take_json() -> Any:
        return {"got": lib.request.get_json()}

    @app.post("/silent")
    def silent() -> Any:
        return {"got": lib.request.get_json(silent=True)}

    @app.get("/key")
    def key() -> Any:
        return lib.request.args["q"]

    @app.route("/login/<name>")
    def login(name: str) -> Any:
        lib.session["name"] = name
        lib.session.permanent = name.startswith("p")
        return lib.redirect(lib.url_for("who"))

    @app.get("/who")
    def who() -> str:
        return str(lib.session.get("name", "nobody"))

    @app.get("/logout")
    def logout() -> str:
        lib.session.clear()
        return "out"

    @app.get("/nested")
    def nested() -> str:
        lib.session.setdefault("deep", {})["x"] = (1, b"2", {" t": 3})
        lib.session.modified = True
        return "kept"

    @app.get("/flash/<text>")
    def put(text: str) -> str:
        lib.flash(text, "note")
        return "flashed"

    @app.get("/flashes")
    def take() -> Any:
        return {"all": lib.get_flashed_messages(with_categories=True)}

    @app.get("/cookie/<value>")
    def cookie(value: str) -> Any:
        answer = lib.make_response("set")
        answer.set_cookie("own", value, max_age=60, samesite="Lax")
        answer.delete_cookie("gone")
        answer.vary.add("Accept")
        return answer

    @app.get("/stream")
    def stream() -> Any:
        def body() -> Iterator[str]:
            yield lib.request.path
            yield str(lib.session.get("name"))

        return lib.stream_with_context(body())


def _failures(app: Any, lib: Any) -> None:
    @app.get("/abort/<int:code>")
    def stop(code: int) -> None:
        lib.abort(code, "because")

    @app.get("/abort-response")
    def stop_with_response() -> None:
        lib.abort(lib.Response("stopped", 409))

    @app.get("/fail/<kind>")
    def fail(kind: str) -> None:
        raise {"expected": Expected, "special": Special}.get(kind, KeyError)(kind)

    @app.get("/build/<endpoint>")
    def build_url(endpoint: str) -> str:
        return str(lib.url_for(endpoint, **lib.request.args))

    app.register_error_handler(Expected, lambda e: (f"expected {e}", 418))
    app.register_error_handler(410, lambda e: ("gone for good", 410))
    app.register_error_handler(
        500, lambda e: (f"sorry: {type(e.original_exception).__name__}", 500)
    )

    @app.errorhandler(HTTPException)
    def http(e: HTTPException) -> Any:
        if e.code == 404:
            return f"no page {lib.request.path}", 404
        return e


def _hooks(app: Any, lib: Any) -> None:
    @app.before_request
    def before() -> Any:
        lib.g.steps = ["before"]
        return "stopped" if "stop" in lib.request.args else None

    @app.after_request
    def after(response: Any) -> Any:
        response.headers["X-Steps"] = ",".join(lib.g.get("steps", []))
        return response

    @app.url_value_preprocessor
    def preprocess(endpoint: str | None, values: dict[str, Any] | None) -> None:
        if values is not None and "lang" in values:
            lib.g.lang = values.pop("lang")

    @app.url_defaults
    def defaults(endpoint: str, values: dict[str, Any]) -> None:
        if app.url_map.is_endpoint_expecting(endpoint, "lang"):
            values.setdefault("lang", lib.g.get("lang", "en"))

    app.context_processor(lambda: {"extra": "from the processor"})
    app.template_filter("twice")(lambda text: text * 2)


def _blueprint(lib: Any) -> Any:
    outer: Any = lib.Blueprint("outer", "twins.outer", url_prefix="/<lang>/part")
    inner: Any = lib.Blueprint("inner", "twins.inner", url_prefix="/inner")

    @outer.get("/")
    def index() -> str:
        return f"{lib.g.lang} {lib.request.blueprints} {lib.url_for('.index')}"

    @outer.get("/fail")
    def fail() -> None:
        raise Special("outer")

    outer.register_error_handler(Special, lambda e: ("the part's own", 417))

    @inner.get("/")
    def deep() -> str:
        steps = lib.g.steps
        return f"{lib.request.endpoint} {steps} {lib.url_for('.deep', _anchor='a b')}"

    @inner.get("/abort")
    def stop() -> None:
        lib.abort(404)

    inner.register_error_handler(404, lambda e: ("inner 404", 404))
    outer.before_request(lambda: lib.g.steps.append("outer"))
    inner.before_request(lambda: lib.g.steps.append("inner"))
    outer.register_blueprint(inner)
    return outer


@dataclass(frozen=True)
class Asked:
    """A request, as hypothesis makes it."""

    method: str = "GET"
    path: str = "/"
    query: str = ""
    root: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = ""
    scheme: str = "http"


@dataclass
class Browser:
    """Sends requests to one application, and keeps its cookies."""

    app: Any
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, asked: Asked) -> tuple[str, list[tuple[str, str]], bytes]:
        """Return status, headers in order of their names, and body."""
        answer: list[Any] = []

        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            answer[:] = [status, list(headers)]
            return len

        body = self.app(self._environ(asked), start)
        try:
            content = b"".join(body)
        finally:
            if hasattr(body, "close"):
                body.close()
        status, headers = answer
        for name, value in headers:
            if name == "Set-Cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        return status, sorted(map(_comparable, headers)), content

    def _environ(self, asked: Asked) -> dict[str, Any]:
        environ = {
            "REQUEST_METHOD": asked.method,
            "SCRIPT_NAME": asked.root,
            "PATH_INFO": asked.path.encode().decode("latin1"),
            "QUERY_STRING": asked.query,
            "SERVER_NAME": "example.com",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(asked.body)),
            "CONTENT_TYPE": asked.content_type,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": asked.scheme,
            "wsgi.input": io.BytesIO(asked.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in asked.headers.items():
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        if self.cookies:
            environ["HTTP_COOKIE"] = "; ".join(
                f"{key}={value}" for key, value in self.cookies.items()
            )
        return environ


def _comparable(header: tuple[str, str]) -> tuple[str, str]:
    """Leave out what the clock says."""
    name, value = header
    if name == "Set-Cookie":
        value = re.sub(r"Expires=[^;]*20[2-9][0-9][^;]*", "Expires=soon", value)
    if name == "Date":
        value = "now"
    return name, value
