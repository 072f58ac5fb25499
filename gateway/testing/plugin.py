"""The pytest plugin: fixtures for a gateway, its mounts and a live server.

pytest imports it wherever it is installed. So it imports nothing of the gateway until a
test asks for one of the fixtures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from gateway.config.spec import GatewaySpec
    from gateway.context import AppContext
    from gateway.errors import GatewayError
    from gateway.lifecycle import Gateway
    from gateway.mount import Mount
    from gateway.testing.client import GatewayClient, MountClient
    from gateway.testing.live import LiveGateway

_DEFAULT: Final = "gateway.yaml"
_OPTION: Final = "--gateway-config"
_SETTING: Final = "gateway_config"
_MARK: Final = (
    "mount(*names): the mount that 'mount', 'mount_client' and 'mount_context' are of; "
    "with several names the test runs once for each, without any once for every mount."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--gateway-config`` and the setting ``gateway_config``."""
    group = parser.getgroup("gateway", "wsgi-gateway")
    group.addoption(
        _OPTION,
        metavar="FILE",
        help="the gateway.yaml of the fixture 'gateway'; relative to where pytest is "
        "started",
    )
    parser.addini(
        _SETTING,
        "the gateway.yaml of the fixture 'gateway', relative to this file; by default "
        "GATEWAY_CONFIG, then ./gateway.yaml",
        default="",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", _MARK)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each mount that its mark names."""
    if "mount_name" not in metafunc.fixturenames or _gives_names(metafunc.definition):
        return
    mark = metafunc.definition.get_closest_marker("mount")
    if mark is not None and len(mark.args) != 1:
        names = _names(mark) or [each.name for each in _spec(metafunc.config).mounts]
        metafunc.parametrize("mount_name", names)


@pytest.fixture(scope="session")
def gateway_config(pytestconfig: pytest.Config) -> Path:
    """The ``gateway.yaml``; override it to choose or to prepare another one."""
    return configured_file(pytestconfig)


@pytest.fixture(scope="session")
def gateway(gateway_config: Path) -> Iterator[Gateway]:
    """The gateway, loaded once for all tests; every mount has to load."""
    with _loaded(gateway_config) as loaded:
        yield loaded


@pytest.fixture
def gateway_client(gateway: Gateway) -> GatewayClient:
    """A browser for the gateway, in process; its cookies are those of one test."""
    from gateway.testing.client import GatewayClient

    return GatewayClient(gateway)


@pytest.fixture
def mount_name(request: pytest.FixtureRequest) -> str:
    """The name of the mount that ``@pytest.mark.mount`` chooses."""
    mark = request.node.get_closest_marker("mount")
    if mark is None:
        pytest.fail(
            f"{request.node.name} does not say which mount it is about: mark it with "
            '@pytest.mark.mount("NAME"), or its module with '
            'pytestmark = pytest.mark.mount("NAME")',
            pytrace=False,
        )
    if len(mark.args) != 1:
        pytest.fail(
            f"{request.node.nodeid} is a method of unittest's, which pytest runs once: "
            'name one mount, as in @pytest.mark.mount("NAME"), or write a class or a '
            "function for pytest",
            pytrace=False,
        )
    (name,) = _names(mark)
    return name


@pytest.fixture
def mount(gateway: Gateway, mount_name: str) -> Mount:
    """The mount that ``@pytest.mark.mount`` chooses."""
    from gateway.site import UnknownMountError

    if mount_name not in gateway.mounts:
        _fail(UnknownMountError(mount_name, gateway.mounts))
    return gateway.mounts[mount_name]


@pytest.fixture
def mount_client(gateway_client: GatewayClient, mount: Mount) -> MountClient:
    """A client whose ``/`` is the mount's root; cookies are ``gateway_client``'s."""
    return gateway_client.mount(mount.name)


@pytest.fixture
def mount_context(mount: Mount) -> Iterator[AppContext]:
    """The mount's ``AppContext``, current while the test runs; Flask's own, too."""
    with mount.app_context() as context:
        yield context


@pytest.fixture(scope="session")
def live_gateway(gateway: Gateway) -> Iterator[LiveGateway]:
    """The gateway on a real server, at ``live_gateway.base_url``."""
    from gateway.testing.live import serving

    with serving(gateway) as live:
        yield live


def _names(mark: pytest.Mark) -> list[str]:
    """Return the names that a mark gives."""
    if mark.kwargs or not all(isinstance(name, str) for name in mark.args):
        given = [repr(each) for each in mark.args]
        given += [f"{key}={value!r}" for key, value in mark.kwargs.items()]
        pytest.fail(
            f"@pytest.mark.mount({', '.join(given)}) is not understood: it takes names "
            "of mounts, each a string",
            pytrace=False,
        )
    return list(mark.args)


def _gives_names(test: pytest.Item) -> bool:
    """Tell whether *test* is parametrised by the names of mounts itself."""
    for mark in test.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
        if isinstance(names, str):
            names = [name.strip() for name in names.split(",")]
        if "mount_name" in names:
            return True
    return False


def configured_file(config: pytest.Config) -> Path:
    """Return the file that the option, the setting or the environment names."""
    started_in = config.invocation_params.dir
    if option := config.getoption(_OPTION):
        return started_in / str(option)
    if setting := config.getini(_SETTING):
        beside = config.rootpath if config.inipath is None else config.inipath.parent
        return beside / str(setting)
    if variable := os.environ.get("GATEWAY_CONFIG"):
        return started_in / variable
    for folder in (started_in, config.rootpath):
        if (folder / _DEFAULT).exists():
            return folder / _DEFAULT
    return started_in / _DEFAULT


_READ: Final = pytest.StashKey["GatewaySpec"]()


def _spec(config: pytest.Config) -> GatewaySpec:
    """Return what the file says, read once; no mount is loaded for it."""
    spec = config.stash.get(_READ, None)
    if spec is None:
        spec = config.stash[_READ] = _read(configured_file(config))
    return spec


def _read(path: Path) -> GatewaySpec:
    from gateway.config.load import load_config
    from gateway.errors import ConfigError

    if not path.exists():
        pytest.fail(
            f"there is no {path}: 'gateway init' writes a first one; {_OPTION} FILE, "
            f"the setting {_SETTING} of pytest or GATEWAY_CONFIG names another",
            pytrace=False,
        )
    try:
        return load_config(path)
    except ConfigError as error:
        problem = error
    _fail(problem)


def _loaded(path: Path) -> Gateway:
    from gateway.admin.application import administer
    from gateway.errors import GatewayError
    from gateway.lifecycle import Gateway

    spec = _read(path)
    try:
        return Gateway(spec, front=administer)
    except GatewayError as error:
        problem = error
    _fail(problem)


def _fail(error: GatewayError) -> NoReturn:
    """Fail the test in words: where our own code has noticed it is no news.

    Not called while *error* is being handled, or pytest shows it a second time.
    """
    from gateway.explain import explain

    pytest.fail("\n".join(explain(error)), pytrace=False)
