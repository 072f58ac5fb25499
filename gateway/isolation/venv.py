"""A virtual environment of a mount's own: where its libraries are.

What Python does with an environment when it starts in it (:mod:`site`) is done here as
far as it concerns imports: the folder of the installed packages, and the further
folders that its ``.pth`` files name. Lines of code in such files are not executed.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import GatewayError

# Code in these matters only to a Python that is started in the environment.
_HARMLESS: Final = frozenset(
    {"_virtualenv.pth", "distutils-precedence.pth", "a1_coverage.pth"}
)


class VirtualEnvironmentError(GatewayError):
    """A folder cannot be used as a mount's virtual environment."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment, or a folder that ``pip install --target`` has filled.

    Two are equal if the same packages are installed in the same place.

    :param folder: absolute.
    :param site_packages: where packages are installed.
    :param further: the folders that ``.pth`` files name, as editable installations do.
    :param notes: what was not done, for people.
    :param fingerprint: of all that is installed.
    """

    folder: Path
    site_packages: tuple[Path, ...]
    further: tuple[Path, ...]
    notes: tuple[str, ...]
    fingerprint: str

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where imports look, in this order."""
        return self.site_packages + self.further


def read_environment(folder: str | Path) -> Environment:
    """Return the virtual environment in *folder*.

    :raises VirtualEnvironmentError: there is none, or it is for another Python.
    """
    folder = Path(folder).absolute()
    site_packages = tuple(_site_packages(folder))
    further: list[Path] = []
    notes: list[str] = []
    for site in site_packages:
        for file in sorted(site.glob("*.pth")):
            _read_pth(file, further, notes)
    return Environment(
        folder,
        site_packages,
        tuple(dict.fromkeys(further)),
        tuple(notes),
        _fingerprint(site_packages, further),
    )


def _site_packages(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise VirtualEnvironmentError(
            f"there is no folder {folder}: create it with 'python -m venv {folder}'"
        )
    _check_version(folder)
    base = {"base": str(folder), "platbase": str(folder)}
    places = [
        Path(sysconfig.get_path(kind, "venv", base)) for kind in ("purelib", "platlib")
    ]
    found = [place for place in dict.fromkeys(places) if place.is_dir()]
    if found:
        yield from found
    elif (folder / "pyvenv.cfg").is_file() or not any(folder.glob("*.dist-info")):
        _check_libraries(folder)
        raise VirtualEnvironmentError(
            f"{folder} is no virtual environment: it has neither {places[0]} nor, as "
            "after 'pip install --target', a *.dist-info folder"
        )
    else:
        yield folder


def _check_version(folder: Path) -> None:
    """Refuse an environment whose ``pyvenv.cfg`` names another version of Python."""
    try:
        text = (folder / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return
    settings = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            settings[key.strip().lower()] = value.strip()
    # The standard library writes `version`, virtualenv and uv `version_info`.
    version = settings.get("version") or settings.get("version_info") or ""
    theirs = ".".join(version.split(".")[:2])
    if theirs and theirs != _version():
        raise _wrong_version(folder, version)


def _check_libraries(folder: Path) -> None:
    for place in sorted(folder.glob("lib*/python*/site-packages")):
        raise _wrong_version(folder, place.parent.name.removeprefix("python"))


def _wrong_version(folder: Path, version: str) -> VirtualEnvironmentError:
    return VirtualEnvironmentError(
        f"the virtual environment {folder} is for Python {version}, and this process "
        f"runs {_version()}: create it anew with 'python{_version()} -m venv --clear "
        f"{folder}', or run the gateway with that Python"
    )


def _version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _read_pth(file: Path, further: list[Path], notes: list[str]) -> None:
    """Read a ``.pth`` file, as :mod:`site` does but for the lines of code."""
    if file.name.startswith("."):
        return
    for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        line = line.strip()
        if line.startswith(("import ", "import\t")):
            if file.name not in _HARMLESS:
                notes.append(
                    f"{file} has a line of code, which is not executed: {line[:60]!r}. "
                    "If it makes an editable installation importable, install that "
                    "with '--config-settings editable_mode=compat', or without '-e'"
                )
        elif line and not line.startswith("#"):
            place = Path(os.path.abspath(file.parent / line))
            if place.exists():
                further.append(place)


def _fingerprint(site_packages: tuple[Path, ...], further: list[Path]) -> str:
    """Return what changes with every installation, and every edit in *further*.

    The ``RECORD`` of a distribution has the hashes of all its files.
    """
    digest = hashlib.blake2b(digest_size=16)
    files: list[Path] = []
    for site in site_packages:
        files += site.glob("*.dist-info/RECORD")
        files += site.glob("*.pth")
    for place in further:
        if place.is_dir():
            files += place.rglob("*.py")
    for file in sorted(files):
        digest.update(str(file).encode() + b"\0")
        digest.update(hashlib.blake2b(file.read_bytes()).digest())
    return digest.hexdigest()
