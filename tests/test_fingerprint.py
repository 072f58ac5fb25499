from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.fingerprint import fingerprint, is_source


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "app.py").write_text("A = 1")
    (tmp_path / "templates" / "page.html").write_text("<p>")
    return tmp_path


def test_the_same_content_has_the_same_fingerprint(app: Path) -> None:
    before = fingerprint(app)
    os.utime(app / "app.py", (1, 1))
    assert fingerprint(app) == before


def test_an_edit_that_keeps_size_and_time_is_seen(app: Path) -> None:
    before = fingerprint(app)
    times = (app / "app.py").stat()
    (app / "app.py").write_text("A = 2")
    os.utime(app / "app.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert fingerprint(app) != before


@pytest.mark.parametrize(
    "name", ["new.py", "templates/new.html", "pkg/settings.toml", ".env"]
)
def test_a_new_source_is_seen(app: Path, name: str) -> None:
    before = fingerprint(app)
    (app / name).parent.mkdir(exist_ok=True)
    (app / name).touch()
    assert fingerprint(app) != before
    (app / name).unlink()
    assert fingerprint(app) == before


def test_a_renamed_source_is_seen(app: Path) -> None:
    before = fingerprint(app)
    (app / "app.py").rename(app / "apps.py")
    assert fingerprint(app) != before


@pytest.mark.parametrize(
    "name",
    [
        "notes.db",
        "var/log.txt",
        "instance/x.py",
        ".git/x.py",
        ".hidden.py",
        "__pycache__/app.py",
    ],
)
def test_what_is_no_source_is_left_out(app: Path, name: str) -> None:
    before = fingerprint(app)
    (app / name).parent.mkdir(exist_ok=True)
    (app / name).write_text("x")
    assert fingerprint(app) == before


def test_a_virtual_environment_is_left_out(app: Path) -> None:
    before = fingerprint(app)
    (app / "env" / "lib").mkdir(parents=True)
    (app / "env" / "pyvenv.cfg").touch()
    (app / "env" / "lib" / "x.py").touch()
    assert fingerprint(app) == before


def test_a_source_that_cannot_be_read_does_not_stop_it(app: Path) -> None:
    (app / "gone.py").symlink_to(app / "nowhere.py")
    before = fingerprint(app)
    (app / "large.txt").write_bytes(b"x" * (1 << 21))
    assert fingerprint(app) != before


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("app.py", True),
        ("templates/index.html", True),
        ("data.sqlite", False),
        (".app.py.swp", False),
        (".env", True),
        ("pkg/.flaskenv", True),
        (".git/.env", False),
        (".git/config.py", False),
        ("var/state.py", False),
        ("var.py", True),
        ("../other/app.py", False),
    ],
)
def test_one_file_is_told_by_its_name(name: str, source: bool) -> None:
    # What is above the folder makes no difference.
    folder = Path("/srv/var/.hidden/apps")
    file = folder.parent / name[3:] if name.startswith("../") else folder / name
    assert is_source(file, folder) is source
