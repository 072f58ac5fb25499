from __future__ import annotations

import pytest

from gateway.testing import MountClient

pytestmark = pytest.mark.mount("links")


def test_a_link_is_shortened_followed_and_counted(mount_client: MountClient) -> None:
    assert "Long address in, short link out." in mount_client.get("/").text
    made = mount_client.post(
        "/", data={"target": "https://example.com/a", "code": "zz"}
    )
    assert made.status_code == 303
    assert made.headers["Location"].endswith("/links/?made=zz")
    followed = mount_client.get("/r/zz")
    assert followed.status_code in (302, 303)
    assert followed.headers["Location"] == "https://example.com/a"
    assert "example.com/a" in mount_client.get("/").text


def test_a_target_that_is_no_web_address_is_refused(mount_client: MountClient) -> None:
    answer = mount_client.post("/", data={"target": "javascript:alert(1)"})
    assert answer.status_code == 422
    assert 'href="javascript' not in answer.text


def test_it_has_its_own_modules(mount_client: MountClient) -> None:
    who = mount_client.get("/whoami").json
    assert who is not None
    assert who["app"] == "links"
    assert who["modules"] == {
        name: {"file": f"links/{name}.py", "owner": "links"}
        for name in ("app", "models", "config")
    }
