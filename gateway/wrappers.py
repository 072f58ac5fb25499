"""The request and the response, where a ported import line expects them."""

from __future__ import annotations

from gateway.framework.wrappers import Request as Request
from gateway.framework.wrappers import Response as Response
