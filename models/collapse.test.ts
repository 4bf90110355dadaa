import { describe, expect, it } from "vitest";
import { CtcCollapse } from "./collapse.ts";
import { BLANK_ID, EOS_ID, PLACEHOLDER_IDS, UNK_ID } from "./vocabulary.ts";

const A = 20;
const B = 21;

describe("CtcCollapse", () => {
  it("makes repeats one and drops blanks", () => {
    expect(new CtcCollapse().push([BLANK_ID, A, A, BLANK_ID, B, B])).toEqual([A, B]);
    expect(new CtcCollapse().push([A, BLANK_ID, A])).toEqual([A, A]);
  });

  it("carries the last slot over, not the last token", () => {
    const collapse = new CtcCollapse();
    expect(collapse.push([A, BLANK_ID])).toEqual([A]);
    expect(collapse.push([A, A])).toEqual([A]);
    expect(collapse.push([])).toEqual([]);
    expect(collapse.push([A, B])).toEqual([B]);
  });

  it("emits placeholders", () => {
    const [one, other] = PLACEHOLDER_IDS;
    expect(new CtcCollapse().push([one, one, BLANK_ID, one, other, A])).toEqual([one, one, other, A]);
  });

  it("never emits other special ids, which part repeats all the same", () => {
    expect(new CtcCollapse().push([A, UNK_ID, A, EOS_ID, B, 15, 16])).toEqual([A, A, B, 16]);
  });
});
