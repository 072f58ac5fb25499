"""The fixture of the configuration tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_site import Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A folder for configurations, which is the working directory too."""
    monkeypatch.chdir(tmp_path)
    return Site(tmp_path)
