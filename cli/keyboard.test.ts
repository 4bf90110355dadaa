import { describe, expect, it } from "vitest";
import { Keyboard } from "./keyboard.ts";

describe("Keyboard", () => {
  it("holds a word back until it is complete", () => {
    const keyboard = new Keyboard();
    expect(keyboard.press("h")).toEqual([{ type: "pending", text: "h" }]);
    expect(keyboard.press("i")).toEqual([{ type: "pending", text: "hi" }]);
    expect(keyboard.press(" ")).toEqual([
      { type: "text", text: "hi " },
      { type: "pending", text: "" },
    ]);
  });

  it("takes back characters of the open word only", () => {
    const keyboard = new Keyboard();
    expect(keyboard.press("one twoo\u007f\r")).toEqual([
      { type: "text", text: "one " },
      { type: "text", text: "two\n" },
      { type: "pending", text: "" },
    ]);
    expect(keyboard.press("\u007f\u007f")).toEqual([{ type: "pending", text: "" }]);
    expect(keyboard.press("👋\u007f")).toEqual([{ type: "pending", text: "" }]);
  });

  it("ignores arrow keys", () => {
    expect(new Keyboard().press("a\u001b[D\u001bOPb")).toEqual([{ type: "pending", text: "ab" }]);
  });

  it("ends with Ctrl-D, what was typed included, and stops with Ctrl-C", () => {
    expect(new Keyboard().press("end\u0004x")).toEqual([{ type: "text", text: "end" }, { type: "end" }]);
    expect(new Keyboard().press("end\u0003x")).toEqual([{ type: "interrupt" }]);
  });
});
