from __future__ import annotations

import httpx


def test_it_reckons(client: httpx.Client) -> None:
    page = client.get("/legacy/?value=1&unit=mile")
    assert page.status_code == 200
    assert "1\u202f609.344" in page.text
    assert client.get("/legacy/?value=many").status_code == 422


def test_the_context_lives_as_long_as_the_stream(client: httpx.Client) -> None:
    lines = client.get("/legacy/stream").text.splitlines()
    assert lines == [f"line {number} of 5 from legacy" for number in range(1, 6)]


def test_it_has_its_own_modules(client: httpx.Client) -> None:
    who = client.get("/legacy/whoami").json()
    assert who["app"] == "legacy"
    assert who["modules"] == {
        name: {"file": f"legacy/{name}.py", "owner": "legacy"}
        for name in ("app", "models", "config")
    }
