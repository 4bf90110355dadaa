// The sessions' side of one step loop: open segments and their callbacks, commands out, reports in.

import type { EngineFailure, EngineSegment, SegmentRequest } from "./engine.ts";
import type { EngineCommand, StepReport } from "./engine-command.ts";

/** A segment as a dispatcher knows it. */
export interface DispatchedSegment extends SegmentRequest {
  /** The thread is gone and the segment's state with it. Nothing comes after this. */
  onLost(): void;
}

export class Dispatcher {
  readonly #send: (commands: EngineCommand[]) => void;
  readonly #requests = new Map<number, DispatchedSegment>();
  #commands: EngineCommand[] = [];
  #lastSegment = 0;

  /** @param send takes the commands of one turn of the event loop */
  constructor(send: (commands: EngineCommand[]) => void) {
    this.#send = send;
  }

  get openSegments(): number {
    return this.#requests.size;
  }

  open(model: string, session: number, request: DispatchedSegment): EngineSegment {
    const segment = ++this.#lastSegment;
    this.#requests.set(segment, request);
    const tail = request.onTail !== undefined;
    this.#enqueue({ type: "open", segment, session, model, wait: request.wait, ...(tail && { tail }) });
    return {
      push: (ids) => this.#enqueue({ type: "push", segment, ids: [...ids] }),
      end: () => this.#enqueue({ type: "end", segment }),
      cancel: () => {
        this.#enqueue({ type: "cancel", segment });
        this.#requests.delete(segment);
      },
    };
  }

  /** Hands a report's outputs and failures to whom they belong. */
  deliver(report: StepReport): void {
    for (const { segment, ...output } of report.outputs) {
      const request = this.#requests.get(segment);
      if (output.done) this.#requests.delete(segment);
      if (request) guarded(() => request.onOutput(output));
    }
    for (const { segment, ids } of report.tails ?? []) guarded(() => this.#requests.get(segment)?.onTail?.(ids));
    for (const { segment, message } of report.failures) {
      this.#failOne(segment, { code: "internal", message: `the segment could not be translated: ${message}` });
    }
  }

  /** Fails every open segment; commands not sent yet are dropped. */
  failAll(failure: EngineFailure): void {
    this.#commands = [];
    for (const segment of [...this.#requests.keys()]) this.#failOne(segment, failure);
  }

  /** The thread is gone: tells every open segment; commands not sent yet are dropped. */
  loseAll(): void {
    this.#commands = [];
    for (const [segment, request] of [...this.#requests]) {
      this.#requests.delete(segment);
      guarded(() => request.onLost());
    }
  }

  #failOne(segment: number, failure: EngineFailure): void {
    const request = this.#requests.get(segment);
    this.#requests.delete(segment);
    if (request) guarded(() => request.onFailure(failure));
  }

  #enqueue(command: EngineCommand): void {
    if (!this.#requests.has(command.segment)) return;
    this.#commands.push(command);
    if (this.#commands.length > 1) return;
    queueMicrotask(() => {
      const commands = this.#commands;
      this.#commands = [];
      if (commands.length > 0) this.#send(commands);
    });
  }
}

/** A callback that throws must not keep the others from theirs; its error is for the process's last resort. */
function guarded(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
