"""Which mounts would accept each other's sessions, because they share a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# What Flask, Starlette and the native framework call it where nothing else is said.
_USUAL_NAME = "session"


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """Some mounts sign a cookie of the same name with the same key.

    :param mounts: their names, in the order of the file.
    :param cookie: the cookie's name, as the applications know it.
    """

    mounts: tuple[str, ...]
    cookie: str

    def __str__(self) -> str:
        names = " and ".join(map(repr, self.mounts))
        return (
            f"mounts {names} sign the cookie {self.cookie!r} with the same SECRET_KEY, "
            "so what one of them has signed is valid in the others, whoever copies it "
            "there: give each a SECRET_KEY of its own in its 'config:'"
        )


def shared_secrets(configs: Mapping[str, Mapping[str, Any]]) -> list[SharedSecret]:
    """Return which mounts have equal cookie names with equal secret keys.

    A key that one mount signs with and another still accepts, in
    ``SECRET_KEY_FALLBACKS``, counts too. No finding holds a key.

    :param configs: each mount's name and its application's configuration.
    """
    signed: set[tuple[str, bytes]] = set()
    accepting: dict[tuple[str, bytes], list[str]] = {}
    for mount, config in configs.items():
        cookie = str(config.get("SESSION_COOKIE_NAME") or _USUAL_NAME)
        signing = _as_bytes(config.get("SECRET_KEY"))
        if not signing:
            continue  # it signs nothing
        signed.add((cookie, signing))
        for key in dict.fromkeys([signing, *_fallbacks(config)]):
            accepting.setdefault((cookie, key), []).append(mount)
    found = [
        SharedSecret(tuple(mounts), cookie)
        for (cookie, key), mounts in accepting.items()
        if len(mounts) > 1 and (cookie, key) in signed
    ]
    return list(dict.fromkeys(found))


def _fallbacks(config: Mapping[str, Any]) -> Iterator[bytes]:
    keys = config.get("SECRET_KEY_FALLBACKS")
    for key in keys if isinstance(keys, (list, tuple)) else ():
        if as_bytes := _as_bytes(key):
            yield as_bytes


def _as_bytes(key: object) -> bytes:
    """Return *key* as it signs: text as UTF-8; empty if it is no key."""
    if isinstance(key, str):
        return key.encode(errors="surrogatepass")
    return key if isinstance(key, bytes) else b""
