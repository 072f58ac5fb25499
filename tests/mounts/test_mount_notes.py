from __future__ import annotations

import re

import pytest
from werkzeug.test import TestResponse

from gateway.testing import GatewayClient, MountClient

pytestmark = pytest.mark.mount("notes")


def token(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found
    return found[1]


def test_a_note_is_written_found_and_deleted(
    mount_client: MountClient, gateway_client: GatewayClient
) -> None:
    assert "What is worth keeping?" in mount_client.get("/").text
    form = {"csrf_token": token(mount_client.get("/new"))}
    note = {"title": "Zebra crossing", "body": "<b>stripes</b>"}
    answer = mount_client.post("/new", data=form | note)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/notes/")
    found = mount_client.get("/?q=zebra")
    assert "Zebra crossing" in found.text
    assert "<b>stripes</b>" not in found.text
    link = re.search(r'href="(/notes/\d+)"', found.text)
    assert link
    deleted = gateway_client.post(f"{link[1]}/delete", data=form, follow_redirects=True)
    assert [each.status_code for each in deleted.history] == [303]
    assert "Deleted “Zebra crossing”." in deleted.text
    assert "Zebra crossing" not in mount_client.get("/?q=zebra").text


def test_a_form_without_its_token_is_refused(mount_client: MountClient) -> None:
    assert mount_client.post("/new", data={"title": "x"}).status_code == 400


def test_the_config_of_the_file_is_in_force(mount_client: MountClient) -> None:
    mount_client.get("/")
    assert mount_client.get("/healthz").text.strip() == "ok"


def test_it_has_its_own_modules(mount_client: MountClient) -> None:
    who = mount_client.get("/whoami").json
    assert who is not None
    assert who["app"] == "notes"
    assert who["modules"] == {
        name: {"file": f"notes/{name}.py", "owner": "notes"}
        for name in ("app", "models", "config")
    }


def test_the_bare_prefix_leads_to_its_slash(mount_client: MountClient) -> None:
    answer = mount_client.get("?q=a%20b")
    assert answer.status_code == 308
    assert answer.headers["Location"] == "/notes/?q=a%20b"
