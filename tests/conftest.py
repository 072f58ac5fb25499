"""What every test is held to: it leaves the process as it found it."""

from __future__ import annotations

import builtins
import os
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from gateway.context import current_app_context, current_request_context


def _new_threads(before: set[threading.Thread]) -> list[str]:
    return [
        thread.name
        for thread in threading.enumerate()
        if thread not in before and thread.is_alive()
    ]


@pytest.fixture(autouse=True)
def _leaves_no_trace() -> Iterator[None]:
    """Fail a test that leaves a context, a thread or process-wide state behind."""
    threads = set(threading.enumerate())
    environ = dict(os.environ)
    path = list(sys.path)
    folder = os.getcwd()
    import_function = builtins.__import__
    yield
    deadline = time.monotonic() + 2
    while _new_threads(threads) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert current_app_context.get(None) is None, "an AppContext is still pushed"
    assert current_request_context.get(None) is None, "a RequestContext is still pushed"
    assert not _new_threads(threads), "threads are still running"
    # pytest itself keeps the running test's name there.
    now = {key: value for key, value in os.environ.items() if key in environ}
    environ.pop("PYTEST_CURRENT_TEST", None)
    now.pop("PYTEST_CURRENT_TEST", None)
    assert now == environ, "os.environ has changed"
    assert set(os.environ) <= {*environ, "PYTEST_CURRENT_TEST"}
    assert sys.path == path, "sys.path has changed"
    assert os.getcwd() == folder, "the working directory has changed"
    assert builtins.__import__ is import_function, "the import function has changed"
