from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.cli.urls import show_tree
from gateway.lifecycle import Gateway
from gateway.urlmap.mounts import url_maps

PAGE = (Path(__file__).parents[2] / "docs" / "routes.md").read_text(encoding="utf-8")


def test_the_page_shows_what_the_demo_tells(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    maps = url_maps(gateway)
    shown = re.search(r"^\$ gateway routes --deep\n(.*?)^```", PAGE, re.M | re.S)
    assert shown
    show_tree(each for each in maps if each.mount in ("portal", "catalog", "legacy"))
    assert capsys.readouterr().out == shown[1]


def test_every_mount_but_the_plain_one_can_be_asked(gateway: Gateway) -> None:
    maps = url_maps(gateway)
    assert [each.mount for each in maps if each.unknown is not None] == ["legacy"]
    for each in maps:
        assert all(e.path.startswith(each.prefix) for e in each.endpoints)
