// RFC 6455 as the Autobahn test suite asks for it, its cases sent by a client of our own: numbers in brackets are the suite's.
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseTransport, loadUws } from "./choose-transport.ts";
import { closePayload, encodeFrame, OPCODES, RawClient, type RawFrame, type RawOutcome } from "./raw-client.testing.ts";
import { DEFAULT_TRANSPORT_SETTINGS, type Transport } from "./transport.ts";

const uwsLoads = await loadUws().then(
  () => true,
  () => false,
);

const { continuation, text, binary, close, ping, pong } = OPCODES;

interface Case {
  name: string;
  frames: RawFrame[];
  /** Octets to a packet; all at once where it is left out. */
  chop?: number;
  /** What comes back before the end. */
  texts?: string[];
  pongs?: string[];
  /** The connection must fail, with this code or without a close frame. Else it must live on until we close it. */
  fails?: number;
  /** uWebSockets.js reads every frame as a masked one. */
  notUws?: boolean;
  /** We have closed it ourselves, and get this code back. */
  closes?: number;
}

const bytes = (...octets: number[]) => Uint8Array.from(octets);
const hex = (digits: string) => Uint8Array.from(Buffer.from(digits.replaceAll(" ", ""), "hex"));
const hello: RawFrame = { opcode: text, payload: "Hello" };

const LENGTHS = [0, 125, 126, 127, 128, 65_535, 65_536];

const framing: Case[] = [
  ...LENGTHS.map((length) => ({
    name: `text of ${length} octets (1.1)`,
    frames: [{ opcode: text, payload: "*".repeat(length) }],
    texts: ["*".repeat(length)],
  })),
  {
    name: "text of 65,536 octets in packets of 997 (1.1.8)",
    frames: [{ opcode: text, payload: "*".repeat(65_536) }],
    texts: ["*".repeat(65_536)],
    chop: 997,
  },
  { name: "text octet by octet", frames: [{ opcode: text, payload: "grüße" }], texts: ["grüße"], chop: 1 },
  ...LENGTHS.map((length) => ({
    name: `${length} binary octets (1.2)`,
    frames: [{ opcode: binary, payload: new Uint8Array(length).fill(0xfe) }],
    texts: [`binary ${length}`],
  })),
];

const control: Case[] = [
  { name: "ping without payload (2.1)", frames: [{ opcode: ping }], pongs: [""] },
  { name: "ping with text (2.2)", frames: [{ opcode: ping, payload: "Hello" }], pongs: ["Hello"] },
  {
    name: "ping with octets that are no text (2.3)",
    frames: [{ opcode: ping, payload: bytes(0, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0, 0xff) }],
    pongs: [Buffer.from([0, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0, 0xff]).toString("latin1")],
  },
  {
    name: "ping with 125 octets (2.4)",
    frames: [{ opcode: ping, payload: new Uint8Array(125).fill(0xfe) }],
    pongs: ["þ".repeat(125)],
  },
  { name: "ping with 126 octets (2.5)", frames: [{ opcode: ping, payload: new Uint8Array(126) }], fails: 1002 },
  {
    name: "ping octet by octet (2.6)",
    frames: [{ opcode: ping, payload: "*".repeat(125) }],
    pongs: ["*".repeat(125)],
    chop: 1,
  },
  { name: "pong that nobody asked for (2.7)", frames: [{ opcode: pong }] },
  { name: "pong with payload that nobody asked for (2.8)", frames: [{ opcode: pong, payload: "unasked" }] },
  { name: "pong, then ping (2.9)", frames: [{ opcode: pong }, { opcode: ping, payload: "x" }], pongs: ["x"] },
  {
    name: "ten pings (2.10)",
    frames: Array.from({ length: 10 }, (_, index) => ({ opcode: ping, payload: `ping ${index}` })),
    pongs: Array.from({ length: 10 }, (_, index) => `ping ${index}`),
  },
];

const reserved: Case[] = [
  ...[1, 2, 3, 4, 5, 6, 7].map((bits) => ({
    name: `reserved bits ${bits} in text (3)`,
    frames: [hello, { ...hello, reserved: bits }, hello],
    texts: ["Hello"],
    fails: 1002,
  })),
  ...[ping, close].map((opcode) => ({
    name: `a reserved bit in a control frame ${opcode} (3.6)`,
    frames: [{ opcode, reserved: 4 }],
    fails: 1002,
  })),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) =>
    ["", "payload"].map((payload) => ({
      name: `reserved opcode ${opcode}${payload && " with payload"} (4)`,
      frames: [hello, { opcode, payload }, hello],
      texts: ["Hello"],
      fails: 1002,
    })),
  ),
  { name: "a frame that is not masked", frames: [{ ...hello, masked: false }], fails: 1002, notUws: true },
];

const start = (payload: RawFrame["payload"]): RawFrame => ({ opcode: text, payload, fin: false });
const middle = (payload: RawFrame["payload"]): RawFrame => ({ opcode: continuation, payload, fin: false });
const last = (payload: RawFrame["payload"]): RawFrame => ({ opcode: continuation, payload });

const fragments: Case[] = [
  { name: "a ping in fragments (5.1)", frames: [{ opcode: ping, fin: false }, last("")], fails: 1002 },
  { name: "a pong in fragments (5.2)", frames: [{ opcode: pong, fin: false }, last("")], fails: 1002 },
  { name: "text in fragments (5.3)", frames: [start("one"), last("two")], texts: ["onetwo"] },
  { name: "text in fragments, octet by octet (5.5)", frames: [start("one"), last("two")], texts: ["onetwo"], chop: 1 },
  {
    name: "a ping between fragments (5.6)",
    frames: [start("one"), { opcode: ping, payload: "p" }, last("two")],
    texts: ["onetwo"],
    pongs: ["p"],
  },
  {
    name: "a ping between fragments, octet by octet (5.8)",
    frames: [start("one"), { opcode: ping, payload: "p" }, last("two")],
    texts: ["onetwo"],
    pongs: ["p"],
    chop: 1,
  },
  { name: "a continuation of nothing, final (5.9)", frames: [last("one"), hello], fails: 1002 },
  { name: "a continuation of nothing, not final (5.12)", frames: [middle("one"), hello], fails: 1002 },
  {
    name: "a continuation after what was whole (5.15)",
    frames: [start("a"), last("b"), middle("c"), hello],
    texts: ["ab"],
    fails: 1002,
  },
  { name: "text inside fragmented text (5.18)", frames: [start("one"), { opcode: text, payload: "two" }], fails: 1002 },
  {
    name: "five fragments with pings between (5.19)",
    frames: [
      start("1"),
      middle("2"),
      { opcode: ping, payload: "a" },
      middle("3"),
      middle("4"),
      { opcode: ping, payload: "b" },
      last("5"),
    ],
    texts: ["12345"],
    pongs: ["a", "b"],
  },
  { name: "empty fragments (6.1)", frames: [start(""), middle(""), last("")], texts: [""] },
  { name: "empty fragments around text (6.1.3)", frames: [start(""), middle("middle"), last("")], texts: ["middle"] },
];

/** RFC 3629: what no decoder may take (6.3, 6.8, 6.12 to 6.21). */
const BAD_UTF8 = [
  ...["80", "bf", "80 bf", "c0", "e0 80", "f0 80 80", "fe", "ff", "c0 af", "e0 80 af", "f0 80 80 af"],
  ...["f8 88 80 80 80", "fc 84 80 80 80 80", "c1 bf", "e0 9f bf", "f0 8f bf bf", "c0 80", "f4 90 80 80", "f7 bf bf bf"],
  ...[
    "ed a0 80",
    "ed bf bf",
    "ed a0 80 ed b0 80",
    "c3",
    "e2 82",
    "f0 9f 98",
    "ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64",
  ],
];
const GOOD_TEXT = [
  "κόσμε",
  "\u007f",
  "\u0080",
  "߿",
  "ࠀ",
  "\ud7ff",
  "\ue000",
  "\ufffd",
  "\uffff",
  "𐀀",
  "\u{10ffff}",
  "\u0000",
];

const unicode: Case[] = [
  ...GOOD_TEXT.map((good) => ({
    name: `${Buffer.from(good).toString("hex")}, whole (6.2)`,
    frames: [{ opcode: text, payload: good }],
    texts: [good],
  })),
  ...GOOD_TEXT.map((good) => ({
    name: `${Buffer.from(good).toString("hex")}, a frame to each octet (6.2.3)`,
    frames: [start(""), ...[...Buffer.from(good)].map((octet) => middle(bytes(octet))), last("")],
    texts: [good],
  })),
  ...BAD_UTF8.map((bad) => ({ name: `${bad} (6.3)`, frames: [{ opcode: text, payload: hex(bad) }], fails: 1007 })),
  ...BAD_UTF8.map((bad) => ({
    name: `${bad}, over two frames (6.4)`,
    frames: [
      start(Buffer.concat([Buffer.from("κόσμε"), hex(bad).subarray(0, 1)])),
      last(Buffer.concat([hex(bad).subarray(1), Buffer.from("x")])),
    ],
    fails: 1007,
  })),
];

const GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
const BAD_CODES = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535];

const closing: Case[] = [
  {
    name: "a close after text (7.1.1)",
    frames: [hello, { opcode: close, payload: closePayload(1000) }],
    texts: ["Hello"],
    closes: 1000,
  },
  {
    name: "two closes (7.1.2)",
    frames: [1, 2].map(() => ({ opcode: close, payload: closePayload(1000) })),
    closes: 1000,
  },
  {
    name: "a ping after the close (7.1.3)",
    frames: [{ opcode: close, payload: closePayload(1000) }, { opcode: ping }],
    closes: 1000,
  },
  {
    name: "text after the close (7.1.4)",
    frames: [{ opcode: close, payload: closePayload(1000) }, hello],
    closes: 1000,
  },
  {
    name: "a close inside fragmented text (7.1.5)",
    frames: [start("one"), { opcode: close, payload: closePayload(1000) }, last("two")],
    closes: 1000,
  },
  { name: "a close without payload (7.3.1)", frames: [{ opcode: close }], closes: 1005 },
  { name: "a close with one octet (7.3.2)", frames: [{ opcode: close, payload: bytes(3) }], fails: 1002 },
  {
    name: "a close with a reason (7.3.4)",
    frames: [{ opcode: close, payload: closePayload(1000, "done") }],
    closes: 1000,
  },
  {
    name: "a close with 123 octets of reason (7.3.5)",
    frames: [{ opcode: close, payload: closePayload(1000, "*".repeat(123)) }],
    closes: 1000,
  },
  {
    name: "a close with 124 octets of reason (7.3.6)",
    frames: [{ opcode: close, payload: closePayload(1000, "*".repeat(124)) }],
    fails: 1002,
  },
  {
    name: "a close with a reason that is no text (7.5.1)",
    frames: [{ opcode: close, payload: closePayload(1000, hex("ce ba ed a0 80")) }],
    fails: 1007,
  },
  ...GOOD_CODES.map((code) => ({
    name: `close code ${code} (7.7)`,
    frames: [{ opcode: close, payload: closePayload(code) }],
    closes: code,
  })),
  ...BAD_CODES.map((code) => ({
    name: `close code ${code} (7.9)`,
    frames: [{ opcode: close, payload: closePayload(code) }],
    fails: 1002,
  })),
];

const FRAME_MAX = DEFAULT_TRANSPORT_SETTINGS.frameMaxBytes;

const limits: Case[] = [
  ...[262_144, FRAME_MAX].map((length) => ({
    name: `text of ${length} octets (9.1)`,
    frames: [{ opcode: text, payload: "*".repeat(length) }],
    texts: ["*".repeat(length)],
  })),
  ...[64, 4_096, 65_536].map((size) => ({
    name: `262,144 octets in fragments of ${size} (9.3)`,
    frames: [start(""), ...Array.from({ length: 262_144 / size }, () => middle("*".repeat(size))), last("")],
    texts: ["*".repeat(262_144)],
  })),
  { name: "a frame over the limit", frames: [{ opcode: text, payload: "*".repeat(FRAME_MAX + 1) }], fails: 1009 },
  {
    name: "fragments that come to more than the limit",
    frames: [start(""), ...Array.from({ length: 20 }, () => middle("*".repeat(65_536))), last("")],
    fails: 1009,
  },
];

/** How a transport may end a connection that has failed, besides the code of the fault: uWebSockets.js often gives none. */
const ENDED = { ws: [1006], uws: [1006, 1005] } as const;

/** uWebSockets.js answers these, which libraries may define, without a code. */
const isLibraryCode = (code: number | undefined) => code !== undefined && code >= 3000 && code < 4000;

describe.each(["ws", "uws"] as const)("RFC 6455 over %s", (name) => {
  const test = it.skipIf(name === "uws" && !uwsLoads);
  let transport: Transport;
  let port: number;
  const taken: (string | number)[] = [];

  beforeAll(async () => {
    if (name === "uws" && !uwsLoads) return;
    const application = {
      connect: (connection: { send(frame: string): void }) => ({
        message: (frame: string | Uint8Array) => {
          taken.push(typeof frame === "string" ? frame : frame.byteLength);
          connection.send(typeof frame === "string" ? frame : `binary ${frame.byteLength}`);
        },
        closed: () => undefined,
      }),
      respond: () => Promise.reject(new Error("not part of this test")),
    };
    transport = await chooseTransport(
      name,
      application,
      { ...DEFAULT_TRANSPORT_SETTINGS, headTimeoutMs: 1_000 },
      { warn: () => undefined },
    );
    port = await transport.listen(0, "127.0.0.1");
  });
  afterAll(() => transport?.close());

  async function play({ frames, chop, fails, closes, texts = [], pongs = [] }: Case): Promise<RawOutcome> {
    const client = await RawClient.open(port);
    const octets = Buffer.concat(frames.map(encodeFrame));
    if (chop === undefined) client.write(octets);
    else await client.chop(octets, chop);
    if (fails === undefined && closes === undefined) {
      const complete = () => client.texts.length >= texts.length && client.pongs.length >= pongs.length;
      await new Promise<void>((resolve) => {
        const look = () => {
          if (complete()) resolve();
        };
        client.onFrame = look;
        look();
        void client.outcome().then(() => resolve());
      });
      client.send({ opcode: close, payload: closePayload(1000) });
    }
    return client.outcome();
  }

  test("a request that never ends is cut off", async () => {
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    socket.resume();
    socket.write("GET /v1/stream HTTP/1.1\r\nHost: x\r\n");
    const drip = setInterval(() => socket.write("X-Slow: y\r\n"), 200);
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(drip);
  });

  const groups = { framing, control, reserved, fragments, unicode, closing, limits };
  describe.each(Object.entries(groups))("%s", (_group, cases) => {
    test.each(cases.filter(({ notUws }) => name !== "uws" || !notUws))("$name", async (one) => {
      taken.length = 0;
      const { texts, pongs, code } = await play(one);
      expect(pongs).toEqual(one.pongs ?? []);
      if (one.fails !== undefined) {
        // Answers to what was right before it may be lost with the connection (the suite's "non-strict").
        expect((one.texts ?? []).slice(0, texts.length)).toEqual(texts);
        expect([one.fails, ...ENDED[name]]).toContain(code);
      } else {
        expect(texts).toEqual(one.texts ?? []);
        expect([one.closes ?? 1000, ...(isLibraryCode(one.closes) ? ENDED[name] : [])]).toContain(code);
      }
      // What was wrong never reached the application.
      expect(taken).toHaveLength(one.texts?.length ?? 0);
    });
  });
});
