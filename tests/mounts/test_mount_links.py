from __future__ import annotations

import httpx


def test_a_link_is_shortened_followed_and_counted(client: httpx.Client) -> None:
    assert "Long address in, short link out." in client.get("/links/").text
    made = client.post(
        "/links/", data={"target": "https://example.com/a", "code": "zz"}
    )
    assert made.status_code == 303
    assert made.headers["Location"].endswith("/links/?made=zz")
    followed = client.get("/links/r/zz")
    assert followed.status_code in (302, 303)
    assert followed.headers["Location"] == "https://example.com/a"
    assert "example.com/a" in client.get("/links/").text


def test_a_target_that_is_no_web_address_is_refused(client: httpx.Client) -> None:
    answer = client.post("/links/", data={"target": "javascript:alert(1)"})
    assert answer.status_code == 422
    assert 'href="javascript' not in answer.text


def test_it_has_its_own_modules(client: httpx.Client) -> None:
    who = client.get("/links/whoami").json()
    assert who["app"] == "links"
    assert who["modules"] == {
        name: {"file": f"links/{name}.py", "owner": "links"}
        for name in ("app", "models", "config")
    }
