"""Every record of a mount's code says which mount and which request it is of."""

from __future__ import annotations

import logging
import logging.handlers
import os
import pickle
import queue
from collections.abc import Iterator
from typing import Any

import pytest
from logs_site import LoadMount, Records, process_root
from werkzeug.test import Client

from gateway.context import AppContext
from gateway.framework.app import App
from gateway.isolation import environ, logs
from gateway.isolation.environ import Overlay
from gateway.isolation.logs import REQUEST_ID, logging_kept_apart
from gateway.mount import Mount
from gateway.site import Mounted, MountPoint, Site

pytestmark = pytest.mark.usefixtures("logs_installed")


@pytest.fixture
def process() -> Iterator[Records]:
    with process_root() as handler:
        yield handler


# What a record says


def test_outside_of_mounts_a_record_says_so(process: Records) -> None:
    logging.getLogger("anything").warning("x")
    assert process.marks == [("-", "-")]


def test_a_record_says_which_mount_is_being_loaded(
    load: LoadMount, process: Records
) -> None:
    load("notes", "say()")
    assert process.marks == [("notes", "-")]


def test_a_record_says_which_mount_serves_which_request(
    load: LoadMount, process: Records
) -> None:
    notes, shop = load("notes"), load("shop")
    notes.call("say", "r1")
    shop.call("say", "r2")
    notes.call("say")
    assert process.marks == [("notes", "r1"), ("shop", "r2"), ("notes", "-")]


def test_the_steps_of_a_body_and_its_close_are_the_requests(
    load: LoadMount, process: Records
) -> None:
    notes = load(
        "notes",
        """
        def steps():
            try:
                for number in range(2):
                    say(number)
                    yield b"."
            finally:
                say("end")
        """,
    )
    assert notes.call("steps", "r1") == ".."
    assert process.lines == ["0", "1", "end"]
    assert set(process.marks) == {("notes", "r1")}


def test_a_call_of_another_mount_is_that_mounts(
    load: LoadMount, process: Records
) -> None:
    shop = load("shop")
    notes = load("notes", "def through():\n    say()\n    other()\n    say()\n")
    notes.module.other = lambda: shop.call("say", "r1")
    notes.call("through", "r1")
    assert process.marks == [("notes", "r1"), ("shop", "r1"), ("notes", "r1")]


def test_a_mount_that_is_loaded_by_a_request_is_not_taken_for_its_mount(
    load: LoadMount, process: Records
) -> None:
    admin = load("admin", "def reload():\n    say()\n    build()\n    say()\n")
    admin.module.build = lambda: load("notes", "say()")
    admin.call("reload", "r1")
    assert [mount for mount, _ in process.marks] == ["admin", "notes", "admin"]


def test_a_native_application_is_known_to_the_end_of_its_body(
    process: Records,
) -> None:
    app = App("native")
    app.mount = Mounted(MountPoint("notes", "", None, "native"), Site())

    @app.route("/")
    def index() -> Any:
        logging.getLogger("x").warning("view")

        def late() -> Iterator[str]:
            logging.getLogger("x").warning("body")
            yield "done"

        return late()

    @app.teardown_appcontext
    def end(error: object) -> None:
        logging.getLogger("x").warning("end")

    served = Mount(
        *("notes", "", None),
        kind="native",
        source="",
        application=app,
        wsgi=app,
        native=True,
    )
    extra = {REQUEST_ID: "r1"}
    response = Client(served.serve).get("/", environ_overrides=extra, buffered=True)
    assert response.text == "done"
    assert process.lines == ["view", "body", "end"]
    assert process.marks == [("notes", "r1")] * 3


def test_a_context_that_is_pushed_in_a_script_is_its_mounts(
    load: LoadMount, process: Records
) -> None:
    with load("notes").mount.app_context():
        logging.getLogger("x").warning("x")
    assert process.marks == [("notes", "-")]


def test_an_application_that_no_gateway_has_mounted_is_outside(
    process: Records,
) -> None:
    with AppContext(App("alone")):
        logging.getLogger("x").warning("x")
    assert process.marks == [("-", "-")]


def test_a_thread_that_a_mount_starts_is_the_mounts(
    load: LoadMount, process: Records
) -> None:
    before = type(os.environ)
    environ.install()
    try:
        variables = Overlay(name="notes")
        with variables.active():
            notes = load(
                "notes",
                """
                import threading

                logging.getLogger("own").addHandler(mine)

                def start():
                    thread = threading.Thread(target=say, args=("thread", "own"))
                    thread.start()
                    thread.join()
                """,
                variables=variables,
            )
            notes.module.start()
            assert notes.lines == ["thread"]
        notes.module.start()
        assert notes.lines == []
    finally:
        if before is not environ.MountEnviron:
            environ.uninstall()
    assert process.marks == [("notes", "-"), ("-", "-")]


# How it gets there


def test_an_application_may_log_a_request_id_or_mount_of_its_own(
    load: LoadMount, process: Records
) -> None:
    notes = load(
        "notes",
        """
        def own():
            extra = {"request_id": "own", "mount": "/dev/sda1"}
            logging.getLogger("x").warning("x", extra=extra)
        """,
    )
    notes.call("own", "r1")
    assert process.marks == [("/dev/sda1", "own")]


def test_formats_and_filters_find_it(load: LoadMount, process: Records) -> None:
    lines: list[str] = []
    process.setFormatter(logging.Formatter("%(mount)s/%(request_id)s %(message)s"))
    process.addFilter(lambda record: record.mount == "notes")  # type: ignore[attr-defined]
    process.emit = lambda record: lines.append(process.format(record))  # type: ignore[method-assign]
    load("shop").call("say", "r1")
    load("notes").call("say", "r2")
    assert lines == ["notes/r2 said"]


def test_a_record_keeps_what_it_has_got_elsewhere(
    load: LoadMount, process: Records
) -> None:
    waiting: queue.Queue[Any] = queue.Queue()
    process.emit = logging.handlers.QueueHandler(waiting).emit  # type: ignore[method-assign]
    load("notes").call("say", "r1")
    record = pickle.loads(pickle.dumps(waiting.get_nowait()))
    assert (record.mount, record.request_id) == ("notes", "r1")
    load("shop").module.logging.getLogger("remote").handle(record)
    record = waiting.get_nowait()
    assert (record.mount, record.request_id) == ("notes", "r1")


def test_installing_twice_is_installing_once_and_can_be_undone(
    process: Records,
) -> None:
    logs.uninstall()
    names = ("handle", "isEnabledFor")
    before = dict(vars(logging.Logger))
    functions = {n: f for n, f in vars(logging).items() if callable(f)}
    logs.install()
    once = {name: vars(logging.Logger)[name] for name in names}
    logs.install()
    assert {name: vars(logging.Logger)[name] for name in names} == once
    logging.getLogger("x").warning("x")
    logs.uninstall()
    logs.uninstall()
    assert dict(vars(logging.Logger)) == before
    assert {n: f for n, f in vars(logging).items() if callable(f)} == functions
    logging.getLogger("x").warning("x")
    first, second = process.records
    assert hasattr(first, "mount")
    assert not hasattr(second, "mount")


def test_what_a_mount_has_set_is_gone_when_logs_are_uninstalled(
    process: Records,
) -> None:
    with logging_kept_apart(Overlay(name="notes")) as overlay:
        logging.getLogger().setLevel(logging.DEBUG)
        logs.uninstall()
        assert logging.getLogger().level == logging.WARNING
        logs.install()
        assert logging.getLogger().level == logging.DEBUG
    overlay.close()


@pytest.mark.parametrize("setting", ["level", "handlers", "disabled", "filters"])
def test_a_logger_without_a_setting_says_so(setting: str) -> None:
    unmade = logging.Logger.__new__(logging.Logger)
    unmade.name = "unmade"
    with pytest.raises(AttributeError, match=setting):
        getattr(unmade, setting)
    assert getattr(logging.Logger, setting) is vars(logging.Logger)[setting]
