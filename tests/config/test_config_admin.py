"""``admin:`` and ``on_load_error:``: what they become, and what is refused."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from config_site import Site

from gateway.config.load import load_admin
from gateway.config.spec import AdminSpec
from gateway.errors import ConfigError

MOUNTS = "\nmounts: {a: {app: a:b}}\n"
LOCAL = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def admin(site: Site, text: str) -> AdminSpec | None:
    return site.load(text + MOUNTS).admin


def test_only_a_file_that_has_the_section_has_an_admin(site: Site) -> None:
    assert admin(site, "") is None
    assert admin(site, "admin:") == AdminSpec("/_gateway", LOCAL, None)
    assert admin(site, "admin: {}") == AdminSpec("/_gateway", LOCAL, None)


def test_its_keys(site: Site) -> None:
    site.environ = {"TOKEN": "abc.DEF-123~"}
    found = admin(
        site,
        "admin: {prefix: /ops/gw/, allow: [10.0.0.0/8, '::1', 192.0.2.7], "
        'token: "${TOKEN}"}',
    )
    assert found == AdminSpec(
        "/ops/gw",
        (ip_network("10.0.0.0/8"), ip_network("::1/128"), ip_network("192.0.2.7/32")),
        "abc.DEF-123~",
    )
    single = admin(site, "admin: {allow: 10.0.0.0/8}")
    assert single is not None
    assert single.allow == (ip_network("10.0.0.0/8"),)
    nobody = admin(site, "admin: {allow: []}")
    assert nobody is not None
    assert nobody.allow == ()


def test_the_token_may_be_a_file(site: Site) -> None:
    site.write("s3cret\n", "token")
    found = admin(site, "admin: {token: '${file:token}'}")
    assert found is not None
    assert found.token == "s3cret"


def test_the_token_is_shown_by_no_repr_and_by_no_message(site: Site) -> None:
    spec = site.load("admin: {token: hunter2}" + MOUNTS)
    assert "hunter2" not in repr(spec)
    problem = site.refuse("admin: {token: 'hunter 2'}" + MOUNTS)
    assert "hunter" not in problem
    assert "admin.token: the value is no bearer token (RFC 6750, 2.1)" in problem


@pytest.mark.parametrize(
    ("text", "path", "cause"),
    [
        ("{prefix: /}", "admin.prefix", "'/' is the root"),
        ("{prefix: x}", "admin.prefix", "does not start with '/'"),
        ("{allow: [10.0.0.1/8]}", "admin.allow[0]", "did you mean '10.0.0.0/8'?"),
        ("{allow: [localhost]}", "admin.allow[0]", "is no network of IP addresses"),
        ("{allow: [10.0.0.0/8, [1]]}", "admin.allow[1]", "this is a list"),
        ("{allow: {a: b}}", "admin.allow", "this is a mapping: write a list"),
        ("{token: ''}", "admin.token", "the value is no bearer token"),
        ("{tokn: x}", "admin.tokn", "did you mean token?"),
        ("[1]", "admin", "write a mapping"),
    ],
)
def test_what_is_refused(site: Site, text: str, path: str, cause: str) -> None:
    (problem,) = site.fail(f"admin: {text}{MOUNTS}")
    assert problem.path == path
    assert cause in problem.message


@pytest.mark.parametrize("prefix", ["/_gateway", "/_gateway/x/y", "/%5Fgateway"])
def test_no_mount_may_stand_behind_it(site: Site, prefix: str) -> None:
    problem = site.refuse(
        f"admin:\nmounts: {{notes: {{app: a:b, prefix: {prefix}, host: x.org}}}}"
    )
    assert "mounts.notes.prefix: mount 'notes' would never answer" in problem
    assert "'admin:' has '/_gateway'" in problem


def test_a_longer_name_is_no_part_of_it(site: Site) -> None:
    text = "admin:\nmounts: {a: {app: a:b, prefix: /_gateways}, b: {app: b:c}}"
    assert len(site.load(text).mounts) == 2
    assert site.load(text.replace("admin:\n", "").replace("ways", "way")).mounts


def test_what_else_is_wrong_does_not_keep_one_from_asking(site: Site) -> None:
    path = site.write(
        "server: {port: 1234}\nadmin: {token: abc}\nwhatever: 1\n"
        "mounts: {a: {app: '${UNSET}'}}\n"
    )
    server, found = load_admin(path, {})
    assert server.port == 1234
    assert found is not None
    assert found.token == "abc"
    with pytest.raises(ConfigError, match=r"server\.port"):
        load_admin(site.write("server: {port: x}\n"), {})


def test_on_load_error(site: Site) -> None:
    assert site.mount("{app: a:b}").on_load_error == "fail"
    assert site.mount("{app: a:b, on_load_error: degrade}").on_load_error == "degrade"
    text = "defaults: {on_load_error: degrade}\nmounts: {a: {app: a:b}, s: {static: .}}"
    a, s = site.load(text).mounts
    assert (a.on_load_error, s.on_load_error) == ("degrade", "fail")
    assert "write fail or degrade" in site.refuse_mount("{app: a:b, on_load_error: x}")
