"""``python -m realtime_sync.local``: the embedded server as a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import NoReturn

from .._installation import install_command
from ..errors import ConfigError, RealtimeError
from .server_settings import OPTIONS, ServerSettings

__all__ = ["main", "settings_of"]


def main(argv: list[str] | None = None) -> int:
    """Serve as the arguments say; return the exit code."""
    try:
        arguments = sys.argv[1:] if argv is None else argv
        settings, child = settings_of(arguments)
        if child:
            settings, _ = settings_of([*arguments, *_told_by_parent()])
        from .web.uvicorn_server import serve

        serve(settings, child=child)
    except KeyboardInterrupt:  # before it serves: then it ends in order
        return 130
    except RealtimeError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 2
    except ImportError as exc:
        sys.stderr.write(f"error: {exc.name} is not installed: {install_command('local')}\n")
        return 2
    return 0


def _told_by_parent() -> list[str]:
    """Return the arguments that only the parent knows: a command line can be read by everybody."""
    line = b""
    while not line.endswith(b"\n") and (data := os.read(0, 65536)):
        line += data
    told: list[str] = json.loads(line or b"[]")
    return told


def settings_of(argv: list[str] | None = None) -> tuple[ServerSettings, bool]:
    """Return what the arguments say, and whether this is to be a child process.

    Raises:
        ConfigError: they are wrong.
    """
    values = vars(_parser().parse_args(argv))
    child = values.pop("child")
    return ServerSettings(**values), child


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Be short: the last line of what a child says is what its owner is told."""
        raise ConfigError(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m realtime_sync.local", description="The embedded server.")
    for option in OPTIONS:
        action = "append" if option.repeatable else "store"
        parser.add_argument(
            option.flag, dest=option.name, type=option.type, action=action, help=option.help
        )
        default = list(option.default) if option.repeatable else option.default
        parser.set_defaults(**{option.name: os.environ.get(option.variable or "", default)})
    parser.add_argument(
        "--child",
        action="store_true",
        help="read further arguments as a JSON line, print one when ready, and end when standard "
        "input ends",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
