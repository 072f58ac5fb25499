"""Mounts with libraries of their own: ``venv:``, ``private:`` and ``shared:``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from composing import PLAIN, composed, failure, modules_forgotten, text, write

from gateway.errors import AppCrashedError, LoadError, LoadErrors
from gateway.lifecycle import Gateway

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def told(expression: str) -> str:
    """Return the code of an application that answers with *expression*."""
    return f"""
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str({expression}).encode()]
"""


def installation(version: str, name: str = "parcel") -> dict[str, str]:
    """Return the files of an installed library, in a folder ``env``."""
    info = f"env/{name}-{version}.dist-info"
    return {
        f"env/{name}.py": f"VERSION = {version!r}\nopened = []\nlate = 0\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
        f"{info}/RECORD": f"{name}.py,{version},\n",
    }


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A library ``gateway_test_ledger`` that is installed beside the gateway."""
    folder = tmp_path / "site-packages"
    ledger = """
        names = set()
        def register(name):
            if name in names:
                raise ValueError(f"Duplicated timeseries in CollectorRegistry: {name}")
            names.add(name)
        """
    write(folder, {"gateway_test_ledger.py": ledger})
    monkeypatch.syspath_prepend(str(folder))
    with modules_forgotten():
        yield folder


APP = "import parcel\n" + told("(__name__, parcel.VERSION, parcel.__name__)")


def test_a_mount_has_the_libraries_of_its_environment(tmp_path: Path) -> None:
    files = {"one/app.py": APP, "two/app.py": APP}
    for number in ("1", "2"):
        write(tmp_path / number, installation(f"{number}.0"))
    mounts = """
        one: {app: app:application, path: one, venv: 1/env}
        two: {app: app:application, path: two, venv: 2/env}
        """
    with composed(tmp_path, mounts, files) as gateway:
        assert text(gateway, "/one/") == (
            "('mounts.one.app', '1.0', 'mounts.one+venv.parcel')"
        )
        assert text(gateway, "/two/") == (
            "('mounts.two.app', '2.0', 'mounts.two+venv.parcel')"
        )
        assert "parcel" not in sys.modules
    assert not [name for name in sys.modules if name.startswith("mounts.")]


def test_an_application_that_is_installed_in_the_environment(tmp_path: Path) -> None:
    files = installation("1.0")
    files["env/parcel.py"] += told("__name__")
    with composed(tmp_path, "a: {app: parcel:application, venv: env}", files) as made:
        assert text(made, "/a/") == "mounts.a+venv.parcel"


def test_asgi_mounts_have_them_too(tmp_path: Path) -> None:
    app = """
        import parcel

        async def application(scope, receive, send):
            body = parcel.VERSION.encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})
        """
    files = {"app.py": app, **installation("3.0")}
    with composed(tmp_path, "a: {asgi: app:application, venv: env}", files) as gateway:
        assert text(gateway, "/a/") == "3.0"


# What cannot be


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"env/pyvenv.cfg": "version = 3.8.1", "env/lib/x": ""},
            f"is for Python 3.8.1, and this process runs {VERSION}: create it anew ",
        ),
        ({"env/readme.txt": ""}, "is no virtual environment: it has neither "),
    ],
)
def test_a_folder_that_cannot_be_used(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    mount = "a: {app: app:application, path: ., venv: env}"
    error = failure(tmp_path, mount, {"app.py": PLAIN, **files})
    assert type(error) is LoadError
    assert str(tmp_path / "env") in str(error)
    assert message in str(error)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("private: [absent]", "private: there is no 'absent' installed"),
        ("private: [gateway]", "private: 'gateway' is shared by all mounts"),
        ("private: [json]", "private: 'json' is part of Python's standard library"),
        ("shared: [absent]", "shared: there is no 'absent' installed: name a library"),
    ],
)
def test_a_library_that_cannot_be_private_or_shared(
    tmp_path: Path, key: str, message: str
) -> None:
    mount = f"a: {{app: app:application, path: ., {key}}}"
    error = failure(tmp_path, mount, {"app.py": PLAIN})
    assert type(error) is LoadError
    assert message in str(error)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            "private: [flask]",
            "'private' is for the mount's own code, and 'gateway_test_ledger' is "
            "installed beside the gateway, for all mounts: give this mount a copy of "
            "it, 'private: [gateway_test_ledger, flask]'",
        ),
        (
            "venv: env",
            "'venv' is for the mount's own code, and 'gateway_test_ledger' is "
            "installed beside the gateway, for all mounts: install it in {folder}/env, "
            "or give this mount a copy of it, 'private: [gateway_test_ledger]'",
        ),
    ],
)
@pytest.mark.usefixtures("beside")
def test_an_application_that_all_mounts_share_has_none_of_its_own(
    tmp_path: Path, keys: str, message: str
) -> None:
    mount = f"a: {{app: 'gateway_test_ledger:names', {keys}}}"
    error = failure(tmp_path, mount, installation("1.0"))
    assert error.message == message.format(folder=tmp_path)
    assert not [name for name in sys.modules if name.startswith("mounts.")]


# Copies

REGISTERING = "import gateway_test_ledger\ngateway_test_ledger.register('visits')\n"


@pytest.mark.usefixtures("beside")
def test_a_private_copy_is_the_cure_for_a_clash(tmp_path: Path) -> None:
    mounts = """
        one: {{app: app:application, path: one}}
        two: {{app: app:application, path: one{keys}}}
        """
    files = {"one/app.py": REGISTERING + told("gateway_test_ledger.__name__")}
    error = failure(tmp_path, mounts.format(keys=""), files)
    assert isinstance(error, AppCrashedError)
    assert error.mount == "two"
    assert error.message.endswith(
        "; gateway_test_ledger has it from another mount, or from this one before a "
        "reload: give this one a copy of its own, 'private: [gateway_test_ledger]'"
    )
    del sys.modules["gateway_test_ledger"]
    keys = ", private: [gateway_test_ledger]"
    with composed(tmp_path, mounts.format(keys=keys)) as gateway:
        assert text(gateway, "/one/") == "gateway_test_ledger"
        assert text(gateway, "/two/") == "mounts.two.gateway_test_ledger"


# Reloads

SHOWN = "import parcel\nparcel.opened.append(1)\n" + told(
    "(__name__, parcel.__name__, parcel.VERSION, len(parcel.opened))"
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Gateway]:
    files = {"app.py": SHOWN, **installation("1.0")}
    with composed(tmp_path, "a: {app: app:application, venv: env}", files) as gateway:
        assert (
            text(gateway, "/a/") == "('mounts.a.app', 'mounts.a+venv.parcel', '1.0', 1)"
        )
        yield gateway


def test_a_reload_of_sources_keeps_the_libraries(shop: Gateway, tmp_path: Path) -> None:
    write(tmp_path, {"app.py": SHOWN + "# changed"})
    assert shop.reload().replaced == ("a",)
    assert text(shop, "/a/") == "('mounts.a@2.app', 'mounts.a+venv.parcel', '1.0', 2)"


def test_a_new_installation_is_a_change(shop: Gateway, tmp_path: Path) -> None:
    assert shop.reload().kept == ("a",)
    write(tmp_path, installation("2.0"))
    assert shop.reload().replaced == ("a",)
    assert text(shop, "/a/") == (
        "('mounts.a@2.app', 'mounts.a@2+venv.parcel', '2.0', 1)"
    )


def test_a_broken_environment_leaves_the_mount_serving(
    shop: Gateway, tmp_path: Path
) -> None:
    before = text(shop, "/a/")
    write(tmp_path, {"env/pyvenv.cfg": "version = 3.8.1", "app.py": PLAIN})
    with pytest.raises(LoadErrors, match=r"is for Python 3\.8\.1"):
        shop.reload()
    assert text(shop, "/a/") == before


def test_what_libraries_keep_for_their_users_outlives_a_generation(
    tmp_path: Path,
) -> None:
    library = """
        import atexit
        from concurrent.futures import ThreadPoolExecutor

        VERSION = "1.0"
        ended = []
        pool = None

        def end():
            ended.append("at import")

        def end_later():
            ended.append("when called")

        atexit.register(end)

        def work():
            global pool
            if pool is None:
                pool = ThreadPoolExecutor(1)
                atexit.register(end_later)
            return pool.submit(lambda: len(ended)).result()

        def forget():
            pool.shutdown()
            atexit.unregister(end)
            atexit.unregister(end_later)
        """
    files = {**installation("1.0"), "env/parcel.py": library}
    app = "import parcel\n" + told("parcel.work()")
    mount = "a: {app: app:application, venv: env}"
    with composed(tmp_path, mount, {"app.py": app, **files}) as gateway:
        for number in range(3):
            assert text(gateway, "/a/") == "0"
            write(tmp_path, {"app.py": f"{app}\n# {number}"})
            assert gateway.reload().replaced == ("a",)
        parcel: Any = sys.modules["mounts.a+venv.parcel"]
    # When the process ends, as if the mount ran alone.
    assert parcel.ended == []
    assert parcel.work() == 0
    parcel.forget()


@pytest.mark.usefixtures("beside")
def test_private_copies_are_made_anew(tmp_path: Path) -> None:
    mount = "a: {app: app:application, private: [gateway_test_ledger]}"
    app = REGISTERING + told(
        "(gateway_test_ledger.__name__, gateway_test_ledger.names)"
    )
    with composed(tmp_path, mount, {"app.py": app}) as gateway:
        write(tmp_path, {"app.py": f"{app}# changed"})
        assert gateway.reload().replaced == ("a",)
        name = "mounts.a@2.gateway_test_ledger"
        assert text(gateway, "/a/") == f"('{name}', {{'visits'}})"


def test_a_pickle_of_an_old_generation_is_read_as_the_new_one(
    tmp_path: Path,
) -> None:
    app = """
        import pickle
        from pathlib import Path
        from models import Note

        FILE = Path(__file__).with_name("note.pickle")
        if not FILE.exists():
            FILE.write_bytes(pickle.dumps(Note()))

        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            note = pickle.loads(FILE.read_bytes())
            return [f"{type(note) is Note} {note.told()}".encode()]
        """
    models = "class Note:\n    def told(self):\n        return {}\n"
    files = {"app.py": app, "models.py": models.format(1)}
    with composed(tmp_path, "a: {app: app:application}", files) as gateway:
        assert text(gateway, "/a/") == "True 1"
        for number in (2, 3):
            write(tmp_path, {"models.py": models.format(number)})
            assert gateway.reload().replaced == ("a",)
            assert text(gateway, "/a/") == f"True {number}"
