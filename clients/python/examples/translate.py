"""Translates standard input as it comes: `python translate.py de < talk.txt`. SOUFFLEUR_URL and SOUFFLEUR_KEY name another server."""

from __future__ import annotations

import asyncio
import os
import sys

from souffleur import Client, Delta, Final, Refusal, StateChange, Withdrawn, connect


def tell(change: StateChange) -> None:
    if change.state == "waiting":
        print(f"{change.reason}: again in {change.retry_in:.1f} s", file=sys.stderr)


async def listen(stream: Client) -> None:
    async for message in stream:
        if isinstance(message, Delta):
            print(message.text, end="", flush=True)  # to append: it is never taken back
        elif isinstance(message, Final):
            print()
        elif isinstance(message, Withdrawn):
            print("\n(again)", end=" ")  # only where a server was lost and another came
        elif isinstance(message, Refusal):
            print(f"{message.code}: {message.message}", file=sys.stderr)


async def main(target: str) -> None:
    async with connect(
        os.environ.get("SOUFFLEUR_URL", "ws://localhost:8080"),
        key=os.environ.get("SOUFFLEUR_KEY"),
        source="en",
        target=target,
        wait=3,
        on_state=tell,
    ) as stream:
        # What is said goes one way, while what is answered comes the other.
        listening = asyncio.create_task(listen(stream))
        while line := await asyncio.to_thread(sys.stdin.readline):
            await stream.send(line)  # waits where the server cannot keep up
        await stream.end()  # returns when all of it is translated
        await listening


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "de"))
