"""The logging of an application, where a ported import line expects it."""

from __future__ import annotations

from gateway.framework.logs import create_logger as create_logger
from gateway.framework.logs import default_handler as default_handler
from gateway.framework.logs import has_level_handler as has_level_handler
from gateway.framework.logs import wsgi_errors_stream as wsgi_errors_stream
