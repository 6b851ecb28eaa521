"""The proof that a request came from Twilio: its signature, checked and made; no I/O.

Source of the rules: https://www.twilio.com/docs/usage/webhooks/webhooks-security. What is signed is
the URL as Twilio has it, followed by the fields of a form, sorted. The URL of a JSON body holds the
hash of it instead (``bodySHA256``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, quote

from attrs import field, frozen

from .._headers import Headers
from .._net.address import HTTP_PORTS, WEBSOCKET_PORTS, server_url
from .._net.secrets import show_url
from .._required import require, require_name
from .._signed import HeadersLike, body_bytes, header_pairs, hmac_base64, is_same, utf8
from ..errors import ConfigError, TwilioSignatureError
from ..rest.request import FORM, JSON, form_body

__all__ = ["SignedRequest", "TwilioSignature"]

_SIGNATURE: Final = "X-Twilio-Signature"
_SETTINGS: Final = "X-Twilio-Webhooks-Signature-Settings"
_DIGESTS: Final = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}
_BODY_HASH: Final = "bodySHA256"
_PORTS: Final = {**HTTP_PORTS, **WEBSOCKET_PORTS}
_AS_WEBSOCKET: Final = {"https": "wss", "http": "ws"}

# Twilio's have a few thousand bytes; whoever sends more has something else in mind.
_MAX_BODY_BYTES: Final = 1 << 20
_MAX_FIELDS: Final = 10_000

_WHOLE_URL: Final = re.compile(r"(https?|wss?)://([^/?#]*)(.*)", re.DOTALL | re.IGNORECASE)
_HOST_AND_PORT: Final = re.compile(r"(.*@)?(\[[^\]]*\]|[^:]*)(?::([0-9]*))?", re.DOTALL)


@frozen
class SignedRequest:
    """A request as Twilio sends it, for tests and simulators.

    Attributes:
        url: where to; with the hash of a JSON body.
        headers: the signature, and the type of the body.
        body: the form or the JSON; empty without either.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class TwilioSignature:
    """Tells Twilio's requests from those of everybody else, who knows the URLs as well.

    Example:
        >>> twilio = TwilioSignature("12345", public_url="https://phone.example.com")
        >>> request = twilio.sign("/voice", form={"CallSid": "CA1", "From": "+15550100"})
        >>> request.url
        'https://phone.example.com/voice'
        >>> twilio.check("/voice", request.headers, request.body)
        >>> twilio.check("/voice", request.headers, b"CallSid=CA1&From=%2B15550199")
        Traceback (most recent call last):
        ...
        realtime_sync.errors.TwilioSignatureError: the signature is not Twilio's for \
'https://phone.example.com/voice'; check the auth token, and that this is the URL that Twilio has \
(public_url=…)

    Args:
        auth_token: of the account; the secret of the shared key where a rule of the account's has
            its webhooks signed with one.
        public_url: what Twilio's URLs begin with, such as ``"https://phone.example.com"``. A
            program behind a proxy sees another scheme, host and port than Twilio has signed. Its
            path, if it has one, is what the proxy takes away. None where requests come directly.

    Raises:
        ConfigError: the token is empty, or ``public_url`` is no URL to put before a path.

    Threads: may be shared.
    """

    def __init__(self, auth_token: str, *, public_url: str | None = None) -> None:
        # Its value stays out of the message.
        if not isinstance(auth_token, str) or not auth_token.strip():
            raise ConfigError("auth_token is empty or no text; copy it from Twilio's console")
        self._key = utf8(auth_token)
        self._public_url = None if public_url is None else _checked_public_url(public_url)

    def check(self, url: str, headers: HeadersLike, body: str | bytes = b"") -> None:
        """Return if Twilio has signed the request, else raise.

        Args:
            url: what the request line had: a path with its query, or a whole URL. That of an
                upgrade to WebSocket is checked with the scheme ``wss``, as Twilio signs it.
            headers: of the request, whatever their case; anything with ``items()``.
            body: as it came, not parsed and written again.

        Raises:
            TwilioSignatureError: the signature is missing, there are two, it is wrong, or it does
                not cover the body.
            ConfigError: the URL is a path and there is no ``public_url``, or the body is none.
        """
        pairs = header_pairs(headers)
        found = Headers(pairs)
        shown = _only(pairs, _SIGNATURE)
        digest = _digest_of(found.get(_SETTINGS, ""))
        whole = self._whole(url, is_upgrade="websocket" in found.get("upgrade", "").lower())
        fields = _signed_fields(whole, found.get("content-type", ""), body_bytes(body))
        good = False
        for each in _spellings(whole):  # all: the time must not tell which one it is
            if is_same(hmac_base64(self._key, utf8(each) + fields, digest), shown):
                good = True
        if not good:
            raise TwilioSignatureError(
                f"the signature is not Twilio's for {show_url(whole[:200])}; check the auth token, "
                "and that this is the URL that Twilio has (public_url=…)"
            )

    def check_request(self, environ: Mapping[str, Any], body: str | bytes = b"") -> None:
        """Return if Twilio has signed a WSGI request, else raise as `check` does.

        Example:
            >>> environ = {"RAW_URI": "/media", "HTTP_UPGRADE": "websocket"}
            >>> twilio = TwilioSignature("12345", public_url="https://phone.example.com")
            >>> signed = twilio.sign("wss://phone.example.com/media")
            >>> environ["HTTP_X_TWILIO_SIGNATURE"] = signed.headers["X-Twilio-Signature"]
            >>> twilio.check_request(environ)

        Args:
            environ: of the request (PEP 3333), such as ``flask.request.environ``.
            body: as it came, such as ``flask.request.get_data()``, called before
                ``flask.request.form``.
        """
        headers = {
            name.removeprefix("HTTP_").replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name == "CONTENT_TYPE"
        }
        self.check(_url_of(environ), headers, body)

    def sign(
        self,
        url: str,
        *,
        form: Mapping[str, str | Sequence[str]] | None = None,
        body: str | bytes | None = None,
    ) -> SignedRequest:
        """Return a request as Twilio would send it, to test a program with.

        Args:
            url: as `check` takes it; that of a media stream begins with ``wss://``.
            form: the fields; a sequence is a field that comes repeatedly.
            body: a JSON body instead of a form.

        Raises:
            ConfigError: there are both, or the URL is a path and there is no ``public_url``.
        """
        if form is not None and body is not None:
            raise ConfigError("a request has a form or a body: pass one of form=… and body=…")
        whole = self._whole(url, is_upgrade=False)
        kind, content = (JSON, body_bytes(body)) if body is not None else (FORM, b"")
        if body is not None:
            mark = "&" if "?" in whole else "?"
            whole += f"{mark}{_BODY_HASH}={hashlib.sha256(content).hexdigest()}"
        elif form is not None:
            content = form_body(form)
        fields = _signed_fields(whole, kind, content)
        signature = hmac_base64(self._key, utf8(whole) + fields, hashlib.sha1)
        types = {"Content-Type": kind} if content else {}
        return SignedRequest(whole, {_SIGNATURE: signature, **types}, content)

    def _whole(self, url: str, *, is_upgrade: bool) -> str:
        """Return the URL as Twilio has it."""
        require_name(url, "url", error=ConfigError)
        parts = _WHOLE_URL.fullmatch(url)
        target = url if parts is None else parts[3]
        base = self._public_url
        if base is None:
            if parts is None:
                raise ConfigError(
                    "the url is a path, and Twilio signs whole URLs: pass the whole one, or "
                    "TwilioSignature(…, public_url='https://host')"
                )
            base = f"{parts[1].lower()}://{parts[2]}"
        if is_upgrade or (parts is not None and parts[1].lower() in WEBSOCKET_PORTS):
            scheme, rest = base.split("://", 1)
            base = f"{_AS_WEBSOCKET.get(scheme, scheme)}://{rest}"
        return base + target

    def __repr__(self) -> str:
        return f"TwilioSignature(public_url={show_url(self._public_url)})"


def _checked_public_url(url: object) -> str:
    require_name(url, "public_url", error=ConfigError)
    text = str(url)
    example = "https://phone.example.com"
    parts, _, _ = server_url(text, name="public_url", ports=HTTP_PORTS, example=example, login=True)
    if "?" in text or "#" in text:
        raise ConfigError(f"public_url has a query or a fragment; use what is before: {example}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _only(pairs: list[tuple[str, str]], name: str) -> str:
    found = [value for each, value in pairs if each.lower() == name.lower()]
    if not found:
        raise TwilioSignatureError(f"the header {name} is missing: this is no request of Twilio's")
    if len(found) > 1:
        raise TwilioSignatureError(f"there are {len(found)} headers {name}; Twilio sends one")
    return found[0]


def _digest_of(settings: str) -> Any:
    """Return the hash that the header of a rule names; SHA-1 without one."""
    algorithm = "HMAC_SHA1"
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            algorithm = value.strip().upper()
    require(
        algorithm in _DIGESTS,
        f"the signature must be one of {', '.join(_DIGESTS)}",
        algorithm,
        error=TwilioSignatureError,
    )
    return _DIGESTS[algorithm]


def _signed_fields(url: str, content_type: str, body: bytes) -> bytes:
    """Return what is signed behind the URL; a body that is not, is compared with its hash.

    Raises:
        TwilioSignatureError: nothing in the signature covers the body.
    """
    if len(body) > _MAX_BODY_BYTES:
        raise TwilioSignatureError(
            f"the body has {len(body)} bytes; those of Twilio have {_MAX_BODY_BYTES} at most"
        )
    is_form = content_type.partition(";")[0].strip().lower() == FORM
    fields = _sorted_fields(body) if is_form else b""
    claimed = parse_qs(url.partition("?")[2].partition("#")[0]).get(_BODY_HASH)
    if not fields and (body or claimed):
        _check_body_hash(claimed, body)
    return fields


def _check_body_hash(claimed: list[str] | None, body: bytes) -> None:
    if not claimed:
        raise TwilioSignatureError(
            f"the body is no form, and the URL has no {_BODY_HASH}: nothing says that it is "
            "Twilio's"
        )
    if not is_same(hashlib.sha256(body).hexdigest(), claimed[0]):
        raise TwilioSignatureError(
            f"the body is not the one whose hash is in the URL ({_BODY_HASH}); pass the body as "
            "it came"
        )


def _sorted_fields(body: bytes) -> bytes:
    """Return names and values one after another: each once, sorted, as bytes that came."""
    # Escaped and not replaced: bytes that are no UTF-8 must stay what they are.
    as_they_are = "surrogateescape"
    try:
        pairs = parse_qsl(
            body.decode(errors=as_they_are),
            keep_blank_values=True,
            errors=as_they_are,
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        raise TwilioSignatureError(
            f"the form has more than {_MAX_FIELDS} fields; those of Twilio have fewer"
        ) from None
    return "".join(name + value for name, value in sorted(set(pairs))).encode(errors=as_they_are)


def _spellings(url: str) -> set[str]:
    """Return the forms of a URL that Twilio may have signed: it is not constant about the port."""
    parts = _WHOLE_URL.fullmatch(url)
    assert parts is not None
    scheme, place, target = parts[1], parts[2], parts[3]
    found = _HOST_AND_PORT.fullmatch(place)
    places = {place}
    if found is not None:
        host = (found[1] or "") + found[2]
        places |= {host} if found[3] else {host, f"{host}:{_PORTS[scheme]}"}
    # Flask's full_path ends with a question mark where there is no query.
    targets = {target, target.removesuffix("?")}
    return {f"{scheme}://{each}{end}" for each in places for end in targets}


def _url_of(environ: Mapping[str, Any]) -> str:
    """Return the URL of a WSGI request, as it was written where the server tells."""
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if not target:
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        query = environ.get("QUERY_STRING", "")
        target = quote(path.encode("latin-1"), safe="/%:@!$&'()*+,;=~") + (query and f"?{query}")
    host = environ.get("HTTP_HOST")
    if host and target.startswith("/"):
        return f"{environ.get('wsgi.url_scheme', 'http')}://{host}{target}"
    return str(target)
