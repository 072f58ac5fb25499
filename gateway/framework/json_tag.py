"""Tagged JSON: types that JSON lacks survive in a signed cookie.

The format is Flask's, so that a session can be shared with it where both sides are
given the same key: a value of a known type becomes a dict with one key, the type's
tag, and a real dict that looks like this has ``__`` added to its key.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

from werkzeug.http import http_date, parse_date

from gateway.framework import json


class JSONTag:
    """How one type is written; subclass it and register it with a serializer.

    :param serializer: the serializer that it belongs to.
    """

    __slots__ = ("serializer",)

    #: The tag; empty for a type that JSON has and that is only walked through.
    key: str = ""

    def __init__(self, serializer: TaggedJSONSerializer) -> None:
        self.serializer = serializer

    def check(self, value: Any) -> bool:
        """Tell whether *value* is of this type."""
        raise NotImplementedError

    def to_json(self, value: Any) -> Any:
        """Turn *value* into something that JSON has."""
        raise NotImplementedError

    def to_python(self, value: Any) -> Any:
        """Turn what :meth:`to_json` returned into the value again."""
        raise NotImplementedError

    def tag(self, value: Any) -> Any:
        """Return *value* for JSON, under its tag."""
        return {self.key: self.to_json(value)}


class TagDict(JSONTag):
    """A dict that looks like a tagged value."""

    __slots__ = ()
    key = " di"

    def check(self, value: Any) -> bool:
        return (
            isinstance(value, dict)
            and len(value) == 1
            and next(iter(value)) in self.serializer.tags
        )

    def to_json(self, value: Any) -> Any:
        ((key, content),) = value.items()
        return {f"{key}__": self.serializer.tag(content)}

    def to_python(self, value: Any) -> Any:
        ((key, content),) = value.items()
        return {key[:-2]: content}


class PassDict(JSONTag):
    """Any other dict."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return isinstance(value, dict)

    def to_json(self, value: Any) -> Any:
        tag = self.serializer.tag
        return {key: tag(content) for key, content in value.items()}

    tag = to_json


class TagTuple(JSONTag):
    """A tuple."""

    __slots__ = ()
    key = " t"

    def check(self, value: Any) -> bool:
        return isinstance(value, tuple)

    def to_json(self, value: Any) -> Any:
        return list(map(self.serializer.tag, value))

    def to_python(self, value: Any) -> Any:
        return tuple(value)


class PassList(JSONTag):
    """A list."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return isinstance(value, list)

    def to_json(self, value: Any) -> Any:
        return list(map(self.serializer.tag, value))

    tag = to_json


class TagBytes(JSONTag):
    """Bytes, in Base64 (:rfc:`4648`)."""

    __slots__ = ()
    key = " b"

    def check(self, value: Any) -> bool:
        return isinstance(value, bytes)

    def to_json(self, value: Any) -> Any:
        return b64encode(value).decode("ascii")

    def to_python(self, value: Any) -> Any:
        return b64decode(value)


class TagMarkup(JSONTag):
    """Anything that renders itself as HTML; it comes back as ``Markup``."""

    __slots__ = ()
    key = " m"

    def check(self, value: Any) -> bool:
        return callable(getattr(value, "__html__", None))

    def to_json(self, value: Any) -> Any:
        return str(value.__html__())

    def to_python(self, value: Any) -> Any:
        from markupsafe import Markup

        return Markup(value)


class TagUUID(JSONTag):
    """A UUID."""

    __slots__ = ()
    key = " u"

    def check(self, value: Any) -> bool:
        return isinstance(value, UUID)

    def to_json(self, value: Any) -> Any:
        return value.hex

    def to_python(self, value: Any) -> Any:
        return UUID(value)


class TagDateTime(JSONTag):
    """A datetime, to the second, as an HTTP date (:rfc:`9110`)."""

    __slots__ = ()
    key = " d"

    def check(self, value: Any) -> bool:
        return isinstance(value, datetime)

    def to_json(self, value: Any) -> Any:
        return http_date(value)

    def to_python(self, value: Any) -> Any:
        return parse_date(value)


class TaggedJSONSerializer:
    """Writes and reads JSON whose types are tagged."""

    __slots__ = ("order", "tags")

    #: The types that are registered from the start, the first that matches wins.
    default_tags: tuple[type[JSONTag], ...] = (
        TagDict,
        PassDict,
        TagTuple,
        PassList,
        TagBytes,
        TagMarkup,
        TagUUID,
        TagDateTime,
    )

    def __init__(self) -> None:
        self.tags: dict[str, JSONTag] = {}
        self.order: list[JSONTag] = []
        for tag_class in self.default_tags:
            self.register(tag_class)

    def register(
        self, tag_class: type[JSONTag], force: bool = False, index: int | None = None
    ) -> None:
        """Add a type.

        :param force: replace a type with the same tag.
        :param index: its place in the order of trial; the last without it.
        :raises KeyError: the tag is taken.
        """
        tag = tag_class(self)
        if tag.key:
            if tag.key in self.tags and not force:
                raise KeyError(
                    f"the tag {tag.key!r} is already registered: choose another key, "
                    "or pass force=True to replace it"
                )
            self.tags[tag.key] = tag
        self.order.insert(len(self.order) if index is None else index, tag)

    def tag(self, value: Any) -> Any:
        """Return *value* with its types tagged, all the way down."""
        for tag in self.order:
            if tag.check(value):
                return tag.tag(value)
        return value

    def untag(self, value: dict[str, Any]) -> Any:
        """Undo one tag; a dict that is no tagged value is returned as it is."""
        if len(value) == 1:
            ((key, content),) = value.items()
            if key in self.tags:
                return self.tags[key].to_python(content)
        return value

    def _untag_all(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.untag({k: self._untag_all(v) for k, v in value.items()})
        if isinstance(value, list):
            return list(map(self._untag_all, value))
        return value

    def dumps(self, value: Any) -> str:
        """Write *value* as compact tagged JSON."""
        return json.dumps(self.tag(value), separators=(",", ":"))

    def loads(self, value: str | bytes) -> Any:
        """Read tagged JSON."""
        return self._untag_all(json.loads(value))
