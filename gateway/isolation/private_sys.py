"""``sys`` and ``builtins`` as a mount's code sees them.

A library that looks its own modules up (``sys.modules["sqlalchemy.orm"]``) finds those
of the mount, and one that takes the import function from the module ``builtins`` gets
the mount's. Only code that speaks of ``modules``, or of ``__import__``, is given these:
elsewhere they are the interpreter's.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, MutableMapping
from types import CodeType, FrameType, ModuleType
from typing import Any, Protocol

from gateway.isolation.builtins import ImportFunction


class Owner(Protocol):
    """What is needed of a package of private modules."""

    package: str

    def home(self, top_level: str) -> Any:
        """Return whose module *top_level* is; ``None`` for the process."""

    def packages(self) -> list[str]:
        """Return the names of the packages that the mount's code has modules in."""

    def kept(self, fullname: str) -> ModuleType | None:
        """Return a module that is not in ``sys.modules`` any more."""


class PrivateModules(MutableMapping[str, ModuleType]):
    """``sys.modules``, with a mount's modules by the names that the mount has for them.

    Their full names are there as well. What the mount has a module of its own for is
    hidden, loaded or not.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def _home(self, name: str) -> Any:
        return self._owner.home(name.partition(".")[0]) if name else None

    def _real(self, name: str) -> str:
        home = self._home(name)
        return name if home is None else f"{home.package}.{name}"

    def __getitem__(self, name: str) -> ModuleType:
        real = self._real(name)
        for package in (self._owner, self._home(name)):
            kept = None if package is None else package.kept(real)
            if kept is not None:
                return kept
        try:
            return sys.modules[real]
        except KeyError:
            raise KeyError(name) from None

    def __setitem__(self, name: str, module: ModuleType) -> None:
        sys.modules[self._real(name)] = module

    def __delitem__(self, name: str) -> None:
        try:
            del sys.modules[self._real(name)]
        except KeyError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.copy())

    def __len__(self) -> int:
        return len(self.copy())

    def copy(self) -> dict[str, ModuleType]:
        """Return an ordinary dictionary with what is there now."""
        loaded = sys.modules.copy()
        own = {}
        for package in self._owner.packages():
            below = f"{package}."
            for name, module in loaded.items():
                if name.startswith(below):
                    own[name.removeprefix(below)] = module
        hidden = {name for name in loaded if self._real(name) != name}
        return own | {name: loaded[name] for name in loaded if name not in hidden}


class _FaceType(type):
    """Has ``type(sys)`` do what the type of modules does.

    Code that makes a module of its own, a subclass, or asks what a module is, may
    take the type from ``sys``.
    """

    def __new__(
        cls, name: str, bases: tuple[type, ...], names: dict[str, Any], **keywords: Any
    ) -> Any:
        # The gateway's own kinds of faces are faces, a mount's classes are not.
        if names.get("__module__") != __name__ and any(type(b) is cls for b in bases):
            bases = tuple(ModuleType if type(b) is cls else b for b in bases)
            return type(name, bases, names, **keywords)
        return super().__new__(cls, name, bases, names, **keywords)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], ModuleType):
            return super().__call__(*args, **kwargs)
        return ModuleType(*args, **kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, ModuleType)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, ModuleType)


class Face(ModuleType, metaclass=_FaceType):
    """A module of the interpreter, but for one attribute.

    :param module: the module; what is set or deleted is set or deleted there.
    :param name: the attribute.
    :param value: what it is instead.
    """

    def __init__(self, module: ModuleType, name: str, value: object) -> None:
        super().__init__(module.__name__, module.__doc__)
        ModuleType.__setattr__(self, "_module", module)
        ModuleType.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._module, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._module, name)

    def __repr__(self) -> str:
        return repr(self._module)

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        return vars(self._module)


class Importing(Protocol):
    """What is needed of a package whose import function can be replaced."""

    @property
    def statement(self) -> ImportFunction:
        """What its ``import`` statements call, as its code sees it."""

    @statement.setter
    def statement(self, function: ImportFunction) -> None: ...


class BuiltinsFace(Face):
    """``builtins``, where a mount's code replaces the import function for itself only.

    A library that does so keeps what it has found, to call it and to put it back. In
    the process's builtins that would be one mount's function, for everybody.
    """

    def __init__(self, module: ModuleType, package: Importing) -> None:
        ModuleType.__init__(self, module.__name__, module.__doc__)
        ModuleType.__setattr__(self, "_module", module)
        ModuleType.__setattr__(self, "_package", package)

    def __getattr__(self, name: str) -> Any:
        if name == "__import__":
            return self._package.statement
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "__import__":
            self._package.statement = value
        else:
            super().__setattr__(name, value)

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        return _Names(self)


class _Names(MutableMapping[str, Any]):
    """``vars()`` of a face: its import function, and the module's names."""

    def __init__(self, face: BuiltinsFace) -> None:
        self._face = face

    def __getitem__(self, name: str) -> Any:
        if name == "__import__":
            return self._face.__import__
        return vars(builtins)[name]

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self._face, name, value)

    def __delitem__(self, name: str) -> None:
        del vars(builtins)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(vars(builtins))

    def __len__(self) -> int:
        return len(vars(builtins))

    def copy(self) -> dict[str, Any]:
        """Return an ordinary dictionary with what is there now."""
        return dict(self)


def speaks_of(word: str, globals_: Any, frame: FrameType | None) -> bool:
    """Tell whether the code that imports something uses a name.

    :param globals_: those of the code.
    :param frame: the one in which the import function was called.
    """
    while frame is not None and frame.f_globals is not globals_:
        frame = frame.f_back
    return frame is not None and _mentions(word, frame.f_code)


def _mentions(word: str, code: CodeType) -> bool:
    return (
        word in code.co_names
        or word in code.co_consts
        or any(
            isinstance(constant, CodeType) and _mentions(word, constant)
            for constant in code.co_consts
        )
    )
