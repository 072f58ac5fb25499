"""Loading and ending one mount, whatever its kind."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from pathlib import Path

import pytest
from composing import PLAIN, composed, failure, text, write

from gateway.config.load import load_config
from gateway.context import current_app_context
from gateway.errors import AppCrashedError, AppNotFoundError, NotAnApplicationError
from gateway.lifecycle import Gateway
from gateway.loaders.load import load
from gateway.loaders.wrapped import innermost
from gateway.site import seed_config

ASGI = """
from contextlib import asynccontextmanager
from pathlib import Path
from starlette.applications import Starlette

log = Path(__file__).with_name("log")

def note(line):
    with log.open("a") as file:
        print(line, file=file)

@asynccontextmanager
async def lifespan(app):
    note("startup")
    yield
    note("lifespan shutdown")

app = Starlette(lifespan=lifespan)

def close():
    import gateway
    note(f"shutdown of {gateway.current_app.name}")
"""


def test_an_asgi_mounts_lifespan_ends_before_its_shutdown_function(
    tmp_path: Path,
) -> None:
    mount = "api: {asgi: main:app, shutdown: main:close}"
    with composed(tmp_path, mount, {"main.py": ASGI}) as gateway:
        assert gateway.mounts["api"].kind == "asgi"
        assert (tmp_path / "log").read_text() == "startup\n"
    assert (tmp_path / "log").read_text().splitlines() == [
        "startup",
        "lifespan shutdown",
        "shutdown of api",
    ]


def test_an_asgi_factory_gets_arguments(tmp_path: Path) -> None:
    app = """
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.routing import Route

        def create(greeting):
            def hello(request):
                return PlainTextResponse(greeting)
            return Starlette(routes=[Route("/", hello)])
        """
    mount = "api: {asgi: main:create, args: {greeting: hi}}"
    with composed(tmp_path, mount, {"main.py": app}) as gateway:
        assert text(gateway, "/api/") == "hi"


def test_a_start_up_that_fails_is_told_once_and_leaves_nothing(tmp_path: Path) -> None:
    app = """
        from contextlib import asynccontextmanager
        from starlette.applications import Starlette

        @asynccontextmanager
        async def lifespan(app):
            raise ConnectionError("no database")
            yield

        app = Starlette(lifespan=lifespan)
        """
    error = failure(tmp_path, "api: {asgi: main:app}", {"main.py": app})
    assert isinstance(error, AppCrashedError)
    assert error.message == (
        "its lifespan start-up failed: ConnectionError: no database"
    )
    assert f'{tmp_path}/main.py", line 7, in lifespan' in error.frames
    assert not [name for name in sys.modules if name.startswith("mounts.")]


SHUTDOWN = f"""
{PLAIN}
order = []

def close():
    import gateway, helper
    order.append(helper.NAME + gateway.current_app.config["TITLE"])

class Pool:
    def stop(self, wait=True):
        order.append("pool")

pool = Pool()
number = 1

def needs(one):
    pass

async def asynchronous():
    pass
"""


@pytest.mark.parametrize(
    ("name", "expected"), [("close", ["helper T"]), ("pool.stop", ["pool"])]
)
def test_the_shutdown_function_runs_once_in_the_mounts_context(
    tmp_path: Path, name: str, expected: list[str]
) -> None:
    files = {"app.py": SHUTDOWN, "helper.py": "NAME = 'helper '"}
    mount = f"a: {{app: app:application, shutdown: 'app:{name}', config: {{TITLE: T}}}}"
    with composed(tmp_path, mount, files) as gateway:
        order = sys.modules["mounts.a.app"].order
        assert order == []
        gateway.close()
        assert order == expected
    assert order == expected
    assert current_app_context.get(None) is None


def test_a_library_finds_the_mounts_modules_at_its_end(tmp_path: Path) -> None:
    app = f"""
{PLAIN}
import sys
from importlib import import_module

order = []

def close():
    # Called by a library: it is not the mount's code that asks.
    eval("order.append(import_module('late').NAME)", {{**sys.modules["json"].__dict__,
         "import_module": import_module, "order": order}})
"""
    files = {"app.py": app, "late.py": "NAME = 'late'"}
    mount = "a: {app: app:application, shutdown: app:close}"
    with composed(tmp_path, mount, files):
        order = sys.modules["mounts.a.app"].order
    assert order == ["late"]


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("number", NotAnApplicationError, "shutdown: app:number is not a function"),
        (
            "needs",
            NotAnApplicationError,
            "shutdown: app:needs takes (one), and it is called without arguments",
        ),
        (
            "asynchronous",
            NotAnApplicationError,
            "shutdown: app:asynchronous is an async function, and nothing would await "
            "it: name a plain one",
        ),
        (
            "clos",
            AppNotFoundError,
            "'app' ({path}/app.py) has no attribute 'clos'; did you mean 'close'?",
        ),
    ],
)
def test_a_mistake_in_shutdown_is_told_when_the_mount_is_loaded(
    tmp_path: Path, name: str, kind: type, message: str
) -> None:
    mount = f"a: {{app: app:application, shutdown: 'app:{name}'}}"
    error = failure(tmp_path, mount, {"app.py": SHUTDOWN})
    assert type(error) is kind
    assert error.message == message.format(path=tmp_path)


def test_a_shutdown_without_a_signature_is_taken_at_its_word(tmp_path: Path) -> None:
    app = f"""
{PLAIN}
class Odd:
    closed = False

    @property
    def __signature__(self):
        raise RuntimeError

    def __call__(self):
        Odd.closed = True

odd = Odd()
"""
    mount = "a: {app: app:application, shutdown: app:odd}"
    with composed(tmp_path, mount, {"app.py": app}):
        odd = sys.modules["mounts.a.app"].odd
        assert not odd.closed
    assert odd.closed


def test_a_shutdown_that_the_factory_makes(tmp_path: Path) -> None:
    app = f"""
{PLAIN}
order = []
stop = None

def create():
    global stop
    stop = lambda: order.append("stopped")
    return application
"""
    mount = "a: {app: app:create, shutdown: app:stop}"
    with composed(tmp_path, mount, {"app.py": app}):
        order = sys.modules["mounts.a.app"].order
    assert order == ["stopped"]


def test_an_error_at_the_end_is_logged_and_all_the_rest_still_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = ASGI.replace('note("lifespan shutdown")', 'raise ValueError("lifespan")')
    app += "    raise SystemExit('close')\n"
    mount = "api: {asgi: main:app, shutdown: main:close}"
    with composed(tmp_path, mount, {"main.py": app}):
        pass
    assert (tmp_path / "log").read_text() == "startup\nshutdown of api\n"
    (record,) = caplog.records
    assert record.getMessage() == "mount api: closing failed"
    assert record.levelno == logging.ERROR
    shown = logging.Formatter().format(record)
    assert "SystemExit: close" in shown
    assert "ValueError: lifespan" in shown
    assert not [name for name in sys.modules if name.startswith("mounts.")]


seen: ContextVar[str] = ContextVar("seen", default="nothing")


def test_what_loading_does_to_context_variables_is_forgotten(tmp_path: Path) -> None:
    app = f"""
import gateway
from test_load import seen
from gateway.context import AppContext

seen.set("loading")
AppContext(gateway.current_app._get_current_object()).push()
{PLAIN}
def close():
    seen.set("closing")
"""
    mount = "a: {app: app:application, shutdown: app:close, config: {X: 1}}"
    with composed(tmp_path, mount, {"app.py": app}):
        assert seen.get() == "nothing"
        assert current_app_context.get(None) is None
        assert seed_config.get() is None
    assert seen.get() == "nothing"


def test_a_django_project_in_private_modules_gets_a_hint(tmp_path: Path) -> None:
    # Django's own error, in Django's own code; no settings are touched by it.
    app = """
        from django.utils.module_loading import import_string
        import_string("nothing")
        """
    mount = "a: {app: app:application}"
    error = failure(tmp_path, mount, {"app.py": app})
    assert isinstance(error, AppCrashedError)
    assert error.message.endswith(
        "; a Django project needs 'imports: shared', for Django finds its parts by the "
        "names of their modules"
    )
    assert "import_string" in error.frames


def test_static_and_redirect_mounts_have_a_context_too(tmp_path: Path) -> None:
    write(tmp_path, {"public/a.txt": "a"})
    mounts = "files: {static: public}\nold: {redirect: /files}"
    with composed(tmp_path, mounts) as gateway:
        kinds = [mount.kind for mount in gateway.mounts.values()]
        assert kinds == ["static", "redirect"]
        for mount in gateway.mounts.values():
            assert mount.application.name == mount.name
            assert mount.application.config == {}


def test_loading_the_same_spec_twice_gives_two_applications(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PLAIN)
    config = tmp_path / "gateway.yaml"
    config.write_text("mounts: {a: {app: app:application, config: {LIST: []}}}")
    spec = load_config(config)
    one, two = (load(spec.mounts[0], spec.home) for _ in range(2))
    assert one.served is not two.served
    assert one.application.config["LIST"] is not two.application.config["LIST"]
    for loaded in (one, two):
        assert loaded.close is not None
        loaded.close()


def test_middleware_that_cannot_be_looked_into() -> None:
    class Odd:
        @property
        def app(self) -> object:
            raise RuntimeError("not now")

        def application(self) -> None: ...

    class Endless:
        @property
        def app(self) -> Endless:
            return self

        def __call__(self) -> None: ...

    odd = Odd()
    assert innermost(odd, lambda each: each == odd.application) == odd.application
    assert innermost(odd, lambda each: False) is None
    assert innermost(Endless(), lambda each: False) is None


def test_a_gateway_may_be_mounted_in_a_gateway(tmp_path: Path) -> None:
    app = f"""
from gateway import Gateway
inner = Gateway.from_file({str(tmp_path / "inner" / "gateway.yaml")!r})
"""
    write(tmp_path, {"inner/app.py": PLAIN.replace('b"plain"', "where(environ)")})
    with (tmp_path / "inner" / "app.py").open("a") as file:
        file.write("""
def where(environ):
    from gateway import current_app, mount_url
    found = [environ["SCRIPT_NAME"], current_app.name, mount_url("deep", "x")]
    return " ".join(found).encode()
""")
    (tmp_path / "inner" / "gateway.yaml").write_text(
        "mounts: {deep: {app: app:application}, other: {redirect: /deep}}"
    )
    mount = "a: {app: app:inner, shutdown: app:inner.close}"
    with composed(tmp_path, mount, {"app.py": app}) as gateway:
        assert isinstance(sys.modules["mounts.a.app"].inner, Gateway)
        assert text(gateway, "/a/deep/x") == "/a/deep deep /a/deep/x"
