"""A stream to a Souffleur server that lasts longer than its connections: what is said and what is answered comes once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import replace
from secrets import token_hex
from types import TracebackType
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from .errors import ClientError
from .events import Inbox
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
    Tentative,
    Term,
    Wait,
)
from .outgoing import Outgoing
from .said import Commit, End, Revise, Text, parts_of, utf16_length
from .seam import Seam

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
        tentative: bool | None = None,
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
            "tentative": tentative,
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
        self._on_state = on_state
        self._link = Link(self, url, reconnect, ping_every)
        self._room = buffer_characters
        self._seam = Seam()
        self._state: State = "connecting"
        self._ready: Ready | None = None
        # The session that a new connection goes on with; whether it is asked for now.
        self._session: str | None = None
        self._resuming = False
        self._last_seq = 0
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
        await self._outgoing.say([Text(part, _checked_time(at)) for part in parts_of(text)])

    async def revise(self, text: str, *, stable: int | None = None, at: float | None = None) -> None:
        """Says a recogniser's whole hypothesis of what was said since the last `commit`.

        `stable`: so many of its first characters will not change. Raises ClientError `too_long` past the server's limit.
        """
        limit = self.ready.limits.get("textCharacters")
        if limit is not None and utf16_length(text) > limit:
            raise ClientError("too_long", f"a hypothesis may have {limit} characters: commit before")
        if stable is not None and not 0 <= stable <= len(text):
            raise ValueError(f"stable is a number of the text's characters, 0 to {len(text)}, not {stable}")
        await self._outgoing.say([Revise(text, stable, _checked_time(at))])

    async def commit(self) -> None:
        """What was said is complete: it is translated to its end."""
        await self._outgoing.say([Commit()])

    async def end(self) -> Done:
        """Says that nothing more comes; returns when all of it is translated."""
        await self._outgoing.say([End()])
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
        self._outgoing = Outgoing(self._link, self._room, lambda: self._last_seq)
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

    async def write(self) -> None:
        """Part of `Host`."""
        await self._outgoing.write()

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
            self._outgoing.received(frame.received)
        self._outgoing.pump()

    def _handle(self, frame: Frame) -> None:
        message = frame.message
        if isinstance(message, Ready):
            self._begin(message)
        elif isinstance(message, (Delta, Final)):
            for given in self._seam.take(message):
                self._inbox.put(given)
            for source in self._seam.settled():
                self._outgoing.settle(source)
        elif isinstance(message, Tentative):
            for guess in self._seam.take_tentative(message):
                self._inbox.put(guess)
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
            self._outgoing.resume(ready.received)
        else:
            resumable = ready.resume_grace_ms is not None
            self._session = ready.session if resumable else None
            self._last_seq = 0
            self._seam.set_targets([ready.target] if isinstance(ready.target, str) else ready.target)
            self._seam.restart()
            self._outgoing.restart(resumable)
        self._become(StateChange("open"))
        if not self._opened.done():
            self._opened.set_result(None)

    def _refused(self, error: Refusal, received: int | None) -> None:
        unread = error.field == "seq" or (error.code, error.field) == ("rate_limited", None)
        if error.fatal:
            # Its session is over, unless only this connection was at fault.
            if error.code != "slow_consumer":
                self._session = None
        elif not self._link.ready:
            self._refused_start(error)
        elif error.code == "bad_message":
            # What it cannot read it never will, and it takes nothing after it.
            raise _error_of(error)
        elif unread and self._session is not None:
            self._outgoing.hold(error.retry_after or 1)
        # A server that stops takes no more text; the next one is told it again.
        elif error.code != "shutting_down":
            said = None if received is None else self._outgoing.refuse(received)
            self._inbox.put(replace(error, said=said))

    def _refused_start(self, error: Refusal) -> None:
        """The answer to the first message of a connection was not `ready`."""
        if not self._resuming:
            raise _error_of(error)
        self._resuming = False
        self._session = None
        self._later(self._link.send(self._start()))

    def ping(self) -> None:
        """Part of `Host`."""
        self._outgoing.ping()

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
        self._outgoing.close(left)
        for future in (self._opened, self._done):
            if not future.done():
                future.set_exception(left)
                # It may be that nobody waits for it.
                future.exception()
        self._inbox.end(error)


def _error_of(error: Refusal) -> ClientError:
    return ClientError(error.code, error.message, field=error.field, retry_after=error.retry_after)


def _checked_time(at: float | None) -> float | None:
    if at is not None and not (math.isfinite(at) and at >= 0):
        raise ValueError(f"at is a time in milliseconds, 0 or more, not {at}")
    return at


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
