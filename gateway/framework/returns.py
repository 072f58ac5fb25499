"""The types of what views and hooks return and are, for annotations."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from collections.abc import Iterator as _Iterator
from typing import Any, TypeAlias, TypeVar, Union

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as BaseResponse

from gateway.types import WSGIApplication

#: A body: what becomes a response by itself.
ResponseValue: TypeAlias = Union[  # noqa: UP007 - evaluated, and a name is a string
    BaseResponse,
    str,
    bytes,
    list[Any],
    Mapping[str, Any],
    _Iterator[str],
    _Iterator[bytes],
    AsyncIterable[str],
    AsyncIterable[bytes],
]
HeaderValue: TypeAlias = str | list[str] | tuple[str, ...]
HeadersValue: TypeAlias = (
    Headers | Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]]
)
#: What a view may return.
ResponseReturnValue: TypeAlias = Union[
    ResponseValue,
    tuple[ResponseValue, HeadersValue],
    tuple[ResponseValue, int],
    tuple[ResponseValue, int, HeadersValue],
    "WSGIApplication",
]
#: For hooks that return a response of the class they were given.
ResponseClass = TypeVar("ResponseClass", bound=BaseResponse)

AppOrBlueprintKey: TypeAlias = str | None
AfterRequestCallable: TypeAlias = Callable[[Any], Any]
BeforeRequestCallable: TypeAlias = Callable[[], Any]
ErrorHandlerCallable: TypeAlias = Callable[[Any], Any]
RouteCallable: TypeAlias = (
    Callable[..., ResponseReturnValue] | Callable[..., Awaitable[ResponseReturnValue]]
)
ShellContextProcessorCallable: TypeAlias = Callable[[], dict[str, Any]]
TeardownCallable: TypeAlias = Callable[[BaseException | None], Any]
TemplateContextProcessorCallable: TypeAlias = Callable[[], Any]
TemplateFilterCallable: TypeAlias = Callable[..., Any]
TemplateGlobalCallable: TypeAlias = Callable[..., Any]
TemplateTestCallable: TypeAlias = Callable[..., bool]
URLDefaultCallable: TypeAlias = Callable[[str, dict[str, Any]], None]
URLValuePreprocessorCallable: TypeAlias = Callable[
    [str | None, dict[str, Any] | None], None
]
