"""Agents on the telephone: a session that joins a call, and what the call is accepted with."""

from __future__ import annotations

from typing import Any

from ..errors import UserError
from ..events import RealtimeSessionCreateRequestParam
from .agent import RealtimeAgent
from .dispatch import first_dispatch, session_of
from .given import require, require_object
from .model import DEFAULT_MODEL_SETTINGS, RealtimeModelConfig
from .model_facade import OpenAIRealtimeWebSocketModel
from .run_config import RealtimeRunConfig, RealtimeSessionModelSettings
from .run_context import RunContextWrapper
from .session_settings import merged_fields, resolve_settings, without_formats

__all__ = ["OpenAIRealtimeSIPModel"]


class OpenAIRealtimeSIPModel(OpenAIRealtimeWebSocketModel):
    """The model behind a session that joins a telephone call.

    ::

        body = OpenAIRealtimeSIPModel.build_initial_session_payload(agent)
        client.realtime.calls.accept(call_id, **body)
        runner = RealtimeRunner(agent, model=OpenAIRealtimeSIPModel(), client=client)
        with runner.run(model_config={"call_id": call_id}) as session: ...

    The call carries the sound; the session sees its events and steers it. When the caller hangs
    up, the server closes the link, and it is not made anew.

    Args:
        transport_config: how the link is kept.

    Threads: see `OpenAIRealtimeWebSocketModel`.
    """

    def check(self, config: RealtimeModelConfig) -> None:
        """Check that the model config says which call is meant.

        Raises:
            UserError: it does not.
        """
        require_object(config, "the model config")
        if not isinstance(config.get("call_id"), str) or not config["call_id"]:
            raise UserError(
                "OpenAIRealtimeSIPModel joins a call, and which is not said; use "
                'run(model_config={"call_id": …}) with that of the webhook'
            )

    @staticmethod
    def build_initial_session_payload(
        agent: RealtimeAgent[Any],
        *,
        context: Any = None,
        model_config: RealtimeModelConfig | None = None,
        run_config: RealtimeRunConfig | None = None,
        overrides: RealtimeSessionModelSettings | None = None,
    ) -> RealtimeSessionCreateRequestParam:
        """Return the session that a call is to begin with: what `RealtimeRunner.run` would send.

        Audio formats are in it only where somebody asks for one: a call has its own.

        Args:
            agent: who begins.
            context: handed to instructions and ``is_enabled`` that are functions.
            model_config: as for ``run``; of it ``initial_model_settings`` count.
            run_config: as for the runner; of it ``model_settings`` count.
            overrides: settings that count more than all of these.

        Returns:
            The keywords for ``client.realtime.calls.accept``.

        Raises:
            UserError: the agent or a setting can't work.
        """
        require(isinstance(agent, RealtimeAgent), "a call begins with a RealtimeAgent", agent)
        if model_config is not None:
            require_object(model_config, "the model config")
        defaults = without_formats(DEFAULT_MODEL_SETTINGS)
        connect: RealtimeModelConfig = {**(model_config or {})}
        connect.pop("call_id", None)  # whose model is to be said here
        settings = resolve_settings(run_config, connect, defaults=defaults)
        given: RealtimeModelConfig = {}
        if overrides is not None:
            given["initial_model_settings"] = overrides
        over = resolve_settings(None, given, defaults={})
        starting = {**settings.starting, **over.starting}
        first = first_dispatch(agent, RunContextWrapper(context), starting)
        session = merged_fields(session_of(first, settings, starting), over.session)
        model = over.model if "model_name" in (overrides or {}) else settings.model
        return {"model": model, **session}  # type: ignore[typeddict-item]  # checked field by field
