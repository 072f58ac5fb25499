"""The page about isolation: it leads somewhere, and names what is looked at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "isolation.md").read_text(encoding="utf-8")
LINKS = sorted(set(re.findall(r"\]\(([^):]+)\)", PAGE)))


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("link", LINKS)
def test_a_link_leads_to_a_page_and_a_heading(link: str) -> None:
    name, _, anchor = link.partition("#")
    text = (DOCS / name).read_text(encoding="utf-8") if name else PAGE
    assert not anchor or anchor in anchors(text)


@pytest.mark.parametrize(
    "what", ["working directory", "signals", "the GIL", "state of C"]
)
def test_what_one_process_cannot_give_has_a_way_out(what: str) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| {what}"))
    assert len([cell for cell in row.split("|") if cell.strip()]) == 3
