"""Settings, all of them from the environment; README.md has the list."""

from __future__ import annotations

import math
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from .database import database


def _seconds(name: str, default: str) -> float:
    value = os.environ.get(name, default)
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ImproperlyConfigured(f"{name} is {value!r}; give it a number of seconds above 0")
    return seconds


DEBUG = os.environ.get("DJANGO_DEBUG") == "1"
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or ("only for trying" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "DJANGO_SECRET_KEY is not set; give it a long random text, or set DJANGO_DEBUG=1 for trying"
    )
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "localhost 127.0.0.1 [::1]").split()
CSRF_TRUSTED_ORIGINS = os.environ.get("DJANGO_CSRF_TRUSTED_ORIGINS", "").split()

# The database, unless it is PostgreSQL, and all recordings.
DATA = Path(os.environ.get("DESK_DATA", "out/django_desk")).absolute()
DATA.mkdir(parents=True, exist_ok=True)
DATABASES = {"default": database(os.environ.get("DATABASE_URL", ""), DATA)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = DATA / "sound"  # no MEDIA_URL: a view decides who may hear what

DESK_MODEL = os.environ.get("DESK_MODEL", "gpt-realtime")
DESK_TRANSCRIPTION_MODEL = os.environ.get("DESK_TRANSCRIPTION_MODEL", "gpt-4o-mini-transcribe")
DESK_HEARTBEAT_S = _seconds("DESK_HEARTBEAT_S", "5")
# An answer must be complete by then; connecting and writing it down come on top. All of it must be
# shorter than gunicorn's --timeout: a sync worker is killed, though it writes heartbeats.
DESK_ANSWER_S = _seconds("DESK_ANSWER_S", "60")
DESK_MAX_SECONDS = 120  # of a recording
DESK_MAX_BYTES = 25 * 2**20  # of a recording: two minutes of WAV, 48 kHz, stereo, are 23 MB
DESK_MAX_LETTERS = 2000  # of a question

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "samples.django_desk.desk",
]
MIDDLEWARE = [
    "samples.django_desk.desk.middleware.OnlyReadable",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
FILE_UPLOAD_HANDLERS = [
    "samples.django_desk.desk.uploads.BoundedUpload",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "samples.django_desk.urls"
WSGI_APPLICATION = "samples.django_desk.wsgi.application"
STATIC_URL = "static/"
STATIC_ROOT = DATA / "static"  # of `collectstatic`, for the web server in front
LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = os.environ.get("TZ") or "UTC"

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = os.environ.get("DJANGO_HTTPS") == "1"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SESSION_COOKIE_SECURE else None

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "samples.django_desk": {"handlers": ["stderr"], "level": "INFO"},
        "realtime_sync": {"handlers": ["stderr"], "level": "WARNING"},
    },
}
