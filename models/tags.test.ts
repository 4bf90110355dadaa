import { describe, expect, it } from "vitest";
import { chosenTarget, sourcePrefix, type TaggedManifest, targetsOf } from "./tags.ts";

const single: TaggedManifest = { name: "en-de", target: "de" };
const several: TaggedManifest = { name: "en-defr", target: ["de", "fr"], tags: { target: { fr: 14, de: 13 } } };

describe("tags of a bundle", () => {
  it("asks a model of one language for nothing", () => {
    expect(targetsOf(single)).toEqual(["de"]);
    expect(sourcePrefix(single, {})).toEqual([]);
    expect(sourcePrefix(single, { target: "de" })).toEqual([]);
  });

  it("asks a model of several languages for one by its tag", () => {
    expect(targetsOf(several)).toEqual(["de", "fr"]);
    expect(sourcePrefix(several, { target: "de" })).toEqual([13]);
    expect(sourcePrefix(several, { target: "fr" })).toEqual([14]);
    expect(chosenTarget(several, "fr")).toBe("fr");
  });

  it("asks for a form of address behind the target, where the model knows them", () => {
    const formality = { formal: 5, informal: 6 } as const;
    expect(sourcePrefix({ ...single, tags: { formality } }, { formality: "formal" })).toEqual([5]);
    expect(sourcePrefix({ ...single, tags: { formality } }, {})).toEqual([]);
    const both = { ...several, tags: { ...several.tags, formality } };
    expect(sourcePrefix(both, { target: "fr", formality: "informal" })).toEqual([14, 6]);
    expect(() => sourcePrefix(several, { target: "fr", formality: "formal" })).toThrow(
      'bundle "en-defr" has not learnt forms of address: leave it out (formality)',
    );
  });

  it("says what there is where none, or another one, is asked for", () => {
    expect(() => chosenTarget(several)).toThrow('bundle "en-defr" translates to de, fr; choose one of them (target)');
    expect(() => sourcePrefix(several, { target: "it" })).toThrow("translates to de, fr; not to it (target)");
    expect(() => chosenTarget(single, "fr")).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
});
