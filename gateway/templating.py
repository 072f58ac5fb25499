"""Templates, where a ported import line expects them."""

from __future__ import annotations

from jinja2 import BaseLoader as BaseLoader
from jinja2 import Environment as BaseEnvironment
from jinja2 import Template as Template
from jinja2 import TemplateNotFound as TemplateNotFound

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

__all__ = [
    "BaseEnvironment",
    "BaseLoader",
    "DispatchingJinjaLoader",
    "Environment",
    "Template",
    "TemplateNotFound",
    "render_template",
    "render_template_string",
    "stream_template",
    "stream_template_string",
]
