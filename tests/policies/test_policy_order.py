"""All policies at once: in which order they ask, and where that is shown."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest
from click.testing import CliRunner
from composing import failure
from policies_site import SHOW, built, serving

from gateway.cli.group import gateway as commands
from gateway.policies.slow import SlowWatch
from gateway.policies.stack import Stack, stack
from gateway.proof.doctor.ask import ask

bcrypt = pytest.importorskip("bcrypt", reason="component not installed: bcrypt")
pytest.importorskip("limits", reason="component not installed: limits")

MOUNT = """
a:
  app: app:application
  path: a
  middleware: [{use: "tags:tag"}]
  slow_after: 5s
  max_body: 5B
  auth: {htpasswd: users}
  rate_limit: 6/hour
  methods: [GET, POST]
  deny: 10.0.0.0/8
  security_headers: true
"""
TAG = """
def tag(app):
    def tagged(environ, start_response):
        environ["REMOTE_USER"] += " (seen by the middleware)"
        return app(environ, start_response)
    return tagged
"""
LOGIN = "Basic " + b64encode(b"ada:secret").decode()
ORDER = [
    "security_headers",
    "deny 10.0.0.0/8",
    "methods GET, POST",
    "rate_limit 6/hour address memory",
    "auth 'restricted'",
    "max_body 5B",
    "slow_after 5s",
    "middleware tags:tag",
]


@pytest.fixture
def files() -> dict[str, str]:
    password = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    return {"a/app.py": SHOW, "a/tags.py": TAG, "users": f"ada:{password}\n"}


def test_the_order(tmp_path: Path, files: dict[str, str]) -> None:
    with serving(tmp_path, MOUNT, files, server="trusted_hops: 1") as served:

        def status(method: str, body: bytes | None, address: str, login: str) -> int:
            headers = {"Authorization": login, "X_Forwarded_For": address}
            answer = served.ask("/a/", method, body, **headers)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            counted = "RateLimit-Limit" in answer.headers
            # Only what has come that far is counted, and told so.
            assert counted == (answer.status not in (403, 405))
            return answer.status

        # Wrong in all ways, and then in one way less each time.
        large = b"x" * 6
        assert status("PUT", large, "10.1.1.1", "") == 403
        assert status("PUT", large, "11.1.1.1", "") == 405
        for _ in range(6):
            assert status("POST", large, "11.1.1.1", "") == 401
        assert status("POST", large, "11.1.1.1", LOGIN) == 429
        assert status("POST", large, "11.1.1.2", "") == 401
        assert status("POST", large, "11.1.1.2", LOGIN) == 413
        assert status("POST", b"x", "11.1.1.2", LOGIN) == 200
        last = served.ask("/a/", Authorization=LOGIN, X_Forwarded_For="11.1.1.2")
        assert last.shown["REMOTE_USER"] == "ada (seen by the middleware)"


def test_where_it_is_shown(tmp_path: Path, files: dict[str, str]) -> None:
    with built(tmp_path, MOUNT, files) as gateway:
        assert list(gateway.members["a"].policies) == ORDER
    config = str(tmp_path / "gateway.yaml")
    listed = CliRunner().invoke(commands, ["routes", "--json", "-c", config])
    assert json.loads(listed.stdout)[0]["policies"] == ORDER
    table = CliRunner().invoke(commands, ["routes", "-c", config])
    assert "POLICIES" not in table.stdout


def test_a_mount_without_policies_has_its_application_itself(tmp_path: Path) -> None:
    mounts = "a: {app: app:application, path: a}\nb: {static: a}"
    watch = SlowWatch()
    with built(tmp_path, mounts) as gateway:
        for member in gateway.members.values():
            assert member.policies == ()
            wsgi = member.loaded.wsgi
            assert stack(member.spec, wsgi, watch) == Stack(wsgi)
            assert member.loaded.bare is None
        loaded = gateway.members["a"].loaded
        assert loaded.namespace is not None
        application = loaded.namespace.import_module("app").application
        assert loaded.wsgi is application


def test_the_urls_of_a_mount_are_found_behind_all_of_it(
    tmp_path: Path, files: dict[str, str]
) -> None:
    site = """
    from gateway import App

    app = App("site", static_folder=None)
    app.get("/page")(lambda: "page")
    """
    mount = MOUNT.replace("app:application", "site_app:app")
    files = {**files, "a/site_app.py": site}
    built(tmp_path, mount, files).close()
    config = str(tmp_path / "gateway.yaml")
    tree = CliRunner().invoke(commands, ["routes", "--deep", "-c", config])
    assert "│   policies: " + " > ".join(ORDER) in tree.stdout
    assert "/a/page" in tree.stdout
    listed = CliRunner().invoke(commands, ["routes", "--deep", "--json", "-c", config])
    assert json.loads(listed.stdout)[0]["policies"] == ORDER


def test_the_proof_is_of_the_application_behind_them(
    tmp_path: Path, files: dict[str, str]
) -> None:
    built(tmp_path, MOUNT.replace('[{use: "tags:tag"}]', "[]"), files).close()
    config = str(tmp_path / "gateway.yaml")
    options = ["prove", "--json", "--requests", "8", "-c", config]
    proof = CliRunner().invoke(commands, options)
    assert proof.exit_code == 0, proof.output
    (mount,) = json.loads(proof.stdout)["mounts"]
    assert mount["answers"] == [{"status": 200, "count": 8}]


def test_the_doctor_asks_the_application_behind_them(
    tmp_path: Path, files: dict[str, str]
) -> None:
    with built(tmp_path, MOUNT.replace('[{use: "tags:tag"}]', "[]"), files) as gateway:
        answers = [ask(gateway, "http://localhost/a/", 100) for _ in range(10)]
        assert [each.status for each in answers] == [200] * 10


def test_what_is_loaded_is_closed_if_a_policy_cannot_be_built(
    tmp_path: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "bcrypt", None)
    closing = "from pathlib import Path\n\n\ndef close():\n"
    closing += f"    Path({str(tmp_path / 'closed')!r}).touch()\n"
    mount = MOUNT + "  shutdown: closing:close\n"
    error = failure(tmp_path, mount, {**files, "a/closing.py": closing})
    assert "pip install 'wsgi-gateway[auth]'" in str(error)
    assert (tmp_path / "closed").exists()


def test_a_body_that_is_larger_than_the_servers_is_noticed(tmp_path: Path) -> None:
    mounts = "a: {app: app:application, path: a, max_body: 2kB}"
    with built(tmp_path, mounts, server="max_body: 1kB") as gateway:
        assert gateway.members["a"].policies == ("max_body 2000B",)
    config = str(tmp_path / "gateway.yaml")
    checked = CliRunner().invoke(commands, ["check", "-c", config])
    assert "notice: mount a: its max_body of 2000 bytes is never" in checked.stdout


def test_a_server_behind_a_proxy_mount(tmp_path: Path, files: dict[str, str]) -> None:
    pytest.importorskip("urllib3", reason="component not installed: urllib3")
    behind = "a: {app: app:application, path: a, prefix: /}"
    mount = MOUNT.replace("  app: app:application\n  path: a\n", "  proxy: URL\n")
    mount = mount.replace("tags:tag", "werkzeug.middleware.proxy_fix:ProxyFix")
    with serving(tmp_path / "behind", behind, server="trusted_hops: 1") as server:
        url = "http://{}:{}".format(*server.address)
        front = mount.replace("URL", f'"{url}"')
        with serving(tmp_path / "front", front, files) as served:
            assert served.ask("/a/").status == 401
            assert served.ask("/a/", "PUT").status == 405
            large = served.ask("/a/", "POST", b"x" * 6, Authorization=LOGIN)
            assert large.status == 413
            shown = served.ask("/a/", Authorization=LOGIN).shown
            # What the gateway in front says of the client, the one behind believes.
            assert shown["SCRIPT_NAME"] == "/a"
            assert shown["HTTP_HOST"] == "{}:{}".format(*served.address)
            assert shown["HTTP_AUTHORIZATION"] == "None"
