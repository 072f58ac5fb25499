"""References in the description of an API (OpenAPI 3, and Swagger 2 before it)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.proof.doctor.references import Reference, clipped


def in_json(text: str) -> Iterator[Reference]:
    """Yield what a JSON document refers to, if it describes an API.

    Each server is shown together with the first path that can be asked as it stands.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    if not isinstance(document, dict):
        return
    path = _askable(document.get("paths"))
    for server, shown in _servers(document):
        line = _line_of(text, server)
        # OpenAPI, 4.8.8.1: a path is appended to the server's URL.
        yield Reference("API", server.rstrip("/") + path, line, shown)


def _servers(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each server's URL, and how it is written."""
    if "swagger" in document:
        base, host = document.get("basePath", "/"), document.get("host")
        schemes = document.get("schemes") or [""]
        if (
            isinstance(base, str)
            and isinstance(host, str)
            and isinstance(schemes, list)
        ):
            base = f"{schemes[0]}://{host}{base}" if schemes[0] else f"//{host}{base}"
        if isinstance(base, str):
            yield base, clipped(f"basePath: {base}")
        return
    if "openapi" not in document:
        return
    servers = document.get("servers")
    # OpenAPI, 4.8.1.1: none is one with the URL "/".
    if not isinstance(servers, list) or not servers:
        yield "/", "no servers, so the paths start at /"
        return
    for server in servers:
        url = server.get("url") if isinstance(server, dict) else None
        if isinstance(url, str) and "{" not in url:
            yield url, clipped(f'servers: {{"url": {json.dumps(url)}}}')


def _askable(paths: object) -> str:
    """Return the first path with a GET and without parameters, else the root."""
    if isinstance(paths, dict):
        for path, item in paths.items():
            if isinstance(item, dict) and "get" in item and "{" not in path:
                return str(path)
    return "/"


def _line_of(text: str, server: str) -> int:
    found = text.find(json.dumps(server), max(text.find('"servers"'), 0))
    return text.count("\n", 0, found) + 1 if found >= 0 else 1
