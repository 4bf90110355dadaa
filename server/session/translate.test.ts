import { describe, expect, it } from "vitest";
import { SourceStream } from "../../models/source-stream.ts";
import { standInBundle } from "../../models/stand-in-bundle.ts";
import { StandInModel } from "../../models/stand-in-model.ts";
import { standInTokenizer } from "../../models/stand-in-tokenizer.ts";
import { sourcePrefix } from "../../models/tags.ts";
import { TargetStream } from "../../models/target-stream.ts";
import { translateText } from "../../models/translate.ts";
import type { Wait } from "../../models/wait.ts";
import { InProcessEngine } from "../engine/in-process-engine.ts";
import { TranslateError, translate, translateWith } from "./translate.ts";

const tokenizer = standInTokenizer();
const model = () => new StandInModel({ vocabularySize: tokenizer.vocabularySize });
const engine = () => new InProcessEngine({ models: [{ name: "en-de", runner: model() }] });

const target = (wait: Wait) => ({
  language: "de",
  model: "en-de",
  wait,
  maxSourceTokens: 160,
  openSource: () => new SourceStream(tokenizer),
  openTarget: () => new TargetStream(tokenizer),
});

function severalTargets() {
  const bundle = standInBundle();
  const several = { target: ["de", "fr"], tags: { target: { de: 13, fr: 14 } as const } };
  return { ...bundle, manifest: { ...bundle.manifest, ...several } };
}

describe("translate", () => {
  it("cuts a text into sentences, and gives each what the model gives it alone", async () => {
    const sentences = ["The words in order.", "Mr. Stone and the chest?", "the 42 words"];
    for (const wait of [1, 3, "full"] as const) {
      const { text, segments } = await translateWith(engine(), "en", target(wait), sentences.join("  "));
      const alone = await Promise.all(sentences.map((one) => translateText(model(), tokenizer, one, { wait })));
      expect(segments).toEqual(sentences.map((source, index) => ({ source, text: alone[index].text })));
      expect(text).toBe(alone.map((one) => one.text).join(" "));
    }
  });

  it("writes each of a bundle's languages as asked, in the same batches", async () => {
    const bundle = severalTargets();
    const texts = ["The words in order.", "the 42 words"];
    const asked = texts.flatMap((text) => ["de", "fr"].map((target) => ({ text, target })));
    const shared = new InProcessEngine({ models: [{ name: "stand-in", runner: model() }] });
    const together = await Promise.all(
      asked.map(({ text, target }) => translate(shared, bundle, text, { target, wait: 2 })),
    );
    for (const [index, { text, target }] of asked.entries()) {
      const prefix = sourcePrefix(bundle.manifest, { target });
      const alone = await translateText(model(), tokenizer, text, { wait: 2, prefix });
      expect(together[index].text).toBe(alone.text);
    }
    expect(together[0].text).not.toBe(together[1].text);
    expect(() => translate(shared, bundle, "the word", { target: "it" })).toThrow("translates to de, fr; not to it");
    expect(() => translate(shared, bundle, "the word")).toThrow("choose one of them");
  });

  it("gives nothing for nothing", async () => {
    expect(await translateWith(engine(), "en", target(1), " \n ")).toEqual({ text: "", segments: [] });
  });

  it("takes a text of any length", async () => {
    const { segments } = await translateWith(engine(), "en", target("full"), "The words in order. ".repeat(2000));
    expect(segments).toHaveLength(2000);
  });

  it("rejects with the protocol's code when the engine fails", async () => {
    const closed = engine();
    await closed.close();
    const failed = translateWith(closed, "en", target(1), "The words.");
    await expect(failed).rejects.toBeInstanceOf(TranslateError);
    await expect(failed).rejects.toMatchObject({ code: "overloaded" });
  });

  it("gives up when it is told to, and frees everything", async () => {
    const running = engine();
    const controller = new AbortController();
    const promise = translateWith(running, "en", target(1), "The words in order. ".repeat(50), controller.signal);
    controller.abort();
    await expect(promise).rejects.toThrow(/abort/i);
    await new Promise((resolve) => setImmediate(resolve));
    expect(running.gauges()).toMatchObject({ openSegments: 0, stateBytes: 0 });
  });
});
