"""The server's sockets: routes, who may use them, and the loop that serves a session."""
