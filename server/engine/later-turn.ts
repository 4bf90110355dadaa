// The event loop's next turn, in Node and in a browser: what has arrived meanwhile is taken in first.

/** Calls in a later turn; unlike a timer of a browser it is not held back by some milliseconds. */
export const inLaterTurn: (call: () => void) => void =
  typeof setImmediate === "function" ? (call) => void setImmediate(call) : messageTurn();

/** A message to oneself is a turn of its own. */
function messageTurn(): (call: () => void) => void {
  const waiting: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.addEventListener("message", () => waiting.shift()?.());
  port1.start();
  return (call) => {
    waiting.push(call);
    port2.postMessage(null);
  };
}
