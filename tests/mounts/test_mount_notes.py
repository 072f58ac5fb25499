from __future__ import annotations

import re

import httpx


def token(page: httpx.Response) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found
    return found[1]


def test_a_note_is_written_found_and_deleted(client: httpx.Client) -> None:
    page = client.get("/notes/")
    assert "What is worth keeping?" in page.text
    form = client.get("/notes/new")
    answer = client.post(
        "/notes/new",
        data={
            "csrf_token": token(form),
            "title": "Zebra crossing",
            "body": "<b>stripes</b>",
        },
    )
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/notes/")
    found = client.get("/notes/?q=zebra")
    assert "Zebra crossing" in found.text
    assert "<b>stripes</b>" not in found.text
    number = re.search(r'href="/notes/(\d+)"', found.text)
    assert number
    deleted = client.post(
        f"/notes/{number[1]}/delete", data={"csrf_token": token(form)}
    )
    assert deleted.status_code == 303
    assert "Deleted “Zebra crossing”." in client.get("/notes/").text
    assert "Zebra crossing" not in client.get("/notes/?q=zebra").text


def test_a_form_without_its_token_is_refused(client: httpx.Client) -> None:
    assert client.post("/notes/new", data={"title": "x"}).status_code == 400


def test_the_config_of_the_file_is_in_force(client: httpx.Client) -> None:
    client.get("/notes/")
    assert client.get("/notes/healthz").text.strip() == "ok"


def test_it_has_its_own_modules(client: httpx.Client) -> None:
    who = client.get("/notes/whoami").json()
    assert who["app"] == "notes"
    assert who["modules"] == {
        name: {"file": f"notes/{name}.py", "owner": "notes"}
        for name in ("app", "models", "config")
    }


def test_the_bare_prefix_leads_to_its_slash(client: httpx.Client) -> None:
    answer = client.get("/notes?q=a%20b")
    assert answer.status_code == 308
    assert answer.headers["Location"] == "/notes/?q=a%20b"
