// How late captions are: words at speaking speed through an output's channel, to receivers on this machine.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Caption, CaptionEvent } from "../server/captions/lines/caption.ts";
import { type CaptionStyleName, captionStyle } from "../server/captions/lines/caption-style.ts";
import { CaptionChannel } from "../server/captions/outputs/caption-channel.ts";
import { type CaptionSink, wallClock } from "../server/captions/outputs/caption-sink.ts";
import { HlsTrack } from "../server/captions/outputs/hls-track.ts";
import { ObsSink } from "../server/captions/outputs/obs-sink.ts";
import { YoutubeSink } from "../server/captions/outputs/youtube-sink.ts";
import { ZoomSink } from "../server/captions/outputs/zoom-sink.ts";
import { SENTENCES } from "./fixtures/sentences.ts";
import { describeMachine, type Machine } from "./machine.ts";
import { percentile } from "./percentile.ts";

export interface CaptionsOptions {
  style: CaptionStyleName;
  wpm: number;
  seconds: number;
  segmentSeconds: number;
}

/** Milliseconds. */
export interface Delay {
  p50: number;
  p99: number;
  count: number;
}

export interface CaptionsResult {
  machine: Machine;
  options: CaptionsOptions;
  /** From a word to the rolling screen that has it. */
  screen: Delay;
  /** From a caption's first word to the caption: what waiting for its end costs. */
  caption: Delay;
  /** From a caption to its arrival at the platform's receiver. */
  youtube: Delay;
  zoom: Delay;
  obs: Delay;
  /** From a caption to the end of the first segment that has it: when a player can fetch it. */
  hls: Delay;
}

/** A receiver that takes everything and notes when. */
interface Receiver {
  url: string;
  arrivals: number[];
  close(): void;
}

/** Speaks for `seconds`, and gives the delays of what was said. */
export async function benchCaptions(options: CaptionsOptions): Promise<CaptionsResult> {
  const style = captionStyle(options.style);
  const captions: Caption[] = [];
  const screens: number[] = [];
  const made: number[] = [];
  let spokenAt = 0;
  const channel = new CaptionChannel({ style, now: wallClock, onFault: fail });
  const take = (event: CaptionEvent): void => {
    if (event.type === "screen") screens.push(wallClock() - spokenAt);
    else {
      captions.push(event);
      made.push(wallClock());
    }
  };
  channel.attach({ kind: "events", take, close: () => Promise.resolve() });
  const [youtube, zoom, obs] = [await receiveHttp(), await receiveHttp(), await receiveObs()];
  const common = { target: "de", allowPrivate: true, count: () => {} };
  const sinks: CaptionSink[] = [
    new YoutubeSink({ ...common, url: youtube.url }),
    new ZoomSink({ ...common, url: zoom.url, language: "de-DE" }),
    new ObsSink({ ...common, url: obs.url }),
  ];
  for (const sink of sinks) channel.attach(sink);
  const track = { startAt: wallClock(), segmentMs: options.segmentSeconds * 1000 };
  await speak(options, (message) => {
    spokenAt = wallClock();
    channel.take(message);
  });
  // The last caption is on its way for a moment.
  await pause(500);
  for (const sink of sinks) await sink.close();
  for (const receiver of [youtube, zoom, obs]) receiver.close();
  const arrivalsOf = ({ arrivals }: Receiver) => arrivals.map((at, index) => at - made[index]);
  return {
    machine: describeMachine(),
    options,
    screen: delayOf(screens),
    caption: delayOf(captions.map(({ delay }) => delay)),
    youtube: delayOf(arrivalsOf(youtube)),
    zoom: delayOf(arrivalsOf(zoom)),
    obs: delayOf(arrivalsOf(obs)),
    hls: delayOf(captions.map((caption, index) => fetchableAt(caption, track) - made[index])),
  };
}

/** A fault in a sink ends the benchmark: its figures would lack what the sink did not take. */
function fail(error: unknown): never {
  throw error;
}

/** When the first segment with the caption has ended, by the track's own playlist. */
function fetchableAt({ start, end, lines }: Caption, options: { startAt: number; segmentMs: number }): number {
  const track = new HlsTrack({ ...options, windowSegments: 3, mpegTs: 0 });
  track.add({ start, end, lines }, start);
  const index = Math.floor((start - options.startAt) / options.segmentMs);
  const at = options.startAt + (index + 1) * options.segmentMs;
  if (!track.segment(index, at)?.includes(lines[0].slice(0, 3))) throw new Error("the segment lacks its caption");
  return at;
}

async function speak(
  { wpm, seconds }: CaptionsOptions,
  say: (message: { type: "delta"; target: string; text: string } | { type: "final"; target: string }) => void,
): Promise<void> {
  const endAt = performance.now() + seconds * 1000;
  for (let turn = 0; ; turn++) {
    const words = SENTENCES.en[turn % SENTENCES.en.length].split(" ");
    for (const [index, word] of words.entries()) {
      if (performance.now() >= endAt) return;
      await pause(60_000 / wpm);
      // As a session's deltas: the space stands before the word that it sets off.
      say({ type: "delta", target: "de", text: index === 0 ? word : ` ${word}` });
    }
    say({ type: "final", target: "de" });
  }
}

async function receiveHttp(): Promise<Receiver> {
  const arrivals: number[] = [];
  const server: Server = createServer((request, response) => {
    request.resume();
    if (request.method === "GET") {
      response.end("0");
      return;
    }
    arrivals.push(wallClock());
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/closedcaption?id=1`, arrivals, close: () => server.close() };
}

/** The handshake of obs-websocket 5 without a password, and success for every request. */
async function receiveObs(): Promise<Receiver> {
  const arrivals: number[] = [];
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await new Promise<void>((resolve) => server.once("listening", resolve));
  server.on("connection", (socket: WebSocket) => {
    const send = (op: number, d: object) => socket.send(JSON.stringify({ op, d }));
    send(0, { obsWebSocketVersion: "5.5.4", rpcVersion: 1 });
    socket.on("message", (data) => {
      const { op, d } = JSON.parse(String(data));
      if (op === 1) send(2, { negotiatedRpcVersion: 1 });
      if (op !== 6) return;
      arrivals.push(wallClock());
      send(7, { requestType: d.requestType, requestId: d.requestId, requestStatus: { result: true, code: 100 } });
    });
  });
  const { port } = server.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}`, arrivals, close: () => server.close() };
}

function delayOf(values: readonly number[]): Delay {
  if (values.length === 0) return { p50: 0, p99: 0, count: 0 };
  const round = (value: number) => Math.round(value * 10) / 10;
  return { p50: round(percentile(values, 50)), p99: round(percentile(values, 99)), count: values.length };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** The result as a table. */
export function formatCaptionsResult({ machine, options, ...delays }: CaptionsResult): string {
  const { style, wpm, seconds, segmentSeconds } = options;
  const rows = {
    screen: "word to rolling screen",
    caption: "first word to caption",
    youtube: "caption to YouTube's receiver",
    zoom: "caption to Zoom's receiver",
    obs: "caption to OBS's receiver",
    hls: `caption to the end of its HLS segment (${segmentSeconds} s)`,
  };
  return [
    `${style}, ${wpm} words a minute, ${seconds} s; ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`,
    ...Object.entries(rows).map(([name, text]) => {
      const { p50, p99, count } = delays[name as keyof typeof rows];
      return `${text.padEnd(46)} p50 ${p50} ms  p99 ${p99} ms  (${count})`;
    }),
  ].join("\n");
}
