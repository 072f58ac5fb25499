"""Errors that are raised only while debugging, to explain a mistake early."""

from __future__ import annotations

from typing import Any

from werkzeug.routing import RequestRedirect

from gateway.context import current_request_context
from gateway.errors import GatewayError


class UnexpectedUnicodeError(GatewayError, AssertionError, UnicodeError):
    """Text or bytes came where the other was expected."""


class DebugFilesKeyError(GatewayError, KeyError, AssertionError):
    """A file was asked for, but the form was not sent as ``multipart/form-data``."""

    def __init__(self, request: Any, key: str) -> None:
        names = ", ".join(map(repr, request.form.getlist(key)))
        sent = f" This was submitted: {names}, the file names." if names else ""
        self.message = (
            f"request.files has no file {key!r}: the form came as {request.mimetype!r} "
            "instead of 'multipart/form-data', so no file contents were transmitted. "
            f'Write enctype="multipart/form-data" in the form.{sent}'
        )
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class FormDataRoutingRedirect(GatewayError, AssertionError):
    """A request with a body was about to be redirected, which would lose the body."""

    def __init__(self, request: Any) -> None:
        error: Any = request.routing_exception
        slash = (
            " The URL was defined with a trailing slash."
            if f"{request.base_url}/" == error.new_url.partition("?")[0]
            else ""
        )
        super().__init__(
            f"a {request.method} request to {request.url!r} would be redirected to "
            f"the canonical URL {error.new_url!r}, and browsers drop the form data on "
            f"the way.{slash} Send it to the canonical URL, or route the redirect with "
            "307 or 308. (This is raised only in debug mode.)"
        )


def refuse_losing_redirect(request: Any) -> None:
    """Raise an error where a redirect would make the browser drop a form's data."""
    error = request.routing_exception
    if (
        isinstance(error, RequestRedirect)
        and error.code not in {307, 308}
        and request.method not in {"GET", "HEAD", "OPTIONS"}
    ):
        raise FormDataRoutingRedirect(request)


def explain_missing_files(request: Any) -> None:
    """Let ``request.files[key]`` say why it is empty."""
    base = type(request.files)

    def getitem(self: Any, key: str) -> Any:
        try:
            return base.__getitem__(self, key)
        except KeyError as error:
            if key not in request.form:
                raise
            raise DebugFilesKeyError(request, key).with_traceback(
                error.__traceback__
            ) from None

    body = {"__getitem__": getitem, "__module__": base.__module__}
    request.files.__class__ = type(base.__name__, (base,), body)


def _loader_facts(loader: Any) -> list[str]:
    facts = [f"class: {type(loader).__module__}.{type(loader).__name__}"]
    for name, value in sorted(vars(loader).items()):
        if name.startswith("_"):
            continue
        if isinstance(value, str | int | float | bool):
            facts.append(f"{name}: {value!r}")
        elif isinstance(value, list | tuple) and all(
            isinstance(item, str) for item in value
        ):
            facts.append(f"{name}:")
            facts.extend(f"  - {item}" for item in value)
    return facts


def explain_template_loading(
    app: Any, template: str, attempts: list[tuple[Any, Any, Any]]
) -> None:
    """Log where a template was looked for, and what was found there."""
    lines = [f"Locating template {template!r}:"]
    for number, (owner, loader, source) in enumerate(attempts, 1):
        kind = "application" if owner is app else "blueprint"
        name = repr(owner.import_name if owner is app else owner.name)
        if owner is not app:
            name = f"{name} ({owner.import_name})"
        lines.append(f"{number:5}: trying loader of {kind} {name}")
        lines.extend(f"       {fact}" for fact in _loader_facts(loader))
        found = "no match" if source is None else f"found ({source[1] or '<string>'!r})"
        lines.append(f"       -> {found}")
    hits = sum(source is not None for _, _, source in attempts)
    if hits == 0:
        lines.append("Error: the template could not be found.")
    elif hits > 1:
        lines.append("Warning: multiple loaders returned a match for the template.")
    context = current_request_context.get(None)
    blueprint = None if context is None else context.request.blueprint
    if hits != 1 and blueprint is not None:
        lines.append(
            "  The template was looked up from an endpoint that belongs to the "
            f"blueprint {blueprint!r}: is it in the right folder? The application's "
            "folder comes first, so give a blueprint's templates a folder of its name."
            "\n  The rules are Flask's. See "
            "https://flask.palletsprojects.com/blueprints/#templates"
        )
    app.logger.info("\n".join(lines))
