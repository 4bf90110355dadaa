// The peer of the training benchmark: the same networks as one would write them in PyTorch, in a process of its own.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { z } from "zod";
import { inspectPython, packagedFile } from "../trainer/training/python.ts";

const readySchema = z.object({ ready: z.literal(true), torch: z.string(), parameters: z.int() });
const stepSchema = z.object({ ms: z.number(), loss: z.number(), peakBytes: z.number() });

/** What the peer builds, and on what batches: `rows` sentences of `length` tokens. */
export interface PeerSettings {
  readonly vocabulary: number;
  readonly width: number;
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  /** Decoder positions for each source token of a CTC student; 0 is the teacher. */
  readonly slots: number;
  readonly dropout: number;
  readonly threads: number;
  readonly rows: number;
  readonly length: number;
}

export type PeerStep = z.infer<typeof stepSchema>;

export class TorchPeer {
  readonly version: string;
  readonly parameters: number;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  private constructor(
    child: ChildProcessWithoutNullStreams,
    reader: Interface,
    lines: AsyncIterator<string>,
    ready: z.infer<typeof readySchema>,
  ) {
    this.#child = child;
    this.#reader = reader;
    this.#lines = lines;
    this.version = ready.torch;
    this.parameters = ready.parameters;
  }

  /** @throws PythonMissing when there is no Python with PyTorch. */
  static async start(python: string, settings: PeerSettings): Promise<TorchPeer> {
    await inspectPython(python);
    const child = spawn(python, [packagedFile("bench/torch/training.py")]);
    child.stderr.pipe(process.stderr);
    const reader = createInterface({ input: child.stdout });
    const lines = reader[Symbol.asyncIterator]();
    const { encoderLayers, decoderLayers, ...rest } = settings;
    const layers = { encoder_layers: encoderLayers, decoder_layers: decoderLayers };
    child.stdin.write(`${JSON.stringify({ ...rest, ...layers, heads: 4 })}\n`);
    return new TorchPeer(child, reader, lines, readySchema.parse(await nextLine(lines)));
  }

  /** One whole update; its time is taken in the other process. */
  async step(): Promise<PeerStep> {
    this.#child.stdin.write("step\n");
    return stepSchema.parse(await nextLine(this.#lines));
  }

  stop(): void {
    this.#reader.close();
    this.#child.kill();
  }
}

async function nextLine(lines: AsyncIterator<string>): Promise<unknown> {
  const { value, done } = await lines.next();
  if (done) throw new Error("the PyTorch process ended before it answered; its message stands above");
  return JSON.parse(value);
}
