"""Which mount has changed what of the process, told by applications that do it."""

from __future__ import annotations

import atexit
import builtins
import decimal
import gc
import json
import locale
import logging
import os
import sched
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from isolation_support import MakeMount
from werkzeug.test import Client

from gateway.isolation import environ, logs, modules
from gateway.isolation.audit import Audit, Change, as_error, compare, put_back, take
from gateway.isolation.audit_aspects import ASPECT_OF, ASPECTS
from gateway.isolation.environ import MountEnviron, Overlay
from gateway.isolation.logs import logging_kept_apart

# What an application does, by the aspect that it changes, and what is told of it.
DONE = {
    "working directory": ("import os; os.chdir('/')", "/"),
    "umask": ("import os; os.umask(0o077)", "0077"),
    "environment": (
        "import os\n"
        "os.environ['GATEWAY_TEST_NEW'] = 'hunter2'\n"
        "os.environ['GATEWAY_TEST_OLD'] = 'hunter2'",
        "GATEWAY_TEST_OLD (changed), GATEWAY_TEST_NEW",
    ),
    "sys.path": ("import sys; sys.path.insert(0, '/added')", "/added"),
    "import hooks": (
        "import sys\nclass Finder: find_spec = staticmethod(lambda *a: None)\n"
        "sys.meta_path.append(Finder)",
        ".app.Finder",
    ),
    "standard modules": (
        "import sys, types; sys.modules['sched'] = types.ModuleType('sched')",
        "sched: module sched without a file",
    ),
    "signal handlers": (
        "import signal\ndef on_signal(*args): pass\n"
        "signal.signal(signal.SIGUSR1, on_signal)\n"
        "signal.signal(signal.SIGUSR2, signal.SIG_IGN)",
        ".app.on_signal, SIGUSR2: ignored",
    ),
    "threads": (
        "import threading\nend = threading.Event()\n"
        "threads = [threading.Thread(target=end.wait, name=name, daemon=daemon)\n"
        "           for name, daemon in (('poller', False), ('cache', True))]\n"
        "for thread in threads: thread.start()",
        "poller, cache (daemon)",
    ),
    "atexit functions": (
        "import atexit\ndef at_the_end(): pass\natexit.register(at_the_end)",
        ".app.at_the_end",
    ),
    "root logger": (
        "import logging\nlogging.root.setLevel(5)\n"
        "logging.root.addHandler(logging.NullHandler())",
        "level: Level 5, handler ",
    ),
    "logging module": (
        "import logging, time\nclass Logger(logging.Logger): pass\n"
        "logging.setLoggerClass(Logger)\nlogging.raiseExceptions = False\n"
        "logging.Formatter.converter = time.gmtime\n"
        "def factory(*args): return logging.LogRecord(*args)\n"
        "logging.setLogRecordFactory(factory)",
        ".app.factory, raiseExceptions: False, Formatter.converter: time.gmtime",
    ),
    "warnings filters": (
        "import warnings; warnings.simplefilter('error', BytesWarning)",
        "error BytesWarning",
    ),
    "locale": (
        "import locale\n"
        "other = 'C' if 'UTF' in locale.setlocale(locale.LC_ALL) else 'C.UTF-8'\n"
        "locale.setlocale(locale.LC_ALL, other)",
        "C",
    ),
    "time zone": (
        "import os, time; os.environ['TZ'] = 'XYZ-3'; time.tzset()",
        "XYZ",
    ),
    "default socket timeout": (
        "import socket; socket.setdefaulttimeout(2.5)",
        "2.5 s",
    ),
    "default decimal context": (
        "import decimal\ndecimal.DefaultContext.prec = 5\n"
        "decimal.DefaultContext.traps[decimal.Inexact] = True",
        "precision 5, ROUND_HALF_EVEN, traps DivisionByZero, Inexact, ",
    ),
    "builtins": (
        "import builtins\nbuiltins._ = str.upper\n"
        "def own_print(*args): pass\nbuiltins.print = own_print",
        ".app.own_print, _: str.upper",
    ),
    "standard functions": (
        "import time, json\ndef sleep(seconds): pass\ntime.sleep = sleep\n"
        "def default(self, value): return 0\njson.JSONEncoder.default = default",
        ".app.default, time.sleep: ",
    ),
    "streams and hooks": (
        "import io, sys\nsys.stdout = io.StringIO()\n"
        "def hook(*args): pass\nsys.excepthook = hook",
        "sys.stdout: _io.StringIO, sys.excepthook: ",
    ),
    "interpreter limits": (
        "import gc, sys\nsys.setrecursionlimit(4321)\nsys.setswitchinterval(0.5)\n"
        "gc.disable()\ngc.set_threshold(5, 5, 5)",
        "recursion limit: 4321, switch interval: 0.5, garbage collector: off, "
        "gc thresholds: (5, 5, 5)",
    ),
}
# What cannot be done without that.
BESIDES = {"time zone": {"environment"}}

APPLICATION = """
def application(environ, start_response):
    change()
    start_response("200 OK", [])
    return []
"""


def _attributes(owner: Any, *names: str) -> Callable[[], None]:
    before = {name: getattr(owner, name) for name in names}

    def undo() -> None:
        for name, value in before.items():
            setattr(owner, name, value)

    return undo


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Undo all that the applications of this file do, whatever the audit does."""
    modules.install()
    monkeypatch.setenv("GATEWAY_TEST_OLD", "before")
    # So that they are deleted again, or set again, when it is undone.
    for name in ("GATEWAY_TEST_NEW", "TZ"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    time.tzset()
    monkeypatch.chdir(tmp_path)
    umask = os.umask(0o022)
    paths, finders = sys.path[:], sys.meta_path[:]
    handlers = logging.root.handlers[:], logging.root.level
    numbers = (signal.SIGUSR1, signal.SIGUSR2)
    signals = [(number, signal.getsignal(number)) for number in numbers]
    before = locale.setlocale(locale.LC_ALL)
    context = decimal.DefaultContext.copy()
    names = dict(vars(builtins))
    limits = sys.getrecursionlimit(), sys.getswitchinterval(), gc.get_threshold()
    factory, logger_class = logging.getLogRecordFactory(), logging.getLoggerClass()
    attributes = [
        _attributes(sys, "stdout", "excepthook"),
        _attributes(time, "sleep"),
        _attributes(json.JSONEncoder, "default"),
        _attributes(logging, "raiseExceptions", "lastResort"),
        _attributes(logging.Formatter, "converter"),
    ]
    with warnings.catch_warnings():
        yield
    for undo in attributes:
        undo()
    sys.modules["sched"] = sched
    logging.setLogRecordFactory(factory)
    logging.setLoggerClass(logger_class)
    sys.setrecursionlimit(limits[0])
    sys.setswitchinterval(limits[1])
    gc.set_threshold(*limits[2])
    gc.enable()
    vars(builtins).update(names)
    for name in vars(builtins).keys() - names.keys():
        delattr(builtins, name)
    for name in ("prec", "rounding"):
        setattr(decimal.DefaultContext, name, getattr(context, name))
    decimal.DefaultContext.traps.update(context.traps)
    locale.setlocale(locale.LC_ALL, before)
    for number, handler in signals:
        signal.signal(number, handler)
    logging.root.handlers[:], level = handlers
    logging.root.setLevel(level)
    sys.path[:], sys.meta_path[:] = paths, finders
    socket.setdefaulttimeout(None)
    os.umask(umask)
    monkeypatch.undo()
    time.tzset()


Make = Callable[..., ModuleType]


@pytest.fixture
def make(mount: MakeMount) -> Iterator[Make]:
    """What imports the ``app.py`` of a mount, given as text."""
    loaded = []

    def load(code: str, name: str = "notes") -> ModuleType:
        loaded.append(mount({"app.py": code}, name).import_module("app"))
        return loaded[-1]

    yield load
    for module in loaded:
        if hasattr(module, "end"):
            module.end.set()
            for thread in module.threads:
                thread.join()
        if hasattr(module, "at_the_end"):
            atexit.unregister(module.at_the_end)


def test_every_aspect_has_an_application_that_changes_it() -> None:
    assert set(DONE) == {aspect.what for aspect in ASPECTS}


@pytest.mark.parametrize("what", DONE)
def test_what_a_mount_changes_when_it_is_loaded_is_told(make: Make, what: str) -> None:
    code, told = DONE[what]
    audit, before = Audit(), take()
    with audit.loading("notes"):
        make(code)
    assert {change.what for change in audit.changes} == {what} | BESIDES.get(
        what, set()
    )
    (change,) = (change for change in audit.changes if change.what == what)
    assert (change.mount, change.phase) == ("notes", "load")
    assert told in change.after
    assert change.before != change.after
    assert "hunter2" not in str(audit.changes)
    is_safe = ASPECT_OF[what].put_back is not None
    assert change.put_back == is_safe
    now = {change.what for change in compare(before, take(), "notes", "load")}
    assert (what not in now) == is_safe


@pytest.mark.parametrize("what", DONE)
def test_what_a_mount_changes_when_it_serves_is_told(make: Make, what: str) -> None:
    code, told = DONE[what]
    body = "".join(f"    {line}\n" for line in code.splitlines())
    names = "end, threads, at_the_end, sleep, on_signal, default, factory, own_print"
    audit = Audit()
    with audit.loading("notes"):
        app = make(f"def change():\n    global {names}\n{body}{APPLICATION}")
    assert audit.changes == ()
    assert audit.serving_changes(["notes"]) == ()
    Client(app.application).get("/")
    found = audit.serving_changes(["notes"])
    assert {each.what for each in found} == {what} | BESIDES.get(what, set())
    (change,) = (each for each in found if each.what == what)
    assert (change.mount, change.phase, change.put_back) == ("notes", "serve", False)
    assert told.removeprefix(".app.") in change.after
    assert audit.changes == found
    assert audit.serving_changes(["notes"]) == ()


# Whose doing it is


def test_each_mount_is_told_of_what_it_has_changed(make: Make) -> None:
    audit = Audit()
    for name, what in (("notes", "umask"), ("shop", "sys.path"), ("links", "locale")):
        with audit.loading(name):
            make(DONE[what][0], name)
    with audit.loading("plain"):
        make("import os", "plain")
    told = [(change.mount, change.what) for change in audit.changes]
    assert told == [("notes", "umask"), ("shop", "sys.path"), ("links", "locale")]
    assert [change.what for change in audit.of("shop")] == ["sys.path"]
    assert audit.of("shop", "serve") == audit.of("plain") == ()


def test_what_is_told_of_a_mount_is_what_its_last_loading_has_changed() -> None:
    audit = Audit()
    for number in range(3):
        with audit.loading("notes") as changes:
            sys.path.insert(0, f"/added/{number}")
        with audit.loading("shop"):
            pass
        assert audit.changes == tuple(changes)
        assert changes[0].after == f"/added/{number}"
    with audit.loading("notes"):
        pass
    assert audit.changes == ()


def test_what_is_done_again_and_again_while_serving_is_told_once() -> None:
    audit = Audit()
    audit.start_serving()
    for umask in (0o077, 0o022) * 3:
        os.umask(umask)
        assert len(audit.serving_changes(["notes"])) == 1
    assert [change.after for change in audit.changes] == ["0077", "0022"]


@pytest.mark.parametrize(
    ("ran", "told"),
    [
        (["notes"], "notes"),
        ({"shop", "notes"}, "one of notes, shop"),
        ([], "none of the mounts"),
    ],
)
def test_a_change_while_serving_is_of_one_that_ran(ran: Any, told: str) -> None:
    audit = Audit()
    audit.start_serving()
    os.umask(0o077)
    (change,) = audit.serving_changes(ran)
    assert change.mount == told


def test_the_first_look_compares_with_what_loading_has_left() -> None:
    audit = Audit()
    with audit.loading("notes"):
        os.umask(0o077)
    os.umask(0o070)
    (change,) = audit.serving_changes(["notes"])
    assert (change.before, change.after) == ("0022", "0070")


def test_what_happens_between_loading_and_serving_is_nobodys() -> None:
    audit = Audit()
    assert audit.serving_changes(["notes"]) == ()
    with audit.loading("notes"):
        pass
    os.umask(0o077)
    audit.start_serving()
    assert audit.serving_changes(["notes"]) == ()


def test_a_mount_that_fails_to_load_is_told_of_too(make: Make) -> None:
    audit, before = Audit(), os.getcwd()
    with pytest.raises(ValueError, match="on purpose"), audit.loading("notes"):
        make("import os; os.chdir('/'); raise ValueError('on purpose')")
    (change,) = audit.changes
    assert (change.what, change.put_back) == ("working directory", True)
    assert os.getcwd() == before


# What is none of it


def test_what_a_mount_has_of_its_own_is_no_change(make: Make) -> None:
    code = "\n".join(DONE[what][0] for what in ("environment", "root logger"))
    was = type(os.environ), "handlers" in vars(logging.Logger)
    environ.install()
    logs.install()
    overlay = Overlay(name="notes")
    audit, before = Audit(), take()
    try:
        with overlay.active(), audit.loading("notes"):
            with logging_kept_apart(overlay) as logging_overlay:
                make(code + "\nlogging.captureWarnings(True)\n" + FACTORY)
            with logging_overlay.active():
                assert logging.root.level == 5
                assert compare(before, take(), "notes", "load") == ()
            logging_overlay.close()
    finally:
        if was[0] is not MountEnviron:
            environ.uninstall()
        if not was[1]:
            logs.uninstall()
    assert overlay.changes()
    assert audit.changes == ()


FACTORY = "logging.setLogRecordFactory(lambda *args: logging.LogRecord(*args))"


def test_what_the_gateway_does_for_a_mount_is_no_change(make: Make) -> None:
    modules.uninstall()
    audit = Audit()
    with audit.loading("notes"):
        make("import os")
    assert any(type(each).__name__ == "NamespaceFinder" for each in sys.meta_path)
    assert audit.changes == ()


def test_what_is_equal_but_another_thing_is_a_change() -> None:
    class Same:
        def __eq__(self, other: object) -> bool:
            return True

        def __call__(self, *args: object) -> None: ...

    audit = Audit()
    with audit.loading("notes"):
        builtins.print = Same()  # type: ignore[assignment]
    (change,) = audit.changes
    assert change.what == "builtins"


def test_threads_of_the_gateway_and_its_server_are_no_change() -> None:
    end = threading.Event()
    audit = Audit()
    with audit.loading("notes"):
        threads = [
            threading.Thread(target=end.wait, name=name)
            for name in ("gateway-asgi-notes", "waitress-0", "mine")
        ]
        for thread in threads:
            thread.start()
    end.set()
    for thread in threads:
        thread.join()
    (change,) = audit.changes
    assert (change.before, change.after) == ("-", "mine")


def test_threads_that_have_ended_are_no_change(make: Make) -> None:
    audit = Audit()
    with audit.loading("notes"):
        make("import threading\nt = threading.Thread(); t.start(); t.join()")
    assert audit.changes == ()


def test_modules_that_are_imported_are_no_change(make: Make) -> None:
    sys.modules.pop("colorsys", None)
    audit = Audit()
    with audit.loading("notes"):
        make("import colorsys, asyncio\nasyncio.run(asyncio.sleep(0))")
    assert audit.changes == ()


def test_the_first_finalizer_of_a_process_is_no_change() -> None:
    code = """
from gateway.isolation.audit import Audit
import weakref
assert not weakref.finalize._registered_with_atexit
audit = Audit()
with audit.loading("notes"):
    weakref.finalize(Audit(), print, "the end")
print(audit.changes)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert (done.stdout, done.stderr) == ("the end\n()\n", "")


def test_an_event_loop_policy_of_another_kind_is_told(make: Make) -> None:
    import asyncio

    audit = Audit()
    try:
        with audit.loading("notes"):
            make(
                "import asyncio\n"
                "class Policy(asyncio.DefaultEventLoopPolicy): pass\n"
                "asyncio.set_event_loop_policy(Policy())"
            )
    finally:
        asyncio.set_event_loop_policy(None)
    (change,) = audit.changes
    assert (change.before, change.after) == (
        "asyncio policy: none",
        "asyncio policy: mounts.notes.app.Policy",
    )


# What it says


def test_a_change_is_said_in_one_line_with_its_cure() -> None:
    change = Change("notes", "load", "umask", "0022", "0077", put_back=True)
    assert str(change) == (
        "mount notes changed umask (0022 -> 0077) while it was loaded (put back): "
        "give each file its mode when it is made"
    )
    change = Change("one of a, b", "serve", "umask", "0022", "0077")
    assert str(change).startswith("one of a, b changed umask (0022 -> 0077) while serv")


def test_changes_can_be_an_error_that_says_them_all() -> None:
    changes = [
        Change("notes", "load", "umask", "0022", "0077"),
        Change("notes", "load", "sys.path", "-", "/added"),
    ]
    error = as_error("notes", changes)
    assert error.mount == "notes"
    assert str(error) == (
        "mount 'notes': it changes what all mounts of the process share, and 'strict: "
        "true' forbids that: umask (0022 -> 0077): give each file its mode when it is "
        "made; sys.path (- -> /added): name one folder with 'path:', or install the "
        "package"
    )


def test_changes_are_data_that_json_takes(make: Make) -> None:
    audit = Audit()
    with audit.loading("notes"):
        make(DONE["builtins"][0])
    (change,) = audit.changes
    assert Change(**json.loads(json.dumps(asdict(change)))) == change


def test_long_and_unprintable_texts_are_cut_and_cleaned() -> None:
    audit = Audit()
    with audit.loading("notes"):
        sys.path[:0] = ["/x" * 200, "/\x1b[31m\n", *(f"/{n}" for n in range(20))]
    (change,) = audit.changes
    first, second, *rest = change.after.split(", ")
    assert len(first) == 80
    assert second == "/?[31m?"
    assert rest[-1] == "/3 and 16 more"


def test_another_order_is_told_as_such() -> None:
    audit = Audit()
    with audit.loading("notes"):
        sys.path.reverse()
    (change,) = audit.changes
    assert change.after == f"{len(sys.path)} entries in another order"


def test_a_snapshot_does_not_show_what_it_holds() -> None:
    os.environ["GATEWAY_TEST_NEW"] = "hunter2"
    snapshot = take()
    assert "hunter2" not in repr(snapshot) + repr(dict(snapshot.state))


# What cannot be put back


def test_signals_are_put_back_in_the_main_thread_only(make: Make) -> None:
    before = take()
    make(DONE["signal handlers"][0])
    (change,) = compare(before, take(), "notes", "load")
    found: list[Change] = []
    thread = threading.Thread(target=lambda: found.append(put_back(change, before)))
    thread.start()
    thread.join()
    assert not found[0].put_back
    assert put_back(change, before).put_back
    assert compare(before, take(), "notes", "load") == ()


def test_the_servers_own_handlers_are_no_change() -> None:
    def own(*_: object) -> None: ...

    def servers(*_: object) -> None: ...

    def foreign(*_: object) -> None: ...

    own.__module__ = servers.__module__ = "gateway.servers.waitress"
    first = signal.signal(signal.SIGHUP, own)
    try:
        before = take()
        signal.signal(signal.SIGHUP, servers)
        assert compare(before, take(), "notes", "serve") == ()
        signal.signal(signal.SIGHUP, foreign)
        (change,) = compare(before, take(), "notes", "serve")
        assert change.what == "signal handlers"
    finally:
        signal.signal(signal.SIGHUP, first)


def test_a_folder_that_is_gone_is_not_put_back(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    audit = Audit()
    with audit.loading("notes"):
        os.chdir("/")
        gone.rmdir()
    (change,) = audit.changes
    assert not change.put_back
    os.chdir(tmp_path)


def test_a_working_directory_that_is_gone_is_no_error(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    audit = Audit()
    with audit.loading("notes"):
        os.chdir(gone)
        gone.rmdir()
    (change,) = audit.changes
    assert (change.after, change.put_back) == ("-", True)


def test_filters_that_were_put_back_work(make: Make) -> None:
    with pytest.warns(BytesWarning):
        warnings.warn("x", BytesWarning, stacklevel=1)
    warnings.simplefilter("ignore", BytesWarning)
    with Audit().loading("notes"):
        make(DONE["warnings filters"][0])
    warnings.warn("x", BytesWarning, stacklevel=1)


def test_what_was_warned_of_while_loading_is_warned_of_again(make: Make) -> None:
    shown: list[str] = []
    warnings.simplefilter("always", BytesWarning)
    warnings.showwarning = lambda message, *args: shown.append(str(message))
    code = """
import warnings
warnings.simplefilter("default", BytesWarning)
def careful():
    warnings.warn("careful", BytesWarning, stacklevel=1)
"""
    with Audit().loading("notes"):
        app = make(f"{code}\ncareful()\ncareful()")
    assert len(shown) == 1
    app.careful()
    app.careful()
    assert len(shown) == 3


def test_the_page_says_what_is_looked_at_and_what_is_put_back() -> None:
    page = Path(__file__).parents[2] / "docs" / "logging.md"
    rows = {}
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells and cells[0] in ASPECT_OF:
            rows[cells[0]] = cells[-1]
    expected = {each.what: "yes" if each.put_back else "no" for each in ASPECTS}
    assert rows == expected
