"""The proof of intact gateways, whatever their applications do."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from proof_site import (
    PLAIN,
    evidence,
    found,
    not_proven,
    one_app,
    plain_gateway,
    quick_proof,
    statuses,
    write_app,
    write_gateway,
)

from gateway import generation
from gateway.config.load import load_config
from gateway.config.spec import GatewaySpec
from gateway.errors import LoadError, LoadErrors
from gateway.mount import Mount
from gateway.proof import schedule
from gateway.proof.report import MountReport, Report
from gateway.proof.scenes import waves
from gateway.proof.stage import Stage
from gateway.site import UnknownMountError

FLASK = """
    from flask import Flask, current_app, render_template_string, session
    from gateway import g

    def create_app():
        app = Flask(__name__)

        @app.get("/")
        def index():
            g.title = current_app.config["TITLE"]
            session["seen"] = True
            return render_template_string("{{ title }}", title=g.title)

        return app
"""

NATIVE = """
    from gateway import App, current_app, g, stream_with_context

    app = App(__name__)

    @app.get("/")
    def index():
        g.title = current_app.config["TITLE"]
        # Nested: the request's own context must be left alone by it.
        with app.app_context():
            g.inner = True
        return stream_with_context(part for part in (g.title, str("inner" in g)))
"""

ASGI = """
    from gateway import g

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        g.path = scope["path"]
        start = {"type": "http.response.start", "status": 404, "headers": []}
        await send(start)
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": g.path.encode()})
"""


@pytest.fixture
def all_kinds(tmp_path: Path) -> GatewaySpec:
    for name, source in (
        ("flask", FLASK),
        ("native", NATIVE),
        ("plain", PLAIN),
        ("asgi", ASGI),
    ):
        write_app(tmp_path / name, source)
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "index.html").write_text("static")
    config = {"TITLE": "notes", "SECRET_KEY": "x", "TAGS": ["a", {"b": []}]}
    mounts = {
        "notes": {"app": "app:create_app", "path": "flask", "config": config},
        "again": {"app": "app:create_app", "path": "flask", "config": config},
        "native": {"app": "app:app", "path": "native", "config": {"TITLE": "native"}},
        "plain": {"app": "app:app", "path": "plain", "prefix": "/a b/ü"},
        "root": {"app": "app:app", "path": "plain", "prefix": "/"},
        "wild": {"app": "app:app", "path": "plain", "host": "*.example.com"},
        "exact": {"app": "app:app", "path": "plain", "host": "localhost"},
        "asgi": {"asgi": "app:app", "path": "asgi"},
        "public": {"static": "public"},
        "old": {"redirect": "/notes", "status": 301},
    }
    return load_config(write_gateway(tmp_path, mounts))


def of(report: Report, mount: str) -> MountReport:
    (one,) = (each for each in report.mounts if each.mount == mount)
    return one


def test_mounts_of_all_kinds_are_proven(all_kinds: GatewaySpec) -> None:
    report = quick_proof(all_kinds)
    assert report.violations == ()
    assert report.proven
    assert [mount.mount for mount in report.mounts] == [
        mount.name for mount in all_kinds.mounts
    ]
    for mount in report.mounts:
        assert mount.remarks == ()
        code = mount.kind not in ("static", "redirect")
        framework = mount.kind in ("flask", "native", "asgi")
        # In waves, endings, nested ones as each of the three, from threads and from
        # greenlets, around the reload; with cookies.
        calls = 6 + 6 + 3 * 9 + 3 + 3 + 3 + (2 if code else 0)
        assert not_proven(report, mount.mount) == {
            *(() if framework else ["framework"]),
            *(() if code else ["cookies", "env", "modules"]),
        }
        assert {each.claim: each.count for each in mount.verdicts} == {
            **dict.fromkeys(["context", "g", "config", "stack", "teardown"], calls),
            **dict.fromkeys(["process", "state"], calls),
            # One of the endings is an error before the application is called.
            "framework": calls - 1 if framework else 0,
            "env": calls if code else 0,
            "cookies": 1 if code else 0,
            "modules": 1 if code else 0,
            "reload": 3,
        }


def test_every_mount_has_served_its_own_root(all_kinds: GatewaySpec) -> None:
    report = quick_proof(all_kinds)
    answers = {
        mount.mount: [(each.status, each.count) for each in mount.answers]
        for mount in report.mounts
    }
    assert answers.pop("old") == [(301, 6)]
    assert answers.pop("asgi") == [(404, 6)]
    assert list(answers.values()) == [[(200, 6)]] * 8


def test_the_totals_say_how_much_was_seen(all_kinds: GatewaySpec) -> None:
    report = quick_proof(all_kinds)
    # To each mount: 6 in waves, 6 endings, 3 from threads, 3 from greenlets, 3 around
    # the reload; 3 for each pair of mounts; 2 for cookies where there is code.
    assert report.requests == 10 * (6 + 6 + 3 + 3 + 3) + 3 * 90 + 2 * 8
    assert report.pid == os.getpid()
    # All pairs of ten mounts; and in each of two waves all 30 calls were inside at
    # once, those of one mount not counted.
    assert report.mount_pairs == 45
    assert report.overlaps >= 2 * (30 * 29 // 2 - 10 * 3)
    assert report.threads >= 30
    assert len(report.timeline) == report.requests
    assert 0 < report.seconds < 15


def test_nothing_of_the_proof_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mounts: list[Mount] = []

    class Remembered(Mount):
        def close(self) -> None:
            mounts.append(self)
            super().close()

    monkeypatch.setattr(generation, "Mount", Remembered)
    quick_proof(plain_gateway(tmp_path, ["one", "two"]))
    # Two, and two more of the reload.
    assert len(mounts) == 4
    for mount in mounts:
        assert mount.application.teardown_appcontext_funcs == []
        assert sorted(mount.application.config) == ["TAGS", "TITLE"]


OWN_CLASS = """
    import flask

    class Flask(flask.Flask):
        pass

    app = Flask(__name__)
    app.get("/")(lambda: "x")
"""


def test_a_class_of_its_own_that_is_called_flask(tmp_path: Path) -> None:
    report = quick_proof(one_app(tmp_path, OWN_CLASS))
    assert report.violations == ()
    assert not_proven(report, "odd") == set()


ASKING_ITSELF = """
    from FRAMEWORK, current_app, g

    app = Flask(__name__)

    @app.get("/")
    def index():
        g.outer = True
        return current_app.test_client().get("/inner").data

    app.get("/inner")(lambda: "x")
"""


@pytest.mark.parametrize(
    "framework", ["flask import Flask", "gateway import App as Flask"]
)
def test_an_application_that_asks_itself(tmp_path: Path, framework: str) -> None:
    source = ASKING_ITSELF.replace("FRAMEWORK", framework)
    report = quick_proof(one_app(tmp_path, source))
    assert report.violations == ()
    assert not_proven(report, "odd") == set()


CALLING = """
    from gateway import mount_url, subrequest

    def app(environ, start_response):
        with subrequest(mount_url("api")) as response:
            start_response(response.status, [])
            return [response.data]
"""


def test_an_application_that_calls_an_asgi_mount(tmp_path: Path) -> None:
    write_app(tmp_path / "calling", CALLING)
    write_app(tmp_path / "api", ASGI)
    mounts = {
        "calling": {"app": "app:app", "path": "calling"},
        "api": {"asgi": "app:app", "path": "api"},
    }
    report = quick_proof(load_config(write_gateway(tmp_path, mounts)))
    assert report.violations == ()
    assert not_proven(report, "calling") == {"framework"}
    assert not_proven(report, "api") == set()


def test_a_private_library_below_the_folder_of_another_mount(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    libraries = tmp_path / "libs"
    libraries.mkdir()
    (libraries / "proof_library.py").write_text("registry = []\n")
    monkeypatch.syspath_prepend(libraries)
    (tmp_path / "app.py").write_text(dedent(PLAIN))
    write_app(tmp_path / "own", "    import proof_library\n" + PLAIN)
    mounts = {
        "home": {"app": "app:app"},
        "own": {"app": "app:app", "path": "own", "private": ["proof_library"]},
    }
    report = quick_proof(load_config(write_gateway(tmp_path, mounts)))
    assert report.violations == ()
    assert not_proven(report, "own") == {"framework"}


def test_only_the_chosen_mounts_are_examined(tmp_path: Path) -> None:
    spec = plain_gateway(tmp_path, ["one", "two", "three"])
    report = quick_proof(spec, "three", "one")
    assert report.proven
    assert [mount.mount for mount in report.mounts] == ["one", "three"]
    assert report.requests == 2 * (6 + 6 + 3 + 3 + 3 + 2) + 3 * 2


def test_a_single_mount_overlaps_with_itself(tmp_path: Path) -> None:
    report = quick_proof(plain_gateway(tmp_path, ["one", "two"]), "one")
    assert report.proven
    assert not_proven(report, "one") == {"process", "framework"}
    assert any("one mount only" in note for note in report.notes)


def test_a_limit_for_clients_is_none_for_the_prover(tmp_path: Path) -> None:
    spec = plain_gateway(tmp_path, ["a", "b", "c"], max_concurrency=1)
    report = quick_proof(spec)
    assert found(report) == set()
    assert not_proven(report, "a") == {"framework"}


def test_more_mounts_than_one_group_holds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(schedule, "MOST_THREADS", 9)
    spec = plain_gateway(tmp_path, ["one", "two", "three", "four"])
    # Two clients for each mount: four mounts to a group.
    assert quick_proof(spec, requests=2).notes == ()
    report = quick_proof(spec, requests=3)
    assert report.proven
    assert any("2 groups" in note for note in report.notes)


def test_an_unknown_mount(tmp_path: Path) -> None:
    with pytest.raises(UnknownMountError, match="the mounts are one, two"):
        quick_proof(plain_gateway(tmp_path, ["one", "two"]), "three")


def test_a_mount_that_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(LoadErrors) as caught:
        quick_proof(one_app(tmp_path, "1 / 0"))
    assert [type(error).__mro__[1] for error in caught.value.errors] == [LoadError]


# Applications that behave oddly: the gateway is not to blame.

RAISING = """
    def app(environ, start_response):
        raise ValueError("a secret")
"""

RAISING_LATER = """
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "100")])
        def body():
            yield b"half"
            raise KeyError("a secret")
        return body()
"""

RAISING_LAST = """
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "4")])
        def body():
            yield b"whole"[:4]
            raise KeyError("a secret")
        return body()
"""

NO_BODY = """
    def app(environ, start_response):
        start_response("200 OK", [])
        return None
"""

OWN_ERROR = """
    def app(environ, start_response):
        start_response("502 Bad Gateway", [("Content-Length", "0")])
        return []
"""


@pytest.mark.parametrize(
    ("source", "remark"),
    [
        (RAISING, "the application itself raised ValueError (6)"),
        (RAISING_LATER, "the application itself raised KeyError (3)"),
        (RAISING_LAST, "the application itself raised KeyError (6)"),
        (NO_BODY, "the application itself raised TypeError (6)"),
        (OWN_ERROR, "the application itself answers 502 (6)"),
    ],
    ids=["raises", "raises later", "raises last", "no body", "502"],
)
def test_an_error_of_the_application_is_a_remark(
    tmp_path: Path, source: str, remark: str
) -> None:
    report = quick_proof(one_app(tmp_path, source))
    assert report.violations == ()
    assert remark in of(report, "odd").remarks
    assert "secret" not in str(report)


QUIRKS = {
    "contexts of its own": """
        from gateway import g
        from gateway.context import current_app_context, AppContext

        def app(environ, start_response):
            context = AppContext(current_app_context.get().app)
            context.push()
            g.inner = True
            context.pop()
            start_response("200 OK", [])
            return iter([b"x"])
    """,
    "context variables left set": """
        from contextvars import ContextVar

        variable = ContextVar("variable")

        def app(environ, start_response):
            variable.set("left")
            start_response("200 OK", [])
            return iter([b"x"])
    """,
    "write()": """
        def app(environ, start_response):
            write = start_response("200 OK", [])
            write(b"a")
            return [b"b"]
    """,
    "no close": """
        class Body:
            def __iter__(self):
                return iter([b"a"] * 100)

        def app(environ, start_response):
            start_response("200 OK", [])
            return Body()
    """,
    "a g of its own class": """
        from gateway import App

        class Globals:
            def __init__(self):
                self.started = True

        app = App(__name__)
        app.app_ctx_globals_class = Globals
        app.get("/")(lambda: "x")
    """,
    "empty": """
        def app(environ, start_response):
            start_response("204 No Content", [])
            return iter(())
    """,
    "closes the connection": """
        def app(environ, start_response):
            start_response("200 OK", [])
            return (part for part in (b"no", b"length"))
    """,
    "large": """
        def app(environ, start_response):
            start_response("200 OK", [])
            return (bytes(10_000) for _ in range(100))
    """,
}


@pytest.mark.parametrize("source", QUIRKS.values(), ids=QUIRKS)
def test_what_an_application_may_do_is_no_violation(
    tmp_path: Path, source: str
) -> None:
    report = quick_proof(one_app(tmp_path, source))
    assert report.violations == ()
    assert of(report, "odd").remarks == ()
    assert not_proven(report, "odd") <= {"framework"}


ENDLESS = """
    def app(environ, start_response):
        start_response("200 OK", [])
        while True:
            yield b"more" * 1000
"""


@pytest.mark.parametrize(
    ("limits", "remark"),
    [
        ({"body": 0.2, "size": 1 << 40}, "still going on after 0.2 s (3)"),
        ({"body": 60.0, "size": 100_000}, "still going on after 100000 bytes (3)"),
    ],
    ids=["time", "size"],
)
def test_an_endless_stream_is_cut_off_and_remarked(
    tmp_path: Path, limits: dict[str, Any], remark: str
) -> None:
    report = quick_proof(one_app(tmp_path, ENDLESS), **limits)
    assert report.violations == ()
    assert of(report, "odd").remarks == (
        f"the response was {remark}",
        "3 requests were not sent",
    )


STOPPING = """
    import time

    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"part"
        time.sleep(1)
        yield b"more"
"""


def test_a_stream_that_stops_is_left(tmp_path: Path) -> None:
    report = quick_proof(one_app(tmp_path, STOPPING), response=0.2)
    assert report.violations == ()
    assert "the response stopped for 0.2 s (3)" in of(report, "odd").remarks


HANGING = """
    import os, time

    def app(environ, start_response):
        while not os.path.exists(FILE):
            time.sleep(0.01)
        start_response("200 OK", [])
        return []
"""


def test_a_hanging_application_is_reported_and_not_waited_for(tmp_path: Path) -> None:
    release = tmp_path / "release"
    source = HANGING.replace("FILE", repr(str(release)))
    spec = one_app(tmp_path, source)
    try:
        report = quick_proof(spec, meeting=0.1, response=0.5, drain=0.3)
    finally:
        release.touch()
    assert found(report) == {("odd", "context", "served")}
    assert evidence(report, "odd", "served") == (
        "the call has not ended: its last look was while other calls were inside"
    )
    assert "no response within 0.5 s (3)" in of(report, "odd").remarks
    assert not_proven(report, "plain") == {"framework"}


def test_no_time_for_any_request(tmp_path: Path) -> None:
    report = quick_proof(plain_gateway(tmp_path, ["one", "two"]), total=0)
    assert not report.proven
    assert found(report) >= {(name, "context", "served") for name in ("one", "two")}
    assert evidence(report, "one", "served") == "no request was sent: time was up"


def test_what_time_leaves_out_is_told_and_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def until_time_is_up(stage: Stage, schedule: Any) -> None:
        played(stage, schedule)
        stage.deadline = 0

    played = waves.play
    monkeypatch.setattr(waves, "play", until_time_is_up)
    report = quick_proof(plain_gateway(tmp_path, ["one", "two"]))
    assert report.proven
    (note,) = (each for each in report.notes if each.startswith("time was up"))
    assert note == (
        "time was up when 22 requests had not been sent: raising at entry 2, raising "
        "when the application returned 2, raising at a body step 2, raising at close "
        "2, half-read 2, disconnected 2, nested 2, from threads 2, from greenlets 2, "
        "setting a cookie 2, showing cookies 2"
    )
    nothing = {"stack", "teardown", "framework", "cookies", "reload"}
    assert not_proven(report, "one") == nothing
    reasons = {each.claim: each.reason for each in of(report, "one").verdicts}
    assert reasons["stack"] == (
        "none of its calls got to make a subrequest, and to look around after it"
    )
    assert reasons["teardown"] == (
        "none of its calls got to end in an error of the prover's"
    )


def test_the_time_that_waves_take_is_counted_too(tmp_path: Path) -> None:
    report = quick_proof(plain_gateway(tmp_path, ["one", "two"]), total=0)
    assert "time was up when 12 requests had not been sent: plain 12" in report.notes


CHANGING = """
    from gateway import current_app

    def app(environ, start_response):
        current_app.config["TITLE"] = "changed"
        start_response("200 OK", [])
        return []
"""


def test_an_application_that_changes_its_own_config(tmp_path: Path) -> None:
    spec = one_app(tmp_path, CHANGING, config={"TITLE": "given"})
    assert found(quick_proof(spec)) == {("odd", "config", "values")}


EMPTYING = """
    from gateway import g

    def app(environ, start_response):
        for name in list(g):
            g.pop(name)
        start_response("200 OK", [])
        return []
"""


def test_an_application_that_empties_g(tmp_path: Path) -> None:
    report = quick_proof(one_app(tmp_path, EMPTYING))
    assert found(report) == {("odd", "g", "unshared")}
    assert evidence(report, "odd", "unshared").endswith("put in g was gone")


def test_without_greenlets_a_note_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "greenlet", None)
    report = quick_proof(plain_gateway(tmp_path, ["one", "two"]))
    assert report.proven
    assert report.notes == (
        "no subrequest was made from greenlets: greenlet is not installed",
    )
    assert "from greenlets" not in {span.act for span in report.timeline}


LOADED_ONCE = """
    import os

    assert not os.path.exists(FILE), "a second time"
    open(FILE, "w").close()

    def app(environ, start_response):
        start_response("200 OK", [])
        return [b"x"]
"""


def test_what_cannot_be_loaded_twice_is_not_reloaded(tmp_path: Path) -> None:
    spec = one_app(tmp_path, LOADED_ONCE.replace("FILE", repr(f"{tmp_path}/there")))
    report = quick_proof(spec)
    assert report.proven
    (note,) = report.notes
    assert note.startswith("reload: the gateway could not be reloaded: ")
    assert "a second time" in note
    assert not_proven(report, "plain") == {"framework", "reload"}


def test_the_probe_is_asked_for(tmp_path: Path) -> None:
    source = """
        def app(environ, start_response):
            found = environ["PATH_INFO"] == "/health"
            start_response("200 OK" if found else "500 Oops", [])
            return [environ["QUERY_STRING"].encode()]
    """
    report = quick_proof(one_app(tmp_path, source, probe="/health?deep=1"))
    assert report.proven
    assert of(report, "odd").remarks == ()
    assert [(each.status, each.count) for each in of(report, "odd").answers] == [
        (200, 6)
    ]


def test_an_application_that_a_reload_hands_on(tmp_path: Path) -> None:
    """It is of a library, and so the same object after the reload."""
    library = "from flask import Flask\nflask_of_a_library = Flask(__name__)"
    # As `pip install --target` leaves it.
    information = tmp_path / "libraries" / "proof_library-1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Name: proof_library\nVersion: 1\n")
    (information / "RECORD").write_text("proof_library.py,,\n")
    (tmp_path / "libraries" / "proof_library.py").write_text(library)
    write_app(tmp_path / "plain", PLAIN)
    mounts = {
        "library": {"app": "proof_library:flask_of_a_library", "venv": "libraries"},
        "plain": {"app": "app:app", "path": "plain"},
    }
    report = quick_proof(load_config(write_gateway(tmp_path, mounts)))
    assert report.violations == ()
    assert not_proven(report, "library") == {"modules"}
    assert statuses(report, "library")["reload"] == "proven"
