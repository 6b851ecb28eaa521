"""Yandex AI Studio's URLs, headers and built-in tools.

Source: the provider's examples (github.com/yandex-ai-studio/yandex-ai-studio-api-examples,
``realtime/``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from .._required import require_text
from .._shown import shown
from .._types import JsonDict
from ..errors import ConfigError
from .base import Provider, Secret, a_secret_or_none, a_text_or_none, ask_secret

__all__ = ["YandexProvider", "file_search", "web_search"]


@frozen(kw_only=True)
class YandexProvider(Provider):
    """The settings of one Yandex Cloud folder; see `Provider` for the others.

    Attributes:
        folder_id: stands in short names of models, which become ``gpt://FOLDER/NAME``.
        api_key: of a service account; or a callable. Wins over the token.
        iam_token: or a callable that returns a fresh one, since they last 12 hours.
    """

    folder_id: str | None = field(default=None, validator=a_text_or_none)
    api_key: Secret | None = field(default=None, repr=False, validator=a_secret_or_none)
    iam_token: Secret | None = field(default=None, repr=False, validator=a_secret_or_none)

    def _target(self, model: str | None, call_id: str | None) -> dict[str, object]:
        if call_id is not None:
            raise ConfigError("Yandex AI Studio has no calls to join: connect with model=…")
        if model is None:
            raise ConfigError("connect() needs model=…, for example model='speech-realtime-260528'")
        if "://" in model:
            return {"model": model}
        if not self.folder_id:
            raise ConfigError(
                f"the model {shown(model)} belongs to a folder: pass folder_id=… to the client, "
                f"set YANDEX_FOLDER_ID, or give the whole name: 'gpt://FOLDER/{model}'"
            )
        return {"model": f"gpt://{self.folder_id}/{model}"}

    def _identity(self) -> dict[str, str]:
        if self.api_key is not None:
            return {"Authorization": f"Api-Key {ask_secret(self.api_key, 'api_key')}"}
        assert self.iam_token is not None
        return {"Authorization": f"Bearer {ask_secret(self.iam_token, 'iam_token')}"}

    def _options(self) -> Mapping[str, Any]:
        return {"ping_timeout": None}  # an idle server may leave pings unanswered


def web_search() -> JsonDict:
    """Return the tool with which the server searches the web; it runs and answers it itself.

    Example:
        >>> web_search()["name"]
        'web_search'
    """
    return {
        "type": "function",
        "name": "web_search",
        "description": "Web search",
        "parameters": {},
    }


def file_search(index_id: str) -> JsonDict:
    """Return the tool with which the server searches one index; it runs and answers it itself.

    Args:
        index_id: the vector store's id.

    Example:
        >>> file_search("fvt_1")["description"]
        'fvt_1'
    """
    require_text(index_id, "index_id", error=ConfigError)
    return {"type": "function", "name": "file_search", "description": index_id, "parameters": {}}
