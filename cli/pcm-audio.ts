// Audio for a recogniser: 16-bit mono PCM, raw or in a WAV file, given out no faster than it was spoken.
import { UsageError } from "./exit.ts";

/** Audio in one piece; recognisers want about this much at once. */
const CHUNK_SECONDS = 0.1;
const BYTES_PER_SAMPLE = 2;
/** A WAV header with more than this before its samples is none of ours. */
const HEADER_MAX_BYTES = 64 * 1024;

export interface PcmAudio {
  sampleRate: number;
  /** The samples, in pieces as they come. */
  bytes: AsyncIterable<Uint8Array>;
}

/**
 * Reads the header, where there is one.
 * @param sampleRate of raw audio, samples a second
 * @throws UsageError for a WAV file that is not 16-bit mono PCM
 */
export async function readPcm(input: AsyncIterable<Uint8Array>, sampleRate: number): Promise<PcmAudio> {
  const pieces = input[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    const { value, done } = await pieces.next();
    if (done !== true) head = Buffer.concat([head, value]);
    return done !== true;
  };
  while (head.length < 12 && (await more())) {}
  if (head.toString("latin1", 0, 4) !== "RIFF" || head.toString("latin1", 8, 12) !== "WAVE") {
    return { sampleRate, bytes: joined(head, pieces) };
  }
  let format: { code: number; channels: number; sampleRate: number; bits: number } | undefined;
  for (let at = 12; ; ) {
    while (head.length < at + 8 && head.length < HEADER_MAX_BYTES && (await more())) {}
    if (head.length < at + 8) throw new UsageError("the WAV file has no samples");
    const name = head.toString("latin1", at, at + 4);
    const size = head.readUInt32LE(at + 4);
    if (name === "data") {
      if (format === undefined) throw new UsageError("the WAV file says nothing of its format before its samples");
      return { sampleRate: format.sampleRate, bytes: joined(head.subarray(at + 8), pieces) };
    }
    const next = at + 8 + size + (size % 2);
    while (head.length < next && next < HEADER_MAX_BYTES && (await more())) {}
    if (head.length < next) throw new UsageError("the WAV file's header is cut off, or too long");
    if (name === "fmt ") format = checkedFormat(head.subarray(at + 8, next));
    at = next;
  }
}

function checkedFormat(chunk: Buffer) {
  if (chunk.length < 16) throw new UsageError("the WAV file's header is cut off");
  const [code, channels, sampleRate, bits] = [0, 2, 4, 14].map((at) =>
    at === 4 ? chunk.readUInt32LE(at) : chunk.readUInt16LE(at),
  );
  // 0xfffe: the extensible form; its sub-format begins with the same code.
  const kind = code === 0xfffe && chunk.length >= 26 ? chunk.readUInt16LE(24) : code;
  if (kind !== 1 || channels !== 1 || bits !== 16) {
    throw new UsageError(
      `the WAV file has ${channels} channels of ${bits} bits: convert it to 16-bit mono PCM, as with ffmpeg -i in.wav -ac 1 -ar 16000 -c:a pcm_s16le out.wav`,
    );
  }
  return { code: kind, channels, sampleRate, bits };
}

async function* joined(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/**
 * The audio in pieces of a tenth of a second, each no earlier than it was spoken: recognisers and captions are timed by it.
 * Live audio comes at that speed by itself.
 */
export async function* atSpeakingSpeed({ bytes, sampleRate }: PcmAudio): AsyncGenerator<Uint8Array> {
  const pieceBytes = Math.round(sampleRate * CHUNK_SECONDS) * BYTES_PER_SAMPLE;
  const startedAt = performance.now();
  let given = 0;
  let held: Uint8Array = new Uint8Array(0);
  for await (const more of bytes) {
    held = Buffer.concat([held, more]);
    for (; held.length >= pieceBytes; held = held.subarray(pieceBytes)) {
      const dueMs = (given / BYTES_PER_SAMPLE / sampleRate) * 1000;
      const earlyMs = startedAt + dueMs - performance.now();
      if (earlyMs > 1) await new Promise((resolve) => setTimeout(resolve, earlyMs));
      yield held.subarray(0, pieceBytes);
      given += pieceBytes;
    }
  }
  if (held.length >= BYTES_PER_SAMPLE) yield held.subarray(0, held.length - (held.length % BYTES_PER_SAMPLE));
}
