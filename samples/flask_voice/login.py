"""Who may talk: a login by name and password, kept in a signed cookie, and the check against CSRF.

Users come from a file with lines ``name:hash``, which ``flask … add-user`` writes.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import (
    Blueprint,
    Flask,
    current_app,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from werkzeug.security import check_password_hash, generate_password_hash

__all__ = [
    "Attempts",
    "EndedLogins",
    "Login",
    "Users",
    "csrf_token",
    "current_login",
    "has_csrf_token",
    "login_page",
]

_ENDED = "voice_page_ended_logins"
_MOST_ENDED = 100_000
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_NO_HTTPS = (
    "This page was opened without HTTPS, and browsers give such pages no microphone. "
    "Open it by https://, or on this very machine as localhost."
)


@dataclass(frozen=True)
class Login:
    """Somebody who is logged in; each login has an id of its own."""

    id: str
    user: str


class Users:
    """Names and hashed passwords.

    Args:
        hashes: of the passwords, by name, as werkzeug makes them.
    """

    def __init__(self, hashes: dict[str, str]) -> None:
        self._hashes = hashes
        # For names that there are not: they are to take as long as those that there are.
        self._nobody = generate_password_hash(secrets.token_hex())

    @classmethod
    def in_file(cls, path: Path) -> Users:
        """Return those of a file with a line ``name:hash`` for each."""
        lines = path.read_text(encoding="utf-8").splitlines()
        pairs = (line.partition(":") for line in lines if line.strip())
        return cls({name: hashed for name, _, hashed in pairs})

    def has(self, name: str, password: str) -> bool:
        """Whether this is the password of that user."""
        matches = check_password_hash(self._hashes.get(name, self._nobody), password)
        return matches and name in self._hashes


class Attempts:
    """Counts failures, so that passwords can't be guessed quickly.

    Args:
        most: failures of one kind within ``within_s`` seconds.
        clock: seconds, monotonic.

    Threads: any.
    """

    def __init__(
        self,
        most: int = 5,
        within_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._within_s = within_s
        self._clock = clock
        self._lock = threading.Lock()  # guards the rest
        self._failures: dict[str, deque[float]] = {}

    def begin(self, key: str) -> bool:
        """Return whether another attempt may be made, which fails unless `succeeded` is called.

        It counts from now on: a password takes a while to be checked, and of many that come at once
        no more are to be checked than one after the other.
        """
        with self._lock:
            self._forget_locked()
            is_open = len(self._failures.get(key, ())) < self._most
            if is_open:
                self._failures.setdefault(key, deque()).append(self._clock())
            return is_open

    def succeeded(self, key: str) -> None:
        """Take that the attempt has not failed."""
        with self._lock:
            if times := self._failures.get(key):
                times.pop()

    def _forget_locked(self) -> None:
        since = self._clock() - self._within_s
        for key, times in [*self._failures.items()]:
            while times and times[0] <= since:
                times.popleft()
            if not times:
                del self._failures[key]


class EndedLogins:
    """The logins that are over: a cookie can't be taken back from who has copied it.

    Args:
        most: so many are known; of more the oldest is forgotten.

    Threads: any may call anything.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()  # held while an id is added
        self._ids: dict[str, None] = {}  # the oldest first

    def add(self, login_id: str) -> None:
        """Take that a login is over."""
        with self._lock:
            self._ids[login_id] = None
            if len(self._ids) > self._most:
                del self._ids[next(iter(self._ids))]

    def __contains__(self, login_id: object) -> bool:
        return login_id in self._ids


class _Cookies(SecureCookieSessionInterface):
    """Cookies that go over HTTPS alone, but for a server on the user's own machine."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return not _is_local()


def _is_local() -> bool:
    host = request.host
    return any(host == name or host.startswith(f"{name}:") for name in _LOCAL_HOSTS)


def current_login() -> Login | None:
    """Return who asks; None for somebody who is not logged in, any more."""
    login_id, user = session.get("login"), session.get("user")
    is_over = login_id in current_app.extensions[_ENDED]
    return Login(login_id, user) if login_id and user and not is_over else None


def csrf_token() -> str:
    """Return the token that forms and scripts of this browser's pages send back."""
    token: str = session.setdefault("csrf", secrets.token_urlsafe(24))
    return token


def has_csrf_token(sent: str | None) -> bool:
    """Whether a request comes from a page of ours, by the token that it sends."""
    expected = session.get("csrf")
    return bool(sent and expected) and secrets.compare_digest(
        str(sent).encode(), str(expected).encode()
    )


def login_page(
    app: Flask, users: Users, *, attempts: Attempts, on_logout: Callable[[str], object]
) -> None:
    """Add the pages of logging in and out.

    Args:
        app: gets cookies that scripts can't read, and other sites' requests do not bring.
        users: who may log in.
        attempts: counts those that fail, by name and address.
        on_logout: gets the id of a login that is over.
    """
    app.session_interface = _Cookies()
    ended = app.extensions[_ENDED] = EndedLogins(most=_MOST_ENDED)
    app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")
    pages = Blueprint("login", __name__)

    @pages.get("/login")
    def ask() -> ResponseReturnValue:
        return _form(None)

    @pages.post("/login")
    def log_in() -> ResponseReturnValue:
        name, password = request.form.get("username", ""), request.form.get("password", "")
        key = f"{name} {request.remote_addr}"
        if not has_csrf_token(request.form.get("csrf_token")):
            return _form("This form was too old. Please try again."), 400
        if not attempts.begin(key):
            return _form("Too many attempts. Please wait a minute."), 429
        if not users.has(name, password):
            return _form("Name or password are wrong.", name), 401
        attempts.succeeded(key)
        session.clear()  # what was known before the login is nobody's afterwards
        session.update(login=secrets.token_urlsafe(16), user=name)
        csrf_token()
        return redirect(url_for("page"), 303)

    @pages.post("/logout")
    def log_out() -> ResponseReturnValue:
        if not has_csrf_token(request.form.get("csrf_token")):
            return _form("This form was too old. Please try again."), 400
        login = current_login()
        session.clear()
        if login is not None:
            ended.add(login.id)
            on_logout(login.id)
        return redirect(url_for("login.ask"), 303)

    app.register_blueprint(pages)


def _form(error: str | None, name: str = "") -> str:
    hint = None if request.is_secure or _is_local() else _NO_HTTPS
    return render_template("login.html", csrf_token=csrf_token(), error=error, hint=hint, name=name)
