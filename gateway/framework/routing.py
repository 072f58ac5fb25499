"""The part of an application that routes URLs to views and builds URLs back."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast
from urllib.parse import quote

from werkzeug.routing import BuildError, Map, MapAdapter, RequestRedirect, Rule
from werkzeug.wsgi import get_host

from gateway.context import current_app_context, current_request_context
from gateway.errors import GatewayError, SetupError
from gateway.framework.scaffold import Scaffold, endpoint_of, setupmethod
from gateway.framework.wrappers import Request, decode_wsgi, split_blueprint_path


class UnbuildableURLError(GatewayError, RuntimeError):
    """A URL was asked for where nothing says under which host or prefix it would be."""


@lru_cache(maxsize=256)
def _is_ordinary_host(host: str) -> bool:
    """Tell whether binding the map to a ``Host`` header cannot fail."""
    try:
        host.partition(":")[0].lower().encode("idna")
    except UnicodeError:
        return False
    return True


def _is_below(request: Request, server_name: str) -> bool:
    """Tell whether the host that a request asks for is *server_name* or in it."""
    standard = ":443" if request.scheme == "https" else ":80"
    name = server_name.lower().removesuffix(standard)
    return f".{request.host.lower()}".endswith(f".{name}")


def _warn_of_other_host(host: str, server_name: str) -> None:
    """Warn that a request can match no rule: its host is not *server_name*.

    Werkzeug warns itself, but Python keeps each text of such a warning for good, and
    the host is the client's choice. A registry of its own forgets it.
    """
    warnings.warn_explicit(
        f"Current server name {host!r} doesn't match configured server name "
        f"{server_name!r}",
        UserWarning,
        __file__,
        lineno=1,
        module="gateway.app",  # what a ported filter names
        registry={},
    )


def _rule_methods(view: Any, methods: Iterable[str] | None) -> set[str]:
    if methods is None:
        methods = getattr(view, "methods", None) or ("GET",)
    if isinstance(methods, str):
        raise TypeError(
            "Allowed methods must be a list of strings, for example "
            f'methods=["POST"]; methods is {methods!r}, a string'
        )
    return {method.upper() for method in methods}


@dataclass(frozen=True, slots=True)
class _Shortcut:
    """How most requests are matched.

    :param adapter: serves every request; ``None`` where each needs its own.
    :param fixed: the rules without arguments, by path and method.
    """

    adapter: MapAdapter | None
    fixed: Mapping[tuple[str, str], Rule]

    @classmethod
    def of(cls, app: Routing) -> _Shortcut:
        rules = app.url_map
        if (
            app.subdomain_matching
            or rules.host_matching
            or type(app).create_url_adapter is not Routing.create_url_adapter
            or "create_url_adapter" in app.__dict__
        ):
            return cls(None, {})
        return cls(rules.bind(""), _fixed_rules(rules))


def _fixed_rules(rules: Map) -> dict[tuple[str, str], Rule]:
    """Return the rules that match one path only, and that no other can precede.

    The matcher tries fixed text before arguments, so the only rule for a path and a
    method wins whenever they are asked for. Left out is what may redirect instead.
    """
    fixed: dict[tuple[str, str], Rule] = {}
    left_out: set[tuple[str, str]] = set()
    special: set[str] = set()
    for rule in rules.iter_rules():
        if "<" in rule.rule or rule.build_only:
            continue
        if not _is_ordinary(rule, rules):
            special.add(rule.rule)
        for method in rule.methods or ():
            key = (rule.rule, method)
            if key in fixed:
                left_out.add(key)
            fixed[key] = rule
    return {
        key: rule
        for key, rule in fixed.items()
        if key not in left_out and key[0] not in special
    }


def _is_ordinary(rule: Rule, rules: Map) -> bool:
    return (
        rule.rule.isascii()
        and rule.methods is not None
        and not rule.alias
        and not rule.websocket
        and rule.redirect_to is None
        and (rule.subdomain or "") == rules.default_subdomain
        and not any(other.defaults for other in rules.iter_rules(rule.endpoint))
    )


class Routing(Scaffold):
    """An application's URL map: adding rules, matching requests, building URLs."""

    #: The class of the rules.
    url_rule_class = Rule
    #: The class of the URL map.
    url_map_class = Map

    config: Any
    url_map: Map
    subdomain_matching: bool
    url_build_error_handlers: list[Callable[[Exception, str, dict[str, Any]], str]]
    #: The mount that serves this application under a gateway, or ``None``.
    mount: Any = None
    _got_first_request = False
    _shortcut: _Shortcut | None = None

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Route a URL to a view; see :meth:`Scaffold.add_url_rule`.

        :raises SetupError: another view has the endpoint already.
        """
        if endpoint is None:
            endpoint = endpoint_of(view_func)
        methods = _rule_methods(view_func, options.pop("methods", None))
        required = set(getattr(view_func, "required_methods", ()))
        if provide_automatic_options is None:
            provide_automatic_options = getattr(
                view_func, "provide_automatic_options", None
            )
        if provide_automatic_options is None:
            provide_automatic_options = (
                "OPTIONS" not in methods and self.config["PROVIDE_AUTOMATIC_OPTIONS"]
            )
            if provide_automatic_options:
                required.add("OPTIONS")
        new: Any = self.url_rule_class(
            rule, methods=methods | required, endpoint=endpoint, **options
        )
        new.provide_automatic_options = provide_automatic_options
        self.url_map.add(new)
        if view_func is not None:
            self._name_view(endpoint, view_func)

    def _name_view(self, endpoint: str, view: Callable[..., Any]) -> None:
        known = self.view_functions.get(endpoint)
        if known is not None and known != view:
            raise SetupError(
                "View function mapping is overwriting an existing endpoint function: "
                f"{endpoint}. Give one of the two views another name, or pass endpoint"
            )
        self.view_functions[endpoint] = view

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Bind the URL map to a request, or to the configuration outside of one.

        Outside of a request the result is ``None`` where neither ``SERVER_NAME`` nor
        a mount says where the application is.
        """
        if request is None:
            return self._offline_adapter()
        trusted = self.config["TRUSTED_HOSTS"]
        if trusted is not None:
            request.trusted_hosts = trusted
        request.host = get_host(request.environ, request.trusted_hosts)
        server_name = self.config["SERVER_NAME"]
        subdomain = None
        if self.url_map.host_matching:
            server_name = None
        elif not self.subdomain_matching:
            subdomain = self.url_map.default_subdomain or ""
        elif server_name and not _is_below(request, server_name):
            _warn_of_other_host(request.host, server_name)
            subdomain = "<invalid>"
        return self.url_map.bind_to_environ(
            request.environ, server_name=server_name, subdomain=subdomain
        )

    def _offline_adapter(self) -> MapAdapter | None:
        server_name = self.config["SERVER_NAME"]
        root = self.config["APPLICATION_ROOT"]
        if self.mount is not None:
            if root in ("", "/"):
                root = self.mount.point.prefix or "/"
            server_name = server_name or ""
        if server_name is None:
            return None
        return self.url_map.bind(
            server_name,
            script_name=root,
            url_scheme=self.config["PREFERRED_URL_SCHEME"],
        )

    # Matching

    def match_directly(self, request: Request) -> tuple[Rule, Mapping[str, Any]] | None:
        """Match a request without binding the map to it, where that is the same.

        The host decides nothing unless hosts or subdomains are matched or trusted, so
        one adapter serves all requests. ``None`` leaves the request to its own adapter,
        which redirects need too: their URLs have the host in them.

        :raises HTTPException: nothing matches.
        """
        environ = request.environ
        shortcut = self._shortcut or self._make_shortcut()
        if (
            shortcut.adapter is None
            or self.config["TRUSTED_HOSTS"] is not None
            or request.trusted_hosts is not None
            or "HTTP_UPGRADE" in environ
            or not _is_ordinary_host(environ.get("HTTP_HOST", ""))
        ):
            return None
        path = environ.get("PATH_INFO", "/")
        rule = shortcut.fixed.get((path, request.method))
        if rule is not None:
            return rule, {}
        try:
            return shortcut.adapter.match(
                decode_wsgi(path), request.method, True, query_args=""
            )
        except RequestRedirect:
            return None

    def _make_shortcut(self) -> _Shortcut:
        shortcut = _Shortcut.of(self)
        if self._got_first_request:  # before, the setup may still change
            self._shortcut = shortcut
        return shortcut

    # Building

    def url_for(
        self,
        /,
        endpoint: str,
        *,
        _anchor: str | None = None,
        _method: str | None = None,
        _scheme: str | None = None,
        _external: bool | None = None,
        **values: Any,
    ) -> str:
        """Build the URL of an endpoint; see :func:`gateway.url_for`.

        :raises BuildError: no rule of the endpoint fits the values.
        :raises UnbuildableURLError: there is no request, and the configuration does
            not say where the application is.
        """
        context: Any = current_request_context.get(None)
        if context is not None and context.app is self:
            adapter = context.url_adapter
            if endpoint.startswith("."):
                endpoint = f"{context.request.blueprint or ''}{endpoint}".lstrip(".")
            if _external is None:
                _external = _scheme is not None
        else:
            adapter, relative = self._offline_building(_external, _scheme)
            if _external is None:
                _external = not relative
        if _scheme is not None and not _external:
            raise ValueError(
                "When specifying '_scheme', '_external' must be True. A relative URL "
                "has no scheme."
            )
        self.inject_url_defaults(endpoint, values)
        try:
            url = adapter.build(
                endpoint,
                values,
                method=_method,
                url_scheme=_scheme,
                force_external=_external,
            )
        except BuildError as error:
            values.update(
                _anchor=_anchor, _method=_method, _scheme=_scheme, _external=_external
            )
            return self.handle_url_build_error(error, endpoint, values)
        if _anchor is not None:
            url = f"{url}#{quote(_anchor, safe=_FRAGMENT)}"
        return cast("str", url)

    def _offline_building(
        self, external: bool | None, scheme: str | None
    ) -> tuple[Any, bool]:
        """Return the adapter outside of a request, and whether it has no host."""
        context = current_app_context.get(None)
        adapter = (
            self.create_url_adapter(None) if context is None else context.url_adapter
        )
        relative = adapter is not None and not adapter.server_name
        if adapter is None or (relative and (external or scheme)):
            raise UnbuildableURLError(
                "Unable to build URLs outside an active request without 'SERVER_NAME' "
                "configured. Also configure 'APPLICATION_ROOT' and "
                "'PREFERRED_URL_SCHEME' as needed."
            )
        return adapter, relative

    def inject_url_defaults(self, endpoint: str, values: dict[str, Any]) -> None:
        """Let the URL defaults of the application and its blueprints add values."""
        if not self.url_default_functions:
            return
        names: list[str | None] = [None]
        if "." in endpoint:
            blueprint = endpoint.rpartition(".")[0]
            names.extend(reversed(split_blueprint_path(blueprint)))
        for name in names:
            for function in self.url_default_functions.get(name, ()):
                function(endpoint, values)

    def handle_url_build_error(
        self, error: BuildError, endpoint: str, values: dict[str, Any]
    ) -> str:
        """Ask the build-error handlers for a URL; without an answer raise the error."""
        for handler in self.url_build_error_handlers:
            try:
                url = handler(error, endpoint, values)
            except BuildError as other:
                error = other
            else:
                if url is not None:
                    return url
        if error is sys.exc_info()[1]:
            raise
        raise error


# What a fragment may hold unquoted (RFC 3986, 3.5), and "%" of what is quoted already.
_FRAGMENT = "%!#$&'()*+,/:;=?@"
