import { describe, expect, it } from "vitest";
import { parseQuerySettings } from "./query-settings.ts";

describe("parseQuerySettings", () => {
  it("waits for start where there are none", () => {
    expect(parseQuerySettings("")).toBeUndefined();
    expect(parseQuerySettings("model=")).toBeUndefined();
  });

  it("reads numbers and booleans from their text", () => {
    expect(parseQuerySettings("source=en&target=de&wait=3&timings=true&model=")).toEqual({
      source: "en",
      target: "de",
      wait: 3,
      timings: true,
    });
    expect(parseQuerySettings("source=en&target=de&wait=full&timings=0")).toEqual({
      source: "en",
      target: "de",
      wait: "full",
      timings: false,
    });
  });

  it("reads resume and tentative", () => {
    const query = "source=en&target=de&resume=true&tentative=1";
    expect(parseQuerySettings(query)).toMatchObject({ resume: true, tentative: true });
  });

  it.each(["target=de,fr&model=a,b", "target=de&target=fr&model=a&model=b"])("reads lists as in %s", (query) => {
    expect(parseQuerySettings(`source=en&${query}`)).toMatchObject({ target: ["de", "fr"], model: ["a", "b"] });
  });

  it.each([
    ["source=en", "target"],
    ["target=de", "source"],
    ["source=en&target=de&wait=0", "wait"],
    ["source=en&target=de&wait=3.5", "wait"],
    ["source=en&target=de&wait=-1", "wait"],
    ["source=en&target=de&wait=three", "wait"],
    ["source=en&target=de&timings=maybe", "timings"],
    ["source=en&target=de,de", "target"],
    ["source=en&target=a,b,c,d,e,f", "target"],
    ["source=en&source=de&target=fr", "source"],
    ["source=en&target=de&lag=3", "lag"],
    ["source=en&target=de&formality=polite", "formality"],
    ["source=en&target=de&glossary=terms", "glossary"],
  ])("names the parameter of %s", (query, field) => {
    expect(() => parseQuerySettings(query)).toThrow(expect.objectContaining({ code: "bad_request", field }));
  });
});
