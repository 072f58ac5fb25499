"""``Gateway.reload``: one mount is replaced while all of them serve."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from composing import (
    PLAIN,
    composed,
    configured,
    get,
    modules_forgotten,
    text,
    write,
)
from werkzeug.test import Client

from gateway.config.load import load_config
from gateway.errors import AppCrashedError, ConfigError, GatewayError, LoadErrors
from gateway.isolation.modules import Namespace
from gateway.lifecycle import Gateway, ReloadRunningError

APP = """
import models
from gateway import current_app

closed = []

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{models.NAME} {current_app.config.get('GREETING')}".encode()]

def stream(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield models.NAME.encode()
    import late
    yield late.NAME.encode()

def close():
    with open(current_app.config["LOG"], "a") as log:
        log.write(models.NAME + " closed\\n")
"""
FILES = {
    "a/app.py": APP,
    "a/models.py": "NAME = 'a1'",
    "a/late.py": "NAME = ' late1'",
    "b/app.py": APP,
    "b/models.py": "NAME = 'b1'",
}
MOUNTS = """
a: {app: app:application, path: a, shutdown: app:close, config: {LOG: "%s"}}
b: {app: app:application, path: b}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def gateway(tmp_path: Path, log: Path) -> Iterator[Gateway]:
    with composed(tmp_path, MOUNTS % log, FILES) as made:
        yield made


def eventually(condition: Any) -> None:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def in_thread(function: Any) -> BaseException | None:
    """Call *function* as a server does; return what it raises."""
    raised: list[BaseException] = []

    def call() -> None:
        try:
            function()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return raised[0] if raised else None


def test_only_the_mount_whose_sources_changed_is_replaced(
    gateway: Gateway, tmp_path: Path, log: Path
) -> None:
    before = dict(gateway.mounts)
    write(tmp_path, {"a/models.py": "NAME = 'a2'"})
    report = gateway.reload()
    assert (report.replaced, report.kept) == (("a",), ("b",))
    assert (report.added, report.removed, report.restart) == ((), (), ())
    assert report.seconds < 5
    assert text(gateway, "/a/").startswith("a2 ")
    assert text(gateway, "/b/") == "b1 None"
    assert gateway.mounts["a"] is not before["a"]
    assert gateway.mounts["b"] is before["b"]
    eventually(log.exists)
    assert log.read_text() == "a1 closed\n"


def test_nothing_changed_means_nothing_is_done(gateway: Gateway) -> None:
    before = dict(gateway.mounts)
    assert gateway.reload().kept == ("a", "b")
    assert dict(gateway.mounts) == before


def test_what_the_file_says_is_a_change_but_where_it_says_it_is_not(
    gateway: Gateway, tmp_path: Path, log: Path
) -> None:
    configured(tmp_path, "\n\n" + MOUNTS % log, {})
    assert gateway.reload().kept == ("a", "b")
    mounts = MOUNTS % log + "c: {redirect: /b}\n"
    changed = mounts.replace("path: b", "path: b, config: {GREETING: hi}")
    configured(tmp_path, changed, {})
    report = gateway.reload()
    assert (report.added, report.replaced, report.kept) == (("c",), ("b",), ("a",))
    assert text(gateway, "/b/") == "b1 hi"
    assert get(gateway, "/c").status_code == 307
    assert list(gateway.site.mounts) == ["a", "b", "c"]
    configured(tmp_path, "b: {app: app:application, path: b}", {})
    report = gateway.reload()
    assert report.removed == ("a", "c")
    assert get(gateway, "/a/").status_code == 404


@pytest.mark.parametrize(
    ("file", "content"),
    [("a/models.py", "NAME ="), ("a/models.py", "1 / 0"), ("a/app.py", "")],
)
def test_a_mount_that_does_not_load_leaves_the_old_one_serving(
    gateway: Gateway, tmp_path: Path, log: Path, file: str, content: str
) -> None:
    modules = set(sys.modules)
    write(tmp_path, {file: content, "b/models.py": "NAME = 'b2'"})
    with pytest.raises(LoadErrors) as caught:
        gateway.reload()
    assert [error.mount for error in caught.value.errors] == ["a"]
    assert text(gateway, "/a/").startswith("a1 ")
    assert text(gateway, "/b/") == "b1 None"
    assert not log.exists()
    assert {name for name in set(sys.modules) - modules if "@" in name} == set()
    write(tmp_path, FILES)
    assert gateway.reload().kept == ("a", "b")


LOGS = """
import logging
import models
logging.getLogger().addHandler(logging.FileHandler(models.NAME, delay=True))

def application(environ, start_response):
    logging.getLogger("app").warning("served")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [models.NAME.encode()]
"""


def test_a_mount_that_is_loaded_anew_logs_as_before_until_all_are(
    tmp_path: Path,
) -> None:
    names = [str(tmp_path / name) for name in ("log1", "log2")]
    files = {**FILES, "a/app.py": LOGS, "a/models.py": f"NAME = {names[0]!r}"}
    mounts = "a: {app: app:application, path: a}\nb: {app: app:application, path: b}"
    served: list[str] = []
    reloading: list[Gateway] = []

    @contextmanager
    def loading(name: str) -> Iterator[None]:
        # The new one of the first mount is loaded by now.
        served.extend(text(each, "/a/") for each in reloading if name == "b")
        yield

    config = configured(tmp_path, mounts, files)
    with Gateway(load_config(config), loading=loading) as gateway:
        reloading.append(gateway)
        broken = {"a/models.py": f"NAME = {names[1]!r}", "b/models.py": "1 / 0"}
        write(tmp_path, broken)
        with pytest.raises(LoadErrors):
            gateway.reload()
        assert (served, text(gateway, "/a/")) == (names[:1], names[0])
        assert Path(names[0]).read_text() == "served\n" * 2
        assert not Path(names[1]).exists()


def test_a_broken_file_leaves_the_old_one_serving(
    gateway: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "gateway.yaml").write_text("mounts: {a: {ap: x}}")
    with pytest.raises(ConfigError):
        gateway.reload()
    assert text(gateway, "/b/") == "b1 None"


def test_an_open_stream_ends_on_the_old_code(tmp_path: Path, log: Path) -> None:
    mounts = (MOUNTS % log).replace("app:application, path: a", "app:stream, path: a")
    with composed(tmp_path, mounts, FILES) as gateway:
        answer: list[Any] = []
        environ = {"PATH_INFO": "/a/", "REQUEST_METHOD": "GET", "HTTP_HOST": "x"}
        body: Any = gateway(environ, lambda *args: answer.append(args))  # type: ignore[arg-type, return-value]
        assert next(body) == b"a1"
        new = {"a/models.py": "NAME = 'a2'", "a/late.py": "NAME = ' late2'"}
        write(tmp_path, new)
        assert gateway.reload().replaced == ("a",)
        assert text(gateway, "/a/") == "a2 late2"
        time.sleep(0.3)
        assert not log.exists(), "the old mount was closed under its stream"
        assert b"".join(body) == b" late2"
        body.close()
        eventually(log.exists)


def test_a_mount_that_comes_back_leaves_the_old_code_its_modules(
    tmp_path: Path, log: Path
) -> None:
    mounts = """
        a: {app: app:stream, path: a}
        b: {app: app:application, path: b}
        """
    with composed(tmp_path, mounts, FILES) as gateway:
        stream = Client(gateway).get("/a/")
        parts = iter(stream.response)
        assert next(parts) == b"a1"
        configured(tmp_path, "b: {app: app:application, path: b}", {})
        assert gateway.reload().removed == ("a",)
        configured(tmp_path, mounts, {"a/models.py": "NAME = 'a2'"})
        assert gateway.reload().added == ("a",)
        assert text(gateway, "/a/") == "a2 late1"
        assert list(parts) == [b" late1"]
        stream.close()


def test_a_failing_probe_keeps_the_old_mount(tmp_path: Path) -> None:
    app = """
        import state
        def application(environ, start_response):
            healthy = state.HEALTHY or environ["PATH_INFO"] != "/healthz"
            status = "200 OK" if healthy else "503 Service Unavailable"
            start_response(status, [("Content-Type", "text/plain")])
            return [environ["SCRIPT_NAME"].encode()]
        """
    mounts = "a: {app: app:application, path: a, probe: /healthz}"
    files = {"a/app.py": app, "a/state.py": "HEALTHY = True"}
    with composed(tmp_path, mounts, files) as gateway:
        old = gateway.mounts["a"]
        write(tmp_path, {"a/state.py": "HEALTHY = False"})
        with pytest.raises(LoadErrors, match="probe: /healthz answered 503"):
            gateway.reload()
        assert gateway.mounts["a"] is old
        assert text(gateway, "/a/") == "/a"
    with pytest.raises(LoadErrors, match="probe: /healthz answered 503"):
        Gateway.from_file(tmp_path / "gateway.yaml")


def test_a_probe_that_answers_with_no_status_is_told(tmp_path: Path) -> None:
    app = """
        def application(environ, start_response):
            start_response("OK", [("Content-Type", "text/plain")])
            return [b"x"]
        """
    mounts = "a: {app: app:application, path: a, probe: /healthz}"
    with pytest.raises(LoadErrors, match="/healthz answered 'OK', which is no status"):
        Gateway.from_file(configured(tmp_path, mounts, {"a/app.py": app}))


UNHEALTHY = """
import pathlib, time
NAME = "a"
WAY = "{way}"

def application(environ, start_response):
    path = environ["PATH_INFO"]
    start_response("503 No" if WAY and path == "/healthz" else "200 OK", [])
    return [b"served"]

def close():
    if WAY == "raises":
        raise RuntimeError("on purpose")
    tries = 500 if WAY == "hangs" else 0
    while tries and not pathlib.Path(r"{released}").exists():
        time.sleep(0.01)
        tries -= 1
"""


@pytest.mark.parametrize("way", ["raises", "hangs", "ends"])
def test_however_a_mount_that_fails_its_probe_ends_the_probe_is_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    released = tmp_path / "released"
    mounts = "a: {app: app:application, path: a, shutdown: app:close, probe: /healthz}"
    healthy = UNHEALTHY.format(way="", released=released)
    config = configured(tmp_path, mounts, {"a/app.py": healthy})
    config.write_text("server: {drain_timeout: 100ms}\n" + config.read_text())
    with Gateway.from_file(config) as gateway:
        first = gateway.members["a"].generation
        assert first is not None
        write(tmp_path, {"a/app.py": UNHEALTHY.format(way=way, released=released)})
        try:
            with pytest.raises(LoadErrors, match="probe: /healthz answered 503"):
                gateway.reload()
        finally:
            released.touch()
        eventually(lambda: not closing())
        assert gateway.last_reload is not None
        assert "/healthz answered 503" in gateway.last_reload.problems[0]
        assert gateway.reload_counts == {"succeeded": 0, "failed": 1}
        told = "mount a: still closing" if way == "hangs" else "on purpose"
        assert (told in caplog.text) == (way != "ends")
        write(tmp_path, {"a/app.py": healthy + "# once more"})
        assert gateway.reload().replaced == ("a",)
        # The second one had its code loaded, too.
        assert gateway.members["a"].generation == first + 2
        eventually(lambda: not gateway.draining)


def closing() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("gateway-close-")]


def test_a_probe_that_ends_in_an_exit_is_told_as_that(tmp_path: Path) -> None:
    app = """
        def application(environ, start_response):
            raise SystemExit("no database")
        """
    mounts = "a: {app: app:application, path: a, probe: /healthz}"
    told = r"probe: /healthz failed: SystemExit\('no database'\)"
    file = configured(tmp_path, mounts, {"a/app.py": app})
    with pytest.raises(LoadErrors, match=told):
        Gateway.from_file(file)


def test_a_probe_that_hangs_is_no_reason_to_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = """
        import threading
        end = threading.Event()
        def application(environ, start_response):
            if environ["PATH_INFO"] == "/healthz":
                end.wait()
            start_response("200 OK", [])
            return [b"old"]
        def close():
            end.set()
        """
    mounts = "a: {app: app:application, path: a, shutdown: app:close%s}"
    with composed(tmp_path, mounts % "", {"a/app.py": app}) as gateway:
        monkeypatch.setattr("gateway.probing._PATIENCE", 0.1)
        configured(tmp_path, mounts % ", probe: /healthz", {})
        with pytest.raises(LoadErrors, match=r"/healthz has not answered within 0\.1s"):
            gateway.reload()
        assert text(gateway, "/a/") == "old"


def test_shared_imports_need_a_restart_and_say_so(tmp_path: Path) -> None:
    mounts = "a: {app: gateway_test_restarted:application, path: a, imports: shared}"
    app = FILES["a/app.py"].replace("import models\n", "class models: NAME = 'a1'\n")
    with composed(tmp_path, mounts, {"a/gateway_test_restarted.py": app}) as gateway:
        write(tmp_path, {"a/gateway_test_restarted.py": app.replace("a1", "a2")})
        for _ in range(2):
            report = gateway.reload()
            assert (report.restart, report.kept, report.replaced) == (("a",), (), ())
        assert text(gateway, "/a/").startswith("a1 ")
    sys.modules.pop("gateway_test_restarted")


def test_reloads_while_clients_keep_asking(tmp_path: Path, gateway: Gateway) -> None:
    stop = threading.Event()
    failures: list[str] = []
    asked = [0, 0]

    def ask(number: int, path: str, expected: str) -> None:
        while not stop.is_set():
            answer = get(gateway, path)
            asked[number] += 1
            if answer.status_code != 200 or not answer.text.startswith(expected):
                failures.append(f"{answer.status} {answer.text}")

    threads = [
        threading.Thread(target=ask, args=(0, "/a/", "a")),
        threading.Thread(target=ask, args=(1, "/b/", "b1")),
    ]
    for thread in threads:
        thread.start()
    for number in range(30):
        write(tmp_path, {"a/models.py": f"NAME = 'a{number}'"})
        assert gateway.reload().replaced in (("a",), ())
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert min(asked) > 0
    assert text(gateway, "/a/").startswith("a29 ")


def test_new_mounts_that_cannot_be_shared_out_leave_the_old_ones_serving(
    gateway: Gateway, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("on purpose")

    old = gateway.mounts["a"]
    write(tmp_path, {"a/models.py": "NAME = 'a2'"})
    with monkeypatch.context() as patched:
        patched.setattr("gateway.lifecycle.share_table", fail)
        with pytest.raises(RuntimeError, match="on purpose"):
            gateway.reload()
    assert gateway.mounts["a"] is old
    assert text(gateway, "/a/").startswith("a1 ")
    eventually(log.exists)
    assert log.read_text() == "a2 closed\n"


def test_old_mounts_are_closed_even_if_their_modules_cannot_be_retired(
    gateway: Gateway, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(namespace: Namespace) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(Namespace, "retire", fail)
    write(tmp_path, {"a/models.py": "NAME = 'a2'"})
    with pytest.raises(RuntimeError, match="on purpose"):
        gateway.reload()
    assert text(gateway, "/a/").startswith("a2 ")
    eventually(log.exists)
    assert log.read_text() == "a1 closed\n"


def test_old_modules_are_let_go(tmp_path: Path, gateway: Gateway) -> None:
    def loaded() -> int:
        return sum(name.startswith("mounts.a") for name in sys.modules)

    before = loaded()
    for number in range(10):
        write(tmp_path, {"a/models.py": f"NAME = 'x{number}'"})
        gateway.reload()
    eventually(lambda: not gateway.draining)
    gc.collect()
    assert loaded() == before


def test_types_that_were_put_together_do_not_keep_old_code(
    tmp_path: Path, gateway: Gateway
) -> None:
    # The standard library keeps the last hundred of them.
    hints = "import typing\nclass User: ...\nhint = typing.Optional[typing.List[User]]"
    for number in range(3):
        write(tmp_path, {"a/models.py": f"NAME = '{number}'\n{hints}"})
        gateway.reload()
    eventually(lambda: not gateway.draining)
    gc.collect()
    users = [
        each
        for each in gc.get_objects()
        if issubclass(type(each), type)  # isinstance() would ask lazy objects
        and each.__name__ == "User"
        and each.__module__.startswith("mounts.a")
    ]
    assert len(users) == 1


def test_an_interrupt_that_is_no_ctrl_c_is_told_like_any_error(
    gateway: Gateway, tmp_path: Path
) -> None:
    write(tmp_path, {"a/models.py": "raise KeyboardInterrupt"})
    raised = in_thread(gateway.reload)
    assert isinstance(raised, LoadErrors)
    assert "KeyboardInterrupt" in str(raised)
    assert gateway.last_reload is not None
    assert "KeyboardInterrupt" in gateway.last_reload.problems[0]


SIGNALS = """
import signal
before = signal.getsignal(signal.SIGTERM)
assert signal.signal(signal.SIGTERM, lambda *args: None) == before
signal.signal(max(signal.valid_signals()) - 1, signal.SIG_IGN)  # it has no name
NAME = "signals"
"""


def test_a_handler_that_cannot_be_set_in_a_thread_is_no_reason_not_to_reload(
    gateway: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    write(tmp_path, {"a/models.py": SIGNALS})
    assert in_thread(gateway.reload) is None
    assert text(gateway, "/a/").startswith("signals ")
    assert signal.getsignal(signal.SIGTERM) == handler
    assert "mount a: its handler for SIGTERM is not set" in caplog.text


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("signal.signal(signal.SIGTERM, 'no handler')", "main thread"),
        ("signal.signal(10_000, signal.SIG_IGN)", "out of range"),
    ],
)
def test_what_no_thread_could_set_is_still_an_error(
    gateway: Gateway, tmp_path: Path, line: str, says: str
) -> None:
    write(tmp_path, {"a/models.py": f"import signal\n{line}"})
    assert says in str(in_thread(gateway.reload))


def test_a_strict_mount_may_not_set_handlers_in_a_reload_either(tmp_path: Path) -> None:
    mounts = "a: {app: app:application, path: a, strict: true}"
    with composed(tmp_path, mounts, {"a/app.py": PLAIN}) as gateway:
        write(tmp_path, {"a/app.py": SIGNALS + PLAIN})
        assert "signal only works in main thread" in str(in_thread(gateway.reload))


def test_a_replaced_mount_is_let_go_without_another_reload(
    tmp_path: Path, gateway: Gateway
) -> None:
    text(gateway, "/a/")
    models = weakref.ref(sys.modules["mounts.a.models"])
    write(tmp_path, {"a/models.py": "NAME = 'a2'"})
    gc.disable()  # The gateway does not leave it to chance.
    try:
        gateway.reload()
        eventually(lambda: models() is None)
    finally:
        gc.enable()


def test_a_crash_names_the_place(gateway: Gateway, tmp_path: Path) -> None:
    write(tmp_path, {"a/models.py": "\n\n1 / 0"})
    with pytest.raises(LoadErrors) as caught:
        gateway.reload()
    error = caught.value.errors[0]
    assert isinstance(error, AppCrashedError)
    assert 'models.py", line 3' in error.frames


def test_a_shared_mount_keeps_its_address_until_a_restart(tmp_path: Path) -> None:
    shared = "a: {app: gateway_test_moved:application, imports: shared, path: a%s}"
    other = "\nc: {app: app:application, path: b, prefix: /a}"
    files = {**FILES, "a/gateway_test_moved.py": PLAIN}
    with modules_forgotten(), composed(tmp_path, shared % "", files) as gateway:
        configured(tmp_path, shared % ", prefix: /moved", {})
        assert gateway.reload().restart == ("a",)
        assert text(gateway, "/a/") == "plain"
        configured(tmp_path, shared % ", prefix: /moved" + other, {})
        with pytest.raises(GatewayError, match="keeps its address until the gateway"):
            gateway.reload()
        assert text(gateway, "/a/") == "plain"
        eventually(lambda: not gateway.draining)


def test_one_that_does_not_wait_is_refused(gateway: Gateway) -> None:
    with gateway._reloading, pytest.raises(ReloadRunningError, match="wait for its"):
        gateway.reload(wait=False)
    assert gateway.reload(wait=False).kept == ("a", "b")


def test_the_end_of_a_reload_is_remembered(gateway: Gateway, tmp_path: Path) -> None:
    assert gateway.last_reload is None
    report = gateway.reload()
    assert gateway.last_reload is not None
    assert gateway.last_reload.report == report
    write(tmp_path, {"a/models.py": "1 / 0"})
    with pytest.raises(LoadErrors):
        gateway.reload()
    assert gateway.last_reload.report is None
    assert "ZeroDivisionError" in gateway.last_reload.problems[0]


def test_a_changed_server_section_needs_a_restart(
    gateway: Gateway, tmp_path: Path
) -> None:
    assert gateway.reload().server_changed is False
    file = tmp_path / "gateway.yaml"
    file.write_text("server: {threads: 3}\n" + file.read_text())
    for _ in range(2):
        assert gateway.reload().server_changed is True


def test_a_shared_mount_that_comes_back_is_as_old_as_its_modules(
    tmp_path: Path,
) -> None:
    shared = "a: {app: gateway_test_back:application, imports: shared, path: a}"
    other = "\nb: {app: app:application, path: b}"
    files = {**FILES, "a/gateway_test_back.py": PLAIN}
    with modules_forgotten(), composed(tmp_path, shared + other, files) as gateway:
        configured(tmp_path, other, {})
        assert gateway.reload().removed == ("a",)
        write(tmp_path, {"a/gateway_test_back.py": PLAIN.replace("plain", "new")})
        configured(tmp_path, shared + other, {})
        report = gateway.reload()
        assert (report.added, report.restart) == (("a",), ("a",))
        assert text(gateway, "/a/") == "plain"
        assert gateway.reload().restart == ("a",)
        write(tmp_path, {"a/gateway_test_back.py": PLAIN})
        assert gateway.reload().kept == ("a", "b")


def test_what_is_installed_does_not_change_with_the_folder_of_the_file(
    tmp_path: Path,
) -> None:
    mounts = "a: {app: 'wsgiref.simple_server:demo_app'}"
    with composed(tmp_path, mounts, {"other.py": ""}) as gateway:
        write(tmp_path, {"other.py": "# changed"})
        assert gateway.reload().kept == ("a",)


def test_cookies_are_planned_for_where_a_shared_mount_is_served(tmp_path: Path) -> None:
    app = PLAIN.replace("[(", "[('Set-Cookie', 'session=1'), (")
    shared = "a: {app: gateway_test_cookies:application, imports: shared, path: a%s}"
    files = {"a/gateway_test_cookies.py": app}
    with modules_forgotten(), composed(tmp_path, shared % "", files) as gateway:
        assert "Path=/a" in get(gateway, "/a/").headers["Set-Cookie"]
        # Below nothing, and with all else that would change its cookies.
        configured(tmp_path, shared % ", prefix: /, cookies: shared", {})
        report = gateway.reload()
        assert (report.restart, report.kept) == (("a",), ())
        assert get(gateway, "/a/").headers["Set-Cookie"] == "session=1; Path=/a"
