"""Basic authentication: who enters, what the application sees, what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from composing import get
from policies_site import built, serving
from werkzeug.test import TestResponse

from gateway.config.load import load_config
from gateway.config.policy_spec import AuthSpec
from gateway.errors import LoadErrors
from gateway.lifecycle import Gateway
from gateway.policies.auth import _KEPT, AuthPolicy, _Known

bcrypt = pytest.importorskip("bcrypt", reason="component not installed: bcrypt")

MOUNT = "a: {app: app:application, path: a, auth: {htpasswd: users}}"


def hashed(password: str, prefix: bytes = b"2b") -> str:
    salt = bcrypt.gensalt(4, prefix=b"2b")
    text: bytes = bcrypt.hashpw(password.encode()[:72], salt)
    return (b"$" + prefix + text[3:]).decode()


GREETING = "gru\u00df"
USERS = {
    "users": f"# staff\n\nada:{hashed('secret')}\nm\u00fcller:{hashed(GREETING)}\n"
}


def basic(user: str | bytes, password: str = "", scheme: str = "Basic") -> str:
    pair = user if isinstance(user, bytes) else f"{user}:{password}".encode()
    return f"{scheme} {b64encode(pair).decode()}"


def ask(gateway: Gateway, header: str | None) -> TestResponse:
    headers = {} if header is None else {"Authorization": header}
    return get(gateway, "/a/", headers=headers)


def test_over_a_socket(tmp_path: Path) -> None:
    with serving(tmp_path, MOUNT, USERS) as served:
        refused = served.ask("/a/")
        assert refused.status == 401
        challenge = refused.headers["WWW-Authenticate"]
        assert challenge == 'Basic realm="restricted", charset="UTF-8"'
        assert "REMOTE_USER" not in refused.text
        entered = served.ask("/a/", Authorization=basic("ada", "secret"))
        assert entered.status == 200
        assert entered.shown["REMOTE_USER"] == "ada"
        assert entered.shown["AUTH_TYPE"] == "Basic"
        assert entered.shown["HTTP_AUTHORIZATION"] == "None"


@pytest.mark.parametrize(
    "header",
    [
        basic("ada", "Secret"),
        basic("ada", ""),
        basic("ada", "secret", "Bearer"),
        basic("eve", "secret"),
        basic("", "secret"),
        basic(b"ada"),
        basic(b"ada:secret\0"),
        "Basic",
        "Basic !!!!",
        "Basic \xff",
        "Basic " + "A" * 5000,
        "",
    ],
)
def test_others_stay_outside(tmp_path: Path, header: str) -> None:
    with built(tmp_path, MOUNT, USERS) as gateway:
        assert ask(gateway, header).status_code == 401


def test_scheme_in_any_case_and_names_in_utf_8(tmp_path: Path) -> None:
    with built(tmp_path, MOUNT, USERS) as gateway:
        assert ask(gateway, basic("ada", "secret", "bAsIc")).status_code == 200
        entered = ask(gateway, basic("m\u00fcller", GREETING))
        # PEP 3333: the bytes, as Latin-1 text, which SHOW has encoded as UTF-8.
        latin = "m\u00fcller".encode().decode("latin-1")
        assert f"REMOTE_USER={latin}" in entered.text


def test_long_passwords_are_read_as_htpasswd_does(tmp_path: Path) -> None:
    users = {"users": f"ada:{hashed('x' * 100)}\n"}
    with built(tmp_path, MOUNT, users) as gateway:
        assert ask(gateway, basic("ada", "x" * 100)).status_code == 200
        assert ask(gateway, basic("ada", "x" * 71)).status_code == 401


@pytest.mark.parametrize("prefix", [b"2a", b"2b", b"2y"])
def test_the_kinds_of_bcrypt(tmp_path: Path, prefix: bytes) -> None:
    users = {"users": f"ada:{hashed('secret', prefix)}"}
    with built(tmp_path, MOUNT, users) as gateway:
        assert ask(gateway, basic("ada", "secret")).status_code == 200
        assert ask(gateway, basic("ada", "other")).status_code == 401


def test_the_password_is_passed_on_only_where_that_is_asked(tmp_path: Path) -> None:
    mount = """
    a:
      app: app:application
      path: a
      auth: {htpasswd: users, realm: 'The "back" \\ office', pass_header: true}
    """
    with built(tmp_path, mount, USERS) as gateway:
        header = basic("ada", "secret")
        assert f"HTTP_AUTHORIZATION={header}" in ask(gateway, header).text
        challenge = ask(gateway, None).headers["WWW-Authenticate"]
        assert challenge.startswith(r'Basic realm="The \"back\" \\ office", ')


def test_bcrypt_is_asked_once_for_a_login_and_for_unknown_users_too() -> None:
    asked: list[tuple[bytes, bytes]] = []
    spec = AuthSpec({b"ada": hashed("secret").encode()})
    policy = AuthPolicy(lambda environ, start: [b""], spec)
    check = policy._check

    def counting(password: bytes, stored: bytes) -> bool:
        asked.append((password, stored))
        return check(password, stored)

    policy._check = counting
    for _ in range(3):
        assert policy._may_enter(b"ada", b"secret")
    assert len(asked) == 1
    for user in (b"ada", b"eve"):
        assert not policy._may_enter(user, b"wrong")
        assert not policy._may_enter(user, b"wrong")
    # Each time, and an unknown user takes the time of one that is known.
    assert len(asked) == 5
    assert {stored for _, stored in asked} == {spec.users[b"ada"]}
    # The stand-in's own password opens nothing.
    assert not policy._may_enter(b"eve", b"secret")
    assert not policy._may_enter(b"eve", b"secret")
    assert len(asked) == 7


def test_unknown_users_take_the_time_of_any_known_one() -> None:
    """With hashes of several costs, one stand-in would tell the others apart."""
    users = {b"ada": b"cheap", b"bob": b"dear"}
    policy = AuthPolicy(lambda environ, start: [b""], AuthSpec(users))
    asked: list[bytes] = []
    policy._check = lambda password, stored: bool(asked.append(stored))
    names = [b"user%d" % number for number in range(100)]
    for name in names * 2:
        assert not policy._may_enter(name, b"wrong")
    assert set(asked) == {b"cheap", b"dear"}
    # The same user takes the same time, as one that is known does.
    assert asked[:100] == asked[100:]


def test_the_cache_is_bounded_and_holds_no_password() -> None:
    known = _Known()
    for number in range(_KEPT + 10):
        known.add(b"ada", b"%d" % number)
    assert len(known._digests) == _KEPT
    assert not known.has(b"ada", b"0")
    assert known.has(b"ada", b"10")
    known.add(b"ada", b"new")
    # The one that was used last is kept.
    assert known.has(b"ada", b"10")
    assert not known.has(b"ada", b"11")
    assert all(b"new" not in digest for digest in known._digests)


def test_a_reload_reads_the_file_anew(tmp_path: Path) -> None:
    with built(tmp_path, MOUNT, USERS) as gateway:
        (tmp_path / "users").write_text(f"eve:{hashed('other')}\n")
        assert ask(gateway, basic("ada", "secret")).status_code == 200
        assert gateway.reload().replaced == ("a",)
        assert ask(gateway, basic("ada", "secret")).status_code == 401
        assert ask(gateway, basic("eve", "other")).status_code == 200
        assert gateway.reload().replaced == ()


def test_static_files_and_a_mount_that_is_open(tmp_path: Path) -> None:
    mounts = """
    files: {static: public}
    open: {static: public, auth: off}
    """
    files = {"public/a.txt": "the file", **USERS}
    top = "defaults: {auth: {htpasswd: users}}"
    with serving(tmp_path, mounts, files, top) as served:
        assert served.ask("/files/a.txt").status == 401
        header = basic("ada", "secret")
        assert served.ask("/files/a.txt", Authorization=header).text == "the file"
        assert served.ask("/open/a.txt").text == "the file"


def test_no_secret_is_shown(tmp_path: Path) -> None:
    with built(tmp_path, MOUNT, USERS) as gateway:
        member = gateway.members["a"]
        shown = repr(gateway.spec) + repr(member) + repr(member.policies)
    spec = load_config(tmp_path / "gateway.yaml")
    command = [sys.executable, "-m", "gateway", "routes", "--json"]
    listed = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=True,
    )
    for text in (shown, repr(spec), listed.stdout):
        assert "$2b$" not in text
        assert "ada" not in text
    assert "auth 'restricted'" in listed.stdout


def test_without_bcrypt_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(LoadErrors, match=r"wsgi-gateway\[auth\]"):
        built(tmp_path, MOUNT, USERS)
