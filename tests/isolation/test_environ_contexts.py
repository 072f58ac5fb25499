"""Which overlay is current: that of what was entered last."""

from __future__ import annotations

import asyncio
import gc
import os
import weakref
from collections.abc import Iterable, Iterator
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.context import AppContext, current_app_context
from gateway.isolation import environ
from gateway.isolation.environ import Overlay
from gateway.loaders.foreign import ForeignApplication
from gateway.mount import Mount
from gateway.types import StartResponse, WSGIEnvironment

NAME = "GATEWAY_TEST_NAME"


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = type(os.environ)
    monkeypatch.setenv(NAME, "process")
    environ.install()
    yield
    if before is os._Environ:
        environ.uninstall()


@dataclass
class Place:
    """What an application's ``mount`` attribute has to have."""

    environ: Overlay | None


def application(value: str | None) -> ForeignApplication:
    """Return the application of a mount that has *value*; of no mount for ``None``."""
    app = ForeignApplication(value or "alone", {})
    if value is not None:
        place: Any = Place(Overlay({NAME: value}))
        app.mount = place
    return app


def mounted(app: ForeignApplication, wsgi: Any) -> Mount:
    return Mount(
        app.name, "/x", None, kind="wsgi", source="", application=app, wsgi=wsgi
    )


def call(mount: Mount) -> list[bytes]:
    request = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/x", "PATH_INFO": "/"}
    body = mount.serve(request, lambda *_: lambda data: None)
    try:
        return list(body)
    finally:
        getattr(body, "close", lambda: None)()


def test_a_mount_has_its_own_in_call_body_close_and_teardown() -> None:
    seen = []
    app = application("notes")
    app.teardown_appcontext(lambda error: seen.append(os.environ[NAME]))

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield os.environ[NAME].encode()
            os.environ[NAME] = "written"
            yield os.environ[NAME].encode()

        def close(self) -> None:
            seen.append(os.environ[NAME])

    def wsgi(
        request: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        seen.append(os.environ[NAME])
        start_response("200 OK", [])
        return Body()

    assert call(mounted(app, wsgi)) == [b"notes", b"written"]
    assert seen == ["notes", "written", "written"]
    assert os.environ[NAME] == "process"


def test_what_one_request_writes_the_next_one_sees() -> None:
    def wsgi(request: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])
        os.environ[NAME] += "+"
        return [os.environ[NAME].encode()]

    notes, shop = mounted(application("n"), wsgi), mounted(application("s"), wsgi)
    assert [call(notes), call(shop), call(notes)] == [[b"n+"], [b"s+"], [b"n++"]]


def test_a_mount_that_calls_another_gets_its_own_back() -> None:
    def inner(request: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        return [os.environ[NAME].encode()]

    shop = mounted(application("shop"), inner)

    def outer(request: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        return [os.environ[NAME].encode(), *call(shop), os.environ[NAME].encode()]

    assert call(mounted(application("notes"), outer)) == [b"notes", b"shop", b"notes"]


def test_an_application_inside_of_a_mount_has_the_mounts() -> None:
    inner, deeper = AppContext(application(None)), AppContext(application(None))
    with AppContext(application("notes")):
        with inner:
            assert os.environ[NAME] == "notes"
            with deeper, inner, deeper:
                assert os.environ[NAME] == "notes"
            with AppContext(application("shop")):
                assert os.environ[NAME] == "shop"
                with deeper:
                    assert os.environ[NAME] == "shop"
        assert os.environ[NAME] == "notes"
    with inner:
        assert os.environ[NAME] == "process"


def test_a_mount_without_one_has_the_process() -> None:
    static = application(None)
    place: Any = Place(None)
    static.mount = place
    with AppContext(static):
        assert os.environ[NAME] == "process"


def test_while_a_mount_loads() -> None:
    """Its application is not mounted yet, and another one may be current."""

    def load() -> None:
        current_app_context.set(AppContext(application(None)))
        with Overlay({NAME: "notes"}).active():
            assert os.environ[NAME] == "notes"
            with AppContext(application(None)):
                assert os.environ[NAME] == "notes"
            with AppContext(application("shop")):
                assert os.environ[NAME] == "shop"
            assert os.environ[NAME] == "notes"
        assert os.environ[NAME] == "process"

    copy_context().run(load)
    with AppContext(application("admin")):
        assert os.environ[NAME] == "admin"
        with Overlay({NAME: "notes"}).active():
            assert os.environ[NAME] == "notes"
        assert os.environ[NAME] == "admin"


def test_asyncio_tasks_have_that_of_the_mount_they_are_made_in() -> None:
    async def later(delay: float) -> str:
        await asyncio.sleep(delay)
        os.environ[NAME] += "!"
        await asyncio.sleep(delay)
        return os.environ[NAME]

    async def main() -> list[str]:
        tasks = []
        for value in ("notes", "shop"):
            with AppContext(application(value)):
                tasks.append(asyncio.create_task(later(0.002)))
                tasks.append(
                    asyncio.create_task(asyncio.to_thread(os.environ.__getitem__, NAME))
                )
        tasks.append(
            asyncio.create_task(asyncio.to_thread(os.environ.__getitem__, NAME))
        )
        return await asyncio.gather(*tasks)

    assert asyncio.run(main()) == ["notes!", "notes", "shop!", "shop", "process"]
    assert os.environ[NAME] == "process"


def test_a_bare_context_knows_whose_it_is_and_no_request() -> None:
    with AppContext(application("notes")):
        context = environ.bare_context()
    assert context.run(os.getenv, NAME) == "notes"
    assert context.run(current_app_context.get, None) is None
    assert len(environ.bare_context()) == len(Context()) == 0


def test_a_bare_context_keeps_no_request_alive() -> None:
    request = AppContext(application("notes"))
    ended = weakref.ref(request)
    with request:
        context = environ.bare_context()
    del request
    gc.collect()
    assert ended() is None
    assert context.run(os.getenv, NAME) == "notes"


def test_whatever_else_is_called_mount_is_no_place() -> None:
    class App:
        def mount(self) -> None:
            """As Starlette and Bottle have it."""

    assert environ.overlay_of(App()) is None
    assert environ.overlay_of(object()) is None
    app: Any = application(None)
    app.mount = Place(environ={"wsgi.version": (1, 0)})  # type: ignore[arg-type]
    assert environ.overlay_of(app) is None
    assert environ.overlay_of(application("notes")) is not None
