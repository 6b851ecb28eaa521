"""The SDP answer to an offer, well formed as RFC 8866 and RFC 9429 (JSEP) want it.

Nobody listens at its address: this server has no media. A peer connection takes the answer, and
then finds no candidate pair that works.
"""

from __future__ import annotations

import re
import secrets

from ..protocol.wire import fault

__all__ = ["answer_to"]

_DIRECTIONS = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
_KEPT = ("a=rtpmap:", "a=fmtp:", "a=rtcp-mux", "a=sctp-port:", "a=mid:")
_MEDIA = re.compile(r"m=(?P<kind>\S+) \d+ (?P<rest>.+)")


def answer_to(offer: str) -> str:
    """Return the answer to ``offer``.

    Raises:
        ServerError: it is no SDP with at least one media section.
    """
    lines = offer.replace("\r\n", "\n").split("\n")
    starts = [at for at, line in enumerate(lines) if _MEDIA.fullmatch(line)]
    if lines[0] != "v=0" or not starts:
        raise fault(
            "Invalid SDP offer: expected 'v=0' in the first line and at least one 'm=' line.",
            code="invalid_offer",
            param="sdp",
        )
    answer = [
        "v=0",
        f"o=- {secrets.randbits(62)} 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        *(line for line in lines[: starts[0]] if line.startswith("a=group:BUNDLE")),
        "a=msid-semantic: WMS *",
    ]
    security = _security()
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        answer += _section(lines[start:end], security)
    return "\r\n".join(answer) + "\r\n"


def _security() -> list[str]:
    digest = ":".join(f"{byte:02X}" for byte in secrets.token_bytes(32))
    return [
        f"a=ice-ufrag:{secrets.token_hex(4)}",
        f"a=ice-pwd:{secrets.token_hex(12)}",
        f"a=fingerprint:sha-256 {digest}",
        "a=setup:active",
    ]


def _section(offered: list[str], security: list[str]) -> list[str]:
    media = _MEDIA.fullmatch(offered[0])
    assert media is not None
    lines = [f"m={media['kind']} 9 {media['rest']}", "c=IN IP4 0.0.0.0"]
    lines += [line for line in offered[1:] if line.startswith(_KEPT)]
    lines += security
    if media["kind"] != "application":
        wanted = {line.removeprefix("a=") for line in offered[1:]} & set(_DIRECTIONS)
        lines.append(f"a={_DIRECTIONS[wanted.pop()] if wanted else 'sendrecv'}")
    return lines
