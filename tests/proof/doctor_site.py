"""Gateways for the doctor to examine: pages as given, served by real applications."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeAlias

from composing import configured

from gateway.config.load import load_config
from gateway.proof.doctor.crawl import Limits
from gateway.proof.doctor.examine import examine
from gateway.proof.doctor.report import Diagnosis, Finding, MountDiagnosis

# A body, or status, headers and body. A body that starts with "<" is HTML.
Page: TypeAlias = str | tuple[int, Mapping[str, str], str]

_APPLICATION = """
    PAGES = {pages!r}

    def application(environ, start_response):
        page = PAGES.get(environ["PATH_INFO"], PAGES.get("*"))
        if page is None:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"nothing here"]
        status, headers, body = (200, {{}}, page) if isinstance(page, str) else page
        kind = "text/html" if body.startswith("<") else "text/plain"
        headers = {{"Content-Type": kind, **headers}}
        start_response(str(status) + " Status", list(headers.items()))
        return [body.encode()]
"""


def serving(pages: Mapping[str, Page]) -> str:
    """Return the source of an application that serves *pages*, by path."""
    return _APPLICATION.format(pages=dict(pages))


def diagnose(
    folder: Path,
    mounts: Mapping[str, Mapping[str, Page]],
    *names: str,
    more: str = "",
    **options: Any,
) -> Diagnosis:
    """Examine a gateway whose mounts serve pages; a mount ``root`` is at ``/``.

    :param more: further mounts, as YAML.
    """
    lines = []
    for name in mounts:
        prefix = ", prefix: /" if name == "root" else ""
        lines.append(f'{name}: {{app: "app:application", path: {name}{prefix}}}')
    files = {f"{name}/app.py": serving(pages) for name, pages in mounts.items()}
    yaml = "\n".join([*lines, dedent(more)])
    return diagnose_file(configured(folder, yaml, files), *names, **options)


def diagnose_file(config: Path, *names: str, **options: Any) -> Diagnosis:
    """Examine the gateway of *config*."""
    limits = Limits(
        **{key: options.pop(key) for key in ("pages", "depth", "size", "seconds")
           if key in options}
    )  # fmt: skip
    return examine(load_config(config), names, limits=limits, **options)


def of(diagnosis: Diagnosis, mount: str) -> MountDiagnosis:
    """Return what was found out about *mount*."""
    (one,) = (each for each in diagnosis.mounts if each.mount == mount)
    return one


def found(diagnosis: Diagnosis, mount: str) -> list[tuple[str, str]]:
    """Return severity and kind of each finding about *mount*."""
    return [(each.severity, each.kind) for each in of(diagnosis, mount).findings]


def only(diagnosis: Diagnosis, mount: str, kind: str | None = None) -> Finding:
    """Return the one finding about *mount*, or the one of *kind*."""
    (one,) = (
        each for each in of(diagnosis, mount).findings if kind in (None, each.kind)
    )
    return one
