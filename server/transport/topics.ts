// Who has subscribed to which topic, for transports that have no topics of their own: a plain loop over them.
import type { Connection } from "./transport.ts";

/** What a topic's frames are sent to. */
export type Subscriber = Pick<Connection, "bufferedBytes" | "send">;

export class Topics {
  readonly #backlogMaxBytes: number;
  /** Of each topic its subscribers, with what is called when one is too slow. */
  readonly #topics = new Map<string, Map<Subscriber, () => void>>();
  readonly #taken = new Map<Subscriber, string[]>();

  /** @param backlogMaxBytes what may wait for one subscriber */
  constructor(backlogMaxBytes: number) {
    this.#backlogMaxBytes = backlogMaxBytes;
  }

  get size(): number {
    return this.#topics.size;
  }

  subscribe(topic: string, subscriber: Subscriber, onSlow: () => void): void {
    const subscribers = this.#topics.get(topic) ?? new Map<Subscriber, () => void>();
    this.#topics.set(topic, subscribers.set(subscriber, onSlow));
    this.#taken.set(subscriber, [...(this.#taken.get(subscriber) ?? []), topic]);
  }

  /** The connection is gone, or takes no more of any topic. */
  leave(subscriber: Subscriber): void {
    for (const topic of this.#taken.get(subscriber) ?? []) {
      const subscribers = this.#topics.get(topic);
      subscribers?.delete(subscriber);
      if (subscribers?.size === 0) this.#topics.delete(topic);
    }
    this.#taken.delete(subscriber);
  }

  /** Nobody waits for a slow subscriber: it is told, and taken off all topics. @returns how many were sent the frame */
  publish(topic: string, frame: string): number {
    const subscribers = this.#topics.get(topic);
    if (subscribers === undefined) return 0;
    let sent = 0;
    const slow: [Subscriber, () => void][] = [];
    for (const [subscriber, onSlow] of subscribers) {
      if (subscriber.bufferedBytes > this.#backlogMaxBytes) {
        slow.push([subscriber, onSlow]);
        continue;
      }
      subscriber.send(frame);
      sent += 1;
    }
    for (const [subscriber, onSlow] of slow) {
      this.leave(subscriber);
      onSlow();
    }
    return sent;
  }
}
