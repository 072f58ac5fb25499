"""The native micro-framework: the names and the meaning of Flask 3.1, on Werkzeug."""
