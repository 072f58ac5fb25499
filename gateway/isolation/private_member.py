"""What belongs to a mount: packages of private modules, and who is being asked.

Who asks decides. The code that runs in a frame is known by the import function among
its builtins, so what a mount runs with ``exec`` is its own code too. Functions that
only look a name up for their caller are passed over.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType, ModuleType
from typing import Final

from gateway.context import AppContext, current_app_context
from gateway.errors import GatewayError
from gateway.isolation.builtins import ImportFunction, NamespaceBuiltins
from gateway.isolation.import_hooks import ImportHooks
from gateway.isolation.spawned import Recipe

_MESSENGERS: Final = frozenset(
    {
        "contextlib",
        "flask.config",
        "functools",
        "gateway.settings",
        "importlib_metadata",
        "jinja2.utils",
        "logging.config",
        "pkgutil",
        "runpy",
        "timeit",
        "unittest.mock",
        "werkzeug.utils",
    }
)


class NamespaceError(GatewayError, ImportError):
    """A namespace cannot be opened: its name, or ``mounts``, is taken."""


class Member(ABC):
    """What the process knows of a package of private modules.

    ``name`` is the mount's and ``path`` its folder; ``package`` is the name of the
    package, and ``base`` that name without the generation.
    """

    name: str
    path: Path
    package: str
    base: str
    generation: int
    closed: bool
    builtins: NamespaceBuiltins
    hooks: ImportHooks

    @property
    def import_function(self) -> ImportFunction:
        """What the ``import`` statements of the package's modules call."""
        return self.builtins.import_function

    def import_named(self, name: str) -> ModuleType:
        """Import the module that the package's ``import`` statements call *name*."""
        # A name to import from the module makes it the result, not its top package.
        return self.import_function(name, None, None, ("__name__",), 0)

    @abstractmethod
    def import_module(self, name: str) -> ModuleType:
        """Import a module by the name that the mount's own code has for it."""

    @abstractmethod
    def module(self, relative_name: str) -> ModuleType:
        """Import a module by its name within the package; empty for the package."""

    @abstractmethod
    def home(self, top_level: str) -> Member | None:
        """Return whose *top_level* the package's ``import`` statements get.

        ``None`` stands for the process.
        """

    @abstractmethod
    def home_by_name(self, top_level: str) -> Member | None:
        """Return the same for a name that the package's code has in a string."""

    @abstractmethod
    def sibling(self, base: str) -> Member | None:
        """Return the package called *base* that the mount's code uses, if any."""

    @abstractmethod
    def find(
        self, fullname: str, path: Sequence[str], target: ModuleType | None
    ) -> ModuleSpec | None:
        """Find a module of the package."""

    @abstractmethod
    def adopt(self, spec: ModuleSpec) -> None:
        """Have a module be executed as the package's are."""

    def recipe(self) -> Recipe | None:
        """Return what opens the package in a child process, if it can be."""
        return None

    @abstractmethod
    def mount_folder(self) -> Path:
        """Return the folder of the mount whose code runs."""

    @abstractmethod
    def folder_of(self, module_name: str) -> str:
        """Return the folder that a module's top-level package or module is in."""

    @abstractmethod
    def distributions_in(self, name: str | None) -> list[str] | None:
        """Return the folders in which the package's code finds distributions.

        :param name: the one that is asked for; ``None`` for all that there are.
        :returns: ``None`` for where the process finds them.
        """

    @abstractmethod
    def forget(self) -> None:
        """Decide anew, with the next import, which names are the package's own."""

    @abstractmethod
    def close(self) -> None:
        """Take the package's modules out of ``sys.modules``."""


current_namespace: Final[ContextVar[Member | None]] = ContextVar(
    "gateway.namespace", default=None
)
# What was on top when it was set: a mount that is entered later has its own.
_set_under: Final[ContextVar[AppContext | None]] = ContextVar(
    "gateway.namespace_under", default=None
)


@contextmanager
def activate(member: Member) -> Iterator[None]:
    """Make *member* the current namespace."""
    under = _set_under.set(current_app_context.get(None))
    token = current_namespace.set(member)
    try:
        yield
    finally:
        current_namespace.reset(token)
        _set_under.reset(under)


def current() -> Member | None:
    """Return the namespace of the mount that is being loaded or served.

    It is looked up when it is needed, so that serving a request costs nothing.
    """
    chosen = current_namespace.get()
    context = current_app_context.get(None)
    while context is not None:
        if chosen is not None and _set_under.get() is context:
            return chosen
        served = getattr(getattr(context.app, "mount", None), "namespace", None)
        if isinstance(served, Member):
            return served
        # An application that no gateway has mounted, inside of one that is.
        context = context.below
    return chosen


def namespace_of(frame: FrameType | None) -> Member | None:
    """Return the namespace whose code runs in *frame*, or had it look a name up."""
    while frame is not None and _is_messenger(frame.f_globals.get("__name__")):
        frame = frame.f_back
    return owner_of(frame)


def owner_of(frame: FrameType | None) -> Member | None:
    """Return the namespace whose code runs in *frame*."""
    if frame is None:
        return None
    owner = getattr(frame.f_builtins.get("__import__"), "__self__", None)
    return owner if isinstance(owner, Member) else None


def _is_messenger(module_name: object) -> bool:
    return isinstance(module_name, str) and (
        module_name in _MESSENGERS or module_name.partition(".")[0] == "importlib"
    )
