"""What every event and model is made of: a frozen value over the wire's own dictionary.

The dictionary that the JSON decoder makes becomes the instance's ``__dict__``: nothing is copied
field by field, absent fields stay absent (and read as None), and explicit nulls stay nulls. That
form won ``tests/benchmarks/bench_events.py``: a 230 B delta costs 1.7 µs of which the decoder
takes 1.0, against 1.8 with a positional builder of mutable slots, 2.4 of frozen slots, 4.7 with
filtered keywords and 45 with pydantic's ``construct``. Its price is memory, 1.1 kB for such a
delta where slots take 0.5. Nested models are built when they are first read: a ``response.done``
or ``session.updated`` that nobody looks into costs no more than its JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import attrs
from attrs import field, frozen
from attrs.exceptions import FrozenInstanceError

from .._init_hints import bind_init_hints
from .._porting import Absent, NoOptions, NotAwaited
from .._required import require, require_flag, require_object
from .._types import UNSET, JsonDict
from .._typing import Unpack
from ..errors import LocalProtocolError
from .dump_options import (
    DumpOptions,
    check_no_options,
    check_options,
    check_update,
    read_json,
    reduced,
)
from .json_writer import event_text

__all__ = [
    "Event",
    "Model",
    "listed",
    "load",
    "nested",
    "nullable",
    "one",
    "plain",
    "set_dict",
    "shorten",
    "tagged",
]

M = TypeVar("M", bound="Model")
Loader = Callable[[Any], Any]

EMPTY: Mapping[str, Any] = MappingProxyType({})
LONGEST_IN_REPR = 120  # characters; what is longer is almost always base64 audio

_new = object.__new__


def nested(loader: Loader) -> Any:
    """Declare an optional field that holds a model (or a list of them)."""
    return field(default=None, converter=loader)


def nullable(loader: Loader | None = None) -> Any:
    """Declare an optional field where null differs from absent: ``turn_detection=None``."""
    return field(default=UNSET, converter=loader)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Model:
    """A value of the protocol: frozen, compared by its fields, open to fields it does not know.

    Whatever the server sends is kept: a field that this class does not know is in ``extra``, a
    required field that is missing reads as None, and a value of an unexpected type stays as it
    came. An optional field given as None by hand is not sent, except where the protocol gives
    null a meaning of its own (``turn_detection``, ``tracing``, ``transcription``…).

    Example:
        >>> from realtime_sync.events import AudioInput
        >>> AudioInput(turn_detection=None).to_dict()
        {'turn_detection': None}
        >>> AudioInput(format=None).to_dict()
        {}

    Attributes:
        extra: the fields on the wire that this class does not declare.
    """

    extra: Mapping[str, Any] = field(default=UNSET)

    _wire: ClassVar[frozenset[str]] = frozenset()
    _knows: ClassVar[Callable[[Any], bool]]
    _optional: ClassVar[tuple[tuple[str, Any], ...]] = ()

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        bind_init_hints(cls)
        own = [a for a in attrs.fields(cls) if a.name not in ("extra", "raw")]
        cls._wire = frozenset(a.name for a in own)
        cls._knows = cls._wire.issuperset
        cls._optional = tuple(
            (a.name, a.default)
            for a in attrs.fields(cls)
            if a.default is None or a.default is UNSET
        )
        for a in own:
            default = a.default if isinstance(a.default, str) else None
            setattr(cls, a.name, default if a.converter is None else _Lazy(a.name, a.converter))

    def __attrs_post_init__(self) -> None:
        values = self.__dict__
        for name, absent in self._optional:
            if values[name] is absent:
                del values[name]

    def replace(self: M, **changes: Any) -> M:
        """Return a copy with some fields changed; what was not set stays so.

        (`attrs.evolve` reads every field, and so turns absent ones into explicit nulls.)

        Args:
            changes: new values; models and dictionaries are both accepted.
        """
        values = {name: v for name, v in self.__dict__.items() if name in self._wire}
        return load(type(self), {**values, **self.extra, **changes})

    def to_dict(self, **options: Unpack[DumpOptions]) -> JsonDict:
        """Return the wire form: what was received or given, under GA names, ready for JSON.

        Args:
            options: see `DumpOptions`.

        Raises:
            LocalProtocolError: an option is not here, or has a wrong value.
        """
        return self._dump("to_dict", options) if options else self._form()

    def to_json(self, *, indent: int | None = None, **options: Unpack[DumpOptions]) -> str:
        """Return `to_dict` as JSON text.

        Args:
            indent: spaces for each level; None for compact text.
            options: see `DumpOptions`.

        Raises:
            LocalProtocolError: as `to_dict`, or ``indent`` is no number of spaces.
        """
        return event_text(self._dump("to_json", options), indent)

    def model_dump(self, **options: Unpack[DumpOptions]) -> JsonDict:
        """Return `to_dict`, under the name that users of pydantic models call."""
        return self._dump("model_dump", options)

    def model_dump_json(self, *, indent: int | None = None, **options: Unpack[DumpOptions]) -> str:
        """Return `to_json`, under the name that users of pydantic models call."""
        return event_text(self._dump("model_dump_json", options), indent)

    def model_copy(self: M, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> M:
        """Return a copy with some fields changed, as `replace` does.

        Args:
            update: new values; what is no field of this class goes to `extra`.
            deep: copy lists and dictionaries as well, down to the last.

        Raises:
            LocalProtocolError: ``update`` is no dictionary of fields.
        """
        require_flag(deep, "deep", error=LocalProtocolError)
        if update is not None:
            check_update(update, error=LocalProtocolError)
        copied = self._built(self.to_dict()) if deep else self
        return copied.replace(**(update or {}))

    @classmethod
    def model_validate(cls: type[M], obj: Any, **options: Unpack[NoOptions]) -> M:
        """Return the value in a dictionary such as `to_dict` returns.

        Only what tells one class from another is checked; what is within passes as a server's.

        Args:
            obj: the dictionary; an instance passes through.

        Raises:
            LocalProtocolError: a field is missing, or ``type`` or ``role`` is that of another
                class.
        """
        check_no_options("model_validate", options, error=LocalProtocolError)
        if isinstance(obj, cls):
            return obj
        what = f"what {cls.__name__}.model_validate() takes"
        require_object(obj, what, error=LocalProtocolError)
        for each in attrs.fields(cls):
            if each.default is attrs.NOTHING and each.name not in obj:
                raise LocalProtocolError(f"{cls.__name__} needs {each.name!r}")
            if each.name in ("type", "role") and isinstance(each.default, str):
                given = obj.get(each.name, each.default)
                rule = f"the {each.name} of {cls.__name__} is {each.default!r}"
                require(given == each.default, rule, given, error=LocalProtocolError)
        return cls._built(obj)

    @classmethod
    def model_validate_json(
        cls: type[M], json_data: str | bytes | bytearray, **options: Unpack[NoOptions]
    ) -> M:
        """Return `model_validate` of JSON text.

        Raises:
            LocalProtocolError: it is no JSON, or as `model_validate`.
        """
        check_no_options("model_validate_json", options, error=LocalProtocolError)
        return cls.model_validate(read_json(json_data, cls.__name__, error=LocalProtocolError))

    @classmethod
    def model_construct(cls: type[M], **values: Any) -> M:
        """Return a value of these fields without any check; those that are missing read as None.

        Args:
            values: fields of this class; others go to `extra`.
        """
        return cls._built(values)

    @classmethod
    def _built(cls: type[M], values: Mapping[str, Any]) -> M:
        """Return the value of these fields, with those that are the same in each."""
        said = {a.name: a.default for a in attrs.fields(cls) if isinstance(a.default, str)}
        return load(cls, {**said, **values})

    def _dump(self, call: str, options: DumpOptions) -> JsonDict:
        check_options(call, options, error=LocalProtocolError)
        form = self._form()
        return reduced(form if options.get("exclude_unset", True) else self._filled(), options)

    def _form(self) -> JsonDict:
        """Return the wire form."""
        wire = self._wire
        values = {name: v for name, v in self.__dict__.items() if name in wire}
        form: JsonDict = plain({**values, **self.extra})
        return form

    def _filled(self) -> JsonDict:
        """Return the wire form with None for what was not set."""
        names = (a.name for a in attrs.fields(type(self)) if a.name in self._wire)
        return {**{name: _filled(getattr(self, name)) for name in names}, **plain(self.extra)}

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        assert isinstance(other, Model)
        return self.extra == other.extra and all(
            getattr(self, name) == getattr(other, name) for name in self._wire
        )

    def __repr__(self) -> str:
        shown = [
            f"{a.name}={shorten(getattr(self, a.name))}"
            for a in attrs.fields(type(self))
            if a.name in self.__dict__
            and a.name not in ("raw", "extra")
            and not (a.name == "type" and self.__dict__["type"] == a.default)
        ]
        if self.extra:
            shown.append(f"extra={shorten(self.extra)}")
        return f"{type(self).__name__}({', '.join(shown)})"


for _name, _advice in {
    "copy": "write model_copy(update={…}), or replace(…)",
    "dict": "write to_dict()",
    "json": "write to_json()",
    "model_json_schema": "it is no pydantic model; TypeAdapter of its …Param dictionary has one",
    "parse_obj": "write model_validate(…)",
    "parse_raw": "write model_validate_json(…)",
}.items():
    setattr(Model, _name, Absent(_name, _advice))
Model.extra = EMPTY  # what reads when a value has no unknown fields
set_dict = Model.__dict__["__dict__"].__set__  # past the frozen __setattr__, 60 ns


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Event(Model, NotAwaited):
    """A message of the protocol, of either direction.

    Example:
        >>> from realtime_sync.events import parse_event
        >>> event = parse_event('{"type": "session.closed", "event_id": "event_1", "new": 1}')
        >>> event.type, event.event_id, event.extra
        ('session.closed', 'event_1', {'new': 1})
        >>> event.to_json()
        '{"type":"session.closed","event_id":"event_1","new":1}'

    Attributes:
        type: the event's GA name, also when it arrived under its beta name.
        event_id: the sender's identifier of this event; clients may leave it out.
        raw: the text as received, or None for an event built by hand.
    """

    type: str
    event_id: str | None = None
    raw: str | None = None


Event.raw = None  # what reads when an event was built by hand


class _Lazy:
    """A field whose models are built at its first reading.

    A data descriptor, so that it is asked before the instance's dictionary. Two threads that
    read for the first time at once both build equal models, and one of them stays.
    """

    __slots__ = ("loader", "name")

    def __init__(self, name: str, loader: Loader) -> None:
        self.name = name
        self.loader = loader

    def __get__(self, obj: Model | None, owner: type) -> Any:
        if obj is None:
            return self
        values = obj.__dict__
        value = values.get(self.name)
        if type(value) is dict or type(value) is list:
            value = values[self.name] = self.loader(value)
        return value

    def __set__(self, obj: Model, value: Any) -> None:
        raise FrozenInstanceError


def load(cls: type[M], data: Mapping[str, Any]) -> M:
    """Return a model over a copy of ``data``, which is left as it is."""
    if cls._knows(data):
        values = dict(data)
    else:
        wire = cls._wire
        values = {name: v for name, v in data.items() if name in wire}
        values["extra"] = {name: v for name, v in data.items() if name not in wire}
    model = _new(cls)
    set_dict(model, values)
    return model


def one(cls: type[M]) -> Loader:
    """Return a loader of one model; whatever is not an object passes through."""

    def convert(value: Any) -> Any:
        return load(cls, value) if isinstance(value, Mapping) else value

    return convert


def tagged(classes: Mapping[str, type[Model]]) -> Loader:
    """Return a loader that goes by the ``type`` field; unknown types stay dictionaries."""

    def convert(value: Any) -> Any:
        kind = value.get("type") if isinstance(value, Mapping) else None
        cls = classes.get(kind) if isinstance(kind, str) else None
        return value if cls is None else load(cls, value)

    return convert


def listed(loader: Loader) -> Loader:
    """Return a loader of a list of what ``loader`` loads."""

    def convert(value: Any) -> Any:
        if isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value):
            return [loader(v) for v in value]
        return value

    return convert


def plain(value: Any) -> Any:
    """Return ``value`` with every model in it as its wire form; containers are copied.

    Raises:
        LocalProtocolError: it stands within itself, or is nested deeper than any message of a
            server's may be.
    """
    try:
        return _plain(value)
    except RecursionError:
        what = "a value is nested too deeply to be sent, or stands within itself"
        raise LocalProtocolError(what) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def as_came(event: Event, name: str) -> Any:
    """Return a field in wire form without building its models; it is shared, so not to be changed.

    A ``session.created`` costs 6 µs less than by reading the field and dumping it, and no copy.
    """
    value = event.__dict__.get(name)
    return value if type(value) is dict else plain(value)


def _filled(value: Any) -> Any:
    if isinstance(value, Model):
        return value._filled()
    if isinstance(value, Mapping):
        return {key: _filled(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(v) for v in value]
    return value


def shorten(value: Any) -> str:
    """Return a repr in which long strings (audio) are replaced by their length."""
    if isinstance(value, str) and len(value) > LONGEST_IN_REPR:
        return f"<{len(value)} characters: {value[:8]!r}…>"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k!r}: {shorten(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(shorten, value)) + "]"
    return repr(value)
