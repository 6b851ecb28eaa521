"""The exceptions under the names of the provider's SDK, for programs written for it.

There all of them are below ``DistillerClientError``. Here a rejected key is the
`AuthenticationError` of all clients, which is not.
"""

from ..errors import (
    AuthenticationError,
    DistillerConnectionError,
    DistillerError,
    DistillerMessageError,
    DistillerTimeoutError,
    ProjectCreationError,
    ProjectDownloadError,
    UserAlreadyConnectedError,
)

__all__ = [
    "AuthenticationError",
    "ConnectionClosedError",
    "ConnectionError",
    "ConnectionTimeoutError",
    "DistillerClientError",
    "ProjectCreationError",
    "ProjectDownloadError",
    "UserAlreadyConnectedError",
    "WebSocketError",
    "WebSocketErrorMessageReceived",
    "WebSocketReceiveError",
    "WebSocketSendError",
]

DistillerClientError = DistillerError
ConnectionError = DistillerConnectionError  # noqa: A001 -- the SDK's name
ConnectionClosedError = DistillerConnectionError
ConnectionTimeoutError = DistillerTimeoutError
WebSocketError = DistillerConnectionError
WebSocketSendError = DistillerConnectionError
WebSocketReceiveError = DistillerConnectionError
WebSocketErrorMessageReceived = DistillerMessageError
