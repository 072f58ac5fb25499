from __future__ import annotations

import re

import pytest

from gateway.testing import GatewayClient, MountClient

pytestmark = pytest.mark.mount("catalog")


def test_the_shop_window_lists_and_searches(mount_client: MountClient) -> None:
    page = mount_client.get("/")
    assert page.status_code == 200
    assert "What shall we sow?" in page.text
    assert "14 packets" in page.text
    assert "1 packet." in mount_client.get("/?q=pisum").text


def test_its_links_stay_under_the_prefix(
    mount_client: MountClient, gateway_client: GatewayClient
) -> None:
    page = mount_client.get("/")
    links = set(re.findall(r'(?:href|src)="(/[^"#]*)"', page.text))
    assert links
    assert all(link.startswith("/catalog/") for link in links)
    answers = [gateway_client.get(link.replace("&amp;", "&")) for link in links]
    assert {answer.status_code for answer in answers} == {200}


def test_an_unknown_packet_is_its_own_404(mount_client: MountClient) -> None:
    page = mount_client.get("/seeds/nope/")
    assert page.status_code == 404
    assert "Nothing grows here." in page.text
