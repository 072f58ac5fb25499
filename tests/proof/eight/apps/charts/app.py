from dash import Dash, Input, Output, dcc, html


def create_app():
    app = Dash("charts", requests_pathname_prefix="/charts/")
    app.layout = html.Div([dcc.Input(id="name", value="you"), html.P(id="greeting")])

    @app.callback(Output("greeting", "children"), Input("name", "value"))
    def greet(name):
        return f"Hello, {name}"

    return app.server
