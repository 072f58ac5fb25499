"""What is done around a call: WSGI applications around a WSGI application."""
