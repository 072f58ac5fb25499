"""Templates and static files."""

from __future__ import annotations

from pathlib import Path

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
    stream_template,
    url_for,
)


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
