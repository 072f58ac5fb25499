"""A ``gateway.yaml`` and the files it includes, to one frozen spec."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from gateway.config.interpolate import Interpolator
from gateway.config.mounts import Claim, read_mount
from gateway.config.nodes import Entry, MappingNode, key_path
from gateway.config.reader import Pattern, Reader
from gateway.config.schema import keys_of
from gateway.config.source import display_name, read_mapping
from gateway.config.spec import AdminSpec, GatewaySpec, MountSpec, ServerSpec
from gateway.errors import ConfigError, Place, Problem
from gateway.paths import is_below


def load_config(path: Path, environ: Mapping[str, str] | None = None) -> GatewaySpec:
    """Return what a ``gateway.yaml`` says.

    :param path: the file.
    :param environ: the variables that ``${…}`` names; the process's own by default.
    :raises ConfigError: something is wrong with it; it holds every problem.
    """
    loading = _Loading(_located(path), os.environ if environ is None else environ)
    spec = loading.run()
    if spec is None:
        raise ConfigError(loading.sorted_problems())
    return spec


def load_admin(
    path: Path, environ: Mapping[str, str] | None = None
) -> tuple[ServerSpec, AdminSpec | None]:
    """Return where the gateway of a ``gateway.yaml`` listens, and its ``admin:``.

    What else is wrong with the file is no matter, so that a gateway can be asked about
    it: variables that only its mounts need may be missing, too.

    :raises ConfigError: these sections cannot be used.
    """
    loading = _Loading(_located(path), os.environ if environ is None else environ)
    sections = loading.run_admin()
    if sections is None:
        raise ConfigError(loading.sorted_problems())
    return sections


def _located(path: Path) -> Path:
    """Return *path* absolute, with its folder's symbolic links resolved.

    The file's own link is kept: a mounted ConfigMap links each file into a folder that
    comes and goes.
    """
    try:
        return Path(os.path.realpath(path.parent)) / path.name
    except (OSError, ValueError):
        # The working directory is gone, or the name holds NUL. Reading it will tell.
        return path


_ABOUT_ITSELF: Final = ("server", "admin")


class _Loading:
    """One reading of a configuration."""

    def __init__(self, source: Path, environ: Mapping[str, str]) -> None:
        self._source = source
        self._interpolator = Interpolator(environ, source.parent)
        self._problems: list[Problem] = []
        self._files = [source]
        self._mounts: list[MountSpec] = []
        self._places: dict[str, Place] = {}
        self._admin_prefix: str | None = None
        self._claims: dict[tuple[str | None, str], tuple[str, Claim]] = {}

    def run(self) -> GatewaySpec | None:
        """Return the spec, or ``None`` if there are problems."""
        node = read_mapping(self._source, self._problems)
        if node is None:
            return None
        reader = self._reader(self._source)
        top = reader.section(node, "top", "")
        server = self._server(reader, top)
        admin = self._admin(reader, top)
        if admin is not None:
            self._admin_prefix = admin.prefix
        defaults = self._defaults(reader, top)
        self._read_mounts(reader, top, defaults)
        for file in self._included(top.get("include", ())):
            self._include(file, defaults)
        if not self._problems and not self._mounts:
            self._report_no_mounts(node)
        if self._problems:
            return None
        return GatewaySpec(
            source=self._source,
            home=self._source.parent,
            server=server,
            mounts=tuple(self._mounts),
            files=tuple(self._files),
            admin=admin,
        )

    def run_admin(self) -> tuple[ServerSpec, AdminSpec | None] | None:
        """Return ``server:`` and ``admin:``, or ``None`` if there are problems."""
        node = read_mapping(self._source, self._problems)
        if node is None:
            return None
        entries = [each for each in node.entries if each.key.text in _ABOUT_ITSELF]
        reader = self._reader(self._source)
        top = reader.section(replace(node, entries=tuple(entries)), "top", "")
        sections = self._server(reader, top), self._admin(reader, top)
        return None if self._problems else sections

    def sorted_problems(self) -> list[Problem]:
        """Return the problems in the order of the files and of their lines."""
        order = {display_name(file): index for index, file in enumerate(self._files)}

        def position(problem: Problem) -> tuple[int, int, int]:
            place = problem.place
            return order[place.file], place.line, place.column

        return sorted(self._problems, key=position)

    def _reader(self, file: Path) -> Reader:
        return Reader(self._interpolator, file.parent, self._problems)

    def _server(self, reader: Reader, top: Mapping[str, Any]) -> ServerSpec:
        # The table's names are the spec's fields; a test holds them together.
        values: dict[str, Any] = {
            name: key.default_value() for name, key in keys_of("server").items()
        }
        if "server" in top:
            values |= reader.section(top["server"], "server", "server")
        return ServerSpec(**values)

    def _admin(self, reader: Reader, top: Mapping[str, Any]) -> AdminSpec | None:
        if "admin" not in top:
            return None
        values: dict[str, Any] = {
            name: key.default_value() for name, key in keys_of("admin").items()
        }
        return AdminSpec(**values | reader.section(top["admin"], "admin", "admin"))

    def _defaults(self, reader: Reader, top: Mapping[str, Any]) -> dict[str, Any]:
        if "defaults" not in top:
            return {}
        return reader.section(top["defaults"], "defaults", "defaults")

    def _include(self, file: Path, defaults: Mapping[str, Any]) -> None:
        node = read_mapping(file, self._problems)
        if node is not None:
            reader = self._reader(file)
            self._read_mounts(reader, reader.section(node, "included", ""), defaults)

    def _read_mounts(
        self, reader: Reader, section: Mapping[str, Any], defaults: Mapping[str, Any]
    ) -> None:
        node = section.get("mounts")
        if node is None:
            return
        for entry in node.entries:
            self._claim_name(reader, entry)
            draft = read_mount(reader, entry, defaults)
            if draft.claim is not None:
                self._claim_address(reader, entry.key.text, draft.claim)
            if draft.spec is not None:
                self._mounts.append(draft.spec)

    def _claim_name(self, reader: Reader, entry: Entry) -> None:
        name, place = entry.key.text, entry.key.place
        first = self._places.setdefault(name, place)
        if first is not place:
            reader.report(
                place,
                key_path("mounts", name),
                f"another file has a mount of this name, at {first}: rename one",
            )

    def _claim_address(self, reader: Reader, name: str, claim: Claim) -> None:
        admin = self._admin_prefix
        if admin is not None and is_below(claim.prefix, admin):
            reader.report(
                claim.place,
                claim.path,
                f"mount {name!r} would never answer at {claim.prefix!r}: 'admin:' has "
                f"{admin!r} and everything below it; change one of the two prefixes",
            )
            return
        key = (claim.host, claim.prefix)
        first_name, first = self._claims.setdefault(key, (name, claim))
        # Of two mounts of one name, the name is the problem, and told already.
        if first is not claim and first_name != name:
            reader.report(
                claim.place,
                claim.path,
                f"mount {first_name!r} at {first.place} has this prefix and host "
                "already, so this one would never answer: change one",
            )

    def _report_no_mounts(self, node: MappingNode) -> None:
        mounts = node.get("mounts")
        place = node.place if mounts is None else mounts.key.place
        self._problems.append(
            Problem(
                place,
                "mounts",
                "there are no mounts: add one, such as "
                "'notes: {app: app:create_app, path: apps/notes}'",
            )
        )

    def _included(self, patterns: tuple[Pattern, ...]) -> Iterator[Path]:
        """Yield the files that *patterns* name, each once."""
        for pattern in patterns:
            for file in self._matching(pattern):
                if file not in self._files:
                    self._files.append(file)
                    yield file

    def _matching(self, pattern: Pattern) -> list[Path]:
        home = self._source.parent
        if glob.escape(pattern.text) == pattern.text:
            file = _located(home / pattern.text)
            if file == self._source:
                self._report(pattern, "the file includes itself: remove this")
            elif os.path.isdir(file):
                self._report(
                    pattern, "this is a folder: write a pattern, such as conf.d/*.yaml"
                )
            elif not os.path.exists(file):
                self._report(
                    pattern,
                    f"there is no file {pattern.shown!r}: create it, or remove this",
                )
            else:
                return [file]
            return []
        if not os.path.isdir(home / _plain_start(pattern.text)):
            self._report(
                pattern,
                "the folder of this pattern does not exist: create it, or correct the "
                "path, which starts at the folder of this file",
            )
        matches = glob.glob(pattern.text, root_dir=home, recursive=True)
        files = sorted(home / match for match in matches)
        return [_located(file) for file in files if not file.is_dir()]

    def _report(self, pattern: Pattern, message: str) -> None:
        self._problems.append(Problem(pattern.place, pattern.path, message))


def _plain_start(pattern: str) -> str:
    """Return the folders of *pattern* before the first that has a wildcard."""
    start = os.path.dirname(pattern)
    while glob.escape(start) != start:
        start = os.path.dirname(start)
    return start
