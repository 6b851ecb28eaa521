"""A conversation that outlives its network.

    python samples/reconnecting.py

A relay stands for the network between this program and the embedded server, and is cut twice: once
while nobody waits, once in the middle of an answer. The conversation goes on as if nothing were.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit

from realtime_sync import (
    ConnectionClosedError,
    Local,
    RealtimeConnection,
    ReconnectingEvent,
    ReconnectPolicy,
)


class Network:
    """A TCP relay that can be cut."""

    def __init__(self, server_url: str) -> None:
        parts = urlsplit(server_url)
        self._server = (str(parts.hostname), int(parts.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        port = self._listener.getsockname()[1]
        self.url = parts._replace(netloc=f"127.0.0.1:{port}").geturl()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)

    def cut(self) -> None:
        """Cut all links."""
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Cut all links, and take no new ones."""
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for sock in (*self._sockets, self._listener):
            sock.close()


def tell(event: ReconnectingEvent) -> None:
    """Say what happens. It could also change the query or the headers, or give up."""
    print(f"  (code {event.close_code}: attempt {event.attempt} of {event.max_attempts})")


def ask(connection: RealtimeConnection, text: str) -> None:
    """Ask, and once more if the answer went with its link."""
    print("user      ", text)
    try:
        reply = connection.ask(text)
    except ConnectionClosedError as lost:
        if not lost.reconnecting:
            raise
        print("  (the answer went with its link)")
        reply = connection.ask()  # the question is in the history, and only the answer is missing
    print("assistant ", reply.text)


def main() -> None:
    """Talk, and cut the network meanwhile."""
    with Local() as server:
        network = Network(server.url)
        client = Local(url=network.url, api_key=server.api_key)
        with client.realtime.connect(
            reconnect=ReconnectPolicy(initial_delay=0.1), on_reconnecting=tell
        ) as connection:
            connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
            ask(connection, "Hello!")
            network.cut()
            connection.wait_for("reconnected", timeout=10)
            ask(connection, "Say that you are still there.")

            connection.response.create(response={"instructions": "Tell me a story."})
            connection.wait_for("response.output_text.delta", timeout=10)
            network.cut()
            connection.wait_for("reconnected", timeout=10)
            ask(connection, "Thank you!")
        network.close()


if __name__ == "__main__":
    main()
