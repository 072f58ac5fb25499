"""A small application, and a client for it."""

from __future__ import annotations

import pytest

from gateway import App
from gateway.framework.testing import Client


@pytest.fixture
def app() -> App:
    app = App("tests_framework", root_path="/nowhere", instance_path="/nowhere/i")
    app.config.update(TESTING=True, SECRET_KEY="a test key")
    return app


@pytest.fixture
def client(app: App) -> Client:
    return app.test_client()
