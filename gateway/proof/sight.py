"""One look at what is current, through the doors that applications use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from threading import get_ident
from time import perf_counter
from typing import Any, Final

from gateway.context import current_app_context
from gateway.globals import current_app, g
from gateway.proof import configs
from gateway.proof.identity import Identities
from gateway.proof.looks import Look, Moment

TOKEN: Final = "_gateway_proof"


class Sight:
    """Takes looks.

    :param identities: gives the objects that are seen their numbers.
    :param given: the config that ``gateway.yaml`` gives to each mount, by name.
    """

    def __init__(
        self, identities: Identities, given: Mapping[str, Mapping[str, object]]
    ) -> None:
        self._identities = identities
        self._given = given

    def look(
        self, moment: Moment, mount: str, error: BaseException | None = None
    ) -> Look:
        """Return what is current now, in a call of *mount*.

        :param error: what a teardown function was handed.
        """
        context = current_app_context.get(None)
        at, pid, thread = perf_counter(), os.getpid(), get_ident()
        if context is None:
            return Look(moment, at, pid, thread)
        number = self._identities.number
        app: Any = behind(current_app)
        namespace: Any = behind(g)
        entry = moment is Moment.ENTRY
        # The steps of a long body are many, and config is looked at around them.
        step = moment is Moment.STEP
        return Look(
            moment,
            at,
            pid,
            thread,
            context=number(context),
            app=number(app),
            app_name=app.name,
            g=number(namespace),
            g_names=names(namespace) if entry else (),
            token=getattr(namespace, TOKEN, None),
            config=number(app.config),
            markers=() if step else configs.markers(app.config),
            differing=(
                configs.differing(mount, app.config, self._given) if entry else ()
            ),
            error=None if error is None else type(error).__name__,
        )


def write_token(token: str) -> None:
    """Write *token* into the current ``g``."""
    setattr(g, TOKEN, token)


def names(namespace: Any) -> tuple[str, ...]:
    """Return what a ``g`` holds, whatever its class."""
    return tuple(sorted(map(str, getattr(namespace, "__dict__", ()))))


def behind(proxy: Any) -> object:
    """Return the object that a proxy stands for at the moment."""
    return proxy._get_current_object()
