"""What every test is held to: it leaves the process as it found it."""

from __future__ import annotations

import builtins
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.context import current_app_context, current_request_context

# Runs pytest on projects of its own, for the tests of our plugin for it.
pytest_plugins = ["pytester"]

# pytest keeps the name of the running test there.
_PYTESTS_OWN = "PYTEST_CURRENT_TEST"

# The reason of a skip for want of something that a plain user may lack starts so.
COMPONENT = "component not installed: "


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--strict-components",
        action="store_true",
        help="fail where a test would skip because a component is not installed",
    )


def pytest_configure() -> None:
    # Under nohup SIGHUP is ignored, and so it would be in all that the tests start. A
    # handler keeps it from ending the tests as well, and is not inherited.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[assignment]
    strict = item.config.getoption("--strict-components")
    if strict and report.skipped and COMPONENT in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"skipped under --strict-components: {report.longrepr}"
    return report  # type: ignore[return-value]


def _process_state() -> dict[str, object]:
    return {
        "os.environ": {k: v for k, v in os.environ.items() if k != _PYTESTS_OWN},
        "sys.path": list(sys.path),
        "the working directory": os.getcwd(),
        "builtins.__import__": builtins.__import__,
    }


@pytest.fixture(autouse=True)
def _leaves_no_trace() -> Iterator[None]:
    """Fail a test that leaves a context, a thread or process-wide state behind."""
    threads = set(threading.enumerate())
    before = _process_state()
    yield
    deadline = time.monotonic() + 2
    while (left := set(threading.enumerate()) - threads) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.01)
    assert not left, f"threads are still running: {left}"
    assert current_app_context.get(None) is None, "an AppContext is still pushed"
    assert current_request_context.get(None) is None, "a RequestContext is still pushed"
    after = _process_state()
    changed = [name for name, value in before.items() if after[name] != value]
    assert not changed, f"the test has changed {', '.join(changed)}"
