"""Where a session is opened, and as whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen

from .._net.secrets import show_url

__all__ = ["SessionPlace"]


@frozen(kw_only=True)
class SessionPlace:
    """Where a session is opened, and as whom; `AIRefinery` makes it.

    Attributes:
        url: of the WebSocket, whole:
            ``wss://…/distiller/realtime/<account>/<project>[:<version>]/<uuid>``.
        headers: returns the headers of the upgrade request; called for each link, so that it can
            bring a fresh token.
        account: the organisation that the key belongs to.
        project: the name of the project.
        project_version: of which version; None for the latest.
        uuid: who talks; one session of a project and uuid may be open at a time.
        agents: the project's configuration, decoded; what its ``utility_agents`` say of the agents
            that run in this program counts here.

    Example:
        >>> place = SessionPlace(
        ...     url="ws://localhost:8080/distiller/realtime/org-1/tutor:3/ann",
        ...     headers=lambda: {"Authorization": "Bearer …"},
        ...     account="org-1", project="tutor", project_version="3", uuid="ann", agents={},
        ... )
        >>> place.full_project
        'tutor:3'
    """

    url: str = field(repr=show_url)
    headers: Callable[[], Mapping[str, str]] = field(repr=False)
    account: str
    project: str
    project_version: str | None = None
    uuid: str
    agents: Mapping[str, Any] = field(factory=dict, repr=False)

    @property
    def full_project(self) -> str:
        """The project with its version, as in the URL."""
        if self.project_version is None:
            return self.project
        return f"{self.project}:{self.project_version}"
