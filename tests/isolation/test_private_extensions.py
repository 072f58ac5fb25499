"""Extension modules that mounts have for themselves."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installed import WITH_NUMPY, compile_extension, environment_with
from isolation_support import MakeEnvironment, MakeMount, write

from gateway.isolation.modules import Namespace
from gateway.isolation.private_extensions import (
    ExtensionRefusedError,
    hidden,
    refusal_in,
)
from gateway.isolation.venv import Environment
from gateway.isolation.venv_trial import Candidate, try_together

PHASES, REFUSES, DIES, CYTHON, OLD = range(5)
NATIVE = {
    "native/__init__.py": "where = __name__",
    "native/part.py": "value = 7",
    "native/late.py": "",
}
MakeNative = Callable[[int], Environment]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    folder = tmp_path_factory.mktemp("compiled")
    done: dict[int, Path] = {}

    def compile_kind(kind: int) -> Path:
        if kind not in done:
            done[kind] = folder / compile_extension(folder, f"kind{kind}", kind)
        return done[kind]

    return compile_kind


@pytest.fixture
def native(environment: MakeEnvironment, compiled: Callable[[int], Path]) -> MakeNative:
    """Environments with a package ``native`` that has an extension."""

    def make(kind: int) -> Environment:
        made = environment(NATIVE)
        shutil.copy(compiled(kind), made.folder / "native")
        return made

    return make


def extension(namespace: Namespace, kind: int) -> Any:
    return namespace.import_module(f"native.kind{kind}")


@pytest.mark.parametrize("kind", [PHASES, CYTHON, OLD])
@pytest.mark.parametrize("in_process", ["absent", "loaded"])
def test_each_mount_has_an_extension_of_its_own(
    mount: MakeMount,
    native: MakeNative,
    library: Path,
    compiled: Callable[[int], Path],
    kind: int,
    in_process: str,
) -> None:
    before = set(sys.modules)
    if in_process == "loaded":
        write(library, NATIVE)
        shutil.copy(compiled(kind), library / "native")
        process_s: Any = importlib.import_module(f"native.kind{kind}")
        assert process_s.count() == 1
        assert process_s.package is sys.modules["native"]
    one, two = mount({}, environment=native(kind)), mount({}, environment=native(kind))
    for namespace in (one, two):
        module = extension(namespace, kind)
        assert module.package is namespace.import_module("native")
        assert module.part is namespace.import_module("native.part")
        assert [module.count(), module.count()] == [1, 2]
        assert module.__file__.startswith(str(namespace.libraries.path))  # type: ignore[union-attr]
    if in_process == "loaded":
        assert process_s.count() == 2
        assert importlib.import_module(f"native.kind{kind}") is process_s
    left = {name for name in set(sys.modules) - before if name.startswith("native")}
    expected = {"native", "native.part", f"native.kind{kind}"}
    assert left == (expected if in_process == "loaded" else set())


@pytest.mark.parametrize("kind", [PHASES, CYTHON, OLD])
def test_one_file_may_serve_two_mounts(
    mount: MakeMount, native: MakeNative, kind: int
) -> None:
    made = native(kind)
    counts = []
    for name in ("notes", "links", "shop"):
        module = extension(mount({}, name, environment=made), kind)
        counts.append(module.count())
        assert module.__file__ == str(made.folder / "native" / f"kind{kind}") + (
            Path(module.__file__).name.removeprefix(f"kind{kind}")
        )
    assert counts == [1, 1, 1]


@pytest.mark.parametrize("kind", [PHASES, CYTHON, OLD])
def test_the_processs_own_file_is_not_used(
    mount: MakeMount, library: Path, compiled: Callable[[int], Path], kind: int
) -> None:
    write(library, NATIVE)
    shutil.copy(compiled(kind), library / "native")
    # The private copy first: the process must find its own untouched.
    module = extension(mount({}, private=["native"]), kind)
    assert (module.count(), module.package.where) == (1, "mounts.notes.native")
    process_s: Any = importlib.import_module(f"native.kind{kind}")
    assert (process_s.count(), process_s.package.where) == (1, "native")


def test_an_extension_beside_a_mounts_modules(
    mount: MakeMount, compiled: Callable[[int], Path]
) -> None:
    namespace = mount({**NATIVE, "app.py": "from native import kind0"})
    shutil.copy(compiled(PHASES), namespace.path / "native")
    importlib.invalidate_caches()
    app: Any = namespace.import_module("app")
    assert app.kind0.package.where == "mounts.notes.native"


# What C code imports


def test_c_code_that_runs_imports_what_its_caller_would(
    mount: MakeMount, native: MakeNative
) -> None:
    code = """
    from native import kind0
    def go(name): return kind0.import_(name)
    def directly(name): return kind0.import_directly(name)
    """
    files = {"app.py": code, "models.py": ""}
    namespace = mount(files, environment=native(PHASES))
    app: Any = namespace.import_module("app")
    modules = dict(sys.modules)
    for name in ("native.part", "native", "models", "native.late", "json", "app"):
        assert app.go(name) is namespace.import_module(name)
    assert app.go("mounts.notes.models") is namespace.import_module("models")
    assert app.directly("native.late") is namespace.import_module("native")
    assert app.directly("models") is namespace.import_module("models")
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'native\.absent'"):
        app.go("native.absent")
    with pytest.raises(ModuleNotFoundError, match="'absent'"):
        app.directly("absent")
    # Nothing of it is left where others would find it.
    plain = {name for name in set(sys.modules) - set(modules) if "mounts." not in name}
    assert plain <= {"json"}
    assert all(sys.modules[name] is modules[name] for name in modules)


def test_code_of_a_closed_namespace_too(mount: MakeMount, native: MakeNative) -> None:
    code = "from native import kind0\ndef go(name): return kind0.import_(name)"
    files = {"app.py": code, "models.py": "", "late.py": ""}
    namespace = mount(files, environment=native(PHASES))
    app: Any = namespace.import_module("app")
    models = namespace.import_module("models")
    namespace.close()
    assert app.go("models") is models
    assert app.go("mounts.notes.models") is models
    assert app.go("late").__name__ == "mounts.notes.late"
    assert app.go("native.part").value == 7
    names = {"models", "late", "native", "native.part", "mounts.notes.models"}
    assert not names & sys.modules.keys()


def test_no_other_thread_ever_sees_a_private_module(
    mount: MakeMount, native: MakeNative, library: Path
) -> None:
    write(library, NATIVE)
    process_s = importlib.import_module("native")
    code = """
    from native import kind0
    def go():
        for _ in range(3000):
            kind0.import_("native")
    """
    app: Any = mount({"app.py": code}, environment=native(PHASES)).import_module("app")
    seen = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for _ in range(200):
                seen.add(sys.modules["native"])

    def go() -> None:
        # What traces a thread, as the measuring of coverage does, may run Python code
        # after each line, and threads take turns there.
        sys.settrace(None)
        try:
            app.go()
        finally:
            done.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=target) for target in (look, go)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert seen == {process_s}


def test_others_find_the_processs_library_while_an_extension_is_initialized(
    mount: MakeMount, native: MakeNative, library: Path
) -> None:
    write(library, {**NATIVE, "user.py": "def go():\n    import native\n    return 1"})
    process_s: Any = importlib.import_module("native")
    importlib.import_module("native.part")
    # The part is imported in the midst of it, and waits until the other thread is done.
    part = "import meeting\nvalue = 7\nmeeting.inside.set()\nmeeting.asked.wait(10)"
    write(library, {"meeting.py": "import threading\ninside = threading.Event()"})
    meeting: Any = importlib.import_module("meeting")
    meeting.asked = threading.Event()
    made = native(PHASES)
    write(made.folder, {"native/part.py": part})
    namespace = mount({}, environment=made)
    thread = threading.Thread(target=extension, args=(namespace, PHASES))
    thread.start()
    assert meeting.inside.wait(10)
    try:
        assert "native" not in sys.modules
        assert hidden("native") is process_s
        scope: dict[str, Any] = {}
        exec("import native, native.part\nfrom native import part", scope)
        assert scope["native"] is process_s
        assert scope["part"] is process_s.part
        assert importlib.import_module("native.part") is process_s.part
    finally:
        meeting.asked.set()
        thread.join()
    assert sys.modules["native"] is process_s
    assert hidden("native") is None
    assert extension(namespace, PHASES).part is not process_s.part


# Extensions that a process can have once only


@pytest.fixture
def _not_loaded() -> None:
    # The extension asks C's environment, which os.environ does not show.
    os.unsetenv("GATEWAY_TESTS_LOADED")


@pytest.mark.usefixtures("_not_loaded")
def test_one_that_refuses_is_reported_with_the_cure(
    mount: MakeMount, native: MakeNative
) -> None:
    extension(mount({}, environment=native(REFUSES)), REFUSES)
    other = mount({}, "links", environment=native(REFUSES))
    with pytest.raises(ExtensionRefusedError) as caught:
        extension(other, REFUSES)
    assert caught.value.library == "native"
    assert str(caught.value) == (
        "the extension module 'native.kind1' of mount 'links' cannot be loaded beside "
        "the one of 'mounts.notes+venv': cannot load module more than once. Have the "
        "mounts share the one beside the gateway: 'shared: [native]'"
    )
    assert refusal_in(caught.value) is caught.value
    wrapped = ImportError("something went wrong")
    wrapped.__cause__ = caught.value
    assert refusal_in(wrapped) is caught.value
    assert refusal_in(ValueError()) is None
    assert refusal_in(None) is None


@pytest.mark.usefixtures("_not_loaded")
def test_the_cure_cures(
    mount: MakeMount,
    native: MakeNative,
    library: Path,
    compiled: Callable[[int], Path],
) -> None:
    write(library, NATIVE)
    shutil.copy(compiled(REFUSES), library / "native")
    apps = [
        mount({}, name, environment=native(REFUSES), shared=["native"])
        for name in ("notes", "links")
    ]
    first, second = (extension(namespace, REFUSES) for namespace in apps)
    assert first is second is sys.modules["native.kind1"]


@pytest.mark.usefixtures("_not_loaded")
def test_one_that_the_process_has_is_beside_the_process(
    mount: MakeMount,
    native: MakeNative,
    library: Path,
    compiled: Callable[[int], Path],
) -> None:
    write(library, NATIVE)
    shutil.copy(compiled(REFUSES), library / "native")
    importlib.import_module("native.kind1")
    with pytest.raises(ExtensionRefusedError, match="beside the one of 'the process'"):
        extension(mount({}, environment=native(REFUSES)), REFUSES)


def test_an_error_of_another_kind_is_the_extensions_own(
    mount: MakeMount, environment: MakeEnvironment
) -> None:
    made = environment(NATIVE)
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (made.folder / "native" / f"kind0{suffix}").write_bytes(b"not a library")
    with pytest.raises(ImportError) as caught:
        extension(mount({}, environment=made), PHASES)
    assert refusal_in(caught.value) is None


def test_a_missing_module_is_a_missing_module(
    mount: MakeMount, native: MakeNative
) -> None:
    made = native(PHASES)
    (made.folder / "native" / "part.py").unlink()
    with pytest.raises(ModuleNotFoundError, match="part"):
        extension(mount({}, environment=made), PHASES)


# Tried in a process of its own


@pytest.mark.usefixtures("_not_loaded")
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (REFUSES, "cannot load module more than once"),
        (DIES, "a process that loads it again dies of SIGABRT"),
    ],
)
def test_a_trial_finds_what_cannot_be_there_twice(
    native: MakeNative, tmp_path: Path, kind: int, reason: str
) -> None:
    # A library imports its extension by itself, and so does the trial thereby.
    environments = [native(kind), native(kind)]
    for made in environments:
        write(made.folder, {"native/__init__.py": f"import native.kind{kind}"})
    notes, links = (
        Candidate(name, tmp_path, made)
        for name, made in zip(("notes", "links"), environments, strict=True)
    )
    (refusal,) = try_together([notes, links])
    assert (refusal.library, refusal.mount) == ("native", "links")
    assert refusal.reason == reason
    assert str(refusal).endswith(
        "Have the mounts share the one beside the gateway: 'shared: [native]'"
    )
    assert try_together([notes]) == ()


def test_a_trial_of_what_gets_along(native: MakeNative, tmp_path: Path) -> None:
    environments = [native(PHASES), native(CYTHON)]
    for made in environments:
        write(made.folder, {"native/__init__.py": "print('loaded')"})
    candidates = [
        Candidate(f"mount{n}", tmp_path, made) for n, made in enumerate(environments)
    ]
    assert try_together(candidates) == ()


def test_a_trial_that_takes_too_long(
    native: MakeNative, tmp_path: Path, library: Path
) -> None:
    slow = "import time\ntime.sleep(60)"
    environments = [native(PHASES), native(PHASES)]
    write(environments[1].folder, {"native/__init__.py": slow})
    candidates = [
        Candidate(f"mount{n}", tmp_path, made) for n, made in enumerate(environments)
    ]
    (refusal,) = try_together(candidates, timeout=2)
    assert (refusal.mount, refusal.reason) == ("mount1", "it is not done after 2 s")


@pytest.mark.parametrize("failure", ["1 / 0", "import os; os.abort()"])
def test_a_trial_leaves_alone_what_fails_by_itself(
    native: MakeNative, tmp_path: Path, failure: str
) -> None:
    environments = [native(PHASES), native(PHASES)]
    for made in environments:
        write(made.folder, {"native/__init__.py": failure})
    candidates = [
        Candidate(f"mount{n}", tmp_path, made) for n, made in enumerate(environments)
    ]
    assert try_together(candidates) == ()


# The real thing


def test_numpy_twice_from_one_environment(mount: MakeMount) -> None:
    made = environment_with(*WITH_NUMPY)
    code = """
    import numpy
    def go():
        table = numpy.arange(6).reshape(2, 3)
        return (table @ table.T).tolist(), numpy.linalg.inv(numpy.eye(2)).tolist()
    """
    apps: list[Any] = [
        mount({"app.py": code}, name, environment=made).import_module("app")
        for name in ("notes", "links")
    ]
    for app in (*apps, apps[0]):
        assert app.go() == ([[5, 14], [14, 50]], [[1.0, 0.0], [0.0, 1.0]])
    assert apps[0].numpy.ndarray is not apps[1].numpy.ndarray
