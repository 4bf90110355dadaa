// What line making costs the socket thread: microseconds a delta, warm, for each style and for all three at once.
// `npm run build && node scripts/measure-caption-lines.mjs` prints one JSON object.
import { SENTENCES } from "../dist/bench/fixtures/sentences.js";
import { CAPTION_STYLE_NAMES, captionStyle } from "../dist/server/captions/lines/caption-style.js";
import { LineMaker } from "../dist/server/captions/lines/line-maker.js";

const WARM_ROUNDS = 200;
const ROUNDS = 500;
/** Languages with other ways to cut words: spaces, and a dictionary's. */
const TEXTS = {
  de: SENTENCES.de,
  ja: [
    "おはようございます、今日は新しい駅の話をします。",
    "十年前、そこに止まる電車は一日に二本だけでした。",
    "そして、パン屋さんが古い待合室を借りたいと言いました。",
  ],
};

const figures = {};
for (const [language, texts] of Object.entries(TEXTS)) {
  const messages = texts.flatMap((text) => deltasOf(text, language));
  const deltas = messages.filter(({ type }) => type === "delta").length;
  figures[language] = { deltas };
  const groups = [...CAPTION_STYLE_NAMES.map((name) => [name]), [...CAPTION_STYLE_NAMES]];
  for (const names of groups) {
    figures[language][names.length > 1 ? "all" : names[0]] = measure(names, language, messages, deltas);
  }
}
console.log(JSON.stringify(figures, null, 2));

/** A segment as a session sends it: a delta for each word, or each second character where none are spaced; its final. */
function deltasOf(text, language) {
  const pieces = text.match(language === "ja" ? /..?/gu : /\s?\S+/gu) ?? [];
  return [...pieces.map((piece) => ({ type: "delta", text: piece })), { type: "final" }];
}

/** Microseconds a delta, the segments' ends included: half of the rounds took less, and 99 of 100. */
function measure(names, language, messages, deltas) {
  const makers = names.map((name) => new LineMaker(captionStyle(name), language));
  let at = 0;
  const round = () => {
    const began = performance.now();
    for (const message of messages) {
      at += 300;
      for (const maker of makers) maker.take(message, at);
    }
    return ((performance.now() - began) / deltas) * 1000;
  };
  for (let index = 0; index < WARM_ROUNDS; index += 1) round();
  const rounds = Array.from({ length: ROUNDS }, round).sort((a, b) => a - b);
  const share = (part) => Number(rounds[Math.floor(part * (ROUNDS - 1))].toFixed(2));
  return { p50: share(0.5), p99: share(0.99) };
}
