"""What views call, where a ported import line expects it."""

from __future__ import annotations

from gateway.framework.files import send_file as send_file
from gateway.framework.files import send_from_directory as send_from_directory
from gateway.framework.flags import get_debug_flag as get_debug_flag
from gateway.framework.flags import get_load_dotenv as get_load_dotenv
from gateway.framework.helpers import abort as abort
from gateway.framework.helpers import flash as flash
from gateway.framework.helpers import get_flashed_messages as get_flashed_messages
from gateway.framework.helpers import make_response as make_response
from gateway.framework.helpers import redirect as redirect
from gateway.framework.helpers import stream_with_context as stream_with_context
from gateway.framework.helpers import url_for as url_for
from gateway.framework.paths import find_package as find_package
from gateway.framework.paths import get_root_path as get_root_path
from gateway.framework.signals import message_flashed as message_flashed
from gateway.framework.templating import (
    get_template_attribute as get_template_attribute,
)
from gateway.globals import current_app as current_app
from gateway.globals import request as request
from gateway.globals import request_ctx as request_ctx
from gateway.globals import session as session
