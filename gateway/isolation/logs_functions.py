"""The functions of :mod:`logging` that change the process, led to one mount's part.

Called by a mount's code they do for that mount what they else do for the process:

- ``setLogRecordFactory`` and ``getLogRecordFactory``: the mount's records only;
- ``captureWarnings``: the mount's warnings only;
- ``shutdown``, and what ``dictConfig`` and ``fileConfig`` begin with: the handlers that
  only the mount has are closed;
- ``basicConfig(force=True)``: the handlers of the process are not closed, but do not
  get the mount's records any more.
"""

from __future__ import annotations

import logging
import logging.config
import warnings
from collections.abc import Callable
from typing import Any, Final

from gateway.isolation.environ_patches import Patches
from gateway.isolation.logs_overlay import whereabouts

RecordFactory = Callable[..., logging.LogRecord]

# What stands in for a factory, or for warnings.showwarning, has it as this attribute.
_LED: Final = "_gateway_leads"

_installed_factory: Final = logging.getLogRecordFactory


def lead_functions(patches: Patches) -> None:
    """Lead the functions; what they need beyond is done when a mount calls one."""
    patches.wrap(logging, "setLogRecordFactory", _set_record_factory)
    patches.wrap(logging, "getLogRecordFactory", _get_record_factory)
    patches.wrap(logging, "captureWarnings", _capture_warnings)
    patches.wrap(logging, "basicConfig", _basic_config)
    patches.wrap(logging, "shutdown", _shutdown)
    patches.wrap(logging.config, "_clearExistingHandlers", _shutdown)


def leave_functions() -> None:
    """Take away what the functions have installed; their patches are undone by then."""
    logging.setLogRecordFactory(process_record_factory())
    warnings.showwarning = led_by(warnings.showwarning)


def led_by(function: Any) -> Any:
    """Return what *function*, if it is one of these, has taken the place of."""
    return getattr(function, _LED, function)


def process_record_factory() -> Any:
    """Return what records are made with where no mount has a factory of its own."""
    return led_by(_installed_factory())


def _set_record_factory(original: Callable[[RecordFactory], None]) -> Any:
    def setLogRecordFactory(factory: RecordFactory) -> None:
        overlay = whereabouts().overlay
        installed = _installed_factory()
        if overlay is not None:
            overlay.record_factory = factory
            if not hasattr(installed, _LED):
                original(_each_mounts_own(installed))
        elif hasattr(installed, _LED):
            original(_each_mounts_own(factory))
        else:
            original(factory)

    return setLogRecordFactory


def _get_record_factory(original: Callable[[], RecordFactory]) -> Any:
    # A factory that calls the one before it must not get to itself by way of ours.

    def getLogRecordFactory() -> Any:
        overlay = whereabouts().overlay
        if overlay is not None and overlay.record_factory is not None:
            return overlay.record_factory
        return led_by(original())

    return getLogRecordFactory


def _each_mounts_own(process: RecordFactory) -> RecordFactory:
    """Return what makes each record with the factory of the mount that logs it."""

    def make_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        overlay = whereabouts().overlay
        own = None if overlay is None else overlay.record_factory
        return (own or process)(*args, **kwargs)

    setattr(make_record, _LED, process)
    return make_record


def _capture_warnings(original: Callable[[bool], None]) -> Any:
    def captureWarnings(capture: bool) -> None:
        overlay = whereabouts().overlay
        if overlay is None:
            return original(capture)
        overlay.captures_warnings = bool(capture)
        if capture and not hasattr(warnings.showwarning, _LED):
            warnings.showwarning = _showing(warnings.showwarning)
        return None

    return captureWarnings


def _showing(process: Callable[..., None]) -> Callable[..., None]:
    """Return what logs the warnings of the mounts that want it, and shows all others.

    :param process: what shows them.
    """

    def showwarning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: Any = None,
        line: str | None = None,
    ) -> None:
        overlay = whereabouts().overlay
        if overlay is None or not overlay.captures_warnings or file is not None:
            return process(message, category, filename, lineno, file, line)
        logger = logging.getLogger("py.warnings")
        if not logger.handlers:
            # As the standard library has it: a warning is no news of last resort.
            logger.addHandler(logging.NullHandler())
        text = warnings.formatwarning(message, category, filename, lineno, line)
        return logger.warning("%s", text)

    setattr(showwarning, _LED, process)
    return showwarning


def _basic_config(original: Callable[..., None]) -> Any:
    def basicConfig(**kwargs: Any) -> None:
        overlay = whereabouts().overlay
        if overlay is not None and kwargs.get("force"):
            # It closes what it finds.
            root = logging.root
            root.handlers = [h for h in root.handlers if not overlay.is_process(h)]
        original(**kwargs)

    return basicConfig


def _shutdown(original: Callable[..., None]) -> Any:
    def shutdown(*args: Any, **kwargs: Any) -> None:
        overlay = whereabouts().overlay
        if overlay is None or args or kwargs:
            original(*args, **kwargs)
        else:
            overlay.close_handlers()

    return shutdown
