"""Who decides what the embedded server's assistant says: a script, a chat model, or an echo."""

from __future__ import annotations

from ..._net.secrets import show_url
from ..._required import require_text
from ...errors import ConfigError
from ..engines import Responder

__all__ = ["make_responder"]

_MOST_SHOWN = 100  # characters


def make_responder(spec: str) -> Responder:
    """Return the responder that ``spec`` names.

    Args:
        spec: one of

            * ``"scripted"``: the friendly assistant that comes with the package;
            * ``"scripted:FILE.yaml"``: a script of your own;
            * ``"chat:URL"``: an OpenAI-compatible chat endpoint, for example
              ``chat:http://localhost:11434/v1?model=llama3.2``; its key comes from the
              environment variable ``REALTIME_SYNC_CHAT_API_KEY``;
            * ``"echo"``: says back what it heard.

    Raises:
        ConfigError: no such responder, or its script or URL is wrong.
    """
    require_text(spec, "the responder", error=ConfigError)
    kind, _, argument = spec.partition(":")
    if kind == "scripted":
        from .scripted import ScriptedResponder, load_script

        if spec == "scripted:":
            raise ConfigError("'scripted:' names no file; write scripted:FILE.yaml, or 'scripted'")
        return ScriptedResponder(load_script(argument or None))
    if kind == "chat":
        from ._chat import ChatResponder

        return ChatResponder.from_url(argument)
    if spec == "echo":
        from .echo import EchoResponder

        return EchoResponder()
    raise ConfigError(
        f"responder {show_url(spec[:_MOST_SHOWN])} is unknown; choose 'scripted', "
        "'scripted:FILE.yaml', 'chat:URL' or 'echo'"
    )
