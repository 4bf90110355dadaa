// A promise that somebody else keeps or breaks, and that may be broken while nobody awaits it.
export interface Deferred<Value> {
  promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: unknown): void;
}

export function deferred<Value>(): Deferred<Value> {
  let resolve: (value: Value) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<Value>((give, fail) => {
    resolve = give;
    reject = fail;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
