// Test support: WAV files with headers as one likes.
/** @param given what differs from 16-bit mono PCM of 16,000 samples a second */
export function wavOf(
  samples: Uint8Array,
  given: { sampleRate?: number; channels?: number; bits?: number; extensible?: boolean; extra?: Uint8Array } = {},
): Buffer {
  const { sampleRate = 16_000, channels = 1, bits = 16, extensible = false, extra = new Uint8Array(0) } = given;
  const format = Buffer.alloc(extensible ? 40 : 16);
  format.writeUInt16LE(extensible ? 0xfffe : 1, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(sampleRate, 4);
  format.writeUInt32LE((sampleRate * channels * bits) / 8, 8);
  format.writeUInt16LE((channels * bits) / 8, 12);
  format.writeUInt16LE(bits, 14);
  if (extensible) format.writeUInt16LE(1, 24);
  const body = Buffer.concat([Buffer.from("WAVE"), chunk("fmt ", format), extra, chunk("data", samples)]);
  return Buffer.concat([chunk("RIFF", body)]);
}

function chunk(name: string, bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, 0, "latin1");
  head.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}
