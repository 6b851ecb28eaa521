"""The group of commands; each is imported when it is called."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module

import click

from .._version import __version__
from ..errors import RealtimeError
from ._wording import in_our_words

__all__ = ["run"]

# name -> what `--help` says of it; the module has the name of the command.
_COMMANDS = {
    "devices": "List microphones and speakers, play a test tone, show the microphone's level.",
    "doctor": "Look what is missing or broken, and say how to get it.",
    "serve": "Serve the realtime protocol with no key and no network.",
    "talk": "Talk to a realtime model, with a microphone or with recordings.",
}
_INTERRUPTED = 130  # what shells expect after Ctrl-C


class _Commands(click.Group):
    """Knows the commands' names and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f".{cmd_name}", __package__), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands)
@click.version_option(__version__, prog_name="realtime-sync")
def _group() -> None:
    """Realtime voice for code that is not async."""


def run(arguments: list[str] | None) -> int:
    """Run one command; return the exit code."""
    try:
        code = _group.main(arguments, prog_name="realtime-sync", standalone_mode=False)
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except RealtimeError as exc:
        sys.stderr.write(f"error: {in_our_words(str(exc))}\n")
        return 1
    except OSError as exc:  # of the standard output: all files have errors of ours
        _give_up_output(exc)
        return 1
    return code if isinstance(code, int) else 0


def _give_up_output(exc: OSError) -> None:
    with suppress(OSError):
        sys.stderr.write(f"error: the output can't be written: {exc.strerror or exc}\n")
    with suppress(OSError):  # what is left of it would fail once more at the interpreter's end
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
