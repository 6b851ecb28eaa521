"""The command ``realtime-sync``."""

from __future__ import annotations

import sys
from typing import NoReturn

from .._installation import install_command

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        arguments: without the program's name; by default the process's own.
    """
    try:
        import click  # noqa: F401 - only to see whether it is there
        import rich  # noqa: F401 - the same
    except ImportError:
        sys.stderr.write(
            "error: the command line needs click and rich, which are not installed: "
            f"{install_command('cli')}\n"
        )
        sys.exit(1)
    from ._group import run

    sys.exit(run(arguments))
