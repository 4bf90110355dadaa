"""What is said on its way to the server: first into a bounded buffer, then as far as the server takes it, and again where it is lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from .errors import ClientError
from .frames import Frames
from .ledger import Ledger, weight_of
from .said import End, Ping, Revise, Said, Sent, Text, wire_of

#: Weight of text that may be under way without a final: under the server's own limit, so that none of it is refused.
WINDOW = 8_000
#: Messages that may be under way unacknowledged.
IN_FLIGHT_MAX = 200
#: Calls that may wait for room in the buffer.
WAITING_MAX = 1_000


class Outlet(Protocol):
    """Where it goes."""

    @property
    def ready(self) -> bool: ...

    async def send(self, message: Mapping[str, object]) -> None: ...


class Outgoing:
    def __init__(self, outlet: Outlet, room: int, last_seq: Callable[[], int]) -> None:
        """`room`: characters that may wait to be sent. `last_seq`: the last message of the server that has come."""
        self._outlet = outlet
        self._room = room
        self._last_seq = last_seq
        self._frames = Frames()
        self._ledger = Ledger()
        self._waiting: deque[tuple[list[Said], asyncio.Future[None]]] = deque()
        # The server acknowledges, and can take the session up again.
        self._acknowledged = False
        self._weight_under_way = 0
        self._ended = False
        self._holding: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()

    def say(self, messages: list[Said]) -> asyncio.Future[None]:
        """Done when there is room for it. Fails with ClientError `buffer_full`, `mixed` or `closed`."""
        said: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._ended:
            said.set_exception(ClientError("closed", "the stream is over: nothing more can be said"))
        elif len(self._waiting) >= WAITING_MAX:
            said.set_exception(ClientError("buffer_full", f"{WAITING_MAX} calls wait for room: await each send()"))
        else:
            self._ended = any(isinstance(message, End) for message in messages)
            self._waiting.append((messages, said))
            self.pump()
        return said

    def ping(self) -> None:
        """A message that is no part of what is said, where nothing else waits to be sent."""
        if self._frames.peek() is None:
            self._frames.push(Ping())
            self._wake.set()

    def pump(self) -> None:
        """What waits goes into the buffer as far as there is room; `write` takes it from there."""
        while self._waiting and self._frames.unsent_characters < self._room:
            messages, said = self._waiting.popleft()
            if said.cancelled():
                continue
            try:
                for message in messages:
                    self._ledger.check(message)
                    self._ledger.add(self._frames.add(self._ledger.told(message)))
            except ClientError as error:
                said.set_exception(error)
            else:
                said.set_result(None)
        self._wake.set()

    async def write(self) -> None:
        """Sends what there is to send, as far as the server takes it, until it is cancelled."""
        while True:
            self._wake.clear()
            while (message := self._frames.peek()) is not None and self._may_write(message):
                if isinstance(message, Text):
                    self._weight_under_way += weight_of(message.text)
                wire = wire_of(message)
                seq = self._frames.take()
                if self._acknowledged:
                    await self._outlet.send({**wire, "seq": seq, "received": self._last_seq()})
                else:
                    self._frames.forget_sent()
                    await self._outlet.send(wire)
                self.pump()
            await self._wake.wait()

    def received(self, seq: int) -> None:
        """The server has read all messages up to this one."""
        self._frames.received(seq)

    def resume(self, received: int) -> None:
        """The same session goes on over another connection."""
        self._frames.received(received)
        self._rewind()

    def restart(self, acknowledged: bool) -> None:
        """A session that knows nothing yet is told all that has no final."""
        self._acknowledged = acknowledged
        self._frames.clear()
        self._weight_under_way = 0
        for message in self._ledger.again():
            self._frames.push(message)
        if self._ended and not self._waiting:
            self._frames.push(End())

    def settle(self, source: str) -> None:
        """A segment has its final in all targets."""
        self._lighten(self._ledger.settle(source))

    def refuse(self, seq: int) -> str | None:
        """The server did not take the message of this number: its text is told of, and not sent again."""
        said = self._frames.sent(seq)
        if isinstance(said, Text):
            self._ledger.refuse(said)
            self._lighten(weight_of(said.text))
        return said.text if isinstance(said, (Text, Revise)) else None

    def hold(self, seconds: float) -> None:
        """The server left out what came after a message that it did not look at: all of it goes again, after a pause."""
        if self._holding is None:
            self._holding = asyncio.get_running_loop().call_later(seconds, self._release)

    def close(self, reason: Exception) -> None:
        """`reason`: what the calls that wait fail with."""
        self._ended = True
        if self._holding is not None:
            self._holding.cancel()
        for _, said in self._waiting:
            if not said.done():
                said.set_exception(reason)
        self._waiting.clear()

    def _release(self) -> None:
        self._holding = None
        self._rewind()
        self.pump()

    def _may_write(self, message: Sent) -> bool:
        if self._holding is not None or not self._outlet.ready or self._frames.in_flight >= IN_FLIGHT_MAX:
            return False
        if not isinstance(message, Text) or self._weight_under_way == 0:
            return True
        return self._weight_under_way + weight_of(message.text) <= WINDOW

    def _rewind(self) -> None:
        for message in self._frames.rewind():
            if isinstance(message, Text):
                self._lighten(weight_of(message.text))

    def _lighten(self, weight: int) -> None:
        self._weight_under_way = 0 if self._ledger.empty else max(0, self._weight_under_way - weight)
