"""The keys that say which libraries a mount has for itself."""

from __future__ import annotations

import pytest
from config_site import Site

from gateway.config.spec import AppTarget, AsgiTarget


def targets(site: Site, text: str) -> list[AppTarget | AsgiTarget]:
    """Return what the mounts of a ``gateway.yaml`` serve."""
    found = [mount.target for mount in site.load(text).mounts]
    assert all(isinstance(target, AppTarget | AsgiTarget) for target in found)
    return found  # type: ignore[return-value]


@pytest.mark.parametrize("kind", ["app", "asgi"])
def test_a_mount_names_its_environment_and_libraries(site: Site, kind: str) -> None:
    (site.root / "envs" / "notes").mkdir(parents=True)
    (target,) = targets(
        site,
        f"""
        mounts:
          notes:
            {kind}: app:create_app
            venv: envs/notes
            private: [prometheus_client, sqlmodel]
            shared: numpy
        """,
    )
    assert target.venv == site.root / "envs" / "notes"
    assert target.private == ("prometheus_client", "sqlmodel")
    assert target.shared == ("numpy",)


def test_without_them_there_is_none(site: Site) -> None:
    (target,) = targets(site, "mounts: {notes: {app: 'app:create_app'}}\n")
    assert (target.venv, target.private, target.shared) == (None, (), ())


def test_the_folder_is_relative_to_the_file_that_names_it(site: Site) -> None:
    (site.root / "teams" / "env").mkdir(parents=True)
    site.write("mounts: {notes: {app: 'app:app', venv: env}}", "teams/notes.yaml")
    (target,) = targets(site, "include: teams/notes.yaml\n")
    assert target.venv == site.root / "teams" / "env"


def test_defaults_are_for_all_mounts_with_modules_of_their_own(site: Site) -> None:
    (site.root / "env").mkdir()
    (site.root / "other").mkdir()
    one, two, django, _ = (
        mount.target
        for mount in site.load(
            """
            defaults: {venv: env, private: [sqlmodel], shared: [numpy]}
            mounts:
              one: {app: app:app}
              two: {app: app:app, venv: other, private: [attrs], shared: []}
              django: {app: site.wsgi:application, imports: shared}
              files: {static: public}
            """
        ).mounts
    )
    assert isinstance(one, AppTarget)
    assert isinstance(two, AppTarget)
    assert isinstance(django, AppTarget)
    assert (one.venv, one.private) == (site.root / "env", ("sqlmodel",))
    assert one.shared == ("numpy",)
    assert (two.venv, two.private) == (site.root / "other", ("attrs",))
    assert two.shared == ()
    assert (django.venv, django.private, django.shared) == (None, (), ())


@pytest.mark.parametrize("key", ["venv: env", "private: [attrs]", "shared: [attrs]"])
@pytest.mark.parametrize("where", ["mount", "defaults"])
def test_shared_imports_have_none_of_them(site: Site, key: str, where: str) -> None:
    (site.root / "env").mkdir()
    shared = {"mount": "", "defaults": "", where: "imports: shared"}
    text = (
        f"defaults: {{{shared['defaults']}}}\n"
        f"mounts: {{notes: {{app: 'app:app', {key}, {shared['mount']}}}}}\n"
    )
    assert site.refuse(text) == (
        f"gateway.yaml:2:34: mounts.notes.{key.partition(':')[0]}: this is for mounts "
        "with modules of their own, and with 'imports: shared' they are the process's: "
        "remove it, or use 'imports: private'"
    )


def test_no_library_can_be_both(site: Site) -> None:
    body = "{app: 'app:app', private: [attrs, redis], shared: [redis, numpy]}"
    assert site.refuse_mount(body).endswith(
        "mounts.notes.private: redis cannot be both private and shared: remove it from "
        "one of them"
    )
    text = "defaults: {private: redis}\nmounts: {a: {app: 'a:b', shared: redis}}\n"
    assert "mounts.a.shared: redis cannot be both" in site.refuse(text)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("prometheus-client", "prometheus_client"),
        ("numpy>=2", "numpy"),
        ("os.path", "os"),
        ("import", None),
        ("3d", None),
    ],
)
@pytest.mark.parametrize("key", ["private", "shared"])
def test_names_are_those_of_import_statements(
    site: Site, key: str, name: str, meant: str | None
) -> None:
    message = site.refuse_mount(f"{{app: 'app:app', {key}: [{name}]}}")
    assert f"mounts.notes.{key}[0]: {name!r} is no library's name in import " in message
    suggested = f"did you mean {meant!r}?" if meant else "such as prometheus_client"
    assert message.endswith(suggested)


def test_a_folder_that_is_not_there(site: Site) -> None:
    (site.root / "envs" / "notes").mkdir(parents=True)
    assert site.refuse_mount("{app: 'app:app', venv: envs/note}").endswith(
        "mounts.notes.venv: 'envs/note' is no folder that exists: create it, or "
        "correct the path, which starts at the folder of this file; did you mean "
        "'envs/notes'?"
    )


def test_a_file(site: Site) -> None:
    site.write("", "env")
    message = site.refuse_mount("{app: 'app:app', venv: env}")
    assert "mounts.notes.venv: 'env' is a file: name the folder it is in" in message


@pytest.mark.parametrize("kind", ["static: public", "redirect: /"])
def test_they_go_with_code_only(site: Site, kind: str) -> None:
    message = site.refuse_mount(f"{{{kind}, private: [attrs]}}")
    assert message.endswith(
        f"this goes with app and asgi, not with {kind.partition(':')[0]}: remove it"
    )
