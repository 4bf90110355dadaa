import { expect, test } from "vitest";
import { type CleaningConfig, cleaningSchema } from "./cleaning.ts";
import { LanguageCheck } from "./language-check.ts";
import { StrictRules } from "./strict-rules.ts";

const EN_DE = { source: "en", target: "de" };

function broken(rule: Partial<CleaningConfig>, source: string, target: string, languages = EN_DE) {
  return new StrictRules({ ...cleaningSchema.parse({}), ...rule }, languages).broken({ source, target });
}

test("nothing is asked for by default", () => {
  expect(broken({}, "http://a.example", "999 ***?")).toBeUndefined();
});

test.each([
  ["http://a.example/b", "http://a.example/b"],
  ["Write to us.", "info@firma.example"],
  ["www.a.example ftp://b.example", "Seite"],
])("address-only: %s", (source, target) => {
  expect(broken({ dropAddresses: true }, source, target)).toBe("address-only");
  expect(broken({ dropAddresses: true }, `See ${source}`, `Siehe ${target}`)).toBeUndefined();
});

test("few-letters counts visible characters", () => {
  expect(broken({ minimumLetterShare: 0.5 }, "3 + 4 = 7", "drei und vier")).toBe("few-letters");
  expect(broken({ minimumLetterShare: 0.5 }, "Room 12", "Zimmer 12")).toBeUndefined();
});

test("wrong-script knows a language's script", () => {
  const rule = { minimumScriptShare: 0.7 };
  expect(broken(rule, "Good evening", "Добрый вечер")).toBe("wrong-script");
  expect(broken(rule, "Good evening", "Добрый вечер", { source: "en", target: "ru" })).toBeUndefined();
  expect(broken(rule, "Good evening", "こんばんは、皆さん", { source: "en", target: "ja" })).toBeUndefined();
  expect(broken(rule, "Good evening", "晚上好", { source: "en", target: "ja" })).toBeUndefined();
  expect(broken(rule, "Good evening", "こんばんは", { source: "en", target: "zh-TW" })).toBe("wrong-script");
  expect(broken(rule, "42", "42"), "no letters, no script").toBeUndefined();
});

test("digits compares what is written in digits, separators and order aside", () => {
  const rule = { sameDigits: true };
  expect(broken(rule, "It costs 1,250.50 on 3/14.", "Am 14.3. kostet es 1.250,50.")).toBeUndefined();
  expect(broken(rule, "It costs 12.", "Es kostet 13.")).toBe("digits");
  expect(broken(rule, "Two apples", "2 Äpfel")).toBe("digits");
  expect(broken(rule, "Room 12", "غرفة ١٢", { source: "en", target: "ar" }), "other numerals").toBeUndefined();
});

test("end-mark compares how sides end", () => {
  const rule = { sameEndMark: true };
  for (const [source, target] of [
    ["Really?", "Wirklich?"],
    ['He said: "Go!"', "Er sagte: „Geh.“"],
    ["Menu", "Menü"],
    ["Is it?", "それですか？"],
  ]) {
    expect(broken(rule, source, target), source).toBeUndefined();
  }
  expect(broken(rule, "Really?", "Wirklich.")).toBe("end-mark");
  expect(broken(rule, "The list:", "Die Liste")).toBe("end-mark");
});

test("wrong-language finds a side that is in the other language, and is silent on short ones", () => {
  const check = new LanguageCheck();
  const english = [
    "the boat is late again this evening",
    "she would rather have a cup of tea with them",
    "what are you doing there",
  ];
  const german = [
    "das boot kommt heute abend schon wieder zu spät",
    "sie würde lieber eine tasse tee mit ihnen trinken",
    "was macht ihr denn da",
  ];
  for (const text of english) check.learn("source", text);
  for (const text of german) check.learn("target", text);
  const rules = new StrictRules({ ...cleaningSchema.parse({}), checkLanguage: true }, EN_DE, check);
  const ask = (source: string, target: string) => rules.broken({ source, target });
  expect(ask("the tea there is late this evening", "der tee kommt heute zu spät")).toBeUndefined();
  expect(ask("der tee kommt heute abend zu spät", "the tea there is late this evening")).toBe("wrong-language");
  expect(ask("the tea there is late this evening", "the tea there is late this evening")).toBe("wrong-language");
  expect(ask("das boot", "the boat")).toBeUndefined();
});
