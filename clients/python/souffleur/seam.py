"""Where one session ends and another takes its place: the translation goes on where it was, nothing lost and nothing twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .messages import Delta, Final, Tentative, Translated, Withdrawn


@dataclass
class _Lane:
    # Segments that have their final.
    finals: int = 0
    # What was given of the open segment.
    shown: str = ""
    # What the new session has said of it so far, until that is as long as what was shown.
    repeated: str | None = None


class Seam:
    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        # The number of the session's first segment in the whole stream.
        self._base = 0
        # Sources of segments that some target has finished and some other has not.
        self._sources: dict[int, str] = {}
        self._settled = 0

    def set_targets(self, targets: Iterable[str]) -> None:
        """All languages of the stream; a segment is settled when each has its final."""
        for target in targets:
            self._lanes.setdefault(target, _Lane())

    def restart(self) -> None:
        """A new session is told again what had no final, and begins with the first segment of that."""
        self._base = self._settled
        for lane in self._lanes.values():
            lane.repeated = ""

    def take(self, message: Delta | Final) -> list[Translated]:
        """What is to be shown for a message: segments numbered through, without what was shown already."""
        segment = self._base + message.segment
        lane = self._lanes.setdefault(message.target, _Lane())
        if segment < lane.finals:
            return []
        if isinstance(message, Delta):
            return _append(lane, replace(message, segment=segment))
        return self._finish(lane, replace(message, segment=segment))

    def take_tentative(self, message: Tentative) -> list[Tentative]:
        """What would follow now; nothing, where the new session has not come as far as what was shown."""
        segment = self._base + message.segment
        lane = self._lanes.setdefault(message.target, _Lane())
        if segment < lane.finals or (lane.repeated is not None and lane.shown != ""):
            return []
        return [replace(message, segment=segment)]

    def settled(self) -> list[str]:
        """Segments that are finished in all targets since the last call: their sources."""
        finals = min(lane.finals for lane in self._lanes.values())
        sources = [self._sources.pop(segment, "") for segment in range(self._settled, finals)]
        self._settled = finals
        return sources

    def _finish(self, lane: _Lane, message: Final) -> list[Translated]:
        given: list[Translated] = []
        # Shorter than what was shown: deltas alone could not tell.
        if lane.repeated is not None and lane.shown != message.text:
            given.append(Withdrawn(message.segment, message.target))
            if message.text != "":
                words = len(message.source.split())
                given.append(Delta(message.segment, message.target, message.text, words))
        self._sources[message.segment] = message.source
        lane.finals = message.segment + 1
        lane.shown = ""
        lane.repeated = None
        return [*given, message]


def _append(lane: _Lane, message: Delta) -> list[Translated]:
    if lane.repeated is None:
        lane.shown += message.text
        return [message]
    repeated = lane.repeated + message.text
    if lane.shown.startswith(repeated):
        lane.repeated = None if repeated == lane.shown else repeated
        return []
    shown = lane.shown
    lane.shown = repeated
    lane.repeated = None
    if repeated.startswith(shown):
        return [replace(message, text=repeated[len(shown) :])]
    return [Withdrawn(message.segment, message.target), replace(message, text=repeated)]
