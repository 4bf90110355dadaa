"""What travels on a stream, as a program sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict, Union

Wait = Union[int, Literal["full"]]
State = Literal["connecting", "open", "waiting", "closed"]


class _NeededTerm(TypedDict):
    source: str
    target: str


class Term(_NeededTerm, total=False):
    """A term and how it is to be translated; `language` says for which of several targets."""

    language: str


@dataclass(frozen=True)
class Ready:
    """The stream is open."""

    session: str
    model: str | list[str]
    source: str
    target: str | list[str]
    wait: Wait
    limits: Mapping[str, int]
    #: Milliseconds for which the server keeps a session whose connection was lost; None where it keeps none.
    resume_grace_ms: int | None = None
    received: int = 0


@dataclass(frozen=True)
class Delta:
    """Text to append to the translation of a segment."""

    segment: int
    target: str
    text: str
    #: Words of the segment's source that were read when this was written.
    read: int
    latency: float | None = None
    queue: float | None = None
    compute: float | None = None


@dataclass(frozen=True)
class Tentative:
    """What would be appended to the segment if it ended now; the next message of the segment takes it away."""

    segment: int
    target: str
    text: str


@dataclass(frozen=True)
class Final:
    """A segment is complete: `text` is the concatenation of its deltas."""

    segment: int
    target: str
    source: str
    text: str
    #: Milliseconds of the speaker's clock where `at` was given, else since the session began.
    start: float
    end: float
    latency: float | None = None
    average_lagging: float | None = None


@dataclass(frozen=True)
class Withdrawn:
    """What was shown of this segment no longer holds: its deltas come again from its beginning."""

    segment: int
    target: str


@dataclass(frozen=True)
class Notice:
    """Something worth knowing that changes nothing."""

    code: str
    message: str


@dataclass(frozen=True)
class Refusal:
    """An error that the stream outlives. `said`: the text that was not taken, and that is not sent again by itself."""

    code: str
    message: str
    field: str | None
    target: str | None
    #: Seconds.
    retry_after: float | None
    fatal: bool
    said: str | None = None


@dataclass(frozen=True)
class Pong:
    """The answer to a ping."""


@dataclass(frozen=True)
class Done:
    """The last message of a stream that was ended; duration in milliseconds."""

    segments: int
    words: int
    duration: float


@dataclass(frozen=True)
class StateChange:
    """Where the connection stands, and why it is not open."""

    state: State
    reason: Exception | None = None
    retry_in: float | None = None


Translated = Union[Delta, Final, Withdrawn]
Message = Union[Delta, Tentative, Final, Withdrawn, Notice, Refusal, Done]
ServerMessage = Union[Ready, Delta, Tentative, Final, Notice, Refusal, Pong, Done]


@dataclass(frozen=True)
class Frame:
    """A message as it came: with its number and the last message of ours that the server has taken."""

    message: ServerMessage
    seq: int | None
    received: int | None


def read_frame(data: str | bytes) -> Frame | None:
    """A frame as a message; None for what this version does not know, which a later server may well send.

    Raises ValueError where the frame is no message at all.
    """
    value = json.loads(data) if isinstance(data, str) else None
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise ValueError("not a message")
    try:
        message = _message_of(value)
    except (KeyError, TypeError):
        return None
    return None if message is None else Frame(message, _whole(value, "seq"), _whole(value, "received"))


def _message_of(value: dict[str, object]) -> ServerMessage | None:
    kind = value["type"]
    if kind == "delta":
        return Delta(
            _int(value, "segment"),
            _str(value, "target"),
            _str(value, "text"),
            _int(value, "read"),
            _maybe_float(value, "latency"),
            _maybe_float(value, "queue"),
            _maybe_float(value, "compute"),
        )
    if kind == "tentative":
        return Tentative(_int(value, "segment"), _str(value, "target"), _str(value, "text"))
    if kind == "final":
        return Final(
            _int(value, "segment"),
            _str(value, "target"),
            _str(value, "source"),
            _str(value, "text"),
            _float(value, "start"),
            _float(value, "end"),
            _maybe_float(value, "latency"),
            _maybe_float(value, "averageLagging"),
        )
    if kind == "ready":
        limits = value["limits"]
        if not isinstance(limits, dict):
            raise TypeError("limits")
        return Ready(
            _str(value, "session"),
            _strings(value, "model"),
            _str(value, "source"),
            _strings(value, "target"),
            "full" if value["wait"] == "full" else _int(value, "wait"),
            {str(name): limit for name, limit in limits.items() if isinstance(limit, int)},
            _whole(value, "resumeGraceMs"),
            _whole(value, "received") or 0,
        )
    if kind == "error":
        return Refusal(
            _str(value, "code"),
            _str(value, "message"),
            _maybe_str(value, "field"),
            _maybe_str(value, "target"),
            _maybe_float(value, "retryAfter"),
            value["fatal"] is True,
        )
    if kind == "notice":
        return Notice(_str(value, "code"), _str(value, "message"))
    if kind == "pong":
        return Pong()
    if kind == "done":
        return Done(_int(value, "segments"), _int(value, "words"), _float(value, "duration"))
    return None


def _str(value: dict[str, object], name: str) -> str:
    found = value[name]
    if not isinstance(found, str):
        raise TypeError(name)
    return found


def _strings(value: dict[str, object], name: str) -> str | list[str]:
    found = value[name]
    return [str(one) for one in found] if isinstance(found, list) else _str(value, name)


def _int(value: dict[str, object], name: str) -> int:
    found = value[name]
    if not isinstance(found, int):
        raise TypeError(name)
    return found


def _float(value: dict[str, object], name: str) -> float:
    found = value[name]
    if not isinstance(found, (int, float)):
        raise TypeError(name)
    return float(found)


def _maybe_float(value: dict[str, object], name: str) -> float | None:
    return _float(value, name) if name in value else None


def _maybe_str(value: dict[str, object], name: str) -> str | None:
    return _str(value, name) if name in value else None


def _whole(value: dict[str, object], name: str) -> int | None:
    return _int(value, name) if name in value else None
