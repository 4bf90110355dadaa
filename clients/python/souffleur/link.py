"""The connection: opened, watched for silence, and opened again after a loss with growing, random pauses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException
from websockets.typing import Subprotocol

from .errors import ClientError
from .messages import Frame, Ready, Refusal, read_frame

#: Seconds from opening a socket to `ready`.
READY_TIMEOUT = 15.0
#: A connection that held so many seconds starts the pauses anew.
STEADY = 5.0
#: Closes a connection, and lets the session wait for the next one.
DETACH_CODE = 4000
#: Close codes after which to connect again does not help.
LASTING: Mapping[int, str] = {
    1000: "the server closed the stream",
    1008: "the server refused the stream",
    1009: "a message was too large",
}


Token = Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class Reconnect:
    """Seconds: the first pause is at most `first_delay`, each further one twice as long up to `max_delay`."""

    first_delay: float = 0.25
    max_delay: float = 10.0
    #: Without a stream for so long, the client gives up.
    give_up: float = 120.0


class Host(Protocol):
    async def greet(self) -> Mapping[str, object]:
        """The first message of a connection."""

    def receive(self, frame: Frame) -> None: ...

    async def write(self) -> None:
        """Sends what there is to send, until it is cancelled."""

    def ping(self) -> None:
        """Asks for an answer; the link hears whether one comes."""

    def lost(self, reason: ClientError, retry_in: float) -> None: ...

    def connecting(self) -> None: ...


class _Detached(Exception):
    """This side gave the connection up."""


class Link:
    def __init__(self, host: Host, url: str, reconnect: Reconnect | None, ping_every: float) -> None:
        self._host = host
        self._url = url
        self._reconnect = reconnect
        self._ping_every = ping_every
        self._socket: ClientConnection | None = None
        self._was_ready = False
        # When `ready` came on this connection; None before that.
        self._ready_at: float | None = None
        self._heard_at = 0.0
        # The fatal error that came before a close.
        self._fatal: Refusal | None = None
        self._detaching = False

    @property
    def ready(self) -> bool:
        return self._ready_at is not None

    async def send(self, message: Mapping[str, object]) -> None:
        """Waits where the socket is full. What cannot be sent is sent again on the next connection."""
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(json.dumps(message))

    def detach(self) -> None:
        """Gives this connection up, and opens another; the session waits. Noticed with the next frame or ping."""
        self._detaching = True

    async def run(self) -> None:
        """Keeps a connection open until it is cancelled. Raises ClientError where that cannot or should not be."""
        clock = asyncio.get_running_loop().time
        attempts = 0
        lost_at = clock()
        while True:
            self._fatal = None
            self._detaching = False
            self._host.connecting()
            code, cause = await self._connection()
            now = clock()
            if self._ready_at is not None:
                lost_at = now
                attempts = 0 if now - self._ready_at >= STEADY else attempts
            self._ready_at = None
            reason = cause or self._reason(code)
            if self._reconnect is None or not self._was_ready or code in LASTING:
                raise reason
            if now - lost_at >= self._reconnect.give_up:
                raise reason
            backoff = min(self._reconnect.max_delay, self._reconnect.first_delay * 2.0**attempts)
            delay = max(backoff * random.uniform(0.5, 1), reason.retry_after or 0)
            attempts += 1
            self._host.lost(reason, delay)
            await asyncio.sleep(delay)

    def _reason(self, code: int) -> ClientError:
        if self._fatal is not None:
            fatal = self._fatal
            return ClientError(fatal.code, fatal.message, field=fatal.field, retry_after=fatal.retry_after)
        if not self._was_ready:
            return ClientError("connection", f"no stream could be opened (close code {code})")
        return ClientError("lost", LASTING.get(code, f"the connection was lost (close code {code})"))

    async def _connection(self) -> tuple[int, ClientError | None]:
        """One connection, from its opening to its end: its close code, and what kept it from opening."""
        try:
            first = await self._host.greet()
            socket = await open_socket(
                self._url,
                subprotocols=[Subprotocol("souffleur.v1")],
                # Our own pings keep the stream open as well.
                ping_interval=None,
                max_size=None,
                open_timeout=READY_TIMEOUT,
                close_timeout=0.5,
            )
        except ClientError as error:
            return 1006, error
        except InvalidURI as error:
            raise ClientError("connection", str(error)) from error
        except (OSError, TimeoutError, asyncio.TimeoutError, WebSocketException) as error:
            return 1006, ClientError("connection", f"no stream could be opened: {error}")
        self._socket = socket
        self._became_ready = asyncio.Event()
        close_code = 1000
        try:
            await self.send(first)
            await self._until_one_ends(self._read(socket), self._host.write(), self._watch())
        except (_Detached, ConnectionClosed):
            close_code = DETACH_CODE
        finally:
            self._socket = None
            # Not cancelled halfway: a server that was not told would keep the session waiting.
            await asyncio.shield(_close(socket, close_code))
        return 1006 if self._detaching or socket.close_code is None else socket.close_code, None

    async def _until_one_ends(self, *works: Awaitable[None]) -> None:
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            data = await socket.recv()
            self._heard_at = asyncio.get_running_loop().time()
            try:
                frame = read_frame(data)
            except ValueError:
                # Not a server of ours, or a frame that was damaged: another connection tells.
                self._detaching = True
                raise _Detached from None
            if frame is None:
                continue
            if isinstance(frame.message, Ready):
                self._ready_at = self._heard_at
                self._was_ready = True
                self._became_ready.set()
            if isinstance(frame.message, Refusal) and frame.message.fatal:
                self._fatal = frame.message
            self._host.receive(frame)
            if self._detaching:
                raise _Detached

    async def _watch(self) -> None:
        """A connection can be gone without a word: where nothing answers a ping, it is given up."""
        try:
            await asyncio.wait_for(self._became_ready.wait(), READY_TIMEOUT)
            while self._ping_every > 0:
                asked_at = asyncio.get_running_loop().time()
                self._host.ping()
                await asyncio.sleep(self._ping_every)
                if self._heard_at < asked_at:
                    raise asyncio.TimeoutError
        except asyncio.TimeoutError:
            self._detaching = True
            raise _Detached from None
        await asyncio.Event().wait()


async def _close(socket: ClientConnection, code: int) -> None:
    with contextlib.suppress(Exception):
        await socket.close(code)
