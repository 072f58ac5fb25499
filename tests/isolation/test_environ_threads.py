"""Threads have the variables of the mount that started them."""

from __future__ import annotations

import _thread
import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from queue import SimpleQueue
from typing import Any

import pytest

from gateway.context import current_app_context
from gateway.isolation import environ
from gateway.isolation.environ import Overlay

NAME = "GATEWAY_TEST_NAME"


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = type(os.environ)
    monkeypatch.setenv(NAME, "process")
    environ.install()
    yield
    if before is os._Environ:
        environ.uninstall()


@pytest.fixture
def notes() -> Overlay:
    return Overlay({NAME: "notes"}, "notes")


@pytest.fixture
def shop() -> Overlay:
    return Overlay({NAME: "shop"}, "shop")


@contextmanager
def many_switches() -> Iterator[None]:
    """Have the interpreter go from thread to thread as often as it can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def by_thread(function: Callable[[], None]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def by_subclass(function: Callable[[], None]) -> None:
    class Own(threading.Thread):
        def run(self) -> None:
            function()

    thread = Own(daemon=True)
    thread.start()
    thread.join()


def by_timer(function: Callable[[], None]) -> None:
    timer = threading.Timer(0.001, function)
    timer.start()
    timer.join()


def by_thread_of_a_thread(function: Callable[[], None]) -> None:
    by_thread(lambda: by_thread(function))


def by_thread_module(function: Callable[[], None]) -> None:
    done = threading.Event()

    def run(step: Callable[[], None], /, *, after: threading.Event) -> None:
        step()
        after.set()

    _thread.start_new_thread(run, (function,), {"after": done})
    assert done.wait(5)


def by_pool(function: Callable[[], None]) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(function).result(5)


def by_pools_map(function: Callable[[], None]) -> None:
    with ThreadPoolExecutor(1) as pool:
        list(pool.map(lambda _: function(), range(1)))


def by_initializer(function: Callable[[], None]) -> None:
    with ThreadPoolExecutor(1, initializer=function) as pool:
        pool.submit(int).result(5)


def by_multiprocessing_pool(function: Callable[[], None]) -> None:
    with ThreadPool(1) as pool:
        pool.apply(function)
        pool.close()
        pool.join()


def by_event_loop(function: Callable[[], None]) -> None:
    async def main() -> None:
        await asyncio.get_running_loop().run_in_executor(None, function)

    by_thread(lambda: asyncio.run(main()))


@pytest.mark.parametrize(
    "way",
    [
        by_thread,
        by_subclass,
        by_timer,
        by_thread_of_a_thread,
        by_thread_module,
        by_pool,
        by_pools_map,
        by_initializer,
        by_multiprocessing_pool,
        by_event_loop,
    ],
)
def test_a_thread_has_the_variables_of_its_mount(
    way: Callable[[Callable[[], None]], None], notes: Overlay, shop: Overlay
) -> None:
    seen = []

    def work() -> None:
        seen.append(os.environ[NAME])
        os.environ[NAME] = f"written by {seen[-1]}"

    with notes.active():
        way(work)
    with shop.active():
        way(work)
        assert os.environ[NAME] == "written by shop"
    assert seen == ["notes", "shop"]
    with notes.active():
        assert os.environ[NAME] == "written by notes"
    assert os.environ[NAME] == "process"


def test_a_thread_of_the_process_has_the_process(notes: Overlay) -> None:
    seen: SimpleQueue[str | None] = SimpleQueue()
    begin = threading.Event()

    def work() -> None:
        begin.wait(5)
        seen.put(os.getenv(NAME))

    thread = threading.Thread(target=work)
    thread.start()
    with notes.active():
        begin.set()
        thread.join()
    assert seen.get() == "process"


def test_a_thread_keeps_its_variables_when_its_mount_is_left(notes: Overlay) -> None:
    seen: SimpleQueue[str | None] = SimpleQueue()
    left = threading.Event()

    def work() -> None:
        left.wait(5)
        seen.put(os.getenv(NAME))

    thread = threading.Thread(target=work)
    with notes.active():
        thread.start()
    left.set()
    thread.join()
    assert seen.get() == "notes"


def test_a_thread_inherits_no_request(notes: Overlay) -> None:
    seen = []
    with notes.active():
        by_thread(lambda: seen.append(current_app_context.get(None)))
    assert seen == [None]


def test_a_pool_may_be_shared(notes: Overlay, shop: Overlay) -> None:
    with ThreadPoolExecutor(1) as pool:
        with notes.active():
            assert pool.submit(os.getenv, NAME).result(5) == "notes"
        with shop.active():
            assert pool.submit(os.getenv, NAME, default=None).result(5) == "shop"
        assert pool.submit(os.getenv, NAME).result(5) == "process"
        with notes.active():
            assert list(pool.map(os.getenv, [NAME] * 3)) == ["notes"] * 3


def test_a_pools_errors_are_those_of_the_work(notes: Overlay) -> None:
    def fail() -> None:
        raise LookupError("as it is")

    with ThreadPoolExecutor(1) as pool, notes.active():
        assert isinstance(pool.submit(fail).exception(5), LookupError)
        with pytest.raises(TypeError):
            pool.submit()  # type: ignore[call-arg]


def test_a_librarys_worker_started_for_a_mount(notes: Overlay) -> None:
    """Such as one that sends what the mount has queued."""

    class Library:
        def __init__(self) -> None:
            self.sent: list[str | None] = []
            self._queue: SimpleQueue[str | None] = SimpleQueue()
            self._thread: threading.Thread | None = None

        def send(self, name: str) -> None:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work)
                self._thread.start()
            self._queue.put(name)

        def _work(self) -> None:
            while (name := self._queue.get()) is not None:
                self.sent.append(os.getenv(name))

        def close(self) -> None:
            self._queue.put(None)
            if self._thread is not None:
                self._thread.join()

    library = Library()
    with notes.active():
        library.send(NAME)
    library.close()
    assert library.sent == ["notes"]


def test_what_is_no_function_is_refused_as_ever(notes: Overlay) -> None:
    start: Any = _thread.start_new_thread
    with pytest.raises(TypeError) as outside:
        start(1, ())
    with notes.active(), pytest.raises(TypeError) as inside:
        start(1, ())
    assert str(inside.value) == str(outside.value)


def test_mounts_that_work_at_once_never_see_each_other() -> None:
    overlays = [Overlay({NAME: f"{number}:0"}) for number in range(4)]
    wrong = []
    barrier = threading.Barrier(len(overlays) + 1)

    def work(number: int) -> None:
        barrier.wait(5)
        for step in range(400):
            if os.environ[NAME] != f"{number}:{step}":
                wrong.append(os.environ[NAME])
            os.environ[NAME] = f"{number}:{step + 1}"
            if len(os.environ) != len(dict(os.environ)):
                wrong.append("length")

    threads = []
    for number, overlay in enumerate(overlays):
        with overlay.active():
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
    with many_switches():
        barrier.wait(5)
        for thread in threads:
            thread.join()
    assert not wrong
    assert os.environ[NAME] == "process"


class SlowKey(bytes):
    """A key during whose look-up other threads go on."""

    def __hash__(self) -> int:
        time.sleep(0.001)
        return super().__hash__()


def test_a_variable_is_deleted_by_one_thread_only() -> None:
    names = [f"{NAME}_{number}".encode() for number in range(10)]
    notes = Overlay({name.decode(): "x" for name in names})
    deleted: list[bytes] = []
    barrier = threading.Barrier(2)

    def work() -> None:
        for name in names:
            barrier.wait(5)
            try:
                del notes[SlowKey(name)]
            except KeyError:
                continue
            deleted.append(name)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(deleted) == names


def test_readers_never_see_a_changing_dictionary(notes: Overlay) -> None:
    """Iterating while another thread adds and deletes raises nothing."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            os.environ[f"{NAME}_{number % 50}"] = "x"
            os.environ.pop(f"{NAME}_{(number - 25) % 50}", None)

    def read() -> None:
        try:
            for _ in range(150):
                list(os.environ)
                len(os.environ)
                repr(os.environ)
        except BaseException as error:
            errors.append(error)

    with notes.active():
        changing, reading = (threading.Thread(target=f) for f in (change, read))
        changing.start()
        reading.start()
        reading.join()
        stop.set()
        changing.join()
    assert not errors
