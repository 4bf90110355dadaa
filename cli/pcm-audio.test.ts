import { describe, expect, it, vi } from "vitest";
import { atSpeakingSpeed, readPcm } from "./pcm-audio.ts";
import { wavOf } from "./wav.testing.ts";

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function allOf(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

const samples = Buffer.from(Array.from({ length: 64 }, (_, index) => index));

describe("readPcm", () => {
  it.each([1, 7, 1_000])("takes samples out of a WAV file that comes in pieces of %i bytes", async (size) => {
    const { sampleRate, bytes } = await readPcm(inPieces(wavOf(samples, { sampleRate: 22_050 }), size), 16_000);
    expect(sampleRate).toBe(22_050);
    expect(await allOf(bytes)).toEqual(samples);
  });

  it("takes raw samples as they are", async () => {
    for (const raw of [samples, samples.subarray(0, 4), Buffer.alloc(0)]) {
      const { sampleRate, bytes } = await readPcm(inPieces(raw, 5), 16_000);
      expect([sampleRate, await allOf(bytes)]).toEqual([16_000, raw]);
    }
  });

  it("skips chunks that it does not need, and reads the extensible form", async () => {
    const wav = wavOf(samples, { extensible: true, extra: Buffer.from("LIST\x03\0\0\0abc\0", "latin1") });
    expect(await allOf((await readPcm(inPieces(wav, 9), 8_000)).bytes)).toEqual(samples);
  });

  it.each([
    [wavOf(samples, { channels: 2 }), "2 channels of 16 bits"],
    [wavOf(samples, { bits: 24 }), "1 channels of 24 bits"],
    [wavOf(samples).subarray(0, 30), "cut off"],
    [wavOf(samples).subarray(0, 36), "has no samples"],
    [Buffer.concat([wavOf(samples).subarray(0, 12), wavOf(samples).subarray(36)]), "nothing of its format"],
  ])("says what is wrong with a file: case %#", async (wav, message) => {
    await expect(readPcm(inPieces(wav, 11), 16_000)).rejects.toThrow(message);
  });
});

describe("atSpeakingSpeed", () => {
  it("gives a tenth of a second at a time, when it was spoken", async () => {
    vi.useFakeTimers();
    try {
      const audio = Buffer.alloc(800 * 3 + 101);
      const given: [number, number][] = [];
      const startedAt = performance.now();
      const giving = (async () => {
        for await (const piece of atSpeakingSpeed({ sampleRate: 4_000, bytes: inPieces(audio, 1_000) })) {
          given.push([piece.length, performance.now() - startedAt]);
        }
      })();
      await vi.runAllTimersAsync();
      await giving;
      expect(given).toEqual([
        [800, 0],
        [800, 100],
        [800, 200],
        [100, 200],
      ]);
    } finally {
      vi.useRealTimers();
    }
  });
});
