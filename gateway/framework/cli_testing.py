"""Running an application's commands in a test."""

from __future__ import annotations

from typing import Any

from click.testing import CliRunner, Result

from gateway.framework.commands import ScriptInfo


class CommandRunner(CliRunner):
    """Click's runner, which knows the application.

    :param app: the application.
    :param kwargs: those of click's runner.
    """

    def __init__(self, app: Any, **kwargs: Any) -> None:
        self.app = app
        super().__init__(**kwargs)

    def invoke(  # type: ignore[override]
        self, cli: Any = None, args: Any = None, **kwargs: Any
    ) -> Result:
        """Run a command.

        :param cli: the command; by default the group of the application's.
        :param args: its arguments.
        :param kwargs: those of :meth:`click.testing.CliRunner.invoke`.
        """
        if "obj" not in kwargs:
            kwargs["obj"] = ScriptInfo(create_app=lambda: self.app)
        return super().invoke(self.app.cli if cli is None else cli, args, **kwargs)
