"""The gateway as a WSGI application, for any server: ``gateway.wsgi:application``.

The configuration is the file that the environment variable ``GATEWAY_CONFIG`` names,
else ``gateway.yaml`` in the working directory. The mounts are loaded when this module
is imported; if they cannot be, the process ends with what is wrong, and no traceback.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterable
from multiprocessing.util import Finalize
from pathlib import Path
from threading import Lock
from typing import Final

from gateway.admin.application import administer
from gateway.config.load import load_config
from gateway.errors import GatewayError
from gateway.explain import explain
from gateway.failing import Failures
from gateway.forking import PreforkGateway
from gateway.servers.conforming import Conforming
from gateway.servers.front import in_front
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

# With this code gunicorn ends, too; with most others it would try again for ever.
_NOT_LOADED: Final = 3


class Forked:
    """Serves a gateway in whichever process is asked, the first time as after a fork.

    Nobody tells an application that its process was forked, so each request looks.

    :param gateway: what was loaded, perhaps by another process.
    :param application: what serves the requests, *gateway* in the end.
    """

    def __init__(self, gateway: PreforkGateway, application: WSGIApplication) -> None:
        self._gateway = gateway
        self._application = application
        self._pid = 0
        self._lock = Lock()

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        if self._pid != os.getpid():
            self._begin(environ)
        return self._application(environ, start_response)

    def _begin(self, environ: WSGIEnvironment) -> None:
        # Nobody held it while the process was forked: there were no requests.
        with self._lock:
            if self._pid == os.getpid():
                return
            self._gateway.begin()
            # Not each process calls the functions of atexit, nor these if it was forked
            # before; the second call does nothing.
            timeout = self._gateway.spec.server.drain_timeout
            Finalize(None, self._gateway.close, (timeout,), exitpriority=1)
            if environ.get("SERVER_SOFTWARE") == "Granian":
                several = bool(environ.get("wsgi.multiprocess"))
                self._application = Conforming(self._application, several)
            self._pid = os.getpid()


def _cure(process: int) -> str:
    return "restart the server, or let it load its application after it has forked"


def _load() -> Forked:
    spec = load_config(Path(os.environ.get("GATEWAY_CONFIG", "gateway.yaml")))
    gateway = PreforkGateway(
        spec, failures=Failures(degrade=True), front=administer, cure=_cure
    )
    atexit.register(gateway.close, spec.server.drain_timeout)
    return Forked(gateway, in_front(gateway, spec.server))


try:
    application = _load()
except GatewayError as error:
    if os.environ.get("GATEWAY_DEBUG"):
        raise
    for line in explain(error):
        print(line, file=sys.stderr)
    sys.exit(_NOT_LOADED)
