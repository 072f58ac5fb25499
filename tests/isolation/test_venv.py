"""Virtual environments, as they are found on disk."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from installed import empty_environment, site_packages
from isolation_support import metadata, write

from gateway.isolation.venv import VirtualEnvironmentError, read_environment

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_a_virtual_environment_is_read(tmp_path: Path) -> None:
    site = empty_environment(tmp_path / "env")
    environment = read_environment(tmp_path / "env")
    assert site.is_dir()
    assert environment.site_packages[0] == site
    assert set(environment.site_packages) == set(environment.folders)
    assert (environment.further, environment.notes) == ((), ())


def test_a_folder_that_pip_has_filled_will_do(tmp_path: Path) -> None:
    write(tmp_path, {"parcel.py": "", **metadata("parcel", "1.0")})
    assert read_environment(tmp_path).folders == (tmp_path,)


def test_a_relative_folder_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "env", metadata("parcel", "1.0"))
    monkeypatch.chdir(tmp_path)
    assert read_environment("env").folder == tmp_path / "env"


@pytest.mark.parametrize("key", ["version", "version_info", "Version"])
def test_an_environment_of_another_python_is_refused(tmp_path: Path, key: str) -> None:
    empty_environment(tmp_path / "env")
    (tmp_path / "env" / "pyvenv.cfg").write_text(f"home = /x\n{key} = 3.8.10.final.0\n")
    with pytest.raises(VirtualEnvironmentError) as caught:
        read_environment(tmp_path / "env")
    assert f"{tmp_path / 'env'} is for Python 3.8.10" in str(caught.value)
    assert f"runs {HERE}: create it anew with 'python{HERE} -m venv" in str(
        caught.value
    )


@pytest.mark.parametrize("with_settings", [True, False])
def test_so_is_one_whose_packages_are_for_another(
    tmp_path: Path, with_settings: bool
) -> None:
    write(tmp_path, {"lib/python3.8/site-packages/parcel.py": ""})
    if with_settings:
        write(tmp_path, {"pyvenv.cfg": "home = /x\n"})
    with pytest.raises(VirtualEnvironmentError, match=r"is for Python 3\.8, and this"):
        read_environment(tmp_path)


def test_an_equal_version_of_another_patch_level_will_do(tmp_path: Path) -> None:
    empty_environment(tmp_path)
    (tmp_path / "pyvenv.cfg").write_text(f"version_info = {HERE}.99\n")
    assert read_environment(tmp_path).folder == tmp_path


def test_a_folder_that_is_not_there_or_is_none(tmp_path: Path) -> None:
    with pytest.raises(VirtualEnvironmentError, match=r"there is no folder .*absent"):
        read_environment(tmp_path / "absent")
    write(tmp_path, {"app.py": ""})
    with pytest.raises(VirtualEnvironmentError, match="is no virtual environment"):
        read_environment(tmp_path)


def test_pth_files_name_further_folders(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "absolute").mkdir()
    lines = f"# a comment\n\n../src\n  {tmp_path / 'absolute'}  \nabsent\n../src\n"
    write(tmp_path / "env", {**metadata("parcel", "1.0"), "a.pth": f"\ufeff{lines}"})
    write(tmp_path / "env", {".hidden.pth": str(tmp_path)})
    environment = read_environment(tmp_path / "env")
    assert environment.further == (tmp_path / "src", tmp_path / "absolute")
    assert environment.folders[0] == tmp_path / "env"
    assert environment.notes == ()


def test_code_in_pth_files_is_not_executed_but_told_of(tmp_path: Path) -> None:
    code = "import sys; sys.modules['executed_pth'] = sys\n"
    files = {"__editable__.parcel.pth": code, "distutils-precedence.pth": code}
    write(tmp_path, {**metadata("parcel", "1.0"), **files})
    (note,) = read_environment(tmp_path).notes
    assert "executed_pth" not in sys.modules
    assert str(tmp_path / "__editable__.parcel.pth") in note
    assert "editable_mode=compat" in note


def test_environments_are_equal_until_something_is_installed(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    write(tmp_path / "env", {**metadata("parcel", "1.0"), "a.pth": "../src"})
    first = read_environment(tmp_path / "env")
    assert read_environment(tmp_path / "env") == first
    write(tmp_path / "env", metadata("another", "2.0"))
    second = read_environment(tmp_path / "env")
    assert second != first
    write(tmp_path, {"src/edited.py": "n = 1"})
    third = read_environment(tmp_path / "env")
    assert third != second
    write(tmp_path, {"src/edited.py": "n = 2"})
    assert read_environment(tmp_path / "env") not in (first, second, third)


def test_the_place_of_packages_is_pythons_own(tmp_path: Path) -> None:
    site = site_packages(tmp_path)
    assert site.name == "site-packages"
    assert str(site).startswith(str(tmp_path))
