"""A whole Flask application is ported by its import line: the notes of the demo."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTES = ROOT / "apps/notes"

# Everything that a visitor does, with what the page says. The token of the forms is
# random, so it is put into the session, and the clock is left out of the page.
VISIT = """
import re, secrets, sys
secrets.token_urlsafe = lambda size=0: "token"
import app as module
app = module.create_app(testing=True)
app.config["DATABASE"] = sys.argv[1]
client = app.test_client()
def show(answer):
    times = r"datetime=\\S+|\\d\\d:\\d\\d(:\\d\\d)?|20\\d\\d-\\d\\d-\\d\\d"
    text = re.sub(times, "", answer.text)
    names = ("Location", "Content-Type", "Vary", "Allow")
    print(answer.status, {n: answer.headers.get(n) for n in names}, text)
def post(path, **form):
    show(client.post(path, data={"csrf_token": "token", **form}))
show(client.get("/"))
show(client.post("/new", data={"title": "refused"}))
show(client.get("/new"))
post("/name", name="Ann")
post("/new", title="First", body="<b>", pinned="on")
post("/new", title="")
show(client.get("/?q=First"))
show(client.get("/1"))
post("/1", title="Changed", body="more")
show(client.get("/", follow_redirects=True))
post("/1/delete")
for path in ("/1", "/missing", "/healthz", "/static/missing.css"):
    show(client.get(path))
show(client.put("/new"))
show(client.open("/new", method="OPTIONS"))
show(client.post("/new", data={"body": "x" * 70_000}))
show(client.get("/"))
print(type(app).__module__)
"""


def _visit(folder: Path, lib: str) -> list[str]:
    ignored = shutil.ignore_patterns("var", "__pycache__")
    shutil.copytree(NOTES, folder / lib, ignore=ignored)
    source = folder / lib / "app.py"
    source.write_text(source.read_text().replace("from flask ", f"from {lib} "))
    paths = [str(folder / lib), str(ROOT)]
    done = subprocess.run(
        [
            *[sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{VISIT}"],
            str(folder / f"{lib}.db"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        # The methods in Allow come in the order of a set.
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_demo_notes_answer_the_same(tmp_path: Path) -> None:
    pytest.importorskip("flask")
    theirs, ours = _visit(tmp_path, "flask"), _visit(tmp_path, "gateway")
    assert (theirs.pop(), ours.pop()) == ("flask.app", "gateway.framework.app")
    assert ours == theirs
    assert any("303" in line for line in ours)
    assert any("413" in line for line in ours)
