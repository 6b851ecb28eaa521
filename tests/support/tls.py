"""A private authority, and the contexts of a server and of a client that trust it."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """Issues certificates for ``localhost`` and for clients."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    def server(self, *, ask_clients: bool = False) -> ssl.SSLContext:
        """A server's context, which lets in only clients of this authority if told to."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert("localhost").configure_cert(context)
        if ask_clients:
            context.verify_mode = ssl.CERT_REQUIRED
            self._ca.configure_trust(context)
        return context

    def write_server(self, path: Path) -> None:
        """Write a server's key and certificate, for a server that reads a file."""
        self._ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(path))

    def client(self, name: str | None = None) -> ssl.SSLContext:
        """A client's context, with a certificate if it has a name."""
        context = ssl.create_default_context()
        self._ca.configure_trust(context)
        if name is not None:
            self._ca.issue_cert(name).configure_cert(context)
        return context

    @property
    def pem(self) -> str:
        """The authority's own certificate."""
        return self._ca.cert_pem.bytes().decode()
