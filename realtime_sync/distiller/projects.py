"""Projects at the server: created, fetched, and their configurations judged.

Source of the routes: the published ``airefinery-sdk``, 1.33.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from .._shown import shown
from .._types import UNSET, JsonDict
from ..errors import (
    ApiError,
    ConfigError,
    ProjectCreationError,
    ProjectDownloadError,
    RemoteProtocolError,
)
from ..events.wire_values import as_number, as_object
from ..rest.request import Answer, json_object
from .account import SDK_VERSION, Account

__all__ = ["Projects", "check_name", "decoded_config", "speech_hz"]

_LOGGER = logging.getLogger("realtime_sync.distiller")

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
_MAX_SHOWN_CHARS: Final = 500
_SPEECH_HZ: Final = 16_000  # as the SDK's two methods have it


def check_name(option: str, value: Any) -> str:
    """Return a name, or raise.

    Args:
        option: what it was given as.
        value: the name; the URLs of sessions are made of it.

    Raises:
        ConfigError: it has other characters, or none.

    Example:
        >>> check_name("project", "tutor-2")
        'tutor-2'
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ConfigError(
            f"{option} is {shown(value)}; use the letters a to z and A to Z, digits, '-' and '_'"
        )
    return value


def decoded_config(downloaded: Mapping[str, Any]) -> JsonDict:
    """Return the configuration in what the server gave.

    There it is JSON within JSON, twice in the live service.

    Raises:
        RemoteProtocolError: there is none in it.
    """
    config = downloaded.get("config")
    for _ in range(2):
        if isinstance(config, str):
            config = _parsed(config)
    if not isinstance(config, dict):
        raise RemoteProtocolError("the server gave a project without a readable configuration")
    return config


def speech_hz(config: Mapping[str, Any]) -> int:
    """Return the samples per second of the answers of a project, by its configuration.

    Example:
        >>> speech_hz({"orchestrator": {"speech_config": {"sample_rate": 24000}}})
        24000
        >>> speech_hz({})
        16000
    """
    for place in (as_object(config.get("orchestrator")), config):
        rate = as_number(as_object(place.get("speech_config")).get("sample_rate"))
        if rate is not None and rate >= 1:
            return int(rate)
    return _SPEECH_HZ


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


class Projects:
    """The projects of one account; names are checked before anything is sent.

    Threads: may be shared.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    def create(self, project: str, config: Any) -> None:
        """Make a project, or a further version of it.

        Raises:
            ProjectCreationError: the server does not take it.
        """
        fields = {"project": project, "config": config, "sdk_version": SDK_VERSION}
        extra = {"project": project}
        # Done twice it would be two versions.
        request = self._account.request("/distiller/create", fields, repeatable=False)
        try:
            answer = self._account.send(request)
        except ApiError as exc:
            _refuse(ProjectCreationError, f"project {project!r} was not created", exc, extra)
        if answer.status != 201:
            words = f"project {project!r} was not created: the server answers as if nothing was new"
            raise ProjectCreationError(words, status=answer.status, extra=extra)
        _LOGGER.info("project %s was created, version %s", project, _version_in(answer))

    def download(self, project: str, version: str | None) -> JsonDict:
        """Return what the server has of a project, as it gives it.

        Raises:
            ProjectDownloadError: it does not give it.
        """
        fields = {"project": project, "project_version": version, "sdk_version": SDK_VERSION}
        extra = {"project": project, "project_version": version}
        request = self._account.request("/distiller/download", fields, repeatable=True)
        try:
            answer = self._account.send(request)
        except ApiError as exc:
            _refuse(ProjectDownloadError, f"project {project!r} can't be had", exc, extra)
        return json_object(answer)

    def is_valid(self, config: Any, *, timeout: Any = UNSET) -> bool:
        """Return whether the server takes a configuration; its words are logged."""
        request = self._account.request(
            "/distiller/config/validate", {"config": config}, repeatable=True, timeout=timeout
        )
        try:
            answer = self._account.send(request)
        except ApiError as exc:
            _LOGGER.warning(
                "the configuration is not valid: %s (http status %d)", _words(exc), exc.status
            )
            return False
        return answer.status == 200


def _refuse(
    kind: type[ProjectCreationError] | type[ProjectDownloadError],
    what: str,
    exc: ApiError,
    extra: Mapping[str, Any],
) -> NoReturn:
    text = exc.body if isinstance(exc.body, str) or exc.body is None else json.dumps(exc.body)
    raise kind(
        f"{what}: {_words(exc)} (http status {exc.status})",
        status=exc.status,
        extra={"status_code": exc.status, "error_message": text or "", **extra},
    ) from exc


def _words(exc: ApiError) -> str:
    """Return what the server says, also where it is a list of faults."""
    detail = exc.body.get("detail") if isinstance(exc.body, dict) else None
    if isinstance(detail, list):
        return f"{json.dumps(detail, ensure_ascii=False):.{_MAX_SHOWN_CHARS}}"
    return exc.message


def _version_in(answer: Answer) -> Any:
    found = _parsed(answer.body.decode(errors="replace"))
    return found.get("project_version", "unknown") if isinstance(found, dict) else "unknown"
