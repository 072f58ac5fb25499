"""Files that a ``gateway.yaml`` includes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from config_site import Site

from gateway.errors import Place


def test_order_and_places(site: Site) -> None:
    site.write("mounts: {b: {app: a:b}, a: {app: a:b}}", "conf.d/20.yaml")
    site.write("# the shop\nmounts:\n  c: {app: a:b}\n", "conf.d/10.yaml")
    site.write("mounts: {hidden: {app: a:b}}", "conf.d/.hidden.yaml")
    site.write("mounts: {d: {app: a:b}}", "more/x.yaml")
    (site.root / "conf.d" / "folder.yaml").mkdir()
    spec = site.load(
        "include: [conf.d/*.yaml, more/x.yaml, conf.d/1*.yaml, '*.yaml']\n"
        "mounts: {e: {app: a:b}}\n"
    )
    assert [mount.name for mount in spec.mounts] == ["e", "c", "b", "a", "d"]
    assert spec.mounts[1].place == Place("conf.d/10.yaml", 3, 3)
    assert [file.relative_to(site.root) for file in spec.files] == [
        Path("gateway.yaml"),
        Path("conf.d/10.yaml"),
        Path("conf.d/20.yaml"),
        Path("more/x.yaml"),
    ]


def test_mounts_may_all_be_included(site: Site) -> None:
    site.write("mounts: {a: {app: a:b}}", "conf.d/a.yaml")
    assert site.load("include: conf.d/*.yaml\n").mounts[0].name == "a"


def test_defaults_reach_included_mounts(site: Site) -> None:
    site.write("mounts: {a: {app: a:b}}", "conf.d/a.yaml")
    spec = site.load("defaults: {config: {A: 1}}\ninclude: [conf.d/*.yaml]\n")
    assert spec.mounts[0].config == {"A": 1}


def test_home_is_the_folder_of_the_main_file(site: Site) -> None:
    site.write(
        "mounts: {a: {app: a:b, config: {H: '${GATEWAY_HOME}'}}}", "conf.d/a.yaml"
    )
    spec = site.load("include: conf.d/*.yaml\n")
    assert spec.mounts[0].config == {"H": str(site.root)}


def test_problems_name_the_included_file(site: Site) -> None:
    site.write("mounts: {b: {app: 1}}\nserver: {}\ninclude: []\n", "conf.d/b.yaml")
    site.write("mounts: [\n", "conf.d/a.yaml")
    problems = site.fail("include: conf.d/*.yaml\nmounts: {c: 3}\n")
    assert [(str(problem.place), problem.path) for problem in problems] == [
        ("gateway.yaml:2:13", "mounts.c"),
        ("conf.d/a.yaml:2:1", ""),
        ("conf.d/b.yaml:1:19", "mounts.b.app"),
        ("conf.d/b.yaml:2:1", "server"),
        ("conf.d/b.yaml:3:1", "include"),
    ]
    assert "it belongs in the top level of the main file" in problems[-1].message


def test_name_that_another_file_has(site: Site) -> None:
    site.write("mounts:\n  a: {app: a:b, prefix: /b}", "conf.d/a.yaml")
    shown = site.refuse("include: conf.d/*.yaml\nmounts: {a: {app: a:b}}\n")
    assert shown == (
        "conf.d/a.yaml:2:3: mounts.a: another file has a mount of this name, at "
        "gateway.yaml:2:10: rename one"
    )


def test_name_and_address_that_another_file_has_are_one_problem(site: Site) -> None:
    site.write("mounts:\n  a: {app: a:b}", "conf.d/a.yaml")
    shown = site.refuse("include: conf.d/*.yaml\nmounts: {a: {app: a:b}}\n")
    assert shown == (
        "conf.d/a.yaml:2:3: mounts.a: another file has a mount of this name, at "
        "gateway.yaml:2:10: rename one"
    )


def test_a_pattern_is_shown_as_it_is_written(site: Site) -> None:
    site.environ = {"DIR": "secret"}
    shown = site.refuse("include: '${DIR}/a.yaml'\nmounts: {a: {app: a:b}}\n")
    assert "there is no file '${DIR}/a.yaml': create it" in shown
    assert "secret" not in shown


def test_address_that_another_file_has(site: Site) -> None:
    site.write("mounts:\n  b: {app: a:b, prefix: /a}", "conf.d/a.yaml")
    shown = site.refuse("include: conf.d/*.yaml\nmounts: {a: {app: a:b}}\n")
    assert shown.startswith(
        "conf.d/a.yaml:2:25: mounts.b.prefix: mount 'a' at gateway.yaml:2:10 has"
    )


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("none.yaml", "there is no file 'none.yaml': create it, or remove this"),
        ("apps", "this is a folder: write a pattern"),
        ("gateway.yaml", "the file includes itself"),
        ("apps/../gateway.yaml", "the file includes itself"),
        ("conf.dd/*.yaml", "the folder of this pattern does not exist"),
        ("a/*/b/*.yaml", "the folder of this pattern does not exist"),
        ("'${DIR}/*.yaml'", "the environment variable DIR is not set"),
        ("''", "is empty"),
        ("~", "there is no value"),
    ],
)
def test_pattern_that_cannot_be_meant(site: Site, pattern: str, words: str) -> None:
    shown = site.refuse(f"include: [{pattern}]\nmounts: {{a: {{app: a:b}}}}\n")
    assert shown.startswith("gateway.yaml:1:11: include[0]: ")
    assert words in shown


def test_pattern_may_match_nothing(site: Site) -> None:
    assert site.load("include: apps/*.yaml\nmounts: {a: {app: a:b}}\n").mounts


def test_pattern_is_interpolated(site: Site) -> None:
    site.environ = {"DIR": str(site.root / "conf.d")}
    site.write("mounts: {a: {app: a:b}}", "conf.d/a.yaml")
    assert site.load("include: ['${DIR}/*.yaml']\n").mounts


def test_broken_link(site: Site) -> None:
    (site.root / "conf.d").mkdir()
    os.symlink("nowhere", "conf.d/a.yaml")
    shown = site.refuse("include: conf.d/*.yaml\n")
    assert shown.startswith("conf.d/a.yaml:1:1: there is no such file")
