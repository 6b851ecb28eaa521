"""A blocking WebSocket in a WSGI application: phone bridges and voice pages in Flask.

It works on the socket of werkzeug's server and of gunicorn's workers ``gthread`` and ``gevent``,
in the thread that the server has given the request; the package `websockets` (extra ``[web]``)
parses and writes the frames.

::

    limit = WebSocketLimit(20)  # below the threads of the server, so that pages are still answered

    @app.route("/media", websocket=True)
    def media():
        return serve(request.environ, talk, limit=limit)

    def talk(socket):
        for message in socket:
            socket.send(message)
"""

from ..errors import WebSocketRefused
from .blocking_websocket import WebSocket
from .upgrade import accept, serve
from .websocket_limit import WebSocketLimit

__all__ = ["WebSocket", "WebSocketLimit", "WebSocketRefused", "accept", "serve"]
