"""The steps of docs/testing.md, taken from the page and run in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    _, _, rest = PAGE.partition(f"\n## {title}\n")
    return rest.partition("\n## ")[0]


def blocks(title: str) -> list[tuple[str, str]]:
    """Return the language and the text of each block of code."""
    return [(lang, dedent(text)) for _, lang, text in BLOCK.findall(section(title))]


def code_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GATEWAY", "PY"))}
    # What is installed already is enough: pip then needs no network.
    return {**kept, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(command: str, folder: Path) -> str:
    python, *args = shlex.split(command)
    assert python == "python"
    done = subprocess.run(
        [sys.executable, *args],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_steps_from_an_empty_folder_lead_to_green(tmp_path: Path) -> None:
    shown = 0
    for language, text in blocks("From an empty folder to green"):
        if language != "console":
            name = re.match(r"# (\S+)\n", text)
            assert name, text
            (tmp_path / name[1]).write_text(text, encoding="utf-8")
            continue
        command, *output = text.splitlines()
        printed = run(command.removeprefix("$ "), tmp_path)
        for line in output:
            assert line in printed
            shown += 1
    assert shown == 4


def test_it_is_as_short_as_it_says() -> None:
    files = {
        text.partition("\n")[0]: code_of(text)
        for _, text in blocks("From an empty folder to green")
    }
    assert len(files["# gateway.yaml"]) == 6
    assert len(files["# test_mounts.py"]) == 4


CONFTEST = """
import os
os.environ["NOTES_DATABASE"] = "here.db"
"""

GATEWAY = """
mounts:
  notes:
    app: app:application
    path: notes
    config: {DATABASE: "${NOTES_DATABASE:-other.db}"}
"""

NOTES = """
from models import database

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [database().encode()]
"""

MODELS = """
from gateway import current_app

def database():
    return current_app.config["DATABASE"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that the shorter examples of the page fit."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "app.py").write_text(NOTES)
    (tmp_path / "notes" / "models.py").write_text(MODELS)
    (tmp_path / "gateway.yaml").write_text(GATEWAY)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    return tmp_path


def test_the_other_examples_run(project: Path) -> None:
    for number, title in enumerate(["In a mount's context", "A real server"]):
        ((_, text),) = blocks(title)
        (project / f"test_example{number}.py").write_text(text)
    examples = [text for language, text in blocks("Which gateway.yaml")]
    settings, prepared, _ = examples
    with (project / "conftest.py").open("a") as conftest:
        conftest.write(prepared)
    assert "2 passed" in run("python -m pytest", project)
    (project / "pyproject.toml").write_text(settings)
    (project / "deploy").mkdir()
    for each in ("gateway.yaml", "notes"):
        (project / each).rename(project / "deploy" / each)
    assert "2 passed" in run("python -m pytest", project)


def test_the_example_for_unittest_runs(project: Path) -> None:
    ((_, text),) = blocks("Without pytest")
    (project / "test_unit.py").write_text(text)
    run("python -m unittest test_unit", project)


def test_the_page_names_every_fixture() -> None:
    source = (ROOT / "gateway" / "testing" / "plugin.py").read_text(encoding="utf-8")
    fixtures = set(re.findall(r"^@pytest\.fixture.*\ndef (\w+)", source, re.M))
    assert len(fixtures) == 8
    assert fixtures == set(re.findall(r"^\| `(\w+)` \| ", section("Fixtures"), re.M))
