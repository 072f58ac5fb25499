"""The request and the response, where a ported import line expects them."""

from __future__ import annotations

from werkzeug.exceptions import BadRequest as BadRequest
from werkzeug.exceptions import HTTPException as HTTPException
from werkzeug.wrappers import Request as RequestBase
from werkzeug.wrappers import Response as ResponseBase

from gateway.framework.wrappers import Request as Request
from gateway.framework.wrappers import Response as Response

__all__ = [
    "BadRequest",
    "HTTPException",
    "Request",
    "RequestBase",
    "Response",
    "ResponseBase",
]
