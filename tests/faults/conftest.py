"""The server that the faults are tried on."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest
from fault_server import Served, serve, write_faults


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("faults")
    write_faults(home)
    with serve(home) as served:
        yield served
        assert served.process.poll() is None, served.log.read_text()[-4000:]
        # Whatever they have done to it, it ends in good order.
        served.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        code = served.process.wait(20)
        assert (code, time.monotonic() - started < 15) == (0, True), (
            served.log.read_text()[-4000:]
        )
