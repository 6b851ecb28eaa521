"""What no honest client would send: strategies for odd bytes, frames, JSON, events and bodies."""

from __future__ import annotations

import copy
import json
from base64 import b64encode
from typing import Any

from hypothesis import strategies as st
from mutations import LARGE, ODD, odd_versions

__all__ = [
    "REST",
    "content_types",
    "each_field",
    "frames",
    "heads",
    "messages",
    "requests",
]

Event = dict[str, Any]

_SOUND = b64encode(bytes(range(256)) * 20).decode()
_LOUD = b64encode(b"\x00\x60\x00\xa0" * 4_800).decode()
_MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
_TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "d",
    "parameters": {"type": "object"},
}
_SESSION: Event = {
    "type": "realtime",
    "model": "gpt-realtime",
    "instructions": "Be kind.",
    "output_modalities": ["text"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "noise_reduction": {"type": "near_field"},
            "transcription": {"model": "whisper-1", "language": "en", "prompt": "p"},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 200,
                "idle_timeout_ms": 5_000,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.0},
    },
    "tools": [_TOOL],
    "tool_choice": {"type": "function", "name": "get_weather"},
    "max_output_tokens": 100,
    "tracing": {"workflow_name": "w"},
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
    "prompt": {"id": "p", "variables": {"a": "b"}},
    "reasoning": {"effort": "low"},
    "include": ["item.input_audio_transcription.logprobs"],
    "parallel_tool_calls": True,
}
_RESPONSE = {
    "conversation": "none",
    "metadata": {"a": "b"},
    "input": [_MESSAGE, {"type": "item_reference", "id": "item_1"}],
    "instructions": "Be short.",
    "output_modalities": ["text"],
    "audio": {"output": {"voice": "marin", "format": {"type": "audio/pcm", "rate": 24000}}},
    "tools": [_TOOL],
    "tool_choice": "auto",
    "max_output_tokens": 20,
}
_PARTS = [
    {"type": "input_text", "text": "What time is it?"},
    {"type": "input_audio", "audio": _SOUND, "transcript": "hello"},
    {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
]
_ITEMS: list[Event] = [
    {"id": "item_1", "object": "realtime.item", "status": "completed", **_MESSAGE},
    {"type": "message", "role": "user", "content": _PARTS},
    {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "s"}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
    {"type": "function_call", "name": "get_weather", "arguments": "{}", "call_id": "call_1"},
    {"type": "function_call_output", "call_id": "call_1", "output": '{"weather": "fine"}'},
    {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True, "reason": "r"},
    {"type": "mcp_list_tools", "server_label": "l", "tools": [{}]},
    {"type": "mcp_call", "server_label": "l", "name": "n", "arguments": "{}", "output": "o"},
]

# Valid events of each kind of session; what is odd about them comes afterwards.
_CONVERSATION: list[Event] = [
    {"type": "session.update", "session": _SESSION},
    {"type": "session.update", "session": {"type": "transcription", "audio": {"input": {}}}},
    {"type": "input_audio_buffer.append", "audio": _LOUD},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    *(
        {"type": "conversation.item.create", "item": item, "previous_item_id": "root"}
        for item in _ITEMS
    ),
    {"type": "conversation.item.retrieve", "item_id": "item_1"},
    {"type": "conversation.item.delete", "item_id": "item_1"},
    {
        "type": "conversation.item.truncate",
        "item_id": "item_1",
        "content_index": 0,
        "audio_end_ms": 10,
    },
    {"type": "response.create", "response": _RESPONSE},
    {"type": "response.create"},
    {"type": "response.cancel", "response_id": "resp_1"},
    {"type": "output_audio_buffer.clear"},
]
_TRANSLATION: list[Event] = [
    {
        "type": "session.update",
        "session": {
            "audio": {
                "input": {
                    "transcription": {"model": "m"},
                    "noise_reduction": {"type": "far_field"},
                },
                "output": {"language": "de"},
            }
        },
    },
    {"type": "session.input_audio_buffer.append", "audio": _LOUD},
    {"type": "session.close"},
]
_DISTILLER: list[Event] = [
    {"type": "input_audio_buffer.append", "audio": _LOUD},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "input_text", "text": "What time is it?"},
    {"type": "session.update", "session": {}},
    {"type": "response.cancel"},
    {"type": "playback.started"},
    {"type": "playback.stopped"},
    {"type": "PONG"},
    {
        "request_type": "executor",
        "request_id": "r",
        "role": "Guide",
        "request_args": {"content": "c", "memory_updates": {"env_variable": {"a": "b"}}},
    },
]

_PROJECT: Event = {
    "project": "desk",
    "project_version": 0,
    "config": {
        "orchestrator": {
            "agent_list": [{"agent_name": "Guide"}],
            "speech_config": {"voice": "v", "sample_rate": 16_000},
            "audio_config": {"vad": {}},
        },
        "utility_agents": [
            {
                "agent_name": "Guide",
                "agent_class": "ToolUseAgent",
                "agent_description": "d",
                "config": {"custom_tools": [json.dumps({"type": "function", "name": "n"})]},
            }
        ],
    },
}
_YAML = [
    *("a: 2020-01-01", "a: 2020-01-01T00:00:00Z", "2020-01-01: a", "a: !!binary AAAA"),
    *("a: !!set {b, c}", "? [a, b]\n: c", "1: {null: .nan, true: 0o7}", "a: .inf"),
    *("a: &a [*a]", "a: &a {b: *a}", "a: !!python/object:os.system {}", "a: 1\na: 2"),
    "utility_agents: [{agent_name: 2020-01-01, agent_class: A}]",
    *("%YAML 9.9\n---\na: b", "--- a\n--- b", "\0", 'a: "\\ud83d"', "- " * 5_000),
]
_CONFIGS = [_PROJECT, *({"project": "odd", "config": text} for text in _YAML)]
_CALLS = "/v1/realtime/calls"

# Valid bodies of the REST requests, and some of YAML's specialities.
REST: dict[str, list[Event]] = {
    "/v1/realtime/client_secrets": [
        {"expires_after": {"anchor": "created_at", "seconds": 60}, "session": _SESSION},
        {"session": {"type": "transcription", "audio": {"input": {}}}},
    ],
    "/v1/realtime/translations/client_secrets": [
        {"session": {"model": "gpt-realtime", "audio": {"output": {"language": "de"}}}}
    ],
    _CALLS: [_SESSION],
    f"{_CALLS}/CALL/accept": [_SESSION],
    f"{_CALLS}/CALL/reject": [{"status_code": 603}],
    f"{_CALLS}/CALL/refer": [{"target_uri": "tel:+14155550123"}],
    f"{_CALLS}/CALL/hangup": [{"more": 1}],
    "/test/incoming_calls": [{"sip_headers": [{"name": "From", "value": "sip:a@b"}]}],
    "/authentication/validate": [{"more": 1}],
    "/distiller/create": _CONFIGS,
    "/distiller/config/validate": _CONFIGS,
    "/distiller/download": [_PROJECT],
}

# Strategies take names: hypothesis shows what they are made of, and these would be long.
_EVENTS: dict[str, list[Event]] = {
    "conversation": _CONVERSATION,
    "transcription": _CONVERSATION,
    "translation": _TRANSLATION,
    "distiller": _DISTILLER,
    **REST,
}
_KNOWN = {**ODD, **LARGE, "twice": '{"type": "a", "type": 1}', "mark": "\ufeff{}"}

# -- JSON ------------------------------------------------------------------------------------------

# What is likely to be found out is likely to come.
_TEXT = st.sampled_from(["\ud83d", "", "\x00", "item_1", "é" * 200]) | st.text(max_size=12)
_NUMBERS = st.integers() | st.floats() | st.sampled_from([0, -1, 2**31, 2**63, 10**400, -0.0])


def _odd_json() -> st.SearchStrategy[Any]:
    """JSON values of every shape, among them numbers and texts that JSON does not know."""
    plain = st.none() | st.booleans() | _NUMBERS | _TEXT
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
        max_leaves=8,
    )


@st.composite
def _odd_event(draw: st.DrawFn, kind: str) -> str:
    """A valid event of a kind, with up to three odd fields, as JSON."""
    events = _EVENTS[kind]
    event = copy.deepcopy(events[draw(st.integers(0, len(events) - 1))])
    replaced: list[str] = []
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3, 0]))):
        inner = event
        while True:
            key = draw(
                st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner)))
            )
            if isinstance(inner[key], dict | list) and inner[key] and draw(st.booleans()):
                inner = inner[key]
            else:
                break
        what = draw(st.sampled_from(["alike", "alike", "replace", "known", "missing", "more"]))
        if what == "alike" and isinstance(inner[key], str | int | float):
            inner[key] = draw(_TEXT if isinstance(inner[key], str) else _NUMBERS)
        elif what == "replace":
            inner[key] = draw(_odd_json())
        elif what == "known":
            replaced.append(_KNOWN[draw(st.sampled_from(sorted(_KNOWN)))])
            inner[key] = f"the value {len(replaced) - 1} stands here"
        elif what == "missing" and (isinstance(inner, list) or len(inner) > 1):
            del inner[key]
        elif isinstance(inner, dict):
            inner[draw(_TEXT)] = draw(_odd_json())
    text = json.dumps(event)
    for number, value in enumerate(replaced):
        text = text.replace(f'"the value {number} stands here"', value)
    return text


def each_field(kind: str) -> list[str]:
    """The valid events of a kind with each of their fields as odd as what has broken servers."""
    odd = ("surrogate", "nan", "overflow", "too deep", "null", "empty text", "object")
    versions = [text for event in _EVENTS[kind] for text in odd_versions(event, odd)]
    return [*versions, *(json.dumps({**event, "\ud83d": 1}) for event in _EVENTS[kind])]


def messages(kind: str) -> st.SearchStrategy[str | bytes]:
    """What may stand in a WebSocket's messages: events of a kind with odd fields, and others."""
    return (
        _odd_event(kind)
        | _odd_event(kind)
        | _odd_event(kind)
        | _odd_json().map(json.dumps)
        | st.sampled_from(sorted(_KNOWN)).map(_KNOWN.__getitem__)
        | st.text(max_size=20)
        | st.binary(max_size=20)
    )


# -- frames ----------------------------------------------------------------------------------------


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """A whole frame of a client, in which any bit of the head may be wrong."""
    payload = draw(
        st.binary(max_size=140)
        | st.sampled_from(
            [b"", b"{}", b"\xff", b"\xed\xa0\x80", b"\x03", b"\x03\xe8", b"\x03\xe8\xff"]
        )
        | st.integers(0, 65535).map(lambda code: code.to_bytes(2, "big") + b"bye")
    )
    first = draw(st.sampled_from([0x81, 0x81, 0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8A]))
    first ^= draw(st.sampled_from([0, 0, 0, 0, 0x80, 0x40, 0x20, 0x10, 0x08, 0x0F]))
    masked = draw(st.sampled_from([True, True, True, False]))
    size = len(payload)
    width = draw(st.sampled_from([1, 1, 2, 8])) if size < 126 else draw(st.sampled_from([2, 8]))
    lengths = {1: bytes([size & 0x7F]), 2: b"\x7e" + size.to_bytes(2, "big")}
    length = bytearray(lengths.get(width, b"\x7f" + size.to_bytes(8, "big")))
    length[0] |= 0x80 if masked else 0
    return bytes([first]) + bytes(length) + (bytes(4) if masked else b"") + payload


# -- HTTP ------------------------------------------------------------------------------------------

_OFFER = b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
_TOKENS = st.text("abcXYZ-_09", min_size=1, max_size=12)
_VALUES = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=20)
_NAMES = st.sampled_from(
    [
        *("Authorization", "api-key", "Content-Type", "Origin", "Connection", "Upgrade", "Expect"),
        *("Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol"),
        *("Sec-WebSocket-Extensions", "Cookie", "Accept-Encoding", "Content-Encoding", "Range"),
    ]
)


@st.composite
def heads(draw: st.DrawFn, targets: list[str]) -> bytes:
    """The head of a request without a body, odd in some places."""
    method = draw(st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", "get"]) | _TOKENS)
    target = draw(
        st.sampled_from(targets)
        | st.sampled_from(targets).flatmap(lambda path: _VALUES.map(lambda more: path + more))
        | _VALUES.map(lambda path: f"/{path}")
        | st.sampled_from(
            ["*", "", "//", "/%00", "/%ff%fe", "/%", "http://[::1", "/v1/../v1/models"]
        )
    )
    version = draw(st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2", ""]))
    upgrade = draw(st.booleans())
    lines = [("Host", "localhost")]
    if upgrade:
        lines += [("Connection", "Upgrade"), ("Upgrade", "websocket")]
        lines += [
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]
    else:
        lines += [("Connection", "close")]
    lines += draw(st.lists(st.tuples(_NAMES | _TOKENS, _VALUES), max_size=4))
    text = f"{method} {target} {version}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines) + "\r\n"
    return text.encode("latin-1")


def requests() -> st.SearchStrategy[tuple[str, bytes]]:
    """Paths of REST requests, and bodies for each; ``CALL`` stands for a call's id."""
    return st.sampled_from(sorted(REST)).flatmap(lambda at: st.tuples(st.just(at), _bodies(at)))


def _bodies(target: str) -> st.SearchStrategy[bytes]:
    wrapped = _odd_event(target).map(lambda text: _part(b"session", text.encode()))
    return (
        _odd_event(target).map(str.encode)
        | messages(target).map(lambda text: text if isinstance(text, bytes) else text.encode())
        | _forms()
        | wrapped.map(lambda part: _part(b"sdp", _OFFER) + part + b"--b--\r\n")
        | st.just(_OFFER)
    )


def _part(name: bytes, content: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n' % name
    return head + content + b"\r\n"


def content_types() -> st.SearchStrategy[str]:
    """Values of a Content-Type header, most of them none."""
    known = ["application/json", "application/sdp", "multipart/form-data; boundary=b", "text/plain"]
    known += [
        "multipart/form-data",
        'multipart/form-data; boundary="',
        "multipart/mixed; boundary=b",
    ]
    known += ["multipart/form-data; boundary=" + "b" * 100, "application/json; charset=utf-7"]
    printed = st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")
    return st.sampled_from(known) | st.text(printed, max_size=20).map(str.strip)


@st.composite
def _forms(draw: st.DrawFn) -> bytes:
    """Forms with the boundary ``b``, broken or deep."""
    disposition = b"Content-Disposition: form-data; name="
    pieces = st.sampled_from(
        [
            *(b"--b\r\n", b"--b--\r\n", b"--b", b"\r\n", b"\r\n\r\n", b"\x00", b"\xff", b"v=0\r\n"),
            *(b"{}", b"[" * 3_000, b'{"type": "realtime"}', b": : ;;;\r\n"),
            *(disposition + b'"sdp"\r\n\r\n', disposition + b'"session"\r\n\r\n'),
            b"Content-Disposition: form-data; name*=utf-7''%zz; name*0*=x\r\n",
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
            b"Content-Type: message/rfc822\r\n\r\n",
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Transfer-Encoding: uuencode\r\n",
        ]
    )
    repeated = st.tuples(pieces, st.sampled_from([1, 1, 1, 2, 200])).map(lambda p: p[0] * p[1])
    return b"".join(draw(st.lists(repeated | st.binary(max_size=8), max_size=12)))
