"""Virtual environments with real libraries, installed once and kept between runs.

They are kept where pytest keeps what it remembers, in ``.pytest_cache``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from gateway.isolation.venv import Environment, read_environment

# The oldest that there are compiled for this Python.
_IS_NEW = sys.version_info >= (3, 13)
OLD_MARKUPSAFE = "3.0.2" if _IS_NEW else "2.1.5"
OLD_SQLALCHEMY = "2.0.36" if _IS_NEW else "1.4.54"

WITH_OLD_FLASK = (
    "Flask==2.2.5",
    "Werkzeug==2.2.3",
    f"MarkupSafe=={OLD_MARKUPSAFE}",
    "Flask-SQLAlchemy==3.0.5",
    f"SQLAlchemy=={OLD_SQLALCHEMY}",
    "greenlet>=3",
)
WITH_NEW_FLASK = ("Flask>=3.1", "Flask-SQLAlchemy>=3.1", "SQLAlchemy>=2.0.40")
WITH_NUMPY = ("numpy>=1.26",)

_CACHE = Path(__file__).parents[1] / ".pytest_cache" / "d" / "environments"
_TIMEOUT = 180.0  # seconds


def site_packages(folder: Path) -> Path:
    """Return where a virtual environment has its packages."""
    base = {"base": str(folder), "platbase": str(folder)}
    return Path(sysconfig.get_path("purelib", "venv", base))


def empty_environment(folder: Path) -> Path:
    """Create a virtual environment without pip; return its folder of packages."""
    command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    return site_packages(folder)


def environment_with(*requirements: str) -> Environment:
    """Return a virtual environment in which *requirements* are installed.

    The test is skipped where they cannot be had.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    text = "\n".join((sys.base_prefix, *requirements)).encode()
    name = f"{version}-{hashlib.blake2b(text, digest_size=6).hexdigest()}"
    folder = _CACHE / name
    if not folder.is_dir():
        _install(folder, requirements)
    return read_environment(folder)


def _install(folder: Path, requirements: tuple[str, ...]) -> None:
    if importlib.util.find_spec("pip") is None:
        pytest.skip("component not installed: pip")
    # Under another name first, so that a run that was cut off leaves nothing half done.
    draft = folder.with_name(f"{folder.name}-{os.getpid()}")
    try:
        site = empty_environment(draft)
        command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(site)]
        command += ["--only-binary", ":all:", "--no-warn-script-location"]
        done = subprocess.run(
            [*command, *requirements],
            check=False,
            timeout=_TIMEOUT,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2]
            pytest.skip(f"component not installed: {' '.join(requirements)}: {last}")
        # pyvenv.cfg has the folder's place only in what nobody reads.
        if not folder.is_dir():
            draft.rename(folder)
    except subprocess.TimeoutExpired:
        pytest.skip("component not installed: the package index does not answer")
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def compile_extension(folder: Path, name: str, kind: int) -> str:
    """Compile ``extension.c`` as the module *name*; return the name of its file.

    The test is skipped where there is no compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    include = sysconfig.get_path("include")
    if compiler is None or not Path(include, "Python.h").is_file():
        pytest.skip("component not installed: a C compiler with Python's headers")
    file = folder / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    names = [f"-DNAME={name}", f"-DINIT=PyInit_{name}", f"-DKIND={kind}"]
    shared = ["-bundle", "-undefined", "dynamic_lookup"]
    flags = shared if sys.platform == "darwin" else ["-shared", "-fPIC"]
    source = Path(__file__).with_name("extension.c")
    command = [compiler, *flags, *names, f"-I{include}", str(source), "-o", str(file)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    return file.name
