"""Mounts that log, loaded as the gateway loads them, and where their records go."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from isolation_support import MakeMount
from werkzeug.test import Client

from gateway.isolation.environ import Overlay
from gateway.isolation.logs import REQUEST_ID, LogOverlay, logging_kept_apart
from gateway.loaders.foreign import ForeignApplication
from gateway.mount import Mount
from gateway.site import Mounted, MountPoint, Site

# Runs the function that a path names, and answers with what it returns.
SERVING = """
def application(environ, start_response):
    answer = globals()[environ["PATH_INFO"].strip("/")]()
    start_response("200 OK", [("Content-Type", "text/plain")])
    if hasattr(answer, "__next__"):
        return answer
    return [str(answer).encode()]
"""

# A handler that a mount can make, and that its tests can read.
LISTED = """
import logging
import logging.config

class Listed(logging.Handler):
    def __init__(self, level=0):
        super().__init__(level)
        self.lines = []
        self.closed = False
    def emit(self, record):
        self.lines.append(record.getMessage())
    def close(self):
        self.closed = True
        super().close()

mine = Listed()

def say(text="said", name=None, level=logging.WARNING):
    logging.getLogger(name).log(level, text)

"""


class Records(logging.Handler):
    """Keeps what it gets."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []
        self.closed = False

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def close(self) -> None:
        self.closed = True
        super().close()

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self.records]

    @property
    def marks(self) -> list[tuple[str, str]]:
        records: list[Any] = self.records
        return [(record.mount, record.request_id) for record in records]


@dataclass
class LogMount:
    """A loaded mount."""

    mount: Mount
    overlay: LogOverlay
    module: Any

    def call(self, function: str, request_id: str | None = None) -> str:
        """Run *function* of the mount's module in a request."""
        extra = {} if request_id is None else {REQUEST_ID: request_id}
        response = Client(self.mount.serve).get(
            f"/{function}", environ_overrides=extra, buffered=True
        )
        assert response.status_code == 200
        return response.get_data(as_text=True)

    @property
    def lines(self) -> list[str]:
        """What the mount's own handler got; read once."""
        lines: list[str] = self.module.mine.lines
        taken = lines[:]
        lines.clear()
        return taken

    def close(self) -> None:
        self.overlay.close()


LoadMount = Callable[..., LogMount]


def loader(mount: MakeMount) -> LoadMount:
    """Return what loads mounts whose ``app.py`` is given as text."""

    def load(
        name: str,
        code: str = "",
        others: Mapping[str, str] | None = None,
        variables: Overlay | None = None,
    ) -> LogMount:
        if variables is None:
            variables = Overlay(name=name)
        source = LISTED + dedent(code)
        if "application =" not in code:
            source += SERVING
        namespace = mount({**(others or {}), "app.py": source}, name)
        application = ForeignApplication(name, {})
        with logging_kept_apart(variables) as overlay:
            module = namespace.import_module("app")
        point = MountPoint(name, "", None, "wsgi")
        application.mount = Mounted(point, Site(), environ=variables)
        served = Mount(
            name,
            "",
            None,
            kind="wsgi",
            source="app:application",
            application=application,
            wsgi=module.application,
        )
        return LogMount(served, overlay, module)

    return load


@contextmanager
def process_root(level: int = logging.WARNING) -> Iterator[Records]:
    """Give the process's root logger one handler.

    Within a test's own body it is the only one; pytest adds its own after fixtures.
    """
    root = logging.getLogger()
    before = root.handlers, root.level
    handler = Records()
    root.handlers = [handler]
    root.setLevel(level)
    try:
        yield handler
    finally:
        root.handlers = before[0]
        root.setLevel(before[1])
