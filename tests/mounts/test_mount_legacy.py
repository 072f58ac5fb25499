from __future__ import annotations

import pytest

from gateway.testing import MountClient

pytestmark = pytest.mark.mount("legacy")


def test_it_reckons(mount_client: MountClient) -> None:
    page = mount_client.get("/?value=1&unit=mile")
    assert page.status_code == 200
    assert "1\u202f609.344" in page.text
    assert mount_client.get("/?value=many").status_code == 422


def test_the_context_lives_as_long_as_the_stream(mount_client: MountClient) -> None:
    lines = mount_client.get("/stream").text.splitlines()
    assert lines == [f"line {number} of 5 from legacy" for number in range(1, 6)]


def test_it_has_its_own_modules(mount_client: MountClient) -> None:
    who = mount_client.get("/whoami").json
    assert who is not None
    assert who["app"] == "legacy"
    assert who["modules"] == {
        name: {"file": f"legacy/{name}.py", "owner": "legacy"}
        for name in ("app", "models", "config")
    }
