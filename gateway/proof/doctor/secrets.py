"""Keys that anyone could know, or that several mounts sign with. None is ever told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.proof.doctor.report import Finding

# Those of tutorials and templates, and what people write until they know better.
_KNOWN: Final = re.compile(
    r"dev(?:elopment)?|test(?:ing)?|secret|key|password|default|none|null|todo|xxx+|"
    r"change[-_ ]?(?:me|this|it)!*|(?:your|my|a|the|super|top|very|some)?[-_ ]?"
    r"(?:super|very|top)?[-_ ]?secret(?:[-_ ]?(?:key|string|here))?!*|"
    r"insert[-_ ].*|replace[-_ ].*|your[-_ ].*|django-insecure-.*|"
    r"not[-_ ]?(?:so[-_ ]?)?secret.*",
    re.IGNORECASE | re.DOTALL,
)

# What is meant to be exchanged says so.
_PROVISIONAL: Final = re.compile(
    r"change[-_ ]?me|insecure|development|(?:^|[^a-z])(?:dev|demo|example|dummy|test)"
    r"(?:[^a-z]|$)",
    re.IGNORECASE,
)

# NIST SP 800-107: an HMAC key is worth no more than its length.
_SHORTEST: Final = 16

_NEW: Final = "python -c 'import secrets; print(secrets.token_hex(32))' makes one"

# Those whose configuration the mount's is.
_CONFIGURED: Final = ("Flask", "Dash", "native")


def weak_secret(mount: str, application: str, key: object) -> Finding | None:
    """Return what is wrong with the key that a mount signs with, without showing it.

    :param application: what the mount is, as :func:`identify` has it.
    """
    text = key.decode("latin-1") if isinstance(key, bytes) else key
    if not isinstance(text, str) or not text:
        return None
    cure = cure_of_secret(mount, application)
    if _KNOWN.fullmatch(text.strip()):
        return Finding(
            "error",
            "secret",
            "its secret key is one that everybody knows, from a template or a "
            "tutorial, so anyone can sign a session of it",
            cure,
        )
    if _PROVISIONAL.search(text):
        wrong = "reads as if it were meant to be exchanged before it counts"
    elif len(text.encode(errors="surrogatepass")) < _SHORTEST:
        wrong = f"has less than {_SHORTEST} bytes, which can be guessed"
    else:
        return None
    return Finding("warning", "secret", f"its secret key {wrong}", cure)


def equal_secrets(
    keys: Mapping[str, object],
    cookies: Mapping[str, str],
    applications: Mapping[str, str],
) -> Iterator[tuple[str, Finding]]:
    """Yield a finding for each mount whose key another one has too.

    :param keys: by mount.
    :param cookies: each mount's ``cookies:``; those that share theirs mean it.
    :param applications: what each mount is.
    """
    mounts: dict[bytes, list[str]] = {}
    for name, key in keys.items():
        raw = key.encode(errors="surrogatepass") if isinstance(key, str) else key
        if isinstance(raw, bytes) and raw:
            mounts.setdefault(raw, []).append(name)
    for names in mounts.values():
        if len(names) < 2 or all(cookies.get(name) == "shared" for name in names):
            continue
        for name in names:
            others = ", ".join(other for other in names if other != name)
            yield (
                name,
                Finding(
                    "warning",
                    "secret",
                    f"its secret key is also that of {others}, so what one of them has "
                    "signed the others may take for their own",
                    cure_of_secret(name, applications.get(name, "")),
                ),
            )


def cure_of_secret(mount: str, application: str) -> str:
    """Return how a mount gets a key of its own."""
    variable = re.sub(r"\W", "_", mount, flags=re.ASCII).upper() + "_SECRET_KEY"
    if application in _CONFIGURED:
        where = f"write SECRET_KEY: ${{{variable}:?}} in the mount's 'config:'"
    else:
        where = (
            "have the application read it from its environment, and write "
            f"SECRET_KEY: ${{{variable}:?}} in the mount's 'env:'"
        )
    return f"{where}; {_NEW}"


def key_of(config: Mapping[str, Any], served: object) -> object:
    """Return what a mount signs with, if that can be told.

    :param config: its application's configuration.
    :param served: its application.
    """
    key = config.get("SECRET_KEY")
    return _session_key(served) if key is None else key


def _session_key(served: object) -> object:
    """Return the key of Starlette's session middleware."""
    for middleware in getattr(served, "user_middleware", ()):
        options = getattr(middleware, "kwargs", {})
        if isinstance(options, Mapping) and "secret_key" in options:
            # May be Starlette's Secret, which is a key by its str().
            return str(options["secret_key"])
    return None
