"""``gateway run`` and ``gateway shell``: code in a mount's context."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from composing import modules_forgotten
from processes import command, environment, run

from gateway.cli.group import gateway

WriteFiles = Callable[[Mapping[str, str]], Path]

NOTES = """
from flask import Flask
import models

def create_app():
    print("loading")
    app = Flask(__name__)

    @app.teardown_appcontext
    def end(exc):
        with open("ended", "a") as file:
            print(repr(exc), file=file)

    @app.shell_context_processor
    def names():
        return {"models": models}

    return app
"""
SHOP = """
from gateway import App
app = App(__name__)

@app.get("/")
def index():
    return "the shop"

@app.shell_context_processor
def names():
    return {"price": 3}
"""
SHOW = """
import os, sys
import flask, gateway
import beside, package.inner
from models import NAME

assert sys.modules["__main__"].NAME is NAME
print(__name__, os.path.basename(__file__), sys.argv, os.path.basename(sys.path[0]))
print(NAME, beside.NAME, package.inner.NAME, os.environ["WHO"])
print(flask.current_app.config["TITLE"], gateway.current_app.name)
print(gateway.mount_url("shop", "/x"), gateway.mount_url("api"))
"""
END = """
import sys
import gateway

class Mine:
    pass

what = sys.argv[1]
if what == "exit":
    sys.exit(3)
if what == "done":
    sys.exit()
if what == "words":
    sys.exit("enough")
if what == "raise":
    raise LookupError("of the script")
if what == "deliberate":
    gateway.mount_url("shpo")
if what == "interrupt":
    raise KeyboardInterrupt
if what == "left":
    import flask, pickle
    flask.current_app.app_context().push()
    gateway.current_app.app_context().push()
    print(pickle.loads(pickle.dumps(Mine())).__class__ is Mine)
if what == "thread":
    import threading, time
    work = lambda: (time.sleep(0.1), print("the thread"))
    threading.Thread(target=work).start()
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    sys.exit(5)
if what == "pool":
    from concurrent.futures import ThreadPoolExecutor
    pool = ThreadPoolExecutor()
    print(pool.submit(int).result())
"""
FILES = {
    "gateway.yaml": """
        mounts:
          notes:
            app: app:create_app
            path: apps/notes
            env: {WHO: notes}
            config: {TITLE: Notes}
          shop: {app: app:app, path: apps/shop}
          broken: {app: app:nothing, path: apps/shop}
          api: {asgi: app:app, path: apps/shop}
          plain:
            app: gateway_test_plain:application
            imports: shared
            path: apps/plain
          files: {static: apps}
          old: {redirect: /notes}
          elsewhere: {proxy: "http://127.0.0.1:9"}
        """,
    "whole.yaml": """
        mounts:
          notes: {app: app:create_app, path: apps/notes, env: {WHO: notes}}
          shop: {app: app:app, path: apps/shop}
        """,
    "apps/notes/app.py": NOTES,
    "apps/notes/models.py": "NAME = 'a model'",
    "apps/notes/jobs/__init__.py": "",
    "apps/notes/jobs/fill.py": """
        import sys
        from models import NAME
        from . import other
        print(__name__, __package__, NAME, other.NAME, sys.argv[1:])
        """,
    "apps/notes/jobs/other.py": "NAME = 'relative'",
    "apps/notes/pack/__init__.py": "",
    "apps/notes/pack/__main__.py": "import pack; print('main of', pack.__name__)",
    "apps/notes/hollow/__init__.py": "",
    "apps/notes/bad.py": "import gateway_test_missing",
    "apps/notes/worse/__init__.py": "import gateway_test_missing",
    "apps/notes/worse/fill.py": "",
    "apps/shop/app.py": SHOP,
    "apps/plain/gateway_test_plain.py": """
        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"plain"]
        """,
    "scripts/show.py": SHOW,
    "scripts/beside.py": "from models import NAME",
    "scripts/package/__init__.py": "",
    "scripts/package/inner.py": "from models import NAME",
    "scripts/end.py": END,
    "scripts/wrong.py": "import sys\n\nx = = 1\n",
    "scripts/plain.py": """
        import gateway_test_plain, gateway_test_beside
        print(gateway_test_plain, gateway_test_beside.X)
        """,
    "scripts/gateway_test_beside.py": "X = 'beside'",
    "scripts/ask.py": """
        import sys
        from gateway import subrequest
        print(subrequest(sys.argv[1]).status)
        """,
    "local.py": "import models; print('local', models.NAME)",
}


@pytest.fixture
def home(write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of several mounts, as the current folder."""
    top = write_files(FILES)
    monkeypatch.chdir(top)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    monkeypatch.delenv("PYTHONSTARTUP", raising=False)
    return top


def invoke(*arguments: str, stdin: str = "") -> Result:
    with modules_forgotten():
        return CliRunner().invoke(gateway, arguments, input=stdin)


def output(*arguments: str, stdin: str = "") -> list[str]:
    result = invoke(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def torn_down(home: Path) -> list[str]:
    ended = home / "ended"
    return ended.read_text().splitlines() if ended.exists() else []


def test_a_script_is_at_home_in_its_mount(home: Path) -> None:
    assert output("run", "notes", "scripts/show.py", "-c", "x", "--all") == [
        "__main__ show.py ['scripts/show.py', '-c', 'x', '--all'] scripts",
        "a model a model a model notes",
        "Notes notes",
        "/shop/x /api/",
    ]
    assert torn_down(home) == ["None"]
    assert not {"beside", "package", "package.inner"} & sys.modules.keys()


def test_what_applications_print_while_they_load_is_not_the_scripts(home: Path) -> None:
    result = invoke("run", "notes", "-", stdin="print('out')")
    assert (result.stdout, result.stderr) == ("out\n", "loading\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["-m", "jobs.fill", "-x", "y"],
            "__main__ mounts.notes.jobs a model relative ['-x', 'y']",
        ),
        (["-mjobs.fill"], "__main__ mounts.notes.jobs a model relative []"),
        (["-m", "pack"], "main of mounts.notes.pack"),
        (["-m", "local"], "local a model"),
    ],
)
def test_modules(home: Path, arguments: list[str], expected: str) -> None:
    assert output("run", "notes", *arguments) == [expected]
    assert torn_down(home) == ["None"]


def test_an_installed_module(home: Path) -> None:
    lines = output("run", "plain", "-m", "timeit", "-n1", "-r1", "pass")
    assert lines[0].startswith("1 loop, best of 1")
    for name in ("sys", "json.nothing", "json.tool.nothing", "__main__"):
        result = invoke("run", "plain", "-m", name)
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"error: there is no module {name!r} to run" in result.stderr


def test_standard_input(home: Path) -> None:
    code = "import sys, models\nprint(models.NAME, sys.argv, __name__)\n1 / 0"
    result = invoke("run", "notes", "-", "a", stdin=code)
    assert result.stdout == "a model ['-', 'a'] __main__\n"
    assert result.exit_code == 1
    assert 'File "<stdin>", line 3, in <module>' in result.stderr


@pytest.mark.parametrize(
    ("what", "code", "end", "said"),
    [
        ("exit", 3, "SystemExit(3)", ""),
        ("done", 0, "None", ""),
        ("raise", 1, "LookupError('of the script')", "LookupError: of the script"),
        ("interrupt", 130, "KeyboardInterrupt()", "KeyboardInterrupt"),
        ("left", 0, "None", ""),
    ],
)
def test_how_a_script_ends(
    home: Path, what: str, code: int, end: str, said: str
) -> None:
    result = invoke("run", "notes", "scripts/end.py", what)
    assert result.exit_code == code
    assert torn_down(home) == [end]
    lines = result.stderr.splitlines()[1:]
    assert lines[-1:] == ([said] if said else [])
    if said:
        # Nothing of the gateway's own is in front of the user's frames.
        assert lines[0] == "Traceback (most recent call last):"
        assert 'scripts/end.py", line' in lines[1]


def test_a_deliberate_error_is_the_scripts_own(home: Path) -> None:
    result = invoke("run", "notes", "scripts/end.py", "deliberate")
    assert result.exit_code == 1
    assert 'scripts/end.py", line' in result.stderr.splitlines()[2]
    assert "did you mean 'shop'?" in result.stderr.splitlines()[-1]


def test_a_script_with_a_mistake(home: Path) -> None:
    result = invoke("run", "notes", "scripts/wrong.py")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[1].endswith('scripts/wrong.py", line 3')
    assert lines[-1].startswith("SyntaxError: ")
    for module in ("bad", "worse.fill"):
        result = invoke("run", "notes", "-m", module)
        assert "ModuleNotFoundError: No module named 'gateway_test_m" in result.stderr


def test_only_the_scripts_frames_are_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped = "try:\n    import none\nexcept ImportError:\n    import beside\n"
    (home / "scripts/imports.py").write_text(wrapped)
    (home / "scripts/beside.py").write_text("import nowhere\n")
    result = invoke("run", "notes", "scripts/imports.py")
    frames = [line for line in result.stderr.splitlines() if line[:6] == "  File"]
    assert [frame.split('"')[1].rpartition("/")[2] for frame in frames] == (
        ["imports.py", "imports.py", "beside.py"]
    )
    caught = "try:\n    import nowhere\nexcept ImportError as error:\n    e = error\n"
    group = f"{caught}raise ExceptionGroup('several', [e])\n"
    (home / "scripts/imports.py").write_text(group)
    result = invoke("run", "notes", "scripts/imports.py")
    frames = [line for line in result.stderr.splitlines() if "File " in line]
    assert [frame.split('"')[1].rpartition("/")[2] for frame in frames] == (
        ["imports.py", "imports.py"]
    )
    monkeypatch.setenv("GATEWAY_DEBUG", "1")
    result = invoke("run", "notes", "scripts/imports.py")
    assert "gateway/isolation/" in result.stderr


def test_teardown_functions_that_fail(home: Path) -> None:
    (home / "ended").mkdir()
    result = invoke("run", "notes", "scripts/end.py", "done")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("IsADirectoryError")


def test_threads_of_a_script_are_waited_for(home: Path) -> None:
    done = run(home, "run", "notes", "scripts/end.py", "thread")
    assert (done.stdout, done.returncode) == ("the thread\n", 5)
    done = run(home, "run", "notes", "scripts/end.py", "pool")
    assert (done.stdout, done.stderr, done.returncode) == ("0\n", "loading\n", 0)


def test_exit_codes_of_the_process(home: Path) -> None:
    done = run(home, "run", "notes", "scripts/end.py", "words")
    assert (done.returncode, done.stderr) == (1, "loading\nenough\n")
    code = (
        "import sys, time; print('ready', flush=True); sys.stdout.flush()\n"
        "time.sleep(30)\n"
    )
    (home / "scripts/wait.py").write_text(code)
    process = subprocess.Popen(
        command("run", "notes", "scripts/wait.py"),
        cwd=home,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What starts the tests in the background may have it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=10)[1]
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert torn_down(home)[-1] == "KeyboardInterrupt()"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["notes"], 2, "Missing argument 'SCRIPT|-m MODULE"),
        (["notes", "-m"], 2, "-m needs a module to run"),
        (["notes", "-x", "y.py"], 2, "the options of 'gateway run' stand in front"),
        (["notes", "none.py"], 1, "the script 'none.py' cannot be read: No such file"),
        (["notes", "-m", "none"], 1, "there is no module 'none' to run"),
        (["notes", "-m", ".none"], 1, "there is no module '.none' to run"),
        (["--al", "notes", "-"], 2, "No such option '--al'"),
        (["notes", "-m", "jobs.none"], 1, "there is no module 'jobs.none' to run"),
        (["notes", "-m", "hollow"], 1, "a package without a __main__ module"),
        (["noets", "-m", "x"], 1, "there is no mount 'noets': did you mean 'notes'?"),
        (["broken", "-m", "x"], 1, "error: mount 'broken': "),
    ],
)
def test_mistakes_are_told_without_a_traceback(
    home: Path, arguments: list[str], code: int, message: str
) -> None:
    result = invoke("run", *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_mount_with_shared_imports(home: Path) -> None:
    (line,) = output("run", "plain", "scripts/plain.py")
    assert "apps/plain/gateway_test_plain.py" in line
    assert line.endswith("beside")


def test_a_mount_without_code(home: Path) -> None:
    code = "from gateway import current_app, subrequest\nprint(current_app.name)\n"
    ask = "print(subrequest('/files/notes/models.py').text)"
    assert output("run", "files", "-", stdin=code + ask) == [
        "files",
        "NAME = 'a model'",
    ]


def test_subrequests_of_a_script(home: Path) -> None:
    assert output("run", "shop", "scripts/ask.py", "/shop/") == ["200 OK"]
    assert output("run", "shop", "scripts/ask.py", "/none") == ["404 Not Found"]
    result = invoke("run", "shop", "scripts/ask.py", "/notes/")
    assert "mount 'notes' is not loaded, only 'shop' is: give" in result.stderr
    every = ["run", "-c", "whole.yaml", "--all", "notes", "scripts/ask.py", "/shop/"]
    assert output(*every) == ["200 OK"]


def test_a_shell(home: Path) -> None:
    code = "\n".join(
        [
            "import models as mine",
            "mine is models, __name__",
            "app, current_app is app",
            "import os, flask; os.environ['WHO'], flask.current_app.config['TITLE']",
            "def late(): return nothing_yet",
            "_",
            "raise SystemExit(4)",
        ]
    )
    result = invoke("shell", "notes", "--plain", stdin=code)
    assert result.exit_code == 4
    assert "(True, '__main__')" in result.stdout
    assert "(<Flask 'mounts.notes.app'>, True)" in result.stdout
    assert "('notes', 'Notes')" in result.stdout
    assert "Mount: notes (flask, apps/notes app:create_app)" in result.stderr
    assert "Names: app, current_app, g, models" in result.stderr
    assert torn_down(home) == ["SystemExit(4)"]


def test_a_shell_of_each_kind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    startup = home / "startup.py"
    startup.write_text("begun = True")
    monkeypatch.setenv("PYTHONSTARTUP", str(startup))
    result = invoke("shell", "shop", stdin="price, begun, g.get('x'), app.name")
    assert "(3, True, None, 'mounts.shop.app')" in result.stdout
    assert result.exit_code == 0
    result = invoke("shell", "plain", stdin="app.__name__, current_app.name, _x")
    assert "NameError: name '_x' is not defined" in result.stderr
    result = invoke("shell", "plain", stdin="app.__name__, current_app.name")
    assert "('application', 'plain')" in result.stdout


def test_ipython_where_there_is_a_terminal(home: Path) -> None:
    pytest.importorskip("IPython", reason="component not installed: IPython")
    terminal, other = pty.openpty()
    process = subprocess.Popen(
        command("shell", "notes"),
        cwd=home,
        env=environment(TERM="dumb", IPYTHONDIR=str(home / "ipython")),
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
    )
    os.close(other)
    shown = until(terminal, "In [1]")
    os.write(terminal, b"import models; models.NAME, type(get_ipython()).__name__\r")
    shown += until(terminal, "TerminalInteractiveShell")
    os.write(terminal, b"exit\r")
    shown += until(terminal, None)
    assert process.wait(timeout=10) == 0
    os.close(terminal)
    assert "Mount: notes (flask, apps/notes app:create_app)" in shown
    assert "'a model'" in shown
    assert torn_down(home) == ["None"]


def until(terminal: int, words: str | None) -> str:
    """Read what is shown, up to *words* or the end."""
    shown = ""
    while words is None or words not in shown:
        ready, _, _ = select.select([terminal], [], [], 15)
        assert ready, shown
        try:
            part = os.read(terminal, 65536)
        except OSError:
            part = b""
        if not part:
            assert words is None, shown
            break
        shown += part.decode(errors="replace")
    return shown


def test_django_is_set_up(write_files: WriteFiles) -> None:
    home = write_files(
        {
            "gateway.yaml": """
                mounts:
                  shop: {app: "shop.wsgi:application", path: ., imports: shared}
                """,
            "shop/__init__.py": "",
            "shop/settings.py": """
                SECRET_KEY = "x"
                INSTALLED_APPS = ["django.contrib.contenttypes"]
                DATABASES = {"default": {
                    "ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:",
                }}
                """,
            "shop/wsgi.py": """
                import os
                from django.core.wsgi import get_wsgi_application
                os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
                application = get_wsgi_application()
                """,
            "fill.py": """
                import sys
                from django.contrib.contenttypes.models import ContentType
                from django.core.management import call_command
                call_command("migrate", verbosity=0)
                print(ContentType.objects.count(), sys.argv[1:])
                """,
        }
    )
    done = run(home, "run", "shop", "fill.py", "--x")
    assert (done.returncode, done.stdout) == (0, "1 ['--x']\n"), done.stderr
