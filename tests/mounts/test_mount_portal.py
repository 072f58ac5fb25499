from __future__ import annotations

import re

import pytest

from gateway.testing import GatewayClient, MountClient

pytestmark = pytest.mark.mount("portal")


def test_the_home_page_links_every_mount_and_each_link_works(
    mount_client: MountClient, gateway_client: GatewayClient
) -> None:
    page = mount_client.get("/")
    assert page.status_code == 200
    assert "One process, 6 apps." in page.text
    links = set(re.findall(r'href="(/\w+/)"', page.text))
    assert links >= {"/notes/", "/catalog/", "/links/", "/api/", "/legacy/"}
    assert {gateway_client.get(link).status_code for link in links} == {200}


def test_each_request_has_a_g_of_its_own(mount_client: MountClient) -> None:
    row = re.compile(r"g\.request_id</th><td>(.*?)</td>")
    pages = [mount_client.get("/about").text for _ in range(3)]
    assert (
        len({found[1] for page in pages for found in [row.search(page)] if found}) == 3
    )


def test_an_unknown_page_is_the_portals_own_404(mount_client: MountClient) -> None:
    page = mount_client.get("/no/such/page")
    assert page.status_code == 404
    assert "No such page." in page.text


def test_a_path_through_dots_is_the_mounts_that_it_leads_to(
    gateway_client: GatewayClient,
) -> None:
    assert gateway_client.get("/notes/%2e%2e/legacy/healthz").text.strip() == "ok"
    assert gateway_client.get("/healthz").status_code == 200
