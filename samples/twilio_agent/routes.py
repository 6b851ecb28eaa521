"""The routes of the bridge: those of Twilio's, its stream of sound, and those of clients."""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Mapping

from flask import Flask, Response, abort, jsonify, request
from flask.typing import ResponseReturnValue

from realtime_sync import Local, OpenAI
from realtime_sync.errors import TwilioSignatureError
from realtime_sync.telephony import TwilioCalls, TwilioSignature
from realtime_sync.wsgi import WebSocketLimit, serve

from . import answers, texts
from .calls import Calls
from .outbound import KeyTakenError, Order, Outbound
from .settings import Settings
from .store import Store
from .talks import Talks

__all__ = ["create_app"]

log = logging.getLogger(__name__)

_CALL_SID = re.compile(r"CA[0-9a-f]{32}")  # it becomes the name of a file
_KEY = re.compile(r"[A-Za-z0-9._~-]{1,200}")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_MAX_GREETING = 500
_MAX_BODY = 1 << 16
_CALLER_WAITS_S = 3.0  # for Twilio's REST API
_STATUS_OF = {"placing": 202, "placed": 200, "refused": 502, "unknown": 504}


def create_app(settings: Settings, *, provider: OpenAI | Local, limit: WebSocketLimit) -> Flask:
    """Return the bridge.

    Args:
        settings: of the bridge.
        provider: whose model talks.
        limit: of the calls in this process; none begin when it refuses new ones.

    Raises:
        ConfigError: a setting is wrong.
    """
    app = Flask(__name__, static_folder=None)  # nothing is served but these
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
    bridge = _Bridge(settings, provider, limit)
    app.before_request(bridge.check)
    app.add_url_rule("/voice", view_func=bridge.voice, methods=["POST"])
    app.add_url_rule("/after", view_func=bridge.after, methods=["POST"])
    app.add_url_rule("/status", view_func=bridge.status, methods=["POST"])
    app.add_url_rule("/media", view_func=bridge.media, websocket=True)
    app.add_url_rule("/calls", view_func=bridge.order, methods=["POST"])
    app.add_url_rule("/calls/<key>", view_func=bridge.ordered)
    app.add_url_rule("/health", view_func=bridge.health)
    return app


class _Bridge:
    """What the routes do."""

    def __init__(self, settings: Settings, provider: OpenAI | Local, limit: WebSocketLimit) -> None:
        self._settings = settings
        self._limit = limit
        self._signature = TwilioSignature(settings.auth_token, public_url=settings.public_url)
        store = Store(settings.recordings / "calls.db")
        account, at = (settings.account_sid, settings.auth_token), settings.api_url
        self._talks = Talks(store)
        self._outbound = Outbound(settings, TwilioCalls(*account, api_url=at), store)
        # A caller waits: what it does not do soon, it is told when it asks what is next.
        soon = TwilioCalls(*account, api_url=at, timeout=_CALLER_WAITS_S, max_retries=0)
        self._calls = Calls(settings, provider=provider, twilio=soon, talks=self._talks)

    def check(self) -> None:
        """Refuse whoever may not ask: Twilio signs, clients have a token, health is for all."""
        endpoint = request.endpoint
        if endpoint in ("order", "ordered"):
            wanted = f"Bearer {self._settings.calls_token}".encode()
            if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), wanted):
                abort(401)
        elif endpoint not in ("health", None):
            try:
                self._signature.check_request(request.environ, request.get_data())
            except TwilioSignatureError as exc:
                log.warning("a request to %s is refused: %s", request.path, exc)
                abort(403)

    # -- for Twilio --------------------------------------------------------------------------------

    def voice(self) -> ResponseReturnValue:
        """Say what becomes of a call that comes in, or that was answered."""
        sid, greeting = _call_sid(), texts.GREETING
        if ref := request.args.get("ref"):
            order = self._outbound.note(
                ref, sid, status=_field("CallStatus"), answered_by=_field("AnsweredBy")
            )
            if order is None:
                abort(404)
            if order.by_machine:
                return _twiml(answers.to_machine(self._settings))
            greeting = order.greeting
        if self._talks.state(sid) is None and not self._has_room():
            log.warning("call %s: all lines are busy", sid)
            return _twiml(answers.apology(self._settings, texts.BUSY))
        return _twiml(answers.talk(self._settings, self._talks.announce(sid, greeting)))

    def media(self) -> ResponseReturnValue:
        """Take the stream of a call."""
        return serve(request.environ, self._calls.answer, limit=self._limit)

    def after(self) -> ResponseReturnValue:
        """Say what is next when the stream of a call is over."""
        state = self._talks.state(_call_sid())
        return _twiml(answers.after(self._settings, state))

    def status(self) -> ResponseReturnValue:
        """Take what becomes of a call that was placed."""
        ref = request.args.get("ref", "")
        status, answered_by = _field("CallStatus"), _field("AnsweredBy")
        if self._outbound.note(ref, _call_sid(), status=status, answered_by=answered_by) is None:
            log.warning("Twilio reports on a call that nobody has ordered")
        return "", 204

    # -- for clients -------------------------------------------------------------------------------

    def order(self) -> ResponseReturnValue:
        """Call somebody: ``{"to": "+15550199", "greeting": "…"}`` and an ``Idempotency-Key``."""
        key, (callee, greeting) = request.headers.get("Idempotency-Key", ""), _ordered(_json())
        if not _KEY.fullmatch(key):
            return jsonify(
                error="send a header Idempotency-Key: 1 to 200 letters, digits and ._~-"
            ), 400
        if not callee or not greeting:
            return jsonify(error='send {"to": "+15550199", "greeting": "Hello, …"}'), 400
        if self._outbound.find(key) is None and not self._has_room():
            return jsonify(error="all lines are busy"), 503, {"Retry-After": "30"}
        try:
            return _answer(self._outbound.place(key, callee, greeting))
        except KeyTakenError as exc:
            return jsonify(error=str(exc)), 409

    def ordered(self, key: str) -> ResponseReturnValue:
        """Tell what became of an order."""
        order = self._outbound.find(key)
        if order is None:
            return jsonify(error="there is no such order"), 404
        return jsonify(order.as_json())

    def health(self) -> ResponseReturnValue:
        """Say that the process lives, and how much it does."""
        return jsonify(calls=self._limit.open, ending=self._limit.refuses_new)

    def _has_room(self) -> bool:
        return not self._limit.refuses_new and self._limit.open < self._limit.most


def _json() -> object:
    """Return the body's JSON; None where it is none, or nested too deep to be read."""
    try:
        return request.get_json(silent=True)
    except RecursionError:
        return None


def _field(name: str) -> str:
    """Return a field of Twilio's form, or of its JSON."""
    fields: object = _json() if request.is_json else request.form
    return str(fields.get(name, "")) if isinstance(fields, Mapping) else ""


def _call_sid() -> str:
    sid = _field("CallSid")
    if not _CALL_SID.fullmatch(sid):
        abort(400)
    return sid


def _ordered(body: object) -> tuple[str, str]:
    """Return who is to be called and what to say; empty where it is wrong."""
    fields = body if isinstance(body, dict) else {}
    callee, greeting = fields.get("to"), fields.get("greeting", texts.GREETING)
    if not isinstance(callee, str) or not _NUMBER.fullmatch(callee):
        return "", ""
    if not isinstance(greeting, str) or not 0 < len(greeting.strip()) <= _MAX_GREETING:
        return "", ""
    if not _is_unicode(greeting):
        return "", ""
    return callee, greeting


def _is_unicode(text: str) -> bool:
    """Whether text can be written down; JSON may hold halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _twiml(text: str) -> Response:
    return Response(text, content_type="text/xml; charset=utf-8")


def _answer(order: Order) -> ResponseReturnValue:
    return jsonify(order.as_json()), _STATUS_OF[order.state]
