"""What a mount's code has begun ends when the mount is closed."""

from __future__ import annotations

import atexit
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from composing import PLAIN, composed, configured, failure, run_alone, text, write

from gateway.isolation import environ
from gateway.isolation.audit_state import read_exit_functions
from gateway.lifecycle import Gateway

BEGIN = """
import atexit, os, threading, time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from gateway import current_app, has_app_context
import models

LOG = current_app.config["LOG"]

def note(what):
    mount = current_app.name if has_app_context() else "-"
    with open(LOG, "a") as log:
        log.write(f"{what} {models.NAME} {os.environ.get('WHERE')} {mount}\\n")

def close():
    note("shutdown")

def served():
    pass

def application(environ, start_response):
    served()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [models.NAME.encode()]
"""
MOUNTS = """
a: {app: app:application, path: a, shutdown: app:close,
    env: {WHERE: here}, config: {LOG: "%s"}}
b: {app: app:application, path: b}
"""


class Site:
    """A gateway with a mount whose code is given, and what that code notes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.number = 1

    def composed(self, code: str, more: str = "") -> object:
        files = {
            "a/app.py": BEGIN + code,
            "a/models.py": "NAME = 'a1'",
            "b/app.py": PLAIN,
        }
        return composed(self.folder, MOUNTS % self.log + more, files)

    def replace(self, gateway: Gateway) -> None:
        """Replace mount ``a``, and wait until the old one is closed."""
        self.number += 1
        write(self.folder, {"a/models.py": f"NAME = 'a{self.number}'"})
        assert gateway.reload().replaced == ("a",)
        eventually(lambda: not gateway.draining)

    @property
    def noted(self) -> list[str]:
        """What was noted since the last time."""
        found = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return found


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def registered() -> Iterator[Callable[[], int]]:
    """Count the process's own exit functions; there are none more at the end."""
    before = len(read_exit_functions()[0])
    yield lambda: len(read_exit_functions()[0]) - before
    assert len(read_exit_functions()[0]) == before


def test_exit_functions_run_when_their_mount_is_closed_and_then_only(
    site: Site, registered: Callable[[], int]
) -> None:
    code = """
atexit.register(note, "first")
@atexit.register
def second():
    note("second")
def served():
    atexit.register(note, what="served")
"""
    with site.composed(code) as gateway:
        assert text(gateway, "/a/") == "a1"
        assert site.noted == []
        assert registered() == 0
        site.replace(gateway)
        assert site.noted == [
            f"{what} a1 here a" for what in ("shutdown", "served", "second", "first")
        ]
        assert text(gateway, "/a/") == "a2"
    assert site.noted == [
        f"{what} a2 here a" for what in ("shutdown", "served", "second", "first")
    ]


def test_a_mount_that_is_removed_ends_too(site: Site) -> None:
    with site.composed('atexit.register(note, "exit")') as gateway:
        configured(site.folder, "b: {app: app:application, path: b}", {})
        assert gateway.reload().removed == ("a",)
        eventually(lambda: not gateway.draining)
        assert site.noted == ["shutdown a1 here a", "exit a1 here a"]


def test_a_function_can_be_taken_back(
    site: Site, registered: Callable[[], int]
) -> None:
    code = """
class Touchy:
    def __eq__(self, other): return isinstance(other, Touchy)
    def __call__(self): note("touchy")
early, bound = partial(note, "early"), [].clear
for function in (early, bound, early, Touchy()): atexit.register(function)
atexit.register(note, "kept")
def last():
    note("last")
    atexit.unregister(gone)
def gone(): note("gone")
atexit.register(gone); atexit.register(last)
atexit.unregister(early); atexit.unregister(bound); atexit.unregister(Touchy())
"""
    with site.composed(code):
        pass
    assert site.noted == ["shutdown a1 here a", "last a1 here a", "kept a1 here a"]


@pytest.mark.parametrize(
    "error",
    ["ValueError('no')", "SystemExit(3)", "__import__('asyncio').CancelledError()"],
)
def test_one_that_fails_keeps_none_from_running(
    site: Site, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    code = f"""
atexit.register(note, "first")
@atexit.register
def bad(): raise {error}
atexit.register(note, "last")
def close(): raise RuntimeError("shutdown fails too")
"""
    with site.composed(code):
        pass
    assert site.noted == ["last a1 here a", "first a1 here a"]
    assert "mount a: an exit function failed: mounts.a.app.bad" in caplog.text
    assert "shutdown fails too" in caplog.text


def test_what_is_no_function_is_refused_as_ever(site: Site) -> None:
    code = """
for wrong in ((), (3,)):
    try: atexit.register(*wrong)
    except TypeError: pass
    else: raise AssertionError
"""
    with site.composed(code):
        pass


LIBRARY = """
import atexit, threading
calls = []
def at_the_end(): calls.append("end")
atexit.register(at_the_end)
def ended_by(function): atexit.register(function)
def start(): atexit.register(at_last)
def at_last(): calls.append("last")
stop = threading.Event()
thread = threading.Thread(target=stop.wait, name="librarys", daemon=True)
thread.start()
"""


def test_what_a_shared_library_begins_is_the_process_own(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(site.folder, {"lib/gateway_test_library.py": LIBRARY})
    monkeypatch.syspath_prepend(str(site.folder / "lib"))
    code = """
import gateway_test_library as library
library.ended_by(lambda: note("x"))
library.start()
atexit.register(library.calls.append, "by the mount")
"""
    with site.composed(code) as gateway:
        library = sys.modules.pop("gateway_test_library")
        site.replace(gateway)
        # Its own function is not called, and its thread is no thread of the mount.
        assert site.noted == ["shutdown a1 here a", "x a1 here a"]
        assert library.calls == ["by the mount"]
        assert gateway.left_threads == ()
        second = sys.modules.pop("gateway_test_library")
    for module in (library, second):
        module.stop.set()
        module.thread.join()
        atexit.unregister(module.at_the_end)
        atexit.unregister(module.at_last)
    assert "live on" not in caplog.text


def test_the_first_finalizer_of_a_process_is_for_all(tmp_path: Path) -> None:
    code = "import weakref\nclass T: pass\nt = T()\nweakref.finalize(t, print, 'final')"
    configured(tmp_path, "a: {app: app:application, path: a}", {})
    write(tmp_path, {"a/app.py": PLAIN + code})
    alone = f"""
        import atexit, weakref
        from gateway.lifecycle import Gateway
        assert not weakref.finalize._registered_with_atexit
        gateway = Gateway.from_file({str(tmp_path / "gateway.yaml")!r})
        kept = gateway.mounts["a"].application
        import sys
        module = sys.modules["mounts.a.app"]
        gateway.close()
        print("closed")
        """
    assert run_alone(alone, tmp_path).split() == ["closed", "final"]


def test_a_gateway_that_nobody_closes_ends_with_the_process(site: Site) -> None:
    with site.composed('atexit.register(note, "exit")\nprint("loaded")'):
        pass
    assert site.noted
    alone = f"""
        from gateway.lifecycle import Gateway
        Gateway.from_file({str(site.folder / "gateway.yaml")!r})
        """
    run_alone(alone, site.folder)
    assert site.noted == ["exit a1 here a"]


def test_one_that_does_not_load_ends_what_it_has_begun(
    site: Site, tmp_path: Path, registered: Callable[[], int]
) -> None:
    file = tmp_path / "ended"
    code = f"""
import atexit, pathlib
atexit.register(lambda: pathlib.Path({str(file)!r}).touch())
1 / 0
"""
    mounts = "a: {app: app:application, path: a}"
    assert "ZeroDivisionError" in str(failure(tmp_path, mounts, {"a/app.py": code}))
    assert file.exists()


POLLER = """
stop = threading.Event()
def poll(): stop.wait()
threading.Thread(target=partial(poll), name="poller", daemon=%s).start()
"""


def test_threads_that_live_on_are_named(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
threading.Timer(60, note).start()
class Own(threading.Thread):
    def run(self): stop.wait()
Own(name="own\\n", daemon=True).start()
"""
    with site.composed(POLLER % True + code) as gateway:
        old = sys.modules["mounts.a.app"]
        timer = next(t for t in threading.enumerate() if type(t).__name__ == "Timer")
        site.replace(gateway)
        eventually(lambda: gateway.left_threads)
        left = gateway.left_threads
        assert [(each.mount, each.daemon) for each in left] == [
            ("a", True),
            ("a", False),
            ("a", True),
        ]
        shown = [str(each) for each in left]
        assert shown[0] == "poller (mounts.a.app.poll, daemon)"
        assert shown[1].endswith(" (mounts.a.app.note)")
        assert shown[2] == "own? (mounts.a.app.Own, daemon)"
        assert "mount a: it is closed, but threads of it live on" in caplog.text
        assert "poller (mounts.a.app.poll, daemon), Thread-" in caplog.text
        new = sys.modules["mounts.a@2.app"]
        others = [t for t in threading.enumerate() if type(t).__name__ == "Timer"]
        for module in (old, new):
            module.stop.set()
        for each in {timer, *others}:
            each.cancel()  # type: ignore[attr-defined]
        eventually(lambda: not gateway.left_threads)


def test_threads_that_an_exit_function_ends_are_not_named(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    code = POLLER % False + "atexit.register(stop.set)"
    with site.composed(code) as gateway:
        site.replace(gateway)
        assert gateway.left_threads == ()
    assert "live on" not in caplog.text


def test_a_thread_of_the_gateways_own_is_none_of_the_mounts(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    api = """
        async def app(scope, receive, send):
            while scope["type"] == "lifespan":
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        """
    write(site.folder, {"c/main.py": api})
    with site.composed("", "c: {asgi: main:app, path: c}"):
        pass
    assert "live on" not in caplog.text


def test_a_mounts_pool_ends_with_it(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
pool = ThreadPoolExecutor(2)
pool.submit(note, "worked").result()
ending = threading.Event()
pool.submit(lambda: (ending.wait(30), note("finished")))
@atexit.register
def exit():
    try: pool.submit(note)
    except RuntimeError: note("no")
@threading._register_atexit
def hook():
    note("hook")
    ending.set()
"""
    with site.composed(code):
        pass
    noted = [line.split()[0] for line in site.noted]
    assert noted == ["worked", "shutdown", "hook", "finished", "no"]
    assert "live on" not in caplog.text


def test_a_pool_that_mounts_share_serves_on(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    library = """
import concurrent.futures
pool = concurrent.futures.ThreadPoolExecutor()
def lazily():
    global late
    late = concurrent.futures.ThreadPoolExecutor()
    late.submit(int).result()
"""
    write(site.folder, {"lib/gateway_test_pools.py": library})
    monkeypatch.syspath_prepend(str(site.folder / "lib"))
    code = """
import gateway_test_pools
gateway_test_pools.lazily()
gateway_test_pools.pool.submit(note, 'x').result()
"""
    with site.composed(code) as gateway:
        site.replace(gateway)
        assert gateway.left_threads == ()
    library_module = sys.modules.pop("gateway_test_pools")
    for pool in (library_module.pool, library_module.late):
        assert pool.submit(len, "abc").result() == 3
        pool.shutdown()
    assert site.noted.count("x a1 here -") == 1
    assert "live on" not in caplog.text


def test_functions_of_the_process_stay_there(registered: Callable[[], int]) -> None:
    environ.install()

    def function() -> None: ...

    assert atexit.register(function) is function
    assert registered() == 1
    atexit.unregister(function)
    assert registered() == 0
    with environ.Overlay(name="x").active():
        atexit.register(function)
        atexit.register(function)
        atexit.unregister(function)


def test_what_comes_too_late_is_left_to_the_process(
    registered: Callable[[], int],
) -> None:
    environ.install()
    overlay = environ.Overlay(name="x")
    overlay.begun.end()
    overlay.begun.end()
    with overlay.active():
        atexit.register(registered)
    assert registered() == 1
    with overlay.active():
        atexit.unregister(registered)


def test_shared_imports_end_too(site: Site, tmp_path: Path) -> None:
    """With a process of its own, as its modules are the process's."""
    code = BEGIN + 'atexit.register(note, "exit")\nimport gateway_test_installed'
    write(tmp_path, {"c/shared_app.py": code, "c/models.py": "NAME = 'c'"})
    library = "import atexit\natexit.register(print, 'library')"
    write(tmp_path, {"lib/site-packages/gateway_test_installed.py": library})
    mount = "c: {app: shared_app:application, path: c, imports: shared, config: "
    configured(tmp_path, f"{mount} {{LOG: {site.log}}}}}", {})
    alone = f"""
        import sys
        sys.path.append({str(tmp_path / "lib/site-packages")!r})
        from gateway.lifecycle import Gateway
        gateway = Gateway.from_file({str(tmp_path / "gateway.yaml")!r})
        gateway.close()
        print("closed")
        """
    assert run_alone(alone, tmp_path).split() == ["closed", "library"]
    assert site.noted == ["exit c None c"]
