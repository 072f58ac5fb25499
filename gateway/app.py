"""The application class, where a ported import line expects it.

Extensions import more from Flask's module than it defines, so that is here too.
"""

from __future__ import annotations

from werkzeug.datastructures import Headers as Headers
from werkzeug.datastructures import ImmutableDict as ImmutableDict
from werkzeug.exceptions import BadRequestKeyError as BadRequestKeyError
from werkzeug.exceptions import HTTPException as HTTPException
from werkzeug.exceptions import InternalServerError as InternalServerError
from werkzeug.routing import BuildError as BuildError
from werkzeug.routing import Map as Map
from werkzeug.routing import MapAdapter as MapAdapter
from werkzeug.routing import RequestRedirect as RequestRedirect
from werkzeug.routing import RoutingException as RoutingException
from werkzeug.routing import Rule as Rule

from gateway.framework.app import App as App
from gateway.framework.app import Flask as Flask
from gateway.framework.context import AppContext as AppContext
from gateway.framework.context import RequestContext as RequestContext
from gateway.framework.files import send_from_directory as send_from_directory
from gateway.framework.flags import get_debug_flag as get_debug_flag
from gateway.framework.flags import get_load_dotenv as get_load_dotenv
from gateway.framework.helpers import get_flashed_messages as get_flashed_messages
from gateway.framework.sessions import (
    SecureCookieSessionInterface as SecureCookieSessionInterface,
)
from gateway.framework.sessions import SessionInterface as SessionInterface
from gateway.framework.signals import appcontext_tearing_down as appcontext_tearing_down
from gateway.framework.signals import got_request_exception as got_request_exception
from gateway.framework.signals import request_finished as request_finished
from gateway.framework.signals import request_started as request_started
from gateway.framework.signals import request_tearing_down as request_tearing_down
from gateway.framework.wrappers import Request as Request
from gateway.framework.wrappers import Response as Response
from gateway.globals import current_app as current_app
from gateway.globals import g as g
from gateway.globals import request as request
from gateway.globals import request_ctx as request_ctx
from gateway.globals import session as session
