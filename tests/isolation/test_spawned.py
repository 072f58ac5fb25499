"""Child processes that are not copies of this one have a mount's modules as well."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from composing import ROOT, composed, text
from isolation_support import MakeEnvironment, MakeMount, write

from gateway.isolation.modules import open_in_child

POOLS = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
import work

def application(environ, start_response):
    method = environ["PATH_INFO"].strip("/")
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        result = pool.submit(work.double, work.Number(21)).result(60)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{type(result) is work.Number} {result}".encode()]
"""
WORK = """
from dataclasses import dataclass

@dataclass
class Number:
    value: int

def double(number):
    import later
    return Number(number.value * later.FACTOR)
"""


@pytest.fixture
def own_modules() -> Iterator[None]:
    """What is imported for pools stays; resource trackers of theirs end."""
    yield
    from multiprocessing import forkserver, resource_tracker

    for server in (forkserver._forkserver, resource_tracker._resource_tracker):
        stop: Any = getattr(server, "_stop", None)
        if stop is not None:
            stop()


@pytest.mark.usefixtures("own_modules")
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_process_pool_takes_work_of_the_mounts(tmp_path: Path, method: str) -> None:
    files = {
        "one/app.py": POOLS,
        "one/work.py": WORK,
        "one/later.py": "FACTOR = 2",
    }
    with composed(tmp_path, "one: {app: app:application, path: one}", files) as gateway:
        assert text(gateway, f"/one/{method}") == "True Number(value=42)"


def test_a_child_is_told_what_the_namespace_is_made_of(
    mount: MakeMount,
    environment: MakeEnvironment,
    library: Path,
    tmp_path: Path,
) -> None:
    write(library, {"registry.py": "", "common.py": ""})
    code = "import registry, common, theirs\nNAMES = registry, common, theirs"
    namespace = mount(
        {"app.py": code},
        environment=environment({"theirs.py": "", "common.py": ""}),
        private=["registry"],
        shared=["common"],
        generation=3,
    )
    function, arguments = namespace.recipe()
    assert function is open_in_child
    script = """
import pickle, sys
function, arguments = pickle.load(sys.stdin.buffer)
function(*arguments)
import importlib
names = importlib.import_module("mounts.notes@3.app").NAMES
print(*(module.__name__ for module in names))
print(importlib.import_module("app").__name__)
"""
    searched = [*sys.path, str(library)]
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps((function, (searched, *arguments))),
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    assert done.stdout.decode().split() == [
        "mounts.notes@3.registry",
        "common",
        "mounts.notes@3+venv.theirs",
        "mounts.notes@3.app",
    ]


def test_a_child_that_no_mount_starts_is_prepared_as_ever(mount: MakeMount) -> None:
    from multiprocessing import spawn

    namespace = mount({"app.py": ""})
    assert "gateway" not in spawn.get_preparation_data("anyone")
    with namespace.active():
        assert "gateway" in spawn.get_preparation_data("anyone")


def test_a_thread_of_the_mount_starts_its_processes(tmp_path: Path) -> None:
    # A pool replaces its processes from a thread of its own.
    app = """
        import threading
        from multiprocessing import spawn

        def application(environ, start_response):
            found = []
            def look():
                data = spawn.get_preparation_data("anyone")
                found.append(data["gateway"].__reduce__()[1][1])
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [found[0].encode()]
        """
    files = {"one/app.py": app}
    with composed(tmp_path, "one: {app: app:application, path: one}", files) as gateway:
        assert text(gateway, "/one/") == "one"
