"""Every error the gateway raises on purpose.

::

    GatewayError
    ├── ConfigError             every problem of a configuration, each with its place
    ├── LoadError               an application could not be loaded
    │   ├── AppNotFoundError      its module, attribute or folder does not exist
    │   ├── AppCrashedError       its own code raised while it was loaded
    │   └── NotAnApplicationError what was found cannot be served
    ├── LoadErrors              all the applications that could not be loaded
    ├── MissingExtraError       an optional dependency is absent (also ImportError)
    ├── OutsideContextError     a proxy was used with nothing pushed (also RuntimeError)
    ├── ContextStackError       a context was popped out of order (also AssertionError)
    ├── SetupError              an application was changed after it served
    │                           its first request (also AssertionError)
    ├── AsgiError               an ASGI application broke the protocol
    │                           (also RuntimeError)
    ├── BodyOwnedError          a foreign mount's body was asked for (also RuntimeError)
    ├── SubrequestError         a request to a neighbour mount cannot be made
    │                           (also RuntimeError)
    ├── InvalidResponseError    an application's response is none that can be sent
    ├── ResponseCutError        an application failed when its response had begun
    └── ServeError              the server could not be started

A message says the value, the cause and the cure.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


class GatewayError(Exception):
    """Base of all errors that the gateway raises on purpose."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a configuration file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration.

    :param place: where it stands.
    :param path: the path of the key, such as ``mounts.notes.prefix``; empty for a
        problem of the whole file.
    :param message: what is wrong, and the cure.
    """

    place: Place
    path: str
    message: str

    def __str__(self) -> str:
        key = f" {self.path}:" if self.path else ""
        return f"{self.place}:{key} {self.message}"


class ConfigError(GatewayError):
    """A configuration cannot be used.

    :param problems: everything that is wrong with it, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class LoadError(GatewayError):
    """An application could not be loaded.

    :param mount: the mount's name.
    :param message: what is wrong, and the cure.
    """

    def __init__(self, mount: str, message: str) -> None:
        self.mount = mount
        self.message = message
        super().__init__(f"mount {mount!r}: {message}")


class AppNotFoundError(LoadError):
    """The module, attribute or folder of an application does not exist."""


class AppCrashedError(LoadError):
    """The application's own code raised while it was imported or built.

    :param frames: the traceback as text, with the application's frames only.
    """

    def __init__(self, mount: str, message: str, frames: str) -> None:
        self.frames = frames
        super().__init__(mount, message)


class NotAnApplicationError(LoadError):
    """What the reference names is neither an application nor a factory of one."""


class LoadErrors(GatewayError):
    """Some mounts could not be loaded; none of them serves.

    :param errors: what is wrong with each of them, in the order of the file.
    :param loaded: the names of the mounts that did load, and of what kind they are.
    """

    def __init__(
        self,
        errors: Iterable[LoadError],
        loaded: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.errors = tuple(errors)
        self.loaded = loaded
        super().__init__("\n".join(str(error) for error in self.errors))


class MissingExtraError(GatewayError, ImportError):
    """An optional dependency is not installed.

    :param feature: what needs it, such as ``asgi: mounts``.
    :param extra: the name of the extra that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the extra {extra!r}, which is not installed: "
            f"pip install 'wsgi-gateway[{extra}]'"
        )


class OutsideContextError(GatewayError, RuntimeError):
    """A proxy such as ``g`` was used while no context is pushed."""


class ContextStackError(GatewayError, AssertionError):
    """A context was popped while another one was on top."""


class SetupError(GatewayError, AssertionError):
    """An application was changed after it had served its first request."""


class BodyOwnedError(GatewayError, RuntimeError):
    """The request body of a foreign mount belongs to its application."""


class SubrequestError(GatewayError, RuntimeError):
    """A request to a mount of the same gateway cannot be made."""


class InvalidResponseError(GatewayError):
    """What an application has answered is not a response (PEP 3333, RFC 9112)."""


class ResponseCutError(GatewayError):
    """An application failed when part of its response was sent already."""


class ServeError(GatewayError):
    """The server could not be started."""


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield *error* and what has led to it, the latest first, each of them once."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__


def is_for_the_server(error: BaseException) -> bool:
    """Tell whether *error* is addressed to the server, and not the application's own.

    A greenlet is ended by its owner, and Ctrl-C reaches the main thread only. All else
    that is no ``Exception`` (``SystemExit``, a task's ``CancelledError``) would take a
    worker along, leave its client waiting, or end a gateway that is about to start.
    """
    if isinstance(error, KeyboardInterrupt):
        return threading.current_thread() is threading.main_thread()
    return any(base.__name__ == "GreenletExit" for base in type(error).__mro__)
