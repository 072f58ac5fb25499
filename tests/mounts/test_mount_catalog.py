from __future__ import annotations

import re

import httpx


def test_the_shop_window_lists_and_searches(client: httpx.Client) -> None:
    page = client.get("/catalog/")
    assert page.status_code == 200
    assert "What shall we sow?" in page.text
    assert "14 packets" in page.text
    assert "1 packet." in client.get("/catalog/?q=pisum").text


def test_its_links_stay_under_the_prefix(client: httpx.Client) -> None:
    page = client.get("/catalog/")
    links = set(re.findall(r'(?:href|src)="(/[^"#]*)"', page.text))
    assert links
    assert all(link.startswith("/catalog/") for link in links)
    assert {client.get(link.replace("&amp;", "&")).status_code for link in links} == {
        200
    }


def test_an_unknown_packet_is_its_own_404(client: httpx.Client) -> None:
    page = client.get("/catalog/seeds/nope/")
    assert page.status_code == 404
    assert "Nothing grows here." in page.text
