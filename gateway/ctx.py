"""The contexts of a native application, where a ported import line expects them."""

from __future__ import annotations

from gateway.context import AppGlobals as AppGlobals
from gateway.framework.context import AppContext as AppContext
from gateway.framework.context import RequestContext as RequestContext
from gateway.framework.helpers import after_this_request as after_this_request
from gateway.framework.helpers import (
    copy_current_request_context as copy_current_request_context,
)
from gateway.framework.helpers import has_app_context as has_app_context
from gateway.framework.helpers import has_request_context as has_request_context

# Extensions and their tests know it by this name.
_AppCtxGlobals = AppGlobals
