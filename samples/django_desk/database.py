"""The database that ``DATABASE_URL`` names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def database(url: str, folder: Path) -> dict[str, object]:
    """Return Django's settings of a database.

    Args:
        url: ``postgres://user:password@host:5432/name``, or ``sqlite:///absolute/path``. A folder
            with PostgreSQL's socket is ``postgres:///name?host=/run/postgresql&user=desk``. Empty
            for SQLite in ``folder``.
        folder: where SQLite's file is, if nothing else is said.

    Raises:
        ImproperlyConfigured: the URL is of another kind, is damaged, or names no database.
    """
    if not url:
        return _sqlite(str(folder / "desk.sqlite3"))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # Not its words: what it takes for the port may be half of a password.
        raise ImproperlyConfigured(
            "DATABASE_URL can't be read; write what is special in the user's name and the "
            "password in percent, such as %2F for /, and the port as a number"
        ) from None
    name = unquote(parts.path.removeprefix("/"))
    if parts.scheme == "sqlite" and name:
        return _sqlite(f"/{name}")
    if parts.scheme not in ("postgres", "postgresql") or not name:
        raise ImproperlyConfigured(
            # Not the URL itself: it may hold a password.
            f"DATABASE_URL begins with {parts.scheme!r} and names {name!r}; give "
            "postgres://user:password@host:port/name or sqlite:///absolute/path"
        )
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "HOST": unquote(parts.hostname or query.get("host", "")),
        "PORT": str(port or query.get("port", "")),
        "USER": unquote(parts.username or query.get("user", "")),
        "PASSWORD": unquote(parts.password or ""),
    }


def _sqlite(name: str) -> dict[str, object]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name,
        "OPTIONS": {
            # Readers and one writer at once; another writer waits instead of failing at once.
            "init_command": "PRAGMA journal_mode=WAL",
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
        },
        # A file in the tests, too: one in memory is one connection, and their server has threads.
        "TEST": {"NAME": f"{name}.test"},
    }
