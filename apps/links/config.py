"""What the link shortener is called, and where it keeps its links."""

from __future__ import annotations

import os
from pathlib import Path

OWNER = "links"
TITLE = "Short links"
HERE = Path(__file__).resolve().parent


def database_path() -> str:
    """Return the path of the database where the caller has not given one."""
    return os.environ.get("LINKS_DATABASE") or str(HERE / "var" / "links.db")
