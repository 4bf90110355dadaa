"""The client against a double of the server: over real sockets, on a network that breaks."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from unittest import IsolatedAsyncioTestCase
from unittest.mock import patch

from souffleur import Client, ClientError, Delta, Done, Message, Reconnect, Refusal, Transcript, Withdrawn, connect
from souffleur.ledger import Ledger
from souffleur.said import Commit, Revise, Text, wire_of

from . import server_double
from .server_double import ServerDouble, translation_of

TEXT = "The old harbour is closed today. All ships wait outside for the tide. Nobody knows how long it takes. "
WORDS = [f"{word} " for word in TEXT.split()]
QUICK = Reconnect(first_delay=0.01, max_delay=0.05, give_up=5)


async def read(client: Client) -> list[Message]:
    return [message async for message in client]


def shown(messages: list[Message]) -> str:
    transcript = Transcript()
    for message in messages:
        transcript.take(message)
    return transcript.text()


class Streams(IsolatedAsyncioTestCase):
    async def test_text_goes_in_and_translation_comes_out(self) -> None:
        async with ServerDouble() as server:
            terms = [{"source": "a", "target": "b"}]
            async with connect(server.url, source="en", target="de", wait=3, glossary=[*terms], key="k") as client:  # type: ignore[list-item]
                for word in WORDS:
                    await client.send(word)
                done = await client.end()
                messages = await read(client)
            start = server.frames[0][0]
            self.assertEqual(start["type"], "start")
            self.assertEqual((start["wait"], start["glossary"], start["key"]), (3, terms, "k"))
            self.assertNotIn("model", start)
            self.assertEqual((done.segments, messages[-1]), (3, done))
            self.assertEqual(shown(messages), translation_of(TEXT))
            with self.assertRaises(ClientError) as caught:
                await client.send("more")
            self.assertEqual(caught.exception.code, "closed")

    async def test_hypotheses_and_text_do_not_mix(self) -> None:
        async with ServerDouble() as server, connect(server.url, source="en", target="de") as client:
            await client.revise("the 𝄞 old", stable=5, at=20.5)
            with self.assertRaises(ClientError) as caught:
                await client.send("x")
            self.assertEqual(caught.exception.code, "mixed")
            with self.assertRaises(ClientError) as caught:
                await client.revise("x" * 10_001)
            self.assertEqual(caught.exception.code, "too_long")
            for wrong in (client.revise("x", stable=2), client.revise("x", at=-1), client.send("x", at=float("nan"))):
                with self.assertRaises(ValueError):
                    await wrong
            await client.commit()
            await client.end()
            # `stable` travels in UTF-16 units.
            self.assertEqual(server.frames[0][1]["stable"], 6)
            self.assertEqual(shown(await read(client)), "THE 𝄞 OLD")

    async def test_a_lost_connection_is_resumed(self) -> None:
        async with ServerDouble() as server:
            states: list[str] = []
            client = await connect(
                server.url, source="en", target="de", reconnect=QUICK, on_state=lambda change: states.append(change.state)
            )
            for index, word in enumerate(WORDS):
                await client.send(word)
                if index % 4 == 3:
                    await asyncio.sleep(0.02)
                    server.cut()
            await client.end()
            messages = await read(client)
            self.assertEqual((len(server.sessions), server.session.heard), (1, TEXT))
            self.assertGreater(len(server.frames), 2)
            # A balancer leads all of them to the same server.
            self.assertEqual(len(set(server.paths)), 1)
            self.assertRegex(server.paths[0], r"^/v1/stream\?affinity=[a-z0-9]{16}$")
            self.assertEqual(shown(messages), translation_of(TEXT))
            self.assertEqual(sum(isinstance(one, Delta) for one in messages), len(WORDS))
            self.assertEqual(states[:3], ["connecting", "open", "waiting"])

    async def test_a_lost_session_is_told_what_has_no_final(self) -> None:
        for targets in ("de", ["de", "fr"]):
            async with ServerDouble() as server:
                client = await connect(server.url, source="en", target=targets, reconnect=QUICK)
                for index, word in enumerate(WORDS):
                    await client.send(word)
                    if index % 6 == 4:
                        await asyncio.sleep(0.03)
                        while client.state != "open":
                            await asyncio.sleep(0.005)
                        server.restart()
                await client.end()
                messages = await read(client)
                self.assertGreater(len(server.sessions), 2)
                transcript = Transcript()
                for message in messages:
                    transcript.take(message)
                for target in [targets] if isinstance(targets, str) else targets:
                    self.assertEqual(transcript.text(target), translation_of(TEXT, target))
                    deltas = [one for one in messages if isinstance(one, Delta) and one.target == target]
                    self.assertEqual(len(deltas), len(WORDS))
                    finals = [one.segment for one in transcript.segments if one.target == target]
                    self.assertEqual(finals, [0, 1, 2])

    async def test_what_another_model_says_otherwise_is_withdrawn(self) -> None:
        async with ServerDouble() as server:
            client = await connect(server.url, source="en", target="de", reconnect=QUICK)
            await client.send("one two three ")
            await asyncio.sleep(0.05)
            shout = server_double._shout
            with patch.object(server_double, "_shout", lambda word, target: shout("deux" if word == "two" else word, target)):
                server.restart()
                await client.end()
            messages = await read(client)
            self.assertEqual(sum(isinstance(one, Withdrawn) for one in messages), 1)
            self.assertEqual(shown(messages), "ONE DEUX THREE")

    async def test_whatever_happens_in_whatever_order(self) -> None:
        for seed in range(12):
            luck = random.Random(seed)
            async with ServerDouble() as server:
                server.resumes = seed % 3 != 0
                client = await connect(server.url, source="en", target="de", reconnect=QUICK)
                said = ""
                for _ in range(40):
                    happening = luck.choice(["say"] * 6 + ["commit", "cut", "restart", "wait", "wait", "wait"])
                    if happening == "say":
                        text = "".join(luck.choices(["the ", "ships ", "wait. ", "Nobody ", "knows! ", " "], k=4))
                        said += text
                        await client.send(text)
                    elif happening == "commit":
                        await client.commit()
                    elif happening == "wait":
                        await asyncio.sleep(luck.uniform(0, 0.02))
                    else:
                        getattr(server, happening)()
                await client.end()
                messages = await read(client)
                self.assertEqual(" ".join(shown(messages).split()), translation_of(said), f"seed {seed}")
                self.assertFalse(any(isinstance(one, Withdrawn) for one in messages))


    async def test_what_would_follow_is_taken_away_by_what_follows(self) -> None:
        async with ServerDouble() as server:
            client = await connect(server.url, source="en", target="de", tentative=True)
            self.assertIs(server.frames[0][0]["tentative"], True)
            await client.send("One two ")
            await asyncio.sleep(0.03)
            assert server.session.socket is not None
            guess = {"type": "tentative", "segment": 0, "target": "de", "text": " TWO"}
            await server_double.send(server.session.socket, guess)
            await client.end()
            transcript = Transcript()
            shown = []
            async for message in client:
                transcript.take(message)
                shown.append((transcript.segments[0].text, transcript.segments[0].tentative))
            self.assertEqual(shown[:3], [("ONE", ""), ("ONE", " TWO"), ("ONE TWO", "")])


class Refusals(IsolatedAsyncioTestCase):
    async def test_what_is_wrong_at_the_start_is_raised(self) -> None:
        async with ServerDouble() as server:
            wrong = {"type": "error", "code": "bad_request", "message": "wait must be", "field": "wait", "fatal": False}
            server.on_message = lambda message: {**wrong}
            with self.assertRaises(ClientError) as caught:
                await connect(server.url, source="en", target="de", wait=0)
            self.assertEqual((caught.exception.code, caught.exception.field), ("bad_request", "wait"))
            url = server.url
        for address in (url, "ws://127.0.0.1:1", "nonsense"):
            with self.assertRaises(ClientError) as caught:
                await connect(address, source="en", target="de")
            self.assertEqual(caught.exception.code, "connection")

    async def test_what_is_final_ends_the_stream(self) -> None:
        async with ServerDouble() as server:
            client = await connect(server.url, source="en", target="de")
            unauthorized = {"type": "error", "code": "unauthorized", "message": "taken back", "fatal": True, "close": 1008}
            server.on_message = lambda message: {**unauthorized}
            await client.send("Hello ")
            with self.assertRaises(ClientError) as caught:
                await read(client)
            self.assertEqual((caught.exception.code, client.state), ("unauthorized", "closed"))

    async def test_text_that_was_not_taken_is_named(self) -> None:
        async with ServerDouble() as server:
            client = await connect(server.url, source="en", target="de")
            slow: dict[str, Any] = {"type": "error", "code": "rate_limited", "message": "slow", "field": "text"}

            def answer(message: dict[str, Any]) -> dict[str, Any] | None:
                if message.get("text") != "two. ":
                    return None
                return {**slow, "fatal": False, "retryAfter": 2, "counts": True}

            server.on_message = answer
            for text in ("one. ", "two. ", "three. "):
                await client.send(text)
                await asyncio.sleep(0.02)
            await client.end()
            refusals = [one for one in await read(client) if isinstance(one, Refusal)]
            self.assertEqual([(one.said, one.retry_after) for one in refusals], [("two. ", 2)])
            self.assertEqual(server.session.heard, "one. three. ")

    async def test_what_the_server_cannot_read_ends_the_stream(self) -> None:
        async with ServerDouble() as server:
            client = await connect(server.url, source="en", target="de")
            unknown = {"type": "error", "code": "bad_message", "message": "lag is not a known field", "fatal": False}
            server.on_message = lambda message: {**unknown}
            await client.send("one. ")
            with self.assertRaises(ClientError) as caught:
                await client.end()
            self.assertEqual(caught.exception.code, "bad_message")

    async def test_what_was_never_looked_at_is_sent_again(self) -> None:
        async with ServerDouble() as server:
            client = await connect(server.url, source="en", target="de")
            left = [3]

            def answer(message: dict[str, Any]) -> dict[str, Any] | None:
                if message.get("text") != "two. " or left[0] == 0:
                    return None
                left[0] -= 1
                return {"type": "error", "code": "rate_limited", "message": "slow", "fatal": False, "retryAfter": 0.05}

            server.on_message = answer
            for text in ("one. ", "two. ", "three. ", "four. "):
                await client.send(text)
                await asyncio.sleep(0.005)
            await client.end()
            self.assertEqual((left, server.session.heard), ([0], "one. two. three. four. "))

    async def test_every_connection_gets_a_token(self) -> None:
        async with ServerDouble() as server:
            tokens: list[str] = []

            async def token() -> str:
                tokens.append(f"token-{len(tokens)}")
                return tokens[-1]

            client = await connect(server.url, source="en", target="de", token=token, reconnect=QUICK)
            server.cut()
            await client.end()
            self.assertEqual([frames[0]["key"] for frames in server.frames], ["token-0", "token-1"])

            async def broken() -> str:
                raise OSError("no backend")

            with self.assertRaises(ClientError) as caught:
                await connect(server.url, source="en", target="de", token=broken)
            self.assertEqual(caught.exception.code, "token")

    async def test_a_client_gives_up_when_it_should(self) -> None:
        for reconnect in (None, Reconnect(first_delay=0.01, max_delay=0.02, give_up=0.2)):
            async with ServerDouble() as server:
                client = await connect(server.url, source="en", target="de", reconnect=reconnect)
            with self.assertRaises(ClientError) as caught:
                await client.end()
            self.assertIn(caught.exception.code, ("lost", "connection"))

    async def test_a_silent_connection_is_given_up(self) -> None:
        async with ServerDouble() as server:
            client = await connect(server.url, source="en", target="de", ping_every=0.05, reconnect=QUICK)
            await asyncio.sleep(0.3)
            self.assertEqual(len(server.frames), 1)
            server.on_message = lambda message: {} if len(server.frames) == 1 else None
            await client.send("Hello. ")
            done = await client.end()
            self.assertIsInstance(done, Done)
            self.assertEqual((len(server.frames), server.session.heard), (2, "Hello. "))

    async def test_much_text_waits_for_its_translation(self) -> None:
        async with ServerDouble() as server:
            client = await connect(server.url, source="en", target="de", buffer_characters=10_000)
            page = ("w" * 99 + " ") * 20

            async def write() -> None:
                for _ in range(12):
                    await client.send(page)

            writing = asyncio.ensure_future(write())
            await asyncio.sleep(0.2)
            self.assertLess(len(server.session.heard), 10_001)
            self.assertFalse(writing.done())
            for _ in range(12):
                await server.session.take({"type": "commit"})
                await asyncio.sleep(0.05)
            await writing
            await client.end()
            self.assertEqual(server.session.heard, page * 12)

    async def test_calls_that_nobody_awaits_are_refused(self) -> None:
        async with ServerDouble() as server:
            client = await connect(server.url, source="en", target="de", buffer_characters=10)
            server.cut()
            while client.state == "open":
                await asyncio.sleep(0)
            calls = [asyncio.ensure_future(client.send("0123456789")) for _ in range(1_100)]
            await asyncio.sleep(0.01)
            await client.close()
            results = await asyncio.gather(*calls, return_exceptions=True)
            codes = [one.code if isinstance(one, ClientError) else "sent" for one in results]
            self.assertEqual([codes.count(code) for code in ("sent", "closed", "buffer_full")], [1, 1_000, 99])


class Ledgers(IsolatedAsyncioTestCase):
    async def test_a_hypothesis_is_said_again_without_what_was_finished(self) -> None:
        ledger = Ledger()
        for message in (Revise("One here. Two"), Revise("One here. Two there", stable=12)):
            ledger.add(ledger.told(message))
        ledger.settle("One here.")
        self.assertEqual([wire_of(one) for one in ledger.again()], [{"type": "revise", "text": " Two there", "stable": 3}])
        told = ledger.told(Revise("One hear. Two there, three"))
        self.assertEqual(wire_of(told)["text"], " Two there, three")
        ledger.add(told)
        ledger.add(Commit())
        ledger.settle("Two there, three")
        self.assertEqual((ledger.again(), ledger.empty), ([], True))

    async def test_text_is_said_again_from_where_it_has_no_final(self) -> None:
        ledger = Ledger()
        for text in ("One ", "here. Two", " the", "re"):
            ledger.add(Text(text))
        self.assertEqual(ledger.settle("One here."), 8)
        self.assertEqual([wire_of(one)["text"] for one in ledger.again()], ["Two", " the", "re"])
