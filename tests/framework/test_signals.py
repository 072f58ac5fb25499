"""Signals: what is sent, when, and with what."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import gateway
from gateway import (
    App,
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    before_render_template,
    flash,
    got_request_exception,
    message_flashed,
    render_template_string,
    request_finished,
    request_started,
    request_tearing_down,
    stream_template_string,
    template_rendered,
)
from gateway.framework.testing import Client

ALL = [
    *[appcontext_pushed, request_started, request_finished, request_tearing_down],
    *[appcontext_tearing_down, appcontext_popped, got_request_exception],
    *[before_render_template, template_rendered, message_flashed],
]


@pytest.fixture
def sent(app: App) -> Any:
    """What signals were sent for the application, in order."""
    record: list[tuple[str, dict[str, Any]]] = []
    receivers = []
    for signal in ALL:

        def receive(sender: Any, name: str = signal.name, **about: Any) -> None:
            assert sender is app
            about.pop("_async_wrapper", None)
            record.append((name, about))

        signal.connect(receive, app)
        receivers.append((signal, receive))
    yield record
    for signal, receiver in receivers:
        signal.disconnect(receiver, app)


def test_the_order_of_a_request(app: App, client: Client, sent: Any) -> None:
    app.add_url_rule("/", "index", lambda: "text")
    client.get("/")
    assert [name for name, _ in sent] == [
        *["appcontext-pushed", "request-started", "request-finished"],
        *["request-tearing-down", "appcontext-tearing-down", "appcontext-popped"],
    ]
    about = dict(sent)
    assert about["request-finished"]["response"].status_code == 200
    assert about["request-tearing-down"] == {"exc": None}
    assert about["appcontext-tearing-down"] == {"exc": None}


def test_an_exception(app: App, sent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    app.testing = False
    monkeypatch.setattr(app.logger, "disabled", True)
    error = ZeroDivisionError()

    @app.get("/")
    def index() -> str:
        raise error

    app.test_client().get("/")
    about = dict(sent)
    assert about["got-request-exception"] == {"exception": error}
    assert about["request-tearing-down"] == {"exc": error}
    assert about["appcontext-tearing-down"] == {"exc": error}


@pytest.mark.parametrize("stream", [False, True])
def test_templates(app: App, client: Client, sent: Any, stream: bool) -> None:
    render: Any = stream_template_string if stream else render_template_string
    app.add_url_rule("/", "index", lambda: render("{{ x }}", x=42))
    assert client.get("/").text == "42"
    about = dict(sent)
    for name in ("before-render-template", "template-rendered"):
        assert about[name]["context"]["x"] == 42
        assert about[name]["template"].name is None


def test_flashes(app: App, client: Client, sent: Any) -> None:
    @app.get("/")
    def index() -> str:
        flash("hello", "note")
        return ""

    client.get("/")
    assert dict(sent)["message-flashed"] == {"message": "hello", "category": "note"}


def test_a_receiver_may_be_a_coroutine_function(app: App, client: Client) -> None:
    seen: list[str] = []

    async def receive(sender: App, **about: Any) -> None:
        seen.append(sender.name)

    app.add_url_rule("/", "index", lambda: "")
    with request_started.connected_to(receive, app):
        client.get("/")
    client.get("/")
    assert seen == ["tests_framework"]


def test_without_blinker_everything_but_connecting_works() -> None:
    script = (
        "import sys; sys.modules['blinker'] = None\n"
        "from gateway import App, request_started\n"
        "from gateway.errors import MissingExtraError\n"
        "app = App('x', static_folder=None); app.add_url_rule('/', 'i', lambda: 'in')\n"
        "assert app.test_client().get('/').text == 'in'\n"
        "try: request_started.connect(print)\n"
        "except MissingExtraError as error: print(error)\n"
        "try: from gateway.signals import Namespace\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("[signals]") == 2


def test_an_extension_makes_signals_of_its_own() -> None:
    import blinker

    assert gateway.signals.Namespace is blinker.Namespace
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        gateway.signals.nothing  # noqa: B018
