"""The neighbour: answers, and tells what it sees of the others' doings."""

from __future__ import annotations

import contextvars
import decimal
import gc
import json
import logging
import os
import threading
import warnings
from typing import Any

from gateway import current_app, g
from gateway.context import AppContext, RequestContext, current_request_context


def application(environ: Any, start_response: Any) -> list[bytes]:
    logging.getLogger("healthy").warning("seen")
    seen = {
        "app": current_app.name,
        "mount": environ["SCRIPT_NAME"],
        "g": list(g),
        "request context": current_request_context.get(None) is not None,
        "variables": sorted(variable.name for variable in contextvars.copy_context()),
        "precision": decimal.getcontext().prec,
        "FAULT": os.environ.get("FAULT"),
        "PATH": "PATH" in os.environ,
    }
    if environ["PATH_INFO"] == "/census":
        gc.collect()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alive = [
                each
                for each in gc.get_objects()
                if type(each) in (AppContext, RequestContext)
            ]
        seen["contexts"] = sorted(each.app.name for each in alive)
        del alive
        seen["threads"] = sorted(thread.name for thread in threading.enumerate())
        seen["descriptors"] = len(os.listdir("/proc/self/fd"))
    body = json.dumps(seen).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
