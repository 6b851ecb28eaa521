"""What the library says to programs, in the words of the command line.

The library's errors name what a program would write: arguments, classes, attributes. Here stands
what whoever types a command does instead.
"""

from __future__ import annotations

import re

__all__ = ["in_our_words"]

_START_AGAIN = "start again; realtime-sync devices lists what there is"

# A part of a message as a regular expression, and what is said in its place.
_WORDS: tuple[tuple[str, str], ...] = (
    # Whom to talk to.
    (
        r"pass api_key=… or set OPENAI_API_KEY; Local\(\) needs none",
        "set OPENAI_API_KEY; --provider local needs none",
    ),
    (
        r"pass api_key=…, azure_ad_token=… .* or set AZURE_OPENAI_API_KEY or AZURE_OPENAI_AD_TOKEN",
        "set AZURE_OPENAI_API_KEY (or AZURE_OPENAI_AD_TOKEN) and AZURE_OPENAI_ENDPOINT",
    ),
    (
        r"pass azure_endpoint='(.*)' or set AZURE_OPENAI_ENDPOINT",
        r"set AZURE_OPENAI_ENDPOINT to \1, or give --url",
    ),
    (
        r"pass api_key=… or iam_token=…, or set YANDEX_API_KEY or YANDEX_IAM_TOKEN",
        "set YANDEX_API_KEY (or YANDEX_IAM_TOKEN) and YANDEX_FOLDER_ID",
    ),
    (r"no API key: pass api_key=… or set API_KEY", "no API key: set API_KEY"),
    (
        r"pass folder_id=… to the client, set YANDEX_FOLDER_ID, or give the whole name: '(.*)'",
        r"set YANDEX_FOLDER_ID, or give the whole name: --model \1",
    ),
    (
        r"connect\(\) needs model=… with the name of the deployment \(.*\)",
        "give --model with the name of the deployment",
    ),
    (
        r"connect\(\) needs model=…, for example model='(.*)'",
        r"give --model, for example --model \1",
    ),
    (r"join it with Local\(url=…\)", "join it with --url"),
    # The link.
    (r"pass ssl_context=ssl\.create_default_context\(cafile=\.\.\.\)", "set SSL_CERT_FILE"),
    (r", and the versions and certificates in ssl_context", ""),
    (r"proxy='(http://user:password@host:port)'", r"HTTPS_PROXY=\1"),
    (r", or raise open_timeout", ""),
    (
        r"(connect again, or pass reconnect=ReconnectPolicy|connect)\(\)( opens another)?",
        "start again",
    ),
    (r"client\.realtime_distiller\(project=…, uuid=…\) opens another", "start again"),
    (r"raise max_size, or send less in one message", "a message was too large"),
    # Sound.
    (r", or use a file \(WavSource, WavSink\)", ""),
    (r"make a WavSource of a file to repeat it", "record it into a file to repeat it"),
    (r"Choose another one of devices\(\) and open a new \w+", f"Then {_START_AGAIN}"),
    # The conversation.
    (r"make VoiceLoop\(push_to_talk=True\)", "give --push-to-talk"),
    (
        r"the session detects turns, and so does this loop \(.*turn_detection to None",
        "the server detects turns all the same; leave out --push-to-talk",
    ),
    (
        r"these interruptions are judged by the user's words, .*backchannels=None\)",
        "this server does not write down what you say, by which --interruptions resume decides",
    ),
    (
        r"the voice loop speaks PCM16 and G\.711: set audio\..*",
        "only PCM16 and G.711 can be spoken",
    ),
    (
        r"\d+ events that can't be left out wait for on_event, .*",
        "the terminal takes nothing any more",
    ),
    # Tools.
    (r"give a mapping such as .* with names of", "give the function a name of"),
)


def in_our_words(message: str) -> str:
    """Return a message of the library's as the command line says it."""
    for said, ours in _WORDS:
        message = re.sub(said, ours, message)
    return message
