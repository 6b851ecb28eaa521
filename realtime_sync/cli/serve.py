"""``realtime-sync serve``: the embedded server for other programs and other machines."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import RealtimeError
from ..local.server_settings import KEY_VARIABLE, ServerSettings, recogniser_spec

__all__ = ["serve"]

_USUAL = ServerSettings()
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--host", default=_USUAL.host, show_default=True, help="Address to bind.")
@click.option("--port", default=8765, show_default=True, help="Port to bind; 0 finds a free one.")
@click.option("--tls-cert", type=_FILE, help="Certificate chain (PEM): serve https and wss.")
@click.option("--tls-key", type=_FILE, help="Its private key (PEM), unless in the same file.")
@click.option(
    "--key",
    envvar=KEY_VARIABLE,
    show_envvar=True,
    help="Key that clients must show. Better in the environment, where others don't see it.",
)
@click.option(
    "--responder",
    default=_USUAL.responder,
    show_default=True,
    envvar="REALTIME_SYNC_LOCAL_RESPONDER",
    show_envvar=True,
    help="Who answers: scripted, scripted:FILE.yaml, echo, or chat:URL of a chat endpoint. A URL "
    "with a password is better in the environment.",
)
@click.option("--grammar", type=_FILE, help="Recognise only this: JSGF, or a sentence per line.")
@click.option(
    "--phrase",
    "phrases",
    multiple=True,
    help="Recognise only this, and what further --phrase say; instead of --grammar.",
)
@click.option("--synthesizer", default=_USUAL.synthesizer, show_default=True, help="Who speaks.")
@click.option(
    "--session-limit",
    default=_USUAL.session_limit_s,
    show_default=True,
    help="Seconds after which a session expires.",
)
@click.option(
    "--projects",
    type=_FOLDER,
    help="Where the Distiller's projects are kept; by default they go when the server ends.",
)
@click.option(
    "--ping-interval",
    default=_USUAL.ping_interval_s,
    show_default=True,
    help="Seconds between two PINGs of the Distiller.",
)
@click.option(
    "--idle-timeout",
    default=_USUAL.idle_timeout_s,
    show_default=True,
    help="Seconds without a message after which the Distiller closes a session.",
)
def serve(
    host: str,
    port: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    key: str | None,
    responder: str,
    grammar: Path | None,
    phrases: tuple[str, ...],
    synthesizer: str,
    session_limit: float,
    projects: Path | None,
    ping_interval: float,
    idle_timeout: float,
) -> None:
    """Serve the realtime protocol with no key and no network.

    Any realtime client can connect: OpenAI(base_url="http://127.0.0.1:8765/v1", api_key="any"),
    and those of AI Refinery's Realtime Distiller with AIR_BASE_URL=http://127.0.0.1:8765.
    """
    try:
        settings = ServerSettings(
            host=host,
            port=port,
            key=key or None,
            session_limit_s=session_limit,
            responder=responder,
            transcriber=recogniser_spec(grammar, phrases),
            synthesizer=synthesizer,
            tls_cert=tls_cert,
            tls_key=tls_key,
            projects=projects,
            ping_interval_s=ping_interval,
            idle_timeout_s=idle_timeout,
        )
        if settings.key is None and host not in ("127.0.0.1", "::1", "localhost"):
            click.echo(
                f"note: without a key ({KEY_VARIABLE}) anybody may use this server", err=True
            )
        from ..local.web.uvicorn_server import serve as run

        run(settings)
    except ImportError as exc:
        raise click.ClickException(
            f"{exc.name} is not installed: pip install 'realtime_sync[local]'"
        ) from exc
    except RealtimeError as exc:
        raise click.ClickException(str(exc)) from exc
