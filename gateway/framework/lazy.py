"""An attribute that is computed when it is first read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class lazy(Generic[T]):
    """Compute an attribute on first use and keep it in the instance.

    It is not a data descriptor, so every later read, and every assignment, is that of
    a plain attribute: this is what makes it cheaper than the standard one of Python
    3.11, which takes a lock.

    :param build: called with the instance; what it returns becomes the attribute.
    """

    def __init__(self, build: Callable[[Any], T]) -> None:
        self.build = build
        self.name = build.__name__
        self.__doc__ = build.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type, /) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type | None = None, /) -> T: ...

    def __get__(
        self, instance: object | None, owner: type | None = None, /
    ) -> T | Self:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.build(instance)
        return value
