"""What a screen shows of a stream: each segment's translation as it grows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .messages import Delta, Final, Message, Tentative, Withdrawn


@dataclass(frozen=True)
class Segment:
    segment: int
    target: str
    text: str = ""
    #: What would follow if the speaker stopped now; empty without `tentative`.
    tentative: str = ""
    #: There with the segment's final.
    source: str | None = None

    @property
    def is_final(self) -> bool:
        return self.source is not None


class Transcript:
    """Takes the messages of a stream, and has its segments in the order in which they began."""

    def __init__(self, keep: int | None = None) -> None:
        """`keep`: segments at most, the oldest go. All are kept by default."""
        self.segments: list[Segment] = []
        self._keep = keep

    def text(self, target: str | None = None) -> str:
        """The translation so far; of one language, where the stream has several."""
        return " ".join(one.text for one in self.segments if target in (None, one.target))

    def take(self, message: Message) -> None:
        """Takes any message of the stream; those without text change nothing."""
        if not isinstance(message, (Delta, Tentative, Final, Withdrawn)):
            return
        index = self._index_of(message.segment, message.target)
        # Whatever comes takes away what would have followed.
        before = replace(self.segments[index], tentative="")
        if isinstance(message, Delta):
            self.segments[index] = replace(before, text=before.text + message.text)
        elif isinstance(message, Tentative):
            self.segments[index] = replace(before, tentative=message.text)
        elif isinstance(message, Final):
            self.segments[index] = replace(before, text=message.text, source=message.source)
        else:
            self.segments[index] = replace(before, text="")

    def _index_of(self, segment: int, target: str) -> int:
        for index in reversed(range(len(self.segments))):
            if (self.segments[index].segment, self.segments[index].target) == (segment, target):
                return index
        self.segments.append(Segment(segment, target))
        if self._keep is not None:
            del self.segments[: -self._keep]
        return len(self.segments) - 1
