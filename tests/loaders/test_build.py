"""Applications, factories of them, and what is neither."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from composing import PLAIN, composed, failure, get, text

from gateway.errors import AppCrashedError, NotAnApplicationError
from gateway.loaders.build import build

FORMS = '''
import functools


def application(environ, start_response):
    """An application that says how it was made."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(environ.get("made", "application")).encode()]


def made(how):
    def inner(environ, start_response):
        return application(dict(environ, made=how), start_response)
    return inner


def create(name="default", *, options=None):
    return made(f"{name} {options}")


def required(name):
    return made(name)


def sloppy(*args, **kwargs):
    return application(*args, **kwargs)


def sloppy_factory(*args, **kwargs):
    return made(f"{args} {sorted(kwargs)}")


@functools.wraps(application)
def decorated(*args, **kwargs):
    return application(*args, **kwargs)


def defaults(environ=None, start_response=None):
    return application({} if environ is None else environ, start_response)


class Pep3333:
    def __init__(self, environ, start_response):
        self.write = start_response

    def __iter__(self):
        self.write("200 OK", [("Content-Type", "text/plain")])
        yield b"class"


class Product:
    def __init__(self, greeting="hello"):
        self.greeting = greeting

    def __call__(self, environ, start_response):
        return made(self.greeting)(environ, start_response)


ready = functools.partial(create, "partial")
bound = functools.partial(
    lambda how, environ, start_response: made(how)(environ, start_response), "bound"
)
'''


@pytest.mark.parametrize(
    ("mount", "body"),
    [
        ("{app: forms:application}", "application"),
        ("{app: forms:decorated}", "application"),
        ("{app: forms:Pep3333}", "class"),
        ("{app: forms:bound}", "bound"),
        ("{app: forms:create}", "default None"),
        ("{app: forms:create, args: {name: x, options: [1, 2]}}", "x [1, 2]"),
        ("{app: forms:required, args: {name: given}}", "given"),
        ("{app: forms:ready}", "partial None"),
        ("{app: forms:ready, args: {options: yes}}", "partial True"),
        ("{app: forms:Product}", "hello"),
        ("{app: forms:Product, args: {greeting: hi}}", "hi"),
        ("{app: forms:sloppy, factory: false}", "application"),
        ("{app: forms:sloppy_factory, factory: true}", "() []"),
        ("{app: forms:sloppy_factory, args: {a: 1}}", "() ['a']"),
        ("{app: forms:defaults, factory: false}", "application"),
    ],
)
def test_every_form_of_application(tmp_path: Path, mount: str, body: str) -> None:
    with composed(tmp_path, f"forms: {mount}", {"forms.py": FORMS}) as gateway:
        assert text(gateway, "/forms/") == body


def test_each_factory_gets_arguments_of_its_own(tmp_path: Path) -> None:
    app = """
        def create(items):
            items.append("mine")

            def application(environ, start_response):
                items.append("request")
                start_response("200 OK", [("Content-Type", "text/plain")])
                return [repr(items).encode()]

            return application
        """
    mounts = """
        one: {app: app:create, args: &both {items: [first]}}
        two: {app: app:create, args: *both}
        """
    for _ in range(2):  # loading again starts from the file's values again
        with composed(tmp_path, mounts, {"app.py": app}) as gateway:
            assert text(gateway, "/one/") == "['first', 'mine', 'request']"
            assert text(gateway, "/two/") == "['first', 'mine', 'request']"
            spec = gateway.spec.mounts[0].target
            assert getattr(spec, "args") == {"items": ["first"]}  # noqa: B009


WRONG = """
import contextlib


def application(environ, start_response):
    pass


def create(name, testing=False):
    pass


async def asynchronous():
    pass


async def async_wsgi(environ, start_response):
    pass


class AsyncObject:
    async def __call__(self, environ, start_response):
        pass


def asgi(scope, receive, send):
    pass


def make_asgi():
    return asgi


def make_wsgi():
    return application


def make_none():
    application


def make_text():
    return "application"


def make_coroutine():
    return asynchronous()


def anything(*args):
    pass


def raises():
    raise ValueError("no database")


def exits():
    raise SystemExit(3)


class TimeIsUp(BaseException):
    pass  # as gevent.Timeout is one, and asyncio.CancelledError


def times_out():
    raise TimeIsUp


class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def says_nothing():
    raise Silent


def positional(name, /):
    pass


async_object = AsyncObject()
number = 42
nothing = None
"""


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        (
            "{app: wrong:number}",
            "wrong:number is an int, not a WSGI application (environ, start_response)",
        ),
        (
            "{app: wrong:nothing}",
            "wrong:nothing is None, not a WSGI application (environ, start_response)",
        ),
        (
            "{asgi: wrong:number}",
            "wrong:number is an int, not an ASGI application (scope, receive, send)",
        ),
        (
            "{app: wrong:number, factory: true}",
            "wrong:number is an int, which cannot be called as a factory",
        ),
        (
            "{app: wrong:number, factory: false}",
            "wrong:number is an int, not a WSGI application (environ, start_response)",
        ),
        (
            "{app: wrong:asgi}",
            "wrong:asgi is an ASGI application (scope, receive, send): use 'asgi:' "
            "instead of 'app:'",
        ),
        (
            "{asgi: wrong:application}",
            "wrong:application is a WSGI application (environ, start_response): use "
            "'app:' instead of 'asgi:'",
        ),
        (
            "{app: wrong:asgi, factory: false}",
            "wrong:asgi is an ASGI application (scope, receive, send): use 'asgi:' "
            "instead of 'app:'",
        ),
        (
            "{app: wrong:make_asgi}",
            "what wrong:make_asgi returned is an ASGI application (scope, receive, "
            "send): use 'asgi:' instead of 'app:'",
        ),
        (
            "{asgi: wrong:make_wsgi}",
            "what wrong:make_wsgi returned is a WSGI application (environ, "
            "start_response): use 'app:' instead of 'asgi:'",
        ),
        (
            "{app: wrong:make_none}",
            "what wrong:make_none returned is None, not a WSGI application (environ, "
            "start_response): does the factory end with a 'return'?",
        ),
        (
            "{app: wrong:make_text}",
            "what wrong:make_text returned is a str, not a WSGI application (environ, "
            "start_response)",
        ),
        (
            "{app: wrong:make_coroutine}",
            "what wrong:make_coroutine returned is a coroutine, not a WSGI application "
            "(environ, start_response)",
        ),
        (
            "{app: wrong:asynchronous}",
            "wrong:asynchronous is an async function: a factory is a plain one; what "
            "has to be awaited belongs in the application's start-up",
        ),
        (
            "{app: wrong:async_wsgi}",
            "wrong:async_wsgi is an async function, not a WSGI application (environ, "
            "start_response)",
        ),
        (
            "{app: wrong:async_object}",
            "wrong:async_object is an async function, not a WSGI application (environ, "
            "start_response)",
        ),
        (
            "{app: wrong:create}",
            "wrong:create(name, testing=False) requires neither what a WSGI "
            "application (environ, start_response) requires nor, as a factory does, "
            "nothing: give 'args:' to a factory, or say 'factory: true' or 'factory: "
            "false'",
        ),
        (
            "{app: wrong:anything}",
            "wrong:anything(*args) takes any arguments, so it could be a WSGI "
            "application (environ, start_response) or a factory of one: say "
            "'factory: true' or 'factory: false'",
        ),
        (
            "{app: wrong:create, factory: true}",
            "the factory wrong:create(name, testing=False) needs 'args:': missing "
            "a required argument: 'name'",
        ),
        (
            "{app: wrong:create, args: {name: a, tesing: true}}",
            "the factory wrong:create(name, testing=False) does not fit 'args:' (name, "
            "tesing): got an unexpected keyword argument 'tesing'; did you mean "
            "'testing'?",
        ),
        (
            "{app: wrong:create, args: {testing: true}}",
            "the factory wrong:create(name, testing=False) does not fit 'args:' "
            "(testing): missing a required argument: 'name'",
        ),
        (
            "{app: wrong:application, args: {zzz: true}}",
            "the factory wrong:application(environ, start_response) does not fit "
            "'args:' (zzz): missing a required argument: 'environ'",
        ),
    ],
)
def test_what_is_no_application(tmp_path: Path, mount: str, message: str) -> None:
    error = failure(tmp_path, f"wrong: {mount}", {"wrong.py": WRONG})
    assert type(error) is NotAnApplicationError
    assert error.mount == "wrong"
    assert error.message == message


def test_arguments_that_can_only_be_positional(tmp_path: Path) -> None:
    mount = "wrong: {app: wrong:positional, args: {name: a}}"
    error = failure(tmp_path, mount, {"wrong.py": WRONG})
    assert isinstance(error, NotAnApplicationError)
    assert "the factory wrong:positional(name, /) does not fit" in error.message


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "ValueError: no database"),
        ("exits", "SystemExit"),
        ("times_out", "TimeIsUp"),
        ("says_nothing", "Silent"),
    ],
)
def test_a_factory_that_raises(tmp_path: Path, name: str, reason: str) -> None:
    error = failure(tmp_path, f"wrong: {{app: wrong:{name}}}", {"wrong.py": WRONG})
    assert isinstance(error, AppCrashedError)
    assert error.message.startswith(
        f"calling the factory wrong:{name} failed: {reason}"
    )
    assert error.frames.count("File ") == 1
    assert f'{tmp_path / "wrong.py"}", line' in error.frames


def test_an_interrupt_in_a_factory_is_meant_for_the_process(tmp_path: Path) -> None:
    app = {"app.py": "def create():\n    raise KeyboardInterrupt\n"}
    with (
        pytest.raises(KeyboardInterrupt),
        composed(tmp_path, "a: {app: app:create}", app),
    ):
        pass


def test_a_callable_without_a_signature_is_called_if_it_is_said_to_be_a_factory() -> (
    None
):
    class Unreadable:
        @property
        def __signature__(self) -> Any:
            raise RuntimeError

        def __call__(self) -> Any:
            return application

    def application(environ: Any, start_response: Any) -> Any: ...

    found = build("a", "a:a", Unreadable(), "wsgi", args={}, factory=True)
    assert found is application


def test_a_response_is_the_applications_own(tmp_path: Path) -> None:
    with composed(
        tmp_path, "app: {app: app:application}", {"app.py": PLAIN}
    ) as gateway:
        response = get(gateway, "/app/")
        assert response.status == "200 OK"
        assert response.data == b"plain"
        headers = dict(response.headers)
        del headers["X-Request-ID"]  # The gateway's, from outside.
        assert headers == {"Content-Type": "text/plain"}


def test_partial_of_an_async_function_is_async() -> None:
    async def create(name: str) -> Any: ...

    with pytest.raises(NotAnApplicationError, match="is an async function"):
        build("a", "a:a", functools.partial(create, "x"), "wsgi", args={}, factory=None)
