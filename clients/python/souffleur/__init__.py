"""Streams of the protocol `souffleur.v1`: what is said goes in, its translation comes out, over as many connections as it takes."""

from .client import Client, connect
from .errors import ClientError
from .link import Reconnect
from .messages import (
    Delta,
    Done,
    Final,
    Message,
    Notice,
    Ready,
    Refusal,
    StateChange,
    Tentative,
    Term,
    Withdrawn,
)
from .transcript import Segment, Transcript

__all__ = [
    "Client",
    "ClientError",
    "Delta",
    "Done",
    "Final",
    "Message",
    "Notice",
    "Ready",
    "Reconnect",
    "Refusal",
    "Segment",
    "StateChange",
    "Tentative",
    "Term",
    "Transcript",
    "Withdrawn",
    "connect",
]
