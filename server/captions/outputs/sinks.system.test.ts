// YouTube, Zoom and OBS, each against a double that keeps the documented rules; several at once, one of them broken.
import { afterEach, describe, expect, it } from "vitest";
import { captionStyle } from "../lines/caption-style.ts";
import { CaptionChannel } from "./caption-channel.ts";
import { type CaptionSink, type PostStatus, type SinkKind, wallClock } from "./caption-sink.ts";
import { ObsDouble } from "./obs-double.testing.ts";
import { ObsSink } from "./obs-sink.ts";
import { YoutubeDouble, ZoomDouble } from "./platform-double.testing.ts";
import { YoutubeSink } from "./youtube-sink.ts";
import { ZoomSink } from "./zoom-sink.ts";

const POLL = { timeout: 8_000, interval: 10 };
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function setUp() {
  const counted: Record<string, number> = {};
  const count = (sink: SinkKind, status: PostStatus) => {
    counted[`${sink} ${status}`] = (counted[`${sink} ${status}`] ?? 0) + 1;
  };
  const faults: unknown[] = [];
  const channel = new CaptionChannel({
    style: captionStyle("netflix"),
    now: wallClock,
    onFault: (error) => faults.push(error),
  });
  const attach = <Sink extends CaptionSink>(sink: Sink): Sink => {
    open.push(sink);
    channel.attach(sink);
    return sink;
  };
  /** A sentence as a session says it. */
  const say = (text: string, target = "de") => {
    channel.take({ type: "delta", target, text });
    channel.take({ type: "final", target });
  };
  const options = { target: "de", allowPrivate: true, count };
  return { counted, count, faults, attach, say, options };
}

function double<Double extends { close(): Promise<void> }>(one: Double): Double {
  open.push(one);
  return one;
}

const LONG = "Dieser Satz ist länger als eine Zeile, damit ein Umbruch darin steht.";

describe("YouTube", () => {
  it("gets each caption once, numbered, in UTC, with line breaks, whatever fails on the way", async () => {
    const youtube = double(new YoutubeDouble());
    const { counted, attach, say, options } = setUp();
    attach(new YoutubeSink({ ...options, url: await youtube.url(), region: "reg1", cue: "cue1" }));
    youtube.failures = [503, 400, "lost"];
    const before = Date.now();
    say("Guten Tag.");
    say("Not for this stream.", "fr");
    await expect.poll(() => youtube.taken.length, POLL).toBe(1);
    say(LONG);
    await expect.poll(() => youtube.taken.length, POLL).toBe(2);
    await expect.poll(() => counted["youtube sent"], POLL).toBe(2);
    expect(youtube.log).toEqual(["POST 1 503", "POST 1 400", "POST 1 lost", "POST 1 200", "POST 2 200"]);
    const [first, second] = youtube.taken.map(({ body }) => body);
    expect(first).toMatch(/^\S+ region:reg1#cue1\nGuten Tag\.\n$/);
    expect(Math.abs(Date.parse(`${first.slice(0, 23)}Z`) - before)).toBeLessThan(5_000);
    expect(second.split("\n")[1].replace("<br>", " ")).toBe(LONG);
    expect(second).toContain("<br>");
    expect(counted).toEqual({ "youtube retried": 3, "youtube sent": 2 });
  });

  it("is sent times of its own clock", async () => {
    const youtube = double(new YoutubeDouble());
    youtube.clockAheadMs = 3_600_000;
    const { counted, attach, say, options } = setUp();
    attach(new YoutubeSink({ ...options, url: await youtube.url() }));
    say("Eins.");
    await expect.poll(() => counted["youtube sent"], POLL).toBe(1);
    say("Zwei.");
    await expect.poll(() => youtube.taken.length, POLL).toBe(2);
    const [first, second] = youtube.taken.map(({ body }) => Date.parse(`${body.slice(0, 23)}Z`));
    expect(second - first).toBeGreaterThan(3_500_000);
  });
});

describe("Zoom", () => {
  it("gets plain text, numbered from where the meeting is, and tries again until the meeting starts", async () => {
    const zoom = double(new ZoomDouble());
    zoom.taken.push({ seq: 41, body: "an earlier captioner\n" });
    zoom.started = false;
    const { counted, attach, say, options } = setUp();
    attach(new ZoomSink({ ...options, url: await zoom.url(), language: "de-DE" }));
    say(LONG);
    await expect.poll(() => zoom.log.filter((line) => line === "POST 42 400").length, POLL).toBeGreaterThan(1);
    zoom.started = true;
    await expect.poll(() => zoom.taken.length, POLL).toBe(2);
    say("Guten Tag.");
    await expect.poll(() => zoom.taken.length, POLL).toBe(3);
    expect(zoom.taken.slice(1)).toEqual([
      { seq: 42, body: expect.stringContaining("\n"), language: "de-DE" },
      { seq: 43, body: "Guten Tag.\n", language: "de-DE" },
    ]);
    expect(zoom.taken[1].body.trim().replace("\n", " ")).toBe(LONG);
    await expect.poll(() => counted["zoom sent"], POLL).toBe(2);
    expect(zoom.log[0]).toBe("GET 200");
  });

  it("moves on after about 5 seconds", async () => {
    const zoom = double(new ZoomDouble());
    zoom.started = false;
    const { counted, attach, say, options } = setUp();
    attach(new ZoomSink({ ...options, url: await zoom.url(), language: "de-DE" }));
    say("Zu spät.");
    await expect.poll(() => counted["zoom late"], POLL).toBe(1);
    zoom.started = true;
    say("Rechtzeitig.");
    await expect.poll(() => zoom.taken.map(({ body }) => body), POLL).toEqual(["Rechtzeitig.\n"]);
  });
});

describe("OBS", () => {
  it("is identified with its password, takes captions, and may be restarted", async () => {
    const obs = double(new ObsDouble("secret"));
    const url = await obs.listen();
    const { counted, attach, say, options } = setUp();
    attach(new ObsSink({ ...options, url, password: "secret" }));
    say(LONG);
    await expect.poll(() => obs.captions.length, POLL).toBe(1);
    expect(obs.captions[0].replace("\n", " ")).toBe(LONG);
    say("Guten Tag.");
    await expect.poll(() => obs.captions.length, POLL).toBe(2);
    expect(obs.connections).toBe(1);
    await obs.close();
    say("Solange OBS fort ist.");
    await expect.poll(() => counted["obs retried"] ?? 0, POLL).toBeGreaterThan(0);
    await obs.listen(Number(new URL(url).port));
    await expect.poll(() => obs.captions.at(-1), POLL).toBe("Solange OBS fort ist.");
    expect(counted["obs sent"]).toBe(3);
  });

  it("is not asked again where it refuses: no stream, a wrong password", async () => {
    const obs = double(new ObsDouble("secret"));
    const url = await obs.listen();
    const { counted, attach, say, options } = setUp();
    obs.streaming = false;
    const right = attach(new ObsSink({ ...options, url, password: "secret" }));
    say("Kein Stream.");
    await expect.poll(() => counted["obs refused"], POLL).toBe(1);
    await right.close();
    attach(new ObsSink({ ...options, url, password: "wrong" }));
    attach(new ObsSink({ ...options, url }));
    say("Wer da?");
    await expect.poll(() => counted["obs refused"], POLL).toBe(3);
    expect(obs.captions).toEqual([]);
  });
});

describe("several at once", () => {
  it("do not hold each other up: one hangs, one throws, one is private, one works", async () => {
    const zoom = double(new ZoomDouble());
    const obs = double(new ObsDouble());
    obs.silent = true;
    const { counted, count, faults, attach, say, options } = setUp();
    attach(new ObsSink({ ...options, url: await obs.listen() }));
    const broken = new Error("broken");
    attach({
      kind: "events",
      take: () => {
        throw broken;
      },
      close: () => Promise.resolve(),
    });
    const url = await zoom.url();
    attach(new YoutubeSink({ target: "de", count, url, allowPrivate: false }));
    attach(new YoutubeSink({ target: "de", count, url: url.replace("127.0.0.1", "localhost"), allowPrivate: false }));
    attach(new ZoomSink({ ...options, url, language: "de-DE" }));
    for (let index = 0; index < 20; index++) say(`Satz ${index}.`);
    await expect.poll(() => zoom.taken.length, POLL).toBe(20);
    // A caption is a screen as well on this style: two events each.
    expect(faults).toEqual(Array(40).fill(broken));
    await expect.poll(() => counted["youtube refused"], POLL).toBe(40);
    expect(counted["obs sent"]).toBeUndefined();
    expect(zoom.taken.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  it("follow no redirect", async () => {
    const youtube = double(new YoutubeDouble());
    youtube.failures = [302];
    const { counted, attach, say, options } = setUp();
    attach(new YoutubeSink({ ...options, url: await youtube.url() }));
    say("Eins.");
    await expect.poll(() => counted["youtube refused"], POLL).toBe(1);
    expect(youtube.log).toEqual(["POST 1 302"]);
  });
});
