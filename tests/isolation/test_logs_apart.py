"""What a mount configures in logging is for its own records."""

from __future__ import annotations

import logging
import logging.config
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from logs_site import LoadMount, Records, process_root

from gateway.isolation import logs

pytestmark = pytest.mark.usefixtures("logs_installed")

INI = """
[loggers]
keys=root
[handlers]
keys=mine
[formatters]
keys=
[logger_root]
level=DEBUG
handlers=mine
[handler_mine]
class=Listed
args=()
"""

# Each has all of the mount's records go to `mine`.
TAKEOVERS = {
    "basicConfig": "logging.basicConfig(handlers=[mine], level=logging.DEBUG)",
    "basicConfig, forced": """
logging.getLogger().addHandler(first := Listed())
logging.basicConfig(handlers=[mine], level="DEBUG", force=True)
assert first.closed
""",
    "dictConfig": """
logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"mine": {"()": lambda: mine}},
    "root": {"handlers": ["mine"], "level": "DEBUG"},
})
""",
    "dictConfig, twice": """
first = Listed()
logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"first": {"()": lambda: first}},
    "root": {"handlers": ["first"], "level": "ERROR"},
})
logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"mine": {"()": lambda: mine}},
    "root": {"handlers": ["mine"], "level": "DEBUG"},
})
assert first.closed
assert not mine.closed
""",
    "fileConfig": f"""
import configparser
logging.Listed = Listed
parser = configparser.ConfigParser()
parser.read_string('''{INI}''')
logging.config.fileConfig(parser, disable_existing_loggers=False)
del logging.Listed
(mine,) = logging.root.handlers
""",
    "addHandler": """
root = logging.getLogger()
root.addHandler(mine)
root.setLevel(logging.DEBUG)
""",
    "another list": """
logging.root.handlers = [mine]
logging.root.level = logging.DEBUG
""",
    "a list that is changed": """
handlers = logging.root.handlers
handlers.clear()
handlers.append(mine)
logging.root.setLevel("DEBUG")
""",
}
REPLACES = {
    "basicConfig, forced",
    "dictConfig",
    "dictConfig, twice",
    "fileConfig",
    "another list",
    "a list that is changed",
}


def said(
    name: str | None = None, level: int = logging.WARNING
) -> Callable[[str], None]:
    return lambda text: logging.getLogger(name).log(level, text)


# The root logger


@pytest.mark.parametrize("way", TAKEOVERS)
@pytest.mark.parametrize("serving", [False, True], ids=["at import", "in a call"])
def test_a_mount_that_configures_the_root_logger_has_it_for_itself(
    load: LoadMount, way: str, serving: bool
) -> None:
    code = TAKEOVERS[way]
    if serving:
        indented = "\n".join(f"    {line}" for line in code.splitlines())
        code = f"def configure():\n    global mine\n{indented}\n"
    code += '\ndef debug():\n    say("debug", "x", logging.DEBUG)\n'
    with process_root() as process:
        # `basicConfig` does nothing where there are handlers, as everywhere.
        if way == "basicConfig":
            logging.root.handlers.remove(process)
        shop = load("shop", "def debug():\n    say('debug', 'x', logging.DEBUG)\n")
        shop.call("debug")
        notes = load("notes", code)
        if serving:
            notes.call("configure")
        if way == "basicConfig":
            logging.root.handlers.append(process)
        for each in (notes, shop):
            each.call("debug")
            each.call("say")
        logging.getLogger("x").debug("debug")
        logging.getLogger("x").warning("process")
        assert notes.lines == ["debug", "said"]
        assert shop.lines == []
        shown = ["debug", "said"] if way not in REPLACES else []
        assert process.lines == [*shown, "said", "process"]
        assert not process.closed
        assert logging.root.level == logging.WARNING
        assert logging.root.handlers == [process]


def test_a_configuration_of_the_process_is_not_replaced_unless_forced(
    load: LoadMount,
) -> None:
    with process_root() as process:
        notes = load("notes", "logging.basicConfig(handlers=[mine], level=10)")
        notes.call("say")
        assert (notes.lines, process.lines) == ([], ["said"])


def test_a_mount_finds_the_root_logger_as_if_it_ran_alone(load: LoadMount) -> None:
    with process_root() as process:
        logging.root.handlers.clear()
        load("notes", "logging.basicConfig(handlers=[mine], level=10)")
        shop = load("shop", "logging.basicConfig(handlers=[mine], level=20)")
        assert shop.module.logging is logging
        shop.call("say")
        assert shop.lines == ["said"]
        assert logging.root.handlers == []
        assert process.records == []


def test_records_that_nobody_wants_are_still_a_last_resort(
    load: LoadMount, capsys: pytest.CaptureFixture[str]
) -> None:
    with process_root():
        logging.root.handlers.clear()
        load("notes", "logging.basicConfig(handlers=[mine])").call("say")
        load("shop").call("say")
    assert capsys.readouterr().err == "said\n"


def test_what_the_process_adds_later_reaches_mounts_with_handlers_of_their_own(
    load: LoadMount,
) -> None:
    with process_root():
        notes = load("notes", "logging.getLogger().addHandler(mine)")
        late = Records()
        logging.root.addHandler(late)
        notes.call("say")
        assert late.lines == ["said"]
        logging.root.removeHandler(late)
        notes.call("say")
        assert late.lines == ["said"]
        assert notes.lines == ["said", "said"]


def test_a_handler_that_the_process_adds_too_is_not_there_twice(
    load: LoadMount,
) -> None:
    with process_root():
        notes = load("notes", "logging.getLogger().addHandler(mine)")
        logging.root.addHandler(notes.module.mine)
        notes.call("say")
        assert notes.lines == ["said"]


def test_a_handler_that_the_mount_removes_stays_removed_for_it_alone(
    load: LoadMount,
) -> None:
    with process_root() as process:
        notes = load("notes", "logging.root.removeHandler(logging.root.handlers[0])")
        logging.root.addHandler(late := Records())
        notes.call("say")
        logging.getLogger().warning("process")
        assert process.lines == ["process"]
        assert late.lines == ["said", "process"]


def test_a_level_that_the_process_changes_is_every_mounts_that_has_none(
    load: LoadMount,
) -> None:
    code = "def info():\n    say('info', 'x', logging.INFO)\n"
    with process_root() as process:
        notes = load("notes", code + "logging.root.setLevel(logging.ERROR)")
        shop = load("shop", code)
        for each in (notes, shop):
            each.call("info")
        assert process.lines == []
        logging.root.setLevel(logging.INFO)
        for each in (notes, shop):
            each.call("info")
        assert process.marks == [("shop", "-")]


def test_logging_is_disabled_for_the_mount_that_wants_it(load: LoadMount) -> None:
    with process_root() as process:
        notes = load("notes", "logging.disable(logging.CRITICAL)")
        shop = load("shop")
        for each in (notes, shop):
            each.call("say")
        logging.getLogger().warning("process")
        assert process.lines == ["said", "process"]
        assert logging.root.manager.disable == 0
        logging.disable(logging.WARNING)
        shop.call("say")
        logging.disable(logging.NOTSET)
        assert process.lines == ["said", "process"]


# Any logger


UVICORN = """
logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"mine": {"()": lambda: mine}},
    "loggers": {"lib": {"handlers": ["mine"], "level": "INFO", "propagate": False}},
})
"""


def test_two_mounts_configure_the_same_logger_differently(load: LoadMount) -> None:
    code = "def info():\n    say('info', 'lib.part', logging.INFO)\n"
    with process_root() as process:
        notes = load("notes", code + UVICORN)
        shop = load("shop", code + UVICORN.replace("INFO", "ERROR"))
        plain = load("plain", code + "def both():\n    info()\n    say(name='lib')\n")
        for each in (notes, shop, plain):
            each.call("info")
        assert (notes.lines, shop.lines, process.lines) == (["info"], [], [])
        plain.call("both")
        assert process.lines == ["said"]
        lib = logging.getLogger("lib")
        assert (lib.handlers, lib.level, lib.propagate) == ([], 0, True)


@pytest.mark.parametrize(
    "config", ["{'version': 1}", "{'version': 1, 'disable_existing_loggers': True}"]
)
def test_a_mount_that_disables_all_loggers_disables_its_own(
    load: LoadMount, config: str
) -> None:
    existing = logging.getLogger("existing")
    code = "def existing():\n    say(name='existing')\n"
    with process_root() as process:
        shop = load("shop", code)
        notes = load("notes", f"{code}logging.config.dictConfig({config})")
        notes.call("existing")
        assert process.lines == []
        shop.call("existing")
        existing.warning("process")
        assert process.lines == ["said", "process"]
        assert not existing.disabled


def test_a_mount_silences_a_library_for_itself(load: LoadMount) -> None:
    code = "def lib():\n    say(name='lib.part')\n"
    silence = "logging.getLogger('lib.part')."
    ways = ["disabled = True", "addFilter(lambda record: 0)", "propagate = False"]
    with process_root() as process:
        plain = load("plain", code)
        for number, way in enumerate([*ways, "setLevel(50)"]):
            each = load(f"silent{number}", f"{code}{silence}{way}\n")
            each.call("lib")
            assert process.lines == ["said"] * number
            plain.call("lib")
        assert set(process.marks) == {("plain", "-")}


def test_a_logger_disabled_by_the_process_is_disabled_everywhere(
    load: LoadMount,
) -> None:
    with process_root() as process:
        notes = load("notes", "def lib():\n    say(name='lib.off')\n")
        notes.call("lib")
        logger = logging.getLogger("lib.off")
        assert logger.isEnabledFor(logging.WARNING)
        logger.disabled = True
        assert not logger.isEnabledFor(logging.WARNING)
        with notes.overlay.active():
            assert not logger.isEnabledFor(logging.WARNING)
        notes.call("lib")
        logger.disabled = False
        notes.call("lib")
        assert process.lines == ["said", "said"]


def test_the_gateways_own_loggers_are_the_processes(load: LoadMount) -> None:
    code = """
        logging.config.dictConfig({
            "version": 1, "root": {"level": "CRITICAL", "handlers": []},
        })
        logging.getLogger("gateway.mount").setLevel(logging.CRITICAL)
        logging.getLogger("gateway").propagate = False

        def fail():
            say("not shown")
            raise ValueError("on purpose")
        """
    with process_root() as process:
        notes = load("notes", code)
        with pytest.raises(ValueError, match="on purpose"):
            notes.call("fail", "r1")
        (record,) = process.records
        assert record.name == "gateway.mount"
        assert process.marks == [("notes", "r1")]


def test_a_logger_that_a_mount_makes_is_like_any_other_for_the_rest(
    load: LoadMount,
) -> None:
    with process_root() as process:
        load("notes", "logging.getLogger('made.here').setLevel(logging.CRITICAL)")
        made = logging.getLogger("made.here")
        assert (made.level, made.handlers, made.propagate) == (0, [], True)
        made.warning("process")
        assert process.lines == ["process"]


# Functions of the module


def test_handlers_of_others_are_not_closed(load: LoadMount, tmp_path: Path) -> None:
    with process_root() as process:
        file = logging.FileHandler(tmp_path / "log", mode="w", encoding="utf-8")
        logging.root.addHandler(file)
        shop = load("shop", "logging.root.addHandler(mine)")
        code = """
            logging.root.addHandler(mine)
            logging.config.dictConfig({"version": 1})
            assert mine.closed
            logging.basicConfig(force=True)
            def end():
                logging.shutdown()
            """
        notes = load("notes", code)
        notes.call("end")
        assert not process.closed
        assert not shop.module.mine.closed
        logging.getLogger().warning("written")
        logging.root.removeHandler(file)
        file.close()
        assert (tmp_path / "log").read_text() == "written\n"


FACTORY = """
before = logging.getLogRecordFactory()
def make(*args, **kwargs):
    record = before(*args, **kwargs)
    record.msg = "marked " + record.msg
    return record
logging.setLogRecordFactory(make)
assert logging.getLogRecordFactory() is make
"""


def test_a_record_factory_is_for_the_mount_that_sets_it(load: LoadMount) -> None:
    before = logging.getLogRecordFactory()
    with process_root() as process:
        notes = load("notes", FACTORY)
        shop = load("shop", FACTORY.replace("marked", "shop's"))
        plain = load("plain")
        for each in (notes, shop, plain):
            each.call("say", "r1")
        logging.getLogger().warning("process")
        expected = ["marked said", "shop's said", "said", "process"]
        assert process.lines == expected
        assert process.marks[:3] == [("notes", "r1"), ("shop", "r1"), ("plain", "r1")]
        assert logging.getLogRecordFactory() is before


def test_the_process_may_still_set_a_record_factory(load: LoadMount) -> None:
    class Record(logging.LogRecord):
        pass

    before = logging.getLogRecordFactory()
    with process_root() as process:
        notes = load("notes", FACTORY)
        shop = load("shop")
        logging.setLogRecordFactory(Record)
        try:
            assert logging.getLogRecordFactory() is Record
            shop.call("say")
            notes.call("say")
            logs.uninstall()
            logging.getLogger().warning("process")
            kinds = [type(record) for record in process.records]
            assert kinds == [Record, logging.LogRecord, Record]
            assert logging.getLogRecordFactory() is Record
        finally:
            logs.install()
            logging.setLogRecordFactory(before)


def test_warnings_are_captured_for_the_mount_that_wants_it(load: LoadMount) -> None:
    shown: list[str] = []
    code = "import warnings\ndef warn():\n    warnings.warn('careful', stacklevel=1)\n"
    with process_root() as process, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *args: shown.append(str(message))
        before = warnings.showwarning
        notes = load("notes", f"{code}logging.captureWarnings(True)")
        shop = load("shop", code)
        for each in (notes, shop):
            each.call("warn")
        warnings.warn("process", stacklevel=1)
        assert shown == ["careful", "process"]
        assert ["UserWarning: careful" in line for line in process.lines] == [True]
        assert process.records[0].name == "py.warnings"
        with notes.overlay.active():
            warnings.showwarning("to a file", UserWarning, "x.py", 1, sys.stdout)
        assert shown.pop() == "to a file"
        load(
            "back",
            f"{code}logging.captureWarnings(True)\nlogging.captureWarnings(False)",
        ).call("warn")
        assert shown == ["careful", "process", "careful"]
        logs.uninstall()
        assert warnings.showwarning is before
        logs.install()


def test_a_captured_warning_is_no_news_of_last_resort(
    load: LoadMount, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import warnings\ndef warn():\n    warnings.warn('careful', stacklevel=1)\n"
    with process_root(), warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.root.handlers.clear()
        load("notes", f"{code}logging.captureWarnings(True)").call("warn")
    assert capsys.readouterr().err == ""


# The life of a mount


def test_a_mount_that_is_closed_has_set_nothing_any_more(load: LoadMount) -> None:
    code = """
        import warnings
        logging.root.addHandler(mine)
        logging.root.setLevel(logging.DEBUG)
        logging.captureWarnings(True)
        """
    with process_root() as process:
        notes = load("notes", code + FACTORY.replace("\n", "\n        "))
        with notes.overlay.active():
            assert logging.root.isEnabledFor(logging.DEBUG)
            notes.close()
            assert not logging.root.isEnabledFor(logging.DEBUG)
            assert logging.root.handlers == [process]
            assert notes.overlay.record_factory is None
            assert not notes.overlay.captures_warnings
        assert notes.module.mine.closed
        assert not process.closed


def test_a_mount_that_fails_to_load_leaves_nothing(
    load: LoadMount, tmp_path: Path
) -> None:
    code = f"""
        file = logging.FileHandler({str(tmp_path / "log")!r})
        logging.root.addHandler(file)
        logging.root.setLevel(logging.DEBUG)
        logging.kept = file
        raise ValueError("on purpose")
        """
    kept: Any = logging
    with process_root() as process:
        old = load("notes", "logging.root.addHandler(mine)")
        with pytest.raises(ValueError, match="on purpose"):
            load("notes", code)
        assert kept.kept.stream is None
        del kept.kept
        old.call("say")
        logging.getLogger().debug("not shown")
        assert old.lines == process.lines == ["said"]


def test_each_generation_of_a_mount_has_its_own(load: LoadMount) -> None:
    with process_root():
        old = load("notes", "logging.root.addHandler(mine)")
        new = load("notes", "logging.root.addHandler(mine)\nsay('loading')")
        assert (old.lines, new.lines) == ([], ["loading"])
        new.call("say")
        assert (old.lines, new.lines) == ([], ["said"])
        new.close()
        assert new.module.mine.closed
        old.call("say")
        assert (old.lines, new.lines) == (["said"], [])
        old.close()
        old.close()
        old.call("say")
        assert old.lines == []


def test_a_generation_keeps_its_own_beside_a_newer_one(load: LoadMount) -> None:
    """What is loaded beside it may never take over."""
    with process_root() as process:
        old = load("notes", "logging.root.addHandler(mine)")
        new = load("notes", "logging.root.handlers = [mine]")
        old.call("say")
        assert (old.lines, new.lines) == (["said"], [])
        new.call("say")
        assert (old.lines, new.lines) == ([], ["said"])
        assert process.lines == ["said"]
        old.close()
        new.call("say")
        assert (old.lines, new.lines) == ([], ["said"])


def test_what_a_closed_generation_configures_is_nobody_elses(load: LoadMount) -> None:
    code = "def late():\n    logging.root.handlers = []\n    say()"
    with process_root() as process:
        old, new = load("notes", code), load("notes", code)
        old.close()
        old.call("say")
        old.call("late")
        new.call("say")
        assert process.lines == ["said", "said"]


def test_a_handler_that_two_mounts_have_is_closed_with_the_second(
    load: LoadMount,
) -> None:
    with process_root():
        shared = Records()
        kept: Any = logging
        kept.shared = shared
        code = "logging.getLogger('mounts').addHandler(logging.shared)"
        notes, shop = load("notes", code), load("shop", code)
        del kept.shared
        notes.close()
        assert not shared.closed
        shop.close()
        assert shared.closed


def test_a_handler_that_fails_to_close_is_reported(load: LoadMount) -> None:
    code = """
        def fail():
            raise KeyError("on purpose")
        mine.close = fail
        logging.getLogger("x").addHandler(mine)
        """
    with process_root() as process:
        load("notes", code).close()
        assert process.lines == ["mount notes: a log handler failed to close"]


def test_loggers_of_a_closed_generation_are_let_go(load: LoadMount) -> None:
    with process_root() as process:
        known = logging.root.manager.loggerDict
        kept = logging.getLogger("held.other.app")
        for name in ("app", "deep.er", "deep.est.of.all"):
            logging.getLogger(f"held.gone@2.{name}")
        logging.getLogger("held.gone@22.app")
        logs.forget_loggers("held.gone@2")
        assert not [name for name in known if name.startswith("held.gone@2.")]
        assert "held.gone@22.app" in known
        parent: Any = known["held"]
        assert kept in parent.loggerMap
        assert not [each for each in parent.loggerMap if "gone@2." in each.name]
        logs.forget_loggers("held.gone@22")
        logs.forget_loggers("held.other")
        kept.warning("still heard")
        assert process.lines == ["still heard"]
        logs.forget_loggers("held")
