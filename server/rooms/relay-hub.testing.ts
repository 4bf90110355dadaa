// Servers that share rooms, without NATS between them: what one tells reaches the others in the next turn, or nobody.
import type { RelayFollower, RelayOwner, RoomRelay } from "./room-relay.ts";

interface End extends RoomRelay {
  followers: Map<string, RelayFollower>;
  owners: Map<string, RelayOwner>;
}

export class RelayHub {
  readonly #ends: End[] = [];
  #up = true;

  /** Whether what lies between the servers carries anything. */
  set up(up: boolean) {
    this.#up = up;
    if (up) for (const end of this.#ends) end.onUp();
  }

  /** One server's end. */
  join(): RoomRelay {
    const isUp = () => this.#up;
    const others = () => this.#ends.filter((end) => end !== own);
    const own: End = {
      followers: new Map(),
      owners: new Map(),
      get up() {
        return isUp();
      },
      follow: (room, follower) => {
        own.followers.set(room, follower);
        return () => own.followers.delete(room);
      },
      own: (room, owner) => {
        own.owners.set(room, owner);
        return () => own.owners.delete(room);
      },
      tell: (room, news) => {
        if (!isUp()) return;
        const copy = structuredClone(news);
        for (const { followers } of others()) queueMicrotask(() => followers.get(room)?.(copy));
      },
      ask: async (room, question) => {
        await Promise.resolve();
        if (!isUp()) return undefined;
        const owner = others().flatMap(({ owners }) => owners.get(room) ?? [])[0];
        return owner && structuredClone(owner(question));
      },
      onUp: () => {},
      close: () => Promise.resolve(),
    };
    this.#ends.push(own);
    return own;
  }
}
