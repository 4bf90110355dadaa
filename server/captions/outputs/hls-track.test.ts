import { describe, expect, it } from "vitest";
import { readWebVtt } from "../files/webvtt.ts";
import { HlsTrack } from "./hls-track.ts";

const START = Date.UTC(2026, 10, 25, 12);

function setUp() {
  const track = new HlsTrack({ startAt: START, segmentMs: 4_000, windowSegments: 3, mpegTs: 900_000 });
  const add = (start: number, end: number, ...lines: string[]) =>
    track.add({ start: START + start, end: START + end, lines }, START + start);
  return {
    track,
    add,
    playlist: (at: number) => track.playlist(START + at),
    segment: (index: number, at: number) => track.segment(index, START + at),
  };
}

describe("HlsTrack", () => {
  it("lists segments that have ended, empty ones too, on a sliding window", () => {
    const { playlist } = setUp();
    expect(playlist(3_999)).toBe("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n");
    expect(playlist(4_000)).toBe(
      "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n" +
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-25T12:00:00.000Z\n#EXTINF:4.000,\n0.vtt\n",
    );
    const later = playlist(21_000);
    expect(later).toContain("#EXT-X-MEDIA-SEQUENCE:2\n");
    expect(later.match(/\d+\.vtt/g)).toEqual(["2.vtt", "3.vtt", "4.vtt"]);
    expect(later).not.toContain("ENDLIST");
  });

  it("writes a cue into every segment that it overlaps, with the same times", () => {
    const { add, segment } = setUp();
    add(1_000, 2_000, "one");
    add(3_000, 9_000, "two & more", "lines");
    expect(segment(0, 4_000)).toBe(
      "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n" +
        "00:00:01.000 --> 00:00:02.000\none\n\n00:00:03.000 --> 00:00:09.000\ntwo &amp; more\nlines\n",
    );
    for (const index of [1, 2]) {
      expect(readWebVtt(segment(index, 12_000) ?? "")).toEqual([
        { start: 3_000, end: 9_000, lines: ["two & more", "lines"] },
      ]);
    }
    expect(segment(3, 16_000)).toBe("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n");
  });

  it("has no segment before it has ended, nor long after it has left the playlist", () => {
    const { add, segment } = setUp();
    add(0, 1_000, "one");
    expect([segment(0, 3_999), segment(0, 4_000) === undefined, segment(0.5, 4_000), segment(-1, 4_000)]).toEqual([
      undefined,
      false,
      undefined,
      undefined,
    ]);
    expect(segment(0, 27_999)).toBeDefined();
    expect(segment(0, 28_000)).toBeUndefined();
  });

  it("forgets cues that no kept segment has", () => {
    const { track, add } = setUp();
    for (let index = 0; index < 100; index++) add(index * 1_000, index * 1_000 + 900, "x");
    expect(track.size).toBeLessThan(30);
  });

  it("writes time stamps as MPEG has them", () => {
    const track = new HlsTrack({ startAt: 0, segmentMs: 1_000, windowSegments: 1, mpegTs: 2 ** 33 + 5 });
    expect(track.segment(0, 1_000)).toContain("MPEGTS:5,");
  });
});
