"""What comes before an engine can serve, and before all that it would import."""

from __future__ import annotations

from importlib.util import find_spec

from gateway.config.spec import ServerSpec
from gateway.errors import MissingExtraError


def prepare_granian() -> None:
    """See to it that granian can serve.

    :raises MissingExtraError: it is not installed.
    """
    if find_spec("granian") is None:
        raise MissingExtraError("engine: granian", "granian")


def prepare_gunicorn(spec: ServerSpec) -> None:
    """See to it that gunicorn can serve; called before any application is loaded.

    With greenlets, the standard library is patched here: what is imported later sees
    only that.

    :raises MissingExtraError: gunicorn or gevent is not installed.
    """
    if find_spec("gunicorn") is None:
        raise MissingExtraError("engine: gunicorn", "gunicorn")
    if spec.worker_class == "gevent":
        try:
            from gevent import monkey
        except ImportError as error:
            raise MissingExtraError("worker_class: gevent", "gevent") from error
        monkey.patch_all()
