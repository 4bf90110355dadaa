"""A stream to a Souffleur server that lasts longer than its connections: what is said and what is answered comes once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import replace
from secrets import token_hex
from types import TracebackType
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from .errors import ClientError
from .events import Inbox
from .frames import Frames
from .ledger import Ledger, weight_of
from .link import Link, Reconnect, Token
from .messages import (
    Delta,
    Done,
    Final,
    Frame,
    Message,
    Notice,
    Ready,
    Refusal,
    State,
    StateChange,
    Term,
    Wait,
)
from .said import Commit, End, Outgoing, Ping, Revise, Said, Text, parts_of, utf16_length, wire_of
from .seam import Seam

#: Weight of text that may be under way without a final: under the server's own limit, so that none of it is refused.
WINDOW = 8_000
#: Messages that may be under way unacknowledged.
IN_FLIGHT_MAX = 200
#: Calls that may wait for room in the buffer.
WAITING_MAX = 1_000


class connect:
    """Opens a stream: `await connect(…)`, or `async with connect(…) as stream`, which leaves it at the block's end.

    `url` is the server's address, or the stream's own. `token` fetches a short-lived token from your own server, and is
    called for every connection; `key` is the key itself. `reconnect=None`: a lost connection ends the stream.
    `buffer_characters` may wait to be sent before `send` waits. `ping_every` is in seconds, 0 for none. `on_state` is
    called when the connection is lost, and when it is there again.

    Raises ClientError where the server refuses, or is not there.
    """

    def __init__(
        self,
        url: str,
        *,
        source: str,
        target: str | Sequence[str],
        wait: Wait | None = None,
        model: str | Sequence[str] | None = None,
        timings: bool | None = None,
        glossary: Sequence[Term] | None = None,
        formality: Literal["formal", "informal"] | None = None,
        captions: str | None = None,
        room: str | None = None,
        key: str | None = None,
        token: Token | None = None,
        reconnect: Reconnect | None = Reconnect(),
        buffer_characters: int = 64_000,
        ping_every: float = 15.0,
        on_state: Callable[[StateChange], None] | None = None,
    ) -> None:
        settings: dict[str, object] = {
            "source": source,
            "target": target if isinstance(target, str) else list(target),
            "wait": wait,
            "model": model if model is None or isinstance(model, str) else list(model),
            "timings": timings,
            "glossary": None if glossary is None else list(glossary),
            "formality": formality,
            "captions": captions,
            "room": room,
        }
        self._client = Client(
            _stream_url(url),
            {name: value for name, value in settings.items() if value is not None},
            key=key,
            token=token,
            reconnect=reconnect,
            buffer_characters=buffer_characters,
            ping_every=ping_every,
            on_state=on_state,
        )

    def __await__(self) -> Generator[object, None, Client]:
        return self._client._open().__await__()

    async def __aenter__(self) -> Client:
        return await self._client._open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.close()


class Client:
    """Made by `connect`. Iterate over it for every message since the stream began, to its end."""

    def __init__(
        self,
        url: str,
        settings: Mapping[str, object],
        *,
        key: str | None,
        token: Token | None,
        reconnect: Reconnect | None,
        buffer_characters: int,
        ping_every: float,
        on_state: Callable[[StateChange], None] | None,
    ) -> None:
        self._settings = settings
        self._key = key
        self._token = token
        self._room = buffer_characters
        self._on_state = on_state
        self._link = Link(self, url, reconnect, ping_every)
        self._frames = Frames()
        self._ledger = Ledger()
        self._seam = Seam()
        self._waiting: deque[tuple[list[Said], asyncio.Future[None]]] = deque()
        self._state: State = "connecting"
        self._ready: Ready | None = None
        # The session that a new connection goes on with; whether it is asked for now.
        self._session: str | None = None
        self._resuming = False
        # The server can take a session up again, and acknowledges.
        self._resumable = False
        self._last_seq = 0
        self._weight_under_way = 0
        # Nothing is sent for a while.
        self._held = False
        self._ending = False
        self._background: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> State:
        """`connecting`, `open`, `waiting` (for the next attempt) or `closed`."""
        return self._state

    @property
    def ready(self) -> Ready:
        """What the server said of the stream: model, languages, wait, limits."""
        if self._ready is None:
            raise ClientError("closed", "the stream was never open")
        return self._ready

    async def send(self, text: str, *, at: float | None = None) -> None:
        """Says text, cut wherever you like; spaces matter. Returns when there is room for more.

        `at`: when it was said, in milliseconds of the speaker's clock.
        """
        await self._say([Text(part, at) for part in parts_of(text)])

    async def revise(self, text: str, *, stable: int | None = None, at: float | None = None) -> None:
        """Says a recogniser's whole hypothesis of what was said since the last `commit`.

        `stable`: so many of its first characters will not change. Raises ClientError `too_long` past the server's limit.
        """
        limit = self.ready.limits.get("textCharacters")
        if limit is not None and utf16_length(text) > limit:
            raise ClientError("too_long", f"a hypothesis may have {limit} characters: commit before")
        await self._say([Revise(text, stable, at)])

    async def commit(self) -> None:
        """What was said is complete: it is translated to its end."""
        await self._say([Commit()])

    async def end(self) -> Done:
        """Says that nothing more comes; returns when all of it is translated."""
        said = self._say([End()])
        self._ending = True
        await said
        return await asyncio.shield(self._done)

    async def close(self) -> None:
        """Leaves at once, whatever is open."""
        self._finish(None)
        await asyncio.gather(self._running, return_exceptions=True)

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        return await self._inbox.get()

    async def _open(self) -> Client:
        loop = asyncio.get_running_loop()
        self._inbox = Inbox()
        self._wake = asyncio.Event()
        self._opened: asyncio.Future[None] = loop.create_future()
        self._done: asyncio.Future[Done] = loop.create_future()
        self._running = asyncio.ensure_future(self._run())
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            await self.close()
            raise
        return self

    async def _run(self) -> None:
        try:
            await self._link.run()
        except Exception as error:
            self._finish(error)

    def _say(self, messages: list[Said]) -> asyncio.Future[None]:
        said: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._state == "closed" or self._ending:
            said.set_exception(ClientError("closed", "the stream is over: nothing more can be said"))
        elif len(self._waiting) >= WAITING_MAX:
            said.set_exception(ClientError("buffer_full", f"{WAITING_MAX} calls wait for room: await each send()"))
        else:
            self._waiting.append((messages, said))
            self._admit()
        return said

    def _admit(self) -> None:
        """What waits goes into the buffer as far as there is room."""
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
        """Sends what there is to send, as far as the server takes it. Part of `Host`."""
        while True:
            self._wake.clear()
            while (message := self._frames.peek()) is not None and self._may_write(message):
                if isinstance(message, Text):
                    self._weight_under_way += weight_of(message.text)
                wire = wire_of(message)
                seq = self._frames.take()
                if self._resumable:
                    await self._link.send({**wire, "seq": seq, "received": self._last_seq})
                else:
                    self._frames.forget_sent()
                    await self._link.send(wire)
                self._admit()
            await self._wake.wait()

    def _may_write(self, message: Outgoing) -> bool:
        if self._held or not self._link.ready or self._frames.in_flight >= IN_FLIGHT_MAX:
            return False
        if not isinstance(message, Text) or self._weight_under_way == 0:
            return True
        return self._weight_under_way + weight_of(message.text) <= WINDOW

    async def greet(self) -> Mapping[str, object]:
        """The first message of a connection. Part of `Host`."""
        if self._token is not None:
            try:
                self._key = await self._token()
            except Exception as error:
                raise ClientError("token", f"no token could be fetched: {error}") from error
        self._resuming = self._session is not None
        if not self._resuming:
            return self._start()
        return {"type": "resume", "session": self._session, "seq": self._last_seq, **self._shown()}

    def _start(self) -> Mapping[str, object]:
        return {"type": "start", **self._settings, "resume": True, **self._shown()}

    def _shown(self) -> Mapping[str, object]:
        return {} if self._key is None else {"key": self._key}

    def receive(self, frame: Frame) -> None:
        """Part of `Host`."""
        if self._state == "closed":
            return
        if frame.seq is not None:
            if frame.seq <= self._last_seq:
                return
            if frame.seq > self._last_seq + 1:
                # Something is missing: the next connection asks for it.
                self._link.detach()
                return
            self._last_seq = frame.seq
        self._handle(frame)
        if frame.received is not None:
            self._frames.received(frame.received)
        self._admit()

    def _handle(self, frame: Frame) -> None:
        message = frame.message
        if isinstance(message, Ready):
            self._begin(message)
        elif isinstance(message, (Delta, Final)):
            for given in self._seam.take(message):
                self._inbox.put(given)
            for source in self._seam.settled():
                self._lighten(self._ledger.settle(source))
        elif isinstance(message, Refusal):
            self._refused(message, frame.received)
        elif isinstance(message, Notice):
            self._inbox.put(message)
        elif isinstance(message, Done):
            self._inbox.put(message)
            self._done.set_result(message)
            self._finish(None)

    def _begin(self, ready: Ready) -> None:
        self._ready = ready
        if self._resuming:
            self._frames.received(ready.received)
            self._rewind()
        else:
            self._resumable = ready.resume_grace_ms is not None
            self._session = ready.session if self._resumable else None
            self._last_seq = 0
            self._seam.set_targets([ready.target] if isinstance(ready.target, str) else ready.target)
            self._say_again()
        self._become(StateChange("open"))
        if not self._opened.done():
            self._opened.set_result(None)

    def _say_again(self) -> None:
        """A session that knows nothing yet is told all that has no final."""
        self._seam.restart()
        self._frames.clear()
        self._weight_under_way = 0
        for message in self._ledger.again():
            self._frames.push(message)
        if self._ending and not self._waiting:
            self._frames.push(End())

    def _refused(self, error: Refusal, received: int | None) -> None:
        if error.fatal:
            # Its session is over, unless only this connection was at fault.
            if error.code != "slow_consumer":
                self._session = None
        elif not self._link.ready:
            self._refused_start(error)
        elif (error.code, error.field) in (("bad_request", "seq"), ("rate_limited", None)):
            if self._resumable:
                self._hold(error.retry_after or 1)
            else:
                self._inbox.put(error)
        # A server that stops takes no more text; the next one is told it again.
        elif error.code != "shutting_down":
            said = None if received is None else self._frames.sent(received)
            if isinstance(said, Text):
                self._ledger.refuse(said)
                self._lighten(weight_of(said.text))
            text = said.text if isinstance(said, (Text, Revise)) else None
            self._inbox.put(replace(error, said=text))

    def _refused_start(self, error: Refusal) -> None:
        """The answer to the first message of a connection was not `ready`."""
        if not self._resuming:
            raise ClientError(error.code, error.message, field=error.field, retry_after=error.retry_after)
        self._resuming = False
        self._session = None
        self._later(self._link.send(self._start()))

    def _hold(self, seconds: float) -> None:
        """The server left out what came after a message that it did not take: all of it goes again, after a pause."""
        if self._held:
            return
        self._held = True

        async def release() -> None:
            await asyncio.sleep(seconds)
            self._held = False
            self._rewind()
            self._admit()

        self._later(release())

    def _rewind(self) -> None:
        for message in self._frames.rewind():
            if isinstance(message, Text):
                self._lighten(weight_of(message.text))

    def _lighten(self, weight: int) -> None:
        self._weight_under_way = 0 if self._ledger.empty else max(0, self._weight_under_way - weight)

    def ping(self) -> None:
        """Part of `Host`."""
        if self._frames.peek() is None:
            self._frames.push(Ping())
            self._wake.set()

    def connecting(self) -> None:
        """Part of `Host`."""
        self._become(StateChange("connecting"))

    def lost(self, reason: ClientError, retry_in: float) -> None:
        """Part of `Host`."""
        self._become(StateChange("waiting", reason, retry_in))

    def _become(self, change: StateChange) -> None:
        if self._state == "closed":
            return
        self._state = change.state
        if self._on_state is not None:
            self._on_state(change)

    def _later(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _finish(self, error: Exception | None) -> None:
        """`error`: what ended the stream; None where that was meant."""
        if self._state == "closed":
            return
        self._become(StateChange("closed", error))
        left = error or ClientError("closed", "the stream is over")
        self._running.cancel()
        for task in self._background:
            task.cancel()
        for _, said in self._waiting:
            if not said.done():
                said.set_exception(left)
        self._waiting.clear()
        for future in (self._opened, self._done):
            if not future.done():
                future.set_exception(left)
                # It may be that nobody waits for it.
                future.exception()
        self._inbox.end(error)


def _stream_url(given: str) -> str:
    """A server's own address is enough, and http is as good as ws.

    With a key of its own, by which a load balancer leads all connections of the stream to the same server; it is no secret.
    """
    parts = urlsplit(given)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = "/v1/stream" if parts.path in ("", "/") else parts.path
    query = parse_qsl(parts.query, keep_blank_values=True)
    if not any(name == "affinity" for name, _ in query):
        query.append(("affinity", token_hex(8)))
    return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))
