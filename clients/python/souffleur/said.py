"""What a program says, as it is kept until the server has taken it and until it has its final."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

#: Characters of one `text`, well under the server's 64 KB in any script.
TEXT_MAX_CHARACTERS = 2_000


@dataclass(eq=False)
class Text:
    text: str
    at: float | None = None


@dataclass(eq=False)
class Revise:
    """A recogniser's whole hypothesis; `stable` counts its characters, code points as Python does."""

    text: str
    stable: int | None = None
    at: float | None = None


@dataclass(eq=False)
class Commit:
    pass


@dataclass(eq=False)
class End:
    pass


@dataclass(eq=False)
class Ping:
    pass


Said = Union[Text, Revise, Commit, End]
Sent = Union[Text, Revise, Commit, End, Ping]


def wire_of(message: Sent) -> dict[str, object]:
    """A message as it travels: there `stable` counts UTF-16 units."""
    wire: dict[str, object] = {"type": type(message).__name__.lower()}
    if isinstance(message, (Text, Revise)):
        wire["text"] = message.text
        if message.at is not None:
            wire["at"] = message.at
    if isinstance(message, Revise) and message.stable is not None:
        wire["stable"] = utf16_length(message.text[: message.stable])
    return wire


def utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def parts_of(text: str) -> list[str]:
    """Text in parts that fit one message each."""
    return [text[start : start + TEXT_MAX_CHARACTERS] for start in range(0, len(text), TEXT_MAX_CHARACTERS)]
