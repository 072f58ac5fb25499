"""An application as a user writes it; mypy reads it with --strict, nobody runs it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from gateway import (
    App,
    Blueprint,
    Flask,
    Request,
    Response,
    abort,
    after_this_request,
    copy_current_request_context,
    current_app,
    flash,
    g,
    get_flashed_messages,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    send_file,
    session,
    stream_with_context,
    url_for,
)
from gateway.sessions import StoredSessionInterface
from gateway.testing import FlaskClient, FlaskCliRunner
from gateway.typing import ResponseReturnValue
from gateway.views import MethodView, View

app = App(__name__, static_folder="static", template_folder="templates")
ported: Flask = app
app.config["SECRET_KEY"] = "secret"
app.secret_key = "secret"
app.permanent_session_lifetime = timedelta(days=1)
app.session_interface = StoredSessionInterface.memory()
part = Blueprint("part", __name__, url_prefix="/part")


@app.route("/")
def index() -> str:
    g.user = "ann"
    session["user"] = g.user
    flash("hello")
    return render_template("index.html", messages=get_flashed_messages())


@app.get("/items/<int:number>")
def item(number: int) -> ResponseReturnValue:
    if number < 0:
        abort(404)
    return {"number": number, "next": url_for("item", number=number + 1)}


@app.post("/items")
async def create() -> ResponseReturnValue:
    name: str = request.form["name"]
    return {"name": name}, 201, {"X-Name": name}


@app.get("/made")
def made() -> Response:
    response: Response = make_response("text", 200)
    response.headers["X-One"] = "1"
    return response


@app.get("/stream")
def stream() -> Response:
    @stream_with_context
    def body() -> Iterator[str]:
        yield request.path

    return Response(body(), mimetype="text/plain")


@app.get("/away")
def away() -> ResponseReturnValue:
    @after_this_request
    def mark(response: Response) -> Response:
        response.headers["X-Marked"] = "yes"
        return response

    return redirect(url_for("index"))


@app.get("/file")
def file() -> ResponseReturnValue:
    return send_file("static/a.txt", max_age=60)


@app.before_request
def before() -> None:
    current_app.logger.info("%s", request.path)


@app.teardown_appcontext
def down(error: BaseException | None) -> None:
    g.pop("user", None)


@app.errorhandler(404)
def missing(error: Exception) -> ResponseReturnValue:
    return jsonify(error=str(error)), 404


@part.get("/")
def part_index() -> list[int]:
    return [1]


class Items(MethodView):
    def get(self) -> ResponseReturnValue:
        return {"items": []}


class Page(View):
    def __init__(self, text: str) -> None:
        self.text = text

    def dispatch_request(self, number: int) -> str:
        return self.text * number


@copy_current_request_context
def work(number: int) -> int:
    return number + 1


app.add_url_rule("/page/<int:number>", view_func=Page.as_view("page", text="x"))
app.add_url_rule("/view", view_func=Items.as_view("items"))
app.register_blueprint(part, name="again")
result: int = work(1)
user: str = index()


class Asked(Request):
    colour: str = "red"


app.request_class = Asked


def check(client: FlaskClient, runner: FlaskCliRunner) -> None:
    with app.test_client() as made_client, app.app_context():
        status: int = made_client.get("/").status_code
        assert status == 200
    assert app.test_cli_runner().invoke(args=["x"]).exit_code == 0
