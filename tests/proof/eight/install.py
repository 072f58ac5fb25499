"""Makes the environments of the eight applications, and the folder of what they keep.

python install.py
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HOME = Path(__file__).parent
NEEDED = {
    "archive": ["datasette"],
    "echo": ["httpbin"],
    "charts": ["dash"],
    "comments": ["isso"],
    "calendars": ["radicale"],
    "files": ["wsgidav"],
    "packages": ["pypiserver"],
}
# With shared imports there is no environment: these go into the application's folder.
SHARED = ["django<6", "django-sql-explorer"]


def install() -> None:
    (HOME / "var" / "packages").mkdir(parents=True, exist_ok=True)
    for name, packages in NEEDED.items():
        folder = HOME / "envs" / name
        if not (folder / "installed").exists():
            venv.create(folder, clear=True)
            pip("--python", str(folder / "bin" / "python"), "install", *packages)
            (folder / "installed").touch()
    explorer = HOME / "apps" / "explorer"
    if not (explorer / "explorer").exists():
        pip("install", "--target", str(explorer), *SHARED)


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *arguments], check=True)


if __name__ == "__main__":
    install()
