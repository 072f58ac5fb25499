"""An application context that brings along the one of the mount's own framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.context import AppContext, current_app_context
from gateway.types import Application


class ForeignContext(Protocol):
    """A context of another framework, such as Flask's own application context."""

    def push(self) -> object:
        """Make it the current one."""

    def pop(self, exc: BaseException | None, /) -> object:
        """Undo one push."""


class JointContext(AppContext):
    """A mount's context for scripts, with the one that its framework would have there.

    :param app: the owner of the context.
    :param make: makes the framework's.
    """

    __slots__ = ("_foreign",)

    def __init__(self, app: Application, make: Callable[[], ForeignContext]) -> None:
        super().__init__(app)
        self._foreign = make()

    def push(self) -> None:
        """Make both current, the framework's on top."""
        super().push()
        try:
            self._foreign.push()
        except BaseException as error:
            super().pop(error)
            raise

    def pop(self, exc: BaseException | None = None) -> None:
        """Undo one push of both; see :meth:`AppContext.pop`.

        The framework's teardown functions run first, and the others in any case.
        """
        if current_app_context.get(None) is not self:
            return super().pop(exc)  # which says so
        try:
            self._foreign.pop(exc)
        except BaseException as error:
            super().pop(error)
            raise
        super().pop(exc)
