"""The configuration mapping of one application."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, Generic, Self, TypeVar, overload

T = TypeVar("T")

_ABSENT = frozenset({errno.ENOENT, errno.EISDIR, errno.ENOTDIR})


def _parse_json(text: str) -> Any:
    import json

    return json.loads(text)


class ConfigAttribute(Generic[T]):
    """An attribute of an application that lives in its configuration.

    :param name: the key, such as ``SECRET_KEY``.
    :param get_converter: applied to the value on each read.
    """

    def __init__(
        self, name: str, get_converter: Callable[[Any], T] | None = None
    ) -> None:
        self.__name__ = name
        self.get_converter = get_converter

    @overload
    def __get__(self, app: None, owner: type, /) -> Self: ...

    @overload
    def __get__(self, app: object, owner: type, /) -> T: ...

    def __get__(self, app: Any, owner: type | None = None, /) -> T | Self:
        if app is None:
            return self
        value = app.config[self.__name__]
        return value if self.get_converter is None else self.get_converter(value)

    def __set__(self, app: Any, value: Any) -> None:
        app.config[self.__name__] = value


class Config(dict[str, Any]):
    """A dict that can fill itself from files, objects and the environment.

    Only upper-case names are taken, so that a configuration file may use others for
    itself.

    :param root_path: the folder that relative file names start from.
    :param defaults: the first content.
    """

    def __init__(
        self,
        root_path: str | os.PathLike[str],
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(defaults or {})
        self.root_path = root_path

    def from_envvar(self, variable_name: str, silent: bool = False) -> bool:
        """Load the Python file that an environment variable names.

        :param silent: return ``False`` where the variable or the file is missing.
        :raises RuntimeError: the variable is not set.
        """
        filename = os.environ.get(variable_name)
        if filename:
            return self.from_pyfile(filename, silent=silent)
        if silent:
            return False
        raise RuntimeError(
            f"the environment variable {variable_name!r} is not set, so no "
            "configuration was loaded from it: set it to the name of a file"
        )

    def from_prefixed_env(
        self, prefix: str = "FLASK", *, loads: Callable[[str], Any] = _parse_json
    ) -> bool:
        """Take every environment variable whose name starts with *prefix* and ``_``.

        Two underscores in a name descend into a nested dict, which is made if absent.

        :param loads: parses a value; one it cannot parse stays a string.
        """
        start = f"{prefix}_"
        for name in sorted(os.environ):
            if name.startswith(start):
                self._set_path(name.removeprefix(start), os.environ[name], loads)
        return True

    def _set_path(self, path: str, text: str, loads: Callable[[str], Any]) -> None:
        try:
            value = loads(text)
        except Exception:  # whatever the given parser raises means "a plain string"
            value = text
        *parents, last = path.split("__")
        target: Any = self
        for parent in parents:
            if parent not in target:
                target[parent] = {}
            target = target[parent]
        target[last] = value

    def from_pyfile(
        self, filename: str | os.PathLike[str], silent: bool = False
    ) -> bool:
        """Run a Python file and take its upper-case names.

        :param silent: return ``False`` where the file is missing.
        """
        from types import ModuleType

        path = os.path.join(self.root_path, filename)
        module = ModuleType("config")
        module.__file__ = path
        try:
            with open(path, "rb") as file:
                code = compile(file.read(), path, "exec")
        except OSError as error:
            return _absent(error, silent)
        exec(code, module.__dict__)
        self.from_object(module)
        return True

    def from_object(self, obj: object | str) -> None:
        """Take the upper-case attributes of a module, a class or another object.

        :param obj: the object, or its import name.
        """
        if isinstance(obj, str):
            from werkzeug.utils import import_string

            obj = import_string(obj)
        for name in dir(obj):
            if name.isupper():
                self[name] = getattr(obj, name)

    def from_file(
        self,
        filename: str | os.PathLike[str],
        load: Callable[[IO[Any]], Mapping[str, Any]],
        silent: bool = False,
        text: bool = True,
    ) -> bool:
        """Take the upper-case keys of what *load* makes of a file.

        :param load: such as ``tomllib.load`` or ``json.load``.
        :param silent: return ``False`` where the file is missing.
        :param text: open the file as text rather than as bytes.
        """
        path = os.path.join(self.root_path, filename)
        try:
            with open(path, "r" if text else "rb") as file:
                content = load(file)
        except OSError as error:
            return _absent(error, silent)
        return self.from_mapping(content)

    def from_mapping(
        self,
        mapping: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        **kwargs: Any,
    ) -> bool:
        """Take the upper-case keys of a mapping and of the keyword arguments."""
        for key, value in {**dict(mapping or {}), **kwargs}.items():
            if key.isupper():
                self[key] = value
        return True

    def get_namespace(
        self, namespace: str, lowercase: bool = True, trim_namespace: bool = True
    ) -> dict[str, Any]:
        """Return the keys that start with *namespace*, as keyword arguments for it.

        :param lowercase: make the keys lower-case.
        :param trim_namespace: drop *namespace* from the keys.
        """
        start = len(namespace) if trim_namespace else 0
        return {
            key[start:].lower() if lowercase else key[start:]: value
            for key, value in self.items()
            if key.startswith(namespace)
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {dict.__repr__(self)}>"


def _absent(error: OSError, silent: bool) -> bool:
    """Swallow the error of a missing file where that is asked for, else explain it."""
    if silent and error.errno in _ABSENT:
        return False
    error.strerror = f"Unable to load configuration file ({error.strerror})"
    raise error
