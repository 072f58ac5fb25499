"""A mount of the bad HTTP tests: answers with its own name and what it saw."""

from __future__ import annotations

import json
from typing import Any


def create(name: str) -> Any:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        seen = {
            "mount": name,
            "method": environ["REQUEST_METHOD"],
            "script": environ["SCRIPT_NAME"],
            "path": environ["PATH_INFO"],
            "host": environ.get("HTTP_HOST"),
            "body": environ["wsgi.input"].read().decode("latin-1"),
            "chunked": environ.get("HTTP_TRANSFER_ENCODING"),
        }
        body = json.dumps(seen).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    return application
