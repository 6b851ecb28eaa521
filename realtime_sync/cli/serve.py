"""``realtime-sync serve``: the embedded server for other programs and other machines."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import click

from .._installation import install_command
from ..errors import RealtimeError
from ..local.server_settings import KEY_VARIABLE, OPTIONS, ServerOption, ServerSettings

__all__ = ["serve"]

_PORT = 8765  # of the command; a server for one program takes any free one


def _option(option: ServerOption) -> Callable[[Any], Any]:
    default = _PORT if option.name == "port" else option.default
    return click.option(
        option.flag,
        option.name,
        default=default,
        show_default=bool(default),
        type=option.type,
        multiple=option.repeatable,
        envvar=option.variable,
        show_envvar=option.variable is not None,
        help=option.help,
    )


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    return reduce(lambda done, option: _option(option)(done), reversed(OPTIONS), command)


@click.command()
@_with_options
def serve(**values: Any) -> None:
    """Serve the realtime protocol with no key and no network.

    Any realtime client can connect: OpenAI(base_url="http://127.0.0.1:8765/v1", api_key="any"),
    and those of AI Refinery's Realtime Distiller with AIR_BASE_URL=http://127.0.0.1:8765.
    """
    try:
        settings = ServerSettings(**values)
        if settings.key is None and settings.host not in ("127.0.0.1", "::1", "localhost"):
            click.echo(
                f"note: without a key ({KEY_VARIABLE}) anybody may use this server", err=True
            )
        from ..local.web.uvicorn_server import serve as run

        run(settings)
    except ImportError as exc:
        raise click.ClickException(
            f"{exc.name} is not installed: {install_command('local')}"
        ) from exc
    except RealtimeError as exc:
        raise click.ClickException(str(exc)) from exc
