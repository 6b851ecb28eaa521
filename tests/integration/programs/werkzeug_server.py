"""A program: werkzeug's server of an app, with its debugger.

Arguments: the module of the app, the descriptor of a listening socket, and the file of a
certificate where it speaks TLS.
"""

from __future__ import annotations

import importlib
import ssl
import sys

from werkzeug.debug import DebuggedApplication
from werkzeug.serving import make_server

context = None
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3])
make_server(
    "127.0.0.1",
    0,
    DebuggedApplication(importlib.import_module(sys.argv[1]).app),
    threaded=True,
    fd=int(sys.argv[2]),
    ssl_context=context,
).serve_forever()
