"""Templates, where a ported import line expects them."""

from __future__ import annotations

from gateway.framework.templating import (
    DispatchingJinjaLoader as DispatchingJinjaLoader,
)
from gateway.framework.templating import Environment as Environment
from gateway.framework.templating import render_template as render_template
from gateway.framework.templating import (
    render_template_string as render_template_string,
)
from gateway.framework.templating import stream_template as stream_template
from gateway.framework.templating import (
    stream_template_string as stream_template_string,
)
