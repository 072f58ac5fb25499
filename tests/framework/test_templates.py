"""Templates and static files."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import (
    App,
    Blueprint,
    g,
    get_template_attribute,
    render_template,
    render_template_string,
    send_file,
    send_from_directory,
    session,
    stream_template,
    stream_template_string,
    url_for,
)
from gateway.templating import Environment


@pytest.fixture
def site(tmp_path: Path) -> App:
    (tmp_path / "templates").mkdir()
    (tmp_path / "static").mkdir()
    (tmp_path / "templates/page.html").write_text(
        "{{ title }} {{ request.path }} {{ g.user }} {{ extra }} {{ url_for('index') }}"
    )
    (tmp_path / "templates/macros.html").write_text(
        "{% macro hi(x) %}hi {{ x }}{% endmacro %}"
    )
    (tmp_path / "templates/plain.txt").write_text("{{ title }}")
    (tmp_path / "static/a.css").write_text("body {}")
    app = App("site", root_path=str(tmp_path), instance_path=str(tmp_path))
    app.testing = True
    app.secret_key = "k"

    @app.context_processor
    def extra() -> dict[str, str]:
        return {"extra": "more", "title": "loses"}

    @app.get("/")
    def index() -> str:
        g.user = "<ann>"
        return render_template("page.html", title="<t>")

    return app


def test_a_template_sees_the_request_and_escapes(site: App) -> None:
    text = site.test_client().get("/").text
    assert text == "&lt;t&gt; / &lt;ann&gt; more /"


def test_suffix_decides_about_escaping(site: App) -> None:
    with site.app_context():
        assert render_template("plain.txt", title="<t>") == "<t>"
        assert render_template(["none.html", "plain.txt"], title="x") == "x"
        assert render_template_string("{{ t }}", t="<") == "&lt;"
        assert get_template_attribute("macros.html", "hi")("x") == "hi x"


def test_filters_tests_and_globals(site: App) -> None:
    @site.template_filter()
    def twice(text: str) -> str:
        return text * 2

    @site.template_test("big")
    def is_big(number: int) -> bool:
        return number > 9

    @site.template_global()
    def now() -> str:
        return "noon"

    with site.app_context():
        source = "{{ 'a'|twice }} {{ 10 is big }} {{ now() }}"
        assert render_template_string(source) == "aa True noon"


def test_streaming_a_template(site: App) -> None:
    site.add_url_rule("/s", "s", lambda: stream_template("page.html", title="t"))
    assert site.test_client().get("/s").text.startswith("t /s")


def test_a_blueprint_has_templates_behind_the_applications(
    site: App, tmp_path: Path
) -> None:
    folder = tmp_path / "part" / "templates"
    folder.mkdir(parents=True)
    (folder / "page.html").write_text("hidden")
    (folder / "own.html").write_text("own {{ extra }}")
    part = Blueprint(
        "part", __name__, template_folder="templates", root_path=str(tmp_path / "part")
    )
    part.add_url_rule("/own", "own", lambda: render_template("own.html"))
    part.context_processor(lambda: {"extra": "of the part"})
    site.register_blueprint(part)
    client = site.test_client()
    assert client.get("/own").text == "own of the part"
    assert client.get("/").text != "hidden"


def test_static_files(site: App) -> None:
    client = site.test_client()
    answer = client.get("/static/a.css")
    assert (answer.text, answer.mimetype) == ("body {}", "text/css")
    tag = answer.headers["ETag"]
    answer.close()
    cached = client.get("/static/a.css", headers={"If-None-Match": tag})
    assert cached.status_code == 304
    cached.close()
    part = client.get("/static/a.css", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.text) == (206, "body")
    part.close()
    assert client.get("/static/../templates/page.html").status_code == 404
    with site.test_request_context():
        assert url_for("static", filename="a.css") == "/static/a.css"


def test_sending_files(site: App) -> None:
    site.add_url_rule("/f", "f", lambda: send_file("static/a.css", as_attachment=True))
    site.add_url_rule("/d/<path:p>", "d", lambda p: send_from_directory("static", p))
    site.config["SEND_FILE_MAX_AGE_DEFAULT"] = 60
    client = site.test_client()
    with client.get("/f") as answer:
        assert answer.headers["Content-Disposition"] == "attachment; filename=a.css"
        assert answer.cache_control.max_age == 60
    with client.get("/d/a.css") as answer:
        assert answer.data == b"body {}"
    assert client.get("/d/../page.html").status_code == 404


def test_resources(site: App) -> None:
    with site.open_resource("static/a.css") as file:
        assert file.read() == b"body {}"
    with site.open_resource("static/a.css", "r") as file:
        assert file.read() == "body {}"
    with pytest.raises(ValueError, match="for reading"):
        site.open_resource("static/a.css", "w")


def test_the_reload_of_templates_follows_debugging() -> None:
    def app(**config: object) -> App:
        made = App("reload", static_folder=None)
        made.config.update(config)
        return made

    assert app().jinja_env.auto_reload is False
    assert app(DEBUG=True).jinja_env.auto_reload is True
    assert app(TEMPLATES_AUTO_RELOAD=True).jinja_env.auto_reload is True
    assert app(DEBUG=True, TEMPLATES_AUTO_RELOAD=False).jinja_env.auto_reload is False
    late = app()
    assert late.jinja_env.auto_reload is False
    late.debug = True
    assert late.jinja_env.auto_reload is True
    late.debug = False
    assert late.jinja_env.auto_reload is False


def test_the_environment_and_its_loader_can_be_replaced() -> None:
    from jinja2 import DictLoader

    class Loud(Environment):
        pass

    class Own(App):
        jinja_environment = Loud
        jinja_options = {"trim_blocks": True}  # noqa: RUF012

        def create_global_jinja_loader(self) -> Any:
            return DictLoader({"a.html": "{% if 1 %}\n{{ x }}{% endif %}"})

        def select_jinja_autoescape(self, filename: str | None) -> bool:
            return False

    app = Own("own", static_folder=None)
    assert type(app.jinja_env) is Loud
    with app.app_context():
        assert render_template("a.html", x="<") == "<"


def test_what_every_template_knows(site: App) -> None:
    source = "{{ request.path }}|{{ session.n }}|{{ g.user }}|{{ config.TESTING }}"
    with site.test_request_context("/p"):
        g.user, session["n"] = "ann", 3
        assert render_template_string(source) == "/p|3|ann|True"
        imported = (
            "{% macro m() %}{{ request.path }}{{ g.user }}{% endmacro %}{{ m() }}"
        )
        assert render_template_string(imported) == "/pann"
    with site.app_context():
        assert render_template_string("{{ g.get('x') }}{{ request is defined }}")


def test_a_missing_template_names_itself(site: App) -> None:
    from jinja2 import TemplateNotFound

    with site.app_context():
        with pytest.raises(TemplateNotFound) as caught:
            render_template("missing.html")
        assert caught.value.name == "missing.html"
        assert "page.html" in site.jinja_env.list_templates()


def test_template_loading_is_explained(
    site: App, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from jinja2 import TemplateNotFound

    part = Blueprint("part", __name__, template_folder="t", root_path=str(tmp_path))
    part.add_url_rule("/part", "index", lambda: render_template("missing.html"))
    part.add_url_rule(
        "/found", "found", lambda: render_template("page.html", title="t")
    )
    site.register_blueprint(part)
    site.config["EXPLAIN_TEMPLATE_LOADING"] = True
    client = site.test_client()
    with caplog.at_level("INFO"):
        with pytest.raises(TemplateNotFound):
            client.get("/part")
        client.get("/found")
    text = caplog.text
    assert "1: trying loader of application 'site'" in text
    assert f"2: trying loader of blueprint 'part' ({__name__})" in text
    assert "Error: the template could not be found" in text
    assert "an endpoint that belongs to the blueprint 'part'" in text
    assert "See https://" in text
    assert "found ('" in text
    (tmp_path / "t").mkdir()
    (tmp_path / "t/page.html").write_text("second")
    site.jinja_env.cache.clear()
    with caplog.at_level("INFO"):
        client.get("/found")
    assert "Warning: multiple loaders returned a match" in caplog.text


def test_a_stream_of_a_template_outside_of_a_request(site: App) -> None:
    with site.app_context():
        assert "".join(stream_template_string("{{ x }}", x=1)) == "1"
        assert "".join(stream_template("plain.txt", title="t")) == "t"


def test_files_of_open_streams(site: App) -> None:
    import io

    def answer() -> Any:
        return send_file(io.BytesIO(b"data"), "text/plain", download_name="x.txt")

    site.add_url_rule("/s", "s", answer)
    with site.test_client().get("/s") as got:
        assert (got.data, got.mimetype) == (b"data", "text/plain")
    site.config["USE_X_SENDFILE"] = True
    with site.test_client().get("/static/a.css") as got:
        assert got.headers["X-Sendfile"].endswith("static/a.css")


@pytest.mark.parametrize("age", [3600, timedelta(hours=1)])
def test_how_long_files_are_cached(site: App, age: Any) -> None:
    site.config["SEND_FILE_MAX_AGE_DEFAULT"] = age
    with site.test_client().get("/static/a.css") as got:
        assert got.cache_control.max_age == 3600

    class Own(App):
        def get_send_file_max_age(self, filename: str | None) -> int | None:
            return 10 if filename and filename.endswith(".css") else None

    own = Own("own", root_path=site.root_path)
    with own.test_client().get("/static/a.css") as got:
        assert got.cache_control.max_age == 10
