"""The audit of whole gateways: what their mounts change, and what is no change."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from composing import (
    ROOT,
    composed,
    configured,
    failure,
    get,
    modules_forgotten,
    run_alone,
    text,
)

from gateway.config.load import load_config
from gateway.errors import LoadErrors
from gateway.isolation.audit import Change, process_audit
from gateway.lifecycle import Gateway

PLAIN = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"plain"]
"""
ONE = "one: {app: app:application, path: one}"
STRICT = "one: {app: app:application, path: one, strict: true, shutdown: app:close}"

CHANGES = """
import urllib.request
from gateway.isolation.audit import process_audit
from gateway.lifecycle import Gateway
with Gateway.from_file("gateway.yaml"):
    print(*process_audit.changes)
"""


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    umask = os.umask(0o022)
    filters = warnings.filters[:]
    yield
    warnings.filters[:] = filters  # type: ignore[index]
    os.umask(umask)


def told(mount: str) -> list[str]:
    return [change.what for change in process_audit.of(mount, "load")]


def test_what_loading_a_mount_changes_is_told_and_put_back(tmp_path: Path) -> None:
    files = {"one/app.py": f"import os\nos.chdir('/'); os.umask(0o077)\n{PLAIN}"}
    mounts = f"{ONE}\ntwo: {{app: app:application, path: two}}"
    with composed(tmp_path, mounts, files | {"two/app.py": PLAIN}) as gateway:
        assert text(gateway, "/one/") == "plain"
        assert os.getcwd() == str(tmp_path)
    assert told("one") == ["working directory", "umask"]
    assert told("two") == []


def test_a_mount_that_is_loaded_anew_is_told_of_anew(tmp_path: Path) -> None:
    with composed(
        tmp_path, ONE, {"one/app.py": f"import os\nos.chdir('/')\n{PLAIN}"}
    ) as gateway:
        assert told("one") == ["working directory"]
        configured(tmp_path, ONE, {"one/app.py": PLAIN})
        assert gateway.reload().replaced == ("one",)
        assert told("one") == []


def test_another_mount_of_the_name_is_told_of_anew(tmp_path: Path) -> None:
    files = {"one/app.py": f"import os\nos.chdir('/')\n{PLAIN}"}
    with composed(tmp_path, ONE, files):
        assert told("one") == ["working directory"]
    with composed(tmp_path, "one: {redirect: /}"):
        assert told("one") == []


def test_an_opener_with_a_mounts_own_proxies_is_told(tmp_path: Path) -> None:
    code = """
from urllib.request import urlopen
urlopen("data:,text").close()
"""
    mounts = "one: {app: app:application, path: one, env: {http_proxy: nowhere}}"
    configured(tmp_path, mounts, {"one/app.py": PLAIN + code})
    output = run_alone(CHANGES, tmp_path)
    assert "(urllib opener: none -> urllib opener: urllib.request.Opener" in output


# What the gateway does around a mount, and what a mount has of its own

HARMLESS = {
    "variables": "import os; os.environ['NEW_ONE'] = '1'; os.environ.pop('PYTHONPATH')",
    "logging": "import logging; logging.basicConfig(level=5)\n"
    "logging.captureWarnings(True)",
    "flask": "import flask; application = flask.Flask('one')",
    "finalizer": "import weakref\nclass C: pass\nc = C()\n"
    "weakref.finalize(c, print, end='')",
    "urlopen": "from urllib.request import urlopen\nurlopen('data:,text').close()",
    "library": "import bottle, fastapi, jinja2, sqlite3, concurrent.futures",
}


@pytest.mark.parametrize("code", HARMLESS.values(), ids=HARMLESS)
def test_what_is_no_change(tmp_path: Path, code: str) -> None:
    configured(tmp_path, ONE, {"one/app.py": f"{PLAIN}\n{code}\n"})
    # Alone, for a library is imported once in a process.
    assert run_alone(CHANGES, tmp_path) == "\n"


ASGI = """
import asyncio, time
from contextlib import asynccontextmanager
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

@asynccontextmanager
async def lifespan(app):
    await run_in_threadpool(time.sleep, 0)
    await asyncio.to_thread(time.sleep, 0)
    yield

app = Starlette(lifespan=lifespan)
"""


def test_the_workers_of_an_asgi_application_are_no_change(tmp_path: Path) -> None:
    with composed(tmp_path, "one: {asgi: app:app, path: one}", {"one/app.py": ASGI}):
        names = {thread.name.partition("_")[0] for thread in threading.enumerate()}
        assert names > {"AnyIO worker thread", "asyncio"}
        assert told("one") == []


def test_the_demo_changes_nothing(tmp_path: Path) -> None:
    output = run_alone(
        f"""
        from gateway.config.load import load_config
        from gateway.isolation.audit import process_audit
        from gateway.lifecycle import Gateway
        from pathlib import Path
        from werkzeug.test import Client
        spec = load_config(Path({str(ROOT / "gateway.yaml")!r}))
        with Gateway(spec) as gateway:
            print(*process_audit.changes)
            process_audit.start_serving()
            for mount in gateway.mounts.values():
                Client(gateway).get(mount.prefix + "/").close()
            print(*process_audit.serving_changes(list(gateway.mounts)))
        """,
        tmp_path,
    )
    assert output == "\n\n"


def test_exit_functions_of_a_mount_are_no_change(tmp_path: Path) -> None:
    """They run when it is closed: see test_closing.py."""
    code = "import atexit\natexit.register(print, 'the end')"
    mounts = "one: {app: app:application, path: one, strict: true}"
    with composed(tmp_path, mounts, {"one/app.py": PLAIN + code}):
        assert process_audit.of("one", "load") == ()


def test_the_folder_of_a_mount_that_comes_under_a_reload_is_no_change(
    tmp_path: Path,
) -> None:
    other = "b: {redirect: /x}"
    shared = (
        f"a: {{app: gateway_test_late:application, path: a, imports: shared}}\n{other}"
    )
    files = {"a/gateway_test_late.py": PLAIN}
    with modules_forgotten(), composed(tmp_path, other, files) as gateway:
        process_audit.start_serving()
        configured(tmp_path, shared, {})
        assert gateway.reload().added == ("a",)
        sys.path.append("/gateway_test")
        configured(tmp_path, other, {})
        assert gateway.reload().removed == ("a",)
        gateway.close()
        (change,) = process_audit.serving_changes(["b"])
        sys.path.remove("/gateway_test")
    assert (change.what, change.after) == ("sys.path", "/gateway_test")


def filtered() -> list[str]:
    return [getattr(entry[2], "__name__", "") for entry in warnings.filters]


def test_warnings_of_a_librarys_own_keep_their_filters(tmp_path: Path) -> None:
    code = """
import warnings
class Careful(UserWarning): pass
warnings.simplefilter("ignore", Careful)
"""
    with composed(tmp_path, ONE, {"one/app.py": PLAIN + code}):
        assert told("one") == []
        assert filtered()[0] == "Careful"
    more = code + "warnings.simplefilter('ignore')\n"
    with composed(tmp_path, ONE, {"one/app.py": PLAIN + more}):
        (change,) = process_audit.of("one", "load")
        assert change.put_back
        assert filtered()[:2] == ["Careful"] * 2
        assert ("ignore", None, Warning, None, 0) not in warnings.filters


def test_filters_that_another_thread_has_for_a_while_are_no_change() -> None:
    entered, leave = threading.Event(), threading.Event()

    def careful() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            entered.set()
            leave.wait()

    thread = threading.Thread(target=careful)
    thread.start()
    entered.wait()
    before = warnings.filters[:]
    with process_audit.loading("one") as changes:
        leave.set()
        thread.join()
    assert changes == []
    assert warnings.filters != before


THREAD = """
import threading
end = threading.Event()
threading.Thread(target=end.wait, name="poller").start()
def close(): end.set()
"""


@pytest.mark.parametrize(
    ("more", "expected"), [("", ["threads"]), (", shutdown: app:close", [])]
)
def test_threads_are_told_unless_the_mount_ends_them(
    tmp_path: Path, more: str, expected: list[str]
) -> None:
    mounts = f"one: {{app: app:application, path: one{more}}}"
    with composed(tmp_path, mounts, {"one/app.py": PLAIN + THREAD}) as gateway:
        assert told("one") == expected
        sys.modules["mounts.one.app"].close()
        assert get(gateway, "/one/").status_code == 200


# strict: true


def test_a_strict_mount_that_changes_the_process_does_not_load(tmp_path: Path) -> None:
    code = f"""
import os
from pathlib import Path
os.chdir("/")
{PLAIN}
def close(): Path(__file__).with_name("closed").touch()
"""
    error = failure(tmp_path, STRICT, {"one/app.py": code})
    assert str(error) == (
        "mount 'one': it changes what all mounts of the process share, and 'strict: "
        f"true' forbids that: working directory ({tmp_path} -> /): build paths from "
        "__file__ instead"
    )
    assert (tmp_path / "one" / "closed").exists()
    assert os.getcwd() == str(tmp_path)
    assert not [name for name in sys.modules if name.startswith("mounts.")]


def test_a_strict_mount_that_cannot_be_closed_is_told_of_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = f"import os\nos.chdir('/')\n{PLAIN}\ndef close(): 1 / 0\n"
    error = failure(tmp_path, STRICT, {"one/app.py": code})
    assert "'strict: true' forbids that" in error.message
    assert "ZeroDivisionError" in caplog.text


def test_a_strict_mount_that_changes_nothing_loads(tmp_path: Path) -> None:
    files = {"one/app.py": f"{PLAIN}\ndef close(): pass\n"}
    with composed(tmp_path, STRICT, files) as gateway:
        assert get(gateway, "/one/").status_code == 200


def test_strict_is_a_default_that_mounts_can_overrule(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(
        dedent("""
            defaults: {strict: true}
            mounts:
              one: {app: "app:application"}
              two: {app: "app:application", strict: false}
              three: {redirect: /}
        """)
    )
    specs = {mount.name: mount.strict for mount in load_config(file).mounts}
    assert specs == {"one": True, "two": False, "three": False}
    (tmp_path / "app.py").write_text(f"import os\nos.chdir('/')\n{PLAIN}")
    with pytest.raises(LoadErrors) as caught:
        Gateway.from_file(file)
    assert [error.mount for error in caught.value.errors] == ["one"]


# While serving

SERVING: Mapping[str, str] = {
    "one/app.py": f"import os\n{PLAIN}".replace(
        "def application(environ, start_response):",
        "def application(environ, start_response):\n    os.umask(0o077)",
    )
}


def test_what_serving_changes_before_a_reload_is_not_lost(tmp_path: Path) -> None:
    with composed(tmp_path, ONE, SERVING) as gateway:
        process_audit.start_serving()
        get(gateway, "/one/")
        configured(tmp_path, ONE, {"one/app.py": PLAIN})
        assert gateway.reload().replaced == ("one",)
        assert told("one") == []
        (change,) = process_audit.serving_changes(["one"])
    assert change == Change("one", "serve", "umask", "0022", "0077")
    assert process_audit.serving_changes(["one"]) == ()


def test_starting_to_serve_begins_a_new_account(tmp_path: Path) -> None:
    with composed(tmp_path, ONE, SERVING) as gateway:
        process_audit.start_serving()
        get(gateway, "/one/")
        with process_audit.loading("two"):
            pass
        process_audit.start_serving()
        assert process_audit.serving_changes(["one"]) == ()


def test_the_root_logger_of_a_mount_is_its_own(tmp_path: Path) -> None:
    code = "import logging\nlogging.root.addHandler(logging.NullHandler())\n"
    handlers = logging.root.handlers[:]
    with composed(tmp_path, ONE, {"one/app.py": code + PLAIN}):
        assert told("one") == []
        assert logging.root.handlers == handlers
