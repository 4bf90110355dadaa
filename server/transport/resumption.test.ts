import { describe, expect, it } from "vitest";
import type { ProtocolError } from "../protocol/protocol-error.ts";
import { Resumption } from "./resumption.ts";

const pong = (id: string) => ({ type: "pong", id }) as const;
const idsOf = (frames: string[] | undefined) => frames?.map((frame) => JSON.parse(frame).id);

function refusal(call: () => unknown): Partial<ProtocolError> {
  try {
    call();
  } catch (error) {
    return error as ProtocolError;
  }
  throw new Error("taken");
}

describe("Resumption", () => {
  it("numbers what is said from 1, with the client's last number", () => {
    const resumption = new Resumption(1_000);
    expect(resumption.number(pong("a"))).toBe('{"type":"pong","id":"a","seq":1,"received":0}');
    expect(resumption.isNew(1)).toBe(true);
    const delta = { type: "delta", segment: 0, target: "de", text: "x", read: 1, seq: 99 } as const;
    expect(JSON.parse(resumption.number(delta))).toEqual({ ...delta, seq: 2, received: 1 });
  });

  it("gives what came after a number, while it is kept", () => {
    const resumption = new Resumption(1_000);
    for (const id of "abcd") resumption.number(pong(id));
    expect(idsOf(resumption.after(0))).toEqual(["a", "b", "c", "d"]);
    expect(idsOf(resumption.after(3))).toEqual(["d"]);
    expect(idsOf(resumption.after(4))).toEqual([]);
    expect(resumption.after(5)).toBeUndefined();
    resumption.acknowledge(2);
    expect(idsOf(resumption.after(2))).toEqual(["c", "d"]);
    expect(resumption.after(1)).toBeUndefined();
    resumption.acknowledge(1);
    expect(resumption.gone).toBe(2);
  });

  it("keeps so many bytes of UTF-8, the newest", () => {
    const bytes = Buffer.byteLength('{"type":"pong","id":"ü","seq":1,"received":0}');
    const resumption = new Resumption(3 * bytes);
    for (const id of "äöüß") resumption.number(pong(id));
    expect(resumption.keptBytes).toBe(3 * bytes);
    expect(resumption.gone).toBe(1);
    expect(idsOf(resumption.after(1))).toEqual(["ö", "ü", "ß"]);
    expect(resumption.after(0)).toBeUndefined();
    resumption.acknowledge(4);
    expect(resumption.keptBytes).toBe(0);
  });

  it("takes each of the client's numbers once, and none before its turn", () => {
    const resumption = new Resumption(1_000);
    expect([1, 2, 2, 1, undefined, 3].map((seq) => resumption.isNew(seq))).toEqual([
      ...[true, true, false],
      ...[false, true, true],
    ]);
    expect(refusal(() => resumption.isNew(5))).toMatchObject({ code: "bad_request", field: "seq", fatal: false });
    expect(refusal(() => resumption.isNew(5)).message).toContain("4 is due");
    expect(refusal(() => resumption.isNew(0)).message).toBe("seq counts from 1");
    expect(resumption.received).toBe(3);
    expect(resumption.isNew(4)).toBe(true);
  });

  it("refuses thanks for what was never sent", () => {
    const resumption = new Resumption(1_000);
    resumption.number(pong("a"));
    expect(refusal(() => resumption.acknowledge(2))).toMatchObject({ code: "bad_request", field: "received" });
    expect(idsOf(resumption.after(0))).toEqual(["a"]);
  });

  it("opens with its own secret alone, which no two share", () => {
    const [one, other] = [new Resumption(1_000), new Resumption(1_000)];
    expect(one.secret).toMatch(/^[\w-]{22}$/);
    expect(one.opensWith(one.secret)).toBe(true);
    for (const wrong of [other.secret, "", `${one.secret}x`]) expect(one.opensWith(wrong)).toBe(false);
  });
});
