"""The keys of mounts' policies: what they mean, and what is wrong with them."""

from __future__ import annotations

import os
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from config_site import Site
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from gateway.config.policy_spec import (
    AuthSpec,
    MiddlewareSpec,
    PolicySpec,
    Rate,
    RateLimitSpec,
    SecurityHeadersSpec,
)
from gateway.config.schema import json_schema, keys_of
from gateway.config.table_policies import POLICIES
from gateway.policies.stack import describe

VALIDATOR = Draft202012Validator(json_schema())
HASH = "$2y$05$" + "a" * 53
PAGE = Path(__file__).parents[2] / "docs" / "policies.md"


def policies(site: Site, body: str) -> PolicySpec:
    text = f"mounts:\n  notes: {{app: 'app:app', {body}}}\n"
    VALIDATOR.validate(yaml.safe_load(text))
    return site.mount(f"{{app: 'app:app', {body}}}").policies


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/minute", Rate(100, 60)),
        ("1 / second", Rate(1, 1)),
        ("20 per 5 seconds", Rate(20, 5)),
        ("5/2 hours", Rate(5, 7200)),
        ("9/day", Rate(9, 86400)),
    ],
)
def test_rates(site: Site, text: str, rate: Rate) -> None:
    assert policies(site, f"rate_limit: {text}").rate_limit == RateLimitSpec(rate)


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ("max_body: 1MiB", "max_body", 1048576),
        ("slow_after: 5s", "slow_after", 5.0),
        ("slow_after: off", "slow_after", None),
        ("slow_after: '${SLOW}'", "slow_after", 2.0),
        ("methods: [GET, POST]", "methods", ("GET", "POST")),
        ("methods: GET", "methods", ("GET",)),
        ("allow: []", "allow", ()),
        ("allow: 10.0.0.0/8", "allow", (ip_network("10.0.0.0/8"),)),
        ("deny: ['::1/128']", "deny", (ip_network("::1/128"),)),
        ("rate_limit: off", "rate_limit", None),
        ("rate_limit: {limit: off}", "rate_limit", None),
        (
            "rate_limit: {limit: 5/hour, by: 'header: X-Key', storage: '${REDIS}'}",
            "rate_limit",
            RateLimitSpec(Rate(5, 3600), "X-Key", "redis://:hunter2@h/0"),
        ),
        (
            "rate_limit: {limit: 5/hour, by: address, storage: memory}",
            "rate_limit",
            RateLimitSpec(Rate(5, 3600)),
        ),
        ("security_headers: off", "security_headers", None),
        ("security_headers: yes", "security_headers", SecurityHeadersSpec()),
        (
            "security_headers: {hsts: 1h, referrer_policy: off}",
            "security_headers",
            SecurityHeadersSpec(hsts=3600.0, referrer_policy=None),
        ),
        ("auth: off", "auth", None),
        ("auth: false", "auth", None),
        (
            "auth: {htpasswd: users}",
            "auth",
            AuthSpec({b"ada": HASH.encode()}),
        ),
        (
            "auth: {htpasswd: '${GATEWAY_HOME}/users', realm: R, pass_header: on}",
            "auth",
            AuthSpec({b"ada": HASH.encode()}, "R", True),
        ),
        ("middleware: []", "middleware", ()),
        (
            "middleware: ['a:b', {use: 'c:d', args: {x: [1]}}]",
            "middleware",
            (MiddlewareSpec("a:b"), MiddlewareSpec("c:d", {"x": [1]})),
        ),
    ],
)
def test_values(site: Site, body: str, field: str, value: Any) -> None:
    site.environ = {"SLOW": "2s", "REDIS": "redis://:hunter2@h/0"}
    site.write(f"ada:{HASH}\n", "users")
    found = policies(site, body)
    assert getattr(found, field) == value
    assert "hunter2" not in repr(found)
    assert HASH not in repr(found)


def test_the_tables_names_are_the_specs_fields() -> None:
    names = [field.name for field in fields(PolicySpec)]
    assert sorted(names) == sorted(key.name for key in POLICIES)
    for name in names:
        assert name in keys_of("defaults")
        assert len(keys_of("mount")[name].kinds) >= 4


def test_a_middleware_knows_its_place(site: Site) -> None:
    spec = site.load(
        "mounts:\n  a:\n    static: public\n    middleware:\n"
        "      - a:b\n      - use: c:d\n"
    )
    places = [each.place for each in spec.mounts[0].policies.middleware]
    assert [(each.line, each.column) for each in places] == [(5, 9), (6, 9)]


def test_defaults_of_all_kinds_of_mounts(site: Site) -> None:
    spec = site.load(
        "defaults: {max_body: 1kB, deny: 10.0.0.0/8}\n"
        "mounts: {a: {static: public}, b: {redirect: /x, deny: []}}\n"
    )
    first, second = (mount.policies for mount in spec.mounts)
    assert first.max_body == second.max_body == 1000
    assert first.deny == (ip_network("10.0.0.0/8"),)
    assert second.deny == ()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("rate_limit: 100", "rate_limit: '100' is not a rate: write how many requ"),
        ("rate_limit: 0/minute", "'0/minute' is not a rate"),
        ("rate_limit: [1]", "rate_limit: this is a list: write a mapping, such as"),
        ("rate_limit:", "rate_limit: 'limit' is missing: write a mapping, such as {"),
        ("rate_limit: {by: address}", "rate_limit: 'limit' is missing"),
        ("rate_limit: {limit: 1/s}", "rate_limit.limit: '1/s' is not a rate"),
        (
            "rate_limit: {limit: 1/day, strage: memory}",
            "rate_limit.strage: there is no such key here: did you mean storage?",
        ),
        (
            "rate_limit: {limit: 1/day, zzz: memory}",
            "rate_limit.zzz: there is no such key here: the keys are limit, by, storag",
        ),
        ("rate_limit: {limit: 1/day, by: cookie}", "by: 'cookie' does not tell cli"),
        ("rate_limit: {limit: 1/day, by: 'header:'}", "does not tell clients apart"),
        ("rate_limit: {limit: 1/day, by: 'header:a b'}", "does not tell clients apa"),
        ("rate_limit: {limit: 1/day, storage: hunter2}", "storage: the value is no p"),
        (
            "rate_limit: {limit: 1/day, storage: 'redis://:hunter2@h:0/0'}",
            "the value is no place to count",
        ),
        (
            "rate_limit: {limit: 1/day, storage: 'redis://:hunter2@[h/0'}",
            "the value is no place to count",
        ),
        ("rate_limit: {limit: 1/day, storage: 'unix:'}", "the value is no place"),
        ("methods: get", "methods: 'get' is not in capitals, as methods are; did y"),
        ("methods: [GET, 'A B']", "methods[1]: 'A B' is no method (RFC 9110, 9.1)"),
        ("allow: 10.0.0.1/8", "has bits set behind its prefix length; did you mean"),
        ("slow_after: soon", "'soon' is not a duration"),
        ("security_headers: maybe", "'maybe' is not a boolean"),
        ("security_headers: {frames: none}", "frames: 'none' is not one of the choi"),
        ("security_headers: {on: false}", "security_headers.on: there is no such key"),
        ("auth: staff", "auth: 'staff' does not say who may enter: write a mapping"),
        ("auth: {realm: x}", "auth: 'htpasswd' is missing"),
        ("auth: {htpasswd: none}", "htpasswd: 'none' cannot be read (No such file or"),
        ("auth: {htpasswd: public}", "'public' cannot be read (Is a directory)"),
        ("auth: {htpasswd: ok, realm: 'a\\tb'}", ""),
        ("auth: {htpasswd: ok, realm: \u00e9}", "has characters that are not ASCII"),
        ("middleware: a:b", "middleware: this is a single value: write a list, such"),
        ("middleware: {use: 'a:b'}", "middleware: this is a mapping: write a list"),
        ("middleware: [{args: {}}]", "middleware[0]: 'use' is missing"),
        ("middleware: [{use: 'a:b', arg: 1}]", "middleware[0].arg: there is no such k"),
        ("middleware: [a.b]", "middleware[0]: 'a.b' is not a reference"),
        ("middleware: [[a]]", "middleware[0]: this is a list: write a mapping"),
    ],
)
def test_what_is_wrong(site: Site, body: str, message: str) -> None:
    site.write(f"ada:{HASH}\n", "ok")
    if not message:
        body, message = 'auth: {htpasswd: ok, realm: "a\\tb"}', "control character"
    problem = site.refuse_mount(f"{{app: 'app:app', {body}}}")
    assert message in problem
    assert problem.startswith("gateway.yaml:2:")
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "$apr1$xyz$hunter2",
            "users:2: the password of 'bob' is MD5 (apr1), not a bcr",
        ),
        (
            "{SHA}hunter2",
            "is SHA-1, not a bcrypt hash: set the password anew with 'htp",
        ),
        ("$5$hunter2", "is SHA-256 crypt"),
        ("$6$hunter2", "is SHA-512 crypt"),
        ("$argon2id$hunter2", "is Argon2"),
        ("hunter2", "is a plain text or an old DES hash"),
        ("$2y$05$hunter2", "is cut off, or of another kind of bcrypt"),
        (HASH.replace("05", "20", 1), "has a cost of 20, and 4 to 16 can be checked"),
        ("", "users:2: this is not 'name:hash'"),
    ],
)
def test_hashes_that_are_refused(site: Site, line: str, message: str) -> None:
    site.write(f"ada:{HASH}\nbob:{line}\n", "users")
    problem = site.refuse_mount("{static: public, auth: {htpasswd: users}}")
    assert message in problem
    assert "hunter2" not in problem
    assert HASH not in problem


def test_all_lines_are_told_at_once(site: Site) -> None:
    site.write(f"ada:{HASH}\n\n# note\nada:{HASH}\nnobody\n:x\n", "users")
    problem = site.refuse_mount("{static: public, auth: {htpasswd: users}}")
    for number in (4, 5, 6):
        assert f"users:{number}: " in problem
    assert "users:1:" not in problem
    assert "the user 'ada' is there already" in problem


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# nobody\n", "has no users, so nobody could enter"),
        (b"\xff\xfe", "is not in UTF-8"),
        (b"#" * (4 * 1024**2 + 1), "is larger than 4MiB"),
    ],
)
def test_files_that_are_refused(site: Site, content: bytes, message: str) -> None:
    site.write(content, "users")
    problem = site.refuse_mount("{static: public, auth: {htpasswd: users}}")
    assert message in problem


def test_a_file_of_users_that_might_never_end(site: Site) -> None:
    os.mkfifo(site.root / "pipe")
    for file in ("/dev/null", "/dev/zero", "pipe"):
        problem = site.refuse_mount(f"{{static: public, auth: {{htpasswd: {file}}}}}")
        assert "is a pipe or a device: name a file that 'htpasswd -B'" in problem


def test_trusted_hops(site: Site) -> None:
    mounts = "mounts: {a: {static: public}}"
    assert site.load(mounts).server.trusted_hops == 0
    assert site.load(f"server: {{trusted_hops: 2}}\n{mounts}").server.trusted_hops == 2
    assert "out of range" in site.refuse(f"server: {{trusted_hops: 17}}\n{mounts}")


def test_the_order_is_described(site: Site) -> None:
    site.write(f"ada:{HASH}\n", "users")
    found = policies(
        site,
        "middleware: ['a:b', 'c:d'], slow_after: 5s, max_body: 1kB, "
        "auth: {htpasswd: users, realm: Staff}, rate_limit: {limit: 6 per 3 minutes, "
        "by: 'header:X-Key', storage: 'redis://:hunter2@h'}, methods: [GET], "
        "allow: [], deny: 10.0.0.0/8, security_headers: true",
    )
    assert describe(found) == (
        "security_headers",
        "deny 10.0.0.0/8",
        "allow none",
        "methods GET",
        "rate_limit 6/3 minutes header:X-Key redis",
        "auth 'Staff'",
        "max_body 1000B",
        "slow_after 5s",
        "middleware a:b",
        "middleware c:d",
    )
    assert describe(PolicySpec()) == ()


def test_the_page_tells_of_each_key_and_of_each_of_its_keys() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for key in POLICIES:
        assert f"`{key.name}`" in page, key.name
        kind: Any = key.type
        kind = getattr(kind, "item", kind)
        for field in getattr(kind, "fields", ()):
            assert f"`{field.name}`" in page, field.name
