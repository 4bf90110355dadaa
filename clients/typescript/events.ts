// What a stream tells its program: listeners by name, and one queue for `for await`.
import { ClientError } from "./client-error.ts";

/** Messages that may wait for a program that listens to none of them. */
const UNREAD_MAX = 10_000;

type Listener<Value> = (value: Value) => void;

/** Listeners of named events, each with the type of its value. */
export class Listeners<Events> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** @returns what takes the listener away again */
  add<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set.add(listener));
    return () => {
      set.delete(listener);
    };
  }

  /** A listener that throws does not keep the others from hearing it: its error is thrown in a later turn. */
  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    const set = this.#listeners.get(name) as Set<Listener<Events[Name]>> | undefined;
    for (const listener of [...(set ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** What was given and not taken yet, for one reader. It is kept from the start, unless somebody listens instead. */
export class Queue<Value> {
  #values: Value[] = [];
  #ended = false;
  #error: unknown;
  #wanted = true;
  #reading = false;
  #wake: (() => void) | undefined;

  /** Nobody will iterate: listeners are told all. */
  unwanted(): void {
    if (this.#reading) return;
    this.#wanted = false;
    this.#values = [];
  }

  /** @throws ClientError `unread` where too much waits already */
  push(value: Value): void {
    if (!this.#wanted || this.#ended) return;
    if (this.#values.length >= UNREAD_MAX) {
      throw new ClientError("unread", `${UNREAD_MAX} messages wait to be read: iterate over the stream, or use on()`);
    }
    this.#values.push(value);
    this.#wake?.();
  }

  /** @param error what the reader is thrown once it has read what waits; undefined where all went well */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  async *read(): AsyncGenerator<Value, void> {
    this.#wanted = true;
    this.#reading = true;
    for (;;) {
      for (let value = this.#values.shift(); value !== undefined; value = this.#values.shift()) yield value;
      if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
