"""The demo gateway; each file has the tests of one mount."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.lifecycle import Gateway
from gateway.testing import MountClient

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put these tests last: the demo, with its Django, is there until the end."""
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.fixture(scope="session")
def gateway_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo, so that its databases are the tests' own."""
    home = tmp_path_factory.mktemp("demo")
    left_out = shutil.ignore_patterns("var", "instance", "__pycache__", "*.sqlite3")
    shutil.copytree(ROOT / "apps", home / "apps", ignore=left_out)
    return Path(shutil.copy(ROOT / "gateway.yaml", home))


@pytest.fixture(scope="session")
def gateway(gateway: Gateway) -> Gateway:
    """The demo, used once: threads that its frameworks keep are no test's leak."""
    for name in gateway.mounts:
        assert MountClient(gateway, name).get("/").status_code == 200
    return gateway
