"""What the converter is called, where its page is, and what it starts with."""

from __future__ import annotations

from pathlib import Path
from string import Template

OWNER = "legacy"
TITLE = "The Reckoner"
FIRST_VALUE = "26.2"
FIRST_UNIT = "mile"
PAGE = Template(
    (Path(__file__).resolve().parent / "page.html").read_text(encoding="utf-8")
)
