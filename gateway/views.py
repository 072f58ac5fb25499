"""Views that are classes, where a ported import line expects them."""

from __future__ import annotations

from gateway.framework.views import MethodView as MethodView
from gateway.framework.views import View as View
from gateway.framework.views import http_method_funcs as http_method_funcs
