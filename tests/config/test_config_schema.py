"""The JSON Schema, which editors use, says what the loader does."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from config_site import Site
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from gateway.config.schema import TABLE, json_schema, keys_of, unknown_key
from gateway.config.values import ScalarType
from gateway.errors import ConfigError

VALIDATOR = Draft202012Validator(json_schema())

MOUNT = "mounts: {{a: {{{}}}}}"
ACCEPTED = [
    "include: [conf.d/*.yaml]",
    "include: conf.d/*.yaml",
    "mounts: {}",
    "server:\nmounts:\n",
    "server: {port: 80, threads: '8', max_body: 1024, drain_timeout: 2.5}\nmounts: {}",
    "server: {max_body: 16MiB, drain_timeout: 500ms, host: '::1'}\nmounts: {}",
    "server: {port: '${PORT}', threads: '${T:-8}', max_body: '${M}'}\nmounts: {}",
    "defaults: {config: {A: {b: [1]}}, imports: shared, factory: no}\nmounts: {}",
    MOUNT.format("app: 'app:create_app'"),
    MOUNT.format("app: '${MODULE}:app', path: '${DIR}', factory: '${F:-true}'"),
    MOUNT.format("asgi: 'main:app', path: apps/api, args: {a: 1}, shutdown: 'a:b'"),
    MOUNT.format("static: public, host: '*.example.com', prefix: /"),
    MOUNT.format("redirect: /x, status: 301"),
    MOUNT.format("redirect: https://example.com, status: '308'"),
    MOUNT.format("proxy: 'http://[::1]:9000/app', timeout: 5m, preserve_host: false"),
    MOUNT.format("app: 'a:b', config: null"),
]
REFUSED = [
    "[]",
    "{}",
    "server: {}",
    "extra: 1\nmounts: {}",
    "server: {prot: 80}\nmounts: {}",
    "server: {port: true}\nmounts: {}",
    "server: {port: 65536}\nmounts: {}",
    "server: {port: eighty}\nmounts: {}",
    "server: {threads: 0}\nmounts: {}",
    "server: {threads: 1.5}\nmounts: {}",
    "server: {max_body: 16 apples}\nmounts: {}",
    "server: {drain_timeout: 1d}\nmounts: {}",
    "server: {drain_timeout: 0}\nmounts: {}",
    "server: 3\nmounts: {}",
    "defaults: {prefix: /x}\nmounts: {}",
    "include: {a: b}",
    "include: [1]",
    "mounts: []",
    "mounts: {a: 'app:app'}",
    "mounts: {'a b': {app: 'a:b'}}",
    MOUNT.format(""),
    MOUNT.format("app: 'a:b', ap: 1"),
    MOUNT.format("app: app.py"),
    MOUNT.format("app: 'a:b', static: public"),
    MOUNT.format("app: 'a:b', status: 301"),
    MOUNT.format("static: public, args: {}"),
    MOUNT.format("redirect: /x, path: y"),
    MOUNT.format("redirect: /x, status: 200"),
    MOUNT.format("proxy: /x"),
    MOUNT.format("proxy: http://x, config: {A: 1}"),
    MOUNT.format("app: 'a:b', imports: own"),
    MOUNT.format("app: 'a:b', factory: maybe"),
    MOUNT.format("app: 'a:b', prefix: x"),
    MOUNT.format("app: 'a:b', host: 'http://x'"),
    MOUNT.format("app: 'a:b', args: [1]"),
]


def test_schema_is_one_and_is_json() -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("content", ACCEPTED)
def test_accepted_by_schema_and_loader(site: Site, content: str) -> None:
    VALIDATOR.validate(yaml.safe_load(content))
    site.environ = {
        **{"PORT": "80", "M": "1kB", "MODULE": "app", "DIR": "apps"},
    }
    (site.root / "apps" / "api").mkdir()
    site.write("mounts: {z: {app: a:b}}", "conf.d/z.yaml")
    content += "" if "include:" in content else "\ninclude: conf.d/*.yaml\n"
    assert site.load(content).mounts


@pytest.mark.parametrize("content", REFUSED)
def test_refused_by_schema_and_loader(site: Site, content: str) -> None:
    assert not VALIDATOR.is_valid(yaml.safe_load(content))
    with pytest.raises(ConfigError):
        site.load(content)


def test_every_key_is_described() -> None:
    schema = json_schema()
    top = schema["properties"]
    sections: dict[str, Any] = {
        "top": top,
        "server": top["server"]["properties"],
        "defaults": top["defaults"]["properties"],
        "mount": schema["$defs"]["mount"]["properties"],
    }
    for key in TABLE:
        for section in set(key.sections) & set(sections):
            assert sections[section][key.name]["description"] == key.help
    assert top["server"]["properties"]["port"]["default"] == 8080
    assert top["server"]["properties"]["drain_timeout"]["default"] == "30s"


def test_every_help_is_a_sentence() -> None:
    for key in TABLE:
        assert re.fullmatch(r"[A-Z].*\.", key.help), key.name
        assert key.type.label
        assert key.type.example


def test_names_are_unique_in_their_sections() -> None:
    for section in ("top", "included", "server", "defaults", "mount"):
        names = [key.name for key in TABLE if section in key.sections]
        assert len(names) == len(set(names))


def test_defaults_are_keys_of_mounts_of_the_same_type() -> None:
    mount = keys_of("mount")
    for name, key in keys_of("defaults").items():
        assert mount[name] is key


def test_near_miss_wins_over_another_section() -> None:
    assert unknown_key("hosts", "mount").endswith("did you mean host?")
    assert unknown_key("threads", "mount").endswith("it belongs in 'server:'")


def test_scalars_may_be_interpolated() -> None:
    schema = json_schema()
    for section, properties in (
        ("server", schema["properties"]["server"]["properties"]),
        ("mount", schema["$defs"]["mount"]["properties"]),
    ):
        for key in keys_of(section).values():  # type: ignore[arg-type]
            if isinstance(key.type, ScalarType):
                found = Draft202012Validator(
                    {**properties[key.name], "$defs": schema["$defs"]}
                )
                assert found.is_valid("${ANY}"), key.name
                assert not found.is_valid([]), key.name
