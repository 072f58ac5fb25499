"""Child processes get the variables of the mount that starts them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from gateway.isolation import environ
from gateway.isolation.environ import Overlay

NAME = "GATEWAY_TEST_NAME"
OTHER = "GATEWAY_TEST_OTHER"
REPOSITORY = Path(__file__).parents[2]

# What children tell: both variables, as the C library gave them to the shell.
TELL = f'echo "${{{NAME}-none}} ${{{OTHER}-none}}"'


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = type(os.environ)
    monkeypatch.setenv(NAME, "process")
    monkeypatch.setenv(OTHER, "process")
    environ.install()
    yield
    if before is os._Environ:
        environ.uninstall()


@pytest.fixture
def notes() -> Overlay:
    notes = Overlay({NAME: "notes"})
    with notes.active():
        del os.environ[OTHER]
    return notes


def by_shell(tmp_path: Path) -> str:
    return subprocess.check_output(TELL, shell=True, text=True)


def by_run(tmp_path: Path) -> str:
    code = (
        f"import os; print(os.getenv('{NAME}', 'none'), os.getenv('{OTHER}', 'none'))"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def by_own_class(tmp_path: Path) -> str:
    class Popen(subprocess.Popen[str]):
        pass

    with Popen(["sh", "-c", TELL], stdout=subprocess.PIPE, text=True) as child:
        return child.communicate()[0]


def by_posix_spawn_of_subprocess(tmp_path: Path) -> str:
    # What subprocess takes when nothing forbids it.
    return subprocess.check_output(
        ["/bin/sh", "-c", TELL], text=True, close_fds=False, restore_signals=False
    )


def by_popen(tmp_path: Path) -> str:
    with os.popen(TELL) as pipe:
        return pipe.read()


def by_system(tmp_path: Path) -> str:
    assert os.system(f"{TELL} > '{tmp_path / 'told'}'") == 0
    return (tmp_path / "told").read_text()


def spawn(function: Callable[..., int], tmp_path: Path, *arguments: Any) -> str:
    told = tmp_path / "told"
    assert function(os.P_WAIT, *arguments, "-c", f"{TELL} > '{told}'") == 0
    return told.read_text()


def by_spawnl(tmp_path: Path) -> str:
    return spawn(os.spawnl, tmp_path, "/bin/sh", "sh")


def by_spawnlp(tmp_path: Path) -> str:
    return spawn(os.spawnlp, tmp_path, "sh", "sh")


def by_spawnv(tmp_path: Path) -> str:
    told = tmp_path / "told"
    command = ["sh", "-c", f"{TELL} > '{told}'"]
    assert os.spawnv(os.P_WAIT, "/bin/sh", command) == 0
    return told.read_text()


def by_posix_spawn(tmp_path: Path) -> str:
    told = tmp_path / "told"
    command = ["sh", "-c", f"{TELL} > '{told}'"]
    pid = os.posix_spawn("/bin/sh", command, os.environ)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return told.read_text()


def by_posix_spawn_without_environment(tmp_path: Path) -> str:
    if sys.version_info < (3, 13):
        pytest.skip("before Python 3.13 posix_spawn asks for an environment")
    told = tmp_path / "told"
    command = ["sh", "-c", f"{TELL} > '{told}'"]
    spawnp: Any = os.posix_spawnp
    pid = spawnp("sh", command, None)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return told.read_text()


def by_environ_given(tmp_path: Path) -> str:
    return subprocess.check_output(["sh", "-c", TELL], env=os.environ, text=True)


def by_copy_given(tmp_path: Path) -> str:
    variables = {**os.environ, "GATEWAY_TEST_MORE": "x"}
    return subprocess.check_output(["sh", "-c", TELL], env=variables, text=True)


def by_asyncio(tmp_path: Path) -> str:
    async def main() -> str:
        child = await asyncio.create_subprocess_shell(
            TELL, stdout=asyncio.subprocess.PIPE
        )
        return (await child.communicate())[0].decode()

    return asyncio.run(main())


@pytest.mark.parametrize(
    "way",
    [
        by_shell,
        by_run,
        by_own_class,
        by_posix_spawn_of_subprocess,
        by_popen,
        by_system,
        by_spawnl,
        by_spawnlp,
        by_spawnv,
        by_posix_spawn,
        by_posix_spawn_without_environment,
        by_environ_given,
        by_copy_given,
        by_asyncio,
    ],
)
def test_a_child_has_the_variables_of_its_mount(
    way: Callable[[Path], str], notes: Overlay, tmp_path: Path
) -> None:
    with notes.active():
        assert way(tmp_path).split() == ["notes", "none"]
    assert way(tmp_path).split() == ["process", "process"]
    # A mount that has changed nothing.
    with Overlay().active():
        assert way(tmp_path).split() == ["process", "process"]


def test_an_environment_that_is_given_is_used_as_it_is(notes: Overlay) -> None:
    sh = ["/bin/sh", "-c", TELL]
    with notes.active():
        for given, told in (({}, "none none"), ({OTHER: "given"}, "none given")):
            output = subprocess.check_output(sh, env=given, text=True)
            assert output.strip() == told
        out, into = os.pipe()
        redirect = [(os.POSIX_SPAWN_DUP2, into, 1)]
        pid = os.posix_spawn("/bin/sh", sh, {NAME: "given"}, file_actions=redirect)
        os.waitpid(pid, 0)
        assert os.read(out, 100).split() == [b"given", b"none"]
        os.close(out)
        os.close(into)


def test_what_putenv_has_set_is_inherited(notes: Overlay) -> None:
    with notes.active():
        os.putenv(NAME, "put")
        os.unsetenv("GATEWAY_TEST_MISSING")
        assert subprocess.check_output(TELL, shell=True).split() == [b"put", b"none"]
        assert os.environ[NAME] == "notes"
    assert subprocess.check_output(TELL, shell=True).split() == [b"process"] * 2


def test_programs_are_looked_for_in_the_mounts_path(
    notes: Overlay, tmp_path: Path
) -> None:
    program = tmp_path / "gateway-test-program"
    program.write_text(f"#!/bin/sh\n{TELL}\n")
    program.chmod(0o755)
    with notes.active():
        os.environ["PATH"] = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        assert subprocess.check_output(program.name).split() == [b"notes", b"none"]
        status = os.spawnlp(os.P_WAIT, program.name, program.name)
        assert status == 0
    with pytest.raises(FileNotFoundError):
        subprocess.check_output(program.name)


def test_any_bytes_reach_a_child() -> None:
    with Overlay().active():
        os.environb[NAME.encode()] = b"\xff="
        command = ["sh", "-c", f'printf %s "${NAME}"']
        assert subprocess.check_output(command) == b"\xff="


@pytest.mark.parametrize(
    "command",
    [
        "exit 0",
        "exit 3",
        b"exit 4",
        "no-such-program 2>&-",
        "kill -9 $$",
        # Python has it ignored, and so has the child.
        "kill -XFSZ $$; exit 5",
    ],
)
def test_system_returns_what_it_does_without_a_mount(
    command: str | bytes, notes: Overlay
) -> None:
    status = os.system(command)
    with notes.active():
        assert os.system(command) == status


@pytest.mark.parametrize("active", [True, False])
def test_systems_child_has_the_inheritable_descriptors(
    active: bool, notes: Overlay
) -> None:
    out, into = os.pipe()
    command = f"{sys.executable} -I -S -c 'import os; os.write({into}, b\"x\")' 2>&-"
    with notes.active() if active else nullcontext():
        assert os.system(command) != 0
        os.set_inheritable(into, True)
        assert os.system(command) == 0
        assert os.read(out, 100) == b"x"
    os.close(out)
    os.close(into)


def test_system_is_audited() -> None:
    told = run_script(
        """
        events = []
        sys.addaudithook(lambda name, args: events.append((name, *args)))
        os.system("exit 1")
        with notes.active():
            os.system("exit 2")
        print([e for e in events if e[0] == "os.system"])
        """
    )
    assert told == "[('os.system', b'exit 1'), ('os.system', 'exit 2')]\n"


@pytest.mark.parametrize("command", ["exit\0", 1, None])
def test_system_refuses_what_it_does_without_a_mount(
    command: Any, notes: Overlay
) -> None:
    with pytest.raises((TypeError, ValueError)) as outside:
        os.system(command)
    with notes.active(), pytest.raises(outside.type) as inside:
        os.system(command)
    assert str(inside.value) == str(outside.value)


def run_script(code: str, traced: bool = True) -> str:
    """Run *code* in a process of its own, after what every script begins with.

    :param traced: whether its coverage may be measured, where that is done.
    """
    begin = f"""\
        import os, sys
        from gateway.isolation import environ
        from gateway.isolation.environ import Overlay
        environ.install()
        NAME, OTHER, TELL = {NAME!r}, {OTHER!r}, {TELL!r}
        notes = Overlay({{NAME: "notes"}})
        """
    script = dedent(begin) + dedent(code)
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={
            name: value
            for name, value in os.environ.items()
            if traced or not name.startswith("COVERAGE_")
        },
        timeout=30,
    )
    assert child.returncode == 0, child.stderr
    assert child.stderr == ""
    return child.stdout


@pytest.mark.parametrize(
    "statement",
    [
        "os.execv('/bin/sh', ['sh', '-c', TELL])",
        "os.execl('/bin/sh', 'sh', '-c', TELL)",
        "os.execvp('sh', ['sh', '-c', TELL])",
        "os.execlp('sh', 'sh', '-c', TELL)",
        "os.execve('/bin/sh', ['sh', '-c', TELL], os.environ)",
        "os.execlpe('sh', 'sh', '-c', TELL, {NAME: 'given'})",
    ],
)
def test_what_replaces_a_forked_child(statement: str) -> None:
    told = run_script(
        f"""
        with notes.active():
            del os.environ[OTHER]
            pid = os.fork()
            if not pid:
                {statement}
            assert os.waitpid(pid, 0)[1] == 0
        """
    )
    assert told.split() == ["given" if "given" in statement else "notes", "none"]


def test_what_cannot_be_executed(notes: Overlay) -> None:
    with pytest.raises(FileNotFoundError) as outside:
        os.execv("/no/such/program", ["program"])
    with notes.active(), pytest.raises(FileNotFoundError) as inside:
        os.execv("/no/such/program", ["program"])
    assert inside.value.errno == outside.value.errno


def test_a_forked_child_goes_on_as_its_mount() -> None:
    told = run_script(
        """
        with notes.active():
            pid = os.fork()
            if not pid:
                print(os.environ[NAME], flush=True)
                del os.environ[NAME]
                print(os.getenv(NAME), flush=True)
                os._exit(0)
            os.waitpid(pid, 0)
            print(os.environ[NAME])
        print(os.environ[NAME])
        """
    )
    assert told.split() == ["notes", "None", "notes", "process"]


def test_a_fork_while_another_thread_deletes_variables() -> None:
    """The child begins with no lock that a thread which it does not have holds."""
    told = run_script(
        """
        import threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        stop = threading.Event()

        def change():
            while not stop.is_set():
                os.environ[OTHER] = "x"
                del os.environ[OTHER]

        with notes.active():
            thread = threading.Thread(target=change)
            thread.start()
            for _ in range(30):
                pid = os.fork()
                if not pid:
                    del os.environ[NAME]
                    os._exit(0)
                assert os.waitpid(pid, 0)[1] == 0
            stop.set()
            thread.join()
        print("done")
        """,
        # coverage itself has such a lock.
        traced=False,
    )
    assert told == "done\n"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(method: str) -> None:
    told = run_script(
        f"""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        context = multiprocessing.get_context({method!r})
        with notes.active():
            child = context.Process(target=os.system, args=(TELL,))
            child.start()
            child.join()
            with ProcessPoolExecutor(1, context) as pool:
                print(pool.submit(os.getenv, NAME).result(), flush=True)
        child = context.Process(target=os.system, args=(TELL,))
        child.start()
        child.join()
        """
    )
    assert told.split() == ["notes", "process", "notes", "process", "process"]


def test_a_terminals_child() -> None:
    told = run_script(
        """
        import pty
        with notes.active():
            pty.spawn(["sh", "-c", TELL], stdin_read=lambda fd: b"")
        """
    )
    assert told.split() == ["notes", "process"]
