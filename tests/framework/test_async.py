"""Coroutine functions wherever a function goes."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import (
    App,
    Blueprint,
    Response,
    g,
    request,
    session,
    stream_with_context,
    template_rendered,
)
from gateway.framework.testing import Client
from gateway.views import MethodView, View


class Wrong(Exception):
    pass


@pytest.fixture
def site(app: App) -> App:
    @app.route("/", methods=["GET", "POST"])
    async def index() -> str:
        await asyncio.sleep(0)
        return request.method

    @app.get("/fail")
    async def fail() -> None:
        raise Wrong

    @app.errorhandler(Wrong)
    async def handle(error: Wrong) -> Any:
        await asyncio.sleep(0)
        return "", 412

    class Seen(View):
        methods = ["GET", "POST"]  # noqa: RUF012

        async def dispatch_request(self, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            return request.method

    class Methods(MethodView):
        async def get(self) -> str:
            return "GET"

        async def post(self) -> str:
            return "POST"

    app.add_url_rule("/view", view_func=Seen.as_view("view"))
    app.add_url_rule("/methods", view_func=Methods.as_view("methods"))
    part = Blueprint("part", __name__, url_prefix="/part")
    part.add_url_rule("/", "index", index, methods=["GET", "POST"])
    part.add_url_rule("/fail", "fail", fail)

    @part.errorhandler(Wrong)
    async def handle_part(error: Wrong) -> Any:
        return "", 413

    app.register_blueprint(part)
    return app


@pytest.mark.parametrize("path", ["/", "/view", "/methods", "/part/"])
def test_views(site: App, path: str) -> None:
    client = site.test_client()
    assert client.get(path).text == "GET"
    assert client.post(path).text == "POST"


@pytest.mark.parametrize(("path", "status"), [("/fail", 412), ("/part/fail", 413)])
def test_error_handlers(site: App, path: str, status: int) -> None:
    assert site.test_client().get(path).status_code == status


def test_hooks(app: App, client: Client) -> None:
    order: list[str] = []

    @app.before_request
    async def before() -> None:
        order.append("before")

    @app.after_request
    async def after(response: Response) -> Response:
        order.append("after")
        return response

    @app.teardown_request
    async def down(exc: BaseException | None) -> None:
        order.append("teardown")

    @app.teardown_appcontext
    async def app_down(exc: BaseException | None) -> None:
        order.append("app teardown")

    @app.context_processor
    async def names() -> dict[str, str]:
        return {"name": "from a coroutine"}

    app.add_url_rule("/", "index", lambda: app.jinja_env and _render(app))
    assert client.get("/").text == "from a coroutine"
    assert order == ["before", "after", "teardown", "app teardown"]


def _render(app: App) -> str:
    from gateway import render_template_string

    return render_template_string("{{ name }}")


def test_a_stream_of_a_coroutine_view_keeps_its_context(
    app: App, client: Client
) -> None:
    @app.get("/")
    async def index() -> Response:
        session["x"] = "kept"
        g.y = "too"

        @stream_with_context
        def body() -> Iterator[str]:
            yield f"{session['x']} {g.y}"

        return Response(body())

    assert client.get("/").text == "kept too"


def test_context_variables_go_in_and_come_out(app: App) -> None:
    colour: contextvars.ContextVar[str] = contextvars.ContextVar("colour")
    colour.set("red")

    async def paint() -> str:
        before = colour.get()
        colour.set("blue")
        return before

    with app.app_context():
        assert app.ensure_sync(paint)() == "red"
    assert colour.get() == "blue"


def test_inside_a_running_loop_it_is_refused(app: App) -> None:
    async def view() -> str:
        return ""

    async def outer() -> None:
        app.ensure_sync(view)()

    with pytest.raises(RuntimeError, match="event loop is already running"):
        asyncio.run(outer())


def test_ensure_sync_can_be_replaced(site: App) -> None:
    def run(function: Any) -> Any:
        return lambda *args, **kwargs: "replaced"

    site.async_to_sync = run  # type: ignore[assignment,method-assign]
    assert site.test_client().get("/").text == "replaced"


def test_a_template_signal_may_be_awaited(app: App, client: Client) -> None:
    seen: list[str] = []

    async def receive(sender: App, **about: Any) -> None:
        seen.append(about["template"].name or "string")

    app.add_url_rule("/", "index", lambda: _render(app))
    with template_rendered.connected_to(receive, app):
        client.get("/")
    assert seen == ["string"]
