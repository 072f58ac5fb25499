"""Cookies: one browser visits every mount, and then every mount again."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.proof.acts import Act
from gateway.proof.cookies import Jar
from gateway.proof.evidence import SETTING, SHOWING
from gateway.proof.stage import Stage


class SettingCookie(Act):
    """Has the application set a cookie of the prover's."""

    name = SETTING

    def __init__(self, header: tuple[str, str]) -> None:
        self.headers = (header,)


class ShowingCookies(Act):
    """Is done with a request that brings along what the browser has."""

    name = SHOWING


def play(stage: Stage, mounts: Sequence[str]) -> None:
    """Have *mounts* set a cookie of one name each; then see what each one gets."""
    jar = Jar()
    for mount in mounts:
        act = SettingCookie(stage.witness.cookies.header(mount))
        answer = stage.get(mount, act)
        if answer is not None:
            jar.keep(answer.cookies)
    for mount in mounts:
        address = stage.targets[mount]
        header = jar.header(address.host, address.path.partition("?")[0])
        stage.get(mount, ShowingCookies(), headers={"Cookie": header} if header else {})
