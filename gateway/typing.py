"""Types for annotations, where a ported import line expects them."""

from __future__ import annotations

from gateway.framework.returns import AfterRequestCallable as AfterRequestCallable
from gateway.framework.returns import AppOrBlueprintKey as AppOrBlueprintKey
from gateway.framework.returns import BeforeRequestCallable as BeforeRequestCallable
from gateway.framework.returns import ErrorHandlerCallable as ErrorHandlerCallable
from gateway.framework.returns import HeadersValue as HeadersValue
from gateway.framework.returns import HeaderValue as HeaderValue
from gateway.framework.returns import ResponseClass as ResponseClass
from gateway.framework.returns import ResponseReturnValue as ResponseReturnValue
from gateway.framework.returns import ResponseValue as ResponseValue
from gateway.framework.returns import RouteCallable as RouteCallable
from gateway.framework.returns import (
    ShellContextProcessorCallable as ShellContextProcessorCallable,
)
from gateway.framework.returns import TeardownCallable as TeardownCallable
from gateway.framework.returns import (
    TemplateContextProcessorCallable as TemplateContextProcessorCallable,
)
from gateway.framework.returns import TemplateFilterCallable as TemplateFilterCallable
from gateway.framework.returns import TemplateGlobalCallable as TemplateGlobalCallable
from gateway.framework.returns import TemplateTestCallable as TemplateTestCallable
from gateway.framework.returns import URLDefaultCallable as URLDefaultCallable
from gateway.framework.returns import (
    URLValuePreprocessorCallable as URLValuePreprocessorCallable,
)
