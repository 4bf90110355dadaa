// Method and path to a handler; one for both transports, so that both serve everything.
import type { ErrorCode } from "../protocol/close-codes.ts";
import { toProtocolError } from "../protocol/protocol-error.ts";
import type { HttpRequest } from "./request.ts";
import { type HttpResponse, respondError, respondProblem } from "./response.ts";

export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

export class Router {
  /** Path to method to handler. A path that ends in `*` serves all that begins so. */
  readonly #routes = new Map<string, Map<string, HttpHandler>>();
  readonly #onFault: (error: unknown, path: string) => void;
  readonly #onError: (code: ErrorCode, path: string) => void;
  readonly #running = new Set<Promise<HttpResponse>>();

  /**
   * @param onFault told of every handler's fault; the client sees a bare 500
   * @param onError told of every error that a client is answered with, faults among them
   */
  constructor(
    onFault: (error: unknown, path: string) => void,
    onError: (code: ErrorCode, path: string) => void = () => {},
  ) {
    this.#onFault = onFault;
    this.#onError = onError;
  }

  /** Adds a route. GET answers HEAD as well. */
  add(method: "GET" | "POST", path: string, handler: HttpHandler): this {
    const methods = this.#routes.get(path) ?? new Map<string, HttpHandler>();
    methods.set(method, handler);
    this.#routes.set(path, methods);
    return this;
  }

  /** Every method and path, as `GET /livez`. */
  get routes(): string[] {
    return [...this.#routes].flatMap(([path, methods]) => [...methods.keys()].map((method) => `${method} ${path}`));
  }

  /** Answers a request; never rejects. */
  async respond(request: HttpRequest): Promise<HttpResponse> {
    const answer = this.#answer(request);
    this.#running.add(answer);
    const response = await answer;
    this.#running.delete(answer);
    // Who has left is told nothing.
    if (response.error !== undefined && !request.signal.aborted) this.#onError(response.error, request.path);
    return response;
  }

  /** Resolves when the requests of this moment are answered, at the latest after the limit. */
  async settled(limitMs: number): Promise<void> {
    if (this.#running.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs);
    });
    await Promise.race([Promise.all(this.#running), limit]);
    clearTimeout(timer);
  }

  async #answer(request: HttpRequest): Promise<HttpResponse> {
    const methods = this.#find(request.path);
    if (methods === undefined) return respondProblem(404, "there is nothing at this path");
    const handler = methods.get(request.method === "HEAD" ? "GET" : request.method);
    if (handler === undefined) {
      const allow = [...methods.keys()].flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ");
      return respondProblem(405, `this path takes ${allow}`, { allow });
    }
    try {
      return await handler(request);
    } catch (error) {
      const told = toProtocolError(error);
      // That the client has left is no fault of ours.
      const left = request.signal.aborted && error === request.signal.reason;
      if (told.code === "internal" && !left) this.#onFault(error, request.path);
      return respondError(told);
    }
  }

  #find(path: string): Map<string, HttpHandler> | undefined {
    const exact = this.#routes.get(path);
    if (exact !== undefined) return exact;
    for (const [route, methods] of this.#routes) {
      if (route.endsWith("*") && path.startsWith(route.slice(0, -1))) return methods;
    }
    return undefined;
  }
}
