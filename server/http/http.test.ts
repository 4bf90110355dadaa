import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StandInModel } from "../../models/stand-in-model.ts";
import { InProcessEngine } from "../engine/in-process-engine.ts";
import { Metrics } from "../metrics.ts";
import { BODY_MAX_BYTES, TRANSLATE_MAX_TEXTS } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { MemoryTransport } from "../transport/memory-transport.ts";
import { DEFAULT_TRANSPORT_SETTINGS } from "../transport/transport.ts";
import { Page } from "./page.ts";
import { type HttpResponse, respondText } from "./response.ts";
import { Router } from "./router.ts";
import { makeRouter, type RouteOptions } from "./routes.ts";
import { type TranslateRouteOptions, translateRoute } from "./translate-route.ts";

/** The server's end of the routes, called as a transport calls them. */
function clientOf(router: Router) {
  const application = {
    connect: () => {
      throw new Error("not part of this test");
    },
    respond: (request: Parameters<Router["respond"]>[0]) => router.respond(request),
  };
  return new MemoryTransport(application, { ...DEFAULT_TRANSPORT_SETTINGS, bodyMaxBytes: BODY_MAX_BYTES });
}

const errorOf = (response: HttpResponse) => JSON.parse(String(response.body)).error;

describe("Router", () => {
  const faults: unknown[] = [];
  const client = clientOf(
    new Router((error) => faults.push(error))
      .add("GET", "/one", () => respondText(200, "one"))
      .add("POST", "/one", () => respondText(200, "posted"))
      .add("GET", "/many/*", (request) => respondText(200, request.path))
      .add("GET", "/wrong", () => Promise.reject(new ProtocolError("overloaded", "too much", { retryAfter: 1.5 })))
      .add("GET", "/broken", () => {
        throw new Error("secret");
      }),
  );

  it("finds handlers by method and path; GET answers HEAD", async () => {
    expect((await client.request("GET", "/one?x=1")).body).toBe("one");
    expect((await client.request("HEAD", "/one")).status).toBe(200);
    expect((await client.request("POST", "/one")).body).toBe("posted");
    expect((await client.request("GET", "/many/a/b")).body).toBe("/many/a/b");
  });

  it("answers 404 and 405 as JSON", async () => {
    const missing = await client.request("GET", "/two");
    expect(missing.status).toBe(404);
    expect(errorOf(missing).message).toContain("nothing at this path");
    const method = await client.request("DELETE", "/one");
    expect(method.status).toBe(405);
    expect(method.headers.allow).toBe("GET, HEAD, POST");
    expect(method.headers["content-type"]).toContain("application/json");
  });

  it("answers errors with their status, and faults without their details", async () => {
    const wrong = await client.request("GET", "/wrong");
    expect(wrong.status).toBe(503);
    expect(wrong.headers["retry-after"]).toBe("2");
    const broken = await client.request("GET", "/broken");
    expect(broken.status).toBe(500);
    expect(String(broken.body)).not.toContain("secret");
    expect(faults).toHaveLength(1);
  });

  it("sets security headers on everything", async () => {
    for (const path of ["/one", "/two", "/broken"]) {
      const { headers } = await client.request("GET", path);
      expect(headers["content-security-policy"]).toContain("default-src 'self'; connect-src 'self' ws: wss:");
      expect(headers["x-content-type-options"]).toBe("nosniff");
    }
  });
});

describe("Page", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "souffleur-page-"));
    await mkdir(join(directory, "fonts"));
    await writeFile(join(directory, "index.html"), "<!doctype html>");
    await writeFile(join(directory, "page.css"), "body {}");
    await writeFile(join(directory, "fonts", "a.woff2"), "font");
    await writeFile(join(directory, "notes.secret"), "not served");
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function setUp() {
    const page = await Page.read(directory);
    return clientOf(
      new Router(() => {})
        .add("GET", "/", (request) => page.index(request))
        .add("GET", "/assets/*", (request) => page.asset(request)),
    );
  }

  it("serves its files with their types", async () => {
    const client = await setUp();
    const index = await client.request("GET", "/");
    expect(Buffer.from(index.body).toString()).toBe("<!doctype html>");
    expect(index.headers).toMatchObject({ "content-type": "text/html; charset=utf-8", "cache-control": "no-cache" });
    expect((await client.request("GET", "/assets/page.css")).headers["content-type"]).toBe("text/css; charset=utf-8");
    expect((await client.request("GET", "/assets/fonts/a.woff2")).headers["content-type"]).toBe("font/woff2");
  });

  it("answers 304 while a file is the same", async () => {
    const client = await setUp();
    const { etag } = (await client.request("GET", "/assets/page.css")).headers;
    const again = await client.request("GET", "/assets/page.css", {
      headers: { "if-none-match": `"other", W/${etag}` },
    });
    expect(again).toMatchObject({ status: 304, body: "" });
    expect((await client.request("GET", "/assets/page.css", { headers: { "if-none-match": '"other"' } })).status).toBe(
      200,
    );
  });

  it.each(["/assets/", "/assets/notes.secret", "/assets/../index.html", "/assets/%2e%2e/x", "/assets/none.js"])(
    "has no %s",
    async (path) => {
      expect((await (await setUp()).request("GET", path)).status).toBe(404);
    },
  );

  it("may be missing", async () => {
    const page = await Page.read(join(directory, "nowhere"));
    const client = clientOf(new Router(() => {}).add("GET", "/", (request) => page.index(request)));
    expect((await client.request("GET", "/")).status).toBe(404);
  });
});

describe("POST /v1/translate", () => {
  const models = [{ model: "en-de", source: "en", target: "de" }];
  const headers = { "content-type": "application/json; charset=utf-8" };

  function setUp(overrides: Partial<TranslateRouteOptions> = {}) {
    const options: TranslateRouteOptions = {
      pairs: () => models,
      maxConcurrent: 2,
      translate: async (_model, text, { wait, formality }) => `${text.toUpperCase()} ${wait}${formality ?? ""}`,
      ...overrides,
    };
    const client = clientOf(new Router(() => {}).add("POST", "/v1/translate", translateRoute(options)));
    return (body: unknown) =>
      client.request("POST", "/v1/translate", {
        headers,
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
  }

  it("translates a text, and a list in its order", async () => {
    const post = setUp();
    const one = await post({ source: "en", target: "de", text: "a" });
    expect(one.status).toBe(200);
    expect(JSON.parse(String(one.body))).toEqual({
      model: "en-de",
      source: "en",
      target: "de",
      wait: "full",
      text: "A full",
    });
    const list = await post({ source: "en", target: "de", text: ["a", "b", "c"], wait: 3 });
    expect(JSON.parse(String(list.body)).text).toEqual(["A 3", "B 3", "C 3"]);
    const formal = await post({ source: "en", target: "de", text: "a", formality: "formal", glossary: [] });
    expect(JSON.parse(String(formal.body)).text).toBe("A fullformal");
  });

  it.each([
    ["no JSON", "{", 400, undefined],
    ["no text", { source: "en", target: "de" }, 400, "text"],
    ["a text of the wrong type", { source: "en", target: "de", text: 3 }, 400, "text"],
    ["an empty list", { source: "en", target: "de", text: [] }, 400, "text"],
    ["a long list", { source: "en", target: "de", text: Array(TRANSLATE_MAX_TEXTS + 1).fill("a") }, 400, "text"],
    ["a wrong wait", { source: "en", target: "de", text: "a", wait: -1 }, 400, "wait"],
    ["an unknown field", { source: "en", target: "de", text: "a", lag: 1 }, 400, "lag"],
    ["a wrong glossary", { source: "en", target: "de", text: "a", glossary: {} }, 400, "glossary"],
    ["an unknown pair", { source: "en", target: "xx", text: "a" }, 404, "target"],
    ["an unknown model", { source: "en", target: "de", text: "a", model: "xx" }, 404, "model"],
    ["a body over the limit", " ".repeat(BODY_MAX_BYTES + 1), 413, undefined],
  ])("refuses %s", async (_name, body, status, field) => {
    const response = await setUp()(body);
    expect(response.status).toBe(status);
    expect(errorOf(response).field).toBe(field);
  });

  it("takes JSON only", async () => {
    const client = clientOf(
      new Router(() => {}).add(
        "POST",
        "/v1/translate",
        translateRoute({ pairs: () => models, maxConcurrent: 1, translate: async () => "" }),
      ),
    );
    for (const type of ["", "text/plain", "application/x-www-form-urlencoded"]) {
      expect(
        (await client.request("POST", "/v1/translate", { headers: { "content-type": type }, body: "{}" })).status,
      ).toBe(415);
    }
  });

  it("has few texts in the engine at once, and refuses requests past that", async () => {
    const waiting: (() => void)[] = [];
    let atOnce = 0;
    const post = setUp({
      translate: (_model, text) =>
        new Promise((resolve) => {
          atOnce = Math.max(
            atOnce,
            waiting.push(() => resolve(text)),
          );
        }),
    });
    const first = post({ source: "en", target: "de", text: ["a", "b", "c"] });
    const refused = await post({ source: "en", target: "de", text: "d" });
    expect(refused.status).toBe(503);
    expect(errorOf(refused).code).toBe("overloaded");
    let answered: HttpResponse | undefined;
    void first.then((response) => {
      answered = response;
    });
    while (answered === undefined) {
      waiting.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(JSON.parse(String(answered.body)).text).toEqual(["a", "b", "c"]);
    expect(atOnce).toBe(2);
    expect(
      await Promise.race([
        post({ source: "en", target: "de", text: "e" }),
        new Promise((resolve) => setImmediate(resolve)),
      ]),
    ).toBeUndefined();
  });

  it("fails whole where one text fails", async () => {
    const post = setUp({ translate: () => Promise.reject(new ProtocolError("overloaded", "no room")) });
    expect((await post({ source: "en", target: "de", text: ["a", "b"] })).status).toBe(503);
  });
});

describe("the routes' figures", () => {
  const headers = { "content-type": "application/json" };

  async function setUp(overrides: Partial<Pick<RouteOptions, "unready" | "identify" | "charge" | "translate">>) {
    const engine = new InProcessEngine({ models: [{ name: "m", runner: new StandInModel({ vocabularySize: 40 }) }] });
    const metrics = new Metrics({
      engine,
      backpressureBytes: () => 0,
      ready: () => true,
      maxSessions: 1,
      detachedSessions: () => 2,
    });
    const faults: unknown[] = [];
    const router = makeRouter({
      catalogue: { models: [{ model: "en-de", source: "en", target: "de" }], manifests: [] },
      metrics,
      page: await Page.read(join(tmpdir(), "no-page-is-here")),
      maxConcurrent: 1,
      unready: () => undefined,
      admit: () => ({ address: "", holder: undefined }),
      readCues: () => ({ cues: [] }),
      identify: () => ({ address: "", holder: undefined }),
      charge: () => undefined,
      translate: async (_model, text) => text,
      onFault: (error) => faults.push(error),
      ...overrides,
    });
    const client = clientOf(router);
    const post = (body: unknown, signal?: AbortSignal) =>
      client.request("POST", "/v1/translate", { headers, body: JSON.stringify(body), signal });
    const counted = async () =>
      (await metrics.text()).split("\n").filter((line) => /^souffleur_(rejected|errors)_total\{.*[^0]$/.test(line));
    return { client, post, counted, faults };
  }
  const good = { source: "en", target: "de", text: "a" };

  it("count every error that is answered, and requests that were refused", async () => {
    const { client, post, counted } = await setUp({});
    expect((await post(good)).status).toBe(200);
    expect(await counted()).toEqual([]);
    await post({ ...good, target: "xx" });
    await post({ ...good, wait: -1 });
    await client.request("POST", "/v1/translate", { body: "{}" });
    await client.request("GET", "/v1/nothing");
    await client.request("PUT", "/v1/models");
    expect(await counted()).toEqual([
      'souffleur_rejected_total{reason="unsupported_pair"} 1',
      'souffleur_errors_total{code="bad_request"} 4',
      'souffleur_errors_total{code="unsupported_pair"} 1',
    ]);
  });

  it("count a server that is full or going away, but not each time that a probe asks for it", async () => {
    const { client, post, counted } = await setUp({ unready: () => new ProtocolError("shutting_down", "going") });
    const probe = await client.request("GET", "/readyz");
    expect([probe.status, errorOf(probe).code]).toEqual([503, "shutting_down"]);
    expect(await counted()).toEqual([]);
    await post(good);
    expect(await counted()).toEqual([
      'souffleur_rejected_total{reason="shutting_down"} 1',
      'souffleur_errors_total{code="shutting_down"} 1',
    ]);
    let free = () => {};
    const busy = await setUp({ translate: () => new Promise((resolve) => (free = () => resolve("a"))) });
    const first = busy.post(good);
    expect((await busy.post(good)).status).toBe(503);
    free();
    expect((await first).status).toBe(200);
    expect(await busy.counted()).toEqual([
      'souffleur_rejected_total{reason="overloaded"} 1',
      'souffleur_errors_total{code="overloaded"} 1',
    ]);
  });

  it("count who may not ask", async () => {
    const refused = await setUp({
      identify: ({ peer }) => {
        throw new ProtocolError("unauthorized", `no key from ${peer}`);
      },
    });
    const answer = await refused.post(good);
    expect([answer.status, errorOf(answer).message]).toEqual([401, "no key from 127.0.0.1"]);
    expect(await refused.counted()).toEqual([
      'souffleur_rejected_total{reason="unauthorized"} 1',
      'souffleur_errors_total{code="unauthorized"} 1',
    ]);
    expect((await refused.client.request("GET", "/v1/models")).status).toBe(200);
    const charged = await setUp({
      charge: (caller, texts) => {
        throw new ProtocolError("rate_limited", `${texts.length} texts of ${caller.address}`, { retryAfter: 7 });
      },
      identify: ({ peer }) => ({ address: peer, holder: undefined }),
    });
    const tooMuch = await charged.post(good);
    expect([tooMuch.status, tooMuch.headers["retry-after"]]).toEqual([429, "7"]);
    expect(errorOf(tooMuch).message).toBe("1 texts of 127.0.0.1");
  });

  it("count a fault, but no client that left", async () => {
    const broken = await setUp({ translate: () => Promise.reject(new Error("secret")) });
    await broken.post(good);
    expect(broken.faults).toHaveLength(1);
    expect(await broken.counted()).toEqual(['souffleur_errors_total{code="internal"} 1']);

    const left = new AbortController();
    const patient = await setUp({
      translate: (_model, _text, _wait, signal) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    });
    const answer = patient.post(good, left.signal);
    left.abort();
    await answer;
    expect(patient.faults).toEqual([]);
    expect(await patient.counted()).toEqual([]);
  });
});
