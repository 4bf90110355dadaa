// The PyTorch executor's processes: started by torchrun where there are several, and talked to over a local socket.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Frame, FrameReader, type FrameTensor, writeFrame } from "./frames.ts";
import { packagedFile } from "./python.ts";

/** Which machines take part, and which of them this is. */
export interface TorchNodes {
  readonly count: number;
  /** This machine's number, from 0; number 0 runs the trainer. */
  readonly index: number;
  /** host:port of machine 0, where all of them meet. */
  readonly master: string;
}

export interface TorchProcessSettings {
  readonly python: string;
  /** Processes on this machine: one for each GPU, usually. */
  readonly processes: number;
  readonly nodes?: TorchNodes;
}

/** The PyTorch process ended or said something that was not expected. */
export class TorchError extends Error {
  override name = "TorchError";
}

const WORKER = "trainer/torch/worker.py";
/** How much of what the processes print is kept for a message. */
const KEPT_OUTPUT = 4000;
const STOP_SECONDS = 10;

/** The command line that starts the processes of this machine. */
export function workerCommand(settings: TorchProcessSettings, socket: string | undefined): string[] {
  const { processes, nodes } = settings;
  const worker = [packagedFile(WORKER), ...(socket === undefined ? [] : ["--socket", socket])];
  if (processes === 1 && !nodes) return worker;
  const [host, port] = nodes?.master.split(":") ?? [];
  const meeting = nodes
    ? [`--nnodes=${nodes.count}`, `--node-rank=${nodes.index}`, `--master-addr=${host}`, `--master-port=${port}`]
    : ["--standalone"];
  return ["-m", "torch.distributed.run", ...meeting, `--nproc-per-node=${processes}`, ...worker];
}

/** A child in a group of its own: Ctrl-C is the trainer's to handle, who saves the state first. */
function start(settings: TorchProcessSettings, socket: string | undefined) {
  const child = spawn(settings.python, workerCommand(settings, socket), {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-KEPT_OUTPUT);
    });
  }
  const closed = once(child, "close");
  closed.catch(() => {}); // an error of the start is reported where it is waited for
  return { child, closed, said: () => output.trim() };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // it is gone already
  }
}

export class TorchProcess {
  readonly #socket: Socket;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #said: () => string;
  readonly #folder: string;
  readonly #reader = new FrameReader();
  #waiting: { resolve: (frame: Frame) => void; reject: (error: Error) => void } | undefined;
  #ended = false;

  private constructor(socket: Socket, started: ReturnType<typeof start>, folder: string) {
    this.#socket = socket;
    this.#child = started.child;
    this.#closed = started.closed;
    this.#said = started.said;
    this.#folder = folder;
    socket.on("data", (chunk: Buffer) => {
      this.#reader.push(chunk);
      const frame = this.#reader.next();
      if (!frame) return;
      this.#waiting?.resolve(frame);
      this.#waiting = undefined;
    });
    socket.on("error", () => {}); // the close that follows says it
    void this.#closed.finally(() => {
      this.#ended = true;
      this.#waiting?.reject(this.#failure());
      this.#waiting = undefined;
    });
  }

  /** @throws TorchError when the processes end before they have come to the socket. */
  static async start(settings: TorchProcessSettings): Promise<TorchProcess> {
    const folder = mkdtempSync(join(tmpdir(), "souffleur-torch-"));
    const path = join(folder, "socket");
    const server = createServer();
    server.listen(path);
    await once(server, "listening");
    const started = start(settings, path);
    try {
      const arrived = once(server, "connection");
      const ended = started.closed.then(() => {
        throw new TorchError(`the PyTorch process ended at its start:\n${started.said()}`);
      });
      const [socket] = (await Promise.race([arrived, ended])) as [Socket];
      return new TorchProcess(socket, started, folder);
    } catch (error) {
      signalGroup(started.child, "SIGKILL");
      rmSync(folder, { recursive: true, force: true });
      throw error;
    } finally {
      server.close();
    }
  }

  /** Sends a message and gives the answer. One at a time. @throws TorchError when the process ends instead. */
  async ask(fields: Frame["fields"], tensors: readonly FrameTensor[], answer: string): Promise<Frame> {
    if (this.#ended) throw this.#failure();
    if (this.#waiting) throw new TorchError("a message was sent before the last one was answered");
    const answered = new Promise<Frame>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    answered.catch(() => {}); // reported below
    await writeFrame(this.#socket, fields, tensors).catch(() => {}); // the end of the process is the better message
    const frame = await answered;
    if (frame.fields.type !== answer)
      throw new TorchError(`PyTorch answered ${frame.fields.type} where ${answer} was due`);
    return frame;
  }

  /** Lets the processes end, and ends them if they do not. */
  async stop(): Promise<void> {
    await writeFrame(this.#socket, { type: "stop" }, []).catch(() => {});
    const late = setTimeout(() => signalGroup(this.#child, "SIGKILL"), STOP_SECONDS * 1000);
    await this.#closed.catch(() => {});
    clearTimeout(late);
    this.#socket.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #failure(): TorchError {
    return new TorchError(
      `the PyTorch process ended (${this.#child.exitCode ?? this.#child.signalCode}):\n${this.#said()}`,
    );
  }
}

/**
 * Lends this machine's processes to the training that machine 0 runs, until that ends.
 * @throws TorchError when they end badly: nobody came within the patience of the processes, or the training failed.
 */
export async function joinTraining(settings: TorchProcessSettings, signal: AbortSignal): Promise<void> {
  const { child, closed, said } = start(settings, undefined);
  const stop = () => signalGroup(child, "SIGTERM");
  signal.addEventListener("abort", stop);
  try {
    await closed;
  } finally {
    signal.removeEventListener("abort", stop);
  }
  if (child.exitCode !== 0 && !signal.aborted)
    throw new TorchError(`the PyTorch processes ended (${child.exitCode ?? child.signalCode}):\n${said()}`);
}
