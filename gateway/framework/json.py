"""JSON: the provider of an application, and the functions that ask the current one."""

from __future__ import annotations

import json as _json
import weakref
from collections.abc import Callable
from typing import IO, Any

from gateway.context import current_app_context


def _default(o: Any) -> Any:
    """Encode what JSON has no type for: dates, decimals, UUIDs, dataclasses, markup."""
    import dataclasses
    import decimal
    import uuid
    from datetime import date

    if isinstance(o, date):
        from werkzeug.http import http_date

        return http_date(o)
    if isinstance(o, decimal.Decimal | uuid.UUID):
        return str(o)
    if dataclasses.is_dataclass(o) and not isinstance(o, type):
        return dataclasses.asdict(o)
    if hasattr(o, "__html__"):
        return str(o.__html__())
    raise TypeError(f"Object of type {type(o).__name__} is not JSON serializable")


class JSONProvider:
    """What an application encodes and decodes JSON with.

    :param app: the application.
    """

    def __init__(self, app: Any) -> None:
        self._app = weakref.proxy(app)

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Encode *obj* as JSON text."""
        raise NotImplementedError

    def dump(self, obj: Any, fp: IO[str], **kwargs: Any) -> None:
        """Encode *obj* into a text file."""
        fp.write(self.dumps(obj, **kwargs))

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Decode JSON text."""
        raise NotImplementedError

    def load(self, fp: IO[Any], **kwargs: Any) -> Any:
        """Decode the content of a file."""
        return self.loads(fp.read(), **kwargs)

    def _prepare_response_obj(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if args and kwargs:
            raise TypeError(
                "app.json.response() takes either args or kwargs, not both: put them "
                "into one dict"
            )
        if len(args) == 1:
            return args[0]
        return args or kwargs or None

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """Build a response of one value, of several, or of keyword arguments."""
        content = self._prepare_response_obj(args, kwargs)
        return self._app.response_class(
            self.dumps(content), mimetype="application/json"
        )


class DefaultJSONProvider(JSONProvider):
    """The standard library's ``json``, with a few more types."""

    #: Called for values of other types; returns something that JSON has.
    default: Callable[[Any], Any] = staticmethod(_default)
    #: Escape all but ASCII.
    ensure_ascii = True
    #: Write keys in order, which makes responses comparable and cacheable.
    sort_keys = True
    #: Write responses without white space; ``None`` means "unless debugging".
    compact: bool | None = None
    #: The media type of responses.
    mimetype = "application/json"

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Encode *obj*; the keyword arguments are those of :func:`json.dumps`."""
        kwargs.setdefault("default", self.default)
        kwargs.setdefault("ensure_ascii", self.ensure_ascii)
        kwargs.setdefault("sort_keys", self.sort_keys)
        return _json.dumps(obj, **kwargs)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Decode; the keyword arguments are those of :func:`json.loads`."""
        return _json.loads(s, **kwargs)

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """Build a response, indented while debugging."""
        content = self._prepare_response_obj(args, kwargs)
        spread = self._app.debug if self.compact is None else not self.compact
        layout: dict[str, Any] = {"indent": 2} if spread else {"separators": (",", ":")}
        text = self.dumps(content, **layout)
        return self._app.response_class(f"{text}\n", mimetype=self.mimetype)


def dumps(obj: Any, **kwargs: Any) -> str:
    """Encode *obj* with the current application's provider, if there is one."""
    context = current_app_context.get(None)
    provider = None if context is None else getattr(context.app, "json", None)
    if provider is None:
        kwargs.setdefault("default", _default)
        return _json.dumps(obj, **kwargs)
    text: str = provider.dumps(obj, **kwargs)
    return text


def dump(obj: Any, fp: IO[str], **kwargs: Any) -> None:
    """Encode *obj* into a text file, as :func:`dumps` does."""
    context = current_app_context.get(None)
    provider = None if context is None else getattr(context.app, "json", None)
    if provider is None:
        kwargs.setdefault("default", _default)
        _json.dump(obj, fp, **kwargs)
    else:
        provider.dump(obj, fp, **kwargs)


def loads(s: str | bytes, **kwargs: Any) -> Any:
    """Decode with the current application's provider, if there is one."""
    context = current_app_context.get(None)
    provider = None if context is None else getattr(context.app, "json", None)
    return (_json if provider is None else provider).loads(s, **kwargs)


def load(fp: IO[Any], **kwargs: Any) -> Any:
    """Decode the content of a file, as :func:`loads` does."""
    context = current_app_context.get(None)
    provider = None if context is None else getattr(context.app, "json", None)
    return (_json if provider is None else provider).load(fp, **kwargs)
