"""Messages on their way to the server: numbered, in their order, kept until the server has said that it took them."""

from __future__ import annotations

from dataclasses import dataclass

from .said import TEXT_MAX_CHARACTERS, Revise, Said, Sent, Text


@dataclass
class _Frame:
    seq: int
    message: Sent


class Frames:
    def __init__(self) -> None:
        # The oldest first; so many of them went over the connection that is open now.
        self._frames: list[_Frame] = []
        self._sent = 0
        self._next_seq = 1
        #: Characters that have not been sent.
        self.unsent_characters = 0

    @property
    def in_flight(self) -> int:
        """Frames that were sent and not acknowledged."""
        return self._sent

    def add(self, message: Said) -> Said:
        """Adds a message, and returns the one that will be sent.

        Text joins the text before it, and a hypothesis replaces the one before it, where that has not been sent.
        """
        last = self._frames[-1] if self._sent < len(self._frames) else None
        if last is not None and isinstance(last.message, Text) and isinstance(message, Text):
            untimed = last.message.at is None and message.at is None
            if untimed and len(last.message.text) + len(message.text) <= TEXT_MAX_CHARACTERS:
                last.message.text += message.text
                self.unsent_characters += len(message.text)
                return last.message
        if last is not None and isinstance(last.message, Revise) and isinstance(message, Revise):
            self.unsent_characters += len(message.text) - len(last.message.text)
            last.message = message
            return message
        self.push(message)
        return message

    def push(self, message: Sent) -> None:
        """Adds a message as it is."""
        self._frames.append(_Frame(self._next_seq, message))
        self._next_seq += 1
        self.unsent_characters += _characters_of(message)

    def peek(self) -> Sent | None:
        """The next message to send; None where all were sent."""
        return self._frames[self._sent].message if self._sent < len(self._frames) else None

    def take(self) -> int:
        """Marks the next message as sent, and gives its number."""
        frame = self._frames[self._sent]
        self._sent += 1
        self.unsent_characters -= _characters_of(frame.message)
        return frame.seq

    def sent(self, seq: int) -> Sent | None:
        """The message of this number that was sent and is not acknowledged."""
        return next((frame.message for frame in self._frames[: self._sent] if frame.seq == seq), None)

    def received(self, seq: int) -> None:
        """The server took all messages up to this one."""
        count = 0
        while count < len(self._frames) and self._frames[count].seq <= seq:
            count += 1
        # After a rewind some of them may count as unsent.
        for frame in self._frames[self._sent : count]:
            self.unsent_characters -= _characters_of(frame.message)
        del self._frames[:count]
        self._sent = max(0, self._sent - count)

    def forget_sent(self) -> None:
        """Nothing will be acknowledged: what was sent is forgotten."""
        del self._frames[: self._sent]
        self._sent = 0

    def rewind(self) -> list[Sent]:
        """What is not acknowledged has to be sent again, under the same numbers. Returns it."""
        again = [frame.message for frame in self._frames[: self._sent]]
        self.unsent_characters += sum(map(_characters_of, again))
        self._sent = 0
        return again

    def clear(self) -> None:
        """Begins anew, with nothing on its way."""
        self._frames = []
        self._sent = 0
        self._next_seq = 1
        self.unsent_characters = 0


def _characters_of(message: Sent) -> int:
    return len(message.text) if isinstance(message, (Text, Revise)) else 0
