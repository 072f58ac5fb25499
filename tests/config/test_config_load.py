"""What a ``gateway.yaml`` becomes, and what is said about a wrong one."""

from __future__ import annotations

import dataclasses
import datetime
import os

import pytest
from config_site import Site

from gateway.config.load import load_config
from gateway.config.schema import Section, keys_of
from gateway.config.spec import (
    AdminSpec,
    AppTarget,
    AsgiTarget,
    MountSpec,
    ProxyTarget,
    QueueSpec,
    RedirectTarget,
    ServerSpec,
    StaticTarget,
)
from gateway.errors import ConfigError, Place

DEMO = """\
server:
  host: 127.0.0.1
  port: 8080
  threads: 8
  drain_timeout: 30s
  max_body: 16MiB

defaults:
  imports: private

include: [conf.d/*.yaml]

mounts:
  portal:
    prefix: /
    app: app:create_app
    path: apps/notes
  notes:
    app: app:create_app
    path: apps/notes
    args: {testing: false}
    config:
      SECRET_KEY: ${NOTES_SECRET:-change-me}
    shutdown: app:close
  catalog:
    host: catalog.localhost
    app: catalog.wsgi:application
    path: apps/notes
    imports: shared
  api:
    asgi: main:app
    path: apps/notes
  assets: {static: public}
  old: {redirect: /notes, status: 301}
"""


def test_demo(site: Site) -> None:
    (site.root / "conf.d").mkdir()
    spec = site.load(DEMO)
    notes = site.root / "apps" / "notes"
    assert spec.source == site.root / "gateway.yaml"
    assert spec.home == site.root
    assert spec.files == (spec.source,)
    assert spec.server == ServerSpec(
        host="127.0.0.1",
        port=8080,
        threads=8,
        max_body=16 * 1024**2,
        drain_timeout=30.0,
        idle_timeout=120.0,
        connection_limit=512,
        backlog=1024,
    )
    app = AppTarget("app:create_app", notes, "private", {}, None)
    file = "gateway.yaml"
    assert spec.mounts == (
        MountSpec("portal", "", None, app, {}, None, Place(file, 14, 3), site.root),
        MountSpec(
            "notes",
            "/notes",
            None,
            dataclasses.replace(app, args={"testing": False}),
            {"SECRET_KEY": "change-me"},
            "app:close",
            Place(file, 18, 3),
            site.root,
        ),
        MountSpec(
            "catalog",
            "",
            "catalog.localhost",
            AppTarget("catalog.wsgi:application", notes, "shared", {}, None),
            {},
            None,
            Place(file, 25, 3),
            site.root,
        ),
        MountSpec(
            "api",
            "/api",
            None,
            AsgiTarget("main:app", notes, "private", {}, None),
            {},
            None,
            Place(file, 30, 3),
            site.root,
        ),
        MountSpec(
            "assets",
            "/assets",
            None,
            StaticTarget(site.root / "public"),
            {},
            None,
            Place(file, 33, 3),
            site.root,
        ),
        MountSpec(
            "old",
            "/old",
            None,
            RedirectTarget("/notes", 301),
            {},
            None,
            Place(file, 34, 3),
            site.root,
        ),
    )


def test_specs_are_frozen(site: Site) -> None:
    (site.root / "conf.d").mkdir()
    spec = site.load(DEMO)
    for part in (spec, spec.server, spec.mounts[0], spec.mounts[0].target):
        field = dataclasses.fields(part)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, field, None)


def test_repr_shows_no_config_and_no_arguments(site: Site) -> None:
    spec = site.load(
        "mounts: {a: {app: a:b, config: {K: hunter2}, args: {k: hunter2}}}\n"
    )
    assert "hunter2" not in repr(spec)


def test_server_keys_are_the_fields_of_its_spec() -> None:
    assert {field.name for field in dataclasses.fields(ServerSpec)} == set(
        keys_of("server")
    )


@pytest.mark.parametrize(
    ("spec", "section"),
    [
        (ServerSpec, "server"),
        (AdminSpec, "admin"),
        (MountSpec, "mount"),
        (QueueSpec, "mount"),
    ],
)
def test_a_default_of_a_spec_is_that_of_the_table(spec: type, section: Section) -> None:
    keys = keys_of(section)
    own = {
        field.name: field.default
        for field in dataclasses.fields(spec)
        if field.default is not dataclasses.MISSING and field.name in keys
    }
    told = {name: keys[name].default_value() for name in own if keys[name].default}
    assert told
    assert {name: own[name] for name in told} == told


def test_every_problem_is_reported_in_the_order_of_the_file(site: Site) -> None:
    problems = site.fail(
        "server:\n"
        "  prot: 8080\n"
        "  threads: 0\n"
        "mounts:\n"
        "  notes:\n"
        "    prefix: notes\n"
        "    app: app.py:create_app\n"
        "    config: {KEY: '${NOTES_KEY}'}\n"
        "  assets: {static: publik, status: 301}\n"
        "extra: 1\n"
    )
    assert [(str(problem.place), problem.path) for problem in problems] == [
        ("gateway.yaml:2:3", "server.prot"),
        ("gateway.yaml:3:12", "server.threads"),
        ("gateway.yaml:6:13", "mounts.notes.prefix"),
        ("gateway.yaml:7:10", "mounts.notes.app"),
        ("gateway.yaml:8:19", "mounts.notes.config.KEY"),
        ("gateway.yaml:9:20", "mounts.assets.static"),
        ("gateway.yaml:9:28", "mounts.assets.status"),
        ("gateway.yaml:10:1", "extra"),
    ]


@pytest.mark.parametrize(
    ("content", "path", "cure"),
    [
        ("servr: {}", "servr", "did you mean server?"),
        ("mount: {}", "mount", "did you mean mounts?"),
        ("port: 80", "port", "it belongs in 'server:'"),
        ("host: a", "host", "it belongs in 'server:' or a mount"),
        ("server: {treads: 8}", "server.treads", "did you mean threads?"),
        ("server: {include: a}", "server.include", "in the top level of the main file"),
        ("defaults: {confg: {}}", "defaults.confg", "did you mean config?"),
        ("defaults: {prefix: /x}", "defaults.prefix", "it belongs in a mount"),
        ("mounts: {a: {ap: a:b}}", "mounts.a.ap", "did you mean app?"),
        ("mounts: {a: {app: a:b, xyz: 1}}", "mounts.a.xyz", "the keys there are app, "),
        ("mounts: {a: {app: a:b, 1: 1}}", "mounts.a.1", "the keys there are app, "),
        ('mounts: {a: {app: a:b, "\\e": 1}}', "mounts.a.\\x1b", "the keys there are"),
        ('mounts: {a: {app: a:b, "": 1}}', "mounts.a.''", "the keys there are"),
        (f"{'k' * 90}: 1", f"{'k' * 57}...", "the keys there are"),
        ("mounts: {a: {app: a:b, workers: 2}}", "mounts.a.workers", "it belongs in"),
        ("admins: {}", "admins", "there is no such key"),
    ],
)
def test_unknown_key(site: Site, content: str, path: str, cure: str) -> None:
    problem = site.fail(content + "\n")[0]
    assert problem.path == path
    assert problem.message.startswith("there is no such key in ")
    assert cure in problem.message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "server: 8080",
            "1:9: server: this is a single value: write a mapping, such as",
        ),
        ("server: []", "1:9: server: this is a list: write a mapping, such as"),
        (
            "mounts: [a]",
            "1:9: mounts: this is a list: write a mapping, such as {notes:",
        ),
        ("server: {port: }", "1:15: server.port: there is no value: write one (whole"),
        ("server: {port: ~}", "1:16: server.port: there is no value: write one (whole"),
        ("server: {port: [1]}", "1:16: server.port: this is a list: write a single"),
        ("server: {port: {a: 1}}", "1:16: server.port: this is a mapping: write a"),
        ("server: {port: true}", "1:16: server.port: 'true' is not a whole number"),
        ("server: {port: 65536}", "1:16: server.port: '65536' is out of range"),
        (
            "server: {threads: 0}",
            "1:19: server.threads: '0' is out of range: write 1 to",
        ),
        ("server: {backlog: 1.0}", "1:19: server.backlog: '1.0' is not a whole number"),
        ("server: {max_body: 0}", "1:20: server.max_body: '0' is out of range"),
        ("server: {host: '*'}", "1:16: server.host: '*' has a '*': write 0.0.0.0"),
        ("include: {a: b}", "1:10: include: this is a mapping: write a list, such as"),
        ("include: [[a]]", "1:11: include[0]: this is a list: write a single value"),
        ("defaults: {config: 1}", "1:20: defaults.config: this is a single value"),
        ("defaults: {imports: own}", "1:21: defaults.imports: 'own' is not one of the"),
    ],
)
def test_wrong_type(site: Site, content: str, message: str) -> None:
    shown = site.refuse(f"{content}\n")
    assert shown.startswith(f"gateway.yaml:{message}"), shown


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "app:create_app",
            "2:10: mounts.notes: this is a single value: write a mapping",
        ),
        ("", "2:9: mounts.notes: this is nothing: write a mapping"),
        ("[app]", "2:10: mounts.notes: this is a list: write a mapping"),
        ("{}", "2:3: mounts.notes: nothing says what it serves: add one of app, asgi,"),
        ("{prefix: /x}", "2:3: mounts.notes: nothing says what it serves"),
        ("{app: a:b, static: public}", "2:21: mounts.notes: there are app and static,"),
        ("{app: a:b, asgi: a:b, redirect: /}", "2:32: mounts.notes: there are app and"),
        (
            "{app: a:b, status: 301}",
            "2:21: mounts.notes.status: this goes with redirect",
        ),
        (
            "{static: public, args: {}}",
            "2:27: mounts.notes.args: this goes with app and",
        ),
        (
            "{redirect: /x, path: apps}",
            "2:25: mounts.notes.path: this goes with app and",
        ),
        (
            "{redirect: /x, status: 200}",
            "2:33: mounts.notes.status: '200' is not one of",
        ),
        (
            "{redirect: /notes}",
            "2:21: mounts.notes.redirect: this is the address of the",
        ),
        ("{redirect: /n/, prefix: /%6e}", "2:21: mounts.notes.redirect: this is the"),
        ("{app: a:b, factory: maybe}", "2:30: mounts.notes.factory: 'maybe' is not a"),
        (
            "{app: a:b, imports: no}",
            "2:30: mounts.notes.imports: 'no' is not one of the",
        ),
        ("{app: a:b, args: {a: 1}, factory: no}", "2:21: mounts.notes.args: these are"),
        (
            "{app: a:b, shutdown: close}",
            "2:31: mounts.notes.shutdown: 'close' is not a",
        ),
        ("{app: a:b, host: 'a.test:80'}", "2:27: mounts.notes.host: 'a.test:80' has a"),
        ("{app: app.main}", "2:16: mounts.notes.app: 'app.main' is not a reference"),
    ],
)
def test_wrong_mount(site: Site, body: str, message: str) -> None:
    shown = site.refuse_mount(body)
    assert shown.startswith(f"gateway.yaml:{message}"), shown


def test_suggestion_is_shown(site: Site) -> None:
    assert site.refuse_mount("{app: 'app.py:create_app'}").endswith(
        "; did you mean 'app:create_app'?"
    )


def test_unknown_key_may_be_the_misspelt_kind(site: Site) -> None:
    assert "did you mean static?" in site.refuse_mount("{statik: public}")


@pytest.mark.parametrize("section", ["server", "defaults", "include", "mounts"])
def test_section_with_everything_commented_out(site: Site, section: str) -> None:
    content = f"{section}:\n  # nothing\n"
    if section == "mounts":
        assert "there are no mounts: add one" in site.refuse(content)
    elif section == "include":
        assert "there is no value" in site.refuse(content)
    else:
        assert site.load(f"{content}mounts: {{a: {{app: a:b}}}}\n").mounts


def test_no_mounts(site: Site) -> None:
    assert site.refuse("server: {}\n").startswith(
        "gateway.yaml:1:1: mounts: there are no mounts: add one, such as 'notes: {app"
    )
    assert site.refuse("server: {}\nmounts: {}\n").startswith("gateway.yaml:2:1: ")


@pytest.mark.parametrize(
    "name",
    [
        "no",
        "on",
        "1",
        "1_000",
        "0o10",
        "1e3",
        "null",
        "~x"[1:],
        "a.b-c_D",
        "2024-01-01",
    ],
)
def test_name_is_what_is_written(site: Site, name: str) -> None:
    mount = site.mount("{app: a:b}", name)
    assert (mount.name, mount.prefix) == (name, f"/{name}")


@pytest.mark.parametrize(
    "name", ["''", "-a", "'.'", "..", "a/b", "a b", "é", "a:b", '"a\\nb"', "a" * 65]
)
def test_name_that_cannot_be_one(site: Site, name: str) -> None:
    shown = site.refuse_mount("{app: a:b}", name)
    assert shown.startswith("gateway.yaml:2:3: mounts.")
    assert "cannot name a mount" in shown


@pytest.mark.parametrize("value", ["no", "on", "1_000", "0o10", "2024-01-01", "1.0"])
def test_string_is_what_is_written(site: Site, value: str) -> None:
    (site.root / value).mkdir()
    assert site.mount(f"{{static: {value}}}").target == StaticTarget(site.root / value)


def test_free_values_are_typed_as_yaml_does(site: Site) -> None:
    mount = site.mount(
        "\n    app: a:b\n"
        "    args: {1: one, on: true}\n"
        "    config:\n"
        "      A: [1, 1.5, yes, null, text, '1', 0o10, 1_000]\n"
        "      B: {404: missing, x: {y: []}}\n"
        "      C: 2024-05-06\n"
        "      D: !!binary aGk=\n"
        "      E: !!set {a, b}\n"
        "      F: !!str 5\n"
        "      G: =\n"
        "      7: seven"
    )
    assert isinstance(mount.target, AppTarget)
    assert mount.target.args == {"1": "one", "on": True}
    assert mount.config == {
        "A": [1, 1.5, True, None, "text", "1", "0o10", 1000],
        "B": {404: "missing", "x": {"y": []}},
        "C": datetime.date(2024, 5, 6),
        "D": b"hi",
        "E": {"a", "b"},
        "F": "5",
        "G": "=",
        "7": "seven",
    }


@pytest.mark.parametrize(
    "value",
    [
        "2024-13-45",
        "!!int hunter2",
        "!!int ''",
        "!!float hunter2",
        "!!bool hunter2",
        "!!timestamp hunter2",
        "!!binary hünter2",
        "!!binary a",
        "9" * 1001,
        "1:" * 600 + "1",
    ],
)
def test_free_value_that_cannot_be_read(site: Site, value: str) -> None:
    shown = site.refuse_mount(f"{{app: a:b, config: {{K: [{value}]}}}}")
    assert shown.startswith("gateway.yaml:2:34: mounts.notes.config.K[0]: this is not")
    assert "hunter2" not in shown
    assert len(shown) < 250


def test_free_keys_of_one_value(site: Site) -> None:
    shown = site.refuse_mount("{app: a:b, config: {K: {1: a, 0x1: b}}}")
    assert shown.startswith(
        "gateway.yaml:2:40: mounts.notes.config.K.0x1: this key has"
    )


def test_defaults(site: Site) -> None:
    spec = site.load(
        "defaults:\n"
        "  imports: shared\n"
        "  factory: true\n"
        "  config: {A: 1, B: {x: 1, y: 2}, C: [1]}\n"
        "mounts:\n"
        "  one: {app: a:b, path: apps/notes, config: {B: {x: 3}, D: 4}}\n"
        "  two: {asgi: a:b, path: apps/notes, imports: private, factory: false}\n"
        "  three: {app: a:b, args: {a: 1}}\n"
        "  four: {static: public}\n"
        "  five: {redirect: /one}\n"
    )
    one, two, three, four, five = spec.mounts
    folder = site.root / "apps" / "notes"
    assert one.target == AppTarget("a:b", folder, "shared", {}, True)
    assert one.config == {"A": 1, "B": {"x": 3}, "C": [1], "D": 4}
    assert two.target == AsgiTarget("a:b", folder, "private", {}, False)
    assert two.config == {"A": 1, "B": {"x": 1, "y": 2}, "C": [1]}
    assert three.target == AppTarget("a:b", None, "shared", {"a": 1}, True)
    assert four.config == five.config == {}
    assert two.config["C"] == three.config["C"]
    assert two.config["C"] is not three.config["C"]


def test_default_of_imports(site: Site) -> None:
    spec = site.load(
        "defaults: {imports: private}\n"
        "mounts: {a: {app: a:b, path: apps}, b: {app: a:b, imports: shared}}\n"
    )
    found = [getattr(mount.target, "imports", None) for mount in spec.mounts]
    assert found == ["private", "shared"]
    assert getattr(site.mount("{app: a:b}").target, "imports", "") is None


def test_a_mount_knows_the_folder_of_the_file_that_it_stands_in(site: Site) -> None:
    site.write("mounts: {b: {app: a:b}}", "conf.d/b.yaml")
    spec = site.load("include: conf.d/b.yaml\nmounts: {a: {app: a:b}}\n")
    homes = [mount.home for mount in spec.mounts]
    assert homes == [site.root, site.root / "conf.d"]


def test_redirect_status_is_temporary_unless_said(site: Site) -> None:
    assert site.mount("{redirect: /x}").target == RedirectTarget("/x", 307)


@pytest.mark.parametrize(
    ("body", "host", "prefix"),
    [
        ("{app: a:b}", None, "/notes"),
        ("{app: a:b, host: N.test}", "n.test", ""),
        ("{app: a:b, host: n.test, prefix: /x/}", "n.test", "/x"),
        ("{app: a:b, host: '*.n.test'}", "*.n.test", ""),
        ("{app: a:b, host: '::1'}", "[::1]", ""),
        ("{app: a:b, prefix: /caf%C3%A9}", None, "/caf\u00e9"),
    ],
)
def test_address(site: Site, body: str, host: str | None, prefix: str) -> None:
    mount = site.mount(body)
    assert (mount.host, mount.prefix) == (host, prefix)


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        (
            "{app: a:b, prefix: /x}",
            "{app: a:b, prefix: /x/}",
            "3:27: mounts.two.prefix",
        ),
        ("{app: a:b, prefix: /é}", "{app: a:b, prefix: /%C3%A9}", "3:27: mounts.two."),
        ("{app: a:b, prefix: /two}", "{app: a:b}", "3:3: mounts.two"),
        ("{app: a:b, host: a.b}", "{app: a:b, host: A.B}", "3:25: mounts.two.host"),
        (
            "{app: a:b, host: a.b, prefix: /}",
            "{app: a:b, host: a.b}",
            "3:25: mounts.two",
        ),
    ],
)
def test_same_address_twice(site: Site, first: str, second: str, place: str) -> None:
    shown = site.refuse(f"mounts:\n  one: {first}\n  two: {second}\n")
    assert shown.startswith(f"gateway.yaml:{place}")
    assert "mount 'one' at gateway.yaml:2:" in shown


def test_same_address_is_reported_beside_other_problems(site: Site) -> None:
    problems = site.fail(
        "mounts:\n"
        "  one: {app: nonsense, prefix: /x}\n"
        "  two: {app: nonsense, prefix: /x}\n"
        "  -: {app: a:b}\n"
        "  three: {app: a:b, host: a_b}\n"
    )
    assert [str(problem.place) for problem in problems] == [
        "gateway.yaml:2:14",
        "gateway.yaml:3:14",
        "gateway.yaml:3:32",
        "gateway.yaml:4:3",
        "gateway.yaml:5:27",
    ]


def test_different_hosts_may_share_a_prefix(site: Site) -> None:
    assert site.load(
        "mounts:\n"
        "  one: {app: a:b, prefix: /x}\n"
        "  two: {app: a:b, prefix: /x, host: a.test}\n"
        "  three: {app: a:b, prefix: /x, host: '*.a.test'}\n"
        "  four: {app: a:b, prefix: /x/y}\n"
        "  five: {app: a:b, prefix: /X}\n"
    ).mounts


def test_paths_start_at_the_file_that_holds_them(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write("mounts: {b: {app: a:b, path: code}}", "conf.d/b.yaml")
    (site.root / "conf.d" / "code").mkdir()
    path = site.write("include: conf.d/b.yaml\nmounts: {a: {app: a:b, path: apps}}")
    monkeypatch.chdir("/")
    spec = load_config(path)
    assert [getattr(mount.target, "path", None) for mount in spec.mounts] == [
        site.root / "apps",
        site.root / "conf.d" / "code",
    ]
    assert spec.files == (path, site.root / "conf.d" / "b.yaml")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            "apps/note",
            "'apps/note' is no folder that exists: create it, or correct the "
            "path, which starts at the folder of this file; did you mean 'apps/notes'?",
        ),
        ("none/at/all", "is no folder that exists"),
        ("gateway.yaml", "is a file: name the folder it is in"),
        ("''", "is empty: write a value"),
        ('"a\\0b"', "has a line break or another control character"),
        ('"\\uD800"', "has a character that is not Unicode"),
        ("x" * 5000, "is no folder that exists"),
    ],
)
@pytest.mark.parametrize("key", ["static", "path"])
def test_folder_that_is_none(site: Site, key: str, value: str, words: str) -> None:
    body = f"{{app: a:b, path: {value}}}" if key == "path" else f"{{static: {value}}}"
    shown = site.refuse_mount(body)
    assert words in shown
    assert f"mounts.notes.{key}: " in shown


def test_links_in_paths_are_resolved(site: Site) -> None:
    os.symlink("apps/notes", "current")
    target = site.mount("{app: a:b, path: current}").target
    assert getattr(target, "path", None) == site.root / "apps" / "notes"


def test_config_error_has_every_problem_on_a_line(site: Site) -> None:
    with pytest.raises(ConfigError) as caught:
        site.load("a: 1\nb: 2\n")
    assert str(caught.value).splitlines() == [str(p) for p in caught.value.problems]
    assert len(caught.value.problems) == 2


def test_proxy_has_its_address_and_its_patience(site: Site) -> None:
    written = "{proxy: 'HTTP://example.com:80/a/', timeout: 2m, preserve_host: no}"
    assert site.mount(written).target == ProxyTarget(
        "http://example.com:80/a", 120.0, 5.0, False
    )


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("/notes", "is not the URL of a server"),
        ("ftp://example.com", "is not the URL of a server"),
        ("http://", "is not the URL of a server"),
        ("http://example.com:0", "is not the URL of a server"),
        ("http://example.com:x", "is not a URL"),
        ("http://[::1", "is not a URL"),
        ("http://me:hunter2@example.com", "has a user name or a password"),
        ("http://example.com/?x=1", "has a space, '?' or '#'"),
    ],
)
def test_proxy_needs_a_server(site: Site, url: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        site.mount(f"{{proxy: '{url}'}}")
    (said,) = caught.value.problems
    assert problem in str(said)
    assert "hunter2" not in str(said)
