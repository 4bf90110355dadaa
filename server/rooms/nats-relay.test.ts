import { expect, it } from "vitest";
import { natsOptions } from "./nats-relay.ts";

it("reads addresses with and without ports, names, passwords and TLS", () => {
  expect(natsOptions("nats://localhost")).toEqual({ servers: ["localhost:4222"] });
  expect(natsOptions("tls://u%40x:p%3A1@one:1, tls://two:2")).toEqual({
    ...{ servers: ["one:1", "two:2"], user: "u@x", pass: "p:1", tls: {} },
  });
  expect(natsOptions("nats://secret@one")).toEqual({ servers: ["one:4222"], token: "secret" });
});
