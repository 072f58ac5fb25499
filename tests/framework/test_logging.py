"""The application's logger."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from gateway import App
from gateway.logging import default_handler, has_level_handler, wsgi_errors_stream

PARENT = "tests_framework_logging"
NAME = f"{PARENT}.app"


@pytest.fixture(autouse=True)
def _clean_up() -> Iterator[None]:
    yield
    for logger in map(logging.getLogger, (PARENT, NAME)):
        logger.handlers[:] = []
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def apart() -> None:
    """Have loggers that nobody has set up.

    Called by each test, because pytest adds its handlers right before, also to loggers
    that do not propagate.
    """
    logging.getLogger(PARENT).propagate = False


@pytest.fixture
def app() -> App:
    return App(NAME, static_folder=None)


def test_a_logger_without_handlers_gets_one(app: App) -> None:
    apart()
    assert (app.logger.name, app.logger.level) == (NAME, logging.NOTSET)
    assert app.logger.handlers == [default_handler]
    assert app.logger is logging.getLogger(NAME)


def test_debugging_sets_the_level(app: App) -> None:
    apart()
    app.debug = True
    assert app.logger.level == logging.DEBUG
    assert app.logger.handlers == [default_handler]


def test_what_is_set_up_already_is_left_alone(app: App) -> None:
    apart()
    logging.getLogger(PARENT).addHandler(logging.StreamHandler())
    logging.getLogger(NAME).setLevel(logging.ERROR)
    app.debug = True
    assert app.logger.handlers == []
    assert app.logger.level == logging.ERROR


def test_records_go_to_the_server_of_the_request(app: App) -> None:
    apart()
    stream = io.StringIO()

    @app.get("/")
    def index() -> str:
        app.logger.error("oh no")
        return ""

    app.test_client().get("/", errors_stream=stream)
    assert "ERROR in test_logging: oh no" in stream.getvalue()
    assert wsgi_errors_stream._get_current_object() is sys.stderr  # type: ignore[attr-defined]
    with app.test_request_context(errors_stream=stream):
        assert wsgi_errors_stream._get_current_object() is stream  # type: ignore[attr-defined]


def test_an_unhandled_error_is_logged(app: App) -> None:
    apart()
    stream = io.StringIO()

    @app.get("/")
    def index() -> str:
        raise ZeroDivisionError("by zero")

    answer = app.test_client().get("/", errors_stream=stream)
    assert (answer.status_code, b"Internal Server Error" in answer.data) == (500, True)
    assert "Exception on / [GET]" in stream.getvalue()
    assert "ZeroDivisionError: by zero" in stream.getvalue()


def test_an_error_in_a_hook_after_an_error_is_logged(app: App) -> None:
    apart()
    stream = io.StringIO()

    @app.after_request
    def broken(response: object) -> object:
        raise ZeroDivisionError("in the hook")

    app.add_url_rule("/", "index", lambda: [][0])
    assert app.test_client().get("/", errors_stream=stream).status_code == 500
    assert "Request finalizing failed with an error" in stream.getvalue()


def test_log_exception_can_be_replaced() -> None:
    apart()

    class Quiet(App):
        def log_exception(self, exc_info: object) -> None:
            seen.append(exc_info)

    seen: list[object] = []
    stream = io.StringIO()
    app = Quiet(NAME, static_folder=None)
    app.add_url_rule("/", "index", lambda: [][0])
    app.test_client().get("/", errors_stream=stream)
    assert (stream.getvalue(), len(seen)) == ("", 1)


def test_has_level_handler() -> None:
    apart()
    logger = logging.getLogger(NAME)
    assert not has_level_handler(logger)
    handler = logging.StreamHandler()
    logging.getLogger(PARENT).addHandler(handler)
    assert has_level_handler(logger)
    logger.propagate = False
    assert not has_level_handler(logger)
    logger.propagate = True
    handler.setLevel(logging.ERROR)
    assert not has_level_handler(logger)
