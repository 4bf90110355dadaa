import { describe, expect, it } from "vitest";
import { LiveDisplay } from "./live-display.ts";

/** What a terminal shows, for the few sequences that the display uses. */
function screen(writes: string[]): string {
  let lines = [""];
  for (const text of writes) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequence that the display erases with
    for (const part of text.split(/(\r\u001b\[1A\u001b\[0J|\n)/)) {
      if (part === "\n") lines.push("");
      else if (part.startsWith("\r")) lines = [...lines.slice(0, -2), ""];
      else lines[lines.length - 1] += part;
    }
  }
  return lines.join("\n");
}

describe("LiveDisplay", () => {
  function setUp(columns: number) {
    const writes: string[] = [];
    const display = new LiveDisplay(
      { columns, write: (text) => writes.push(text) },
      { source: "en │", target: "de │" },
    );
    return { display, shown: () => screen(writes) };
  }

  it("grows both lines in place", () => {
    const { display, shown } = setUp(80);
    display.pending("good");
    expect(shown()).toBe("en │ good\nde │ ");
    display.pending("");
    display.source("good ");
    display.target("guten");
    expect(shown()).toBe("en │ good \nde │ guten");
    display.source("day");
    display.target(" Tag");
    display.endLine();
    expect(shown()).toBe("en │ good day\nde │ guten Tag\n\n");
  });

  it("shows the ends of lines that are too long, and prints them whole when complete", () => {
    const { display, shown } = setUp(20);
    display.source("0123456789abcdefghij");
    expect(shown()).toBe("en │ …789abcdefghij\nde │ ");
    display.endLine();
    expect(shown()).toBe("en │ 0123456789abcdefghij\nde │ \n\n");
  });

  it("prints nothing for an empty line", () => {
    const { display, shown } = setUp(80);
    display.endLine();
    expect(shown()).toBe("");
  });
});
