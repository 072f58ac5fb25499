from __future__ import annotations

import re

import httpx


def test_the_home_page_links_every_mount_and_each_link_works(
    client: httpx.Client,
) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "One process, 6 apps." in page.text
    links = set(re.findall(r'href="(/\w+/)"', page.text))
    assert links >= {"/notes/", "/catalog/", "/links/", "/api/", "/legacy/"}
    assert [client.get(link).status_code for link in sorted(links)] == [200] * len(
        links
    )


def test_each_request_has_a_g_of_its_own(client: httpx.Client) -> None:
    row = re.compile(r"g\.request_id</th><td>(.*?)</td>")
    pages = [client.get("/about").text for _ in range(3)]
    assert (
        len({found[1] for page in pages for found in [row.search(page)] if found}) == 3
    )


def test_an_unknown_page_is_the_portals_own_404(client: httpx.Client) -> None:
    page = client.get("/no/such/page")
    assert page.status_code == 404
    assert "No such page." in page.text


def test_a_path_through_dots_is_the_mounts_that_it_leads_to(
    base_url: str, client: httpx.Client
) -> None:
    request = client.build_request("GET", "/")
    request.url = httpx.URL(base_url).copy_with(
        raw_path=b"/notes/%2e%2e/legacy/healthz"
    )
    assert client.send(request).text.strip() == "ok"
    assert client.get("/healthz").status_code == 200
