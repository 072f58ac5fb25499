"""gevent: greenlets have the variables of the mount that spawned them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

NAME = "GATEWAY_TEST_NAME"
REPOSITORY = Path(__file__).parents[2]


def run_script(code: str) -> str:
    """Run *code* in a process of its own: gevent changes the standard library."""
    pytest.importorskip("gevent", reason="component not installed: gevent")
    child = subprocess.run(
        [sys.executable, "-c", dedent(code)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=30,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout


PATCHED = """\
    from gevent import monkey; monkey.patch_all()
    import os, gevent
    from gateway.isolation import environ
    from gateway.isolation.environ import Overlay
    NAME = "GATEWAY_TEST_NAME"
    os.environ[NAME] = "process"
    environ.install()
    notes, shop = Overlay({NAME: "notes"}), Overlay({NAME: "shop"})
    def read(*_):
        gevent.sleep(0.001)
        return os.environ[NAME]
    """


def test_a_greenlet_has_the_variables_of_its_mount() -> None:
    code = dedent(PATCHED) + dedent(
        """
        import gevent.pool, threading, subprocess
        from concurrent.futures import ThreadPoolExecutor

        def in_thread(function):
            found = []
            thread = threading.Thread(target=lambda: found.append(function()))
            thread.start()
            thread.join()
            return found[0]

        def started():
            greenlet = gevent.Greenlet(read)
            greenlet.start()
            return greenlet.get()

        sh = ["sh", "-c", f"echo ${NAME}"]
        ways = {
            "spawn": lambda: gevent.spawn(read).get(),
            "spawn_later": lambda: gevent.spawn_later(0.001, read).get(),
            "deeper": lambda: gevent.spawn(lambda: gevent.spawn(read).get()).get(),
            "Greenlet": started,
            "Pool": lambda: gevent.pool.Pool(2).spawn(read).get(),
            "Pool.map": lambda: gevent.pool.Pool(2).map(read, [1])[0],
            "Group.imap": lambda: next(iter(gevent.pool.Group().imap(read, [1]))),
            "thread": lambda: in_thread(read),
            "executor": lambda: ThreadPoolExecutor(1).submit(read).result(),
            "subprocess": lambda: subprocess.check_output(sh, text=True).strip(),
            "popen": lambda: os.popen(f"echo ${NAME}").read().strip(),
        }

        def of(overlay, way):
            with overlay.active():
                return way()

        for name, way in ways.items():
            # Both at once, in greenlets of the server's.
            jobs = [gevent.spawn(of, overlay, way) for overlay in (notes, shop)]
            print(name, *(job.get() for job in jobs), way())
        """
    )
    told = run_script(code).splitlines()
    assert len(told) == 11
    assert {line.partition(" ")[2] for line in told} == {"notes shop process"}


def test_greenlets_that_take_turns_never_see_each_other() -> None:
    code = dedent(PATCHED) + dedent(
        """
        def work(overlay, own):
            with overlay.active():
                for step in range(50):
                    assert os.environ[NAME].rstrip("+") == own, os.environ[NAME]
                    os.environ[NAME] += "+"
                    gevent.sleep(0)
                return os.environ[NAME]

        jobs = [gevent.spawn(work, notes, "notes"), gevent.spawn(work, shop, "shop")]
        gevent.joinall(jobs, raise_error=True)
        print(*(job.value.count("+") for job in jobs), os.environ[NAME])
        """
    )
    assert run_script(code).split() == ["50", "50", "process"]


def test_a_context_that_somebody_gave_a_greenlet_is_kept() -> None:
    code = dedent(PATCHED) + dedent(
        """
        from contextvars import copy_context
        with shop.active():
            context = copy_context()
        greenlet = gevent.Greenlet(read)
        greenlet.gr_context = context
        with notes.active():
            greenlet.start()
            print(greenlet.get())
        """
    )
    assert run_script(code) == "shop\n"


def test_gevent_may_be_imported_later_and_everything_undone() -> None:
    code = """\
        import os
        from gateway.isolation import environ
        from gateway.isolation.environ import Overlay
        NAME = "GATEWAY_TEST_NAME"
        os.environ[NAME] = "process"
        environ.install()
        import gevent
        environ.install()
        read = lambda: os.environ[NAME]
        notes = Overlay({NAME: "notes"})
        with notes.active():
            print(gevent.spawn(read).get())
        environ.uninstall()
        environ.install()
        with notes.active():
            print(gevent.spawn(read).get())
        environ.uninstall()
        with notes.active():
            print(gevent.spawn(environ.current_overlay).get())
        """
    assert run_script(code).split() == ["notes", "notes", "None"]


def test_monkey_patching_after_the_installation() -> None:
    code = """\
        import os
        from gateway.isolation import environ
        from gateway.isolation.environ import Overlay
        NAME = "GATEWAY_TEST_NAME"
        os.environ[NAME] = "process"
        environ.install()
        from gevent import monkey; monkey.patch_all()
        environ.install()
        import threading, subprocess, _thread
        notes = Overlay({NAME: "notes"})
        with notes.active():
            thread = threading.Thread(target=lambda: print(os.environ[NAME]))
            thread.start()
            thread.join()
            command = ["sh", "-c", f"echo ${NAME}"]
            print(subprocess.check_output(command, text=True))
        start = _thread.start_new_thread
        environ.uninstall()
        print(_thread.start_new_thread is start)
        """
    assert run_script(code).split() == ["notes", "notes", "True"]
