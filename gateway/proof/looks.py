"""What one look around saw: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final


class Moment(Enum):
    """When a look was taken, in words that complete a sentence."""

    ENTRY = "at entry"
    MET = "while other calls were inside"
    RETURNED = "when the application returned"
    RAISED = "when the application raised"
    NESTED = "after a subrequest"
    BARE_THREAD = "in a thread that it had started"
    THREAD = "in a thread with a copy of its context"
    GREENLET = "while a greenlet of its thread was inside another mount"
    TASK = "in its task on the event loop"
    STEP = "at a body step"
    CLOSE = "at close"
    CLOSED = "after close"
    TEARDOWN = "at teardown"


BESIDE: Final = frozenset(
    {Moment.NESTED, Moment.BARE_THREAD, Moment.THREAD, Moment.GREENLET}
)
"""When something else had been done, or was being done, beside the call."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw, from where the mount calls its application.

    Objects are given by number: two looks have the same number where they saw the same
    object, and never otherwise.

    :param at: ``time.perf_counter()``, in seconds.
    :param context: the :class:`~gateway.context.AppContext` on top; ``None`` where
        nothing was pushed, and then nothing else could be seen.
    :param app: ``current_app``.
    :param g: the namespace behind ``g``.
    :param g_names: what it held at entry, before the witness wrote into it.
    :param token: what it held under the witness's own name.
    :param config: ``current_app.config``.
    :param markers: the mounts whose markers stood in that config.
    :param differing: the keys, in words, that had not the value of the file.
    :param error: at teardown, the class of the error that was handed over.
    """

    moment: Moment
    at: float = field(compare=False)
    pid: int
    thread: int
    context: int | None = None
    app: int | None = None
    app_name: str = ""
    g: int | None = None
    g_names: tuple[str, ...] = ()
    token: str | None = None
    config: int | None = None
    markers: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    error: str | None = None


class Phase(Enum):
    """When a framework's own context was looked at, in words."""

    BEFORE = "before the view"
    AFTER = "after the view"
    TEARDOWN = "at its teardown"


@dataclass(frozen=True, slots=True)
class FrameworkLook:
    """What was current by the framework's own names, such as ``flask.g``.

    :param context: the :class:`~gateway.context.AppContext` on top meanwhile.
    :param app: ``current_app``.
    :param config: its config; for Django the settings.
    :param g: the namespace behind ``g``; ``None`` where the framework has none.
    :param g_names: what it held before the witness wrote into it.
    :param token: what it held under the witness's own name.
    :param request: the request object.
    :param ticket: the prover's header of that request.
    :param prefix: the URL prefix that the framework knows of.
    """

    phase: Phase
    context: int | None
    app: int | None = None
    config: int | None = None
    g: int | None = None
    g_names: tuple[str, ...] = ()
    token: str | None = None
    request: int | None = None
    ticket: str = ""
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class EnvironLook:
    """What ``os.environ`` showed.

    :param markers: the mounts whose markers stood in it.
    :param differing: variables, in words, that had another's value.
    """

    moment: Moment
    markers: tuple[str, ...]
    differing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModuleLook:
    """Which module a name led to, asked for by code that all mounts share.

    :param module: ``None`` where it could not be imported.
    :param failure: why it could not, in words.
    """

    name: str
    module: int | None
    file: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class CookieLook:
    """The prover's own cookies that a request brought along.

    :param writers: the mounts that had set them; empty for values of nobody.
    """

    writers: tuple[str, ...]
