"""A whole gateway: loaded, composed, closed; several at once; again and again."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from composing import (
    PLAIN,
    composed,
    configured,
    failures,
    get,
    modules_forgotten,
    text,
    write,
)

from gateway.config.load import load_config
from gateway.config.spec import MountSpec
from gateway.context import current_app_context
from gateway.errors import (
    AppCrashedError,
    AppNotFoundError,
    ConfigError,
    LoadError,
    LoadErrors,
)
from gateway.globals import current_app, g
from gateway.lifecycle import Gateway

NOTED = """
from pathlib import Path

log = Path(__file__).parents[1] / "log"

def note(line):
    with log.open("a") as file:
        print(line, file=file)

def application(environ, start_response):
    import gateway
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [gateway.current_app.config["NAME"].encode()]

def close():
    import gateway
    gateway.g.seen = True
    note("close " + gateway.current_app.config["NAME"])

import gateway
@gateway.current_app.teardown_appcontext
def tear(error):
    note(f"torn {gateway.current_app.name} {error} {gateway.g.get('seen')}")
"""

ASGI = """
from contextlib import asynccontextmanager
from starlette.applications import Starlette
from common.note import note

@asynccontextmanager
async def lifespan(app):
    yield
    note("lifespan shutdown")

app = Starlette(lifespan=lifespan)
"""


def private_modules() -> list[str]:
    return [name for name in sys.modules if name.startswith("mounts.")]


def test_every_failing_mount_is_told_at_once_and_the_others_are_closed(
    tmp_path: Path,
) -> None:
    mounts = """
        good: {app: app:application, path: apps, shutdown: app:close, config: {NAME: a}}
        api: {asgi: web:app, path: apps}
        missing: {app: nowhere:application, path: apps}
        crash: {app: crash:application, path: apps}
        last: {app: app:application, path: apps, shutdown: app:close, config: {NAME: z}}
        nothing: {app: app:note, path: apps}
        """
    files = {
        "apps/app.py": NOTED,
        "apps/web.py": ASGI.replace("common.note", "app"),
        "apps/crash.py": "1 / 0",
    }
    threads = set(threading.enumerate())
    path = list(sys.path)
    errors = failures(tmp_path, mounts, files)
    assert [error.mount for error in errors] == ["missing", "crash", "nothing"]
    assert isinstance(errors[0], AppNotFoundError)
    assert isinstance(errors[1], AppCrashedError)
    assert (tmp_path / "log").read_text().splitlines() == [
        "close z",
        "torn last None True",
        "lifespan shutdown",
        "close a",
        "torn good None True",
    ]
    assert private_modules() == []
    assert set(threading.enumerate()) == threads
    assert sys.path == path


def test_the_errors_are_one_error_with_a_line_for_each(tmp_path: Path) -> None:
    config = configured(tmp_path, "a: {app: a:a}\nb: {app: b:b}", {})
    with pytest.raises(LoadErrors) as caught:
        Gateway.from_file(config)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("mount 'a': there is no module 'a' ")
    assert not isinstance(caught.value, LoadError)


def test_a_file_that_cannot_be_used_is_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        Gateway.from_file(tmp_path / "none.yaml")
    with pytest.raises(ConfigError):
        Gateway.from_file(str(configured(tmp_path, "a: {}", {})))


def test_closing_goes_backwards_logs_what_fails_and_happens_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mounts = """
        one: {app: app:application, shutdown: app:close, path: a, config: {NAME: one}}
        two: {app: app:application, shutdown: app:close, path: b, config: {NAME: two}}
        three: {app: app:application, shutdown: app:close, path: a, config: {NAME: 3rd}}
        """
    files = {"a/app.py": NOTED, "b/app.py": NOTED + "    raise ValueError('teardown')"}
    with composed(tmp_path, mounts, files) as gateway:
        assert list(gateway.mounts) == ["one", "two", "three"]
        assert [text(gateway, f"/{name}/") for name in gateway.mounts] == [
            "one",
            "two",
            "3rd",
        ]
        (tmp_path / "log").unlink()
        gateway.close()
        gateway.close()
    assert (tmp_path / "log").read_text().splitlines() == [
        "close 3rd",
        "torn three None True",
        "close two",
        "torn two None True",
        "close one",
        "torn one None True",
    ]
    closing = [r for r in caplog.records if r.name == "gateway.lifecycle"]
    assert [record.getMessage() for record in closing] == ["mount two: closing failed"]
    assert closing[0].exc_info is not None
    assert closing[0].levelno == logging.ERROR
    assert private_modules() == []


def test_the_gateway_is_closed_when_its_block_fails(tmp_path: Path) -> None:
    mount = "a: {app: app:application, shutdown: app:close, path: a, config: {NAME: a}}"
    with (
        pytest.raises(ZeroDivisionError),
        composed(tmp_path, mount, {"a/app.py": NOTED}),
    ):
        1 / 0  # noqa: B018
    assert (tmp_path / "log").read_text().startswith("close a\n")


def test_an_interrupt_while_loading_closes_what_is_loaded(tmp_path: Path) -> None:
    mounts = """
        a: {app: app:application, shutdown: app:close, path: a, config: {NAME: a}}
        b: {app: app:application, path: b}
        """
    files = {"a/app.py": NOTED, "b/app.py": "raise KeyboardInterrupt"}
    with pytest.raises(KeyboardInterrupt), composed(tmp_path, mounts, files):
        pass
    assert (tmp_path / "log").read_text().startswith("close a\n")
    assert private_modules() == []


def test_the_same_application_object_cannot_be_mounted_twice(tmp_path: Path) -> None:
    mounts = """
        a: {app: gateway_test_app:application, path: ., imports: shared}
        b: {app: gateway_test_app:application, path: ., imports: shared}
        c: {app: gateway_test_app:create, path: ., imports: shared}
        d: {app: gateway_test_app:create, path: ., imports: shared}
        e: {static: .}
        f: {static: .}
        g: {redirect: /a}
        h: {redirect: /a}
        """
    code = f"{PLAIN}\ndef create():\n    return lambda environ, start_response: []\n"
    with modules_forgotten():
        (error,) = failures(tmp_path, mounts, {"gateway_test_app.py": code})
    assert error.mount == "b"
    assert error.message == (
        "it is the same application object as mount 'a', so they would share one "
        "context: name a factory in both, so that each gets its own"
    )


def test_mounts_and_routes_are_as_the_file_says(tmp_path: Path) -> None:
    write(tmp_path, {"public/a.txt": "a"})
    mounts = """
        root: {app: app:application, prefix: /, config: {NAME: root}}
        deep: {app: app:application, prefix: /a/ü, config: {NAME: deep}}
        host: {app: app:application, host: a.example.com, config: {NAME: host}}
        any: {app: app:application, host: '*.example.com', config: {NAME: any}}
        files: {static: public}
        """
    with composed(tmp_path, mounts, {"app.py": NOTED}) as gateway:
        assert [mount.kind for mount in gateway.mounts.values()] == [
            *["wsgi"] * 4,
            "static",
        ]
        for mount in gateway.mounts.values():
            assert 0 < mount.load_seconds < 60
        for path, host, name in (
            ("/", "localhost", "root"),
            ("/ab", "localhost", "root"),
            ("/a/%C3%BC/x", "localhost", "deep"),
            ("/a/%C3%BC/x", "a.example.com:80", "host"),
            ("/", "b.example.com", "any"),
        ):
            response = get(gateway, path, headers={"Host": host})
            assert response.text == name
        assert get(gateway, "/files").headers["Location"] == "/files/"
        assert gateway.site.mounts["deep"].prefix == "/a/ü"
        with pytest.raises(TypeError):
            gateway.mounts["new"] = gateway.mounts["root"]  # type: ignore[index]


def wrapper(label: str, order: list[str]) -> Callable[[MountSpec, Any], Any]:
    def wrap(spec: MountSpec, application: Any) -> Any:
        order.append(f"{label} made for {spec.name}")

        def wrapped(environ: Any, start_response: Any) -> Any:
            context = current_app_context.get(None)
            order.append(f"{label} {context and context.app.name}")
            return application(environ, start_response)

        return wrapped

    return wrap


def test_what_is_wrapped_inside_and_outside_of_each_mount(tmp_path: Path) -> None:
    mounts = "a: {app: app:application}\nb: {redirect: /a}"
    spec = load_config(configured(tmp_path, mounts, {"app.py": PLAIN}))
    order: list[str] = []
    with Gateway(
        spec, inside=wrapper("inside", order), outside=wrapper("outside", order)
    ) as gateway:
        assert order == [
            "inside made for a",
            "inside made for b",
            "outside made for a",
            "outside made for b",
        ]
        order.clear()
        assert text(gateway, "/a/") == "plain"
        assert get(gateway, "/b").status_code == 307
        assert get(gateway, "/c").status_code == 404
        assert order == ["outside None", "inside a", "outside None", "inside b"]


@pytest.mark.parametrize("where", ["inside", "outside"])
def test_a_wrapper_that_fails_leaves_nothing_open(tmp_path: Path, where: str) -> None:
    mounts = """
        a: {app: app:application, shutdown: app:close, path: a, config: {NAME: a}}
        b: {app: app:application, shutdown: app:close, path: a, config: {NAME: b}}
        """
    spec = load_config(configured(tmp_path, mounts, {"a/app.py": NOTED}))

    def wrap(spec: MountSpec, application: Any) -> Any:
        if spec.name == "b":
            raise ZeroDivisionError
        return application

    with pytest.raises(ZeroDivisionError):
        Gateway(spec, **{where: wrap})
    closed = (tmp_path / "log").read_text().splitlines()[::2]
    assert closed == ["close b", "close a"]
    assert private_modules() == []


def test_a_mount_without_anything_to_close_may_fail_to_be_wrapped(
    tmp_path: Path,
) -> None:
    spec = load_config(configured(tmp_path, "a: {redirect: /b}", {}))
    with pytest.raises(TypeError):
        Gateway(spec, inside=lambda spec: None)  # type: ignore[arg-type, misc]


def test_two_gateways_at_once_do_not_know_of_each_other(tmp_path: Path) -> None:
    mount = "a: {app: app:application, config: {NAME: %s}}"
    app = NOTED.replace('["NAME"].encode()', '["NAME"].encode() + models.NAME.encode()')
    app = "import models\n" + app.replace("parents[1]", "parents[0]")
    files = {"app.py": app, "models.py": "NAME = ' 1'"}
    with composed(tmp_path / "1", mount % "one", files) as one:
        files["models.py"] = "NAME = ' 2'"
        with composed(tmp_path / "2", mount % "two", files) as two:
            assert text(one, "/a/") == "one 1"
            assert text(two, "/a/") == "two 2"
            assert one.mounts["a"].application is not two.mounts["a"].application
            assert one.site is not two.site
        assert text(one, "/a/") == "one 1"
    # The first one closed first.
    one = Gateway.from_file(tmp_path / "1" / "gateway.yaml")
    with Gateway.from_file(tmp_path / "2" / "gateway.yaml") as two:
        one.close()
        assert text(two, "/a/") == "two 2"
    assert private_modules() == []


def test_a_mounts_context_serves_scripts(tmp_path: Path) -> None:
    mount = "a: {app: app:application, path: a, config: {NAME: script}}"
    with composed(tmp_path, mount, {"a/app.py": NOTED}) as gateway:
        with gateway.mounts["a"].app_context():
            g.seen = "script"
            assert current_app.config["NAME"] == "script"
        assert (tmp_path / "log").read_text() == "torn a None script\n"


FLASK = """
import models
from flask import Flask

def create_app():
    app = Flask(__name__)
    app.get("/")(lambda: models.NAME)
    return app
"""


def test_loading_again_and_again_leaves_nothing_behind(tmp_path: Path) -> None:
    mounts = """
        a: {app: app:create_app}
        b: {asgi: web:app}
        c: {app: app:create_app, config: {X: 1}}
        """
    web = "from starlette.applications import Starlette\napp = Starlette()\n"
    files = {"app.py": FLASK, "models.py": "NAME = 'a'", "web.py": web}
    config = configured(tmp_path, mounts, files)

    def load_and_close() -> None:
        with Gateway.from_file(config) as gateway:
            assert text(gateway, "/a/") == "a"

    def alive() -> Counter[str]:
        """Count what is ours or an application's; a coverage tool keeps its own."""
        gc.collect()
        homes = ("gateway.", "mounts.", "flask.", "starlette.", "werkzeug.")
        types = [type(each) for each in gc.get_objects()]
        return Counter(
            each.__qualname__
            for each in types
            if str(each.__module__).startswith(homes)
        )

    load_and_close()
    modules, finders = set(sys.modules), list(sys.meta_path)
    before = alive()
    for _ in range(50):
        load_and_close()
    assert set(sys.modules) == modules
    assert sys.meta_path == finders
    grown = alive() - before
    assert not {name: count for name, count in grown.items() if count >= 50}


CLOSING = """
import threading, time
from pathlib import Path
def application(environ, start_response): ...
def slow():
    time.sleep({seconds})
def close():
    Path(__file__).with_name("closed").write_text(threading.current_thread().name)
"""


def test_closing_within_a_time_leaves_behind_what_hangs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mounts = """
        first: {app: app:application, shutdown: app:close, path: a}
        stuck: {app: app:application, shutdown: app:slow, path: b}
        """
    text = CLOSING.format(seconds=2)
    config = configured(tmp_path, mounts, {"a/app.py": text, "b/app.py": text})
    gateway = Gateway.from_file(config)
    started = time.perf_counter()
    assert gateway.close(timeout=0.4) == ("stuck",)
    assert 0.3 < time.perf_counter() - started < 1.8
    assert (tmp_path / "a" / "closed").read_text() == "gateway-close-first"
    assert "mount stuck: still closing after 0.4s: cut off" in caplog.messages
    assert gateway.close(timeout=0) == ()


def test_closing_without_a_time_waits_in_the_calling_thread(tmp_path: Path) -> None:
    mounts = "first: {app: app:application, shutdown: app:close}"
    text = CLOSING.format(seconds=0)
    gateway = Gateway.from_file(configured(tmp_path, mounts, {"app.py": text}))
    assert gateway.close() == ()
    name = threading.current_thread().name
    assert (tmp_path / "closed").read_text() == name


@pytest.mark.parametrize("more", ["", "\n1 / 0"])
def test_an_application_that_configures_logging_silences_nobody(
    more: str, tmp_path: Path
) -> None:
    code = (
        "import logging.config\n"
        "logging.config.dictConfig({'version': 1, 'incremental': False})\n"
        "def application(environ, start_response): ...\n"
    )
    names = ("gateway", "gateway.access", "waitress.queue", "gateway_test_other")
    loggers = [logging.getLogger(name) for name in names]
    config = configured(tmp_path, "a: {app: app:application}", {"app.py": code + more})
    with pytest.raises(LoadErrors) if more else nullcontext():
        Gateway.from_file(config).close()
    assert [logger.name for logger in loggers if logger.disabled] == []


def test_what_is_entered_around_each_loading(tmp_path: Path) -> None:
    seen: list[str] = []

    @contextmanager
    def loading(name: str) -> Iterator[None]:
        seen.append(f"{name} begins")
        try:
            yield
        finally:
            seen.append(f"{name} ends")

    files = {"a.py": PLAIN, "b.py": "1 / 0"}
    config = configured(tmp_path, "a: {app: a:application}\nb: {app: b:b}", files)
    with pytest.raises(LoadErrors) as caught:
        Gateway(load_config(config), loading=loading)
    assert seen == ["a begins", "a ends", "b begins", "b ends"]
    assert caught.value.loaded == {"a": "wsgi"}


def test_sources_are_shown_relative_to_the_file(tmp_path: Path) -> None:
    mounts = "a: {static: a}\nb: {app: app:application, path: c/b}"
    files = {"a/index.html": "", "c/b/app.py": PLAIN}
    with composed(tmp_path, mounts, files) as gateway:
        sources = {name: mount.source for name, mount in gateway.mounts.items()}
    assert sources == {"a": "a", "b": "c/b app:application"}
