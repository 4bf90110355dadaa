"""A server with sessions that outlive connections, led by a test: it translates by shouting, one word behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

LIMITS = {"payloadBytes": 65536, "textCharacters": 10000, "segmentTokens": 90, "outboxBytes": 1000000, "idleTimeoutMs": 0}


def translation_of(text: str, target: str = "de") -> str:
    return " ".join(_shout(word, target) for word in text.split())


def _shout(word: str, target: str) -> str:
    return word.upper() + ("" if target == "de" else f"-{target}")


class Session:
    def __init__(self, name: str, targets: list[str]) -> None:
        self.name = name
        self.targets = targets
        self.sent: list[dict[str, Any]] = []
        self.received = 0
        self.over = False
        self.socket: ServerConnection | None = None
        self.heard = ""
        self._open = ""
        self._hypothesis = ""
        self._written = 0
        self._segment = 0

    async def take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "text":
            await self._read(message["text"])
        elif kind == "revise":
            self._hypothesis = message["text"]
        elif kind == "ping":
            await self.say({"type": "pong"})
        else:
            await self._read(self._hypothesis)
            self._hypothesis = ""
            await self._finish(len(self._open))
        if kind == "end":
            await self.say({"type": "done", "segments": self._segment, "words": 0, "duration": 1})
            self.over = True

    async def say(self, message: dict[str, Any]) -> None:
        numbered = {**message, "seq": len(self.sent) + 1, "received": self.received}
        self.sent.append(numbered)
        if self.socket is not None:
            await send(self.socket, numbered)

    async def _read(self, text: str) -> None:
        self.heard += text
        self._open += text
        while (end := re.search(r"[.!?]\s", self._open)) is not None:
            await self._finish(end.end())
        await self._write(re.findall(r"\S+(?=\s)", self._open), -1)

    async def _write(self, words: list[str], behind: int) -> None:
        while self._written < len(words) + behind:
            for target in self.targets:
                text = ("" if self._written == 0 else " ") + _shout(words[self._written], target)
                await self.say(
                    {"type": "delta", "segment": self._segment, "target": target, "text": text, "read": len(words)}
                )
            self._written += 1

    async def _finish(self, end: int) -> None:
        words = self._open[:end].split()
        self._open = self._open[end:].lstrip()
        if not words:
            return
        await self._write(words, 0)
        source = " ".join(words)
        for target in self.targets:
            final = {"type": "final", "segment": self._segment, "target": target, "source": source}
            await self.say({**final, "text": translation_of(source, target), "start": 0, "end": 1})
        self._segment += 1
        self._written = 0


async def send(socket: ServerConnection, message: dict[str, Any]) -> None:
    try:
        await socket.send(json.dumps(message))
    except ConnectionClosed:
        pass


class ServerDouble:
    """`async with ServerDouble() as server`; `server.url` is its address."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.frames: list[list[dict[str, Any]]] = []
        self.paths: list[str] = []
        self.resumes = True
        # What answers a message in the place of the session; an answer of None leaves it to the session.
        self.on_message: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda message: None
        self._known: dict[str, Session] = {}
        self._sockets: set[ServerConnection] = set()
        self._server: Server | None = None

    @property
    def session(self) -> Session:
        return self.sessions[-1]

    @property
    def url(self) -> str:
        assert self._server is not None
        host, port = next(iter(self._server.sockets)).getsockname()[:2]
        return f"http://{host}:{port}"

    async def __aenter__(self) -> ServerDouble:
        self._server = await serve(self._serve, "127.0.0.1", 0, subprotocols=[Subprotocol("souffleur.v1")])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self.cut()
        self._server.close()
        await self._server.wait_closed()

    def cut(self) -> None:
        """Every connection is gone, with what was on its way."""
        for socket in list(self._sockets):
            socket.transport.abort()

    def restart(self) -> None:
        """Another process in its place: it knows none of the sessions."""
        self._known = {}
        self.cut()

    async def _serve(self, socket: ServerConnection) -> None:
        self._sockets.add(socket)
        frames: list[dict[str, Any]] = []
        self.frames.append(frames)
        assert socket.request is not None
        self.paths.append(socket.request.path)
        session: Session | None = None
        try:
            async for data in socket:
                message = json.loads(data)
                frames.append(message)
                answer = self.on_message(message)
                if answer is not None:
                    await self._answer(socket, session, answer)
                elif message["type"] in ("start", "resume"):
                    session = await self._attach(socket, message)
                elif session is not None:
                    await self._take(session, message)
                    if session.over:
                        await socket.close(1000)
        except ConnectionClosed:
            pass
        finally:
            self._sockets.discard(socket)
            if session is not None and session.socket is socket:
                session.socket = None

    async def _answer(self, socket: ServerConnection, session: Session | None, answer: dict[str, Any]) -> None:
        close = answer.pop("close", None)
        if session is None:
            await send(socket, answer)
        elif answer:
            if answer.pop("counts", False):
                session.received += 1
            await session.say(answer)
        if close is not None:
            await socket.close(close)

    async def _attach(self, socket: ServerConnection, message: dict[str, Any]) -> Session | None:
        if message["type"] == "start":
            target = message["target"]
            session = Session(f"session-{len(self.sessions)}", target if isinstance(target, list) else [target])
            self.sessions.append(session)
            if self.resumes:
                self._known[session.name] = session
        else:
            known = self._known.get(message["session"])
            if known is None:
                await send(socket, {"type": "error", "code": "resume_failed", "message": "too late", "fatal": False})
                return None
            session = known
        session.socket = socket
        targets = session.targets if len(session.targets) > 1 else session.targets[0]
        ready = {"type": "ready", "session": session.name, "protocol": "souffleur.v1", "model": "m", "source": "en"}
        resume = {"resumeGraceMs": 30000, "received": session.received} if self.resumes else {}
        await send(socket, {**ready, "target": targets, "wait": 3, "limits": LIMITS, **resume})
        if message["type"] == "resume":
            for missed in session.sent[message["seq"] :]:
                await send(socket, missed)
            if session.over:
                await socket.close(1000)
        return session

    async def _take(self, session: Session, message: dict[str, Any]) -> None:
        if self.resumes:
            if message["seq"] <= session.received:
                return
            if message["seq"] > session.received + 1:
                await session.say(
                    {"type": "error", "code": "bad_request", "message": "a gap", "field": "seq", "fatal": False}
                )
                return
            session.received += 1
        await session.take(message)
