"""A mount's section of the file, to its spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import unquote

from gateway.config.nodes import Entry, MappingNode, key_path, kind_of, shortened
from gateway.config.policy_spec import PolicySpec
from gateway.config.reader import Reader
from gateway.config.schema import KINDS, MOUNT_NAME, keys_of
from gateway.config.spec import (
    AppTarget,
    AsgiTarget,
    MountSpec,
    ProxyTarget,
    QueueSpec,
    RedirectTarget,
    StaticTarget,
    Target,
)
from gateway.errors import Place

# What only a mount with modules of its own can have.
_LIBRARIES: Final = ("venv", "private", "shared")

_EXAMPLE: Final = "{app: app:create_app, path: apps/notes}"


@dataclass(frozen=True, slots=True)
class Claim:
    """The host and prefix that a mount wants to answer at.

    :param place: what says so in the file.
    :param path: the path of that key.
    """

    host: str | None
    prefix: str
    place: Place
    path: str


@dataclass(frozen=True, slots=True)
class MountDraft:
    """What could be made of a mount's section.

    :param claim: ``None`` if its host or its prefix is wrong.
    :param spec: ``None`` if anything is wrong.
    """

    claim: Claim | None = None
    spec: MountSpec | None = None


def read_mount(reader: Reader, entry: Entry, defaults: Mapping[str, Any]) -> MountDraft:
    """Return the mount that *entry* describes, and report what is wrong with it.

    :param defaults: the values of the file's ``defaults:``.
    """
    before = len(reader.problems)
    name, node = entry.key.text, entry.value
    path = key_path("mounts", name)
    named = _check_name(reader, entry, path)
    if not isinstance(node, MappingNode):
        reader.report(
            node.place,
            path,
            f"this is {kind_of(node)}: write a mapping, such as {_EXAMPLE}",
        )
        return MountDraft()
    values = reader.section(node, "mount", path)
    kind = _kind(reader, entry, node, path)
    claim = _claim(name if named else None, entry, node, values, path)
    if kind is not None:
        _check_kind(reader, node, kind, path)
        values = _with_defaults(values, defaults, kind)
        _check_together(reader, node, values, claim, path)
    if kind is None or claim is None or len(reader.problems) > before:
        return MountDraft(claim)
    spec = MountSpec(
        name=name,
        prefix=claim.prefix,
        host=claim.host,
        target=_target(kind, values),
        config=values.get("config", {}),
        shutdown=values.get("shutdown"),
        place=entry.key.place,
        home=reader.folder,
        env=values.get("env", {}),
        cookies=values["cookies"],
        probe=values.get("probe"),
        strict=values.get("strict", False),
        on_load_error=values["on_load_error"],
        policies=_policies(values),
        queueing=_queueing(values),
        on_fork=values.get("on_fork"),
    )
    return MountDraft(claim, spec)


def _check_name(reader: Reader, entry: Entry, path: str) -> bool:
    name = entry.key.text
    if re.fullmatch(MOUNT_NAME, name):
        return True
    reader.report(
        entry.key.place,
        path,
        f"{shortened(name)!r} cannot name a mount, for the name stands in URLs, module "
        "names and log lines: use up to 64 letters (a to z), digits, '_', '-' and "
        "'.', with a letter or digit first",
    )
    return False


def _kind(reader: Reader, entry: Entry, node: MappingNode, path: str) -> str | None:
    """Return which of the kinds of mount this is, if it is exactly one."""
    found = [kind for kind in KINDS if node.get(kind)]
    if len(found) == 1:
        return found[0]
    last = node.get(found[-1]) if found else None
    if last is not None:
        reader.report(
            last.key.place,
            path,
            f"there are {' and '.join(found)}, and a mount serves one thing: keep one "
            "here, and make a mount of the other",
        )
    elif all(each.key.text in keys_of("mount") for each in node.entries):
        # A key that is not known may be the misspelt one.
        reader.report(
            entry.key.place,
            path,
            "nothing says what it serves: add one of app, asgi, static, redirect and "
            "proxy, such as 'app: app:create_app'",
        )
    return None


def _claim(
    name: str | None,
    entry: Entry,
    node: MappingNode,
    values: Mapping[str, Any],
    path: str,
) -> Claim | None:
    prefix, host = node.get("prefix"), node.get("host")
    if (prefix and "prefix" not in values) or (host and "host" not in values):
        return None
    if prefix:
        place, key, found = prefix.value.place, "prefix", values["prefix"]
    elif host:
        place, key, found = host.value.place, "host", ""
    elif name:
        return Claim(None, f"/{name}", entry.key.place, path)
    else:
        return None
    return Claim(values.get("host"), found, place, key_path(path, key))


def _check_kind(reader: Reader, node: MappingNode, kind: str, path: str) -> None:
    """Report the keys that do not go with this kind of mount."""
    known = keys_of("mount")
    for entry in node.entries:
        key = known.get(entry.key.text)
        if key is not None and kind not in key.kinds:
            fitting = " and ".join(each for each in KINDS if each in key.kinds)
            reader.report(
                entry.key.place,
                key_path(path, key.name),
                f"this goes with {fitting}, not with {kind}: remove it",
            )


def _with_defaults(
    values: Mapping[str, Any], defaults: Mapping[str, Any], kind: str
) -> dict[str, Any]:
    known = keys_of("mount")
    fitting = {
        name: value for name, value in defaults.items() if kind in known[name].kinds
    }
    usual = {
        name: key.default_value()
        for name, key in known.items()
        if key.default is not None
    }
    merged = {**usual, **fitting, **values}
    if merged.get("imports") == "shared":
        # The mount has no modules of its own, so no default can be about them.
        merged = {
            name: value
            for name, value in merged.items()
            if name not in _LIBRARIES or name in values
        }
    if "env" in fitting:
        merged["env"] = {**fitting["env"], **values.get("env", {})}
    if "config" in fitting:
        # Copied, so that no two mounts share a value that can be changed.
        merged["config"] = {**deepcopy(fitting["config"]), **values.get("config", {})}
    return merged


def _check_together(
    reader: Reader,
    node: MappingNode,
    values: Mapping[str, Any],
    claim: Claim | None,
    path: str,
) -> None:
    """Report keys that are right alone but not beside one another."""
    args = node.get("args")
    if args and values.get("args") and values.get("factory") is False:
        reader.report(
            args.key.place,
            key_path(path, "args"),
            "these are the arguments of a factory, and 'factory' is false: remove one",
        )
    _check_libraries(reader, node, values, path)
    redirect, location = node.get("redirect"), values.get("redirect")
    if redirect and location and claim and _leads_to(claim, location):
        reader.report(
            redirect.value.place,
            key_path(path, "redirect"),
            "this is the address of the mount itself: name another",
        )


def _check_libraries(
    reader: Reader, node: MappingNode, values: Mapping[str, Any], path: str
) -> None:
    for name in _LIBRARIES:
        entry = node.get(name)
        if entry and values.get(name) and values.get("imports") == "shared":
            reader.report(
                entry.key.place,
                key_path(path, name),
                "this is for mounts with modules of their own, and with 'imports: "
                "shared' they are the process's: remove it, or use 'imports: private'",
            )
    both = {*values.get("private", ())} & {*values.get("shared", ())}
    entry = node.get("private") or node.get("shared")
    if entry and both:
        reader.report(
            entry.key.place,
            key_path(path, entry.key.text),
            f"{', '.join(sorted(both))} cannot be both private and shared: remove it "
            "from one of them",
        )


def _leads_to(claim: Claim, location: str) -> bool:
    return location.startswith("/") and unquote(location).rstrip("/") == claim.prefix


def _policies(values: Mapping[str, Any]) -> PolicySpec:
    # The table's names are the spec's fields; a test holds them together.
    names = {field.name for field in fields(PolicySpec)}
    return PolicySpec(**{name: values[name] for name in names & values.keys()})


def _queueing(values: Mapping[str, Any]) -> QueueSpec:
    names = [field.name for field in fields(QueueSpec)]
    return QueueSpec(**{name: values[name] for name in names if name in values})


def _target(kind: str, values: Mapping[str, Any]) -> Target:
    if kind == "static":
        return StaticTarget(values["static"])
    if kind == "redirect":
        return RedirectTarget(values["redirect"], values["status"])
    if kind == "proxy":
        return ProxyTarget(
            values["proxy"],
            timeout=values["timeout"],
            connect_timeout=values["connect_timeout"],
            preserve_host=values["preserve_host"],
        )
    target = AppTarget if kind == "app" else AsgiTarget
    return target(
        reference=values[kind],
        path=values.get("path"),
        imports=values.get("imports"),
        args=values.get("args", {}),
        factory=values.get("factory"),
        venv=values.get("venv"),
        private=values.get("private", ()),
        shared=values.get("shared", ()),
    )
