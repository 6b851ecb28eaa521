"""``python -m realtime_sync.local``: the embedded server as a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from ..errors import RealtimeError
from .server_settings import KEY_VARIABLE, ServerSettings, recogniser_spec

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Serve as the arguments say; return the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    options = _parser().parse_args(arguments)
    if options.child:
        options = _parser().parse_args([*arguments, *_told_by_parent()])
    try:
        settings = _settings(options)
        from .web.uvicorn_server import serve

        serve(settings, child=options.child)
    except RealtimeError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 2
    except ImportError as exc:
        sys.stderr.write(
            f"error: {exc.name} is not installed: pip install 'realtime_sync[local]'\n"
        )
        return 2
    return 0


def _told_by_parent() -> list[str]:
    """Return the arguments that only the parent knows: a command line can be read by everybody."""
    line = b""
    while not line.endswith(b"\n") and (data := os.read(0, 65536)):
        line += data
    told: list[str] = json.loads(line or b"[]")
    return told


def _settings(options: argparse.Namespace) -> ServerSettings:
    return ServerSettings(
        transcriber=recogniser_spec(options.grammar, options.phrase),
        host=options.host,
        port=options.port,
        key=os.environ.get(KEY_VARIABLE) or None,
        session_limit_s=options.session_limit,
        responder=options.responder,
        synthesizer=options.synthesizer,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        projects=options.projects,
        ping_interval_s=options.ping_interval,
        idle_timeout_s=options.idle_timeout,
    )


def _parser() -> argparse.ArgumentParser:
    usual = ServerSettings()
    parser = argparse.ArgumentParser(
        prog="python -m realtime_sync.local",
        description="The embedded realtime server. Clients must show the key in the environment "
        f"variable {KEY_VARIABLE}, if it is set.",
    )
    parser.add_argument("--host", default=usual.host, help="address to bind")
    parser.add_argument("--port", type=int, default=usual.port, help="0 finds a free one")
    parser.add_argument("--tls-cert", type=Path, help="PEM file; serves https and wss")
    parser.add_argument("--tls-key", type=Path, help="PEM file of the private key")
    parser.add_argument("--responder", default=usual.responder, help="who answers")
    parser.add_argument("--grammar", type=Path, help="JSGF, or a sentence per line, to recognise")
    parser.add_argument(
        "--phrase", action="append", default=[], help="a sentence to recognise; may be repeated"
    )
    parser.add_argument("--synthesizer", default=usual.synthesizer, help="who speaks")
    parser.add_argument(
        "--session-limit",
        type=float,
        default=usual.session_limit_s,
        metavar="SECONDS",
        help="when sessions expire",
    )
    parser.add_argument("--projects", type=Path, help="folder of the Distiller's projects")
    parser.add_argument(
        "--ping-interval",
        type=float,
        default=usual.ping_interval_s,
        metavar="SECONDS",
        help="how often the Distiller's sessions are asked for a sign of life",
    )
    parser.add_argument(
        "--idle-timeout",
        type=float,
        default=usual.idle_timeout_s,
        metavar="SECONDS",
        help="when the Distiller's sessions without messages are closed",
    )
    parser.add_argument(
        "--child",
        action="store_true",
        help="read further arguments as a JSON line, print one when ready, and end when standard "
        "input ends",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
