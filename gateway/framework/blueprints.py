"""Blueprints: parts of one application, with routes, hooks and handlers of their own.

A blueprint shares its application's context; that is how it differs from a mount.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

from gateway.errors import SetupError
from gateway.framework.scaffold import Hooks, Scaffold, endpoint_of, setupmethod

F = TypeVar("F", bound=Callable[..., Any])
_BY_NAME: Any = object()


class BlueprintSetupState:
    """One registration of a blueprint, as its deferred functions see it.

    :param blueprint: the blueprint.
    :param app: the application that it is registered on.
    :param options: those of the registration; they win over the blueprint's own.
    :param first_registration: it is the blueprint's first on this application.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        app: Any,
        options: dict[str, Any],
        first_registration: bool,
    ) -> None:
        def chosen(key: str) -> Any:
            value = options.get(key)
            return getattr(blueprint, key) if value is None else value

        self.app = app
        self.blueprint = blueprint
        self.options = options
        self.first_registration = first_registration
        self.subdomain: str | None = chosen("subdomain")
        self.url_prefix: str | None = chosen("url_prefix")
        self.name: str = options.get("name", blueprint.name)
        self.name_prefix: str = options.get("name_prefix", "")
        self.url_defaults: dict[str, Any] = {
            **blueprint.url_values_defaults,
            **dict(options.get("url_defaults", ())),
        }

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        **options: Any,
    ) -> None:
        """Route a URL on the application, under the blueprint's prefix and name."""
        if self.url_prefix is not None:
            prefix = self.url_prefix
            rule = f"{prefix.rstrip('/')}/{rule.lstrip('/')}" if rule else prefix
        options.setdefault("subdomain", self.subdomain)
        if endpoint is None:
            endpoint = endpoint_of(view_func)
        defaults = {**self.url_defaults, **options.pop("defaults", {})}
        self.app.add_url_rule(
            rule,
            f"{self.name_prefix}.{self.name}.{endpoint}".lstrip("."),
            view_func,
            defaults=defaults,
            **options,
        )


Deferred = Callable[[BlueprintSetupState], Any]


class Blueprint(Scaffold):
    """A part of an application that is registered under a name and a prefix.

    :param name: prepended, with a dot, to its endpoints.
    :param import_name: the name of the module that defines it, ``__name__``.
    :param url_prefix: prepended to its URLs.
    :param subdomain: that its routes match on.
    :param url_defaults: values for the arguments of its routes.
    :param cli_group: the command group of its commands; ``None`` for the application's.
    """

    _got_registered_once = False

    def __init__(
        self,
        name: str,
        import_name: str,
        static_folder: str | os.PathLike[str] | None = None,
        static_url_path: str | None = None,
        template_folder: str | os.PathLike[str] | None = None,
        url_prefix: str | None = None,
        subdomain: str | None = None,
        url_defaults: dict[str, Any] | None = None,
        root_path: str | None = None,
        cli_group: str | None = _BY_NAME,
    ) -> None:
        super().__init__(
            import_name, static_folder, static_url_path, template_folder, root_path
        )
        if not name:
            raise ValueError("a blueprint's 'name' may not be empty.")
        if "." in name:
            raise ValueError(
                f"the blueprint's 'name' may not contain a dot '.' character, but is "
                f"{name!r}: dots separate the names of nested blueprints"
            )
        self.name = name
        self.url_prefix = url_prefix
        self.subdomain = subdomain
        self.url_values_defaults = url_defaults or {}
        self.cli_group = cli_group
        self.deferred_functions: list[Deferred] = []
        self._blueprints: list[tuple[Blueprint, dict[str, Any]]] = []

    def _check_setup_finished(self, name: str) -> None:
        if self._got_registered_once:
            raise SetupError(
                f"The setup method '{name}' can no longer be called on the blueprint "
                f"{self.name!r}: it has already been registered at least once, so the "
                "change would not apply everywhere. Set it up before registering it."
            )

    # Recording

    @setupmethod
    def record(self, func: Deferred) -> None:
        """Call *func* with the setup state at each registration."""
        self.deferred_functions.append(func)

    @setupmethod
    def record_once(self, func: Deferred) -> None:
        """Call *func* with the setup state at the first registration only."""

        @wraps(func)
        def once(state: BlueprintSetupState) -> None:
            if state.first_registration:
                func(state)

        self.record(once)

    def make_setup_state(
        self, app: Any, options: dict[str, Any], first_registration: bool = False
    ) -> BlueprintSetupState:
        """Return the state of one registration; override it for another class."""
        return BlueprintSetupState(self, app, options, first_registration)

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

        :raises ValueError: a name has a dot, which would make it a nested one.
        """
        if endpoint and "." in endpoint:
            raise ValueError(
                f"'endpoint' may not contain a dot '.' character, but is {endpoint!r}."
            )
        if view_func is not None and "." in getattr(view_func, "__name__", ""):
            raise ValueError(
                "'view_func' name may not contain a dot '.' character, but is "
                f"{view_func.__name__!r}."
            )
        self.record(
            lambda state: state.add_url_rule(
                rule,
                endpoint,
                view_func,
                provide_automatic_options=provide_automatic_options,
                **options,
            )
        )

    # Registering

    @setupmethod
    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Nest another blueprint below this one.

        :raises ValueError: it is this one.
        """
        if blueprint is self:
            raise ValueError("Cannot register a blueprint on itself")
        self._blueprints.append((blueprint, options))

    def register(self, app: Any, options: dict[str, Any]) -> None:
        """Add everything to *app*; called by its ``register_blueprint``.

        :raises ValueError: the name is taken.
        """
        own = options.get("name", self.name)
        name = f"{options.get('name_prefix', '')}.{own}".lstrip(".")
        self._check_name(app, own, name)
        first = all(known is not self for known in app.blueprints.values())
        app.blueprints[name] = self
        self._got_registered_once = True
        state = self.make_setup_state(app, options, first)
        if self.has_static_folder:
            state.add_url_rule(
                f"{self.static_url_path}/<path:filename>",
                view_func=self.send_static_file,
                endpoint="static",
            )
        self._merge_into(app, name)
        for deferred in self.deferred_functions:
            deferred(state)
        self._register_commands(app, name, options)
        for child, child_options in self._blueprints:
            child.register(app, _nested(state, child, child_options, name))

    def _check_name(self, app: Any, own: str, name: str) -> None:
        if name in app.blueprints:
            which = "this" if app.blueprints[name] is self else "a different"
            place = f" '{name}'" if own != name else ""
            raise ValueError(
                f"The name '{own}' is already registered for {which} blueprint{place}. "
                "Use 'name=' to provide a unique name."
            )

    def _merge_into(self, app: Any, name: str) -> None:
        for key, by_code in self.error_handler_spec.items():
            app.error_handler_spec[_full(name, key)] = defaultdict(
                dict, {code: dict(handlers) for code, handlers in by_code.items()}
            )
        app.view_functions.update(self.view_functions)
        for kind in (
            "before_request_funcs",
            "after_request_funcs",
            "teardown_request_funcs",
            "url_default_functions",
            "url_value_preprocessors",
            "template_context_processors",
        ):
            hooks: Hooks = getattr(self, kind)
            for key, functions in hooks.items():
                getattr(app, kind)[_full(name, key)].extend(functions)

    def _register_commands(self, app: Any, name: str, options: dict[str, Any]) -> None:
        if "cli" not in self.__dict__:
            return
        commands: Any = self.__dict__["cli"]
        if not commands.commands:
            return
        group = options.get("cli_group", self.cli_group)
        if group is None:
            app.cli.commands.update(commands.commands)
        else:
            commands.name = name if group is _BY_NAME else group
            app.cli.add_command(commands)

    # What a blueprint sets for the whole application

    def _once(self, kind: str, function: F) -> F:
        self.record_once(
            lambda state: getattr(state.app, kind).setdefault(None, []).append(function)
        )
        return function

    @setupmethod
    def before_app_request(self, f: F) -> F:
        """Run *f* before each request of the application."""
        return self._once("before_request_funcs", f)

    @setupmethod
    def after_app_request(self, f: F) -> F:
        """Run *f* on each response of the application."""
        return self._once("after_request_funcs", f)

    @setupmethod
    def teardown_app_request(self, f: F) -> F:
        """Run *f* when any request context of the application goes."""
        return self._once("teardown_request_funcs", f)

    @setupmethod
    def app_context_processor(self, f: F) -> F:
        """Let *f* return a dict of names for every template of the application."""
        return self._once("template_context_processors", f)

    @setupmethod
    def app_url_value_preprocessor(self, f: F) -> F:
        """Run *f* on the endpoint and the arguments of every view."""
        return self._once("url_value_preprocessors", f)

    @setupmethod
    def app_url_defaults(self, f: F) -> F:
        """Let *f* add values to those that any URL is built from."""
        return self._once("url_default_functions", f)

    @setupmethod
    def app_errorhandler(self, code: type[Exception] | int) -> Callable[[F], F]:
        """Let the decorated function answer for an error of the application."""

        def decorate(handler: F) -> F:
            self.record_once(lambda state: state.app.errorhandler(code)(handler))
            return handler

        return decorate

    def _for_templates(self, kind: str, name: str | None) -> Callable[[F], F]:
        def decorate(function: F) -> F:
            getattr(self, f"add_app_template_{kind}")(function, name=name)
            return function

        return decorate

    @setupmethod
    def app_template_filter(self, name: str | None = None) -> Callable[[F], F]:
        """Make the decorated function a filter of the application's templates."""
        return self._for_templates("filter", name)

    @setupmethod
    def add_app_template_filter(
        self, f: Callable[..., Any], name: str | None = None
    ) -> None:
        """Make *f* a filter of the application's templates."""
        self.record_once(lambda state: state.app.add_template_filter(f, name=name))

    @setupmethod
    def app_template_test(self, name: str | None = None) -> Callable[[F], F]:
        """Make the decorated function a test of the application's templates."""
        return self._for_templates("test", name)

    @setupmethod
    def add_app_template_test(
        self, f: Callable[..., Any], name: str | None = None
    ) -> None:
        """Make *f* a test of the application's templates."""
        self.record_once(lambda state: state.app.add_template_test(f, name=name))

    @setupmethod
    def app_template_global(self, name: str | None = None) -> Callable[[F], F]:
        """Make the decorated function a global of the application's templates."""
        return self._for_templates("global", name)

    @setupmethod
    def add_app_template_global(
        self, f: Callable[..., Any], name: str | None = None
    ) -> None:
        """Make *f* a global of the application's templates."""
        self.record_once(lambda state: state.app.add_template_global(f, name=name))


def _full(name: str, key: str | None) -> str:
    return name if key is None else f"{name}.{key}"


def _joined(parts: Iterable[str | None], glue: Callable[[list[str]], str]) -> Any:
    present = [part for part in parts if part is not None]
    return glue(present) if present else None


def _nested(
    state: BlueprintSetupState, child: Blueprint, options: dict[str, Any], name: str
) -> dict[str, Any]:
    """Return the options to register *child* with, below the parent in *state*."""
    options = dict(options)
    prefix = options.get("url_prefix")
    subdomain = options.get("subdomain")
    options["url_prefix"] = _joined(
        (state.url_prefix, child.url_prefix if prefix is None else prefix),
        lambda parts: (
            parts[0]
            if len(parts) == 1
            else f"{parts[0].rstrip('/')}/{parts[1].lstrip('/')}"
        ),
    )
    options["subdomain"] = _joined(
        (child.subdomain if subdomain is None else subdomain, state.subdomain),
        ".".join,
    )
    options["name_prefix"] = name
    return options
