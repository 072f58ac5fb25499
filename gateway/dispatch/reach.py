"""Which host to ask, so that the mount that is meant answers."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.dispatch.table import Table


def leading_host(table: Table[str], name: str, hosts: Sequence[str], path: str) -> str:
    """Return the first of *hosts* on which *path* leads to the mount *name*.

    :param table: tells the name of the mount that serves a path.
    :param path: as in a WSGI environ, from the gateway's root on.
    :returns: the first host where none leads there; what answers in the mount's place
        is for whoever asks to see.
    """
    for host in hosts:
        route = table.resolve(host, path)
        if route is not None and route.target == name:
            return host
    return hosts[0]


def hosts_of(pattern: str | None, *labels: str) -> tuple[str, ...]:
    """Return some of the hosts that the *pattern* of a mount names.

    Several, for other mounts may have one or the other to themselves.

    :param labels: what to put in the place of a wildcard, before anything else. Of the
        last one a name is made that surely does not exist (RFC 2606).
    """
    if pattern is None:
        return "localhost", "127.0.0.1", f"{labels[-1]}.invalid"
    if pattern.startswith("*."):
        # A wildcard covers several labels, too.
        every = dict.fromkeys((*labels, "www", "a.b"))
        return tuple(label + pattern[1:] for label in every)
    return (pattern,)
