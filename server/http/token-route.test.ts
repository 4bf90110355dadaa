import { describe, expect, it } from "vitest";
import { Admission } from "../admission/admission.ts";
import { ApiKeys, makeKey } from "../admission/api-keys.ts";
import { NO_LIMITS } from "../admission/budget.ts";
import { Tokens } from "../admission/tokens.ts";
import type { Metrics } from "../metrics.ts";
import { tokenResponseSchema } from "../protocol/token-request.ts";
import type { Page } from "./page.ts";
import { type HttpRequest, shownBy } from "./request.ts";
import { makeRouter } from "./routes.ts";

const { key, record } = makeKey("studio");
const tokens = new Tokens(Buffer.alloc(32, 7), () => 0);
const admission = new Admission({
  ...{ verifiers: [tokens, new ApiKeys([record])], keyInQuery: false, allowedOrigins: [], trustedProxies: 0 },
  ...{ keyLimits: NO_LIMITS, addressLimits: NO_LIMITS },
});

function ask(authorization: string, body: string, given: { open?: boolean } = {}) {
  const router = makeRouter({
    catalogue: { models: [], manifests: [] },
    metrics: { errorSent: () => {} } as unknown as Metrics,
    page: {} as Page,
    maxConcurrent: 1,
    unready: () => undefined,
    admit: (request) => admission.meet(shownBy(request)),
    readCues: () => ({ cues: [] }),
    identify: (request) => admission.identify(shownBy(request)),
    charge: () => {},
    translate: async () => "",
    issueToken: given.open ? undefined : (holder, seconds, scope) => tokens.issue(holder, seconds, scope),
    onFault: () => {},
  });
  const request: HttpRequest = {
    ...{ method: "POST", path: "/v1/token", query: "", peer: "203.0.113.9", signal: new AbortController().signal },
    header: (name) => (name === "authorization" ? authorization : ""),
    body: new TextEncoder().encode(body),
  };
  return router.respond(request);
}

describe("POST /v1/token", () => {
  it.each([
    ["", 60, {}],
    ['{"seconds": 5, "source": "en", "target": ["de"]}', 5, { source: "en", target: ["de"] }],
  ])("gives a key's holder a token for %j", async (body, seconds, scope) => {
    const response = await ask(`Bearer ${key}`, body);
    expect(response.status).toBe(200);
    const answer = tokenResponseSchema.parse(JSON.parse(String(response.body)));
    expect(answer.seconds).toBe(seconds);
    expect(tokens.verify(answer.token)).toEqual({ key: "studio", token: scope });
    expect(response.headers["cache-control"]).toBe("no-store");
  });

  it("gives none to others, nor for a token", async () => {
    const token = tokens.issue({ key: "studio" }, 60);
    for (const authorization of ["", "Bearer nobody", `Bearer ${token}`]) {
      expect((await ask(authorization, "")).status).toBe(401);
    }
    expect((await ask("", "", { open: true })).status).toBe(404);
  });

  it.each(['{"seconds": 0}', '{"seconds": 3601}', '{"target": "de"}', '{"extra": 1}', "{"])(
    "refuses %s",
    async (body) => {
      expect((await ask(`Bearer ${key}`, body)).status).toBe(400);
    },
  );
});
