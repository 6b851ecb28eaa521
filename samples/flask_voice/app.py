"""A page on which one talks with agents: microphone, transcript, tools, pictures.

    flask --app samples.flask_voice.app run
    gunicorn --worker-class gthread --threads 25 samples.flask_voice.app:app

See README.md beside this file for its settings, and docs/web.md for how it works.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from flask import Flask, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.security import generate_password_hash

from realtime_sync import Local
from realtime_sync.agents import RealtimeRunner, RealtimeSession
from realtime_sync.clients.base import Client
from realtime_sync.wsgi import WebSocketLimit, WebSocketRefused, serve

from . import messages
from .agents import CONFIG, PHRASES, guide, make_client
from .login import Attempts, Login, Users, csrf_token, current_login, has_csrf_token, login_page
from .playback import PageTracker
from .talks import Refused, Talks

__all__ = ["Settings", "create_app"]

_PREFIX = "FLASK_VOICE_"
# Sockets beyond the talks: a page that takes a talk over is there before the other has left.
_SPARE_SOCKETS = 4
_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' data:; media-src 'self'; connect-src 'self' {socket}; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


@dataclass(frozen=True)
class Settings:
    """What may be set; from the environment as ``FLASK_VOICE_MOST_TALKS`` and so on.

    Attributes:
        users: path of a file with lines ``name:hash``. Without one there is the user ``demo``,
            whose password is printed at the start.
        secret_key: signs the cookies. Without one logins end with the process.
        most_talks: at a time, in all; fewer than the server has threads.
        most_per_user: talks of one user's at a time.
        rejoin_s: seconds in which a page that was lost or reloaded gets its talk back.
        drain_s: seconds that talks may go on after SIGTERM.
        origins: origins of the page, with commas between them; by default that of the request.
        proxies: how many proxies in front are trusted to name scheme and host.
    """

    users: str = ""
    secret_key: str = ""
    most_talks: int = 20
    most_per_user: int = 2
    rejoin_s: float = 30.0
    drain_s: float = 20.0
    origins: str = ""
    proxies: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Return what the environment says, each value as its default's type.

        Raises:
            ValueError: a value is no number, or a negative one, where one belongs.
        """
        given: dict[str, Any] = {}
        for name, default in vars(cls()).items():
            variable = _PREFIX + name.upper()
            if text := environment.get(variable):
                given[name] = text if isinstance(default, str) else _number(variable, text, default)
        return cls(**given)


def _number(variable: str, text: str, default: float) -> float:
    kind = type(default)
    with suppress(ValueError):
        if 0 <= (value := kind(text)) < 1e9:
            return value
    what = "a whole number" if kind is int else "a number of seconds"
    raise ValueError(f"{variable} is {text!r}; give {what}, 0 or more")


def create_app(settings: Settings | None = None, client: Client | None = None) -> Flask:
    """Return the application.

    Args:
        settings: by default those of the environment.
        client: whose models answer; by default OpenAI's, or without a key the embedded server.
    """
    settings = settings or Settings.from_environment()
    client = client or make_client()
    app = Flask(__name__)
    app.secret_key = settings.secret_key or secrets.token_bytes(32)
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024  # of forms and JSON; pictures come by the socket
    if settings.proxies:
        trusted = settings.proxies
        proxied = ProxyFix(app.wsgi_app, x_for=trusted, x_proto=trusted, x_host=trusted)
        app.wsgi_app = proxied  # type: ignore[method-assign]  # as Flask's documents have it
    limit = WebSocketLimit(settings.most_talks + _SPARE_SOCKETS)
    talks = _talks(settings, client, limit)
    app.extensions["talks"] = talks
    app.extensions["websocket_limit"] = limit
    login_page(app, _users(settings), attempts=Attempts(), on_logout=talks.end_all)
    _add_pages(app, is_demo=isinstance(client, Local))
    _add_talks(app, talks, limit, settings)
    app.cli.add_command(add_user)
    return app


def _talks(settings: Settings, client: Client, limit: WebSocketLimit) -> Talks:
    runner = RealtimeRunner(guide, config=CONFIG, client=client)

    def open_session(tracker: PageTracker) -> RealtimeSession[Any]:
        return runner.run(model_config={"playback_tracker": tracker})

    return Talks(
        open_session,
        most=settings.most_talks,
        most_per_user=settings.most_per_user,
        rejoin_s=settings.rejoin_s,
        is_ending=lambda: limit.refuses_new,
        drain_s=settings.drain_s,
    )


def _users(settings: Settings) -> Users:
    if settings.users:
        return Users.in_file(Path(settings.users))
    password = secrets.token_urlsafe(9)
    print(f"Log in as demo with the password {password}", flush=True)
    return Users({"demo": generate_password_hash(password)})


def _add_pages(app: Flask, *, is_demo: bool) -> None:
    @app.get("/")
    def page() -> ResponseReturnValue:
        login = current_login()
        if login is None:
            return redirect(url_for("login.ask"), 303)
        return render_template(
            "page.html",
            user=login.user,
            csrf_token=csrf_token(),
            max_image_bytes=messages.MAX_IMAGE_BYTES,
            image_types=messages.IMAGE_TYPES,
            phrases=PHRASES if is_demo else (),
        )

    @app.after_request
    def harden(response: Response) -> Response:
        socket = f"{'wss' if request.is_secure else 'ws'}://{request.host}"
        response.headers["Content-Security-Policy"] = _POLICY.format(socket=socket)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        return response


def _add_talks(app: Flask, talks: Talks, limit: WebSocketLimit, settings: Settings) -> None:
    origins = settings.origins.replace(",", " ").split()

    @app.post("/talks")
    def ask_for_talk() -> ResponseReturnValue:
        login = _login_of_page()
        if request.environ.get("wsgi.multiprocess"):
            words = "A talk lives in one process: the server has to run with --workers 1."
            raise Refused("workers", 503, words)
        ticket, talk_id = talks.ticket(login.user, login.id, _wanted_talk())
        return jsonify(ticket=ticket, talk=talk_id), 201

    @app.delete("/talks/<talk_id>")
    def give_up_talk(talk_id: str) -> ResponseReturnValue:
        talks.give_up(_login_of_page().user, talk_id)
        return "", 204

    @app.route("/talk", websocket=True)
    def talk() -> ResponseReturnValue:
        login = current_login()
        if login is None:
            return WebSocketRefused("log in first", 403)
        try:
            granted = talks.redeem(request.args.get("ticket", ""), login.id)
        except Refused as refused:
            return WebSocketRefused(str(refused), refused.status)
        return serve(
            request.environ,
            granted.hold,
            limit=limit,
            origins=origins or [f"{request.scheme}://{request.host}"],
            max_size=messages.MAX_MESSAGE_BYTES,
        )

    @app.errorhandler(Refused)
    def refuse(refused: Refused) -> ResponseReturnValue:
        headers = {"Retry-After": "10"} if refused.status == 503 else {}
        return jsonify(code=refused.code, error=str(refused)), refused.status, headers


def _login_of_page() -> Login:
    """Return the login of a page of ours."""
    login = current_login()
    if login is None:
        raise Refused("login_over", 401, "Your login is over. Please log in again.")
    if not has_csrf_token(request.headers.get("X-CSRF-Token")):
        raise Refused("csrf", 403, "This page is too old. Please load it again.")
    return login


def _wanted_talk() -> str | None:
    try:
        body = request.get_json(silent=True)
    except RecursionError:  # it is nested too deep
        body = None
    talk_id = body.get("talk") if isinstance(body, dict) else 0
    if talk_id is not None and not isinstance(talk_id, str):
        raise Refused("bad_request", 400, 'Send {"talk": null}, or the id of a talk.')
    return talk_id


@click.command("add-user")
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.password_option()
def add_user(name: str, file: Path, password: str) -> None:
    """Add a user to a file of users."""
    if ":" in name or name != name.strip() or not name or not name.isprintable():
        words = "a name has no colon, no line break and no space around it, and is not empty"
        raise click.BadParameter(words)
    file.touch(mode=0o600)  # hashes are nobody else's business
    end = "" if file.read_bytes()[-1:] in (b"", b"\n") else "\n"  # of a line that somebody wrote
    with file.open("a", encoding="utf-8") as users:
        users.write(f"{end}{name}:{generate_password_hash(password)}\n")


def __getattr__(name: str) -> Flask:
    """Make ``app`` when a server asks for it, so that others may import this without one."""
    if name != "app":
        raise AttributeError(name)
    settings = Settings.from_environment()
    app = globals()["app"] = create_app(settings)
    app.extensions["websocket_limit"].drain_at_sigterm(settings.drain_s)
    return app
