// The places for viewers: so many at once, and so many of one address.
import { ProtocolError } from "../protocol/protocol-error.ts";

export interface ViewerPlacesOptions {
  /** Viewers of all rooms at once. */
  maxViewers: number;
  /** Viewers of one address at once; 0: no limit. */
  addressViewers: number;
}

export class ViewerPlaces {
  readonly #options: ViewerPlacesOptions;
  readonly #taken = new Map<string, number>();
  #viewers = 0;

  constructor(options: ViewerPlacesOptions) {
    this.#options = options;
  }

  /**
   * Takes a place for a viewer.
   * @returns gives it back
   * @throws ProtocolError `overloaded`, `rate_limited`
   */
  take(address: string): () => void {
    const { maxViewers, addressViewers } = this.#options;
    if (this.#viewers >= maxViewers) {
      throw new ProtocolError("overloaded", "all places for viewers are taken", { retryAfter: 5 });
    }
    const count = this.#taken.get(address) ?? 0;
    if (addressViewers > 0 && count >= addressViewers) {
      throw new ProtocolError("rate_limited", "this address has all the viewers it may have", { retryAfter: 5 });
    }
    this.#viewers += 1;
    this.#taken.set(address, count + 1);
    return () => {
      this.#viewers -= 1;
      const left = (this.#taken.get(address) ?? 1) - 1;
      if (left > 0) this.#taken.set(address, left);
      else this.#taken.delete(address);
    };
  }
}
