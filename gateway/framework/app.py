"""The application: what its class and its constructor say; its parts are mixins."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, ValuesView
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from werkzeug.datastructures import ImmutableDict
from werkzeug.exceptions import Aborter
from werkzeug.utils import redirect

from gateway.context import AppGlobals
from gateway.errors import SetupError
from gateway.framework.blueprints import Blueprint
from gateway.framework.context import RequestContext
from gateway.framework.cycle import RequestCycle
from gateway.framework.flags import get_debug_flag
from gateway.framework.json import DefaultJSONProvider, JSONProvider
from gateway.framework.lazy import lazy
from gateway.framework.marker import ApplicationMarker
from gateway.framework.paths import find_instance_path
from gateway.framework.rendering import TemplateSupport, current_objects
from gateway.framework.scaffold import setupmethod
from gateway.settings import Config, ConfigAttribute
from gateway.site import seed_config

if TYPE_CHECKING:
    from logging import Logger

    from gateway.framework.cli_testing import CommandRunner
    from gateway.framework.testing import Client

F = TypeVar("F", bound=Callable[..., Any])


def _as_timedelta(value: Any) -> Any:
    if value is None or isinstance(value, timedelta):
        return value
    return timedelta(seconds=value)


class App(RequestCycle, TemplateSupport, ApplicationMarker):
    """A WSGI application (PEP 3333): routes, hooks, handlers, templates, sessions.

    :param import_name: the name of the module that defines it, ``__name__``.
    :param static_url_path: where static files are served; by default the name of
        their folder.
    :param static_folder: the folder of static files, relative to *root_path*.
    :param static_host: the host of the static route, with *host_matching*.
    :param host_matching: match routes by host.
    :param subdomain_matching: match routes by the subdomain of ``SERVER_NAME``.
    :param template_folder: the folder of templates, relative to *root_path*.
    :param instance_path: the folder of the application's own files that are no code.
    :param instance_relative_config: let configuration files be relative to it.
    :param root_path: the folder that the others start from; by default the module's.
    """

    default_config: Any = ImmutableDict(
        {
            "DEBUG": None,
            "TESTING": False,
            "PROPAGATE_EXCEPTIONS": None,
            "SECRET_KEY": None,
            "SECRET_KEY_FALLBACKS": None,
            "PERMANENT_SESSION_LIFETIME": timedelta(days=31),
            "USE_X_SENDFILE": False,
            "TRUSTED_HOSTS": None,
            "SERVER_NAME": None,
            "APPLICATION_ROOT": "/",
            "SESSION_COOKIE_NAME": "session",
            "SESSION_COOKIE_DOMAIN": None,
            "SESSION_COOKIE_PATH": None,
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SECURE": False,
            "SESSION_COOKIE_PARTITIONED": False,
            "SESSION_COOKIE_SAMESITE": None,
            "SESSION_REFRESH_EACH_REQUEST": True,
            "MAX_CONTENT_LENGTH": None,
            "MAX_FORM_MEMORY_SIZE": 500_000,
            "MAX_FORM_PARTS": 1_000,
            "SEND_FILE_MAX_AGE_DEFAULT": None,
            "TRAP_BAD_REQUEST_ERRORS": None,
            "TRAP_HTTP_EXCEPTIONS": False,
            "EXPLAIN_TEMPLATE_LOADING": False,
            "PREFERRED_URL_SCHEME": "http",
            "TEMPLATES_AUTO_RELOAD": None,
            "MAX_COOKIE_SIZE": 4093,
            "PROVIDE_AUTOMATIC_OPTIONS": True,
        }
    )

    aborter_class: type[Aborter] = Aborter
    app_ctx_globals_class: type[Any] = AppGlobals
    config_class: type[Config] = Config
    json_provider_class: type[JSONProvider] = DefaultJSONProvider
    #: The class of :meth:`test_client`; ``None`` means the standard one.
    test_client_class: Any = None
    #: The class of :meth:`test_cli_runner`; ``None`` means the standard one.
    test_cli_runner_class: Any = None

    #: Errors propagate to the test, unless ``PROPAGATE_EXCEPTIONS`` says otherwise.
    testing: Any = ConfigAttribute[bool]("TESTING")
    #: What sessions are signed with.
    secret_key = ConfigAttribute[str | bytes | None]("SECRET_KEY")
    #: How long a permanent session lives.
    permanent_session_lifetime = ConfigAttribute[timedelta](
        "PERMANENT_SESSION_LIFETIME", get_converter=_as_timedelta
    )

    def __init__(
        self,
        import_name: str,
        static_url_path: str | None = None,
        static_folder: str | os.PathLike[str] | None = "static",
        static_host: str | None = None,
        host_matching: bool = False,
        subdomain_matching: bool = False,
        template_folder: str | os.PathLike[str] | None = "templates",
        instance_path: str | None = None,
        instance_relative_config: bool = False,
        root_path: str | None = None,
    ) -> None:
        super().__init__(
            import_name, static_folder, static_url_path, template_folder, root_path
        )
        self.template_context_processors[None].append(current_objects)
        if instance_path is None:
            instance_path = self.auto_find_instance_path()
        elif not os.path.isabs(instance_path):
            raise ValueError(
                "If an instance path is provided it must be absolute. A relative path "
                f"was given instead: {instance_path!r}"
            )
        #: The folder of the application's own files that are no code.
        self.instance_path = instance_path
        self.config: Config = self.make_config(instance_relative_config)
        self.aborter = self.make_aborter()
        self.json: JSONProvider = self.json_provider_class(self)
        self.url_build_error_handlers = []
        self.teardown_appcontext_funcs = []
        self.shell_context_processors: list[Callable[[], dict[str, Any]]] = []
        self.blueprints: dict[str, Blueprint] = {}
        #: Where extensions keep their state for this application.
        self.extensions: dict[str, Any] = {}
        self.url_map = self.url_map_class(host_matching=host_matching)
        self.subdomain_matching = subdomain_matching
        if self.has_static_folder:
            self._route_static_files(static_host)

    def _route_static_files(self, host: str | None) -> None:
        if bool(host) != self.url_map.host_matching:
            raise SetupError(
                "Invalid static_host/host_matching combination: with host_matching "
                "the static route needs a static_host (or static_folder=None), and "
                "without it there can be none"
            )
        # The rule must not keep the application alive.
        reference = weakref.ref(self)
        self.add_url_rule(
            f"{self.static_url_path}/<path:filename>",
            endpoint="static",
            host=host,
            view_func=lambda **values: cast("App", reference()).send_static_file(
                **values
            ),
        )

    def _check_setup_finished(self, name: str) -> None:
        if self._got_first_request:
            raise SetupError(
                f"The setup method '{name}' can no longer be called on the application "
                f"{self.name!r}. It has already handled its first request, any changes "
                "will not be applied consistently. Do all imports, decorators and "
                "registrations before it serves."
            )

    # What it is

    @lazy
    def name(self) -> str:
        """The import name; of a script, the name of its file."""
        if self.import_name != "__main__":
            return self.import_name
        file: str | None = getattr(sys.modules["__main__"], "__file__", None)
        if file is None:
            return "__main__"
        return os.path.splitext(os.path.basename(file))[0]

    @lazy
    def logger(self) -> Logger:
        """The logger with the application's name."""
        from gateway.framework.logs import create_logger

        return create_logger(self)

    @property
    def debug(self) -> bool:
        """Whether errors are shown and templates are reloaded."""
        return cast("bool", self.config["DEBUG"])

    @debug.setter
    def debug(self, value: bool) -> None:
        self.config["DEBUG"] = value
        if self.config["TEMPLATES_AUTO_RELOAD"] is None and (
            value or "jinja_env" in self.__dict__
        ):
            self.jinja_env.auto_reload = value

    def make_config(self, instance_relative: bool = False) -> Config:
        """Build the configuration from the defaults.

        :param instance_relative: let file names start from the instance folder.
        """
        defaults = {**self.default_config, "DEBUG": get_debug_flag()}
        root = self.instance_path if instance_relative else self.root_path
        # What the gateway's file says for a mount while its application is loaded.
        return self.config_class(root, {**defaults, **(seed_config.get() or {})})

    def make_aborter(self) -> Aborter:
        """Build what :func:`gateway.abort` calls."""
        return self.aborter_class()

    def auto_find_instance_path(self) -> str:
        """Return the folder ``instance`` beside the code, or one of the prefix."""
        return find_instance_path(self.import_name, self.name)

    def open_instance_resource(
        self, resource: str, mode: str = "rb", encoding: str | None = "utf-8"
    ) -> IO[Any]:
        """Open a file of the instance folder.

        :param resource: its path, relative to that folder.
        """
        path = os.path.join(self.instance_path, resource)
        return open(path, mode, encoding=None if "b" in mode else encoding)

    # Setup

    @setupmethod
    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Add a blueprint; the options win over its own.

        :param options: ``url_prefix``, ``subdomain``, ``url_defaults``, ``name`` …
        """
        blueprint.register(self, options)

    def iter_blueprints(self) -> ValuesView[Blueprint]:
        """Return the blueprints in the order of their registration."""
        return self.blueprints.values()

    @setupmethod
    def teardown_appcontext(self, f: F) -> F:
        """Run *f* when the application context goes, with the error or ``None``."""
        self.teardown_appcontext_funcs.append(f)
        return f

    @setupmethod
    def shell_context_processor(self, f: F) -> F:
        """Let *f* return a dict of names for a shell."""
        self.shell_context_processors.append(f)
        return f

    def make_shell_context(self) -> dict[str, Any]:
        """Return the names for a shell."""
        from gateway.globals import g

        names: dict[str, Any] = {"app": self, "g": g}
        for processor in self.shell_context_processors:
            names.update(processor())
        return names

    # Use

    def redirect(self, location: str, code: int = 302) -> Any:
        """Answer with a redirect; what :func:`gateway.redirect` calls."""
        return redirect(location, code=code, Response=self.response_class)

    def test_request_context(self, *args: Any, **kwargs: Any) -> RequestContext:
        """Return the context of a made-up request.

        :param args: those of :class:`gateway.framework.testing.EnvironBuilder`.
        """
        from gateway.framework.testing import EnvironBuilder

        builder = EnvironBuilder(self, *args, **kwargs)
        try:
            return self.request_context(builder.get_environ())
        finally:
            builder.close()

    def test_client(self, use_cookies: bool = True, **kwargs: Any) -> Client:
        """Return a client that calls the application without a server."""
        from gateway.framework.testing import Client

        client_class: Any = self.test_client_class or Client
        client: Client = client_class(
            self, self.response_class, use_cookies=use_cookies, **kwargs
        )
        return client

    def test_cli_runner(self, **kwargs: Any) -> CommandRunner:
        """Return what runs the application's commands in a test.

        :param kwargs: those of :class:`click.testing.CliRunner`.
        """
        from gateway.framework.cli_testing import CommandRunner

        runner_class: Any = self.test_cli_runner_class or CommandRunner
        runner: CommandRunner = runner_class(self, **kwargs)
        return runner

    def run(
        self,
        host: str | None = None,
        port: int | None = None,
        debug: bool | None = None,
        load_dotenv: bool = True,
        **options: Any,
    ) -> None:
        """Serve with Werkzeug's development server; never in production.

        :param host: by default that of ``SERVER_NAME``, else this machine only.
        :param port: by default that of ``SERVER_NAME``, else 5000.
        :param debug: turn the reloader and the debugger on or off.
        :param options: those of :func:`werkzeug.serving.run_simple`.
        """
        from gateway.framework.serving import run

        run(self, host, port, debug, load_dotenv, options)


#: Another name, for applications that are ported by changing the import line.
Flask = App
