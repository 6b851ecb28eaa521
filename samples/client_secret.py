"""Let a program without your API key hold conversations: mint a client secret, and join with it.

A web server mints the secret and hands it to its page or app, which opens the session. Here both
are in one file and the embedded server stands in for the provider; for a real one, replace
`Local()` by `OpenAI()` and leave out `base_url=`.
"""

from __future__ import annotations

import time

from realtime_sync import AuthenticationError, Local, OpenAI
from realtime_sync.rest import ClientSecret

MODEL = "gpt-realtime-2"


def mint(server: Local) -> ClientSecret:
    """What the web server does, for a user that it knows."""
    return server.realtime.client_secrets.create(
        session={
            "type": "realtime",
            "model": MODEL,
            "instructions": "You are friendly and brief.",
            "output_modalities": ["text"],
        },
        expires_after={"anchor": "created_at", "seconds": 60},
    )


def talk(secret: str, base_url: str) -> None:
    """What the app does: the secret is its key, and the session is configured already."""
    with (
        OpenAI(api_key=secret, base_url=base_url) as client,
        client.realtime.connect(model=MODEL) as connection,
    ):
        print("assistant:", connection.ask("Hello!").text)


def main() -> None:
    with Local() as server:
        secret = mint(server)
        print(f"{secret.value[:6]}… opens sessions for {secret.expires_at - time.time():.0f} s")
        talk(secret.value, server.url)
        try:
            talk("ek_made_up", server.url)
        except AuthenticationError as error:
            print("another secret:", error)


if __name__ == "__main__":
    main()
