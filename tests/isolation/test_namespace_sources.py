"""Modules are what their files say now."""

from __future__ import annotations

import compileall
import importlib.util
import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from isolation_support import MakeMount, write

from gateway.isolation.modules import Namespace


@pytest.fixture(autouse=True)
def _bytecode_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)


def load(folder: Path) -> object:
    """Import ``models`` anew and return its ``n``."""
    namespace = Namespace("notes", folder)
    try:
        return namespace.import_module("models").n
    finally:
        namespace.close()


def compiled(source: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(source)))


def test_an_edit_of_equal_size_in_the_same_second_is_seen(tmp_path: Path) -> None:
    source = tmp_path / "models.py"
    for n in range(10, 60):
        source.write_text(f"n = {n}")
        os.utime(source, (1_700_000_000, 1_700_000_000))
        assert load(tmp_path) == n


def test_stale_bytecode_of_an_ordinary_run_is_not_believed(tmp_path: Path) -> None:
    source = tmp_path / "models.py"
    source.write_text("n = 10")
    os.utime(source, (1_700_000_000, 1_700_000_000))
    py_compile.compile(str(source), doraise=True)
    source.write_text("n = 20")
    os.utime(source, (1_700_000_000, 1_700_000_000))
    # What this guards against: the ordinary import takes the old file.
    command = [sys.executable, "-c", "import models; print(models.n)"]
    plain = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    assert plain.stdout == b"10\n"
    assert load(tmp_path) == 20


@pytest.mark.parametrize("mode", ["CHECKED_HASH", "UNCHECKED_HASH"])
def test_hash_based_bytecode_is_always_checked(tmp_path: Path, mode: str) -> None:
    source = tmp_path / "models.py"
    source.write_text("n = 10")
    invalidation = py_compile.PycInvalidationMode[mode]
    assert compileall.compile_dir(tmp_path, quiet=1, invalidation_mode=invalidation)
    source.write_text("n = 20")
    assert load(tmp_path) == 20


def test_a_compilation_is_kept_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "models.py"
    source.write_text("n = 10")
    assert load(tmp_path) == 10
    kept = compiled(source).read_bytes()
    py_compile.compile(
        str(source),
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
    )
    # The file is what Python itself would have written.
    assert compiled(source).read_bytes()[:16] == kept[:16]
    calls: list[object] = []
    monkeypatch.setattr(
        importlib.machinery.SourceFileLoader,
        "source_to_code",
        lambda *args, **_: calls.append(args),
    )
    assert load(tmp_path) == 10
    assert not calls


def test_an_ordinary_python_understands_the_kept_file(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text("n = 10")
    load(tmp_path)
    command = [sys.executable, "-v", "-c", "import models; print(models.n)"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "10\n"
    assert "models.cpython" in done.stderr
    assert f"matches {tmp_path / 'models.py'}" in done.stderr


@pytest.mark.parametrize(
    "damage", [b"", b"short", b"\0" * 64], ids=["empty", "short", "zeros"]
)
@pytest.mark.parametrize("keep", [0, 16, 20])
def test_a_damaged_compilation_is_made_again(
    tmp_path: Path, damage: bytes, keep: int
) -> None:
    source = tmp_path / "models.py"
    source.write_text("n = 10")
    load(tmp_path)
    whole = compiled(source).read_bytes()
    compiled(source).write_bytes(whole[:keep] + damage)
    assert load(tmp_path) == 10
    assert compiled(source).read_bytes()[:16] == whole[:16]


def test_nothing_is_written_where_python_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "models.py").write_text("n = 10")
    assert load(tmp_path) == 10
    assert os.listdir(tmp_path) == ["models.py"]


def test_an_interpreter_without_bytecode_files_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.implementation, "cache_tag", None)
    (tmp_path / "models.py").write_text("n = 10")
    assert load(tmp_path) == 10
    assert os.listdir(tmp_path) == ["models.py"]


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text("n = 10")
    # A file in the place of the folder keeps even the superuser from writing.
    (tmp_path / "__pycache__").write_text("")
    assert load(tmp_path) == 10


def test_a_moved_folder_has_tracebacks_with_its_new_place(tmp_path: Path) -> None:
    write(tmp_path / "old", {"models.py": "def where(): pass\nn = 1"})
    load(tmp_path / "old")
    shutil.move(tmp_path / "old", tmp_path / "new")
    namespace = Namespace("notes", tmp_path / "new")
    code = namespace.import_module("models").where.__code__
    namespace.close()
    assert code.co_filename == str(tmp_path / "new" / "models.py")


def test_the_permissions_of_a_secret_source_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "models.py"
    source.write_text("n = 10")
    source.chmod(0o600)
    load(tmp_path)
    assert compiled(source).stat().st_mode & 0o077 == 0


def test_bytecode_without_a_source_imports_privately(mount: MakeMount) -> None:
    namespace = mount({"app.py": "import models", "models.py": "n = 4"})
    for name in ("app", "models"):
        source = namespace.path / f"{name}.py"
        py_compile.compile(str(source), str(source) + "c", doraise=True)
        source.unlink()
    app = namespace.import_module("app")
    assert (app.models.__name__, app.models.n) == ("mounts.notes.models", 4)


def test_an_encoding_declaration_is_honoured(tmp_path: Path) -> None:
    source = "# -*- coding: latin-1 -*-\nn = 'caf\u00e9'"
    (tmp_path / "models.py").write_bytes(source.encode("latin-1"))
    assert load(tmp_path) == "caf\u00e9"


def test_a_namespace_opened_at_once_sees_a_new_file(tmp_path: Path) -> None:
    for n in range(20):
        write(tmp_path, {"models.py": f"import new{n}\nn = new{n}.n"})
        load_failed = pytest.raises(ModuleNotFoundError, match=f"'new{n}'")
        with load_failed:
            load(tmp_path)
        write(tmp_path, {f"new{n}.py": f"n = {n}"})
        assert load(tmp_path) == n
