"""Werkzeug's server of an application: its socket's descriptor, MODULE:NAME, perhaps a PEM file."""

from __future__ import annotations

import ssl
import sys

from werkzeug.debug import DebuggedApplication
from werkzeug.serving import make_server
from werkzeug.utils import import_string

if __name__ == "__main__":
    descriptor, app, *pem = sys.argv[1:]
    context = None
    if pem:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem[0])
    make_server(
        "127.0.0.1",
        0,
        DebuggedApplication(import_string(app)),
        threaded=True,
        fd=int(descriptor),
        ssl_context=context,
    ).serve_forever()
