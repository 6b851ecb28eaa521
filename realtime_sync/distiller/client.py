"""`AIRefinery`: the client, its projects, and the sessions that it opens."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .._net.secrets import show_url
from .._opening import Opening
from .._required import is_absent, is_whole, require_flag
from .._types import UNSET, JsonDict, SSLContext, Unset
from .._uncopied import Uncopied
from ..errors import ConcurrencyError, ConfigError
from ..rest.api import DEFAULT_MAX_RETRIES
from ..rest.request import Timeout
from .account import Account, AnyKey
from .interpolation import show_path
from .place import SessionPlace
from .projects import Projects, check_name, decoded_config

if TYPE_CHECKING:
    from .session import DistillerSession
else:
    DistillerSession = Any  # what a session needs is loaded when one begins

__all__ = ["AIRefinery", "DistillerSessionManager", "RealtimeDistiller"]

StrPath = str | os.PathLike[str]
Functions = Mapping[str, Callable[..., Any] | Mapping[str, Callable[..., Any]]]

_MOST_VERSIONS = 10**9
_VALIDATION_S = 15.0  # as in the provider's SDK


class AIRefinery(Uncopied):
    """AI Refinery, of which the Realtime Distiller is here.

    Nothing is sent before the first call; then the server is asked once which account the key
    belongs to.

    Args:
        api_key: the key, a function that returns one, or what has a ``token()``, such as
            `TokenProvider`: asked for each request and each link. By default the environment
            variable ``API_KEY``.
        base_url: by default ``AIR_BASE_URL``, else the provider's own. A ``/v1`` at its end is left
            out.
        default_headers: added to every request; win over the client's own, but for the account's.
        timeout: of REST calls: seconds that the server may be silent, a pair (connect, read), or
            None; see `realtime_sync.rest`.
        max_retries: how often a REST call is tried again.
        proxy: ``http://[user:password@]host:port``; by default what the environment says.
        ssl_context: for a private certificate authority or a client certificate.

    Attributes:
        realtime_distiller: its projects and sessions.

    Raises:
        ConfigError: there is no key, or an option is wrong.

    Threads: may be shared.

    Example:
        >>> client = AIRefinery("key", base_url="https://refinery.example.com/v1")
        >>> client
        AIRefinery(base_url='https://refinery.example.com')
    """

    def __init__(
        self,
        api_key: AnyKey | None = None,
        base_url: str | None = None,
        default_headers: Mapping[str, str] | None = None,
        *,
        timeout: Timeout | Unset = UNSET,
        max_retries: int = DEFAULT_MAX_RETRIES,
        proxy: str | None = None,
        ssl_context: SSLContext | None = None,
    ) -> None:
        self._account = Account(
            api_key,
            base_url,
            default_headers,
            timeout=timeout,
            max_retries=max_retries,
            proxy=proxy,
            ssl_context=ssl_context,
        )
        options = {"proxy": proxy, "ssl_context": ssl_context}
        self.realtime_distiller = RealtimeDistiller(self._account, options)

    def close(self) -> None:
        """Close the links that REST calls keep for the next one; idempotent.

        Sessions are closed by themselves; the client stays usable.
        """
        self._account.close()

    def __enter__(self) -> AIRefinery:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={show_url(self._account.base_url)})"


def _of_the_session(name: str) -> Callable[..., Any]:
    """Return a method that is the open session's of the same name."""

    def call(self: RealtimeDistiller, *args: Any, **options: Any) -> Any:
        return getattr(self._session(), name)(*args, **options)

    call.__name__ = name
    call.__qualname__ = f"RealtimeDistiller.{name}"
    call.__doc__ = f"Call ``{name}`` of the open session; see `DistillerSession.{name}`."
    return call


class RealtimeDistiller(Uncopied):
    """``client.realtime_distiller``: projects, and sessions with their agents.

    ::

        with client.realtime_distiller(project="tutor", uuid="ann") as session:
            session.send_text_query("Hello!")

    Inside such a block the methods of the session are here, too:
    ``client.realtime_distiller.send_text_query("Hello!")``. They raise `ConfigError` where no
    session is open, and `ConcurrencyError` where several are.

    Threads: may be shared.
    """

    def __init__(self, account: Account, options: Mapping[str, Any]) -> None:
        self._account = account
        self._options = options  # of the sessions' links
        self._projects = Projects(account)
        # Not the sessions themselves, so that one which a program forgets is told of. Changed by
        # append and remove alone.
        self._entered: list[weakref.ref[DistillerSession]] = []

    # -- projects ----------------------------------------------------------------------------------

    @property
    def account(self) -> str:
        """The organisation that the key belongs to; the server is asked for it once.

        Raises:
            AuthenticationError: the server does not take the key.
            ConnectError, RealtimeTimeout, RemoteProtocolError, ApiError: see `realtime_sync.rest`.
        """
        return self._account.id

    def create_project(
        self,
        *,
        project: str,
        config_path: StrPath | None = None,
        json_config: Mapping[str, Any] | str | None = None,
    ) -> bool:
        """Create a project; one that is there gets a further version.

        Args:
            project: its name: ASCII letters, digits, ``-`` and ``_``.
            config_path: a YAML file, whose interpolations are resolved.
            json_config: the configuration itself, which is sent as it is; ``config_path`` wins.

        Returns:
            True.

        Raises:
            ConfigError: the name or the file is wrong, or there is no configuration; nothing was
                sent.
            ProjectCreationError: the server does not take it, with its text and status.
            AuthenticationError: the server does not take the key.
            LocalProtocolError, ConnectError, RealtimeTimeout, RemoteProtocolError, ApiError: see
                `realtime_sync.rest`.
        """
        check_name("project", project)
        self._projects.create(project, _chosen(config_path, "json_config", json_config))
        return True

    def validate_config(
        self,
        *,
        config_path: StrPath | None = None,
        config: Mapping[str, Any] | str | None = None,
        send_yaml_string: bool = False,
        timeout: Timeout = _VALIDATION_S,
    ) -> bool:
        """Return whether the server takes a configuration; what it says against it is logged.

        Args:
            config_path: a YAML file.
            config: the configuration itself, or YAML text; ``config_path`` wins.
            send_yaml_string: send the file's text as it is, for the server to read.
            timeout: of this request; see `realtime_sync.rest`.

        Raises:
            ConfigError: the file is wrong, or there is no configuration; nothing was sent.
            AuthenticationError: the server does not take the key.
            LocalProtocolError, ConnectError, RealtimeTimeout, RemoteProtocolError, ApiError: see
                `realtime_sync.rest`.
        """
        require_flag(send_yaml_string, "send_yaml_string", error=ConfigError)
        chosen: Any
        if send_yaml_string and config_path is not None and not is_absent(config_path):
            from .project_config import read_project_text

            chosen = read_project_text(config_path)
        else:
            chosen = _chosen(config_path, "config", config)
        return self._projects.is_valid(chosen, timeout=timeout)

    def download_project(
        self, project: str, project_version: str | int | None = None, *, raw: bool = False
    ) -> JsonDict:
        """Return the configuration of a project.

        Args:
            project: its name.
            project_version: which version, counted from 0; by default the latest.
            raw: return the server's answer as it is: ``{"config": …}``, with the configuration as
                JSON text within JSON text.

        Raises:
            ConfigError: the name or the version is wrong; nothing was sent.
            ProjectDownloadError: the server does not give it, with its text and status.
            AuthenticationError: the server does not take the key.
            ConnectError, RealtimeTimeout, RemoteProtocolError, ApiError: see `realtime_sync.rest`.
        """
        check_name("project", project)
        require_flag(raw, "raw", error=ConfigError)
        found = self._projects.download(project, _version(project_version))
        return found if raw else decoded_config(found)

    # -- sessions ----------------------------------------------------------------------------------

    def __call__(
        self,
        *,
        project: str,
        uuid: str,
        executor_dict: Functions | None = None,
        project_version: str | int | None = None,
        custom_agent_gallery: Functions | None = None,
    ) -> DistillerSessionManager:
        """Return a session to be opened by ``with``, or by ``.enter()``.

        Args:
            project: the name of the project.
            uuid: names the user: ASCII letters, digits, ``-`` and ``_``. One session of a project
                and uuid may be open at a time.
            executor_dict: functions for the agents that run in this program, by their names; or
                for one agent several functions by theirs.
            project_version: which version of the project; by default the latest.
            custom_agent_gallery: an older name of ``executor_dict``.

        Raises:
            ConfigError: a name is wrong. Errors of the link come from opening it.
        """
        return DistillerSessionManager(
            self,
            project=check_name("project", project),
            uuid=check_name("uuid", uuid),
            version=_version(project_version),
            functions=custom_agent_gallery or executor_dict or {},
        )

    send_audio_chunk = _of_the_session("send_audio_chunk")
    send_text_query = _of_the_session("send_text_query")
    send_update = _of_the_session("send_update")
    commit_audio = _of_the_session("commit_audio")
    clear_audio_buffer = _of_the_session("clear_audio_buffer")
    cancel_response = _of_the_session("cancel_response")
    notify_playback_started = _of_the_session("notify_playback_started")
    notify_playback_stopped = _of_the_session("notify_playback_stopped")
    get_responses = _of_the_session("get_responses")
    listen_and_respond = _of_the_session("listen_and_respond")
    send_text_and_respond = _of_the_session("send_text_and_respond")

    def _session(self) -> DistillerSession:
        """Return the one session that is open, or else the last one, which says why it ended."""
        known = [session for each in [*self._entered] if (session := each()) is not None]
        still_open = [session for session in known if not session.closed]
        if len(still_open) > 1:
            raise ConcurrencyError(
                "several sessions of this client are open; call the method of the one that is "
                "meant, which stands after `as`"
            )
        found = still_open or known[-1:]
        if not found:
            raise ConfigError(
                "no session is open; use `with client.realtime_distiller(project=…, uuid=…) as "
                "session`"
            )
        return found[0]

    def _open(
        self, *, project: str, uuid: str, version: str | None, functions: Functions
    ) -> DistillerSession:
        # Before the link, so that a project that can't be had leaves none behind.
        config = self.download_project(project, version)
        from .session import open_session

        target = project if version is None else f"{project}:{version}"
        place = SessionPlace(
            url=self._account.session_url(target, uuid),
            headers=self._account.headers,
            account=self._account.id,
            project=project,
            project_version=version,
            uuid=uuid,
            agents=config,
        )
        session = open_session(place, executor_dict=functions, options=self._options)
        for each in [*self._entered]:
            entered = each()
            if entered is None or entered.closed:
                self._left(each)
        self._entered.append(weakref.ref(session))
        return session

    def _left(self, session: weakref.ref[DistillerSession]) -> None:
        with suppress(ValueError):  # another thread was quicker
            self._entered.remove(session)


class DistillerSessionManager(Opening):
    """A session to be opened: ``with manager as session``, or ``manager.enter()``.

    After that session it may open another one.

    Raises:
        ConfigError: this is used as if it were the session.
    """

    _noun = "session"
    _call = "client.realtime_distiller(...)"
    _opened: DistillerSession | None = None

    def __init__(self, distiller: RealtimeDistiller, **options: Any) -> None:
        self._distiller = distiller
        self._options = options

    @property
    def _opens(self) -> type[DistillerSession]:
        from .session import DistillerSession  # who only has projects needs none

        return DistillerSession

    def enter(self) -> DistillerSession:
        """Open the session; the caller closes it.

        Raises:
            AuthenticationError: the server does not take the key.
            ProjectDownloadError: it does not give the project.
            ConcurrencyError: the session of this manager is open already.
            DistillerConnectionError: the session does not begin; `UserAlreadyConnectedError` if
                another one is open for the same project and uuid.
            ConfigError, ConnectError, RealtimeTimeout, RemoteProtocolError, ApiError: see
                `realtime_sync.rest`.
        """
        if self._opened is not None and not self._opened.closed:
            raise ConcurrencyError("this session is open already; ask the client for another one")
        self._opened = self._distiller._open(**self._options)
        return self._opened

    def __enter__(self) -> DistillerSession:
        return self.enter()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            self._opened.close()
            self._distiller._left(weakref.ref(self._opened))


def _chosen(path: StrPath | None, option: str, config: Any) -> Any:
    """Return the configuration to send, from the file or as it was given."""
    from .project_config import check_agents, load_project_config

    if path is not None and not is_absent(path):
        return load_project_config(path)
    if isinstance(config, str) and config.strip():
        return config
    if not isinstance(config, Mapping) or not config:
        raise ConfigError(f"there is no configuration: pass config_path=…, or {option}=… with one")
    check_agents(config, lambda at, words: ConfigError(f"{option}: {show_path(at)}: {words}"))
    return config


def _version(version: str | int | None) -> str | None:
    if version is None:
        return None
    if is_whole(version, 0, _MOST_VERSIONS):
        version = str(version)
    return check_name("project_version", version)
