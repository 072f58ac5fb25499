"""The reference page says what the table says.

Run this file to write the tables of the page anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.schema import KINDS, Key, Section, json_schema, keys_of

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
SECTIONS: tuple[Section, ...] = ("top", "server", "admin", "defaults", "mount")

WITH_DEFAULTS = ("server", "admin", "mount")


def row(key: Key, section: Section) -> str:
    """Return the row of *key* in the table of *section*."""
    cells = [f"`{key.name}`", key.type.label, key.help]
    if section in WITH_DEFAULTS:
        cells.insert(2, f"`{key.default}`" if key.default else key.otherwise)
    if section == "mount":
        every = len(key.kinds) == len(KINDS)
        fitting = [f"`{kind}`" for kind in KINDS if kind in key.kinds]
        cells.insert(3, "all" if every else ", ".join(fitting))
    return f"| {' | '.join(cells)} |"


def table(section: Section) -> str:
    """Return the table of *section*, as it stands in the page."""
    head = ["Key", "Value", "Meaning"]
    if section in WITH_DEFAULTS:
        head.insert(2, "Without it")
    if section == "mount":
        head.insert(3, "Goes with")
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [row(key, section) for key in keys_of(section).values()]
    return "\n".join(lines)


def with_tables(page: str) -> str:
    """Return *page* with the table of each section between its markers."""
    for section in SECTIONS:
        start = f"<!-- keys: {section} -->\n"
        before, _, rest = page.partition(start)
        _, end, after = rest.partition("<!-- end -->")
        assert end, section
        page = f"{before}{start}{table(section)}\n{end}{after}"
    return page


def test_page_has_the_tables_of_the_keys() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page), f"run {Path(__file__).name} to write them anew"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_documented_with_its_help(section: Section) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for key in keys_of(section).values():
        assert f"| `{key.name}` | {key.type.label} |" in page
        assert key.help in page


def test_every_form_of_the_page_is_in_its_text() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for form in ("${NAME}", "${NAME:-default}", "${NAME:?message}", "${file:", "$$"):
        assert form in page
    assert "# yaml-language-server: $schema=./gateway.schema.json" in page
    assert "gateway schema > gateway.schema.json" in page
    assert json_schema()["title"] == "gateway.yaml"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
