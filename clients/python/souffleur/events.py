"""What a stream tells its program: one queue, kept from the start of the stream."""

from __future__ import annotations

import asyncio
from collections import deque

from .errors import ClientError
from .messages import Message

#: Messages that may wait for a program that does not read.
UNREAD_MAX = 10_000


class Inbox:
    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._changed = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None

    def put(self, message: Message) -> None:
        """Raises ClientError `unread` where too much waits already."""
        if len(self._messages) >= UNREAD_MAX:
            raise ClientError("unread", f"{UNREAD_MAX} messages wait to be read: iterate over the stream")
        self._messages.append(message)
        self._changed.set()

    def end(self, error: Exception | None) -> None:
        """`error`: what the reader is thrown once it has read what waits; None where all went well."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._changed.set()

    async def get(self) -> Message:
        """Raises StopAsyncIteration at the stream's end, or the error that ended it."""
        while not self._messages:
            if self._ended:
                raise self._error or StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._messages.popleft()
